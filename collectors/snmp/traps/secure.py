"""SNMPv3 from the receiving end (RFC 3414).

A trap is signed for the engine of its sender: whatever engine that is, the keys follow from its name, and its clock is
learned from the first message that is rightly signed and only goes on from there. An inform is signed for our engine:
its sender first asks for our name and clock, which a Report tells, and is told by Reports what is wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from collectors.snmp import usm
from collectors.snmp.ber import OCTETS, OID, SEQUENCE, element, fields, integer, whole
from collectors.snmp.endpoint import UsmUser
from collectors.snmp.pysnmp_codec import decrypted, encrypted, key_size
from collectors.snmp.traps.engine import Engine
from collectors.snmp.traps.notification import request_id
from collectors.snmp.traps.opened import Dropped, Opened

WINDOW = 150
"""A message may be so much older than its engine's clock. [s]"""
MOST_ENGINES = 4_096
"""So many senders are remembered; beyond them the one met first is forgotten."""

_REPORT, _COUNTER32 = 0xA8, 0x41
_USM_STATS = bytes.fromhex("2b060106030f0101")  # 1.3.6.1.6.3.15.1.1
_LEVELS, _TIMES, _USERS, _ENGINES, _DIGESTS, _DECRYPTION = range(1, 7)  # its counters, as a Report names them
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Keys(NamedTuple):
    auth: bytes
    priv: bytes


@dataclass(frozen=True, slots=True)
class _User:
    """A user with master keys, which take milliseconds to make."""

    of: UsmUser
    auth: bytes
    priv: bytes

    @property
    def level(self) -> int:
        return (usm.AUTHENTICATED if self.of.auth else 0) | (usm.ENCRYPTED if self.of.priv else 0)

    def keys(self, engine_id: bytes) -> _Keys:
        """The keys as an engine knows them."""
        auth, priv = self.of.auth, self.of.priv
        return _Keys(
            usm.local_key(self.auth, engine_id, auth) if auth else b"",
            usm.longer_key(
                usm.local_key(self.priv, engine_id, auth), engine_id, auth, key_size(priv), reeder=priv.endswith("c")
            )
            if priv
            else b"",
        )


class _Clock(NamedTuple):
    boots: int
    time: int
    told_at: float


