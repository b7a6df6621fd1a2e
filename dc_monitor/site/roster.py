"""Who speaks to us: devices and agents by their last lines, whether they still do, and the words of their states."""

import statistics
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from dc_monitor.clock import NANOSECONDS
from dc_monitor.names import AGENT_MEASUREMENT, DEVICE_MEASUREMENT
from dc_monitor.site.lastday import LastDay
from dc_monitor.wire import Line

STATE_MEASUREMENT = "state"
LATE_INTERVALS = 3
SILENT_INTERVALS = 10
SHORTEST_SILENCE = 15 * 60 * NANOSECONDS
_UNKNOWN_INTERVAL = 300 * NANOSECONDS

FAILURES = ("unreachable", "refused", "malformed", "partial")
"""Reasons of a poll that failed, as agents tell them; others are not counted."""
RETRIED = "retried"
"""The word for a poll with questions that had to be asked again."""
LOST = {"thinned_total": "thinned", "dropped_total": "dropped", "missed_total": "missed"}
"""Counters of an agent, and the words their growth is counted under."""


@dataclass(slots=True)
class Seen:
    """What a device or an agent said last.

    Its line and the one before, the word for how it went, since when that holds, and what went wrong in 24 hours.
    """

    line: Line
    word: str
    since: int
    before: Line | None = None
    times: deque[int] = field(default_factory=lambda: deque(maxlen=6))
    day: LastDay = field(default_factory=LastDay)

    def copy(self) -> "Seen":
        """The same, and nothing shared that changes."""
        return replace(self, times=self.times.copy(), day=self.day.copy())

    def state(self, now: int) -> str:
        """The word of the last line while it is fresh; then `late`, then `silent`."""
        gaps = [later - earlier for earlier, later in pairwise(self.times)]
        interval = statistics.median(gaps) if gaps else _UNKNOWN_INTERVAL
        age = now - self.line.time
        if age > max(SILENT_INTERVALS * interval, SHORTEST_SILENCE):
            return "silent"
        return "late" if age > LATE_INTERVALS * interval else self.word

    def text(self, name: str) -> str:
        """A field that is a text; "" when the line has none."""
        value = self.line.fields.get(name, "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """A field that is a number; None when the line has none."""
        return _number(self.line, name)

    def rate(self, name: str) -> float | None:
        """How fast a counter grew between the last two lines [1/s]; None when that is unknown, or it began anew."""
        was, now = _number(self.before, name), _number(self.line, name)
        if self.before is None or was is None or now is None or now < was:
            return None
        return (now - was) * NANOSECONDS / (self.line.time - self.before.time)


class Roster:
    """Devices and agents by site; any thread may add and ask."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, Seen]] = {}
        self._words: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
        self._lock = threading.Lock()

    def add(self, lines: Iterable[Line]) -> None:
        """Take the `device`, `agent` and `state` lines among `lines`; one older than the last known changes nothing."""
        with self._lock:
            for line in lines:
                if line.measurement in (DEVICE_MEASUREMENT, AGENT_MEASUREMENT):
                    name = line.tags.get(line.measurement)
                    if name:
                        self._take(self._seen.setdefault((line.tags["site"], line.measurement), {}), name, line)
                elif line.measurement == STATE_MEASUREMENT:
                    word = line.fields.get("text")
                    if isinstance(word, str) and "device" in line.tags:
                        points = self._words.setdefault((line.tags["site"], line.tags["device"]), {})
                        point = line.tags.get("point", "total")
                        points[point] = max(points.get(point, (0, "")), (line.time, word))

    def sites(self) -> list[str]:
        """Names of the sites that sent a line about a device or an agent, sorted."""
        return sorted({site for site, _ in [*self._seen]})

    def devices(self, site: str) -> dict[str, Seen]:
        """Devices of a site by name, sorted."""
        return self._of(site, DEVICE_MEASUREMENT)

    def agents(self, site: str) -> dict[str, Seen]:
        """Agents of a site by name, sorted."""
        return self._of(site, AGENT_MEASUREMENT)

    def states(self, site: str, device: str) -> dict[str, str]:
        """Newest words of the states of a device by point."""
        with self._lock:
            return {point: word for point, (_, word) in self._words.get((site, device), {}).items()}

    def _of(self, site: str, measurement: str) -> dict[str, Seen]:
        """Copies, because whoever asks looks at them while other lines come in."""
        with self._lock:
            return {name: seen.copy() for name, seen in sorted(self._seen.get((site, measurement), {}).items())}

    @staticmethod
    def _take(those: dict[str, Seen], name: str, line: Line) -> None:
        word = line.tags.get("reason") or ("ok" if line.fields.get("up", 1.0) else "unreachable")
        seen = those.get(name)
        if seen is None:
            seen = those[name] = Seen(line, word, line.time, times=deque([line.time], maxlen=6))
        elif line.time > seen.line.time:
            if word != seen.word:
                seen.word, seen.since = word, line.time
            seen.before, seen.line = seen.line, line
            seen.times.append(line.time)
            _count_losses(seen.day, seen.before, line)
        # A poll counts however late its line comes: after an outage the newest come first.
        _count_poll(seen.day, word, line)


def _count_poll(day: LastDay, word: str, line: Line) -> None:
    if word in FAILURES:
        day.mark(word, line.time)
    if (_number(line, "retries") or 0.0) > 0.0:
        day.mark(RETRIED, line.time)


def _count_losses(day: LastDay, before: Line, line: Line) -> None:
    """What counters grew by; one that fell began anew, from 0."""
    for name, word in LOST.items():
        was, now = _number(before, name), _number(line, name)
        if was is not None and now is not None and now != was:
            day.add(word, line.time, now - was if now > was else now)


def _number(line: Line | None, name: str) -> float | None:
    value = line.fields.get(name) if line else None
    return value if isinstance(value, float) else None
