"""Talking to one SNMP agent: one request, one answer.

`Session` is what the rest of the folder knows; `GufoSession` is its engine (gufo-snmp, Rust inside). A second engine
needs only the same four methods.

What gufo-snmp 0.13 does, and what is done about it here: types are lost (a counter's width comes from the profile);
unasked OIDs are passed through (filtered); an error status (tooBig, genErr, noSuchName of v1) looks like an empty
answer (handed on as one: see `ask`); some garbage makes it panic, which is a `BaseException` (turned into
`Malformed`); a closed port looks like a timeout that comes at once.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
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

from collectors.snmp.endpoint import Community, Endpoint, UsmUser
from collectors.snmp.values import Value
from dc_monitor.clock import Clock
from dc_monitor.errors import Malformed, Refused, Unreachable

AUTH_KEYS = {
    "md5": Md5Key,
    "sha": Sha1Key,
    "sha224": Sha224Key,
    "sha256": Sha256Key,
    "sha384": Sha384Key,
    "sha512": Sha512Key,
}
PRIV_KEYS = {"des": DesKey, "aes": Aes128Key, "aes192": Aes192Key, "aes256": Aes256Key}

REPETITIONS = 10
"""Rows a GETBULK asks for: more breaks old agents, and only discovery walks."""
MOST_ROWS = 4_000
"""A column longer than this is an agent that counts in circles."""
USM_IDLE = 120.0
"""After so many seconds of silence SNMPv3 clocks are compared again (they may drift apart by 150 s). [s]"""

_NEVER = float("-inf")
_T = TypeVar("_T")


class Silence(Unreachable):
    """No answer in time: gone, or a secret the agent does not know; they cannot be told apart."""


class Answer(NamedTuple):
    """What came back: only OIDs that were asked for, and when it arrived [ns UTC]. Empty when the agent refused."""

    values: dict[str, Value]
    taken_at: int


class Session(Protocol):
    """One agent. An error's message is the bare reason; the collector makes the sentence of it."""

    deadline: float
    hint: str

    async def open(self) -> None:
        """Find the host and agree on keys; raises `Unreachable` or `Refused`."""
        ...

    async def get(self, oids: Sequence[str]) -> Answer:
        """One GET; an object the agent has not is left out. Raises `Unreachable`, `Refused` or `Malformed`."""
        ...

    async def walk(self, column: str, repetitions: int = REPETITIONS) -> Answer:
        """Every instance below `column`, in order; raises like `get`."""
        ...

    async def close(self) -> None:
        """Give back the socket; may be called twice."""
        ...


class GufoSession:
    """A session over gufo-snmp.

    Attributes
    ----------
    deadline : how long one answer may take. [s]
    hint : what may be behind a silence, for the end of an error's sentence.
    """

    def __init__(self, endpoint: Endpoint, secret: Community | UsmUser, clock: Clock, deadline: float = 2.0) -> None:
        self.deadline = deadline
        self.hint = "is the community right?" if isinstance(secret, Community) else "are user and passwords right?"
        self._endpoint = endpoint
        self._secret = secret
        self._clock = clock
        self._host = endpoint.host
        self._client: SnmpSession | None = None
        # Whether GETBULK is understood: None until it has brought a row, or GETNEXT has where it did not.
        self._bulk: bool | None = False if isinstance(secret, Community) and secret.version == 1 else None
        self._last = _NEVER

    async def open(self) -> None:
        """Resolve the name off the loop, then make the socket."""
        host, port = self._endpoint.host, self._endpoint.port
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            # A name with both is asked over IPv4 first: that is where management cards listen.
            found.sort(key=lambda one: one[0] is not socket.AF_INET)
            self._host = str(found[0][4][0])
            self._client = self._connect()
        except OSError as error:
            raise Unreachable(f"no way to {host}: {error.strerror or error}") from error
        await self._ready()

    def _connect(self) -> SnmpSession:
        # gufo's own timeout starts again with every stray datagram; ours does not.
        secret, host, port, forever = self._secret, self._host, self._endpoint.port, 3_600.0
        if isinstance(secret, Community):
            version = SnmpVersion.v1 if secret.version == 1 else SnmpVersion.v2c
            return SnmpSession(host, port, community=secret.text, version=version, timeout=forever)
        user = User(
            secret.name,
            auth_key=AUTH_KEYS[secret.auth](secret.auth_password.encode()) if secret.auth else None,
            priv_key=PRIV_KEYS[secret.priv](secret.priv_password.encode()) if secret.priv else None,
        )
        return SnmpSession(host, port, user=user, timeout=forever)

    async def get(self, oids: Sequence[str]) -> Answer:
        """One GET, one answer."""
        client = await self._ready()
        values = await self._answered(client.get_many(oids))
        return Answer({oid: values[oid] for oid in oids if oid in values}, self._clock.now())

    async def walk(self, column: str, repetitions: int = REPETITIONS) -> Answer:
        """GETBULK; an agent that answers it with nothing or not at all is asked by GETNEXT from then on."""
        client = await self._ready()
        rows: dict[str, Value] = {}
        if self._bulk is not False:
            with suppress(Unreachable):
                rows = await self._rows(column, client.getbulk(column, repetitions))
                if rows or self._bulk:
                    self._bulk = True
                    return Answer(rows, self._clock.now())
        rows = await self._rows(column, client.getnext(column))
        self._bulk = False if rows else self._bulk
        return Answer(rows, self._clock.now())

    async def close(self) -> None:
        """The socket closes when gufo's object is let go."""
        self._client = None

    async def _ready(self) -> SnmpSession:
        """The open client; SNMPv3 begins anew after a request that failed, for the agent may have restarted."""
        if self._client is None:
            raise Unreachable("the session is closed")
        if isinstance(self._secret, UsmUser):
            if self._last == _NEVER:
                self._client = self._connect()
            if asyncio.get_running_loop().time() - self._last > USM_IDLE:
                await self._answered(self._client.refresh())
        return self._client

    async def _rows(self, column: str, walk: AsyncIterator[tuple[str, Value]]) -> dict[str, Value]:
        rows: dict[str, Value] = {}
        below = re.compile(re.escape(column) + r"(\.\d+)+")
        while True:
            row = await self._answered(anext(walk, None))
            if row is None:
                return rows
            if row[0] in rows or not below.fullmatch(row[0]) or len(rows) == MOST_ROWS:
                raise Malformed(f"the walk of {column} does not end")
            rows[row[0]] = row[1]

    async def _answered(self, request: Awaitable[_T]) -> _T:
        """The request's result, or its failure in our kinds."""
        loop = asyncio.get_running_loop()  # its time, not ours: a network does not wait for a test's clock
        asked, self._last = loop.time(), _NEVER
        try:
            async with asyncio.timeout(self.deadline):
                result = await request
        except TimeoutError as error:
            if loop.time() - asked < self.deadline / 2:
                raise Unreachable("nothing listens on that port") from error
            raise Silence(f"no answer in {self.deadline:g} s") from error
        except SnmpAuthError as error:
            raise Refused(f"the agent refuses this user ({error})") from error
        except SnmpError as error:
            raise Malformed(f"an answer that is no SNMP ({error})") from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise Malformed(f"an answer that is no SNMP ({error})") from error
        self._last = loop.time()
        return result
