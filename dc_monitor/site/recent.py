"""The last 26 hours in memory, for everything that is computed or drawn every minute.

Raw readings of the series that matter, ordered, without duplicates, the same `read` as the archive. Outlets and
banks of a strip are left to the archive, unless a meter reads them.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.columns import Key, Samples, between, empty, merge
from dc_monitor.names import METHODS, WORDS
from dc_monitor.topology import Topology, contains
from dc_monitor.wire import Line

SPAN = 26 * 3600 * NANOSECONDS
"""A day, the hour that the longest day has more, and the hour before a window that its figures look at."""
LIMIT = 4_000_000
"""Readings in memory, about 33 bytes each."""
METERED = ("power", "energy", "uptime")
"""What energy is made of; uptime tells a register that restarted from one that wrapped."""
SHOWN = ("temperature", "charge", "runtime", "time_on_battery", "state")
_CROWD = 256  # fresh readings of a series that are worth ordering
_AHEAD = 60 * NANOSECONDS  # clocks of agents may differ that much

LOG = logging.getLogger(__name__)


class Newest(NamedTuple):
    """The newest reading of a series, and the usual time between two of them (nanoseconds, 0 if not known)."""

    time: int
    value: float
    low: float
    high: float
    method: int
    period: int


class Recent:
    """Readings by site and series; any thread may add and read.

    `topologies`, by site, name the series that meters read. `span` is how far back is kept [ns], `limit` how many
    readings in all: beyond it the span shrinks, and that is said.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        topologies: Mapping[str, Topology] = MappingProxyType({}),
        span: int = SPAN,
        limit: int = LIMIT,
    ) -> None:
        self._now = clock
        self._metered = {
            (site, *meter.reads) for site, tree in topologies.items() for meter in tree.meters if meter.reads
        }
        self._span = span
        self._limit = limit
        self._count = 0
        self._sites: dict[str, dict[Key, _Series]] = {}
        self._lock = threading.Lock()

    def add(self, lines: Iterable[Line]) -> None:
        """Take the readings among `lines`, in any order of time; each line has its site."""
        with self._lock:
            horizon = self.begin()
            for line in lines:
                word = WORDS.get(line.measurement)
                value = line.fields.get(word) if word else None
                if isinstance(value, float) and line.time >= horizon:
                    self._take(line, value, str(word))
            if self._count > self._limit:
                self._shrink()

    def fill(self, site: str, series: dict[Key, Samples]) -> None:
        """Take whole series, as the archive gives them."""
        with self._lock:
            for key, samples in series.items():
                if self._matters(site, key):
                    its = self._sites.setdefault(site, {}).setdefault(key, _Series())
                    self._count -= len(its.samples.time)
                    its.samples = merge((samples, its.samples))
                    self._count += len(its.samples.time)
            if self._count > self._limit:
                self._shrink()

    def begin(self) -> int:
        """How far back memory goes, nanoseconds UTC."""
        return self._now() - self._span

    def sites(self) -> list[str]:
        """Names of the sites that sent a reading, sorted."""
        return sorted(self._sites)

    def read(self, site: str, start: int, end: int, wanted: Collection[Key] | None = None) -> dict[Key, Samples]:
        """Series with at least one reading in [start, end), nanoseconds UTC; all of them when `wanted` is None."""
        with self._lock:
            its = self._sites.get(site, {})
            chosen = its if wanted is None else {*wanted} & its.keys()
            found = {key: between(self._ordered(its[key]), start, end) for key in chosen}
        return {key: samples for key, samples in found.items() if len(samples.time)}

    def newest(self, site: str, key: Key, now: int) -> Newest | None:
        """The newest reading that is not from the future; None when there is none."""
        with self._lock:
            series = self._sites.get(site, {}).get(key)
            samples = self._ordered(series) if series else empty()
        last = int(np.searchsorted(samples.time, now + _AHEAD, side="right"))
        if not last:
            return None
        period = np.median(np.diff(samples.time[max(last - 10, 0) : last])) if last > 1 else 0
        time, value, low, high, method = (column[last - 1].item() for column in samples)
        return Newest(time, value, low, high, method, int(period))

    def methods(self, site: str) -> set[int]:
        """How the readings of a site came to be, as indices into `names.METHODS`."""
        with self._lock:
            methods = [np.unique(self._ordered(series).method) for series in self._sites.get(site, {}).values()]
        return {int(code) for codes in methods for code in codes}

    def keys(self, site: str) -> list[Key]:
        """Series of a site that have a reading, sorted; those that fell silent are forgotten."""
        with self._lock:
            its = self._sites.get(site, {})
            for key in [key for key, series in its.items() if not len(self._ordered(series).time)]:
                del its[key]
            return sorted(its)

    def _take(self, line: Line, value: float, word: str) -> None:
        tags, fields = line.tags, line.fields
        if "device" not in tags:
            return
        key = (tags["device"], tags.get("point", "total"), line.measurement)
        its = self._sites.setdefault(tags["site"], {})
        series = its.get(key)
        if series is None:
            if not self._matters(tags["site"], key):
                return
            series = its[key] = _Series()
        low, high = fields.get(f"{word}_low"), fields.get(f"{word}_high")
        bounds = (low, high) if isinstance(low, float) and isinstance(high, float) else (np.nan, np.nan)
        series.fresh.append((line.time, value, *bounds, METHODS.index(tags.get("method", "measured"))))
        self._count += 1
        if len(series.fresh) >= _CROWD:
            self._ordered(series)

    def _matters(self, site: str, key: Key) -> bool:
        device, point, quantity = key
        if quantity not in (*METERED, *SHOWN):
            return False
        if not point.startswith(("outlet", "bank")):
            return True
        return any((site, device) == metered[:2] and contains(metered[2], point) for metered in self._metered)

    def _ordered(self, series: "_Series") -> Samples:
        before = len(series.samples.time) + len(series.fresh)
        series.order(self.begin())
        self._count += len(series.samples.time) - before
        return series.samples

    def _shrink(self) -> None:
        """Forget the oldest tenth, again and again until the rest fits."""
        while self._count > self._limit and self._span > NANOSECONDS:
            self._span = self._span * 9 // 10
            for its in self._sites.values():
                for series in its.values():
                    self._ordered(series)
        LOG.warning(
            "more than %d readings in memory: live figures now look back %.1f h; the archive keeps everything",
            self._limit,
            self._span / NANOSECONDS / 3600,
        )


class _Series:
    """One series: what is in order, and what came since."""

    __slots__ = ("fresh", "samples")

    def __init__(self) -> None:
        self.samples = empty()
        self.fresh: list[tuple[int, float, float, float, int]] = []

    def order(self, horizon: int) -> None:
        if self.fresh:
            time, value, low, high, method = zip(*self.fresh, strict=True)
            fresh = Samples(
                np.array(time, np.int64),
                np.array(value, np.float64),
                np.array(low, np.float64),
                np.array(high, np.float64),
                np.array(method, np.uint8),
            )
            self.samples = merge((self.samples, fresh))
            self.fresh.clear()
        if len(self.samples.time) and self.samples.time[0] < horizon:
            self.samples = between(self.samples, horizon, 2**63 - 1)
