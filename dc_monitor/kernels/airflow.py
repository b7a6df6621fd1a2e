"""How air moves between cooling and equipment, from temperatures: figures of Herrlin, Sharma, Schmidt and balances.

Ratios are 0–1, where the papers print percent. Temperatures in °C, differences in K; NaN is a missing value. A figure
whose denominator is missing or not positive is NaN: it is not known, and never 0 and never perfect.

References
----------
.. [1] M. K. Herrlin, Rack cooling effectiveness in data centers and telecom central offices: the Rack Cooling Index
   (RCI), ASHRAE Transactions 111(2), 2005.
.. [2] M. K. Herrlin, Improved data center energy efficiency and thermal performance by advanced airflow analysis,
   Digital Power Forum, 2007: the Return Temperature Index (RTI).
.. [3] R. K. Sharma, C. E. Bash, C. D. Patel, Dimensionless parameters for evaluation of thermal design and
   performance of large-scale data centers, AIAA 2002-3091: SHI and RHI.
.. [4] R. Schmidt, M. Iyengar and others: the beta index of a rack, as later authors cite it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import SECOND
from dc_monitor.kernels.exposure import ABOVE_RECOMMENDED, BELOW_RECOMMENDED, DryBulb, Exposure, Exposures

Floats = NDArray[np.float64]


class Rci(NamedTuple):
    """Rack cooling index: 1 when no inlet is above (`high`) or below (`low`) what is recommended; clamped to 0–1.

    `raw_high` and `raw_low` are not clamped; they fall below 0 when the mean inlet is beyond what is allowable.
    """

    high: float
    low: float
    raw_high: float
    raw_low: float


class Rise(NamedTuple):
    """Temperature rise of air through equipment [K], and whether it is weighted by airflow."""

    kelvin: float
    weighted: bool


class Mixing(NamedTuple):
    """Supply and return heat index: the share of heat that reaches the inlets, and its complement."""

    shi: float
    rhi: float


def rci(dry_bulb: ArrayLike, limits: DryBulb) -> Rci:
    r"""Rack cooling index of temperatures of one instant, or of samples that count equally [1]_.

    .. math:: RCI_{HI} = 1 - \frac{\sum_i \max(0, T_i - T_{rec,max})}{n\,(T_{all,max} - T_{rec,max})}

    and likewise below; n counts all inlets, not only those that offend.

    Parameters
    ----------
    dry_bulb : float64, any shape
        Inlet temperatures; what is not finite is left out. NaN figures when nothing is left. [°C]
    limits : DryBulb
        Of the class of the equipment. [°C]

    Raises
    ------
    ValueError
        If the allowable limits do not lie beyond the recommended ones.

    Examples
    --------
    >>> rci([24.0, 25.0, 26.0, 29.5], DryBulb(15.0, 18.0, 27.0, 32.0)).high
    0.875
    """
    celsius = np.asarray(dry_bulb, np.float64)
    celsius = celsius[np.isfinite(celsius)]
    excess = np.maximum(celsius - limits.recommended_high, 0.0).sum()
    lacking = np.maximum(limits.recommended_low - celsius, 0.0).sum()
    return _rci(float(excess), float(lacking), float(celsius.size), limits)


def rci_over_time(exposed: Exposure | Exposures, limits: DryBulb) -> Rci:
    """Rack cooling index of a period: every inlet counts with the time it is known.

    Parameters
    ----------
    exposed : Exposure, Exposures
        Of one inlet or many (`exposure.exposure`), against the same `limits`.
    """
    excess = np.atleast_2d(exposed.excess)
    seconds = float(np.sum(np.asarray(exposed.known) / SECOND))  # 64 bits of nanoseconds end after 292 inlet-years
    return _rci(float(excess[:, ABOVE_RECOMMENDED].sum()), float(excess[:, BELOW_RECOMMENDED].sum()), seconds, limits)


def equipment_rise(rise: ArrayLike, power: ArrayLike) -> Rise:
    """Temperature rise through all equipment, weighted by airflow: power over rise is flow.

    Parameters
    ----------
    rise : float64, shape (n,)
        Of each server or rack. One that is not positive is a sensor's fault and is dropped. [K]
    power : float64, shape (n,)
        Of each. If one is missing or negative, or all are 0, the plain mean is taken. [W]

    Examples
    --------
    >>> equipment_rise([10.0, 20.0], [1000.0, 3000.0])
    Rise(kelvin=16.0, weighted=True)
    """
    kelvin, watts = (np.asarray(column, np.float64) for column in (rise, power))
    if kelvin.ndim != 1 or kelvin.shape != watts.shape:
        raise ValueError(f"rise and power must be two columns of one length, not {kelvin.shape} and {watts.shape}")
    warmer = np.isfinite(kelvin) & (kelvin > 0.0)
    kelvin, watts = kelvin[warmer], watts[warmer]
    if not kelvin.size:
        return Rise(np.nan, False)
    if np.all(np.isfinite(watts) & (watts >= 0.0)) and watts.sum() > 0.0:
        return Rise(float(watts.sum() / (watts / kelvin).sum()), True)
    return Rise(float(kelvin.mean()), False)


def rti(supply: ArrayLike, returned: ArrayLike, rise: ArrayLike) -> Floats:
    """Return temperature index [2]_: (return − supply) over the rise through the equipment.

    1 is balanced; below, cold air returns unused (bypass); above, hot air is taken in again (recirculation). It is
    the airflow of the equipment over that of the air handlers.
    """
    cold, warm, kelvin = _columns(supply, returned, rise)
    return _ratio(warm - cold, kelvin)


def mixing(inlet: ArrayLike, exhaust: ArrayLike, reference: float, flow: ArrayLike = 1.0) -> Mixing:
    r"""Supply and return heat index [3]_.

    .. math:: SHI = \frac{\sum_j m_j (T_{in,j} - T_{ref})}{\sum_j m_j (T_{out,j} - T_{ref})}, \quad RHI = 1 - SHI

    0 and 1: no exhaust reaches an inlet. The two always add up to 1 exactly.

    Parameters
    ----------
    inlet, exhaust : float64, shape (n,)
        Of each rack; one of which either is missing is left out. [°C]
    reference : float
        Air as the air handlers supply it. [°C]
    flow : float64, scalar or shape (n,)
        Airflow of each rack in any unit; equal when not told. A rack without one is left out.
    """
    cold, warm, weight = _columns(inlet, exhaust, flow)
    known = np.isfinite(cold) & np.isfinite(warm) & np.isfinite(weight) & (weight >= 0.0)
    taken = weight[known] * (cold[known] - reference)
    given = weight[known] * (warm[known] - reference)
    shi = float(_ratio(np.asarray(taken.sum()), np.asarray(given.sum())))
    return Mixing(shi, 1.0 - shi)


def beta(inlet: ArrayLike, exhaust: ArrayLike, reference: ArrayLike) -> Floats:
    """Beta index of a rack [4]_: (inlet − supply) over its own rise; 0 is none, above 1 it heats itself."""
    cold, warm, supply = _columns(inlet, exhaust, reference)
    return _ratio(cold - supply, warm - cold)


def recirculation(inlet: ArrayLike, exhaust: ArrayLike, supply: ArrayLike) -> Floats:
    """Share of the air taken in that is exhaust, by the balance of heat: (inlet − supply) / (exhaust − supply)."""
    cold, warm, fresh = _columns(inlet, exhaust, supply)
    return _ratio(cold - fresh, warm - fresh)


def bypass(exhaust: ArrayLike, returned: ArrayLike, supply: ArrayLike) -> Floats:
    """Share of the supplied air that returns unused: (exhaust − return) / (exhaust − supply)."""
    warm, back, fresh = _columns(exhaust, returned, supply)
    return _ratio(warm - back, warm - fresh)


def flow_balance(recirculated: ArrayLike, bypassed: ArrayLike) -> Floats:
    """Airflow of the air handlers over that of the equipment, (1 − recirculation) / (1 − bypass); above 1 is surplus.

    By the same balance it is 1 / RTI.
    """
    hot, unused = _columns(recirculated, bypassed)
    return _ratio(1.0 - hot, 1.0 - unused)


def _rci(excess: float, lacking: float, weight: float, limits: DryBulb) -> Rci:
    above = limits.allowable_high - limits.recommended_high
    below = limits.recommended_low - limits.allowable_low
    if not (above > 0.0 and below > 0.0):
        raise ValueError(f"allowable limits must lie beyond the recommended ones, not {tuple(limits)}")
    if not weight > 0.0:
        return Rci(np.nan, np.nan, np.nan, np.nan)
    high, low = 1.0 - excess / (weight * above), 1.0 - lacking / (weight * below)
    return Rci(min(max(high, 0.0), 1.0), min(max(low, 0.0), 1.0), high, low)


def _columns(*values: ArrayLike) -> list[Floats]:
    return [*np.broadcast_arrays(*(np.asarray(one, np.float64) for one in values))]


def _ratio(above: Floats, below: Floats) -> Floats:
    known = np.isfinite(above) & np.isfinite(below) & (below > 0.0)
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=known))
