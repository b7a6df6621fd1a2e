"""What a thermal figure is asked for: a site, a period, and the rules; and the figure made of the answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dc_monitor.history.columns import Samples
from dc_monitor.kernels.spans import Spans, intersect, length, spans
from dc_monitor.kpi.air import AirSensor
from dc_monitor.kpi.figure import Figure, Sensed
from dc_monitor.kpi.periods import twelve_months
from dc_monitor.kpi.rules import HOUR, RULES, Rules
from dc_monitor.kpi.sentences import Sentence
from dc_monitor.kpi.series import Curve, curve_of, methods_of
from dc_monitor.kpi.tally import DIRECT
from dc_monitor.kpi.thermal_rules import THERMAL_RULES, ThermalRules

Bounds = tuple[float | None, float | None, float | None]
"""A value and its 95 % interval; None where it cannot be claimed."""

NOTHING: Bounds = (None, None, None)

BELIEVED = 100.0
"""Temperatures of air lie within ±100 °C."""

_NAMED = 5
"""Sensors a sentence names."""


@dataclass(frozen=True)
class Asked:
    """A site and a period, nanoseconds UTC; `window` is what people call it.

    Raises
    ------
    ValueError
        If the period is empty.
    """

    site: str
    start: int
    end: int
    window: str = ""
    rules: Rules = RULES
    thermal: ThermalRules = THERMAL_RULES

    def __post_init__(self) -> None:
        """Refuse a period that is none."""
        if self.start >= self.end:
            raise ValueError(f"a period ends after it begins, not {self.start} to {self.end}")

    @property
    def length(self) -> int:
        """Of the period [ns]."""
        return self.end - self.start

    @property
    def span(self) -> Spans:
        """The period as a list of spans."""
        return spans([(self.start, self.end)])

    def figure(
        self,
        kpi: str,
        boundary: str,
        bounds: Bounds,
        coverage: float,
        edition: str,
        missing: Sequence[Sentence],
        notes: Sequence[Sentence],
        lineage: Iterable[Sensed],
    ) -> Figure:
        """A figure of this period."""
        sensed = tuple(lineage)
        whole = twelve_months(self.start, self.end) and coverage >= self.rules.annual_days
        estimated = any(one.method in ("estimated", "declared") for one in sensed)
        value, low, high = bounds
        return Figure(
            kpi=kpi,
            site=self.site,
            boundary=boundary,
            window=self.window or f"{self.length / HOUR:g}h",
            start=self.start,
            end=self.end,
            value=value,
            low=low,
            high=high,
            coverage=coverage,
            category=None,
            status="estimated" if estimated else "annual" if whole else "interim",
            edition=edition,
            missing=tuple(missing),
            notes=tuple(notes),
            lineage=sensed,
        )


@dataclass(frozen=True)
class Heard:
    """What one sensor sent, made ready for a period; a temperature beyond `BELIEVED` counts as none."""

    asked: Asked
    sensor: AirSensor
    samples: Samples

    def __post_init__(self) -> None:
        """Leave out what no air of a room or of a winter can be: a sensor that is not there often tells such."""
        value = np.where(np.abs(self.samples.value) <= BELIEVED, self.samples.value, np.nan)
        object.__setattr__(self, "samples", self.samples._replace(value=value))

    @cached_property
    def gap(self) -> int:
        """Longest interval that is no hole [ns]."""
        return self._curve.gap

    @cached_property
    def spans(self) -> Spans:
        """Where it is known within the period."""
        return intersect(self._curve.spans, self.asked.span)

    @cached_property
    def coverage(self) -> float:
        """Share of the period it is known in."""
        return length(self.spans) / self.asked.length

    @property
    def alive(self) -> bool:
        """Whether it is known well enough for others to be compared with it."""
        return self.coverage >= self.asked.rules.least_coverage

    @cached_property
    def sensed(self) -> Sensed:
        """For the lineage of a figure."""
        known = length(self.spans)
        methods = methods_of([self.samples], self.spans) if known else frozenset()
        return Sensed(
            sensor=self.sensor.name,
            label=self.sensor.label,
            place=self.sensor.place,
            celsius=self.mean(self.spans) if known else None,
            method=next((one for one in DIRECT if one in methods), DIRECT[-1]),
            coverage=self.coverage,
        )

    def mean(self, pieces: Spans) -> float:
        """Mean over spans in all of which it is known [°C]."""
        return float(self._curve.over(pieces).sum()) * 1e9 / length(pieces)

    @cached_property
    def _curve(self) -> Curve:
        return curve_of(self.samples, self.asked.rules)


def spread(value: float, down: NDArray[np.float64], up: NDArray[np.float64], k: float) -> tuple[float, float, float]:
    """A value with the 95 % interval of independent rectangular errors that move it at most so far down and up."""
    lower, upper = (k * sqrt(float(np.sum(one**2)) / 3.0) for one in (down, up))
    return value, value - lower, value + upper


def named(sensors: Sequence[AirSensor]) -> str:
    """Sensors in a sentence: the first five by name."""
    told = ", ".join(one.title for one in sensors[:_NAMED])
    return told if len(sensors) <= _NAMED else f"{told}, …"
