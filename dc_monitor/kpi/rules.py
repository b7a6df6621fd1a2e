"""The rule set: every number a figure rests on that is a convention and not a measurement.

A figure names its edition; the rule set names where each number comes from, so that a report of May is never
recomputed with the rules of June.
"""

from dataclasses import dataclass

from dc_monitor.topology import ASSUMED_CLASS
from dc_monitor.units import JOULES_PER_KWH

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Nanoseconds."""

_WH = JOULES_PER_KWH / 1000.0


@dataclass(frozen=True, slots=True)
class Rules:
    """A versioned rule set. Times in nanoseconds, ratios 0–1."""

    id: str = "2026.1"
    edition: str = "ISO/IEC 30134-2:2026"
    valid_from: str = "2026-01-16"
    """Publication of the second edition, which replaces that of 2016."""

    gap_periods: int = 3
    gap_least: int = 15 * MINUTE
    """Longest interval a power curve is taken as continuous over: 3 sampling periods or 15 min, whichever is larger.
    Product rule; no standard gives numbers."""

    least_coverage: float = 0.5
    """Share of the window both sides must be known for before a figure is claimed. Product rule."""

    highest_pue: float = 10.0
    """Above, a figure is a mistake and not published. Product rule."""

    alert_pue: float = 3.0
    """Above, a figure is published with a warning. Product rule."""

    assumed_class: float = ASSUMED_CLASS
    """Accuracy class when nobody knows better [%]."""

    k: float = 1.96
    """Coverage factor of a 95 % interval (JCGM 100:2008, annex G, table G.1)."""

    linear_limit: float = 0.05
    """Largest standard uncertainty of a side, relative, for which the ratio is propagated to first order; beyond
    it, or with lopsided bounds, by Monte Carlo."""

    trials: int = 100_000
    seed: int = 30134
    """Of the Monte Carlo, so that `verify` finds the same interval."""

    block: int = HOUR
    least_blocks: int = 4
    assumed_spread: float = 0.10
    """How far the unknown part of a window may lie from the known: the standard deviation of hourly PUE when there
    are at least four hours, else this share of the PUE."""

    annual_days: float = 0.90
    """Share of the days of twelve full months that must be known (each at least by half) for an annual figure."""

    look_back: int = 35 * DAY
    """How far outside the window a silent or rarely read meter is searched: a month and some days."""

    slack_steps: float = 2.0
    """Steps a register may be off without meaning anything."""

    stall_steps: float = 5.0
    """Steps a register may miss, with a load on it, before it is taken as frozen."""

    disagreement: float = 0.02
    """Difference between a meter's register and its power, beyond what both allow, that is told."""

    moduli: tuple[float, ...] = tuple(
        sorted(
            {bits * unit for bits in (2.0**31, 2.0**32) for unit in (1.0, _WH, 10 * _WH, 100 * _WH, 1000 * _WH)}
            | {10.0**digits * JOULES_PER_KWH for digits in range(3, 10)}
        )
    )
    """Where registers begin again [J]: 31 and 32 bits of J, Wh, 10 Wh, 0.1 kWh, kWh; 3 to 9 decimal digits of kWh."""


RULES = Rules()
