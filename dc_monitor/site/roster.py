"""Who speaks to us: devices and agents by their last lines, whether they still do, and the words of their states."""

import statistics
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from dc_monitor.clock import NANOSECONDS
from dc_monitor.names import AGENT_MEASUREMENT, DEVICE_MEASUREMENT
from dc_monitor.wire import Line

STATE_MEASUREMENT = "state"
LATE_INTERVALS = 3
SILENT_INTERVALS = 10
SHORTEST_SILENCE = 15 * 60 * NANOSECONDS
_UNKNOWN_INTERVAL = 300 * NANOSECONDS


@dataclass(slots=True)
class Seen:
    """What a device or an agent said last: its line, the word for how it went, and since when that holds."""

    line: Line
    word: str
    since: int
    times: deque[int] = field(default_factory=lambda: deque(maxlen=6))

    def state(self, now: int) -> str:
        """The word of the last line while it is fresh; then `late`, then `silent`."""
        gaps = [later - earlier for earlier, later in zip(self.times, [*self.times][1:], strict=False)]
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
        value = self.line.fields.get(name)
        return value if isinstance(value, float) else None


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
        with self._lock:
            return dict(sorted(self._seen.get((site, measurement), {}).items()))

    @staticmethod
    def _take(those: dict[str, Seen], name: str, line: Line) -> None:
        word = line.tags.get("reason") or ("ok" if line.fields.get("up", 1.0) else "unreachable")
        seen = those.get(name)
        if seen is None:
            seen = those[name] = Seen(line, word, line.time)
        elif line.time <= seen.line.time:
            return
        elif word != seen.word:
            seen.word, seen.since = word, line.time
        seen.line = line
        seen.times.append(line.time)
