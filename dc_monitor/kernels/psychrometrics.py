r"""Moist air: from what a probe tells (dry-bulb temperature, relative humidity) to what standards limit.

Formulas of the ASHRAE Handbook [1]_, air and vapour as ideal gases; saturation after Hyland and Wexler, over ice
below the triple point and over liquid water above, as the handbook's own tables. Beside it the short form of Magnus
over water, which most instruments use for the dew point they show: where the tables say −12 °C, they say −13.4.

Every function takes numbers or arrays that broadcast and answers in their common shape. NaN (and any value that is
not finite) is missing and gives NaN. A finite value outside the range of the formula is refused with its index,
because it is a wrong unit far more often than weather; whoever has wild readings masks them first.

References
----------
.. [1] ASHRAE Handbook, Fundamentals, 2017, SI edition, chapter 1, Psychrometrics.
.. [2] R. W. Hyland and A. Wexler, ASHRAE Transactions 89(2A), 1983: the saturation pressures in [1]_.
.. [3] WMO No. 8, Guide to Instruments and Methods of Observation, volume I, annex 4.B: the Magnus form.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dc_monitor.kernels.compiled import compiled

Floats = NDArray[np.float64]

STANDARD_PRESSURE = 101_325.0
"""Of the atmosphere at sea level [Pa], [1]_ eq. 3."""

KELVIN = 273.15
"""0 °C [K]."""

TRIPLE_POINT = 0.01
"""Where ice and water have the same pressure, so the two branches meet [°C]."""

VAPOUR_TO_AIR = 0.621945
"""Molar mass of water over that of dry air, [1]_ eq. 20."""

GAS_CONSTANT = 287.042
"""Of dry air [J/(kg K)], [1]_ eq. 1."""

DRY_AIR_HEAT = 1006.0
"""Specific heat of dry air [J/(kg K)], [1]_ eq. 30."""

EVAPORATION = 2_501_000.0
"""Enthalpy of saturated vapour at 0 °C [J/kg], [1]_ eq. 30."""

VAPOUR_HEAT = 1860.0
"""Specific heat of vapour [J/(kg K)], [1]_ eq. 30."""

COLDEST, HOTTEST = -100.0, 200.0
"""Range of the saturation pressures [°C], [1]_ eq. 5 and 6."""

WET_BULB_HOTTEST, THINNEST, DENSEST = 80.0, 50_000.0, 120_000.0
"""Range of the wet bulb [°C, Pa]: within it saturated air never boils; 50 kPa is 5,600 m of altitude."""

DRIEST, HUMIDITY_SLACK = 1e-6, 1.1
"""Relative humidity is clipped to this and 1; above 1.1 it is no sensor's error but a percentage."""


class Magnus(NamedTuple):
    """Coefficients of e = a exp(b t / (c + t)) over water; `a` in Pa, `c` in °C."""

    a: float
    b: float
    c: float


WMO = Magnus(611.2, 17.62, 243.12)
"""[3]_, −45 to 60 °C."""

ALDUCHOV_ESKRIDGE = Magnus(610.94, 17.625, 243.04)
"""O. A. Alduchov and R. E. Eskridge, Journal of Applied Meteorology 35, 1996, eq. 21, −40 to 50 °C."""

BOLTON = Magnus(611.2, 17.67, 243.5)
"""D. Bolton, Monthly Weather Review 108, 1980, eq. 10, −35 to 35 °C."""


def pressure_at_altitude(altitude: ArrayLike) -> Floats:
    """Pressure of the standard atmosphere [Pa] at an altitude of −5,000 to 11,000 m; [1]_ eq. 3.

    Examples
    --------
    >>> round(float(pressure_at_altitude(500.0)))
    95461
    """
    (metres,) = _checked(altitude=(altitude, -5_000.0, 11_000.0))
    return np.asarray(STANDARD_PRESSURE * (1.0 - 2.25577e-5 * metres) ** 5.2559)


def saturation_pressure(dry_bulb: ArrayLike) -> Floats:
    """Vapour pressure of saturated air [Pa] at −100 to 200 °C; [1]_ eq. 5 over ice and 6 over water.

    Examples
    --------
    >>> float(saturation_pressure(25.0).round(1))
    3169.2
    """
    (celsius,) = _checked(dry_bulb=(dry_bulb, COLDEST, HOTTEST))
    return _each_saturation_pressure(celsius.ravel()).reshape(celsius.shape)


