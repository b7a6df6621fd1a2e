"""The air of a site in a period: what its inlets get, by sensor, row and room, and how much hot and cold air mix.

ASHRAE TC 9.9 says what equipment wants at its inlet, by edition and class; Herrlin, Sharma and others made indices
of it. Every figure names the edition and class it was made with, and is absent with its reason when a sensor it
needs is not there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dc_monitor.history.columns import History, Key, Samples, empty
from dc_monitor.kpi.air import EXHAUST, INLET, AirSensor
from dc_monitor.kpi.asked import Asked, Heard
from dc_monitor.kpi.compliance import inlet_figures
from dc_monitor.kpi.figure import Figure, Sensed
from dc_monitor.kpi.inlets import MOISTURE, Inlet, hours, inlet, worst_of
from dc_monitor.kpi.mixing import Streams, mixing_figures, streams
from dc_monitor.kpi.points import find, wanted
from dc_monitor.kpi.rules import HOUR, Rules
from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.kpi.series import Curve, curve_of, period
from dc_monitor.kpi.thermal_rules import ASSUMED, UNCONFIRMED, Envelope

_BEYOND = HOUR
"""How far beyond the period everything is read, to know the air where it begins and ends."""

_BATCH = 256
"""Sensors read at once, so that a large room does not fill the memory."""


@dataclass(frozen=True)
class Thermal:
    """The air of a site in a period.

    Attributes
    ----------
    figures : by boundary: `site`, `room/…`, `row/…`.
    inlets : each inlet, in the order of their names.
    boundaries : which inlets belong to which boundary.
    racks : temperatures, recirculation and beta of the racks known on both sides, by boundary.
    changes : within which time [ns] an inlet may change by how much [K].
    """

    figures: tuple[Figure, ...]
    inlets: tuple[Inlet, ...]
    boundaries: Mapping[str, Sequence[Inlet]]
    racks: Mapping[str, Streams | None]
    changes: Sequence[tuple[int, float]]

    def as_json(self, lang: str = "en") -> dict[str, Any]:
        """Figures, and below them hours and kelvin-hours by boundary and inlet."""
        return {
            "figures": [one.as_json(lang) for one in self.figures],
            "boundaries": [
                {
                    "boundary": boundary,
                    "inlets": len(inlets),
                    **hours(inlets),
                    "worst": worst.sensor.name if (worst := worst_of(inlets)) else None,
                }
                for boundary, inlets in self.boundaries.items()
            ],
            "inlets": [one.as_json(self.changes) for one in self.inlets],
            "racks": [
                {"boundary": boundary, **rack}
                for boundary, found in self.racks.items()
                for rack in (found.by_rack() if found else ())
            ],
        }


def thermal(
    asked: Asked,
    sensors: Sequence[AirSensor],
    history: History,
    envelope: Envelope | None = None,
    altitude: float = 0.0,
    loads: Mapping[str, tuple[str, str]] | None = None,
) -> Thermal:
    """Every thermal figure of a site and a period.

    Parameters
    ----------
    sensors : temperatures in the air's way, as `air.air_sensors` places them.
    envelope : class and edition; the newest A1, told as assumed, when nobody picked one.
    altitude : of the site [m]; above 900 m the highest allowable temperature falls.
    loads : rack, or device where no rack is told → (device, point) of the power it turns into heat. With it racks
        weigh by their airflow, without it all the same.
    """
    classed = envelope or ASSUMED
    lowered = classed.at(altitude)
    heard, inlets = _listen(asked, sensors, history, lowered)
    notes = [*_notes(asked, classed, altitude, assumed=envelope is None)]
    boundaries = {"site": inlets, **_grouped(inlets)}
    figures = [
        figure
        for boundary, own in boundaries.items()
        for figure in inlet_figures(asked, boundary, own, classed, [*notes, *_simulated(one.sensed for one in own)])
    ]

    curves = _curves(asked, history, loads or {})
    racks = {}
    for boundary, members in _rooms(sensors).items():
        own = [one for one in heard if _air_of(one.sensor) == boundary]
        racks[boundary] = streams(asked, own, curves)
        told = [say("sensors_assumed", kelvin=asked.thermal.sensor_accuracy), *_simulated(one.sensed for one in own)]
        figures += mixing_figures(asked, boundary, members, own, racks[boundary], told)
    return Thermal(tuple(figures), tuple(inlets), boundaries, racks, asked.thermal.changes)


def _listen(
    asked: Asked, sensors: Sequence[AirSensor], history: History, envelope: Envelope
) -> tuple[list[Heard], list[Inlet]]:
    """The sensors that can be compared with others, and all inlets against the envelope."""
    heard, inlets = [], []
    exhausts = {one.unit for one in sensors if one.place == EXHAUST}
    for first in range(0, len(sensors), _BATCH):
        batch = sensors[first : first + _BATCH]
        moist = {(one.device, one.point, quantity) for one in batch for quantity in MOISTURE}
        read = _read(asked, history, {one.key for one in batch}, moist)
        for one in batch:
            ready = Heard(asked, one, read.get(one.key, empty()))
            if one.place == INLET:
                beside = {quantity: read.get((one.device, one.point, quantity), empty()) for quantity in MOISTURE}
                inlets.append(inlet(ready, beside, envelope))
            if one.place != INLET or one.unit in exhausts:  # an inlet without its exhaust is not held in memory
                heard.append(ready)
    return heard, inlets


def _read(asked: Asked, history: History, keys: set[Key], beside: Iterable[Key] = ()) -> dict[Key, Samples]:
    """Series of the period; those told so rarely that an hour does not show their pace, from further around it."""
    start, end, rules = asked.start, asked.end, asked.rules
    read = history.read(asked.site, start - _BEYOND, end + _BEYOND, {*keys, *beside}) if keys else {}
    rare = {key for key in keys if _too_little(read.get(key), rules)}
    if rare:
        read |= history.read(asked.site, start - rules.look_back, end + rules.look_back, rare)
    return read


def _too_little(samples: Samples | None, rules: Rules) -> bool:
    return samples is None or len(samples.time) < 2 or rules.gap_periods * period(samples) > _BEYOND


def _curves(asked: Asked, history: History, loads: Mapping[str, tuple[str, str]]) -> dict[str, list[Curve]]:
    """Power of racks, one curve a phase."""
    keys = {key for place in loads.values() for key in wanted(*place) if key[2] == "power"}
    read = _read(asked, history, keys)
    found = {rack: find(read, *place) for rack, place in loads.items()}
    return {rack: [curve_of(one, asked.rules) for one in own.power.values()] for rack, own in found.items()}


def _air_of(sensor: AirSensor) -> str:
    """The boundary whose air it is in: its room, or the site where no room is told."""
    return f"room/{sensor.where.room}" if sensor.where.room else "site"


def _rooms(sensors: Sequence[AirSensor]) -> dict[str, list[AirSensor]]:
    """Sensors that share air."""
    found: dict[str, list[AirSensor]] = {}
    for one in sensors:
        found.setdefault(_air_of(one), []).append(one)
    return found or {"site": []}


def _grouped(inlets: Sequence[Inlet]) -> dict[str, list[Inlet]]:
    """Inlets by room and by row; where rows of two rooms have one name, the room tells them apart."""
    found: dict[str, list[Inlet]] = {}
    rooms = {one.sensor.where.room for one in inlets}
    for one in inlets:
        where = one.sensor.where
        if where.room:
            found.setdefault(f"room/{where.room}", []).append(one)
        if where.row:
            found.setdefault(f"row/{where.room}/{where.row}" if len(rooms) > 1 else f"row/{where.row}", []).append(one)
    return dict(sorted(found.items()))


def _notes(asked: Asked, classed: Envelope, altitude: float, assumed: bool) -> Iterator[Sentence]:
    """What holds for every figure against the envelope."""
    if assumed:
        yield say("class_assumed", name=classed.name)
    if classed.temperatures == UNCONFIRMED:
        yield say("temperatures_unconfirmed", edition=classed.edition.title)
    lowered = classed.at(altitude).allowable.dry_bulb[1]
    if lowered < classed.allowable.dry_bulb[1]:
        yield say("derated", altitude=altitude, celsius=lowered)
    yield say("sensors_assumed", kelvin=asked.thermal.sensor_accuracy)


def _simulated(sensed: Iterable[Sensed]) -> Iterator[Sentence]:
    if any(one.method == "simulated" for one in sensed):
        yield say("simulated")
