import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.airflow import (
    beta,
    bypass,
    equipment_rise,
    flow_balance,
    mixing,
    rci,
    rci_over_time,
    recirculation,
    rti,
)
from dc_monitor.kernels.exposure import DryBulb, Exposures, exposure, exposure_of_many
from kernels.air import GAP, S, probes

A1 = DryBulb(15.0, 18.0, 27.0, 32.0)
A2 = DryBulb(10.0, 18.0, 27.0, 35.0)
temperatures = st.floats(-20.0, 80.0)


@pytest.mark.parametrize(
    ("celsius", "limits", "high", "low"),
    [
        pytest.param([18.0, 22.5, 27.0], A1, 1.0, 1.0, id="V-12"),
        pytest.param([24.0, 25.0, 26.0, 29.5], A1, 0.875, 1.0, id="V-13"),
        pytest.param([20.0, 16.5], A1, 1.0, 0.75, id="V-14"),
        pytest.param([45.0, 45.0], A1, 0.0, 1.0, id="V-15"),
        pytest.param([30.0], A2, 0.625, 1.0, id="V-16"),
        pytest.param([24.0, math.nan, 25.0, 26.0, 29.5, math.inf], A1, 0.875, 1.0, id="V-13 with missing probes"),
    ],
)
def test_rack_cooling_index(celsius, limits, high, low):
    """V-12 to V-16: of one instant, all inlets counted and clamped."""
    found = rci(celsius, limits)

    assert math.isclose(high, found.high, abs_tol=1e-9)
    assert math.isclose(low, found.low, abs_tol=1e-9)


def test_v15_keeps_the_raw_index():
    """V-15: 45 °C twice is −260 % before it is clamped."""
    assert math.isclose(-2.6, rci([45.0, 45.0], A1).raw_high)


@pytest.mark.parametrize("celsius", [[], [math.nan, math.nan]], ids=["V-17", "all missing"])
def test_without_an_inlet_there_is_no_index(celsius):
    """V-17: absent, not perfect."""
    assert np.isnan(rci(celsius, A1)).all()
    assert np.isnan(rci_over_time(exposure(range(len(celsius)), celsius, GAP, A1), A1)).all()


def test_an_index_needs_room_between_recommended_and_allowable():
    """Limits that coincide would divide by nothing."""
    with pytest.raises(ValueError, match="allowable limits must lie beyond the recommended ones"):
        rci([20.0], DryBulb(15.0, 18.0, 32.0, 32.0))


@settings(deadline=None)
@given(st.lists(temperatures, min_size=1, max_size=30))
def test_constant_inlets_have_over_time_the_index_of_the_instant(celsius):
    """Time-weighting changes nothing where nothing changes."""
    time = np.tile([0, 60 * S, 120 * S], len(celsius))
    found = exposure_of_many(time, np.repeat(celsius, 3), np.arange(len(celsius) + 1) * 3, GAP, A1)

    np.testing.assert_allclose(rci_over_time(found, A1), rci(celsius, A1), rtol=1e-9, atol=1e-9)


def test_over_time_every_inlet_counts_with_the_time_it_is_known():
    """29.5 °C for one minute and 25 °C for three: 0.5 × ¼ is lost."""
    hot = exposure([0, 60 * S], [29.5, 29.5], GAP, A1)
    cool = exposure(np.arange(4) * 60 * S, [25.0] * 4, GAP, A1)

    both = exposure_of_many([0, 60 * S, 0, 60 * S, 120 * S, 180 * S], [29.5] * 2 + [25.0] * 4, [0, 2, 6], GAP, A1)

    assert math.isclose(0.5, rci_over_time(hot, A1).high)
    assert 1.0 == rci_over_time(cool, A1).high
    assert math.isclose(0.875, rci_over_time(both, A1).high)


def test_a_hall_over_a_year_does_not_overflow():
    """10,000 inlets × a year are more nanoseconds than 64 bits hold; half of them at 29.5 °C lose a quarter."""
    year = 365 * 86_400 * S
    one = exposure_of_many([0, year, 0, year], [29.5] * 2 + [22.0] * 2, [0, 2, 4], year, A1)
    hall = Exposures(*(np.repeat(part, 5_000, axis=0) for part in one))

    assert math.isclose(0.75, rci_over_time(hall, A1).high, rel_tol=1e-9)


@settings(deadline=None)
@given(probes())
def test_an_index_lies_between_0_and_1_or_nowhere(one):
    """Whatever a probe sends."""
    found = rci_over_time(exposure(*one, GAP, A1), A1)

    assert all(math.isnan(value) or 0.0 <= value <= 1.0 for value in (found.high, found.low))


def test_v19_v20_return_temperature_index():
    """V-19 balanced, V-20 recirculation and bypass."""
    np.testing.assert_allclose([1.0, 1.25, 0.75], rti(18.0, [30.0, 33.0, 27.0], 12.0), atol=1e-9)


@pytest.mark.parametrize("rise", [0.0, -2.0, math.nan])
def test_return_temperature_index_without_a_rise_is_absent(rise):
    """Equipment that warms nothing moves nothing that can be compared."""
    assert np.isnan(rti(18.0, 30.0, rise))


