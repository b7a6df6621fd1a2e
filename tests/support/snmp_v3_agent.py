"""A small SNMPv3 agent that can misbehave, for what snmpd will not do on request.

Security is checked in the order of RFC 3414, 3.2, and refused by the Reports it names. Behind it stand `SmallAgent`s,
one a context. The arithmetic of keys and signatures is the project's own; snmpd and snmpsim are its witnesses.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from collectors.snmp import usm
from collectors.snmp.endpoint import UsmUser
from collectors.snmp.pysnmp_codec import decrypted, encrypted, key_size
from support.snmp_agents import SmallAgent, parse_recording

ENGINE_ID = bytes.fromhex("80001f8804") + b"test"
COUNTERS = {
    "unknownContexts": "2b060106030c010500",
    "unsupportedSecLevels": "2b060106030f01010100",
    "notInTimeWindows": "2b060106030f01010200",
    "unknownUserNames": "2b060106030f01010300",
    "unknownEngineIDs": "2b060106030f01010400",
    "wrongDigests": "2b060106030f01010500",
}


def user(name: str = "monitor", **changes: str) -> UsmUser:
    """A user with authentication and privacy, unless changed."""
    known = {"auth": "sha256", "auth_password": "authpass1234", "priv": "aes", "priv_password": "privpass1234"}
    return UsmUser(name, **{**known, **changes})


@dataclass
class V3Agent(asyncio.DatagramProtocol):
    """Answers `users` from `contexts`; its other attributes are the faults.

    Attributes
    ----------
    boots, time : snmpEngineBoots and snmpEngineTime; they stand still.
    silent : Reports it does not send.
    keeps : flags an answer keeps of its question; without one of them it is not signed, or not encrypted.
    mangle : what becomes of an answer on its way; None loses it.
    seen : Reports sent, "" for an answer, in their order.
    """

    users: Mapping[str, UsmUser]
    contexts: Mapping[str, SmallAgent]
    engine_id: bytes = ENGINE_ID
    boots: int = 1
    time: int = 1_000
    silent: set[str] = field(default_factory=set)
    keeps: int = usm.AUTHENTICATED | usm.ENCRYPTED
    mangle: Callable[[bytes], bytes | None] = lambda datagram: datagram
    seen: list[str] = field(default_factory=list)
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(usm.parse(data))
        sent = answer and self.mangle(answer)
        if sent:
            self._transport.sendto(sent, addr)

    def _answer(self, asked: usm.Message) -> bytes | None:
        known = self.users.get(asked.user.decode())
        if asked.engine_id != self.engine_id:
            return self._report("unknownEngineIDs", asked)
        if known is None:
            return self._report("unknownUserNames", asked)
        signed, private = asked.flags & usm.AUTHENTICATED, asked.flags & usm.ENCRYPTED
        if (signed and not known.auth) or (private and not known.priv):
            return self._report("unsupportedSecLevels", asked)
        if signed and not asked.signed_by(self._key(known.auth_password, known), known.auth):
            return self._report("wrongDigests", asked)
        in_time = asked.boots == self.boots != usm.LAST_BOOT and abs(asked.time - self.time) <= 150
        if signed and not in_time:
            return self._report("notInTimeWindows", asked, known)
        try:
            scoped = self._plain(asked, known) if private else asked.scoped
            context, pdu = _context(scoped), usm.pdu(scoped)
        except ValueError:
            return None
        if context not in self.contexts:
            return self._report("unknownContexts", asked, known)
        self.seen.append("")
        message = b"\x02\x01\x01\x04\x03lab" + pdu
        answered = self.contexts[context].answer(b"\x30\x82" + len(message).to_bytes(2, "big") + message)
        return answered and self._wrapped(
            asked, known, asked.flags & self.keeps, answered[answered.index(b"\x04\x03lab") + 5 :]
        )

    def _report(self, counter: str, asked: usm.Message, signer: UsmUser | None = None) -> bytes | None:
        self.seen.append(counter)
        if counter in self.silent:
            return None
        varbind = b"\x06" + bytes([len(COUNTERS[counter]) // 2]) + bytes.fromhex(COUNTERS[counter]) + b"\x41\x01\x01"
        varbinds = bytes([0x30, len(varbind) + 2, 0x30, len(varbind)]) + varbind
        pdu = b"\x02\x01\x00\x02\x01\x00\x02\x01\x00" + varbinds
        flags = usm.AUTHENTICATED if signer and signer.auth else 0
        return self._wrapped(asked, signer or UsmUser(asked.user.decode()), flags, bytes([0xA8, len(pdu)]) + pdu)

    def _wrapped(self, asked: usm.Message, to: UsmUser, flags: int, pdu: bytes) -> bytes:
        scoped, salt = usm.scope(self.engine_id, b"", pdu), b""
        if flags & usm.ENCRYPTED:
            scoped, salt = encrypted(to.priv, self._privacy_key(to), self.boots, self.time, scoped)
        return usm.envelope(
            message_id=asked.id,
            flags=flags,
            engine_id=self.engine_id,
            boots=self.boots,
            time=self.time,
            user=asked.user,
            salt=salt,
            scoped=scoped,
            key=self._key(to.auth_password, to) if to.auth else b"",
            auth=to.auth,
        )

    def _plain(self, asked: usm.Message, known: UsmUser) -> bytes:
        return decrypted(known.priv, self._privacy_key(known), asked.boots, asked.time, asked.salt, asked.scoped)

    def _key(self, password: str, known: UsmUser) -> bytes:
        return usm.local_key(_master_key(password, known.auth), self.engine_id, known.auth)

    def _privacy_key(self, known: UsmUser) -> bytes:
        key = self._key(known.priv_password, known)
        return usm.longer_key(key, self.engine_id, known.auth, key_size(known.priv), reeder=False)


@cache
def _master_key(password: str, auth: str) -> bytes:
    return usm.master_key(password.encode(), auth)


def _context(scoped: bytes) -> str:
    """The context name of a scoped PDU: the second of two short octet strings."""
    at = 2 if scoped[1] < 0x80 else 2 + (scoped[1] & 0x7F)
    at += 2 + scoped[at + 1]
    return scoped[at + 2 : at + 2 + scoped[at + 1]].decode()


@asynccontextmanager
async def v3_agent(
    recording: Iterable[str] | Mapping[str, Iterable[str]], *users: UsmUser, **more: Any
) -> AsyncIterator[tuple[V3Agent, str]]:
    """A `V3Agent` on a free loopback port: yields it and its address. A recording a context, or one for all."""
    contexts = recording if isinstance(recording, Mapping) else {"": recording}
    agents = {name: SmallAgent(dict(parse_recording(lines))) for name, lines in contexts.items()}
    agent = V3Agent({one.name: one for one in users or (user(),)}, agents, **more)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: agent, local_addr=("127.0.0.1", 0))
    try:
        yield agent, f"snmp://127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
        await asyncio.sleep(0)
