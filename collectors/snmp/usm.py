"""SNMPv3's user-based security as it stands on the wire: keys, signatures, reports (RFC 3414, RFC 7860).

Bytes in, bytes out: no sockets, no ciphers. gufo-snmp 0.13 signs and encrypts what it sends but takes every answer at
its word, so a `Guard` reads the answers first. pysnmp has no message layer without its whole SNMP engine, so `envelope`
takes its place.

A question and its answer share two random numbers, msgID and request-id, under the signature: a recorded answer fits no
later question, and the window of 150 s (RFC 3414, 3.2.7) is left to the agent's side.
"""

import hashlib
import hmac
from typing import NamedTuple

from collectors.snmp.ber import INTEGER, OCTETS, OID, SEQUENCE, element, fields, integer, number, whole

AUTHENTICATED, ENCRYPTED, REPORTABLE = 1, 2, 4
"""Bits of msgFlags."""
LAST_BOOT = 2**31 - 1
"""An snmpEngineBoots that has come so far stays there, and no authenticated request is in time (RFC 3414, 2.2.2)."""

_MOST_BYTES = 65_507  # msgMaxSize: the longest UDP datagram
_USM = 3  # msgSecurityModel
_REPORT = 0xA8  # PDU
_REPORTS = {  # a Report names one of these counters, here as BER writes its OID
    bytes.fromhex(oid): name
    for oid, name in {
        "2b060106030b02010100": "unknownSecurityModels",
        "2b060106030b02010200": "invalidMsgs",
        "2b060106030b02010300": "unknownPDUHandlers",
        "2b060106030c010400": "unavailableContexts",
        "2b060106030c010500": "unknownContexts",
        "2b060106030f01010100": "unsupportedSecLevels",
        "2b060106030f01010200": "notInTimeWindows",
        "2b060106030f01010300": "unknownUserNames",
        "2b060106030f01010400": "unknownEngineIDs",
        "2b060106030f01010500": "wrongDigests",
        "2b060106030f01010600": "decryptionErrors",
    }.items()
}


class Reported(Exception):
    """The agent answered with a Report; the argument is the counter's name, such as `wrongDigests`."""


class Auth(NamedTuple):
    """An authentication protocol: its hash, and how many bytes of the HMAC are sent."""

    hash: str
    mac: int


AUTH = {
    "md5": Auth("md5", 12),
    "sha": Auth("sha1", 12),
    "sha224": Auth("sha224", 16),
    "sha256": Auth("sha256", 24),
    "sha384": Auth("sha384", 32),
    "sha512": Auth("sha512", 48),
}


