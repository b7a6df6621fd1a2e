"""What becomes of a notice: a line for the spool, a count on `/metrics`, a line in the log; and a count of the others.

A device that repeats itself is heard once, and then as a number: what is said again within ten seconds, word for word,
is one line with its count.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from prometheus_client.core import Metric

from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.words import counted, duration
from dc_monitor.clock import Clock
from dc_monitor.config.model import Device
from dc_monitor.contract import Notice
from dc_monitor.names import EVENT_MEASUREMENT
from dc_monitor.sinks.prometheus import PLACE, family
from dc_monitor.wire import encode_line

LOG = logging.getLogger(__name__)

HOLD_SECONDS = 10.0
"""How long repetitions are counted before they are told [s]."""
MOST_HELD = 1_000
"""Notices whose repetitions are counted at a time; of others each is a line."""
LOG_SECONDS = 60.0
"""The log tells an event of a device at most this often [s]."""
QUIET_SECONDS = 30.0
"""Nothing dropped for so long is the end of it [s]."""
LONGEST_DETAILS = 4_000
"""In characters, as JSON: a site takes 4,096. What does not fit is left out, and how many values that were is told."""
SOURCE = "trap"
MILLISECOND = 1_000_000


@dataclass(slots=True)
class _Repeated:
    """What was said again since it became a line."""

    tags: Mapping[str, str]
    text: str
    details: str
    until: float
    count: int = 0
    time: int = 0


@dataclass(slots=True)
class _Drops:
    """A row of drops with one cause."""

    since: float
    last: float
    count: int


class _Kind(NamedTuple):
    """Of an event, on `/metrics` and in the log."""

    place: tuple[str, ...]
    severity: str
    event: str


class Events:
    """Takes notices on the event loop; `pipeline` is None where nothing is sent."""

    def __init__(self, site: str, clock: Clock, pipeline: Pipeline | None) -> None:
        self._site = site
        self._clock = clock
        self._pipeline = pipeline
        self._held: dict[tuple[str, str, str], _Repeated] = {}
        self._last_time = 0
        self._counts: dict[_Kind, int] = {}
        self._logged: dict[_Kind, float] = {}
        self._dropped: dict[str, int] = {}
        self._dropping: dict[str, _Drops] = {}

    def take(self, notice: Notice, device: Device | None) -> None:
        """A notice of one of our devices; of somebody else, who is called by the address."""
        now = self._clock.monotonic()
        name, room, rack = (device.name, device.room, device.rack) if device else (notice.source, "", "")
        kind = _Kind((self._site, room, rack, name if device else ""), notice.severity, notice.event)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if kind not in self._logged:
            self._logged[kind] = now + LOG_SECONDS
            level = logging.WARNING if notice.severity in ("critical", "warning") else logging.INFO
            LOG.log(level, "%s: %s, %s (%s)", name, notice.event, notice.severity, notice.text)
        details = _json(notice.details)
        key = (name, notice.severity, details)
        if (held := self._held.get(key)) is not None:
            held.count += 1
            held.time = notice.time
            return
        tags = dict(zip(PLACE, (self._site, room, rack, name), strict=True))
        tags |= {"source": SOURCE, "severity": notice.severity, "event": notice.event}
        self._write(tags, notice.text, details, 1, notice.time)
        if len(self._held) < MOST_HELD:
            self._held[key] = _Repeated(tags, notice.text, details, now + HOLD_SECONDS)

    def drop(self, cause: str, source: str, count: int, why: Mapping[str, str]) -> None:
        """So many were not heard; `why` has a sentence for the cause."""
        now = self._clock.monotonic()
        self._dropped[cause] = self._dropped.get(cause, 0) + count
        drops = self._dropping.get(cause)
        if drops is None:
            drops = self._dropping[cause] = _Drops(now, now, 0)
            LOG.warning("traps%s are dropped: %s", f" from {source}" if source else "", why.get(cause, cause))
        drops.last = now
        drops.count += count

    async def run(self) -> None:
        """Tell repetitions, and the end of drops, when it is time; until cancelled."""
        while True:
            await self._clock.sleep(1.0)
            self._tell(self._clock.monotonic())

    def flush(self) -> None:
        """Write what is held, for nobody will come later."""
        self._tell(math.inf)

    def collect(self) -> Iterator[Metric]:
        """Counts on `/metrics`; called on the server's thread."""
        if self._counts:
            values = (((*kind.place, kind.severity, kind.event), count) for kind, count in list(self._counts.items()))
            labels = (*PLACE, "severity", "event")
            yield family("dcmon_events_total", "what devices told unasked; no device: none of ours", labels, values)
        if self._dropped:
            dropped = [((cause,), count) for cause, count in list(self._dropped.items())]
            yield family("dcmon_trap_dropped_total", "traps that were not heard, by cause", ("cause",), dropped)

    def _tell(self, now: float) -> None:
        for key, held in list(self._held.items()):
            if held.until <= now:
                del self._held[key]
                if held.count:
                    self._write(held.tags, held.text, held.details, held.count, held.time)
        for cause, drops in list(self._dropping.items()):
            if drops.last + QUIET_SECONDS <= now:
                del self._dropping[cause]
                lasted = duration(drops.last - drops.since)
                LOG.info(
                    "no more traps dropped for the cause %s: %s in %s", cause, counted(drops.count, "trap"), lasted
                )
        self._logged = {kind: until for kind, until in self._logged.items() if until > now}

    def _write(self, tags: Mapping[str, str], text: str, details: str, count: int, time: int) -> None:
        if self._pipeline is None:
            return
        if 0 <= self._last_time - time < MILLISECOND:
            time = self._last_time + 1  # two points at one instant would be one
        self._last_time = time
        fields: dict[str, float | str] = {"text": text, "varbinds": details, "count": float(count)}
        self._pipeline.put(encode_line(EVENT_MEASUREMENT, tags, fields, time), 1)


def _json(details: Mapping[str, object]) -> str:
    whole = msgspec.json.encode(details).decode()
    if len(whole) <= LONGEST_DETAILS:
        return whole
    kept: dict[str, object] = {}
    room = LONGEST_DETAILS
    for name, value in details.items():
        room -= len(msgspec.json.encode({name: value}))
        if room < len('{"left_out":10000}'):
            break
        kept[name] = value
    return msgspec.json.encode({**kept, "left_out": len(details) - len(kept)}).decode()
