"""Talking to one SNMP agent: one request, one answer.

`Session` is what the rest of the folder knows. Whatever a session does beyond asking is the same for both engines
and written here: deadlines, walks, the beginning of SNMPv3, and what a silence or a Report means. An engine is a
`Client`; `GufoSession` uses gufo-snmp.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

from collectors.snmp.endpoint import Community, Endpoint, UsmUser
from collectors.snmp.gufo_client import GufoClient
from collectors.snmp.usm import LAST_BOOT, Guard, Reported
from collectors.snmp.values import Value
from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError, Malformed, Refused, Unreachable

REPETITIONS, MORE_REPETITIONS = 10, 25
"""Rows a GETBULK asks for: more than ten breaks old agents, so it is more only until that failed once."""
EVERYBODY_HAS = "1.3.6.1.2.1.1.1"
"""sysDescr: a walk of it tells an agent that does not understand GETBULK from one that has no such column."""
MOST_ROWS = 4_000
"""A column longer than this is an agent that counts in circles."""
MOST_ARCS, MOST_ARC = 128, 2**32 - 1
"""Numbers of an OID, and the largest of them (RFC 2578, 3.5 and 7.1.3)."""
USM_IDLE = 120.0
"""After so many seconds of silence SNMPv3 clocks are compared again (they may drift apart by 150 s). [s]"""

_NEVER = float("-inf")
_T = TypeVar("_T")

_LOOKS_THE_SAME = "SNMP switched off, a firewall, or a list of allowed addresses without this machine look the same"
FIRST_CONTACT = {1: f"is the community right? {_LOOKS_THE_SAME}", 3: f"is SNMPv3 switched on there? {_LOOKS_THE_SAME}"}
NOT_THIS_USER = "it speaks SNMPv3 and says nothing to this user: are user and passwords right?"
WENT_AWAY = "it answered before: is it switched off, or the way to it cut?"
PRIVACY = (
    "user and authentication password are right, and nothing encrypted is answered: are the privacy password and its "
    "algorithm (priv) right?"
)
REFUSALS = {  # by the counter a Report names
    "authorizationError": "nothing may be read at this security level, or nothing of what was asked is in its view",
    "decryptionErrors": "its name and authentication are right, the privacy password or its algorithm (priv) is not",
    "unknownContexts": "there is no such context",
    "unknownUserNames": "there is no such user",
    "unsupportedSecLevels": "it has no key at the agent to authenticate or encrypt with",
    "wrongDigests": "there is such a user, but the authentication password or its algorithm (auth) is not right",
}
BOOTS_AT_THEIR_END = (
    f"its boot counter has reached {LAST_BOOT}, and it refuses all authenticated requests (RFC 3414): give the agent "
    "another engine ID, or reset its SNMPv3 settings"
)


class Silence(Unreachable):
    """No answer in time: gone, or a secret the agent does not know; they cannot be told apart."""


class OutOfStep(Unreachable):
    """SNMPv3: the agent restarted, or another one answers at its address; asking anew may help at once."""


class Answer(NamedTuple):
    """What came back: only OIDs that were asked for, and when it arrived [ns UTC]. Empty when the agent refused."""

    values: dict[str, Value]
    taken_at: int


class Session(Protocol):
    """One agent. An error's message is the bare reason; the collector makes the sentence of it.

    Attributes
    ----------
    deadline : how long one answer may take. [s]
    hint : what may be behind a silence, for the end of an error's sentence.
    """

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
        """Give back the sockets; may be called twice."""
        ...


class Client(Protocol):
    """An engine's connection to one agent. Raises `Reported`, `Malformed` and `OSError`; knows no deadline."""

    guard: Guard

    async def open(self) -> None:
        """Open the sockets; nothing is sent yet."""
        ...

    async def refresh(self) -> None:
        """SNMPv3: learn the engine's name and clock, and whether it knows the user."""
        ...

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """One GET; without the objects the agent has not, empty when it answered with an error status."""
        ...

    def walk(self, column: str, repetitions: int) -> Any:
        """A walk, to be handed to `following`: GETBULK, or GETNEXT for 0 repetitions."""
        ...

    async def following(self, walk: Any) -> tuple[str, Value] | None:
        """The next row of a walk; None at its end, and at an error status."""
        ...

    def close(self) -> None:
        """Give back the sockets."""
        ...


