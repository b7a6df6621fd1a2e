"""gufo-snmp, whose codec and ciphers are Rust, as a session's engine.

What gufo-snmp 0.13 does, and what is done about it here: types are lost (a counter's width comes from the profile);
an error status (tooBig, genErr, noSuchName of v1) looks like an empty answer (handed on as one: see `ask`);
authorizationError looks like a Report (told apart); some garbage makes it panic, which is a `BaseException`, after a
line of its own on stderr that nothing can hold back (turned into `Malformed`); a closed port looks like a timeout that
comes at once; the digest of an SNMPv3 answer is not looked at (a `Guard` does); there is no context name; an INTEGER
of more than eight octets, or of eight and below zero (-1 becomes -2), is read wrong (refused, except where it comes
encrypted and cannot be seen).
"""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    KeyExpansion,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp.aio import SnmpSession

from collectors.snmp.ber import INTEGER, OCTETS, OID, SEQUENCE, fields, whole
from collectors.snmp.endpoint import Community, UsmUser
from collectors.snmp.line import Line
from collectors.snmp.usm import ENCRYPTED, Guard, Reported, parse, pdu
from collectors.snmp.values import Value
from dc_monitor.errors import Malformed

AUTH_KEYS = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
PRIV_KEYS = {  # and how a key that is too short for the cipher grows
    "des": (DesKey, KeyExpansion.Blumenthal),
    "aes": (Aes128Key, KeyExpansion.Blumenthal),
    "aes192": (Aes192Key, KeyExpansion.Blumenthal),
    "aes256": (Aes256Key, KeyExpansion.Blumenthal),
    "aes192c": (Aes192Key, KeyExpansion.Cisco),
    "aes256c": (Aes256Key, KeyExpansion.Cisco),
}

# gufo's own timeout starts again with every stray datagram; a session's does not.
_FOREVER = 3_600.0
_NO_MESSAGE = b"\0"
_NONE = -1
_MOST_BYTES = 65_535
_WIDEST = 8
_MAY_BE_WIDE = re.compile(rb"\x02(?:\x08[\x80-\xff]|[\x09-\x7f\x81-\x84])")
LOOK_AT_FIRST = 100
_WAITING = bytearray(_MOST_BYTES)  # one for all: nobody else runs between a look and its end
TOO_WIDE = (
    "it sends numbers in more octets than gufo-snmp reads right: ask it with the other engine, "
    'options = { engine = "pysnmp" }'
)

_T = TypeVar("_T")
_Walk = AsyncIterator[tuple[str, Value]]


