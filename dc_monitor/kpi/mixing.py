"""How much hot and cold air mix: RTI, SHI and RHI, bypass, flow balance of a room; recirculation and beta by rack.

Temperatures are means over the same instants: those at which the air handlers' supply and return and both sides of a
rack are known, and its power where it is told. A sensor known for less than half of the period is left out and told,
because one dead probe would leave all others nothing to be compared with.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dc_monitor.kernels import airflow
from dc_monitor.kernels.spans import Spans, intersect, length
from dc_monitor.kpi.air import EXHAUST, INLET, RETURN, SUPPLY, AirSensor
from dc_monitor.kpi.asked import NOTHING, Asked, Bounds, Heard, named, spread
from dc_monitor.kpi.figure import Figure
from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.kpi.series import Curve

Floats = NDArray[np.float64]

EDITIONS = {
    "rti": "Herrlin 2007 (RTI)",
    "shi": "Sharma, Bash, Patel 2002 (SHI)",
    "rhi": "Sharma, Bash, Patel 2002 (RHI)",
    "bypass": "heat balance",
    "flow_balance": "heat balance",
}
"""Figure → what defines it."""

NEEDS = {
    "rti": (SUPPLY, RETURN),
    "shi": (SUPPLY,),
    "rhi": (SUPPLY,),
    "bypass": (SUPPLY, RETURN),
    "flow_balance": (SUPPLY, RETURN),
}
"""Figure → what of the air handlers must be measured; each needs racks with both sides too."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Mean temperatures of a boundary [°C], racks one after another; `watts` NaN where a rack's power is not known.

    `seconds` is how long a rack is known together with the air handlers, `supplied` their supply meanwhile. The
    errors are standard uncertainties [K], `supply_error` common to all racks.
    """

    racks: tuple[str, ...]
    inlet: Floats
    exhaust: Floats
    supplied: Floats
    seconds: Floats
    watts: Floats
    supply: float
    returned: float
    inlet_error: Floats
    exhaust_error: Floats
    supply_error: float
    return_error: float

    def figures(self) -> dict[str, float]:
        """Every figure; NaN where it cannot be made."""
        rises = self.exhaust - self.inlet
        rise = airflow.equipment_rise(rises, self.watts)
        flow = np.full(rises.size, np.nan)  # of what warms its air; the rest is a sensor's fault or switched off
        warm = rises > 0.0
        flow[warm] = self.watts[warm] / rises[warm] if rise.weighted else 1.0
        heat = airflow.mixing(self.inlet - self.supplied, self.exhaust - self.supplied, 0.0, flow * self.seconds)
        hot = float(np.average(self.exhaust[warm], weights=flow[warm])) if warm.any() else np.nan
        unused = float(airflow.bypass(hot, self.returned, self.supply))
        return {
            "rti": float(airflow.rti(self.supply, self.returned, rise.kelvin)),
            "shi": heat.shi,
            "rhi": heat.rhi,
            "bypass": unused,
            "flow_balance": float(airflow.flow_balance(heat.shi, unused)),
        }

    def moved(self) -> Iterator["Streams"]:
        """The same with one independent cause of error after another raised by its standard uncertainty."""
        for k in range(len(self.racks)):
            one = np.arange(len(self.racks)) == k
            yield replace(self, inlet=self.inlet + one * self.inlet_error)
            yield replace(self, exhaust=self.exhaust + one * self.exhaust_error)
        yield replace(self, supply=self.supply + self.supply_error, supplied=self.supplied + self.supply_error)
        yield replace(self, returned=self.returned + self.return_error)

    def by_rack(self) -> list[dict[str, Any]]:
        """What happens at each rack."""
        recirculated = airflow.recirculation(self.inlet, self.exhaust, self.supplied)
        beta = airflow.beta(self.inlet, self.exhaust, self.supplied)
        return [
            {
                "rack": rack,
                "inlet": float(self.inlet[k]),
                "exhaust": float(self.exhaust[k]),
                "rise": float(self.exhaust[k] - self.inlet[k]),
                "recirculation": None if np.isnan(recirculated[k]) else float(recirculated[k]),
                "beta": None if np.isnan(beta[k]) else float(beta[k]),
                "hours": float(self.seconds[k]) / 3600.0,
            }
            for k, rack in enumerate(self.racks)
        ]


def streams(asked: Asked, heard: Sequence[Heard], loads: Mapping[str, Sequence[Curve]]) -> Streams | None:
    """What the sensors of a boundary tell of its air; None when no rack is known with both sides and a supply.

    Parameters
    ----------
    loads : rack → its power, one curve a phase.
    """
    alive = [one for one in heard if one.alive]
    supply, returned = ([one for one in alive if one.sensor.place == place] for place in (SUPPLY, RETURN))
    handlers = _joint([*supply, *returned], asked.span)
    error = asked.thermal.sensor_accuracy / sqrt(3.0)
    rows = []
    units: dict[str, list[Heard]] = {}
    for one in alive:
        units.setdefault(one.sensor.unit, []).append(one)
    for rack, own in units.items():
        cold, hot = ([one for one in own if one.sensor.place == place] for place in (INLET, EXHAUST))
        together = _joint([*cold, *hot], handlers)
        if cold and hot and supply and length(together):
            load, together = _with_load(loads.get(rack, ()), together, asked.rules.least_coverage)
            means = [_mean(group, together) for group in (cold, hot, supply)]
            errors = [error / sqrt(len(group)) for group in (cold, hot)]
            rows.append((rack, *means, length(together) / 1e9, load, *errors))
    if not rows:
        return None
    racks, *columns = zip(*rows, strict=True)
    inlet, exhaust, supplied, seconds, watts, inlet_error, exhaust_error = np.array(columns, np.float64)
    return Streams(
        racks,
        inlet,
        exhaust,
        supplied,
        seconds,
        watts,
        supply=_mean(supply, handlers),
        returned=_mean(returned, handlers) if returned else np.nan,
        inlet_error=inlet_error,
        exhaust_error=exhaust_error,
        supply_error=error / sqrt(len(supply)),
        return_error=error / sqrt(len(returned)) if returned else np.nan,
    )


def mixing_figures(
    asked: Asked,
    boundary: str,
    sensors: Sequence[AirSensor],
    heard: Sequence[Heard],
    found: Streams | None,
    notes: Sequence[Sentence],
) -> list[Figure]:
    """RTI, SHI, RHI, bypass and flow balance of a boundary, each with why it is absent.

    Parameters
    ----------
    sensors : all of the boundary.
    heard : those that can be compared with others; `found` is what `streams` made of them.
    """
    values = found.figures() if found else dict.fromkeys(EDITIONS, np.nan)
    moved = [one.figures() for one in found.moved()] if found else []
    coverage = float(found.seconds.mean()) * 1e9 / asked.length if found else 0.0
    told = [*_weighing(found)] if found else []
    silent = [one.sensor for one in heard if not one.alive]
    better = [say("air_silent", names=named(silent))] if silent else []
    figures = []
    for kpi, edition in EDITIONS.items():
        bounds, missing = _judged(asked, kpi, values[kpi], moved, coverage, _lacking(sensors, heard, found, kpi))
        lineage = [one.sensed for one in heard if one.sensor.place in (INLET, EXHAUST, *NEEDS[kpi])]
        read = [_reading(asked, bounds[0])] if kpi == "rti" and bounds[0] is not None else []
        missing = missing or better
        figures.append(asked.figure(kpi, boundary, bounds, coverage, edition, missing, (*read, *told, *notes), lineage))
    return figures


def _judged(
    asked: Asked, kpi: str, value: float, moved: Sequence[Mapping[str, float]], coverage: float, lacking: list[Sentence]
) -> tuple[Bounds, list[Sentence]]:
    """The figure with its interval, or why there is none."""
    missing = lacking
    if not missing and coverage < asked.rules.least_coverage:
        missing = [say("low_air_coverage", coverage=coverage, least=asked.rules.least_coverage)]
    if not missing and np.isnan(value):
        missing = [say("no_rise")]
    if missing:
        return NOTHING, missing
    # `moved` are standard uncertainties, `spread` takes the limits of rectangular errors.
    off = sqrt(3.0) * np.array([one[kpi] - value for one in moved if not np.isnan(one[kpi])])
    bounds = spread(value, off, off, asked.rules.k)
    if (kpi in ("shi", "bypass") and bounds[2] < 0.0) or (kpi == "rhi" and bounds[1] > 1.0):
        return NOTHING, [say("air_contradicts")]
    return bounds, []


def _lacking(sensors: Sequence[AirSensor], heard: Sequence[Heard], found: Streams | None, kpi: str) -> list[Sentence]:
    """Which sensors the figure would need."""
    there = {one.place for one in sensors}
    missing = []
    for place in (*NEEDS[kpi], INLET, EXHAUST):
        own = [one for one in heard if one.sensor.place == place]
        if place not in there:
            missing.append(say("no_inlets" if place == INLET else f"no_{place}_air"))
        elif own and not any(one.alive for one in own):
            missing.append(say("air_silent", names=named([one.sensor for one in own])))
    return missing or ([] if found else [say("no_pair")])


def _reading(asked: Asked, rti: float) -> Sentence:
    low, high = asked.thermal.rti_balanced
    return say("rti_bypass" if rti < low else "rti_recirculation" if rti > high else "rti_balanced")


def _weighing(found: Streams) -> Iterator[Sentence]:
    """Whether racks count by their airflow, and which of them warm nothing."""
    rises = found.exhaust - found.inlet
    if not airflow.equipment_rise(rises, found.watts).weighted:
        yield say("equal_flow", count=len(found.racks))
    cold = [rack for rack, rise in zip(found.racks, rises, strict=True) if not rise > 0.0]
    if cold:
        yield say("no_rise_at", racks=", ".join(cold))


def _joint(heard: Sequence[Heard], within: Spans) -> Spans:
    for one in heard:
        within = intersect(within, one.spans)
    return within


def _mean(heard: Sequence[Heard], pieces: Spans) -> float:
    """Mean over sensors of their means over the same spans [°C]; NaN when those are empty."""
    return float(np.mean([one.mean(pieces) for one in heard])) if length(pieces) else np.nan


def _with_load(curves: Sequence[Curve], pieces: Spans, least: float) -> tuple[float, Spans]:
    """Mean power over that part of the spans it is known in [W], and that part; NaN and all where it is too small."""
    known = pieces
    for one in curves:
        known = intersect(known, one.spans)
    if not curves or length(known) < least * length(pieces):
        return np.nan, pieces
    return sum(float(one.over(known).sum()) for one in curves) * 1e9 / length(known), known
