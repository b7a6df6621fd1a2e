import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels import psychrometrics as air

SEA = 101_325.0
dry_bulbs = st.floats(-60.0, 79.0)
humidities = st.floats(0.0, 1.0)
pressures = st.floats(55_000.0, 110_000.0)


def slow_saturation(celsius):
    """The twin: Hyland and Wexler as the handbook prints it, ice up to 0.01 °C."""
    t = celsius + 273.15
    if celsius < 0.01:
        cold = (-5.6745359e3, 6.3925247, -9.677843e-3, 6.2215701e-7, 2.0747825e-9, -9.484024e-13, 4.1635019)
        c1, c2, c3, c4, c5, c6, c7 = cold
        return math.exp(c1 / t + c2 + c3 * t + c4 * t**2 + c5 * t**3 + c6 * t**4 + c7 * math.log(t))
    c8, c9, c10, c11, c12, c13 = -5.8002206e3, 1.3914993, -4.8640239e-2, 4.1764768e-5, -1.4452093e-8, 6.5459673
    return math.exp(c8 / t + c9 + c10 * t + c11 * t**2 + c12 * t**3 + c13 * math.log(t))


def bisected(rising, low, high):
    """Where a rising function passes 0, by halving."""
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (low, middle) if rising(middle) > 0.0 else (middle, high)
    return (low + high) / 2.0


def slow_ratio(celsius, wet, pressure, iced):
    """The twin: humidity ratio of a wet bulb, handbook eq. 33 and 35."""
    saturated = 0.621945 * slow_saturation(wet) / (pressure - slow_saturation(wet))
    if iced:
        return ((2830.0 - 0.24 * wet) * saturated - 1.006 * (celsius - wet)) / (2830.0 + 1.86 * celsius - 2.1 * wet)
    return ((2501.0 - 2.326 * wet) * saturated - 1.006 * (celsius - wet)) / (2501.0 + 1.86 * celsius - 4.186 * wet)


def slow_wet_bulb(celsius, humidity, pressure):
    """The twin: halving, on the wet branch when it holds a solution, else on the iced one."""
    vapour = max(humidity, 1e-6) * slow_saturation(celsius)
    ratio = 0.621945 * vapour / (pressure - vapour)
    iced = celsius < 0.01 or slow_ratio(celsius, 0.01, pressure, False) > ratio
    top = min(celsius, 0.01 - 1e-12) if iced else celsius
    return bisected(lambda wet: slow_ratio(celsius, wet, pressure, iced) - ratio, -110.0 if iced else 0.01, top)


@pytest.mark.parametrize(
    ("celsius", "pascals"),
    [(5.0, 872.6), (25.0, 3169.7), (50.0, 12351.3), (100.0, 101418.0), (-20.0, 103.24), (-5.0, 401.74)],
)
def test_v26_v27_saturation_pressure(celsius, pascals):
    """V-26 over water, V-27 over ice: the tables of ASHRAE Fundamentals 2017, to 0.03 %."""
    assert math.isclose(pascals, air.saturation_pressure(celsius), rel_tol=3e-4)


@pytest.mark.parametrize(("celsius", "pascals"), [(5.0, 872.6), (25.0, 3169.7), (50.0, 12351.3)])
def test_v26_magnus_over_water(celsius, pascals):
    """V-26: the Magnus form of the WMO agrees with those tables to 0.35 % between 5 and 50 °C."""
    assert math.isclose(pascals, air.magnus_pressure(celsius), rel_tol=3.5e-3)


def test_v28_saturated_humidity_ratio():
    """V-28: at 5, 25 and 50 °C at sea level, to 1 %."""
    found = air.humidity_ratio(air.saturation_pressure([5.0, 25.0, 50.0]))

    np.testing.assert_allclose(found, [0.005425, 0.020173, 0.086863], rtol=0.01)


def test_v29_humidity_ratio_of_a_vapour_pressure():
    """V-29: 3169.7 Pa in 95461 Pa; and back."""
    assert math.isclose(0.0213603998, air.humidity_ratio(3169.7, 95_461.0), abs_tol=1e-8)
    assert math.isclose(3169.7, air.vapour_pressure_of(air.humidity_ratio(3169.7, 95_461.0), 95_461.0))


def test_v30_wet_bulb():
    """V-30: 7 °C, 61 %, 100 kPa."""
    assert math.isclose(3.92667, air.wet_bulb(7.0, 0.61, 100_000.0), abs_tol=0.005)


