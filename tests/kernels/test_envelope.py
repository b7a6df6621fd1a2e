import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.envelope import Moist, interpolated, is_within, time_within
from dc_monitor.kernels.psychrometrics import relative_humidity, saturation_pressure, vapour_pressure
from kernels.air import GAP, START, S, covered, probes

A1 = Moist((15.0, 32.0), (-12.0, 17.0), (0.08, 0.80))
MINUTE = 60 * S


def humidity_at(celsius, dew_point):
    """Relative humidity of air with this dew point."""
    return float(relative_humidity(celsius, saturation_pressure(dew_point)))


@pytest.mark.parametrize(
    ("celsius", "humidity", "within"),
    [
        pytest.param(22.0, 0.45, True, id="an ordinary room"),
        pytest.param(15.0, 0.45, True, id="just warm enough"),
        pytest.param(14.99, 0.45, False, id="too cold"),
        pytest.param(32.0, 0.30, True, id="just cool enough"),
        pytest.param(32.01, 0.30, False, id="too hot"),
        pytest.param(18.0, 0.80, True, id="80 %, dew point 14.5 °C"),
        pytest.param(18.0, 0.81, False, id="81 %, dew point 14.7 °C: too humid"),
        pytest.param(30.0, humidity_at(30.0, 16.99), True, id="46 %, dew point just below 17 °C"),
        pytest.param(30.0, humidity_at(30.0, 17.01), False, id="46 %, dew point just above 17 °C"),
        pytest.param(30.0, 0.08, True, id="8 % at 30 °C, dew point −8 °C"),
        pytest.param(16.0, 0.11, False, id="11 % at 16 °C, dew point −14 °C: too dry"),
        pytest.param(30.0, 0.075, False, id="7.5 % at 30 °C, dew point −9 °C: too dry"),
        pytest.param(math.nan, 0.45, False, id="no temperature"),
        pytest.param(22.0, math.nan, False, id="no humidity"),
    ],
)
def test_membership_at_the_edges_of_a1(celsius, humidity, within):
    """Of the two limits of moisture on either side the stricter applies."""
    assert within == is_within(celsius, humidity, A1)


def slow_within(time, celsius, humidity, limits):
    """The twin: cut each interval wherever a line crosses a limit, and ask the middle of each piece."""
    vapour = vapour_pressure(celsius, humidity)
    edges = [float(saturation_pressure(dew)) for dew in limits.dew_point]
    ranges = (limits.dry_bulb, limits.relative_humidity, edges)
    within, known = 0.0, 0
    for t0, t1, pairs in covered(time, celsius, np.clip(humidity, 0.0, 1.0), vapour):
        cuts = {0.0, 1.0}
        for (v0, v1), bounds in zip(pairs, ranges, strict=True):
            cuts |= {(bound - v0) / (v1 - v0) for bound in bounds if v0 != v1 and 0 < (bound - v0) / (v1 - v0) < 1}
        ordered = sorted(cuts)
        for a, b in pairwise(ordered):
            middle = (a + b) / 2
            states = [v0 + (v1 - v0) * middle for v0, v1 in pairs]
            inside = all(low <= state <= high for state, (low, high) in zip(states, ranges, strict=True))
            within += inside * (b - a) * (t1 - t0)
        known += t1 - t0
    return within, known


@st.composite
def moist_probes(draw: st.DrawFn):
    """Temperature and humidity at the same instants, either now and then missing."""
    time, celsius = draw(probes(longest=60))
    celsius = np.where(np.isfinite(celsius), celsius, np.nan)
    humidity = st.sampled_from([0.08, 0.6, 0.8, 1.05, math.nan]) | st.floats(0.0, 1.0)
    return time, celsius, np.array(draw(st.lists(humidity, min_size=time.size, max_size=time.size)), np.float64)


@settings(deadline=None, max_examples=60)
@given(moist_probes())
def test_time_within_is_what_the_slow_twin_finds(one):
    """Pieces of intervals, added up, give the same time."""
    time, celsius, humidity = one
    within, known = slow_within(time, celsius, humidity, A1)

    found = time_within(time, celsius, humidity, GAP, A1)

    assert known == found.known
    assert math.isclose(within, found.within, rel_tol=1e-9, abs_tol=1.0)


