"""One series made ready to be integrated: a power curve, or a register made continuous."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dc_monitor.history.columns import Samples
from dc_monitor.kernels import counters
from dc_monitor.kernels.energy import covered_spans, energy_over
from dc_monitor.kernels.sampling import sampling_error
from dc_monitor.kernels.spans import Spans, spans, subtract
from dc_monitor.kernels.witnesses import plausible_rate, smallest_step, stalled_spans
from dc_monitor.kpi.rules import Rules
from dc_monitor.names import METHODS

Floats = NDArray[np.float64]

_RATE_OVER_PEAK = 100.0
"""A register that seems to rise faster than this many times the highest power seen shows a glitch; generous,
because a coarse register rises by a whole step within one poll."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A power series; `gap` is the longest interval it is taken as continuous over [ns], `spans` what it covers."""

    samples: Samples
    gap: int
    spans: Spans

    def over(self, pieces: Spans) -> Floats:
        """Energy in each piece [J]."""
        return energy_over(self.samples.time, self.samples.value, self.gap, pieces).joules

    def bounds_over(self, pieces: Spans) -> tuple[float, float, float]:
        """Energy of the readings that carry no bounds, and how far below and above the others may lie [J].

        Integration is linear, so these are three curves of their own, zero where they do not apply.
        """
        time, value, low, high, _ = self.samples
        bounded = np.isfinite(low) & np.isfinite(high)
        if not bounded.any():
            return float(self.over(pieces).sum()), 0.0, 0.0
        curves = (
            np.where(bounded, 0.0, value),
            np.where(bounded, value - low, 0.0),
            np.where(bounded, high - value, 0.0),
        )
        plain, lower, upper = (float(energy_over(time, one, self.gap, pieces).joules.sum()) for one in curves)
        return plain, lower, upper

    def variance(self, stretches: Spans) -> float:
        """Of the energy over `stretches`, from looking only now and then [J²]."""
        inside = near(self.samples.time, stretches)
        return sampling_error(self.samples.time[inside], self.samples.value[inside], self.gap) ** 2


@dataclass(frozen=True, slots=True)
class Register:
    """A register made continuous, without missing samples and glitches.

    `total` counts from the first sample [J]; `spans` are where it can be trusted; `gap` is the longest interval
    within which energy may be spread evenly [ns]; `events` is what opened a gap (a kind of `counters.KINDS`) and
    when; `stalled` is where it stood still under load.
    """

    samples: Samples
    time: NDArray[np.int64]
    total: Floats
    spans: Spans
    step: float
    gap: int
    events: tuple[tuple[str, int], ...]
    stalled: Spans

    def over(self, pieces: Spans) -> Floats:
        """Energy in each piece [J]; exact between samples, spread evenly within the interval a piece cuts."""
        origin = self.time[0] if self.time.size else 0
        at = np.interp((pieces - origin).ravel(), self.time - origin, self.total).reshape(-1, 2)
        return np.asarray(at[:, 1] - at[:, 0])

    def variance(self, stretches: Spans) -> float:
        """Of the energy over `stretches` [J²]: a step at either end, and where an end cuts an interval.

        A register shows its count rounded to a step, so each end is off by a rectangular step, the two together by
        a variance of step²/6. Within an interval nobody knows when the energy flowed.
        """
        edges = stretches.ravel()
        i = np.clip(np.searchsorted(self.time, edges, side="right") - 1, 0, max(self.time.size - 2, 0))
        share = (edges - self.time[i]) / (self.time[i + 1] - self.time[i])
        doubt = np.clip(np.minimum(share, 1.0 - share), 0.0, None) * (self.total[i + 1] - self.total[i])
        return float(len(stretches) * self.step**2 / 6.0 + np.sum(doubt**2) / 3.0)


def curve_of(samples: Samples, rules: Rules) -> Curve:
    """A power series made ready."""
    gap = _gap(samples, rules)
    return Curve(samples, gap, covered_spans(samples.time, samples.value, gap))


def register_of(samples: Samples, starts: NDArray[np.int64], beside: Sequence[Curve], rules: Rules) -> Register:
    """A register made ready; `starts` are when its device started, `beside` the power that flows through it."""
    step = smallest_step(samples.value)
    rate = plausible_rate(samples.time, samples.value)
    peak = sum(float(np.max(one.samples.value, initial=0.0, where=np.isfinite(one.samples.value))) for one in beside)
    rate = min(rate, _RATE_OVER_PEAK * peak) if peak else rate
    gap = _gap(samples, rules)
    slack = min(rules.slack_steps * step, rate * gap / 1e9)  # the only rise there is may be no step but a jump
    unwrapped = counters.unwrap(samples.time, samples.value, rate or 1.0, slack, rules.moduli, starts)
    kept = np.isfinite(unwrapped.total)
    time, total = samples.time[kept], unwrapped.total[kept]
    stalled = spans([])
    if beside and time.size > 1:
        flowed = sum(one.over(np.column_stack((time[:-1], time[1:]))) for one in beside)
        stalled = stalled_spans(time, total, flowed, rules.stall_steps * step)
    opened = np.flatnonzero(np.isin(unwrapped.kind, counters.GAPS))
    return Register(
        samples=samples,
        time=time,
        total=total,
        spans=subtract(unwrapped.spans, stalled),
        step=step,
        gap=gap,
        events=tuple((counters.KINDS[unwrapped.kind[i]], int(samples.time[i])) for i in opened),
        stalled=stalled,
    )


def near(time: NDArray[np.int64], stretches: Spans) -> NDArray[np.bool_]:
    """Which samples lie within `stretches`, and the one on either side of each."""
    marks = np.zeros(time.size + 1, np.int64)
    np.add.at(marks, np.maximum(np.searchsorted(time, stretches[:, 0], side="right") - 1, 0), 1)
    np.add.at(marks, np.minimum(np.searchsorted(time, stretches[:, 1]) + 1, time.size), -1)
    return np.asarray(np.cumsum(marks[:-1]) > 0)


def methods_of(series: Iterable[Samples], stretches: Spans) -> frozenset[str]:
    """How the readings within `stretches` came to be."""
    return frozenset(METHODS[code] for one in series for code in np.unique(one.method[near(one.time, stretches)]))


def period(samples: Samples) -> int:
    """The usual distance between two samples [ns], 0 when there are not two."""
    return int(np.median(np.diff(samples.time))) if samples.time.size > 1 else 0


def _gap(samples: Samples, rules: Rules) -> int:
    return max(rules.gap_periods * period(samples), rules.gap_least)
