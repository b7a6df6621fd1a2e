"""What is known beside a register: how fast it may rise, when its device started, whether it stands still."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import SECOND, compiled
from dc_monitor.kernels.energy import curve
from dc_monitor.kernels.spans import Spans

UPTIME_WRAP = 2**32 / 100.0
"""TimeTicks (hundredths of a second, 32 bits, RFC 2578 ch. 7.1.8) begin again after 497 days. [s]"""

UPTIME_TOLERANCE = 60.0
"""A start is a new one when the instant it points to moved by more than clocks and polling may. [s]"""


def plausible_rate(time: ArrayLike, register: ArrayLike, margin: float = 1.2) -> float:
    """The fastest honest rise of a register, times `margin` [U/s]; 0 when there is none.

    Looked at are the rises of the longest selection of samples that never falls, which leaves single glitches of
    either sort out. Of these, a rise over ten times the 95th percentile, or through a value that the register showed
    earlier, is a recovery and not consumption. The margin of 1.2 is the product's rule for accepting a rollover.
    """
    when, values = curve(time, register)
    valid = np.isfinite(values)
    when, values = when[valid], values[valid]
    kept = _longest_rise(values)
    rates = np.diff(values[kept]) / (np.diff(when[kept]) / SECOND)
    rising = np.flatnonzero(rates > 0.0)
    rising = rising[np.argsort(rates[rising])]
    if not rising.size:
        return 0.0
    usual = rates[rising[int(0.95 * (rising.size - 1))]]  # of two rises the smaller
    for i in rising[::-1]:
        earlier = values[: kept[i]]
        if rates[i] <= 10.0 * usual and not np.any((values[kept[i]] < earlier) & (earlier <= values[kept[i + 1]])):
            return float(margin * rates[i])
    return 0.0


def starts_of(time: ArrayLike, uptime: ArrayLike) -> NDArray[np.int64]:
    """When a device started again, from the uptime it tells [s]: the second witness of a register that fell.

    The start before the first sample is not among them, and 497 days of TimeTicks gone round are no start.

    Examples
    --------
    >>> starts_of([0, 60 * 10**9, 120 * 10**9], [500.0, 560.0, 20.0]).tolist()
    [100000000000]
    """
    when, seconds = curve(time, uptime)
    valid = np.isfinite(seconds)
    when, seconds = when[valid], seconds[valid]
    elapsed = np.diff(when) / SECOND
    lag = seconds[:-1] + elapsed - seconds[1:]
    wrapped = np.abs(lag - UPTIME_WRAP) <= UPTIME_TOLERANCE
    again = np.flatnonzero((lag > UPTIME_TOLERANCE) & ~wrapped) + 1
    ago = np.clip(seconds[again], 0.0, elapsed[again - 1])
    return np.maximum(when[again] - (ago * SECOND).astype(np.int64), when[again - 1] + 1)


def smallest_step(register: ArrayLike) -> float:
    """The smallest rise between two samples [U], as far as one can tell the register's resolution; 0 if none."""
    values = np.asarray(register, np.float64)
    rises = np.diff(values[np.isfinite(values)])
    rises = rises[rises > 0.0]
    return float(rises.min()) if rises.size else 0.0


def stalled_spans(time: ArrayLike, total: ArrayLike, expected: ArrayLike, least: float) -> Spans:
    """Where a register stood still although energy flowed.

    While it stands, `expected` adds up; when that exceeds `least` and the step that ends the standstill brings
    less than half of it, the count is lost. A display that lags but catches up is no stall.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    total : float64, shape (n,)
        The register made continuous, without NaN. [U]
    expected : float64, shape (n - 1,)
        What surely flowed between a sample and the next, as another meter saw it. [U]
    least : float
        Expected energy from which a standstill is suspicious: several steps of the register. [U]

    Examples
    --------
    >>> stalled_spans([0, 10, 20, 30], [5.0, 5.0, 5.0, 6.0], [4.0, 4.0, 4.0], least=5.0).tolist()
    [[0, 30]]
    """
    when, counted = curve(time, total)
    flowed = np.asarray(expected, np.float64)
    if flowed.shape != (max(when.size - 1, 0),):
        raise ValueError(f"expected must hold one value per interval, {max(when.size - 1, 0)}, not {flowed.shape}")
    return _stalled_spans(when, counted, flowed, float(least))


@compiled()
def _longest_rise(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the longest selection that never falls (patience sorting, O(n log n))."""
    best = np.empty(values.size, np.int64)  # best[k]: the smallest value that ends a selection of k + 1
    before = np.empty(values.size, np.int64)
    longest = 0
    for i in range(values.size):
        low, high = 0, longest
        while low < high:
            middle = (low + high) // 2
            if values[best[middle]] <= values[i]:
                low = middle + 1
            else:
                high = middle
        before[i] = best[low - 1] if low else -1
        best[low] = i
        longest = max(longest, low + 1)
    chosen = np.empty(longest, np.int64)
    at = best[longest - 1] if longest else -1
    for k in range(longest - 1, -1, -1):
        chosen[k] = at
        at = before[at]
    return chosen


@compiled()
def _stalled_spans(
    time: NDArray[np.int64], total: NDArray[np.float64], expected: NDArray[np.float64], least: float
) -> Spans:
    found = np.empty((time.size, 2), np.int64)
    count = 0
    start = 0
    flowed = 0.0
    for i in range(1, time.size):
        flowed += expected[i - 1]
        rise = total[i] - total[start]
        if rise > 0.0 or i == time.size - 1:
            if flowed > least and rise < 0.5 * flowed:
                found[count, 0] = time[start]
                found[count, 1] = time[i]
                count += 1
            start = i
            flowed = 0.0
    return found[:count].copy()
