r"""Whether moist air lies within an envelope: limits of dry-bulb temperature, dew point and relative humidity at once.

On a psychrometric chart the three cut out one area. ASHRAE gives two limits of moisture on either side (a dew point
and a relative humidity) of which the stricter applies, which is the same as: all of them hold.

The dew point is limited through the vapour pressure it stands for, so nothing is inverted; below 0 °C that is the
pressure over ice, as in ASHRAE's own tables.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import compiled
from dc_monitor.kernels.energy import curve, is_covered
from dc_monitor.kernels.psychrometrics import saturation_pressure, vapour_pressure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Range = tuple[float, float]
"""Lowest and highest, both within."""


class Moist(NamedTuple):
    """Limits of moist air: dry-bulb temperature [°C], dew point [°C], relative humidity 0–1."""

    dry_bulb: Range
    dew_point: Range
    relative_humidity: Range


class Within(NamedTuple):
    """Time within an envelope, and time that is known at all [ns]."""

    within: float
    known: int


def is_within(dry_bulb: ArrayLike, relative_humidity: ArrayLike, limits: Moist) -> NDArray[np.bool_]:
    """Whether each state lies within the envelope; what is missing lies nowhere.

    Parameters
    ----------
    dry_bulb : float64
        Temperature, −100 to 200 °C; NaN where it is missing.
    relative_humidity : float64, broadcast with `dry_bulb`
        As a ratio 0–1, up to 1.1 taken as 1; NaN where it is missing.

    Raises
    ------
    ValueError
        If a value is out of range or an upper limit lies below its lower one.

    Examples
    --------
    >>> a1 = Moist((15.0, 32.0), (-12.0, 17.0), (0.08, 0.80))
    >>> is_within([20.0, 20.0, 40.0], [0.5, 0.9, 0.2], a1).tolist()
    [True, False, False]
    """
    low, high = _bounds(limits)
    states = _states(dry_bulb, relative_humidity)
    inside = np.ones(states[0].shape, bool)
    for quantity, below, above in zip(states, low, high, strict=True):
        inside &= (quantity >= below) & (quantity <= above)
    return inside


def time_within(
    time: ArrayLike,
    dry_bulb: ArrayLike,
    relative_humidity: ArrayLike,
    max_gap: int,
    limits: Moist,
    start: int | None = None,
    end: int | None = None,
) -> Within:
    """Time a series lies within an envelope, within a period.

    Temperature, relative humidity and vapour pressure are each a straight line between the samples of a covered
    interval. Within it, the time each of them keeps to its limits is one stretch; what they share counts.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    dry_bulb, relative_humidity : float64, shape (n,)
        As in `is_within`; `interpolated` brings two series to common instants.
    max_gap : int
        Longest interval taken as continuous. [ns]
    start, end : int
        The period, from the first to the last sample when not told. [ns]

    Raises
    ------
    ValueError
        If shapes differ, `time` does not increase, a value is out of range or limits do not rise.
    """
    when, celsius = curve(time, dry_bulb)
    _, humidity = curve(time, relative_humidity)
    low, high = _bounds(limits)
    first, last = (int(when[0]), int(when[-1])) if when.size else (0, 0)
    begins, ends = first if start is None else start, last if end is None else end
    return Within(*_time_within(when, _states(celsius, humidity), low, high, max_gap, begins, ends))


def interpolated(time: ArrayLike, value: ArrayLike, at: ArrayLike, max_gap: int) -> Floats:
    """A series at other instants, on the straight line between its samples; NaN where it is not covered.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    value : float64, shape (n,)
        In any unit; NaN where a poll got no answer.
    at : int64, shape (m,), sorted
        The instants asked for. [ns]
    max_gap : int
        Longest interval taken as continuous. [ns]

    Returns
    -------
    float64, shape (m,)
        A sample that is hit exactly is told as it is, whatever lies around it.

    Examples
    --------
    >>> interpolated([0, 10, 50], [1.0, 2.0, 3.0], [5, 10, 30], max_gap=10).tolist()
    [1.5, 2.0, nan]
    """
    when, values = curve(time, value)
    return _interpolated(when, values, np.ascontiguousarray(at, np.int64), max_gap)


def _bounds(limits: Moist) -> tuple[Floats, Floats]:
    """Lower and upper limits of what `_states` gives; an infinite dew point is no limit."""
    for name, (low, high) in zip(Moist._fields, limits, strict=True):
        if not low <= high:
            raise ValueError(f"limits of {name} must rise, not {low} to {high}")
    edges = np.array([_vapour(limits.dew_point[0]), _vapour(limits.dew_point[1])])
    low, high = np.array([limits.dry_bulb, limits.relative_humidity, edges]).T
    return np.ascontiguousarray(low), np.ascontiguousarray(high)


def _vapour(dew_point: float) -> float:
    return dew_point if np.isinf(dew_point) else float(saturation_pressure(dew_point))


def _states(dry_bulb: ArrayLike, relative_humidity: ArrayLike) -> Floats:
    """Temperature, relative humidity and vapour pressure, shape (3, …)."""
    vapour = vapour_pressure(dry_bulb, relative_humidity)
    celsius, humidity = np.broadcast_arrays(np.asarray(dry_bulb, np.float64), np.asarray(relative_humidity, np.float64))
    return np.stack((celsius, np.clip(humidity, 0.0, 1.0), vapour))


@compiled()
def _time_within(
    time: Ints, states: Floats, low: Floats, high: Floats, max_gap: int, start: int, end: int
) -> tuple[float, int]:
    within = 0.0
    known = 0
    i = max(int(np.searchsorted(time, start, side="right")) - 1, 0)
    while i < time.size - 1 and time[i] < end:
        begins, ends = max(start, time[i]), min(end, time[i + 1])
        covered = begins < ends
        # The stretch of the interval, 0–1, in which all quantities keep to their limits.
        enter = (begins - time[i]) / (time[i + 1] - time[i])
        leave = (ends - time[i]) / (time[i + 1] - time[i])
        for q in range(states.shape[0]):
            covered &= is_covered(time, states[q], i, max_gap)
            first, last = states[q, i], states[q, i + 1]
            if first == last:
                leave = leave if low[q] <= first <= high[q] else enter
            else:
                one, other = (low[q] - first) / (last - first), (high[q] - first) / (last - first)
                enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
        if covered:
            known += ends - begins
            within += max(leave - enter, 0.0) * (time[i + 1] - time[i])
        i += 1
    return within, known


@compiled()
def _interpolated(time: Ints, value: Floats, at: Ints, max_gap: int) -> Floats:
    found = np.full(at.size, np.nan)
    i = 0
    for k in range(at.size):
        while i < time.size - 1 and time[i + 1] <= at[k]:
            i += 1
        if i < time.size and time[i] == at[k]:
            found[k] = value[i]
        elif i < time.size - 1 and time[i] < at[k] and is_covered(time, value, i, max_gap):
            found[k] = value[i] + (value[i + 1] - value[i]) * ((at[k] - time[i]) / (time[i + 1] - time[i]))
    return found
