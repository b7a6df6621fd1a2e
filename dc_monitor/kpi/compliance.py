"""Whether inlets get the air their class wants: share of the time within, and rack cooling index, by boundary.

Each inlet counts with the time it is known, as the ratio of sums: a probe that was silent for a week neither saves
nor spoils a month. What counts as one inlet is one sensor; who hangs three in front of a rack counts them all, as
Herrlin does.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dc_monitor.kernels.airflow import rci_over_time
from dc_monitor.kernels.exposure import (
    ABOVE_ALLOWABLE,
    ABOVE_RECOMMENDED,
    BELOW_ALLOWABLE,
    BELOW_RECOMMENDED,
    Exposures,
)
from dc_monitor.kpi.asked import NOTHING, Asked, Bounds, named, spread
from dc_monitor.kpi.figure import Figure
from dc_monitor.kpi.inlets import Inlet, worst_of
from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.kpi.thermal_rules import UNCONFIRMED, Envelope, rating


def inlet_figures(
    asked: Asked, boundary: str, inlets: Sequence[Inlet], classed: Envelope, notes: Sequence[Sentence]
) -> list[Figure]:
    """Shares within the envelope and rack cooling index of the inlets of a boundary.

    Parameters
    ----------
    classed : the envelope of the class at sea level, whose spans the rack cooling index is made of.
    notes : what holds for all figures.
    """
    known = sum(one.exposure.known for one in inlets)
    coverage = known / (len(inlets) * asked.length) if inlets else 0.0
    missing = [*_absent(asked, inlets, coverage)]
    absent = bool(missing)
    missing += _gaps(inlets, absent)
    counted = [say("inlets_counted", count=len(inlets))] if inlets else []
    lineage = [one.sensed for one in inlets]

    def figure(kpi: str, bounds: Bounds, *own: Sentence) -> Figure:
        told = (*counted, *(() if absent else own), *notes)
        return asked.figure(kpi, boundary, bounds, coverage, classed.title, missing, told, lineage)

    recommended, allowable, high, low = [NOTHING] * 4 if absent else _bounds(asked, inlets, classed)
    return [
        figure("recommended_share", recommended, *_worst(inlets)),
        figure("allowable_share", allowable, *_fast(asked, inlets)),
        figure("rci_high", high, *_rated(asked, high)),
        figure("rci_low", low, *_rated(asked, low)),
        *_moist_figures(asked, boundary, inlets, classed, notes),
    ]


def _moist_figures(
    asked: Asked, boundary: str, inlets: Sequence[Inlet], classed: Envelope, notes: Sequence[Sentence]
) -> Iterator[Figure]:
    """Shares of the time in which temperature and moisture together are within, of the inlets that measure both."""
    both = [(one, one.moist) for one in inlets if one.moist]
    lineage = [one.sensed for one, _ in both]
    coverage = sum(moist[0].known for _, moist in both) / (len(both) * asked.length) if both else 0.0
    missing = []
    if not both:
        missing = [say("no_humidity") if inlets else say("no_inlets")]
    elif coverage < asked.rules.least_coverage:
        missing = [say("low_air_coverage", coverage=coverage, least=asked.rules.least_coverage)]
    told = [say("moist_inlets", count=len(both), all=len(inlets))] if both else []
    if classed.moisture == UNCONFIRMED:
        told.append(say("moisture_unconfirmed", edition=classed.edition.title))
    for which, kpi in enumerate(("recommended_moist_share", "allowable_moist_share")):
        bounds = NOTHING
        if not missing:
            within, known = (sum(moist[which][part] for _, moist in both) for part in (0, 1))
            bounds = (min(within / known, 1.0), None, None)
        yield asked.figure(kpi, boundary, bounds, coverage, classed.title, missing, (*told, *notes), lineage)


def _bounds(asked: Asked, inlets: Sequence[Inlet], classed: Envelope) -> list[Bounds]:
    """Shares within recommended and allowable limits, rack cooling index high and low.

    Each is a sum over inlets of what they keep within limits; each inlet's sensor errs on its own.
    """
    # As read, were it colder, were it warmer: shapes (3, n, 4) and (n, 1).
    states = [[one.exposure for one in inlets], [one.colder for one in inlets], [one.warmer for one in inlets]]
    beyond, excess = (np.array([[one[part] for one in state] for state in states]) for part in (1, 2))
    known = np.array([one.exposure.known for one in inlets], np.int64)
    limits = classed.dry_bulb
    index = rci_over_time(Exposures(known, beyond[0], excess[0]), limits)
    outside = beyond[..., (BELOW_RECOMMENDED, BELOW_ALLOWABLE)] + beyond[..., (ABOVE_RECOMMENDED, ABOVE_ALLOWABLE)]
    whole = float(known.sum(dtype=np.float64))  # 64 bits of nanoseconds end after 292 inlet-years
    shares = 1.0 - outside[0].sum(axis=0) / whole
    seconds = whole / 1e9
    above, below = limits.allowable_high - limits.recommended_high, limits.recommended_low - limits.allowable_low
    return [
        _interval(asked, float(shares[0]), outside[..., 0] / whole),
        _interval(asked, float(shares[1]), outside[..., 1] / whole),
        _interval(asked, index.high, excess[..., ABOVE_RECOMMENDED] / (seconds * above)),
        _interval(asked, index.low, excess[..., BELOW_RECOMMENDED] / (seconds * below)),
    ]


def _interval(asked: Asked, value: float, lost: NDArray[np.float64]) -> Bounds:
    """A share with its interval; `lost` is what each inlet takes from 1, as read, colder and warmer, shape (3, n)."""
    _, low, high = spread(value, lost.max(axis=0) - lost[0], lost[0] - lost.min(axis=0), asked.rules.k)
    value, low, high = (min(max(one, 0.0), 1.0) for one in (value, low, high))
    return value, low, high


def _absent(asked: Asked, inlets: Sequence[Inlet], coverage: float) -> Iterator[Sentence]:
    if not inlets:
        yield say("no_inlets")
    elif coverage < asked.rules.least_coverage:
        yield say("low_air_coverage", coverage=coverage, least=asked.rules.least_coverage)


def _gaps(inlets: Sequence[Inlet], absent: bool) -> Iterator[Sentence]:
    """Which inlets sent nothing, and which were silent for a while."""
    silent = [one for one in inlets if not one.exposure.known]
    if silent:
        yield say("inlets_silent", count=len(silent), all=len(inlets), names=named([one.sensor for one in silent]))
    partly = [one for one in inlets if one.exposure.known and one.unknown]
    if partly and not absent:
        worst = max(partly, key=lambda one: one.unknown)
        yield say("inlets_partly", count=len(partly), all=len(inlets), sensor=worst.sensor.title, missing=worst.unknown)


def _worst(inlets: Sequence[Inlet]) -> Iterator[Sentence]:
    worst = worst_of(inlets)
    if worst:
        outside = int(worst.exposure.beyond[BELOW_RECOMMENDED] + worst.exposure.beyond[ABOVE_RECOMMENDED])
        yield say("worst_inlet", sensor=worst.sensor.title, outside=outside, kelvin_hours=worst.kelvin_hours)


def _fast(asked: Asked, inlets: Sequence[Inlet]) -> Iterator[Sentence]:
    """Inlets that changed faster than they may."""
    for which, (span, limit) in enumerate(asked.thermal.changes):
        offending = [one for one in inlets if one.changes[which].kelvin > limit]
        if offending:
            worst = max(offending, key=lambda one: one.changes[which].kelvin)
            name, kelvin = worst.sensor.title, worst.changes[which].kelvin
            yield say("changed_fast", count=len(offending), sensor=name, kelvin=kelvin, span=span, limit=limit)


def _rated(asked: Asked, bounds: Bounds) -> Iterator[Sentence]:
    if bounds[0] is not None:
        yield say(f"rci_{rating(bounds[0], asked.thermal)}")