class _Watched(SnmpSession):  # type: ignore[misc]
    """Looks at each datagram that waits before gufo reads it.

    Behind a late answer gufo reads the next one at once and unseen; so what came too late is thrown away first. An
    agent writes its numbers in one way: the first answers are looked through octet by octet, later ones only when a
    number in them is odd.
    """

    def __init__(self, host: str, port: int, secret: Community) -> None:
        version = SnmpVersion.v1 if secret.version == 1 else SnmpVersion.v2c
        super().__init__(host, port, community=secret.text, version=version, timeout=_FOREVER)
        self.line = socket.socket(fileno=self._fd)
        self._to_look_at = LOOK_AT_FIRST
        self._waiter: asyncio.Future[None] | None = None
        self._listening = False

    async def _send(self, sender: Callable[[], None]) -> None:
        with suppress(OSError):  # nothing waits, as a rule
            while True:
                self.line.recv(1, socket.MSG_DONTWAIT)
        await super()._send(sender)

    async def _recv(self, receiver: Callable[[], _T]) -> _T:
        """As gufo does it, without its deadline, for the session has one, and with a reader that stays."""
        loop = asyncio.get_running_loop()
        while True:
            self._waiter = loop.create_future()
            if not self._listening:
                loop.add_reader(self._fd, self._came)
                self._listening = True
            try:
                await self._waiter
                return self._looked_at(receiver)
            except BlockingIOError:
                continue
            finally:
                self._waiter = None

    def _came(self) -> None:
        if self._waiter is None:  # a late answer, which nobody fetches: it must not turn the loop for ever
            self.leave()
        elif not self._waiter.done():
            self._waiter.set_result(None)

    def _looked_at(self, receiver: Callable[[], _T]) -> _T:
        size = self.line.recv_into(_WAITING, 0, socket.MSG_PEEK)
        read = receiver()
        if self._to_look_at or not isinstance(read, dict) or any(map(_odd, read.values())):
            self._to_look_at = max(0, self._to_look_at - 1)
            datagram = bytes(_WAITING[:size])
            if _MAY_BE_WIDE.search(datagram) and _too_wide(_of_community(datagram)):
                self._to_look_at = LOOK_AT_FIRST
                raise Malformed(TOO_WIDE)
        return read

    def leave(self) -> None:
        """Listen no longer; the next question begins again."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._listening = False


class GufoClient:
    """One connection. Raises `Reported`, `Malformed` and `OSError`.

    Attributes
    ----------
    guard : reads the answers of SNMPv3 before gufo does; a community guards nothing.
    """

    def __init__(self, host: str, port: int, secret: Community | UsmUser) -> None:
        self.guard = Guard()
        self._host, self._port = host, port
        self._line: Line | None = None
        self._ours: socket.socket | None = None
        self._failure: Exception | None = None
        self._question = _NONE
        self._beginning = False
        if isinstance(secret, Community):
            self._gufo: SnmpSession = _Watched(host, port, secret)
            return
        self.guard = Guard(secret.auth, secret.auth_password, private=bool(secret.priv))
        self._line = Line(self._heard, self._failed)
        priv, expansion = PRIV_KEYS[secret.priv] if secret.priv else (None, KeyExpansion.Blumenthal)
        user = User(
            secret.name,
            auth_key=AUTH_KEYS[secret.auth](secret.auth_password.encode()) if secret.auth else None,
            priv_key=priv(secret.priv_password.encode()) if priv else None,
            key_expansion=expansion,
        )
        self._gufo = SnmpSession(host, port, user=user, timeout=_FOREVER)

    async def open(self) -> None:
        """Open the sockets; nothing is sent yet."""
        if self._line is not None:
            await self._line.open(self._host, self._port)
            self._lead_through_guard()

    async def refresh(self) -> None:
        """SNMPv3: learn the engine's name and clock, and whether it knows the user."""
        self._beginning = True
        try:
            await self._told(self._gufo.refresh())
        finally:
            self._beginning = False
        if self.guard.report not in ("", "notInTimeWindows"):
            raise Reported(self.guard.report)

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """One GET; whatever the agent answered, which may be more than was asked."""
        return await self._told(self._gufo.get_many(oids))

    def walk(self, column: str, repetitions: int) -> _Walk:
        """A walk to be followed by `following`: GETBULK, or GETNEXT for 0 repetitions."""
        walk: _Walk = self._gufo.getbulk(column, repetitions) if repetitions else self._gufo.getnext(column)
        return walk

    async def following(self, walk: _Walk) -> tuple[str, Value] | None:
        """The next row below the column; None at its end."""
        return await self._told(anext(walk, None))

    def close(self) -> None:
        """Give back the sockets; gufo's own closes when its object is let go."""
        if self._ours is not None:
            asyncio.get_running_loop().remove_reader(self._ours)
            self._ours.close()
        if self._line is not None:
            self._line.close()
        if isinstance(self._gufo, _Watched):
            self._gufo.leave()
            self._gufo.line.detach()
        del self._gufo

    async def _told(self, request: Awaitable[_T]) -> _T:
        """The request's result, or its failure in our kinds."""
        try:
            return await request
        except TimeoutError as error:
            raise ConnectionRefusedError from error
        except SnmpAuthError as error:
            raise Reported("authorizationError") from error
        except (SnmpError, RuntimeError) as error:
            raise self._other_failure() or Malformed(f"an answer that is no SNMP ({error!s:.80})") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise Malformed(f"an answer that is no SNMP ({error!s:.80})") from error

    def _other_failure(self) -> Exception | None:
        failure, self._failure = self._failure, None  # kept, it would keep the client by its traceback
        return failure

    def _lead_through_guard(self) -> None:
        """Put a pair of sockets between gufo and the network, and the guard between them.

        gufo reads on until an answer fits its question, so to look at the datagram that waits would not be enough: it
        might read the next one unseen.
        """
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs:
            self._ours.setblocking(False)
            theirs.setblocking(False)
            os.dup2(theirs.fileno(), self._gufo._fd, inheritable=False)
        asyncio.get_running_loop().add_reader(self._ours, self._asked, self._ours)

    def _asked(self, ours: socket.socket) -> None:
        request = ours.recv(65_535)
        self._question, self.guard.dropped = parse(request).id, 0
        if self._line is not None:
            self._line.send(request)

    def _heard(self, datagram: bytes) -> None:
        message = self.guard.admits(datagram, self._question)
        if message is None or self._ours is None:
            return
        if self.guard.report and not self._beginning:  # gufo sees it only where it needs it: it may be unsigned
            self._failed(Reported(self.guard.report))
        elif not message.flags & ENCRYPTED and _MAY_BE_WIDE.search(message.scoped) and _too_wide(pdu(message.scoped)):
            self._failed(Malformed(TOO_WIDE))
        else:
            self._question = _NONE
            self._ours.send(message.whole)

    def _failed(self, error: Exception) -> None:
        """End gufo's waiting."""
        if self._ours is not None and self._question != _NONE:
            self._question, self._failure = _NONE, error
            self._ours.send(_NO_MESSAGE)


def _odd(value: Value) -> bool:
    """Whether a number is none that 32 bits hold, or may be a misread -1."""
    return type(value) is int and not -1 <= value < 1 << 32


def _of_community(datagram: bytes) -> bytes:
    """The PDU of an SNMPv1 or SNMPv2c message; nothing for what is none, which gufo refuses by itself."""
    try:
        (message,) = fields(datagram, whole(datagram), SEQUENCE)
        _, community = fields(datagram, message, INTEGER, OCTETS)
    except ValueError:
        return b""
    return datagram[community.stop : message.stop]


def _too_wide(answer: bytes) -> bool:
    """Whether a value of this PDU is an INTEGER that gufo reads wrong, or nobody but gufo can read it."""
    try:
        (inside,) = fields(answer, whole(answer), answer[0])
        *_, rest = fields(answer, inside, INTEGER, INTEGER, INTEGER, SEQUENCE)
        while rest.start < rest.stop:
            (varbind,) = fields(answer, rest, SEQUENCE)
            (name,) = fields(answer, varbind, OID)
            if answer[name.stop] == INTEGER:
                (value,) = fields(answer, slice(name.stop, varbind.stop), INTEGER)
                octets = answer[value]
                if len(octets) > _WIDEST or (len(octets) == _WIDEST and octets[0] & 0x80):
                    return True
            rest = slice(varbind.stop, rest.stop)
    except (ValueError, IndexError):
        return True
    return False
