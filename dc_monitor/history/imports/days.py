"""Cells day by day, as the archive keeps them: once each, intervals with their step and cut at midnight UTC."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.imports.mapping import Plan
from dc_monitor.history.imports.spill import DAY, Cells, Spill
from dc_monitor.history.imports.summary import Summary
from dc_monitor.history.imports.tally import REPAIRED, Tally

_BACK = 2
"""Days by which a cell may begin before the day of its stamp: an interval lasts a local day of 25 h at most."""
_AROUND = 2
"""Days on either side that tell how far it is from row to row."""


def days(plan: Plan, tally: Tally, spill: Spill, summary: Summary) -> Iterator[tuple[int, Cells]]:
    """Days since 1970, each once and in their order, with their cells by series and time."""
    ready: defaultdict[int, list[Cells]] = defaultdict(list)
    ends = np.full(len(plan.series), np.iinfo(np.int64).min)
    stamped = spill.days()
    for at, day in enumerate(stamped):
        cells = once(spill.day(day), plan.repeated, tally)
        if any(one.by_neighbours for one in plan.series):
            around = [spill.day(other) for other in stamped[max(at - _AROUND, 0) : at + _AROUND + 1]]
            cells = _stepped(cells, np.concatenate(around), plan, tally)
        cells = _apart(cells, ends, tally)
        summary.add(cells)
        for piece in _within_days(cells):
            ready[int(piece["time"][0] // DAY)].append(piece)
        for past in sorted(one for one in ready if one < day - _BACK):
            yield past, _sorted(ready.pop(past))
    for last in sorted(ready):
        yield last, _sorted(ready[last])


def once(cells: Cells, repeated: str, tally: Tally) -> Cells:
    """Cells by series and time, of several with the same time one, or none when they differ and nobody said which."""
    blank = np.isnan(cells["value"])
    cells = _chosen(cells, np.lexsort((cells["line"], blank, cells["time"], cells["series"])))
    same = (cells["series"][1:] == cells["series"][:-1]) & (cells["time"][1:] == cells["time"][:-1])
    if not same.any():
        return cells
    again = np.append(False, same)
    group = np.cumsum(~again) - 1
    first = np.flatnonzero(~again)[group]
    blank = np.isnan(cells["value"])
    differs = ~blank & ((cells["value"] != cells["value"][first]) | (cells["step"] != cells["step"][first]))
    contested = np.zeros(group[-1] + 1, np.bool_)
    contested[group[differs]] = True
    contested = contested[group]
    tally.add(REPAIRED, "told again with the same value, kept once", cells["line"][again & ~blank & ~contested])
    kept = ~again
    if repeated == "refuse":
        kept &= ~contested
        lost = cells[contested & ~blank]
        for series in np.unique(lost["series"]):
            lines = lost["line"][lost["series"] == series]
            cure = 'say repeated = "first" or "last"; does the file hold several devices? then say where = {...}'
            tally.refuse(int(series), "told again with another value", lines, cure)
        return _chosen(cells, kept)
    if repeated == "last":
        last = np.append(group[1:] != group[:-1], True)
        valued = contested & ~blank
        final = valued & (last | np.append(~valued[1:], True))
        kept = np.where(contested, final, kept)
    which = "first" if repeated == "first" else "last"
    why = f"told again with another value, the {which} kept, as told"
    tally.add(REPAIRED, why, cells["line"][contested & ~blank & ~kept])
    return _chosen(cells, kept)


def distances(time: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long each interval lasts that ends at `time` (increasing), by the way from row to row; 0 where none can say.

    The way from the row before is believed when the way before or after it is as long. Where it is longer something is
    missing; then the way on both sides of the hole, if it is the same, is believed, and so it is at the beginning.

    Examples
    --------
    >>> distances(np.array([0, 10, 20, 50, 60, 70])).tolist()
    [10, 10, 10, 10, 10, 10]
    >>> distances(np.array([0, 60, 120, 150, 180])).tolist()
    [60, 60, 60, 30, 30]
    """
    if time.size < 2:
        return np.zeros(time.size, np.int64)
    none = -1
    way = np.diff(time)
    own = np.append(none, way)
    before = np.concatenate(([none, none], way[:-1]))
    after = np.append(way, none)
    beyond = np.concatenate((way[1:], [none, none]))
    alone = (before == none) & (beyond == none)  # two rows in all
    believed = (own != none) & ((own == before) | (own == after) | alone)
    hole = ~believed & ((own == none) | (own > after)) & ((before == after) | (before == none))
    hole &= (after != none) & ((beyond == after) | (beyond == none))
    return np.where(believed, own, np.where(hole, after, 0))


