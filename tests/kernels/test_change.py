import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.change import largest_change
from kernels.air import GAP, S, covered, probes

MINUTE = 60 * S


def slow_change(time, celsius, span):
    """The twin: every sample, and the line a whole span before and after it, against every other."""
    known = {int(t): float(v) for t, v in zip(time, celsius, strict=True) if math.isfinite(v)}
    at = dict(known)
    for moment in known:
        for other in (moment - span, moment + span):
            for t0, t1, [(v0, v1)] in covered(time, celsius):
                if t0 <= other <= t1 and other not in at:
                    at[other] = v0 + (v1 - v0) * ((other - t0) / (t1 - t0))
    pairs = [(s, t) for s in at for t in known if s != t and abs(s - t) <= span]
    return max((abs(at[s] - at[t]) for s, t in pairs), default=math.nan)


@settings(deadline=None, max_examples=60)
@given(probes(longest=40), st.sampled_from([S, 30 * S, 90 * S, 100 * S, 900 * S, 3600 * S]))
def test_largest_change_is_what_comparing_every_pair_finds(one, span):
    """The same kelvin as the twin that looks at all pairs."""
    time, celsius = one

    np.testing.assert_allclose(largest_change(time, celsius, span, GAP).kelvin, slow_change(time, celsius, span))


def test_ramp_by_hand():
    """12 K in an hour is 3 K in any quarter, told once it is over, though samples are 40 minutes apart."""
    time = np.arange(4) * 40 * MINUTE
    celsius = 20.0 + 8.0 * np.arange(4)

    found = largest_change(time, celsius, 15 * MINUTE, 40 * MINUTE)

    assert math.isclose(3.0, found.kelvin)
    assert 0 < found.end <= time[-1]
    assert math.isclose(12.0, largest_change(time, celsius, 60 * MINUTE, 40 * MINUTE).kelvin)


def test_either_end_of_the_span_may_lie_between_samples():
    """12 K in a minute, 2 K in two seconds, then nothing: the half minute with 7.6 K begins between two samples.

    Told backwards the same air ends between two samples.
    """
    time, celsius = np.array([0, 60, 62, 120]) * S, np.array([0.0, 12.0, 14.0, 14.0])

    assert math.isclose(7.6, largest_change(time, celsius, 30 * S, GAP).kelvin)
    assert math.isclose(7.6, largest_change(120 * S - time[::-1], celsius[::-1], 30 * S, GAP).kelvin)


def test_a_step_up_and_one_down_count_alike():
    """5 K down within a minute is as much as 5 K up, and its end is told."""
    time = np.arange(5) * MINUTE

    assert (5.0, 3 * MINUTE) == largest_change(time, [25.0, 25.0, 25.0, 20.0, 20.0], MINUTE, GAP)
    assert (5.0, 3 * MINUTE) == largest_change(time, [20.0, 20.0, 20.0, 25.0, 25.0], MINUTE, GAP)


def test_across_a_hole_only_what_both_ends_show_is_compared():
    """Ten minutes of silence: nobody knows what was within one minute, but within fifteen it moved 9 K."""
    time, celsius = [0, MINUTE, 11 * MINUTE, 12 * MINUTE], [20.0, 20.0, 29.0, 29.0]

    assert 0.0 == largest_change(time, celsius, MINUTE, GAP).kelvin
    assert 9.0 == largest_change(time, celsius, 15 * MINUTE, GAP).kelvin


@pytest.mark.parametrize(
    ("time", "celsius"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([0], [20.0], id="one"),
        pytest.param([0, MINUTE], [math.nan, 20.0], id="one that is known"),
        pytest.param([0, 3600 * S], [20.0, 30.0], id="too far apart"),
    ],
)
def test_without_two_temperatures_close_together_there_is_no_change(time, celsius):
    """NaN is not 0: nobody looked."""
    found = largest_change(time, celsius, 15 * MINUTE, GAP)

    assert math.isnan(found.kelvin)
    assert 0 == found.end


def test_a_span_that_is_none_is_refused():
    """Nothing changes within no time."""
    with pytest.raises(ValueError, match="span must be positive, not 0 ns"):
        largest_change([0, 1], [20.0, 21.0], 0, GAP)