def vapour_pressure(dry_bulb: ArrayLike, relative_humidity: ArrayLike) -> Floats:
    """Partial pressure of the vapour in air [Pa], humidity as a ratio 0–1; [1]_ eq. 22 and 12."""
    celsius, humidity = _checked(
        dry_bulb=(dry_bulb, COLDEST, HOTTEST), relative_humidity=(relative_humidity, 0.0, HUMIDITY_SLACK)
    )
    return np.asarray(_clipped(humidity) * saturation_pressure(celsius))


def relative_humidity(dry_bulb: ArrayLike, vapour_pressure: ArrayLike) -> Floats:
    """Relative humidity 0–1 of air whose vapour has this pressure [Pa]; above 1 it would be supersaturated."""
    celsius, vapour = _checked(dry_bulb=(dry_bulb, COLDEST, HOTTEST), vapour_pressure=(vapour_pressure, 0.0, 2e6))
    return np.asarray(vapour / saturation_pressure(celsius))


def dew_point(vapour_pressure: ArrayLike) -> Floats:
    """Temperature at which vapour of this pressure saturates air [°C]: the dew point, below 0.01 °C the frost point.

    The inverse of `saturation_pressure`, to 1e-9 K.

    Parameters
    ----------
    vapour_pressure : 0.0014 Pa (saturated at −100 °C) to 1.555 MPa (at 200 °C). [Pa]
    """
    lowest, highest = _saturation_pressure(COLDEST), _saturation_pressure(HOTTEST)
    (vapour,) = _checked(vapour_pressure=(vapour_pressure, lowest, highest))
    return _each_dew_point(vapour.ravel()).reshape(vapour.shape)


def magnus_pressure(dry_bulb: ArrayLike, form: Magnus = WMO) -> Floats:
    """Saturation pressure over water by a Magnus form [Pa], −45 to 60 °C; within 0.35 % of [1]_ from 5 to 50 °C."""
    (celsius,) = _checked(dry_bulb=(dry_bulb, -45.0, 60.0))
    return np.asarray(form.a * np.exp(form.b * celsius / (form.c + celsius)))


def magnus_dew_point(dry_bulb: ArrayLike, relative_humidity: ArrayLike, form: Magnus = WMO) -> Floats:
    """Dew point over water by a Magnus form [°C], as instruments show it; humidity as a ratio 0–1.

    Examples
    --------
    >>> float(magnus_dew_point(10.0, 0.5).round(3))
    0.041
    """
    celsius, humidity = _checked(
        dry_bulb=(dry_bulb, -45.0, 60.0), relative_humidity=(relative_humidity, 0.0, HUMIDITY_SLACK)
    )
    exponent = np.log(_clipped(humidity)) + form.b * celsius / (form.c + celsius)
    return np.asarray(form.c * exponent / (form.b - exponent))


def humidity_ratio(vapour_pressure: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE) -> Floats:
    """Mass of vapour per mass of dry air [kg/kg]; [1]_ eq. 20. NaN where there would be no air, only vapour."""
    vapour, total = _checked(vapour_pressure=(vapour_pressure, 0.0, 2e6), pressure=(pressure, 1_000.0, 2e6))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(vapour < total, VAPOUR_TO_AIR * vapour / (total - vapour), np.nan)


def vapour_pressure_of(humidity_ratio: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE) -> Floats:
    """Vapour pressure of air with this humidity ratio [Pa]; the inverse of `humidity_ratio`."""
    ratio, total = _checked(humidity_ratio=(humidity_ratio, 0.0, 10.0), pressure=(pressure, 1_000.0, 2e6))
    return np.asarray(total * ratio / (VAPOUR_TO_AIR + ratio))


