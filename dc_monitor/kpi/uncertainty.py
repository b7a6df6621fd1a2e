"""How far a ratio of two energies may lie off, from what is known about each part of them.

Independent errors are listed one by one, each with what it does to either side of the ratio, so that a meter
which counted on both sides within a period cancels as far as it really does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from dc_monitor.kpi.rules import Rules

Sides = tuple[float, float]
"""Of the total and of the IT energy [J]."""


@dataclass(frozen=True, slots=True)
class Error:
    """One independent cause of error.

    `lower` and `upper` are how far the truth may lie below and above on either side of the ratio:

    - `rectangular`: never further (an accuracy class);
    - `triangular`: never further, and most likely not at all (a declared branch);
    - `normal`: with 95 % (sampling, register steps, estimates).
    """

    shape: str
    lower: Sides
    upper: Sides

    @property
    def lopsided(self) -> bool:
        """Whether it reaches further to one side than to the other."""
        return not np.allclose(self.lower, self.upper, rtol=1e-6)

    def standard(self, k: float) -> Sides:
        """Standard uncertainty on either side of the ratio [J]; of a lopsided one the root mean square."""
        divisor = {"rectangular": sqrt(3.0), "triangular": sqrt(6.0), "normal": k}[self.shape]
        (a, b), (c, d) = self.lower, self.upper
        return sqrt((a * a + c * c) / 2.0) / divisor, sqrt((b * b + d * d) / 2.0) / divisor


def interval(total: float, it: float, errors: Sequence[Error], beside: float, rules: Rules) -> tuple[float, float]:
    r"""95 % interval of `total` / `it`; it holds that value, even when a branch was declared at its own limit.

    To first order, with coverage factor k, where every error is symmetric and both sides are known well
    (JCGM 100:2008, 5.1.2); else by Monte Carlo with a fixed seed (JCGM 101:2008), probabilistically symmetric.

    Parameters
    ----------
    total, it : the two energies, `it` positive. [J]
    errors : what each may be off by, independent of each other.
    beside : standard uncertainty of the ratio itself that comes on top, normal.
    """
    ratio = total / it
    standard = [error.standard(rules.k) for error in errors]
    doubt_of_it = sqrt(sum(b * b for _, b in standard)) / it
    doubt_of_total = sqrt(sum(a * a for a, _ in standard)) / total if total > 0 else 0.0
    if not any(error.lopsided for error in errors) and max(doubt_of_it, doubt_of_total) <= rules.linear_limit:
        half = rules.k * sqrt(sum(((a - ratio * b) / it) ** 2 for a, b in standard) + beside * beside)
        return ratio - half, ratio + half
    return _by_trials(total, it, errors, beside, rules)


def bounds(joules: float, errors: Sequence[Error], side: int, rules: Rules) -> Sides:
    """95 % interval of one energy: the two directions apart, each a root of squares."""
    down = up = 0.0
    for error in errors:
        down += Error(error.shape, error.lower, error.lower).standard(rules.k)[side] ** 2
        up += Error(error.shape, error.upper, error.upper).standard(rules.k)[side] ** 2
    return joules - rules.k * sqrt(down), joules + rules.k * sqrt(up)


def _by_trials(total: float, it: float, errors: Sequence[Error], beside: float, rules: Rules) -> tuple[float, float]:
    random = np.random.Generator(np.random.PCG64(rules.seed))
    totals, its = np.full(rules.trials, total), np.full(rules.trials, it)
    for error in errors:
        match error.shape:
            case "rectangular":
                shift = random.uniform(-1.0, 1.0, rules.trials)
            case "triangular":
                down, up = sum(error.lower), sum(error.upper)
                shift = random.triangular(-down, 0.0, up, rules.trials)
                shift /= np.where(shift < 0.0, down, up)
            case _:
                shift = random.normal(0.0, 1.0 / rules.k, rules.trials)
        below = shift < 0.0
        totals += shift * np.where(below, error.lower[0], error.upper[0])
        its += shift * np.where(below, error.lower[1], error.upper[1])
    # An IT energy that might be nothing makes a ratio without an upper bound; a thousandth keeps it a number.
    ratios = totals / np.maximum(its, it / 1000.0) + random.normal(0.0, 1.0, rules.trials) * beside
    low, high = np.quantile(ratios, (0.025, 0.975))
    return min(float(low), total / it), max(float(high), total / it)