def test_v31_humidity_ratio_of_a_wet_bulb():
    """V-31: 30 °C dry, 25 °C wet, 95461 Pa."""
    assert math.isclose(0.01922813, air.humidity_ratio_of_wet_bulb(30.0, 25.0, 95_461.0), rel_tol=3e-4)


def test_v32_handbook_example():
    """V-32: 40 °C dry, 20 °C wet at sea level: everything else, within what the chart can be read to."""
    ratio = air.humidity_ratio_of_wet_bulb(40.0, 20.0)
    vapour = air.vapour_pressure_of(ratio)

    assert math.isclose(0.0065, ratio, abs_tol=1e-4)
    assert math.isclose(7.0, air.dew_point(vapour), abs_tol=0.5)
    assert math.isclose(0.14, air.relative_humidity(40.0, vapour), abs_tol=0.01)
    assert math.isclose(56_700.0, air.enthalpy(40.0, ratio), abs_tol=100.0)
    assert math.isclose(0.896, air.specific_volume(40.0, ratio), rel_tol=0.01)


def test_v33_enthalpy_and_density():
    """V-33: 30 °C with 20 g/kg."""
    assert math.isclose(81_316.0, air.enthalpy(30.0, 0.02), rel_tol=3e-4)
    assert math.isclose(1.08412, air.density(30.0, 0.02, 95_461.0), rel_tol=3e-4)


def test_v34_pressure_at_altitude():
    """V-34: 0, 500 and 1000 m."""
    np.testing.assert_allclose(air.pressure_at_altitude([0.0, 500.0, 1000.0]), [101_325, 95_461, 89_875], atol=1.0)


def test_v35_relative_humidity_with_bolton():
    """V-35: 25 °C with a dew point of 12 °C."""
    found = air.magnus_pressure(12.0, air.BOLTON) / air.magnus_pressure(25.0, air.BOLTON)

    assert math.isclose(0.442484765, found, abs_tol=1e-8)


@pytest.mark.parametrize(
    ("form", "celsius"),
    [
        pytest.param(air.WMO, 0.041, id="WMO"),
        pytest.param(air.ALDUCHOV_ESKRIDGE, 0.047, id="Alduchov and Eskridge"),
        pytest.param(air.BOLTON, 0.054, id="Bolton"),
    ],
)
def test_v36_magnus_dew_point(form, celsius):
    """V-36: 10 °C at 50 %, as each set of coefficients gives it; all within 0.02 K of MetPy's 0.0479."""
    found = air.magnus_dew_point(10.0, 0.5, form)

    assert math.isclose(celsius, found, abs_tol=5e-4)
    assert math.isclose(0.0479, found, abs_tol=0.02)


@settings(deadline=None)
@given(st.floats(-100.0, 200.0))
def test_saturation_is_the_handbook_s_formula_and_dew_point_its_inverse(celsius):
    """The same pressure as the twin, and back to the same temperature."""
    pressure = air.saturation_pressure(celsius)

    assert math.isclose(slow_saturation(celsius), pressure, rel_tol=1e-12)
    assert math.isclose(celsius, air.dew_point(pressure), abs_tol=1e-8)


@settings(deadline=None)
@given(dry_bulbs, humidities, pressures)
def test_wet_bulb_is_what_halving_finds(celsius, humidity, pressure):
    """Newton's steps end where the twin's halvings do, dry and wet, over ice and water."""
    found = air.wet_bulb(celsius, humidity, pressure)

    assert math.isclose(slow_wet_bulb(celsius, humidity, pressure), found, abs_tol=1e-6)


@settings(deadline=None)
@given(dry_bulbs, humidities, pressures)
def test_wet_bulb_lies_between_dew_point_and_dry_bulb(celsius, humidity, pressure):
    """And gives its humidity ratio back."""
    vapour = air.vapour_pressure(celsius, humidity)
    wet = air.wet_bulb(celsius, humidity, pressure)

    assert wet <= celsius + 1e-9
    assert vapour <= air.saturation_pressure(max(float(wet), -100.0)) * (1.0 + 1e-9)
    back = air.humidity_ratio_of_wet_bulb(celsius, min(wet, celsius), pressure)
    assert math.isclose(air.humidity_ratio(vapour, pressure), back, rel_tol=1e-6, abs_tol=1e-9)