@pytest.mark.parametrize(
    ("rise", "power", "expected"),
    [
        pytest.param([10.0, 20.0], [1000.0, 3000.0], (16.0, True), id="V-21"),
        pytest.param([10.0, 20.0], [math.nan, 3000.0], (15.0, False), id="V-22"),
        pytest.param([10.0, 20.0], [-5.0, 3000.0], (15.0, False), id="negative power is none"),
        pytest.param([10.0, 20.0], [0.0, 0.0], (15.0, False), id="all switched off"),
        pytest.param(
            [10.0, 20.0, -3.0], [1000.0, 3000.0, math.nan], (16.0, True), id="a dropped server needs no power"
        ),
    ],
)
def test_rise_through_the_equipment(rise, power, expected):
    """V-21 weighted by airflow, V-22 the plain mean as soon as one power is missing."""
    found = equipment_rise(rise, power)

    assert math.isclose(expected[0], found.kelvin, abs_tol=1e-9)
    assert expected[1] == found.weighted


@pytest.mark.parametrize("rise", [[-2.0, 0.0], [], [math.nan]], ids=["V-23", "nothing", "missing"])
def test_v23_without_a_warm_server_there_is_no_rise(rise):
    """V-23: sensors that show no rise are at fault; without others there is none."""
    assert math.isnan(equipment_rise(rise, np.full(len(rise), 100.0)).kelvin)


def test_columns_of_different_lengths_are_refused():
    """A power belongs to a rise."""
    with pytest.raises(ValueError, match=r"two columns of one length, not \(2,\) and \(3,\)"):
        equipment_rise([1.0, 2.0], [1.0, 2.0, 3.0])


def test_v24_v25_supply_and_return_heat_index():
    """V-24 and V-25, by hand."""
    found = mixing([21.0], [33.0], 18.0)

    assert math.isclose(0.20, found.shi, abs_tol=1e-9)
    assert math.isclose(0.80, found.rhi, abs_tol=1e-9)
    assert math.isclose(0.27273, mixing([22.5], [34.5], 18.0).shi, abs_tol=1e-5)


def test_heat_index_weighs_by_flow_and_leaves_out_what_is_missing():
    """A rack with three times the air counts three times; one without exhaust not at all."""
    found = mixing([21.0, 24.0, 30.0], [33.0, 34.0, math.nan], 18.0, [3.0, 1.0, 5.0])

    assert math.isclose((3 * 3 + 6) / (3 * 15 + 16), found.shi)


@settings(deadline=None)
@given(st.lists(st.tuples(temperatures, temperatures), min_size=1, max_size=20), temperatures)
def test_the_two_heat_indices_add_up_to_one(racks, reference):
    """Exactly where they mean something, to the last digit elsewhere; or neither is there."""
    shi, rhi = mixing(*zip(*racks, strict=True), reference)

    assert math.isnan(shi) == math.isnan(rhi)
    assert shi + rhi == 1.0 if 0.0 <= shi <= 1.0 else math.isnan(shi) or math.isclose(1.0 - shi, rhi, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("inlet", "exhaust"),
    [([], []), ([math.nan], [33.0]), ([18.0], [18.0]), ([20.0], [12.0])],
    ids=["nothing", "missing", "nothing warms", "exhaust below supply"],
)
def test_without_heat_there_is_no_heat_index(inlet, exhaust):
    """A denominator that is not positive is no perfect room."""
    assert np.isnan(mixing(inlet, exhaust, 18.0)).all()


def test_v64_bypass():
    """V-64: 35 °C out, 30 °C back, 18 °C supplied."""
    assert math.isclose(0.294, bypass(35.0, 30.0, 18.0), abs_tol=1e-3)


def test_v65_a_balanced_room_that_mixes_all_the_same():
    """V-65: a fifth is recirculated and a fifth bypassed; the flows are equal and RTI says 1."""
    recirculated, bypassed = recirculation(21.0, 33.0, 18.0), bypass(33.0, 30.0, 18.0)

    assert math.isclose(0.20, recirculated, abs_tol=1e-9)
    assert math.isclose(0.20, bypassed, abs_tol=1e-9)
    assert math.isclose(1.0, flow_balance(recirculated, bypassed), abs_tol=1e-9)
    assert math.isclose(1.0, rti(18.0, 30.0, 12.0), abs_tol=1e-9)


@settings(deadline=None)
@given(st.floats(10.0, 25.0), st.floats(0.1, 15.0), st.floats(1.0, 20.0), st.floats(0.05, 1.0))
def test_flow_balance_is_the_inverse_of_the_return_temperature_index(supply, above, rise, kept):
    """Both say what the heat balance says: T_return between supply and exhaust, whatever mixes."""
    inlet, exhaust = supply + above, supply + above + rise
    returned = supply + kept * (exhaust - supply)

    balance = flow_balance(recirculation(inlet, exhaust, supply), bypass(exhaust, returned, supply))

    assert math.isclose(1.0, balance * rti(supply, returned, rise), rel_tol=1e-9)


def test_beta_index_by_hand():
    """0 without recirculation, 1 when the inlet is raised by a whole rise of the server, more when it heats itself."""
    np.testing.assert_allclose([0.0, 1.0, 1.5], beta([18.0, 28.0, 33.0], [28.0, 38.0, 43.0], 18.0))
    assert np.isnan(beta([20.0, 20.0, math.nan], [20.0, 15.0, 30.0], 18.0)).all()
