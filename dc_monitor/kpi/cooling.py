"""What cooling has to do and could do: cooling degree days of a site, and the capacity that runs over the need."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from dc_monitor.kernels.cooling import capacity_factor as factor
from dc_monitor.kernels.cooling import cooling_degree_days
from dc_monitor.kernels.spans import intersect, length, spans
from dc_monitor.kpi.asked import NOTHING, Asked, Heard
from dc_monitor.kpi.figure import Figure
from dc_monitor.kpi.sentences import say


def degree_days(asked: Asked, zone: ZoneInfo, outdoor: Heard | None) -> list[Figure]:
    """Cooling degree days of the whole local days of a period, by Eurostat's method and plainly [K d].

    A day counts when half of it is known, with the mean of what is known; when too few days count there is no sum,
    and none is ever scaled up.

    Parameters
    ----------
    zone : whose midnights cut the days; two days a year have 23 and 25 hours.
    outdoor : the outdoor temperature, a probe or a weather station; None when there is none.
    """
    rules = asked.thermal
    days = [*_days(asked, zone)]
    means = [_mean(outdoor, *day, rules.least_of_day) for day in days] if outdoor else []
    known = int(np.count_nonzero(np.isfinite(means)))
    coverage = known / len(days) if days else 0.0
    missing = []
    if outdoor is None:
        missing = [say("no_outdoor")]
    elif coverage < rules.least_days:
        missing = [say("days_missing", days=known, all=len(days), least=rules.least_days)]
    base, trigger = rules.degree_day_base, rules.degree_day_trigger
    methods = (
        ("cooling_degree_days", trigger, f"Eurostat: base {base:g} °C, days from {trigger:g} °C"),
        ("cooling_degree_days_plain", base, f"plain sum: base {base:g} °C"),
    )
    figures = []
    for kpi, least, edition in methods:
        total = cooling_degree_days(means, base, least).kelvin_days
        bounds = NOTHING if missing else (total, None, None)
        lineage = [outdoor.sensed] if outdoor else []
        figures.append(asked.figure(kpi, "site", bounds, coverage, edition, missing, (), lineage))
    return figures


def capacity_factor(asked: Asked, running: float | None, it: float | None, coverage: float) -> Figure:
    """Cooling capacity factor of a period: capacity of the units that run over 1.1 times the IT load.

    Parameters
    ----------
    running, it : means over the same instants [W], None where not known.
    coverage : share of the period those instants are.
    """
    value = float(factor(np.nan if running is None else running, np.nan if it is None else it))
    missing = [say("no_capacity")] if np.isnan(value) else []
    if not missing and coverage < asked.rules.least_coverage:
        missing = [say("low_air_coverage", coverage=coverage, least=asked.rules.least_coverage)]
    bounds = NOTHING if missing else (value, None, None)
    return asked.figure("capacity_factor", "site", bounds, coverage, "Cooling Capacity Factor", missing, (), ())


def _days(asked: Asked, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Whole local days within the period, nanoseconds UTC."""
    first, last = (dt.datetime.fromtimestamp(edge // 10**9, zone).date() for edge in (asked.start, asked.end))
    dates = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
    edges = [round(dt.datetime.combine(date, dt.time(), zone).timestamp()) * 10**9 for date in dates]
    yield from ((start, end) for start, end in pairwise(edges) if asked.start <= start and end <= asked.end)


def _mean(outdoor: Heard, start: int, end: int, least: float) -> float:
    """Mean of a day [°C], NaN when too little of it is known."""
    known = intersect(outdoor.spans, spans([(start, end)]))
    return outdoor.mean(known) if length(known) >= least * (end - start) else np.nan
