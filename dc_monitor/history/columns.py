"""Readings of a period as columns: what the archive and the recent store give, and what a KPI is computed from."""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, str, str]
"""A series within a site: device, point, quantity."""


class Samples(NamedTuple):
    """One series of a period, time strictly increasing, duplicates already gone.

    All columns have shape (n,), n >= 0. `time` is nanoseconds UTC; `value`, `low` and `high` are in the unit of
    the quantity (`names.QUANTITIES`), the bounds NaN where the reading carries none; `method` indexes
    `names.METHODS`. A value is NaN where a mean over a step ends and nothing is known after it (`means`).
    """

    time: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    method: NDArray[np.uint8]


class History(Protocol):
    """Where readings of the past come from."""

    def sites(self) -> list[str]:
        """Names of the sites that ever sent a line, sorted."""
        ...

    def read(self, site: str, start: int, end: int, wanted: Collection[Key] | None = None) -> dict[Key, Samples]:
        """Series with at least one reading in [start, end) (nanoseconds UTC); all of them when `wanted` is None."""
        ...


def empty() -> Samples:
    """A series without a reading.

    Examples
    --------
    >>> len(empty().time)
    0
    """
    return Samples(
        np.empty(0, np.int64),
        np.empty(0, np.float64),
        np.empty(0, np.float64),
        np.empty(0, np.float64),
        np.empty(0, np.uint8),
    )


def ordered(samples: Samples) -> Samples:
    """`samples` by time, and of two readings at the same instant the one that came last.

    Columns may come in any order; the position says which was written last. Already ordered columns are returned
    as they are, without a copy.

    Examples
    --------
    >>> series = Samples(np.array([2, 1, 2]), *(np.array([20.0, 10.0, 21.0]),) * 3, np.zeros(3, np.uint8))
    >>> ordered(series).value.tolist()
    [10.0, 21.0]
    """
    if bool(np.all(samples.time[1:] > samples.time[:-1])):
        return samples
    order = np.argsort(samples.time, kind="stable")
    time = samples.time[order]
    last = order[np.append(time[1:] != time[:-1], True)]
    return take(samples, last)


def merge(parts: Iterable[Samples]) -> Samples:
    """Several stretches of one series as one; where two have the same instant the later part wins."""
    stretches = [part for part in parts if len(part.time)]
    if not stretches:
        return empty()
    if len(stretches) == 1:
        return ordered(stretches[0])
    time, value, low, high, method = zip(*stretches, strict=True)
    return ordered(
        Samples(
            np.concatenate(time),
            np.concatenate(value),
            np.concatenate(low),
            np.concatenate(high),
            np.concatenate(method),
        )
    )


def between(samples: Samples, start: int, end: int) -> Samples:
    """The readings in [start, end), nanoseconds UTC, as views of `samples`, which are ordered."""
    first, last = np.searchsorted(samples.time, (start, end))
    return take(samples, slice(first, last))


def take(samples: Samples, chosen: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Samples:
    """The readings at a slice (as views), at indices or under a mask (as copies)."""
    time, value, low, high, method = samples
    return Samples(time[chosen], value[chosen], low[chosen], high[chosen], method[chosen])
