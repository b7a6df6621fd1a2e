r"""How long, and how far, air was outside its limits.

The dry-bulb temperature is a straight line between the samples of a covered interval (`kernels.energy`: no longer
than `max_gap`, finite at both ends), and everything here is exact for that line. The rest is a hole: it adds no time
within limits and none outside.

Sums have the fixed order of `kernels.energy`: interval `i` of a series goes to lane :math:`i \bmod 64`.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import PARALLEL, SECOND, compiled
from dc_monitor.kernels.energy import LANES, curve, is_covered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Limits = tuple[float, float, float, float]

BELOW_ALLOWABLE, BELOW_RECOMMENDED, ABOVE_RECOMMENDED, ABOVE_ALLOWABLE = range(4)
"""Which limit is exceeded: last axis of `Exposures.beyond` and `excess`."""


class DryBulb(NamedTuple):
    """Limits of the dry-bulb temperature, rising [°C]."""

    allowable_low: float
    recommended_low: float
    recommended_high: float
    allowable_high: float


class Exposure(NamedTuple):
    """What the air of one series did between its limits.

    `known` is the covered time [ns]; `beyond` the time beyond each limit [ns] and `excess` by how much, integrated
    over that time [K s], shape (4,). Air above what is allowable is above what is recommended too.
    """

    known: int
    beyond: Floats
    excess: Floats


class Exposures(NamedTuple):
    """The same for several series, shapes (m,), (m, 4) and (m, 4)."""

    known: Ints
    beyond: Floats
    excess: Floats


def exposure(
    time: ArrayLike,
    dry_bulb: ArrayLike,
    max_gap: int,
    limits: DryBulb,
    start: int | None = None,
    end: int | None = None,
) -> Exposure:
    r"""Time and kelvin-seconds of one series beyond its limits, within a period.

    With :math:`d` the distance beyond a limit at the ends of an interval of length :math:`\Delta t`, positive outside,
    the excess is :math:`\Delta t\,(d_0 + d_1)/2` where both are outside and :math:`\Delta t\,d_+^2 / 2|d_0 - d_1|`
    where the line crosses the limit.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    dry_bulb : float64, shape (n,)
        Temperature; NaN (or any value that is not finite) where a poll got no answer. [°C]
    max_gap : int
        Longest interval taken as continuous. [ns]
    limits : DryBulb
        A temperature on a limit is within it. [°C]
    start, end : int
        The period, from the first to the last sample when not told; an interval it cuts counts as far as it lies
        within. [ns]

    Raises
    ------
    ValueError
        If shapes differ, `time` does not increase or limits do not rise; the message gives both values.

    Examples
    --------
    >>> minute = 60 * 10**9
    >>> found = exposure([0, minute], [26.0, 28.0], minute, DryBulb(15.0, 18.0, 27.0, 32.0))
    >>> found.known, found.beyond.tolist(), found.excess.tolist()
    (60000000000, [0.0, 0.0, 30000000000.0, 0.0], [0.0, 0.0, 15.0, 0.0])
    """
    when, celsius = curve(time, dry_bulb)
    rising = _rising(limits)
    first, last = (int(when[0]), int(when[-1])) if when.size else (0, 0)
    begins, ends = first if start is None else start, last if end is None else end
    return Exposure(*_exposure_within(when, celsius, max_gap, rising, begins, ends))


def exposure_of_many(
    time: ArrayLike, dry_bulb: ArrayLike, offsets: ArrayLike, max_gap: int, limits: DryBulb
) -> Exposures:
    """`exposure` of many whole series at once, on all cores.

    Parameters
    ----------
    time, dry_bulb : shape (n,)
        The series one after another; time [ns] increases within each, temperature [°C].
    offsets : int64, shape (m + 1,)
        Series `s` is `time[offsets[s]:offsets[s + 1]]`; begins with 0, never falls, ends with n.

    Returns
    -------
    Exposures
        Of each series, bit for bit what `exposure` gives for it.

    Raises
    ------
    ValueError
        As `exposure`, or if `offsets` do not fit; the message names the series.
    """
    when, celsius = curve(time, dry_bulb, ordered=False)
    edges = np.asarray(offsets)
    if edges.ndim != 1 or edges.size < 1 or edges.dtype.kind != "i":
        raise ValueError(f"offsets must be integers of shape (m + 1,), not {edges.dtype} of shape {edges.shape}")
    edges = edges.astype(np.int64)
    if edges[0] != 0 or edges[-1] != when.size or np.any(np.diff(edges) < 0):
        raise ValueError(f"offsets must rise from 0 to {when.size}, the number of samples")
    rising = _rising(limits)
    with PARALLEL:
        known, beyond, excess, disordered = _exposure_of_many(when, celsius, edges, max_gap, rising)
    if disordered.any():
        series = int(np.flatnonzero(disordered)[0])
        own = slice(edges[series], edges[series + 1])
        try:
            curve(when[own], celsius[own])
        except ValueError as error:
            raise ValueError(f"series {series}: {error}") from None
    return Exposures(known, beyond, excess)


def _rising(limits: DryBulb) -> Limits:
    a, b, c, d = (float(limit) for limit in limits)
    if not a <= b <= c <= d:
        raise ValueError(f"limits must rise from the lowest allowable to the highest, not {a}, {b}, {c}, {d}")
    return a, b, c, d


@compiled()
def _beyond(first: float, last: float, steepness: float) -> tuple[float, float]:
    """Share of an interval beyond a limit, and twice the mean distance beyond it.

    `first` and `last` are the distances at its ends, positive beyond; `steepness` is 1 / |first − last|.
    """
    above = (first if first > 0.0 else 0.0) + (last if last > 0.0 else 0.0)
    crosses = (first > 0.0) != (last > 0.0)
    share = above * steepness if crosses else (1.0 if first > 0.0 else 0.0)
    return share, above * share


@compiled()
def _four(first: float, last: float, limits: Limits) -> tuple[float, float, float, float, float, float, float, float]:
    """`_beyond` each of the four limits; the crossings of a line share one division."""
    steepness = 1.0 / abs(last - first)
    a, twice_a = _beyond(limits[0] - first, limits[0] - last, steepness)
    b, twice_b = _beyond(limits[1] - first, limits[1] - last, steepness)
    c, twice_c = _beyond(first - limits[2], last - limits[2], steepness)
    d, twice_d = _beyond(first - limits[3], last - limits[3], steepness)
    return a, b, c, d, twice_a, twice_b, twice_c, twice_d


@compiled()
def _exposure(
    time: Ints, celsius: Floats, max_gap: int, limits: Limits, beyond: Floats, twice: Floats, known: Ints
) -> tuple[int, int]:
    """Fill lanes of a series; its covered time, and how many of its intervals do not go forward."""
    beyond[:] = 0.0
    twice[:] = 0.0
    known[:] = 0
    disordered = _add_blocks(time, celsius, max_gap, limits, beyond, twice, known)
    rest = max(time.size - 1, 0) // LANES * LANES
    if rest < time.size - 1:
        t, v = _padded(time[rest:], celsius[rest:])
        disordered += _add_blocks(t, v, max_gap, limits, beyond, twice, known)
    return known.sum(), disordered


@compiled()
def _add_blocks(
    time: Ints, celsius: Floats, max_gap: int, limits: Limits, beyond: Floats, twice: Floats, known: Ints
) -> int:
    """Add the whole blocks of a series to the lanes; how many intervals do not go forward.

    Most rooms keep most of their air where it is recommended: a block that is there entirely is only looked at.
    No loop over lanes has a branch or a sum that depends on the one before, so they become vector code.
    """
    lowest, low, high, highest = limits
    disordered = 0
    for block in range(0, max(time.size - 1, 0) // LANES * LANES, LANES):
        for lane in range(LANES):
            i = block + lane
            step = time[i + 1] - time[i]
            disordered += step <= 0
            known[lane] += step if (step <= max_gap) & (abs(celsius[i] + celsius[i + 1]) < np.inf) else 0
        colder = warmer = 0
        for i in range(block, block + LANES + 1):
            colder += celsius[i] < low
            warmer += celsius[i] > high
        if colder:
            for lane in range(LANES):
                i = block + lane
                step = time[i + 1] - time[i]
                first, last = celsius[i], celsius[i + 1]
                covered = (step <= max_gap) & (abs(first + last) < np.inf)
                steepness = 1.0 / abs(last - first)
                share, double = _beyond(lowest - first, lowest - last, steepness)
                beyond[0, lane] += share * step if covered else 0.0
                twice[0, lane] += double * step if covered else 0.0
                share, double = _beyond(low - first, low - last, steepness)
                beyond[1, lane] += share * step if covered else 0.0
                twice[1, lane] += double * step if covered else 0.0
        if warmer:
            for lane in range(LANES):
                i = block + lane
                step = time[i + 1] - time[i]
                first, last = celsius[i], celsius[i + 1]
                covered = (step <= max_gap) & (abs(first + last) < np.inf)
                steepness = 1.0 / abs(last - first)
                share, double = _beyond(first - high, last - high, steepness)
                beyond[2, lane] += share * step if covered else 0.0
                twice[2, lane] += double * step if covered else 0.0
                share, double = _beyond(first - highest, last - highest, steepness)
                beyond[3, lane] += share * step if covered else 0.0
                twice[3, lane] += double * step if covered else 0.0
    return disordered


@compiled()
def _padded(time: Ints, celsius: Floats) -> tuple[Ints, Floats]:
    """The end of a series as a whole block: time goes on, temperatures are missing."""
    t = np.empty(LANES + 1, np.int64)
    v = np.full(LANES + 1, np.nan)
    for i in range(LANES + 1):
        t[i] = time[i] if i < time.size else t[i - 1] + 1
    v[: time.size] = celsius
    return t, v


@compiled()
def _totals(beyond: Floats, twice: Floats, into_beyond: Floats, into_excess: Floats) -> None:
    for k in range(4):
        time = 0.0
        double = 0.0
        for lane in range(LANES):
            time += beyond[k, lane]
            double += twice[k, lane]
        into_beyond[k] = time
        into_excess[k] = double / (2.0 * SECOND)


@compiled(parallel=True)
def _exposure_of_many(
    time: Ints, celsius: Floats, offsets: Ints, max_gap: int, limits: Limits
) -> tuple[Ints, Floats, Floats, Ints]:
    count = offsets.size - 1
    known = np.empty(count, np.int64)
    beyond = np.empty((count, 4))
    excess = np.empty((count, 4))
    disordered = np.empty(count, np.int64)
    for s in numba.prange(count):
        lanes = np.empty((4, LANES))
        double = np.empty((4, LANES))
        steps = np.empty(LANES, np.int64)
        own = slice(offsets[s], offsets[s + 1])
        known[s], disordered[s] = _exposure(time[own], celsius[own], max_gap, limits, lanes, double, steps)
        _totals(lanes, double, beyond[s], excess[s])
    return known, beyond, excess, disordered


@compiled()
def _exposure_within(
    time: Ints, celsius: Floats, max_gap: int, limits: Limits, start: int, end: int
) -> tuple[int, Floats, Floats]:
    beyond = np.zeros(4)
    excess = np.zeros(4)
    first = np.searchsorted(time, start, side="left")
    last = np.searchsorted(time, end, side="right")  # one past the last sample within
    lanes = np.empty((4, LANES))
    twice = np.empty((4, LANES))
    own = slice(first, max(first, last))
    known, _ = _exposure(time[own], celsius[own], max_gap, limits, lanes, twice, np.empty(LANES, np.int64))
    _totals(lanes, twice, beyond, excess)
    # The intervals that the ends of the period cut: one and the same where no sample lies within.
    for i in (int(first) - 1, int(last) - 1 if last > first else -1):
        if 0 <= i < time.size - 1 and is_covered(time, celsius, i, max_gap):
            begins, ends = max(start, time[i]), min(end, time[i + 1])
            if begins < ends:
                slope = (celsius[i + 1] - celsius[i]) / (time[i + 1] - time[i])
                shares = _four(celsius[i] + slope * (begins - time[i]), celsius[i] + slope * (ends - time[i]), limits)
                known += ends - begins
                for k in range(4):
                    beyond[k] += shares[k] * (ends - begins)
                    excess[k] += shares[4 + k] * (ends - begins) / (2.0 * SECOND)
    return known, beyond, excess
