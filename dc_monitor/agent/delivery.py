"""Spool → sink: one request at a time, for as long as it takes.

What is new goes before what is old: whatever came since the last attempt is live, everything older is back-fill, and
a sink that is behind gets a request of either in turn. So the page is up to date while the past is filled in.

A server that is away is asked again after 1 s, then ever more rarely up to once a minute, and never given up. The log
gets a line when that begins, when its kind changes, when it is over, and when the past is filled in.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, Protocol

from dc_monitor.agent.store import Store
from dc_monitor.agent.words import counted, duration
from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError, Refused
from dc_monitor.sinks.lineprotocol import LARGEST_BODY, Busy, Rejected
from dc_monitor.spool import Batch

LOG = logging.getLogger(__name__)

MOST_LINES = 5_000
LONGEST_PAUSE = 60.0
REJECTED_SAID_EVERY = 3_600.0


class Sink(Protocol):
    """What takes lines, on a thread of its own."""

    name: str

    def send(self, body: bytes) -> list[Rejected]:
        """Deliver all lines but those it will never take; raises `DcMonitorError` to be asked again."""
        ...

    def abort(self) -> None:
        """End a `send` that hangs; called from another thread."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class _Backfill(NamedTuple):
    """How far it is: since when on the monotonic clock, and what was sent."""

    since: float
    requests: int = 0
    lines: int = 0


class Delivery:
    """One sink's way out of the spool."""

    def __init__(self, sink: Sink, store: Store, clock: Clock) -> None:
        self._sink = sink
        self._store = store
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sink {sink.name}")
        self._came = asyncio.Event()
        self._stopping = asyncio.Event()
        self._edge: int | None = None  # ids up to this one were there at the last attempt, or at the start
        self._live_next = True
        self._backfill: _Backfill | None = None
        self._tries = 0
        self._kind = ""
        self._since = 0.0
        self._rejected_said: float | None = None
        self._rejected = 0

    def wake(self) -> None:
        """There is something new in the spool."""
        self._came.set()

    def stop(self) -> None:
        """Ask `run` to send what it can without waiting for a server that is away, and to end."""
        self._stopping.set()
        self._came.set()

    def abort(self) -> None:
        """End a request that hangs."""
        self._sink.abort()

    async def run(self) -> None:
        """Send until stopped."""
        try:
            while True:
                self._came.clear()
                pause = await self._round()
                if self._stopping.is_set() and pause != 0:
                    return
                if pause is None:
                    await self._came.wait()
                elif pause:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._stopping.wait()
        finally:
            self._thread.submit(self._sink.close)
            self._thread.shutdown(wait=False)

    async def _round(self) -> float | None:
        """One request; seconds until the next, None when there is nothing to send."""
        name = self._sink.name
        began = self._clock.monotonic()
        try:
            batches, old = await self._next()
            if not batches:
                return None
            body = b"".join(batch.body for batch in batches)
            rejected = await asyncio.get_running_loop().run_in_executor(self._thread, self._sink.send, body)
            await self._store.settle(name, [batch.id for batch in batches], rejected, self._clock.now())
        except DcMonitorError as error:
            return await self._missed(error)
        lines = sum(batch.lines for batch in batches)
        if self._tries:
            await self._recovered(lines)
        if old:
            since, requests, before = self._backfill or _Backfill(began)
            self._backfill = _Backfill(since, requests + 1, before + lines)
        if rejected:
            self._say_rejected(rejected)
        return 0.0

    async def _next(self) -> tuple[Sequence[Batch], bool]:
        """What to send next, and whether it is back-fill."""
        name = self._sink.name
        if self._edge is None:
            self._edge = await self._store.newest()
        if self._live_next:
            edge, self._edge = self._edge, await self._store.newest()
            batches = _first_lines(await self._store.pending(name, LARGEST_BODY, after=edge))
            if batches:
                self._live_next = False
                return batches, False
        self._live_next = True
        batches = _first_lines(await self._store.pending(name, LARGEST_BODY))
        old = bool(batches) and batches[0].id <= self._edge
        if not old:
            self._caught_up()
        return batches, old

    async def _missed(self, error: DcMonitorError) -> float:
        self._tries += 1
        self._live_next, self._backfill = True, None
        if isinstance(error, Busy):
            pause = error.retry_after * (1.0 + 0.1 * random.random())  # noqa: S311 # keeps many agents apart
        elif isinstance(error, Refused):
            pause = LONGEST_PAUSE
        else:
            pause = min(2.0 ** min(self._tries - 1, 16), LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311
        kind = "refused" if isinstance(error, Refused) else "away"
        if self._tries == 1:
            self._since = self._clock.monotonic()
        if kind != self._kind:
            self._kind = kind
            waiting = counted(await self._waiting(), "line")
            LOG.warning('sink "%s": %s; %s waiting, next try in %s', self._sink.name, error, waiting, duration(pause))
        return pause

    async def _recovered(self, sent: int) -> None:
        lasted = duration(self._clock.monotonic() - self._since)
        waited = counted(await self._waiting() + sent, "line")
        LOG.info('sink "%s" takes data again after %s; %s had waited', self._sink.name, lasted, waited)
        self._tries, self._kind = 0, ""

    def _caught_up(self) -> None:
        backfill, self._backfill = self._backfill, None
        if backfill and backfill.requests > 1:
            lasted = duration(self._clock.monotonic() - backfill.since)
            lines = counted(backfill.lines, "line")
            LOG.info('sink "%s" has caught up: %s that had waited were sent in %s', self._sink.name, lines, lasted)

    async def _waiting(self) -> int:
        try:
            return (await self._store.stats()).waiting[self._sink.name]
        except DcMonitorError:  # the disk has its own line
            return 0

    def _say_rejected(self, rejected: Sequence[Rejected]) -> None:
        """At once, then once an hour: a device that always says nonsense would fill the log."""
        self._rejected += len(rejected)
        now = self._clock.monotonic()
        if self._rejected_said is not None and now - self._rejected_said < REJECTED_SAID_EVERY:
            return
        body, reason = rejected[0]
        lines = counted(self._rejected, "line")
        shown = body[:120].decode(errors="replace").rstrip()
        LOG.warning('sink "%s" will never take %s, now in quarantine: %s: %s', self._sink.name, lines, reason, shown)
        self._rejected_said, self._rejected = now, 0


def _first_lines(batches: Sequence[Batch]) -> Sequence[Batch]:
    """As many batches as make a request of reasonable length, one at least."""
    lines = 0
    for at, batch in enumerate(batches):
        lines += batch.lines
        if at and lines > MOST_LINES:
            return batches[:at]
    return batches
