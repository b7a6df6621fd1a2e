r"""Energy of sampled power curves: what was consumed, over which time that is known, and how well.

An interval between two samples is *covered* when it is no longer than `max_gap` and both powers are finite.
Everything here is exact for a straight line between the samples of a covered interval, and knows nothing of the
rest: a hole is reported, not bridged.

Sums have one fixed order, whatever the machine and the number of threads: interval `i` goes to lane
:math:`i \bmod 64`, each lane adds in the order of time, and the lanes are added from the first to the last.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import PARALLEL, SECOND, compiled
from dc_monitor.kernels.spans import Spans

LANES = 64
"""Partial sums of a series; several vector registers wide, so that memory and not the adder is the limit."""


class Energy(NamedTuple):
    """Energy over the covered time [J], and that time [ns]."""

    joules: float
    covered: int


class Energies(NamedTuple):
    """The same for several series or spans, shape (k,) each."""

    joules: NDArray[np.float64]
    covered: NDArray[np.int64]


def energy_from_power(time: ArrayLike, power: ArrayLike, max_gap: int) -> Energy:
    r"""Energy under a sampled power curve, and the time it covers.

    Trapezoidal rule [1]_. An interval longer than `max_gap`, or without a power at an end, adds neither energy
    nor covered time.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    power : float64, shape (n,)
        Active power; NaN (or any value that is not finite) where a poll got no answer. [W]
    max_gap : int
        Longest interval taken as continuous. [ns]

    Returns
    -------
    Energy
        Energy over the covered time [J], and that time [ns].

    Raises
    ------
    ValueError
        If shapes differ or `time` does not increase; the message gives the index and both times.

    Notes
    -----
    Truncation error is at most :math:`\Delta t_{max}^2\, T_{covered} \max|\ddot p| / 12`; `sampling.sampling_error`
    estimates it from the samples, meter error comes on top.

    References
    ----------
    .. [1] P. J. Davis and P. Rabinowitz, Methods of Numerical Integration, 2nd ed. Academic Press, 1984, ch. 2.

    Examples
    --------
    >>> energy_from_power([0, 60_000_000_000, 120_000_000_000], [100.0, 100.0, np.nan], 90_000_000_000)
    Energy(joules=6000.0, covered=60000000000)
    """
    when, watts = curve(time, power, ordered=False)
    _refuse_centuries(when[:1], when[-1:])
    joules, covered, disordered = _energy(when, watts, max_gap, np.empty(LANES), np.empty(LANES, np.int64))
    if disordered:
        _refuse_disorder(when)
    return Energy(joules, covered)


def energy_of_many(time: ArrayLike, power: ArrayLike, offsets: ArrayLike, max_gap: ArrayLike) -> Energies:
    """`energy_from_power` of many series at once, on all cores.

    Parameters
    ----------
    time, power : shape (n,)
        The series one after another; time [ns] increases within each, power [W].
    offsets : int64, shape (m + 1,)
        Series `s` is `time[offsets[s]:offsets[s + 1]]`; begins with 0, never falls, ends with n.
    max_gap : int64, scalar or shape (m,)
        Longest interval taken as continuous, of all or of each. [ns]

    Returns
    -------
    Energies
        Energy [J] and covered time [ns] of each series, bit for bit what `energy_from_power` gives for it.

    Raises
    ------
    ValueError
        If shapes differ, `offsets` do not fit, or the time of a series does not increase; the message names the
        series, the index in it and both times.
    """
    when, watts = curve(time, power, ordered=False)
    edges = np.asarray(offsets)
    if edges.ndim != 1 or edges.size < 1 or edges.dtype.kind != "i":
        raise ValueError(f"offsets must be integers of shape (m + 1,), not {edges.dtype} of shape {edges.shape}")
    edges = edges.astype(np.int64)
    if edges[0] != 0 or edges[-1] != when.size or np.any(np.diff(edges) < 0):
        raise ValueError(f"offsets must rise from 0 to {when.size}, the number of samples; got {_brief(edges)}")
    filled = edges[1:] > edges[:-1]
    _refuse_centuries(when[edges[:-1][filled]], when[edges[1:][filled] - 1])
    gaps = np.broadcast_to(np.asarray(max_gap, np.int64), edges.size - 1)
    with PARALLEL:
        joules, covered, disordered = _energy_of_many(when, watts, edges, gaps)
    if disordered.any():
        series = int(np.flatnonzero(disordered)[0])
        _refuse_disorder(when[edges[series] : edges[series + 1]], f"series {series}: ")
    return Energies(joules, covered)


def energy_over(time: ArrayLike, power: ArrayLike, max_gap: int, spans: Spans) -> Energies:
    """Energy under a sampled power curve within each of several spans.

    Where a span begins or ends within a covered interval the power there is interpolated: exact for the
    trapezoid, so the energies of adjoining spans add up to that of the whole.

    Parameters
    ----------
    time, power, max_gap
        As in `energy_from_power`.
    spans : int64, shape (k, 2)
        Start and end of each, in any order, overlapping if you like. [ns]

    Returns
    -------
    Energies
        For each span the energy of the covered part of it [J], and the length of that part [ns].

    Examples
    --------
    >>> energy_over([0, 10**9], [0.0, 2.0], 10**9, np.array([[0, 5 * 10**8], [5 * 10**8, 10**9]]))
    Energies(joules=array([0.25, 0.75]), covered=array([500000000, 500000000]))
    """
    when, watts = curve(time, power)
    return Energies(*_energy_over(when, watts, max_gap, np.asarray(spans, np.int64)))


def covered_spans(time: ArrayLike, power: ArrayLike, max_gap: int) -> Spans:
    """Where a sampled power curve is known: from the first to the last sample of each run of covered intervals.

    Parameters as in `energy_from_power`; a list of spans as in `kernels.spans`. A lone sample covers nothing.

    Examples
    --------
    >>> covered_spans([0, 10, 20, 90, 100], [1.0, 1.0, 1.0, 1.0, np.nan], 15).tolist()
    [[0, 20]]
    """
    when, watts = curve(time, power)
    return _covered_spans(when, watts, max_gap)


def curve(time: ArrayLike, power: ArrayLike, ordered: bool = True) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`time` and a value for each, checked and contiguous; `ordered=False` leaves the order to the caller."""
    when, watts = np.asarray(time), np.ascontiguousarray(power, np.float64)
    if when.size and when.dtype.kind != "i":
        raise ValueError(f"time must be integer nanoseconds, not {when.dtype}")
    if when.ndim != 1 or when.shape != watts.shape:
        raise ValueError(f"time and values must be two columns of one length, not {when.shape} and {watts.shape}")
    when = np.ascontiguousarray(when, np.int64)
    if ordered:
        if np.any(when[1:] <= when[:-1]):
            _refuse_disorder(when)
        _refuse_centuries(when[:1], when[-1:])
    return when, watts