def wet_bulb(dry_bulb: ArrayLike, relative_humidity: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE) -> Floats:
    """Thermodynamic wet-bulb temperature [°C]; [1]_ eq. 33 over water and 35 over ice, solved to 1e-9 K.

    In very dry air just above freezing both a wet and an iced bulb satisfy the equations; the wet one is told.

    Parameters
    ----------
    dry_bulb : −100 to 80 °C.
    relative_humidity : as a ratio 0–1, clipped to it up to 1.1.
    pressure : 50 to 120 kPa. [Pa]
    """
    celsius, humidity, total = _checked(
        dry_bulb=(dry_bulb, COLDEST, WET_BULB_HOTTEST),
        relative_humidity=(relative_humidity, 0.0, HUMIDITY_SLACK),
        pressure=(pressure, THINNEST, DENSEST),
    )
    columns = (celsius.ravel(), _clipped(humidity).ravel(), total.ravel())
    return _each_wet_bulb(*columns).reshape(celsius.shape)


def humidity_ratio_of_wet_bulb(
    dry_bulb: ArrayLike, wet_bulb: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE
) -> Floats:
    """Humidity ratio of air from its wet bulb [kg/kg]; NaN where the wet bulb would be the warmer one or too cold."""
    celsius, wet, total = _checked(
        dry_bulb=(dry_bulb, COLDEST, WET_BULB_HOTTEST),
        wet_bulb=(wet_bulb, COLDEST, WET_BULB_HOTTEST),
        pressure=(pressure, THINNEST, DENSEST),
    )
    ratio = _each_ratio_of_wet_bulb(celsius.ravel(), wet.ravel(), total.ravel()).reshape(celsius.shape)
    return np.where((wet <= celsius) & (ratio >= 0.0), ratio, np.nan)


def enthalpy(dry_bulb: ArrayLike, humidity_ratio: ArrayLike) -> Floats:
    """Enthalpy of moist air per mass of dry air [J/kg], 0 for dry air at 0 °C; [1]_ eq. 30."""
    celsius, ratio = _checked(dry_bulb=(dry_bulb, COLDEST, HOTTEST), humidity_ratio=(humidity_ratio, 0.0, 10.0))
    return np.asarray(DRY_AIR_HEAT * celsius + ratio * (EVAPORATION + VAPOUR_HEAT * celsius))


def specific_volume(dry_bulb: ArrayLike, humidity_ratio: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE) -> Floats:
    """Volume of moist air per mass of dry air [m3/kg]; [1]_ eq. 26."""
    celsius, ratio, total = _checked(
        dry_bulb=(dry_bulb, COLDEST, HOTTEST),
        humidity_ratio=(humidity_ratio, 0.0, 10.0),
        pressure=(pressure, 1_000.0, 2e6),
    )
    return np.asarray(GAS_CONSTANT * (celsius + KELVIN) * (1.0 + ratio / VAPOUR_TO_AIR) / total)


def density(dry_bulb: ArrayLike, humidity_ratio: ArrayLike, pressure: ArrayLike = STANDARD_PRESSURE) -> Floats:
    """Mass of moist air, vapour included, per volume [kg/m3]; [1]_ eq. 11."""
    return np.asarray((1.0 + np.asarray(humidity_ratio)) / specific_volume(dry_bulb, humidity_ratio, pressure))


def _checked(**columns: tuple[ArrayLike, float, float]) -> list[Floats]:
    """The columns as contiguous arrays of one shape, each finite value within its range, all others NaN."""
    arrays = np.broadcast_arrays(*(np.asarray(values, np.float64) for values, _, _ in columns.values()))
    for array, (name, (_, low, high)) in zip(arrays, columns.items(), strict=True):
        wrong = np.flatnonzero(np.isfinite(array) & ((array < low) | (array > high)))
        if wrong.size:
            at = int(wrong[0])
            where = f" at index {at}" if array.ndim else ""
            raise ValueError(f"{name}{where} is {array.flat[at]:g}: expected {low:g} to {high:g}")
    return [np.where(np.isfinite(array), array, np.nan) for array in arrays]


def _clipped(humidity: Floats) -> Floats:
    return np.clip(humidity, DRIEST, 1.0)


