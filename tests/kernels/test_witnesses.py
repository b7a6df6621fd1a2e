import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.witnesses import plausible_rate, smallest_step, stalled_spans, starts_of

S = 1_000_000_000


def seconds(count):
    """A sample each second."""
    return np.arange(count, dtype=np.int64) * S


def test_starts_are_found_and_497_days_of_time_ticks_are_no_start():
    """Uptime that fell is a start, at the instant it tells; TimeTicks gone round and a clock a little off are not."""
    day = 86_400 * S
    time = np.array([0, 1, 2, 3]) * day

    assert [day + day // 2] == starts_of(time, [1e6, 1e6 + 86_400, 43_200, 129_590]).tolist()
    assert [] == starts_of(time[:2], [2**32 / 100 - 40_000, 46_400]).tolist()
    assert [] == starts_of([], []).tolist()


def test_start_is_put_between_the_two_polls_it_lies_between():
    """An uptime that claims more than the time since the last poll, or none at all, still lies in the interval."""
    assert [1] == starts_of(np.array([0, 60]) * S, [5000.0, 100.0]).tolist()
    assert [60 * S] == starts_of(np.array([0, 60]) * S, [5000.0, 0.0]).tolist()
    assert [] == starts_of(np.array([0, 60]) * S, [math.nan, 100.0]).tolist()


def test_plausible_rate_ignores_recoveries_from_glitches():
    """5 W for 200 s with two falls to zero that recover: 6 J/s, not the 1000 J/s of the recovery."""
    register = 1000.0 + 5.0 * np.arange(200)
    register[[50, 120]] = 0.0

    assert math.isclose(6.0, plausible_rate(seconds(200), register))
    assert 0.0 == plausible_rate(seconds(3), [4.0, 4.0, math.nan])


@pytest.mark.parametrize(
    "register",
    [
        pytest.param([9e9, 9e9, 0.0, 9e9, 9e9], id="down for one poll"),
        pytest.param([5.0, 5.0, 9e9, 5.0, 5.0], id="up for one poll"),
        pytest.param([9e9, *[0.0] * 9, 9e9 + 1, 9e9 + 2, 9e9 + 3], id="down for most of the time"),
        pytest.param([9e9, 9e9, *[0.0] * 9, 9e9 + 1], id="and back at the very end"),
    ],
)
def test_an_idle_register_with_a_glitch_is_not_taken_for_a_fast_one(register):
    """Its recovery is all the movement there is, and still no consumption."""
    assert 1.2 >= plausible_rate(seconds(len(register)), register)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9).map(float), max_size=12))
def test_plausible_rate_is_the_rise_between_two_samples(register):
    """Margin apart; or 0, but not where a register does nothing but rise."""
    rate = plausible_rate(seconds(len(register)), register) / 1.2

    pairs = [(b - a) / (j - i) for i, a in enumerate(register) for j, b in enumerate(register) if j > i and b > a]
    assert any(math.isclose(rate, pair) for pair in [*pairs, 0.0])
    assert rate > 0 or register != sorted(register) or not pairs


def test_smallest_step_is_the_smallest_rise():
    """Silence and falls are no steps."""
    assert 0.5 == smallest_step([1.0, math.nan, 3.0, 3.5, 2.0, 2.0])
    assert 0.0 == smallest_step([])


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 4.0]), max_size=30), st.sampled_from([0.0, 5.0]))
def test_stalls_are_found_as_a_person_would(rises, least):
    """Twin: group samples by what the register shows; a group through which twice its rise flowed lost the count."""
    total = np.cumsum([0.0, *rises])
    expected = [2.5] * len(rises)
    edges = [0, *(i + 1 for i, rise in enumerate(rises) if rise > 0)]
    edges += [len(rises)] if edges[-1] != len(rises) else []
    lost = [
        [start * S, end * S]
        for start, end in pairwise(edges)
        if 2.5 * (end - start) > least and total[end] - total[start] < 2.5 * (end - start) / 2
    ]

    assert lost == stalled_spans(seconds(total.size), total, expected, least).tolist()


def test_stalls_need_one_expectation_an_interval():
    """Three samples have two intervals."""
    with pytest.raises(ValueError, match="one value per interval, 2, not"):
        stalled_spans([0, 1, 2], [0.0, 0.0, 0.0], [1.0], 1.0)
