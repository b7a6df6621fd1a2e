"""Power that is not told: estimated with bounds, or not at all."""

from collections.abc import Mapping

import pytest

from collectors.snmp.estimate import Ladder, of_nominal_volts
from dc_monitor.contract import Rating
from dc_monitor.readings import Reading, Series

STEPS = {"voltage": 0.1, "current": 0.1, "load": 0.001, "apparent_power": 10.0}
UNKNOWN = Rating()
Lines = Mapping[str, Mapping[str, float]]


def ladder_and_readings(lines: Lines, rating: Rating) -> tuple[Ladder, list[Reading]]:
    readings = [
        Reading(Series("ups-a", point, quantity, "phase"), value, 7 + at)
        for point, line in lines.items()
        for at, (quantity, value) in enumerate(line.items())
    ]
    steps = {r.series: STEPS[r.series.quantity] for r in readings if r.series.quantity in STEPS}
    return Ladder("ups-a", "output/total", "output", rating, steps), readings


def estimate(lines: Lines, rating: Rating = UNKNOWN) -> dict[str, Reading] | None:
    ladder, readings = ladder_and_readings(lines, rating)
    made = ladder.estimate(readings)
    return None if made is None else {reading.series.quantity: reading for reading in made}


def test_volts_times_amperes_give_apparent_power_and_a_range_of_real_power() -> None:
    """118 V and 3.0 A are 354 VA; at a power factor of 0.6 to 1, 212 to 354 W."""
    made = estimate({"output/total": {"voltage": 118.0, "current": 3.0, "load": 0.378}})
    assert made is not None
    power = made["power"]

    assert 354.0 == made["apparent_power"].value
    assert "derived" == made["apparent_power"].series.method
    assert "estimated" == power.series.method
    assert (318.6, 212.4, 354.0) == pytest.approx((power.value, power.low, power.high), rel=0.005)
    assert 9 == power.time


def test_a_device_that_tells_its_power_gets_no_estimate() -> None:
    """A measured watt is not to be stood beside a guessed one."""
    assert estimate({"output/l1": {"voltage": 230.0, "current": 1.1, "power": 184.0}}) is None
    assert (
        estimate({"output/l1": {"power": 184.0}, "output/l2": {"voltage": 0.0, "current": 0.0, "power": 0.0}}) is None
    )


def test_lines_that_tell_are_taken_as_told_and_only_the_rest_is_estimated() -> None:
    """The interval holds the unmetered line alone."""
    made = estimate({"output/l1": {"power": 1000.0}, "output/l2": {"voltage": 230.0, "current": 1.0}})
    assert made is not None

    assert 1000.0 + 0.9 * 230 == pytest.approx(made["power"].value)
    assert (made["power"].low or 0) > 1000.0
    assert "apparent_power" not in made


def test_apparent_power_told_goes_before_volts_times_amperes() -> None:
    """The device's own VA sees what its rounded amperes do not."""
    made = estimate({"output/total": {"apparent_power": 400.0, "voltage": 230.0, "current": 1.0}})
    assert made is not None

    assert 360.0 == pytest.approx(made["power"].value)
    assert {"power"} == set(made)


def test_apparent_power_times_its_power_factor_is_derived_and_needs_no_bounds() -> None:
    """Meters that tell VA and power factor know the watts; a negative factor is a leading one."""
    made = estimate(
        {
            "output/l1": {"apparent_power": 400.0, "power_factor": 0.9},
            "output/l2": {"apparent_power": 200.0, "power_factor": -0.5},
        }
    )
    assert made is not None
    power = made["power"]

    assert ("derived", 460.0, None) == (power.series.method, pytest.approx(power.value), power.low)
    mixed = estimate({"output/l1": {"apparent_power": 400.0, "power_factor": 0.9}, "output/l2": {"load": 0.5}})
    assert {} == mixed


def test_half_a_table_is_no_total() -> None:
    """A line whose amperes are not available would be counted as 0 W."""
    assert {} == estimate({"output/l1": {"voltage": 230.0, "current": 2.0}, "output/l2": {"voltage": 230.0}})


def test_a_dead_line_adds_nothing_and_hides_nothing() -> None:
    """One-phase devices list three lines, two of them at 0 V."""
    made = estimate({"output/l1": {"voltage": 230.0, "current": 2.0}, "output/l2": {"voltage": 0.0}})
    assert made is not None

    assert 460.0 == made["apparent_power"].value


def test_inlets_that_are_all_dead_are_no_total_of_nothing() -> None:
    """A PDU without inlet meters says 0 V and 0 VA while its outlets feed servers."""
    dead = {"voltage": 0.0, "apparent_power": 0.0, "power_factor": 1.0}

    assert {} == estimate({"output/l1": dead, "output/l2": dead})


def test_volts_between_phases_are_no_line() -> None:
    """They stand beside the amperes of the phases, which load and rating make whole."""
    made = estimate({"output/l1": {"load": 0.5}, "output/line-to-line/1": {"voltage": 400.0}}, Rating(va=1000.0))
    assert made is not None

    assert 450.0 == pytest.approx(made["power"].value)


def test_load_and_rating_stand_in_for_amperes() -> None:
    """Half of 1000 VA at a power factor of 0.6 to 1; dead lines do not dilute the load."""
    for lines in (
        {"output/total": {"load": 0.5}},
        {"output/l1": {"voltage": 230.0, "load": 0.5}, "output/l2": {"voltage": 0.0, "load": 0.0}},
    ):
        made = estimate(lines, Rating(va=1000.0))
        assert made is not None
        assert (450.0, 300.0, 500.0) == pytest.approx(
            (made["power"].value, made["power"].low, made["power"].high), rel=1e-3
        )
        assert {"power"} == set(made)


def test_load_without_rating_estimates_nothing() -> None:
    """Percent of an unknown is an unknown."""
    assert {} == estimate({"output/total": {"load": 0.5}})


def test_two_ways_that_disagree_widen_the_interval() -> None:
    """354 VA by amperes against 600 VA by load: one is wrong, and nobody knows which."""
    agreeing = estimate({"output/total": {"voltage": 118.0, "current": 3.0, "load": 0.378}}, Rating(va=1000.0))
    apart = estimate({"output/total": {"voltage": 118.0, "current": 3.0, "load": 0.6}}, Rating(va=1000.0))
    assert agreeing is not None
    assert apart is not None

    assert 354.0 == pytest.approx(agreeing["power"].high, rel=0.005)
    assert 600.0 == pytest.approx(apart["power"].high, rel=0.005)
    assert agreeing["power"].value == apart["power"].value


def test_coarse_amperes_widen_the_interval() -> None:
    """0.1 A read in steps of 0.1 A may be half as much again."""
    made = estimate({"output/total": {"voltage": 230.0, "current": 0.1}})
    assert made is not None
    power = made["power"]
    assert power.low is not None
    assert power.high is not None

    assert power.low < 0.6 * 23.0 - 2
    assert power.high > 23.0 + 5


def test_nothing_at_all_is_no_line() -> None:
    """A side the device does not speak of is not at 0 W, it is unknown."""
    assert {} == estimate({"input/l1": {"voltage": 230.0, "current": 1.0}})


def test_power_from_nominal_volts_is_bounded_by_mains_and_power_factor() -> None:
    """312 W of amperes times a setting: the truth may be far below, hardly above."""
    low, high = of_nominal_volts(312.0)

    assert (183.4, 343.2) == pytest.approx((low, high), abs=0.1)