@compiled()
def _log_saturation(celsius: float, iced: bool) -> tuple[float, float]:
    """Natural logarithm of the saturation pressure over ice or water [Pa], and its derivative [1/K]."""
    t = celsius + KELVIN
    if iced:  # [1]_ eq. 5
        log = (
            -5.6745359e3 / t
            + 6.3925247
            + t * (-9.677843e-3 + t * (6.2215701e-7 + t * (2.0747825e-9 - 9.484024e-13 * t)))
            + 4.1635019 * math.log(t)
        )
        slope = (
            5.6745359e3 / t**2
            - 9.677843e-3
            + t * (2.0 * 6.2215701e-7 + t * (3.0 * 2.0747825e-9 - 4.0 * 9.484024e-13 * t))
            + 4.1635019 / t
        )
        return log, slope
    log = (  # [1]_ eq. 6
        -5.8002206e3 / t
        + 1.3914993
        + t * (-4.8640239e-2 + t * (4.1764768e-5 - 1.4452093e-8 * t))
        + 6.5459673 * math.log(t)
    )
    slope = 5.8002206e3 / t**2 - 4.8640239e-2 + t * (2.0 * 4.1764768e-5 - 3.0 * 1.4452093e-8 * t) + 6.5459673 / t
    return log, slope


@compiled()
def _saturation_pressure(celsius: float) -> float:
    return math.exp(_log_saturation(celsius, celsius < TRIPLE_POINT)[0])


@compiled()
def _each_saturation_pressure(celsius: Floats) -> Floats:
    found = np.empty(celsius.size)
    for i in range(celsius.size):
        found[i] = _saturation_pressure(celsius[i])
    return found


@compiled()
def _each_dew_point(vapour: Floats) -> Floats:
    found = np.empty(vapour.size)
    melting = _saturation_pressure(TRIPLE_POINT)
    for i in range(vapour.size):
        log = math.log(vapour[i])
        # Where 611.2 Pa become `vapour` by Magnus over water; Newton then needs two or three steps, over ice four.
        exponent = log - math.log(WMO.a)
        celsius = max(WMO.c * exponent / (WMO.b - exponent), COLDEST)
        for _ in range(20):
            value, slope = _log_saturation(celsius, vapour[i] < melting)
            step = (value - log) / slope
            celsius -= step
            if not abs(step) > 1e-10:
                break
        found[i] = celsius
    return found


@compiled()
def _ratio_of_wet_bulb(celsius: float, wet: float, pressure: float, iced: bool) -> tuple[float, float]:
    """Humidity ratio of air with this wet bulb, and its derivative by the wet bulb; [1]_ eq. 33, iced 35."""
    log, log_slope = _log_saturation(wet, iced)
    vapour = math.exp(log)
    saturated = VAPOUR_TO_AIR * vapour / (pressure - vapour)
    slope = saturated * log_slope * pressure / (pressure - vapour)
    latent, falls, liquid = (2830.0, 0.24, 2.1) if iced else (2501.0, 2.326, 4.186)
    above = (latent - falls * wet) * saturated - 1.006 * (celsius - wet)
    below = latent + 1.86 * celsius - liquid * wet
    above_slope = (latent - falls * wet) * slope - falls * saturated + 1.006
    return above / below, (above_slope + liquid * above / below) / below


@compiled()
def _each_wet_bulb(celsius: Floats, humidity: Floats, pressure: Floats) -> Floats:
    found = np.empty(celsius.size)
    for i in range(celsius.size):
        vapour = humidity[i] * _saturation_pressure(celsius[i])
        ratio = VAPOUR_TO_AIR * vapour / (pressure[i] - vapour)
        iced = celsius[i] < TRIPLE_POINT
        if not iced:
            iced = _ratio_of_wet_bulb(celsius[i], TRIPLE_POINT, pressure[i], False)[0] > ratio
        # The ratio rises ever faster with the wet bulb, so Newton from the warm end never overshoots.
        wet = min(celsius[i], TRIPLE_POINT) if iced else celsius[i]
        for _ in range(50):
            value, slope = _ratio_of_wet_bulb(celsius[i], wet, pressure[i], iced)
            step = (value - ratio) / slope
            wet -= step
            if not abs(step) > 1e-10:
                break
        found[i] = wet
    return found


@compiled()
def _each_ratio_of_wet_bulb(celsius: Floats, wet: Floats, pressure: Floats) -> Floats:
    found = np.empty(celsius.size)
    for i in range(celsius.size):
        found[i] = _ratio_of_wet_bulb(celsius[i], wet[i], pressure[i], wet[i] < TRIPLE_POINT)[0]
    return found