@settings(deadline=None)
@given(st.floats(-44.0, 60.0), st.floats(0.01, 1.0))
def test_relative_humidity_and_dew_point_belong_together(celsius, humidity):
    """From humidity to dew point and back; saturated air is at its dew point; a dew point never lies above."""
    vapour = air.vapour_pressure(celsius, humidity)

    assert math.isclose(humidity, air.relative_humidity(celsius, vapour), rel_tol=1e-12)
    assert air.dew_point(vapour) <= celsius + 1e-9
    assert air.magnus_dew_point(celsius, humidity) <= celsius + 1e-9
    assert math.isclose(celsius, air.magnus_dew_point(celsius, 1.0), abs_tol=1e-9)


def test_ice_and_water_meet_at_the_triple_point():
    """No step between the branches; one at 0 °C would make a dew point jump in a winter's curve."""
    below, above = air.saturation_pressure([0.01 - 1e-9, 0.01])

    assert math.isclose(below, above, rel_tol=1e-6)


@pytest.mark.parametrize("missing", [math.nan, math.inf, -math.inf])
def test_what_is_missing_stays_missing(missing):
    """One reading without a value spoils no other, whatever the function."""
    answers = [
        air.saturation_pressure([20.0, missing]),
        air.vapour_pressure([20.0, 20.0], [0.5, missing]),
        air.relative_humidity([20.0, missing], 1000.0),
        air.dew_point([1000.0, missing]),
        air.magnus_dew_point([20.0, missing], 0.5),
        air.humidity_ratio([1000.0, missing]),
        air.wet_bulb([20.0, missing], 0.5),
        air.wet_bulb([20.0, 20.0], [0.5, missing]),
        air.humidity_ratio_of_wet_bulb(20.0, [15.0, missing]),
        air.enthalpy([20.0, missing], 0.01),
        air.specific_volume([20.0, missing], 0.01),
        air.pressure_at_altitude([0.0, missing]),
    ]

    assert [[True, False]] * len(answers) == [np.isfinite(one).tolist() for one in answers]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        pytest.param(
            lambda: air.vapour_pressure([20.0, 21.0], [0.4, 41.0]),
            "relative_humidity at index 1 is 41: expected 0 to 1.1",
            id="percent for a ratio",
        ),
        pytest.param(lambda: air.saturation_pressure(293.0), "dry_bulb is 293: expected -100 to 200", id="kelvin"),
        pytest.param(
            lambda: air.wet_bulb(20.0, 0.5, 1013.25), "pressure is 1013.25: expected 50000 to 120000", id="hectopascals"
        ),
        pytest.param(lambda: air.dew_point(0.0), "vapour_pressure is 0: expected", id="no vapour at all"),
        pytest.param(lambda: air.pressure_at_altitude(12_000.0), "altitude is 12000", id="stratosphere"),
    ],
)
def test_what_is_out_of_range_is_refused_with_index_and_range(call, sentence):
    """A wrong unit is told, not computed with."""
    with pytest.raises(ValueError, match=sentence):
        call()


def test_sensors_that_read_a_little_over_saturation_are_taken_as_saturated():
    """100.4 % is a sensor's error, 0 % the end of its scale; both still have a dew point."""
    assert math.isclose(20.0, air.magnus_dew_point(20.0, 1.004))
    assert math.isclose(20.0, air.wet_bulb(20.0, 1.1), abs_tol=1e-9)
    assert np.isfinite(air.magnus_dew_point(20.0, 0.0))


def test_air_that_would_be_all_vapour_or_has_no_such_wet_bulb_has_no_humidity_ratio():
    """Absent, not negative and not infinite."""
    assert np.isnan(air.humidity_ratio(101_325.0, 101_325.0))
    assert np.isnan(air.humidity_ratio_of_wet_bulb(20.0, 25.0))
    assert np.isnan(air.humidity_ratio_of_wet_bulb(40.0, 5.0))


def test_shapes_broadcast_and_nothing_gives_nothing():
    """Numbers, columns and tables; an empty column has an empty answer."""
    assert () == air.wet_bulb(20.0, 0.5).shape
    assert (2, 3) == air.vapour_pressure(np.full((2, 1), 20.0), np.full(3, 0.5)).shape
    assert [(0,)] * 3 == [one.shape for one in (air.saturation_pressure([]), air.dew_point([]), air.wet_bulb([], 0.5))]
