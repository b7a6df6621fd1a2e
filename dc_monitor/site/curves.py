"""Thin curves for the page: means of 5 minutes over a day. For the eye; no figure is made of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.columns import Samples

STEP = 300 * NANOSECONDS
STEPS = 288


def grid(now: int) -> int:
    """Where the curves that end with the step of `now` begin, nanoseconds UTC."""
    return (now // STEP + 1 - STEPS) * STEP


def thin(samples: Samples, start: int) -> NDArray[np.float64]:
    """Mean of each step from `start` on, shape (STEPS,); NaN where a step has no reading."""
    step = (samples.time - start) // STEP
    within = (step >= 0) & (step < STEPS)
    count = np.bincount(step[within], minlength=STEPS)
    total = np.bincount(step[within], weights=samples.value[within], minlength=STEPS)
    mean = np.full(STEPS, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def ratio(above: Sequence[NDArray[np.float64]], below: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Sum of the curves `above` over the sum of those `below`; NaN where one of them has a gap, or nothing is below."""
    quotient = np.full(STEPS, np.nan)
    if above and below:
        upper, lower = np.sum(above, axis=0), np.sum(below, axis=0)
        np.divide(upper, lower, out=quotient, where=lower > 0)
    return quotient


def told(curve: NDArray[np.float64], digits: int) -> list[float | None]:
    """A curve for JSON: rounded, a gap as null."""
    return [None if np.isnan(value) else round(value, digits) for value in curve.tolist()]
