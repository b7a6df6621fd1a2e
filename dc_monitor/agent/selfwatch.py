"""The agent's eye on itself: what it takes, lag of the event loop, spool, and whether the wall clock stepped.

Told as the line `agent` once a minute, and on `/metrics`.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import suppress

from prometheus_client.core import Metric

from dc_monitor.agent.footprint import Footprint
from dc_monitor.agent.lag import Lag
from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.agent.words import counted, duration, size
from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.errors import DcMonitorError
from dc_monitor.names import AGENT_FIELDS, AGENT_MEASUREMENT
from dc_monitor.sinks.prometheus import family
from dc_monitor.spool import SpoolStats
from dc_monitor.wire import encode_line

LOG = logging.getLogger(__name__)

TICK = 1.0
FIRST_LINE_AFTER, LINE_EVERY, LOOK_EVERY = 5, 60, 5
"""In ticks."""
CLOCK_STEP = 2.0
"""Time servers slew by less than this between two ticks [s]."""
SAID_EVERY = 3_600.0
"""While lines are lost, that is said this often [s]."""


class SelfWatch:
    """Ticks once a second on the event loop; `store` and `pipeline` are None where nothing is sent."""

    def __init__(self, site: str, host: str, clock: Clock, store: Store | None, pipeline: Pipeline | None) -> None:
        self._tags = {"site": site, "agent": host}
        self._clock = clock
        self._store = store
        self._pipeline = pipeline
        self._footprint = Footprint()
        self._lag = Lag()
        self._spool: SpoolStats | None = None
        self._readings = self._missed = 0
        self._thinning, self._dropping = Hourly(), Hourly()

    def take(self, outcome: Outcome) -> None:
        """Count what was read, and what was not."""
        self._readings += len(outcome.readings)
        self._missed += outcome.missed
        self._footprint.take(outcome)

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Watch until cancelled; `beat` is called with every tick, as proof that the loop turns."""
        # Apart, because a disk that hangs is no loop that hangs.
        await asyncio.gather(self._tick(beat), self._follow_spool())

    def collect(self) -> Iterator[Metric]:
        """The same on `/metrics`; called on the server's thread."""
        for name, value in self._measured().items():
            field = AGENT_FIELDS[name]
            yield family(field.prometheus, field.meaning, (), [((), value)])
        if (spool := self._spool) is not None:
            yield family(
                "dcmon_quarantined_lines_total",
                "lines a sink will never take, since the spool began",
                (),
                [((), spool.quarantined_lines)],
            )
            waiting = [((sink,), lines) for sink, lines in spool.waiting.items()]
            yield family("dcmon_sink_waiting_lines", "lines a sink has not acknowledged", ("sink",), waiting)

    async def _tick(self, beat: Callable[[], None]) -> None:
        ticks = 0
        offset = self._offset()
        while True:
            due = self._clock.monotonic() + TICK
            await self._clock.sleep(TICK)
            ticks += 1
            now = self._clock.monotonic()
            self._lag.note(now - due, now)
            offset = self._watch_wall_clock(offset)
            beat()
            if ticks % LOOK_EVERY == 0:
                self._footprint.look()
            if ticks % LINE_EVERY == FIRST_LINE_AFTER:
                self._lag.turn_over()
                if self._pipeline:
                    self._pipeline.put(
                        encode_line(AGENT_MEASUREMENT, self._tags, self._measured(), self._clock.now()), 1
                    )

    async def _follow_spool(self) -> None:
        while self._store is not None:
            with suppress(DcMonitorError):  # the pipeline says it
                stats = await self._store.stats()
                if self._spool is None:
                    self._thinning.old_news(stats.thinned_lines)
                    self._dropping.old_news(stats.dropped_lines)
                self._spool = stats
            self._say_lost(self._clock.monotonic())
            await self._clock.sleep(LOOK_EVERY * TICK)

    def _measured(self) -> dict[str, float]:
        """Fields of the line `agent`: those that are known."""
        told = self._footprint.measured() | {
            "loop_lag_seconds": self._lag.worst,
            "readings_total": float(self._readings),
            "missed_total": float(self._missed),
        }
        if (spool := self._spool) is not None:
            age = 0.0 if spool.oldest is None else max(0.0, (self._clock.now() - spool.oldest) / NANOSECONDS)
            told |= {
                "spool_bytes": float(spool.bytes),
                "spool_batches": float(spool.batches),
                "spool_oldest_seconds": age,
                "thinned_total": float(spool.thinned_lines),
                "dropped_total": float(self._dropped()),
            }
        return told

    def _dropped(self) -> int:
        in_spool = self._spool.dropped_lines if self._spool else 0
        return in_spool + (self._pipeline.dropped_lines if self._pipeline else 0)

    def _say_lost(self, now: float) -> None:
        held = size(self._spool.bytes if self._spool else 0)
        if thinned := self._thinning.grown(self._spool.thinned_lines if self._spool else 0, now):
            LOG.warning(
                "%s went into means for want of room, the oldest first (%s in the spool); is a server away, or the"
                " quota too small?",
                counted(thinned, "line"),
                held,
            )
        if dropped := self._dropping.grown(self._dropped(), now):
            LOG.error(
                "%s dropped for want of room, the oldest first (%s in the spool); is a server away, the disk full, or"
                " the quota too small?",
                counted(dropped, "line"),
                held,
            )

    def _watch_wall_clock(self, before: float) -> float:
        offset = self._offset()
        if abs(offset - before) >= CLOCK_STEP:
            LOG.warning(
                "the wall clock was set %s by %s (or the machine slept); readings carry the new time, polls go on as"
                " they were",
                "forward" if offset > before else "back",
                duration(abs(offset - before)),
            )
        return offset

    def _offset(self) -> float:
        return self._clock.now() / NANOSECONDS - self._clock.monotonic()


class Hourly:
    """How much a count grew since that was last said: at once, then once an hour for as long as it goes on."""

    def __init__(self) -> None:
        self._said = 0
        self._quiet_until = -math.inf

    def old_news(self, count: int) -> None:
        """So much of it came before anybody watched."""
        self._said += count

    def grown(self, count: int, now: float) -> int:
        """What is to be said at `now` [s]; 0 when there is nothing new, or it is too early."""
        self._said = min(self._said, count)  # a spool that begins anew counts from 0
        if count == self._said or now < self._quiet_until:
            return 0
        grown, self._said, self._quiet_until = count - self._said, count, now + SAID_EVERY
        return grown
