"""The agent's eye on itself: memory, processor, lag of the event loop, spool, and whether the wall clock stepped.

Told as the line `agent` once a minute, and on `/metrics`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.agent.words import counted, duration, size
from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.errors import DcMonitorError
from dc_monitor.names import AGENT_MEASUREMENT
from dc_monitor.spool import SpoolStats
from dc_monitor.wire import encode_line

LOG = logging.getLogger(__name__)

TICK = 1.0
FIRST_LINE_AFTER, LINE_EVERY, STATS_EVERY = 5, 60, 5
"""In ticks."""
CLOCK_STEP = 2.0
"""Time servers slew by less than this between two ticks [s]."""
DROPPED_SAID_EVERY = 3_600.0

FAMILIES = {
    "rss_bytes": ("dcmon_agent_resident_memory_bytes", "memory held"),
    "cpu_seconds": ("dcmon_agent_cpu_seconds_total", "processor time, user and system"),
    "loop_lag_seconds": ("dcmon_agent_loop_lag_seconds", "longest delay of the event loop in the last minute"),
    "spool_bytes": ("dcmon_spool_bytes", "bytes of lines that wait for a sink"),
    "spool_batches": ("dcmon_spool_batches", "batches that wait for a sink"),
    "spool_oldest_seconds": ("dcmon_spool_oldest_age_seconds", "age of the oldest batch that waits"),
    "readings_total": ("dcmon_readings_total", "readings since the agent started"),
    "dropped_total": ("dcmon_dropped_lines_total", "lines dropped for want of room, since the spool began"),
}
"""Field of the line `agent` → metric family."""

EMPTY = SpoolStats(0, 0, 0, None, 0, 0, {})


class SelfWatch:
    """Ticks once a second on the event loop; `store` and `pipeline` are None where nothing is sent."""

    def __init__(self, site: str, host: str, clock: Clock, store: Store | None, pipeline: Pipeline | None) -> None:
        self._tags = {"site": site, "agent": host}
        self._clock = clock
        self._store = store
        self._pipeline = pipeline
        self._process = psutil.Process()
        self._spool = EMPTY
        self._readings = 0
        self._lag = self._worst_lag = 0.0
        self._dropped: int | None = None
        self._quiet_until = 0.0

    def take(self, outcome: Outcome) -> None:
        """Count what was read."""
        self._readings += len(outcome.readings)

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Watch until cancelled; `beat` is called with every tick, as proof that the loop turns."""
        ticks = 0
        offset = self._offset()
        await self._look_at_spool()
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(TICK)
            ticks += 1
            self._worst_lag = max(self._worst_lag, self._clock.monotonic() - before - TICK)
            offset = self._watch_wall_clock(offset)
            beat()
            if ticks % STATS_EVERY == 0:
                await self._look_at_spool()
            if ticks % LINE_EVERY == FIRST_LINE_AFTER:
                self._lag, self._worst_lag = self._worst_lag, 0.0
                if self._pipeline:
                    self._pipeline.put(
                        encode_line(AGENT_MEASUREMENT, self._tags, self._measured(), self._clock.now()), 1
                    )

    def collect(self) -> Iterator[Metric]:
        """The same on `/metrics`; called on the server's thread."""
        for field, value in self._measured().items():
            name, meaning = FAMILIES[field]
            counter = name.endswith("_total")
            family = CounterMetricFamily(name, meaning) if counter else GaugeMetricFamily(name, meaning)
            family.add_metric((), value)
            yield family
        if self._store is not None:
            yield CounterMetricFamily(
                "dcmon_quarantined_lines_total", "lines a sink will never take", self._spool.quarantined_lines
            )
            waiting = GaugeMetricFamily(
                "dcmon_sink_waiting_lines", "lines a sink has not acknowledged", labels=["sink"]
            )
            for sink, lines in self._spool.waiting.items():
                waiting.add_metric((sink,), lines)
            yield waiting

    def _measured(self) -> dict[str, float]:
        cpu = self._process.cpu_times()
        spool = self._spool
        age = 0.0 if spool.oldest is None else max(0.0, (self._clock.now() - spool.oldest) / NANOSECONDS)
        return {
            "rss_bytes": float(self._process.memory_info().rss),
            "cpu_seconds": cpu.user + cpu.system,
            "loop_lag_seconds": max(self._lag, self._worst_lag),
            "spool_bytes": float(spool.bytes),
            "spool_batches": float(spool.batches),
            "spool_oldest_seconds": age,
            "readings_total": float(self._readings),
            "dropped_total": float(self._lost()),
        }

    async def _look_at_spool(self) -> None:
        if self._store is None:
            return
        with suppress(DcMonitorError):  # the pipeline says it
            self._spool = await self._store.stats()
        self._say_dropped(self._lost(), self._clock.monotonic())

    def _lost(self) -> int:
        return self._spool.dropped_lines + (self._pipeline.dropped_lines if self._pipeline else 0)

    def _say_dropped(self, dropped: int, now: float) -> None:
        """At once, then once an hour for as long as it goes on; what was lost before this start is old news."""
        if self._dropped is None:
            self._dropped = dropped
        if dropped == self._dropped or now < self._quiet_until:
            return
        LOG.error(
            "%s dropped for want of room, the oldest first (%s in the spool); is a server away, the disk full, or the"
            " quota too small?",
            counted(dropped - self._dropped, "line"),
            size(self._spool.bytes),
        )
        self._dropped, self._quiet_until = dropped, now + DROPPED_SAID_EVERY

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