def _refuse_disorder(time: NDArray[np.int64], where: str = "") -> None:
    at = int(np.flatnonzero(time[1:] <= time[:-1])[0]) + 1
    raise ValueError(f"{where}time must increase: at index {at} {time[at]} ns follows {time[at - 1]} ns")


def _refuse_centuries(first: NDArray[np.int64], last: NDArray[np.int64]) -> None:
    """Refuse series whose ends are so far apart that the distance of two samples might not fit into 64 bits."""
    if np.any(last // 2 - first // 2 >= 2**62):
        raise ValueError("time spans more than 292 years: are these nanoseconds since 1970?")


def _brief(numbers: NDArray[np.int64]) -> str:
    return np.array2string(numbers, threshold=8)


@compiled()
def is_covered(time: NDArray[np.int64], power: NDArray[np.float64], i: int, max_gap: int) -> bool:
    """Whether the curve is known from sample `i` to the next; for kernels."""
    return bool((time[i + 1] - time[i] <= max_gap) & (abs(power[i] + power[i + 1]) < np.inf))


@compiled()
def _interval(time: NDArray[np.int64], power: NDArray[np.float64], i: int, max_gap: int) -> tuple[float, int, bool]:
    """Twice the energy [W ns] and the covered time [ns] of interval `i`, and whether it does not go forward."""
    step = time[i + 1] - time[i]
    twice = power[i] + power[i + 1]
    covered = (step <= max_gap) & (abs(twice) < np.inf)
    return twice * step if covered else 0.0, step if covered else 0, step <= 0


@compiled()
def _energy(
    time: NDArray[np.int64],
    power: NDArray[np.float64],
    max_gap: int,
    lanes: NDArray[np.float64],
    covered_lanes: NDArray[np.int64],
) -> tuple[float, int, int]:
    """Energy [J], covered time [ns] and how many intervals do not go forward; `lanes` are scratch.

    The inner loops have no branch and no sum that depends on the one before, so they become vector code without
    leave to reorder anything.
    """
    lanes[:] = 0.0
    covered_lanes[:] = 0
    disordered = 0
    intervals = max(time.size - 1, 0)
    whole = intervals // LANES * LANES
    for block in range(0, whole, LANES):
        for lane in range(LANES):
            twice, step, backward = _interval(time, power, block + lane, max_gap)
            lanes[lane] += twice
            covered_lanes[lane] += step
            disordered += backward
    for lane in range(intervals - whole):
        twice, step, backward = _interval(time, power, whole + lane, max_gap)
        lanes[lane] += twice
        covered_lanes[lane] += step
        disordered += backward
    energy = 0.0
    total = 0
    for lane in range(LANES):
        energy += lanes[lane]
        total += covered_lanes[lane]
    return energy / (2.0 * SECOND), total, disordered


@compiled(parallel=True)
def _energy_of_many(
    time: NDArray[np.int64], power: NDArray[np.float64], offsets: NDArray[np.int64], max_gap: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    count = offsets.size - 1
    joules = np.empty(count)
    covered = np.empty(count, np.int64)
    disordered = np.empty(count, np.int64)
    for s in numba.prange(count):
        lanes = np.empty(LANES)
        covered_lanes = np.empty(LANES, np.int64)
        series = slice(offsets[s], offsets[s + 1])
        joules[s], covered[s], disordered[s] = _energy(time[series], power[series], max_gap[s], lanes, covered_lanes)
    return joules, covered, disordered


@compiled()
def _energy_over(
    time: NDArray[np.int64], power: NDArray[np.float64], max_gap: int, spans: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    joules = np.zeros(spans.shape[0])
    covered = np.zeros(spans.shape[0], np.int64)
    for k in range(spans.shape[0]):
        start, end = spans[k, 0], spans[k, 1]
        i = max(np.searchsorted(time, start, side="right") - 1, 0)
        while i < time.size - 1 and time[i] < end:
            if is_covered(time, power, i, max_gap):
                slope = (power[i + 1] - power[i]) / (time[i + 1] - time[i])
                first, last = max(start, time[i]), min(end, time[i + 1])
                twice = 2.0 * power[i] + slope * ((first - time[i]) + (last - time[i]))
                joules[k] += twice * (last - first) / (2.0 * SECOND)
                covered[k] += last - first
            i += 1
    return joules, covered


@compiled()
def _covered_spans(time: NDArray[np.int64], power: NDArray[np.float64], max_gap: int) -> Spans:
    found = np.empty((time.size // 2, 2), np.int64)
    count = 0
    open_span = False
    for i in range(time.size - 1):
        covered = is_covered(time, power, i, max_gap)
        if covered and not open_span:
            found[count, 0] = time[i]
            count += 1
        if covered:
            found[count - 1, 1] = time[i + 1]
        open_span = covered
    return found[:count].copy()
