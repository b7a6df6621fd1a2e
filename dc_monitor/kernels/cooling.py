"""What cooling has to do and what it does: degree days, capacity over need, time without compressors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import compiled
from dc_monitor.kernels.energy import curve, is_covered

OVERHEAD = 1.1
"""Heat of a room over that of its IT: lamps, people, distribution. Upsite Technologies, Cooling Capacity Factor."""


class DegreeDays(NamedTuple):
    """Sum over the days that are known [K d], and how many those are."""

    kelvin_days: float
    days: int


class Share(NamedTuple):
    """A share 0–1 of `known` time [ns]; NaN when there was none."""

    share: float
    known: int


def cooling_degree_days(daily_mean: ArrayLike, base: float = 21.0, trigger: float | None = None) -> DegreeDays:
    """Cooling degree days of daily mean temperatures.

    A day whose mean reaches `trigger` adds mean − base, any other nothing. With `trigger` = `base` (or none) this is
    the plain sum of what exceeds the base; Eurostat takes 24 °C over a base of 21 °C.

    Parameters
    ----------
    daily_mean : float64, shape (days,)
        NaN for a day that is not known: it adds nothing and is not counted. [°C]
    base, trigger : float
        `trigger` does not lie below `base`. [°C]

    Examples
    --------
    >>> cooling_degree_days([20.9, 23.9, 26.5], 21.0, 24.0)
    DegreeDays(kelvin_days=5.5, days=3)
    """
    from_ = base if trigger is None else trigger
    if from_ < base:
        raise ValueError(f"trigger must not lie below the base, {from_} is less than {base}")
    means = np.asarray(daily_mean, np.float64)
    means = means[np.isfinite(means)]
    return DegreeDays(float(np.sum(means[means >= from_] - base)), int(means.size))


def capacity_factor(running: ArrayLike, it: ArrayLike) -> NDArray[np.float64]:
    """Cooling capacity factor: capacity of the cooling units that run over 1.1 times the IT load, same unit each.

    1.2 is the usual target. NaN where either is missing or there is no load.
    """
    capacity, load = np.broadcast_arrays(np.asarray(running, np.float64), np.asarray(it, np.float64))
    known = np.isfinite(capacity) & np.isfinite(load) & (load > 0.0)
    return np.asarray(np.divide(capacity, OVERHEAD * load, out=np.full(load.shape, np.nan), where=known))


def economiser_share(time: ArrayLike, compressors: ArrayLike, load: ArrayLike, max_gap: int, idle: float) -> Share:
    """Share of the time with a load in which no compressor ran.

    Compressors start and stop at once, so an interval belongs to what its first sample says; it is known when
    neither end is missing.

    Parameters
    ----------
    time : int64, shape (n,), strictly increasing
        When each sample was taken. [ns]
    compressors, load : float64, shape (n,)
        Power of all compressors, and of what they cool. [W]
    max_gap : int
        Longest interval taken as continuous. [ns]
    idle : float
        Power up to which compressors are off: crankcase heaters and controls. [W]
    """
    when, running = curve(time, compressors)
    _, need = curve(time, load)
    off, known = _economiser_share(when, running, need, max_gap, idle)
    return Share(off / known if known else np.nan, known)


@compiled()
def _economiser_share(
    time: NDArray[np.int64], compressors: NDArray[np.float64], load: NDArray[np.float64], max_gap: int, idle: float
) -> tuple[int, int]:
    off = 0
    known = 0
    for i in range(time.size - 1):
        if load[i] > 0.0 and is_covered(time, compressors, i, max_gap) and is_covered(time, load, i, max_gap):
            known += time[i + 1] - time[i]
            if compressors[i] <= idle:
                off += time[i + 1] - time[i]
    return off, known
