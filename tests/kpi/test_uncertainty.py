import math

import numpy as np
import pytest

from dc_monitor.kpi.rules import RULES, Rules
from dc_monitor.kpi.uncertainty import Error, bounds, interval

ALWAYS_TRIALS = Rules(linear_limit=0.0)
"""A rule set that never trusts the closed form."""


def classed(total, it):
    """A symmetric rectangular error."""
    return Error("rectangular", (total, it), (total, it))


MANY = [
    *(classed(1.0, 0.0) for _ in range(4)),
    *(classed(0.0, 0.8) for _ in range(4)),
    Error("normal", (0.5, 0.0), (0.5, 0.0)),
]


@pytest.mark.parametrize("beside", [0.0, 0.01])
def test_closed_form_and_trials_agree_where_both_hold(beside):
    """Eight classes of comparable size and some noise: the two intervals agree within 3 % of their width."""
    low, high = interval(150.0, 100.0, MANY, beside, RULES)

    trial_low, trial_high = interval(150.0, 100.0, MANY, beside, ALWAYS_TRIALS)

    assert math.isclose(low, trial_low, abs_tol=0.03 * (high - low))
    assert math.isclose(high, trial_high, abs_tol=0.03 * (high - low))


def test_closed_form_by_hand():
    """One class of 3 % on the IT side of 1.5: u = 1.5 × 0.03 / √3, times 1.96 either way."""
    half = 1.96 * 1.5 * 0.03 / math.sqrt(3)

    low, high = interval(150.0, 100.0, [classed(0.0, 3.0)], 0.0, RULES)

    assert math.isclose(1.5 - half, low)
    assert math.isclose(1.5 + half, high)


def test_an_error_on_both_sides_cancels_as_far_as_it_really_does():
    """The same meter, 5 % off on either side, changes nothing; on one side it does."""
    assert (1.5, 1.5) == interval(150.0, 100.0, [classed(7.5, 5.0)], 0.0, RULES)
    assert 1.5 > interval(150.0, 100.0, [classed(7.5, 0.0)], 0.0, RULES)[0]


def test_lopsided_errors_give_a_lopsided_interval():
    """A branch of likely 10, surely 5 to 40, reaches further up."""
    low, high = interval(150.0, 100.0, [Error("triangular", (5.0, 0.0), (30.0, 0.0))], 0.0, RULES)

    left, right = 5.0, 30.0  # quantiles of the triangle: 2.5 % of its area lies beyond each
    assert math.isclose(1.5 + (math.sqrt(0.025 * left * (left + right)) - left) / 100, low, abs_tol=0.001)
    assert math.isclose(1.5 + (right - math.sqrt(0.025 * right * (left + right))) / 100, high, abs_tol=0.002)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Error("triangular", (0.0, 0.0), (30.0, 0.0)), id="declared at its lower limit"),
        pytest.param(Error("triangular", (30.0, 0.0), (0.0, 0.0)), id="declared at its upper limit"),
        pytest.param(Error("normal", (0.0, 10.0), (0.0, 99.0)), id="IT known within a factor of two"),
        pytest.param(Error("rectangular", (0.0, 120.0), (0.0, 120.0)), id="IT that may be nothing"),
    ],
)
def test_extreme_errors_give_finite_intervals_that_hold_the_value(error):
    """Whatever is declared, the interval is two numbers in order."""
    low, high = interval(150.0, 100.0, [error], 0.0, RULES)

    assert low <= 1.5 <= high
    assert np.isfinite([low, high]).all()


def test_trials_are_reproducible():
    """Fixed seed: a figure verified next year has the same interval."""
    errors = [*MANY, Error("normal", (1.0, 0.0), (3.0, 0.0))]

    assert interval(150.0, 100.0, errors, 0.01, RULES) == interval(150.0, 100.0, errors, 0.01, RULES)


def test_bounds_of_one_energy_keep_directions_apart():
    """Down: class and estimate as root of squares; up the same with the other reach."""
    errors = [classed(3.0, 0.0), Error("normal", (4.0, 0.0), (8.0, 0.0))]
    half = 1.96 * 3.0 / math.sqrt(3)

    low, high = bounds(100.0, errors, 0, RULES)

    assert math.isclose(100.0 - math.hypot(half, 4.0), low)
    assert math.isclose(100.0 + math.hypot(half, 8.0), high)