def _stepped(cells: Cells, around: Cells, plan: Plan, tally: Tally) -> Cells:
    """Give intervals the step that the rows around them show; blank ones have then done their work."""
    lost = np.zeros(cells.size, np.bool_)
    for index, one in enumerate(plan.series):
        if not one.by_neighbours:
            continue
        own = np.flatnonzero(cells["series"] == index)
        times = np.unique(around["time"][around["series"] == index])
        steps = distances(times) if one.at_end else distances(-times[::-1])[::-1]
        found = steps[np.searchsorted(times, cells["time"][own])]
        blank = np.isnan(cells["value"][own])
        unknown = own[(found == 0) & ~blank]
        cure = 'if all steps are as long, say so, such as step = "30 min"'
        tally.refuse(index, "no row beside it tells how long its interval is", cells["line"][unknown], cure)
        lost[own[blank]] = lost[unknown] = True
        long = own[(found > DAY) & ~blank]
        tally.refuse(index, "an interval longer than a day", cells["line"][long])
        lost[long] = True
        cells["step"][own] = found
        if one.at_end:
            cells["time"][own] -= found
        if one.measure.amount:
            cells["value"][own] /= np.maximum(found, 1) / NANOSECONDS
    cells = _chosen(cells, ~lost)
    return _chosen(cells, np.lexsort((cells["time"], cells["series"])))


def _apart(cells: Cells, ends: NDArray[np.int64], tally: Tally) -> Cells:
    """Refuse intervals that begin inside the one before; `ends` is when the last of each series ended."""
    if not cells.size:
        return cells
    end = cells["time"] + cells["step"]
    first = np.append(True, cells["series"][1:] != cells["series"][:-1])
    before = np.where(first, ends[cells["series"]], np.roll(end, 1))
    inside = (cells["step"] > 0) & (cells["time"] < before)
    for series in np.unique(cells["series"][inside]):
        lines = cells["line"][inside & (cells["series"] == series)]
        tally.refuse(int(series), "begins inside the interval before it", lines, "is the step right?")
    np.maximum.at(ends, cells["series"], np.where(cells["step"] > 0, end, ends[cells["series"]]))
    return _chosen(cells, ~inside)


def _within_days(cells: Cells) -> Iterator[Cells]:
    """Cells of one UTC day at a time; an interval over midnight is two."""
    while cells.size:
        day = cells["time"] // DAY
        if day[0] == day[-1] and not cells["step"].any() and bool((day == day[0]).all()):
            yield cells
            return
        over = cells["time"] + cells["step"] > (day + 1) * DAY
        here = cells.copy()
        here["step"][over] = ((day + 1) * DAY - cells["time"])[over]
        for one in np.unique(day):
            yield here[day == one]
        rest = cells[over].copy()
        rest["step"] -= here["step"][over]
        rest["time"] += here["step"][over]
        cells = rest


def _chosen(cells: Cells, which: NDArray[np.bool_] | NDArray[np.intp]) -> Cells:
    chosen: Cells = cells[which]
    return chosen


def _sorted(parts: Sequence[Cells]) -> Cells:
    if len(parts) == 1:
        return parts[0]
    cells: Cells = np.concatenate(parts)
    return _chosen(cells, np.lexsort((cells["time"], cells["series"])))
