"""How fast air changed its temperature."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import compiled
from dc_monitor.kernels.energy import curve, is_covered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Change(NamedTuple):
    """The largest change within a span of time [K], always positive, and when that span ended [ns].

    NaN and 0 when there were not two temperatures so close together.
    """

    kelvin: float
    end: int


def largest_change(time: ArrayLike, dry_bulb: ArrayLike, span: int, max_gap: int) -> Change:
    """How far the temperature moved at most within `span`, up or down.

    Exact for the straight lines between samples: of the two instants one is a sample, the other is a sample or lies
    a whole `span` off. Across a hole only what both of its ends show is compared.

    Parameters
    ----------
    span : int
        Length of time within which two temperatures are compared. [ns]

    Others as in `exposure.exposure`.

    Examples
    --------
    >>> minute = 60 * 10**9
    >>> largest_change([0, 10 * minute, 20 * minute], [20.0, 20.0, 30.0], 15 * minute, 15 * minute).kelvin
    10.0
    """
    when, celsius = curve(time, dry_bulb)
    if span <= 0:
        raise ValueError(f"span must be positive, not {span} ns")
    kelvin, end = _largest_change(when, celsius, span, max_gap)
    return Change(kelvin, end)


@compiled()
def _may_exceed(celsius: Floats, i: int, value: float, largest: float) -> bool:
    """Whether anything on the line of interval `i` is further from `value`; seldom, so that most lines are skipped."""
    return bool((abs(value - celsius[i]) > largest) | (abs(value - celsius[i + 1]) > largest))


@compiled()
def _at(time: Ints, celsius: Floats, i: int, moment: int, max_gap: int) -> float:
    """The line of interval `i` at `moment`, NaN where it is not covered."""
    if not is_covered(time, celsius, i, max_gap):
        return np.nan
    share = (moment - time[i]) / (time[i + 1] - time[i])
    return float(celsius[i] + (celsius[i + 1] - celsius[i]) * share)


@compiled()
def _largest_change(time: Ints, celsius: Floats, span: int, max_gap: int) -> tuple[float, int]:
    largest = -1.0
    end = 0
    # Samples of the last `span` that may still be its lowest or highest: rising and falling, the best in front.
    lows = np.empty(time.size, np.int64)
    highs = np.empty(time.size, np.int64)
    low_front = low_back = high_front = high_back = 0
    before = after = 0  # the interval that holds the instant a whole span earlier, and later
    for i in range(time.size):
        value = celsius[i]
        if not np.isfinite(value):
            continue
        while low_front < low_back and time[lows[low_front]] < time[i] - span:
            low_front += 1
        while high_front < high_back and time[highs[high_front]] < time[i] - span:
            high_front += 1
        if low_front < low_back:
            moved = max(value - celsius[lows[low_front]], celsius[highs[high_front]] - value)
            if moved > largest:
                largest, end = moved, time[i]
        while low_front < low_back and celsius[lows[low_back - 1]] >= value:
            low_back -= 1
        while high_front < high_back and celsius[highs[high_back - 1]] <= value:
            high_back -= 1
        lows[low_back] = highs[high_back] = i
        low_back += 1
        high_back += 1
        earlier, later = time[i] - span, time[i] + span
        while before < time.size - 1 and time[before + 1] <= earlier:
            before += 1
        if before < time.size - 1 and time[before] <= earlier and _may_exceed(celsius, before, value, largest):
            moved = abs(value - _at(time, celsius, before, earlier, max_gap))
            if moved > largest:
                largest, end = moved, time[i]
        while after < time.size - 1 and time[after + 1] < later:
            after += 1
        if after < time.size - 1 and time[after] <= later and _may_exceed(celsius, after, value, largest):
            moved = abs(value - _at(time, celsius, after, later, max_gap))
            if moved > largest:
                largest, end = moved, later
    return (largest, end) if largest >= 0.0 else (np.nan, 0)