@settings(deadline=None, max_examples=60)
@given(moist_probes(), st.lists(st.integers(-50, 6000), min_size=1, max_size=5, unique=True))
def test_times_within_adjoining_periods_add_up_to_the_whole(one, cuts):
    """Cutting a period anywhere neither makes nor loses time."""
    edges = [START - S, *(START + cut * S // 3 for cut in sorted(cuts) if cut > 0), START + 10**6 * S]

    pieces = [time_within(*one, GAP, A1, a, b) for a, b in pairwise(edges)]

    whole = time_within(*one, GAP, A1)
    assert whole.known == sum(piece.known for piece in pieces)
    assert math.isclose(whole.within, sum(piece.within for piece in pieces), rel_tol=1e-9, abs_tol=1e3)


def test_a_rise_through_the_humidity_limit_by_hand():
    """70 → 90 % in a minute at 18 °C: dew point stays below 17 °C, so half the minute is within 80 %."""
    found = time_within([0, MINUTE], [18.0, 18.0], [0.70, 0.90], GAP, A1)

    assert math.isclose(30e9, found.within)
    assert MINUTE == found.known


def test_two_limits_left_at_different_moments_share_what_both_keep():
    """Too warm for the first half, too humid from three quarters on: a quarter is within."""
    found = time_within([0, MINUTE], [36.0, 28.0], [0.10, 0.10], GAP, Moist((15.0, 32.0), (-50.0, 50.0), (0.0, 1.0)))
    assert math.isclose(30e9, found.within)

    wet = Moist((15.0, 32.0), (-50.0, 50.0), (0.0, 0.70))
    assert math.isclose(15e9, time_within([0, MINUTE], [36.0, 28.0], [0.10, 0.90], GAP, wet).within)


def test_air_a_little_over_saturation_is_saturated():
    """A sensor's 100.4 % keeps to a limit of 100 %."""
    wet = Moist((15.0, 32.0), (-math.inf, math.inf), (0.0, 1.0))

    assert is_within(22.0, 1.004, wet)
    assert (float(MINUTE), MINUTE) == time_within([0, MINUTE], [22.0, 22.0], [1.004, 1.004], GAP, wet)


def test_dew_point_may_be_left_open():
    """The editions before 2011 limit it only above."""
    dry = Moist((15.0, 32.0), (-math.inf, 17.0), (0.0, 0.80))

    assert is_within(22.0, 0.001, dry)


@pytest.mark.parametrize("size", [0, 1])
def test_less_than_an_interval_is_no_time(size):
    """One state says where the air is, not for how long."""
    assert (0.0, 0) == time_within(np.arange(size), np.full(size, 22.0), np.full(size, 0.45), GAP, A1)


def test_limits_that_fall_and_percent_for_ratios_are_refused():
    """Both would make every room perfect, or none."""
    with pytest.raises(ValueError, match=r"limits of dew_point must rise, not 17\.0 to -12\.0"):
        is_within(22.0, 0.45, A1._replace(dew_point=(17.0, -12.0)))
    with pytest.raises(ValueError, match="relative_humidity at index 0 is 45"):
        time_within([0, MINUTE], [22.0, 22.0], [45.0, 45.0], GAP, A1)


@settings(deadline=None)
@given(probes(longest=40), st.lists(st.integers(-10, 8000), max_size=20))
def test_interpolated_is_the_line_where_it_is_covered_and_nothing_elsewhere(one, seconds):
    """A sample that is hit is told, an interval that is known gives its line, a hole gives nothing."""
    time, celsius = one
    at = np.array(sorted(START + second * S // 2 for second in seconds), np.int64)
    told = {int(t): float(v) for t, v in zip(time, celsius, strict=True)}
    lines = [*covered(time, celsius)]
    expected = []
    for moment in at.tolist():
        line = [v0 + (v1 - v0) * (moment - t0) / (t1 - t0) for t0, t1, [(v0, v1)] in lines if t0 < moment < t1]
        expected.append(told.get(moment, line[0] if line else math.nan))

    np.testing.assert_allclose(interpolated(time, celsius, at, GAP), expected, rtol=1e-9)