class Receiver:
    """Opens messages of SNMPv3 for these users. Making it takes some milliseconds a user."""

    def __init__(self, users: Iterable[UsmUser], engine: Engine) -> None:
        self._engine = engine
        self._users = [
            _User(user, _master(user.auth_password, user), _master(user.priv_password, user)) for user in users
        ]
        self._keys: dict[tuple[int, bytes], _Keys] = {}
        self._clocks: dict[bytes, _Clock] = {}
        self._counters = dict.fromkeys(range(_LEVELS, _DECRYPTION + 1), 0)

    def open(self, datagram: bytes) -> Opened:
        """Open a message; raises `Dropped`, and `ValueError` for no message."""
        message = usm.parse(datagram)
        ours = message.engine_id == self._engine.id
        if message.flags & usm.REPORTABLE and not ours:
            raise self._dropped("", message, _ENGINES)
        named = [(at, user) for at, user in enumerate(self._users) if user.of.name.encode() == message.user]
        if not named:
            raise self._dropped("user", message, _USERS)
        level = message.flags & (usm.AUTHENTICATED | usm.ENCRYPTED)
        fitting = [(at, user) for at, user in named if user.level == level]
        if not fitting:
            raise self._dropped("security", message, _LEVELS)
        user, keys = self._signer(message, fitting)
        if user.of.auth:
            self._check_time(message, user, keys, ours)
        scoped = self._scoped(message, user, keys)
        try:
            pdu, scope = usm.pdu(scoped), _scope(scoped)
        except ValueError:
            if user.of.priv:
                raise self._dropped("privacy", message, _DECRYPTION) from None
            raise
        answer = partial(self._answer, message, user, keys, scope)
        return Opened(pdu, answer, message.engine_id + message.user if user.of.auth else b"")

    def _signer(self, message: usm.Message, users: Iterable[tuple[int, _User]]) -> tuple[_User, _Keys]:
        """Who has signed it; keys are kept only then, or a stranger's inventions would fill the memory."""
        for at, user in users:
            keys = self._keys.get((at, message.engine_id)) or user.keys(message.engine_id)
            if not user.of.auth:
                return user, keys
            if message.signed_by(keys.auth, user.of.auth):
                _keep(self._keys, (at, message.engine_id), keys)
                return user, keys
        raise self._dropped("digest", message, _DIGESTS)

    def _check_time(self, message: usm.Message, user: _User, keys: _Keys, ours: bool) -> None:
        now = self._engine.monotonic()
        if ours:
            in_time = message.boots == self._engine.boots and abs(message.time - self._engine.time) <= WINDOW
        else:
            known = self._clocks.get(message.engine_id, _Clock(0, 0, now))
            told = (message.boots, message.time)
            in_time = message.boots != usm.LAST_BOOT and (
                message.boots > known.boots
                or (message.boots == known.boots and message.time >= known.time + now - known.told_at - WINDOW)
            )
            if in_time and told > known[:2]:
                _keep(self._clocks, message.engine_id, _Clock(*told, now))
        if not in_time:
            asks = not (message.boots or message.time)  # for the clock, as some senders do
            raise self._dropped("" if ours and asks else "time", message, _TIMES, user, keys)

    def _scoped(self, message: usm.Message, user: _User, keys: _Keys) -> bytes:
        if not user.of.priv:
            return message.scoped
        try:
            return decrypted(user.of.priv, keys.priv, message.boots, message.time, message.salt, message.scoped)
        except Exception:  # a cipher trips over garbage in many ways
            raise self._dropped("privacy", message, _DECRYPTION) from None

    def _answer(self, asked: usm.Message, user: _User, keys: _Keys, scope: tuple[bytes, bytes], pdu: bytes) -> bytes:
        return self._message(asked, user.level, usm.scope(*scope, pdu), user, keys)

    def _dropped(
        self, cause: str, message: usm.Message, counter: int, user: _User | None = None, keys: _Keys | None = None
    ) -> Dropped:
        """With the Report that is owed to a sender who can be told; signed where `user` has proven to be known."""
        self._counters[counter] += 1
        if not message.flags & usm.REPORTABLE:
            return Dropped(cause)
        question = integer(0)
        if not message.flags & usm.ENCRYPTED:
            question = request_id(usm.pdu(message.scoped))
        count = integer(self._counters[counter] % 2**31)
        varbind = element(SEQUENCE, element(OID, _USM_STATS + bytes([counter, 0])), bytes([_COUNTER32]) + count[1:])
        pdu = element(_REPORT, question, integer(0) * 2, element(SEQUENCE, varbind))
        scoped = usm.scope(self._engine.id, b"", pdu)
        flags = usm.AUTHENTICATED if user else 0
        return Dropped(cause, self._message(message, flags, scoped, user, keys))

    def _message(self, asked: usm.Message, flags: int, scoped: bytes, user: _User | None, keys: _Keys | None) -> bytes:
        engine, salt = self._engine, b""
        time = engine.time
        if user and keys and flags & usm.ENCRYPTED:
            scoped, salt = encrypted(user.of.priv, keys.priv, engine.boots, time, scoped)
        return usm.envelope(
            message_id=asked.id,
            flags=flags,
            engine_id=engine.id,
            boots=engine.boots,
            time=time,
            user=asked.user,
            salt=salt,
            scoped=scoped,
            key=keys.auth if keys else b"",
            auth=user.of.auth if user else "",
        )


def _master(password: str, user: UsmUser) -> bytes:
    return usm.master_key(password.encode(), user.auth) if password else b""


def _scope(scoped: bytes) -> tuple[bytes, bytes]:
    """Whose objects a scoped PDU is about, and in which context."""
    (inside,) = fields(scoped, whole(scoped), SEQUENCE)
    engine, context = fields(scoped, inside, OCTETS, OCTETS)
    return scoped[engine], scoped[context]


def _keep(held: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if key not in held and len(held) >= MOST_ENGINES:
        del held[next(iter(held))]
    held[key] = value
