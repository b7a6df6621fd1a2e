"""Local times as instants, without guessing: some stamps happen twice, some never."""

import datetime as dt
import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS

Times = NDArray[np.int64]

_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{1,2})(?::?(\d{2}))?")
_YEARS = range(1999, 2101)


class Resolved(NamedTuple):
    """Local times as UTC [ns].

    Where `doubled` or `missing` is set the instant is not known: `utc` takes the clock as it was before the change.
    `change` is the index of the next change of the clock.
    """

    utc: Times
    doubled: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    change: NDArray[np.intp]


class Zone:
    """A zone by its name (`Europe/Paris`), or a clock that never changes (`UTC`, `+01:00`).

    Raises `ValueError` for an unknown one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        found = _OFFSET.fullmatch(name)
        self._fixed: int | None = 0 if name in ("UTC", "Z") else None
        if found:
            minutes = int(found[2]) * 60 + int(found[3] or 0)
            self._fixed = (-1 if found[1] == "-" else 1) * minutes * 60 * NANOSECONDS
        elif self._fixed is None:
            try:
                self._zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f'"{name}": unknown time zone; expected such as "Europe/Paris" or "+01:00"') from None

    @cached_property
    def _changes(self) -> tuple[Times, Times]:
        """When the clock changes [ns UTC], and the offsets before the first and after each change [ns]."""
        if self._fixed is not None:
            return np.empty(0, np.int64), np.array([self._fixed], np.int64)
        changes = [*_changes(self._zone)]
        first = self._offset(dt.datetime(_YEARS[0], 1, 1, tzinfo=dt.UTC))
        return (
            np.array([when for when, _ in changes], np.int64),
            np.array([first, *(offset for _, offset in changes)], np.int64),
        )

    def _offset(self, when: dt.datetime) -> int:
        return _offset(self._zone, when)

    def resolve(self, local: Times, at_end: bool = False) -> Resolved:
        """Local times [ns, as if they were UTC] as instants.

        `at_end` says that a stamp ends what it tells of: the one at which an hour begins to be missing is then the
        instant of the change, and the one at which a doubled hour ends may be it as well.
        """
        when, offsets = self._changes
        before, after = offsets[:-1], offsets[1:]
        change = np.searchsorted(when + np.maximum(before, after), local, side="right")
        utc = local - offsets[change]
        nowhere = np.zeros(local.size, np.bool_)
        if not when.size:
            return Resolved(utc, nowhere, nowhere, change)
        # The last change at or before which each stamp may lie; one that ends a doubled hour lies after it.
        near = np.minimum(change, when.size - 1)
        if at_end:
            previous = np.maximum(change - 1, 0)
            ends = (change > 0) & (local == when[previous] + before[previous]) & (before[previous] > after[previous])
            near = np.where(ends, previous, near)
        low, high = when + np.minimum(before, after), when + np.maximum(before, after)
        falls = before[near] > after[near]
        inside = (local >= low[near]) & ((local < high[near]) | (at_end & falls & (local == high[near])))
        if at_end:
            inside &= falls | (local > low[near])
        return Resolved(utc, inside & falls, inside & ~falls, near)

    def passes(self, local: Times, change: NDArray[np.intp]) -> tuple[Times, Times]:
        """The two instants of stamps that happened twice."""
        _, offsets = self._changes
        return local - offsets[change], local - offsets[change + 1]

    def hour(self, change: int) -> tuple[int, int]:
        """The stamps between which a change makes them happen twice or never [ns, as if they were UTC]."""
        when, offsets = self._changes
        edges = sorted((int(when[change] + offsets[change]), int(when[change] + offsets[change + 1])))
        return edges[0], edges[1]

    def local(self, utc: Times) -> Times:
        """What the clock shows at instants [ns, as if it were UTC]."""
        when, offsets = self._changes
        return utc + offsets[np.searchsorted(when, utc, side="right")]


def _offset(zone: ZoneInfo, when: dt.datetime) -> int:
    offset = when.astimezone(zone).utcoffset() or dt.timedelta()
    return round(offset.total_seconds()) * NANOSECONDS


def _changes(zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Each change of the clock [ns UTC] and the offset from then on [ns]; at most one a day."""
    day, end = dt.datetime(_YEARS[0], 1, 1, tzinfo=dt.UTC), dt.datetime(_YEARS[-1] + 1, 1, 1, tzinfo=dt.UTC)
    offset = _offset(zone, day)
    while day < end:
        following = day + dt.timedelta(days=1)
        new = _offset(zone, following)
        if new != offset:
            low, high = int(day.timestamp()), int(following.timestamp())
            while high - low > 1:
                middle = (low + high) // 2
                same = _offset(zone, dt.datetime.fromtimestamp(middle, dt.UTC)) == offset
                low, high = (middle, high) if same else (low, middle)
            yield high * NANOSECONDS, new
        day, offset = following, new