class EngineSession:
    """A session over whatever engine `connect` makes a client of, given the host's address and a secret."""

    def __init__(
        self,
        connect: Callable[[str, int, Community | UsmUser], Client],
        endpoint: Endpoint,
        secret: Community | UsmUser,
        clock: Clock,
        deadline: float,
    ) -> None:
        self.deadline = deadline
        self.hint = FIRST_CONTACT[3 if isinstance(secret, UsmUser) else 1]
        self._connect = connect
        self._endpoint = endpoint
        self._secret = secret
        self._clock = clock
        self._host = endpoint.host
        self._client: Client | None = None
        self._closed = True
        # Whether GETBULK is understood: None until it has brought a row, or GETNEXT has where it did not.
        self._bulk: bool | None = False if isinstance(secret, Community) and secret.version == 1 else None
        self._more = MORE_REPETITIONS
        self._last = _NEVER

    async def open(self) -> None:
        """Resolve the name off the loop, then make the sockets; SNMPv3 begins. Closed again when it fails."""
        host, port = self._endpoint.host, self._endpoint.port
        self._closed = False
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            # A name with both is asked over IPv4 first: that is where management cards listen.
            found.sort(key=lambda one: one[0] is not socket.AF_INET)
            self._host = str(found[0][4][0])
            if isinstance(self._secret, UsmUser):
                await self._begin(self._secret)
            else:
                await self._renew(self._secret)
        except BaseException as error:
            await self.close()
            if isinstance(error, OSError):
                raise self._no_way(error) from error
            raise

    async def get(self, oids: Sequence[str]) -> Answer:
        """One GET, one answer."""
        values = await self._in_step(lambda client: self._answered(client.get(oids)))
        return Answer({oid: values[oid] for oid in oids if oid in values}, self._clock.now())

    async def walk(self, column: str, repetitions: int = REPETITIONS) -> Answer:
        """GETBULK; an agent that answers it with nothing or not at all is asked by GETNEXT from then on."""
        if self._bulk is not False:
            with suppress(Unreachable):
                rows = await self._by_bulk(column, repetitions)
                if rows or self._bulk or await self._by_bulk(EVERYBODY_HAS, repetitions):
                    self._bulk = True
                    return Answer(rows, self._clock.now())
        rows = await self._in_step(lambda client: self._rows(client, column, 0))
        self._bulk = False if rows else self._bulk
        return Answer(rows, self._clock.now())

    async def _by_bulk(self, column: str, repetitions: int) -> dict[str, Value]:
        """The rows by GETBULK, many at once as long as the agent bears it."""
        if self._more > repetitions:
            try:
                return await self._in_step(lambda client: self._rows(client, column, self._more))
            except (Unreachable, Malformed):
                self._more = 0
        return await self._in_step(lambda client: self._rows(client, column, repetitions))

    async def close(self) -> None:
        """Give back the sockets."""
        self._closed = True
        self._drop()

    async def _in_step(self, ask: Callable[[Client], Awaitable[_T]]) -> _T:
        """Ask; where the agent's clock has begun anew, agree on it and ask again."""
        try:
            return await ask(await self._ready())
        except OutOfStep:
            return await ask(await self._ready())

    async def _ready(self) -> Client:
        """The open client; SNMPv3 begins anew after a request that failed, for the agent may have restarted."""
        if self._closed:
            raise Unreachable("the session is closed")
        if isinstance(self._secret, Community):
            return self._client or await self._renew(self._secret)
        if self._client is None or self._last == _NEVER:
            return await self._begin(self._secret)
        if asyncio.get_running_loop().time() - self._last > USM_IDLE:
            await self._answered(self._client.refresh())
        return self._client

    async def _begin(self, user: UsmUser) -> Client:
        """SNMPv3 from its beginning: the engine's name and clock, and whether it knows this user.

        An agent whose engine has told its name and is then silent may drop what it cannot decrypt, as it must: it is
        asked once without encryption.
        """
        client = await self._renew(user)
        try:
            await self._answered(client.refresh())
        except Silence:
            if not client.guard.engine_id:
                raise
            if not user.priv:
                self.hint = NOT_THIS_USER
                raise
            client = await self._without_privacy(user)
        if client.guard.boots == LAST_BOOT and client.guard.report == "notInTimeWindows":
            self._last = _NEVER
            raise Refused(BOOTS_AT_THEIR_END)
        return client

    async def _without_privacy(self, user: UsmUser) -> Client:
        """Tell a wrong privacy password from a wrong user and from a lost datagram: the client, in the last case."""
        client = await self._renew(replace(user, priv="", priv_password=""))
        try:
            await self._answered(client.refresh())
        except Silence:
            self.hint = NOT_THIS_USER
            raise
        except Refused as error:
            if str(error.__cause__) != "unsupportedSecLevels":  # that is said before the digest is looked at
                raise
        client = await self._renew(user)
        try:
            await self._answered(client.refresh())
        except Silence as error:
            raise Refused(PRIVACY) from error
        return client

    async def _renew(self, secret: Community | UsmUser) -> Client:
        self._drop()
        try:
            self._client = self._connect(self._host, self._endpoint.port, secret)
            await self._client.open()
        except OSError as error:
            self._drop()
            raise self._no_way(error) from error
        return self._client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _no_way(self, error: OSError) -> Unreachable:
        return Unreachable(f"no way to {self._endpoint.host}: {error.strerror or error}")

    async def _rows(self, client: Client, column: str, repetitions: int) -> dict[str, Value]:
        rows: dict[str, Value] = {}
        below = re.compile(re.escape(column) + r"(\.\d+)+")
        walk = client.walk(column, repetitions)
        while True:
            row = await self._answered(client.following(walk))
            if row is None:
                return rows
            oid, value = row
            if oid in rows or len(rows) == MOST_ROWS or not below.fullmatch(oid) or not _possible(oid):
                raise Malformed(f"the walk of {column} does not end")
            rows[oid] = value

    async def _answered(self, request: Awaitable[_T]) -> _T:
        """The request's result, or its failure in our kinds."""
        loop = asyncio.get_running_loop()  # its time, not ours: a network does not wait for a test's clock
        self._last = _NEVER
        try:
            result = await _within(self.deadline, request)
        except TimeoutError as error:
            raise self._silence() from error
        except Reported as error:
            raise self._refusal(str(error)) from error
        except ConnectionRefusedError as error:
            raise Unreachable("nothing listens on that port: is SNMP switched on there?") from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from error
        self._last, self.hint = loop.time(), WENT_AWAY
        return result

    def _silence(self) -> DcMonitorError:
        dropped = self._client.guard.dropped if self._client else 0
        if dropped:
            return Malformed(f"{dropped} answers in {self.deadline:g} s, and none that this agent could have signed")
        return Silence(f"no answer in {self.deadline:g} s")

    def _refusal(self, counter: str) -> DcMonitorError:
        if counter in ("notInTimeWindows", "unknownEngineIDs"):
            return OutOfStep(f"the agent's engine is not as it was ({counter})")
        who = "community" if isinstance(self._secret, Community) else "user"
        return Refused(f"the agent refuses this {who}: {REFUSALS.get(counter, counter)}")


def _possible(oid: str) -> bool:
    """Whether it may be an OID: one that grows with every step of a walk would grow for ever."""
    arcs = oid.split(".")
    return len(arcs) <= MOST_ARCS and all(len(arc) <= len(str(MOST_ARC)) and int(arc) <= MOST_ARC for arc in arcs)


async def _within(seconds: float, request: Awaitable[_T]) -> _T:
    """The request's result, or `TimeoutError`.

    Before Python 3.12 `asyncio.wait_for`, which gufo waits with, may lose a cancellation when the answer comes at that
    very moment: a poll that was given up would go on.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        async with asyncio.timeout(seconds):
            return await request
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


class GufoSession(EngineSession):
    """A session over gufo-snmp."""

    def __init__(self, endpoint: Endpoint, secret: Community | UsmUser, clock: Clock, deadline: float = 2.0) -> None:
        super().__init__(GufoClient, endpoint, secret, clock, deadline)