def master_key(password: bytes, auth: str) -> bytes:
    """Ku: the hash of a mebibyte of password (RFC 3414, A.2)."""
    return _hash((password * (2**20 // len(password) + 1))[: 2**20], auth)


def local_key(master: bytes, engine_id: bytes, auth: str) -> bytes:
    """Kul: the key as one engine knows it (RFC 3414, 2.6)."""
    return _hash(master + engine_id + master, auth)


def longer_key(key: bytes, engine_id: bytes, auth: str, size: int, reeder: bool) -> bytes:
    """A localised key of `size` bytes for a cipher that wants more than the hash gives.

    AES-192 and AES-256 never became an RFC, and there are two ways: draft-blumenthal-aes-usm-04 (3.1.2.1) hashes
    on; draft-reeder-snmpv3-usm-3desede-00 (2.1) takes the key for a password, as Cisco's agents do.
    """
    while len(key) < size:
        key += local_key(master_key(key, auth), engine_id, auth) if reeder else _hash(key, auth)
    return key[:size]


def _hash(data: bytes, auth: str) -> bytes:
    return hashlib.new(AUTH[auth].hash, data, usedforsecurity=False).digest()


def _mac(message: bytes, key: bytes, auth: str) -> bytes:
    return hmac.digest(key, message, AUTH[auth].hash)[: AUTH[auth].mac]


class Message(NamedTuple):
    """What a message says before anything is decrypted.

    `whole` is the message without bytes after its end, `mac` where its signature stands; `scoped` is the scoped PDU,
    tag and all, or its ciphertext where `flags` say so.
    """

    whole: bytes
    id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    mac: slice
    salt: bytes
    scoped: bytes

    def signed_by(self, key: bytes, auth: str) -> bool:
        """Whether the signature was made with this localised key."""
        signature = self.whole[self.mac]
        zeroed = self.whole[: self.mac.start] + bytes(len(signature)) + self.whole[self.mac.stop :]
        return hmac.compare_digest(signature, _mac(zeroed, key, auth))


def parse(datagram: bytes) -> Message:
    """Read an SNMPv3 message; raises `ValueError` for anything that is none."""
    (message,) = fields(datagram, whole(datagram), SEQUENCE)
    version, header, security = fields(datagram, message, INTEGER, SEQUENCE, OCTETS)
    message_id, _, flags, model = fields(datagram, header, INTEGER, INTEGER, OCTETS, INTEGER)
    if (number(datagram[version]), number(datagram[model]), len(datagram[flags])) != (3, _USM, 1):
        raise ValueError("not SNMPv3 with user-based security")
    (parameters,) = fields(datagram, security, SEQUENCE)
    engine_id, boots, time, user, mac, salt = fields(
        datagram, parameters, OCTETS, INTEGER, INTEGER, OCTETS, OCTETS, OCTETS
    )
    encrypted = datagram[flags.start] & ENCRYPTED
    rest = slice(security.stop, message.stop)
    (scoped,) = fields(datagram, rest, OCTETS if encrypted else SEQUENCE)
    return Message(
        whole=datagram[: message.stop],
        id=number(datagram[message_id]),
        flags=datagram[flags.start],
        engine_id=datagram[engine_id],
        boots=number(datagram[boots]),
        time=number(datagram[time]),
        user=datagram[user],
        mac=mac,
        salt=datagram[salt],
        scoped=datagram[scoped if encrypted else rest],
    )


def report(scoped: bytes) -> str:
    """The counter's name when a scoped PDU is a Report, "" when it is another PDU; raises `ValueError`."""
    (scope,) = fields(scoped, whole(scoped), SEQUENCE)
    _, context = fields(scoped, scope, OCTETS, OCTETS)
    if scoped[context.stop : scope.stop][:1] != bytes([_REPORT]):
        return ""
    (pdu,) = fields(scoped, slice(context.stop, scope.stop), _REPORT)
    *_, varbinds = fields(scoped, pdu, INTEGER, INTEGER, INTEGER, SEQUENCE)
    (varbind,) = fields(scoped, varbinds, SEQUENCE)
    (oid,) = fields(scoped, varbind, OID)
    return _REPORTS.get(scoped[oid], "a counter of its own")


def envelope(
    *,
    message_id: int,
    flags: int,
    engine_id: bytes,
    boots: int,
    time: int,
    user: bytes,
    salt: bytes,
    scoped: bytes,
    key: bytes,
    auth: str,
) -> bytes:
    """A message around a scoped PDU, or around its ciphertext; signed with the localised `key` where `flags` say so."""
    data = element(OCTETS, scoped) if flags & ENCRYPTED else scoped
    tail = element(OCTETS, salt)
    size = AUTH[auth].mac if flags & AUTHENTICATED else 0
    parameters = element(
        SEQUENCE,
        element(OCTETS, engine_id),
        integer(boots),
        integer(time),
        element(OCTETS, user),
        element(OCTETS, bytes(size)),
        tail,
    )
    header = element(
        SEQUENCE, integer(message_id), integer(_MOST_BYTES), element(OCTETS, bytes([flags])), integer(_USM)
    )
    made = element(SEQUENCE, integer(3), header, element(OCTETS, parameters), data)
    if not size:
        return made
    end = len(made) - len(data) - len(tail)
    return made[: end - size] + _mac(made, key, auth) + made[end:]


def scope(engine_id: bytes, context: bytes, pdu: bytes) -> bytes:
    """A scoped PDU: whose objects, in which context, and the PDU."""
    return element(SEQUENCE, element(OCTETS, engine_id), element(OCTETS, context), pdu)


def pdu(scoped: bytes) -> bytes:
    """The PDU of a scoped PDU, without the padding a cipher left behind it; raises `ValueError`."""
    (inside,) = fields(scoped, whole(scoped), SEQUENCE)
    _, context = fields(scoped, inside, OCTETS, OCTETS)
    return scoped[context.stop : inside.stop]


class Guard:
    """Which datagrams a session may take for answers of its agent.

    The first one teaches the engine's name, so nothing of it can be checked; a lie there makes every later answer fail.
    From then on an answer to a user with a password must be signed by that user's key, and encrypted if the question
    was. Only a Report may be less: it is how an agent tells what is wrong with user or clock.

    Attributes
    ----------
    engine_id, key : the agent's, once it has told, and the user's signing key there.
    boots : its boot count, as last told.
    report : the last Report's counter, "" when the last answer was none.
    dropped : datagrams since the question that nobody should believe; a late answer to another one is none of them.
    """

    def __init__(self, auth: str = "", password: str = "", private: bool = False) -> None:
        self.engine_id, self.boots, self.report, self.dropped = b"", 0, "", 0
        self._auth, self._password, self._private = auth, password, private
        self.key = b""

    def admits(self, datagram: bytes, question: int) -> Message | None:
        """The answer to the message of that msgID, if it may be believed."""
        try:
            message = parse(datagram)
            told = "" if message.flags & ENCRYPTED else report(message.scoped)
        except ValueError:
            self.dropped += 1
            return None
        if message.id != question:
            return None
        if not self._believed(message, told):
            self.dropped += 1
            return None
        if not self.engine_id:
            self.engine_id = message.engine_id
            if self._auth:
                self.key = local_key(master_key(self._password.encode(), self._auth), self.engine_id, self._auth)
        self.report, self.boots = told, message.boots
        return message

    def _believed(self, message: Message, told: str) -> bool:
        if not self.engine_id or not self._auth:
            return True
        if not message.flags & AUTHENTICATED:
            return bool(told)
        if self._private and not message.flags & ENCRYPTED and not told:
            return False
        return message.signed_by(self.key, self._auth)
