"""gufo-snmp, whose codec and ciphers are Rust, as a session's engine.

What gufo-snmp 0.13 does, and what is done about it here: types are lost (a counter's width comes from the profile);
an error status (tooBig, genErr, noSuchName of v1) looks like an empty answer (handed on as one: see `ask`);
authorizationError looks like a Report (told apart); some garbage makes it panic, which is a `BaseException`, after a
line of its own on stderr that nothing can hold back (turned into `Malformed`); a closed port looks like a timeout that
comes at once; the digest of an SNMPv3 answer is not looked at (a `Guard` does); there is no context name.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
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

from collectors.snmp.endpoint import Community, UsmUser
from collectors.snmp.line import Line
from collectors.snmp.usm import Guard, Reported, parse
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

_T = TypeVar("_T")
_Walk = AsyncIterator[tuple[str, Value]]


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
            version = SnmpVersion.v1 if secret.version == 1 else SnmpVersion.v2c
            self._gufo = SnmpSession(host, port, community=secret.text, version=version, timeout=_FOREVER)
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
            raise self._other_failure() or Malformed(f"an answer that is no SNMP ({error})") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise Malformed(f"an answer that is no SNMP ({error})") from error

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
        else:
            self._question = _NONE
            self._ours.send(message.whole)

    def _failed(self, error: Exception) -> None:
        """End gufo's waiting."""
        if self._ours is not None and self._question != _NONE:
            self._question, self._failure = _NONE, error
            self._ours.send(_NO_MESSAGE)
