"""The hour that happens twice, in autumn: which of the two a row means, by the order of the file.

Read in the direction of time, the rows of the first pass come before the clock is put back and those of the second
after it: where the stamps fall, the second pass begins. Where they never fall but come in pairs, the first of each pair
is of the first pass. An hour told once could be either; the map says which, or its rows are refused.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dc_monitor.history.imports.mapping import Plan
from dc_monitor.history.imports.spill import CELL, Cells
from dc_monitor.history.imports.tally import REPAIRED, Tally

PENDING = np.dtype([("cell", CELL), ("local", "i8"), ("change", "i8")])
"""A cell whose time is not known yet, what the clock showed [ns], and which change of the clock it was."""
Pending = NDArray[np.void]

ONCE = 'say doubled = "first" or "second" to take them all the same'


def resolved(pending: Pending, plan: Plan, tally: Tally, descending: bool) -> Iterator[tuple[int, Cells]]:
    """Index of a series and its cells with their time; what cannot be told apart is booked."""
    for series in np.unique(pending["cell"]["series"]):
        own = pending[pending["cell"]["series"] == series]
        own = own[np.argsort(own["cell"]["line"], kind="stable")]
        if descending:
            own = own[::-1]
        for change in np.unique(own["change"]):
            rows = own[own["change"] == change]
            second, told = passes(rows["local"], *plan.zone.hour(int(change)), plan.at_end)
            yield int(series), _chosen(rows, second, told, plan, tally)


def passes(
    local: NDArray[np.int64], start: int, end: int, at_end: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which stamps are of the second pass, and of which that can be told.

    `local` [ns] in the direction of time, from `start` to `end`. Where stamps end what they tell of, one at the start
    ends the time before the doubled hour and one at the end ends the second pass, unless they are told twice.

    Examples
    --------
    >>> passes(np.array([0, 30, 0, 30]), 0, 60)
    (array([False, False,  True,  True]), array([ True,  True,  True,  True]))
    >>> passes(np.array([0, 30]), 0, 60)[1]
    array([False, False])
    """
    falls = np.flatnonzero(local[1:] < local[:-1]) + 1
    if falls.size == 1:
        return np.arange(local.size) >= falls[0], np.ones(local.size, np.bool_)
    order = np.argsort(local, kind="stable")
    first = np.append(True, local[order][1:] != local[order][:-1])
    counts = np.diff(np.append(np.flatnonzero(first), local.size))
    second = np.zeros(local.size, np.bool_)
    told = np.zeros(local.size, np.bool_)
    second[order] = ~first
    told[order] = np.repeat(counts == 2, counts)
    last = local == end
    return second | (last & ~told), told | last | (at_end & (local == start))


def _chosen(rows: Pending, second: NDArray[np.bool_], told: NDArray[np.bool_], plan: Plan, tally: Tally) -> Cells:
    cells = rows["cell"].copy()
    one, other = plan.zone.passes(rows["local"], rows["change"])
    start, end = plan.zone.hour(int(rows["change"][0]))
    day = str(np.int64(start).astype("M8[ns]").astype("M8[D]"))
    blank = np.isnan(cells["value"])
    edge = plan.at_end & ((rows["local"] == start) | (rows["local"] == end))
    by_order = told & ~edge
    tally.add(REPAIRED, f"in the hour that {day} had twice, told by their order", cells["line"][by_order & ~blank])
    if plan.doubled == "refuse":
        lost = ~told
        tally.refuse(
            int(cells["series"][0]),
            f"in the hour that {day} had twice, and told once",
            cells["line"][lost & ~blank],
            ONCE,
        )
        cells["time"] = np.where(second, other, one)
        return cells[~lost]
    taken = {
        "first": "the first of them",
        "second": "the second of them",
        "outer": "the beginning of the first and the end of the second",
    }
    why = f"in the hour that {day} had twice, told once and taken as {taken[plan.doubled]}, as told"
    tally.add(REPAIRED, why, cells["line"][~told & ~blank])
    later = plan.doubled == "second" or (plan.doubled == "outer" and (rows["local"] - start) * 2 >= end - start)
    second = np.where(told, second, later)
    cells["time"] = np.where(second, other, one)
    return cells
