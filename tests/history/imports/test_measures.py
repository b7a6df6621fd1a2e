"""Units: every one becomes ours by the factor that the tables of physics give, and none by mistake."""

import numpy as np
import pytest

from dc_monitor.history.imports.measures import UNITS, measure
from dc_monitor.history.imports.steps import Step, duration, step

SECOND = 10**9


@pytest.mark.parametrize(
    ("unit", "quantity", "interval", "written", "ours"),
    [
        ("kW", "power", False, 1.5, 1500.0),
        ("mW", "power", False, 41.0, 0.041),
        ("kWh", "energy", False, 1.0, 3.6e6),
        ("MWh", "energy", False, 2.0, 7.2e9),
        ("Wh", "power", True, 1.0, 3600.0),
        ("kvarh", "reactive_power", True, 1.0, 3.6e6),
        ("°F", "temperature", False, 212.0, 100.0),
        ("F", "temperature", False, 32.0, 0.0),
        ("K", "temperature", False, 273.15, 0.0),
        ("%", "humidity", False, 41.0, 0.41),
        ("m3/h", "flow", False, 3.6, 0.001),
        ("m³", "flow", True, 2.0, 2.0),
        ("l", "flow", True, 41.0, 0.041),
        ("CFM", "airflow", False, 1.0, 4.719474e-4),
        ("hPa", "pressure", False, 1013.25, 101325.0),
        ("min", "runtime", False, 2.0, 120.0),
    ],
)
def test_a_unit_is_converted_without_a_rounding_of_its_own(unit, quantity, interval, written, ours):
    """41 l are 0.041 m3, not 0.041000000000000002."""
    assert ours == measure(unit, quantity, interval).values(np.array([written]))[0]


@pytest.mark.parametrize(
    ("unit", "quantity", "interval", "complaint"),
    [
        ("kw", "power", False, '"kw": unknown unit; did you mean "kW"?'),
        ("Kwh", "energy", False, 'did you mean "kWh"?'),
        ("mw", "power", False, 'did you mean "mW" or "MW"|"MW" or "mW"'),
        ("parsec", "power", False, '"parsec": unknown unit; expected one of W, kW'),
        ("kWh", "power", False, r'say kind = "interval"'),
        ("°C", "power", False, '"°C" is no unit of power; expected one of W'),
        ("kW", "energy", False, '"kW" is no unit of energy; expected one of Wh, kWh'),
        ("kWh", "temperature", True, "is no unit of temperature"),
    ],
)
def test_a_unit_that_does_not_fit_is_refused_with_the_nearest(unit, quantity, interval, complaint):
    """Case is meaning: mW is not MW, so nothing is corrected, only suggested."""
    with pytest.raises(ValueError, match=complaint):
        measure(unit, quantity, interval)


def test_every_unit_is_some_quantitys():
    """A unit nobody can use is a mistake in the table."""
    from dc_monitor.names import QUANTITIES

    usable = {
        unit
        for unit in UNITS
        for quantity in QUANTITIES
        for interval in (False, True)
        if _fits(unit, quantity, interval)
    }

    assert set(UNITS) == usable


def _fits(unit: str, quantity: str, interval: bool) -> bool:
    try:
        return bool(measure(unit, quantity, interval))
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("30 min", Step(1800 * SECOND)),
        ("30min", Step(1800 * SECOND)),
        ("PT10M", Step(600 * SECOND)),
        ("PT1H30M", Step(5400 * SECOND)),
        ("1 day", Step(day=True)),
        ("P1D", Step(day=True)),
        ("24 h", Step(86_400 * SECOND)),
        ("30", None),
        ("0 min", None),
        ("2 days", None),
        ("P1M", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_step_is_a_time_or_a_civil_day(written, expected):
    """A day of 23 h is a day; 24 h are 24 h. A bare number is no step: of what?"""
    assert expected == duration(written)


def test_a_step_that_cannot_be_is_refused_with_examples():
    """The sentence shows every form."""
    with pytest.raises(ValueError, match='"a while": expected a step of a second to a day, such as "30 min"'):
        step("a while")
    assert (Step(), Step(column="Pas")) == (step("neighbours"), step("column Pas"))
