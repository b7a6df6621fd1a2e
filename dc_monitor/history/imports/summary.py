"""What came in of each series, told so that a wrong unit or a wrong year is seen at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.imports.mapping import Series
from dc_monitor.history.imports.spill import Cells
from dc_monitor.names import QUANTITIES

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series, values in `unit`.

    `start` and `end` are the times of the first and the last value, or where the last interval ends [ns UTC]. `joules`
    is the energy of power told in intervals, over `known` seconds; None for anything else.
    """

    device: str
    point: str
    quantity: str
    unit: str
    kind: str
    count: int
    start: int
    end: int
    low: float
    mean: float
    high: float
    first: float
    last: float
    joules: float | None
    known: float


class Summary:
    """Adds up cells as they come, day by day."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = series
        size = len(series)
        self._count = np.zeros(size, np.int64)
        self._sum, self._weighted, self._known = np.zeros(size), np.zeros(size), np.zeros(size)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)
        self._start, self._end = np.full(size, _NEVER), np.full(size, -_NEVER)
        self._first, self._last = np.full(size, np.nan), np.full(size, np.nan)

    def add(self, cells: Cells) -> None:
        """Cells in the order of series and time, later than those before."""
        if not cells.size:
            return
        value, seconds = cells["value"], cells["step"] / NANOSECONDS
        firsts = np.flatnonzero(np.append(True, np.diff(cells["series"]) != 0))
        lasts = np.append(firsts[1:], cells.size) - 1
        series = cells["series"][firsts]
        self._count[series] += lasts + 1 - firsts
        self._sum[series] += np.add.reduceat(value, firsts)
        self._weighted[series] += np.add.reduceat(value * seconds, firsts)
        self._known[series] += np.add.reduceat(seconds, firsts)
        self._low[series] = np.minimum(self._low[series], np.minimum.reduceat(value, firsts))
        self._high[series] = np.maximum(self._high[series], np.maximum.reduceat(value, firsts))
        self._start[series] = np.minimum(self._start[series], cells["time"][firsts])
        self._end[series] = np.maximum(self._end[series], cells["time"][lasts] + cells["step"][lasts])
        self._first[series] = np.where(np.isnan(self._first[series]), value[firsts], self._first[series])
        self._last[series] = value[lasts]

    @property
    def count(self) -> int:
        """Values of all series."""
        return int(self._count.sum())

    def told(self) -> list[SeriesSummary]:
        """Series that have a value."""
        return [self._told(at, one) for at, one in enumerate(self._series) if self._count[at]]

    def _told(self, at: int, one: Series) -> SeriesSummary:
        known = float(self._known[at])
        return SeriesSummary(
            device=one.device,
            point=one.point,
            quantity=one.quantity,
            unit=QUANTITIES[one.quantity].unit.symbol,
            kind=one.kind,
            count=int(self._count[at]),
            start=int(self._start[at]),
            end=int(self._end[at]),
            low=float(self._low[at]),
            mean=float(self._weighted[at] / known if known else self._sum[at] / self._count[at]),
            high=float(self._high[at]),
            first=float(self._first[at]),
            last=float(self._last[at]),
            joules=float(self._weighted[at]) if known and one.quantity == "power" else None,
            known=known,
        )
