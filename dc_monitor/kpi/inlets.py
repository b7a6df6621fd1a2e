"""What each inlet got in a period: hours and kelvin-hours beyond the limits of its class, extremes, moisture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dc_monitor.history.columns import Samples
from dc_monitor.kernels.change import Change, largest_change
from dc_monitor.kernels.envelope import Within, interpolated, time_within
from dc_monitor.kernels.exposure import ABOVE_RECOMMENDED, BELOW_RECOMMENDED, Exposure, exposure
from dc_monitor.kernels.psychrometrics import HUMIDITY_SLACK, relative_humidity, saturation_pressure
from dc_monitor.kernels.spans import length
from dc_monitor.kpi.air import AirSensor
from dc_monitor.kpi.asked import BELIEVED, Heard
from dc_monitor.kpi.figure import Sensed, iso
from dc_monitor.kpi.rules import HOUR
from dc_monitor.kpi.series import curve_of
from dc_monitor.kpi.thermal_rules import Envelope

BANDS = ("below_allowable", "allowable_low", "recommended", "allowable_high", "above_allowable")
"""Where a temperature lies, from cold to hot; each hour belongs to one of them."""

LIMITS = ("below_allowable", "below_recommended", "above_recommended", "above_allowable")
"""Order of `Exposure.beyond`."""

MOISTURE = ("humidity", "dew_point")
"""Quantities that tell how moist air is, the better first."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """One inlet against one envelope.

    Attributes
    ----------
    unknown : time of the period it is not known in, when that is longer than a hole may be. [ns]
    lowest, highest : of its readings within the period. [°C]
    exposure : between the limits as it reads; `colder` and `warmer`: were the air so by as much as sensors err.
    changes : the largest change within each time of the rules (`ThermalRules.changes`).
    moist : time within the recommended and the allowable envelope, moisture included; None when it is not measured.
    """

    sensor: AirSensor
    sensed: Sensed
    unknown: int
    lowest: float | None
    highest: float | None
    exposure: Exposure
    colder: Exposure
    warmer: Exposure
    changes: tuple[Change, ...]
    moist: tuple[Within, Within] | None

    @property
    def kelvin_hours(self) -> float:
        """Beyond what is recommended, cold and hot."""
        return float(self.exposure.excess[BELOW_RECOMMENDED] + self.exposure.excess[ABOVE_RECOMMENDED]) / 3600.0

    def as_json(self, changes: Sequence[tuple[int, float]]) -> dict[str, Any]:
        """Hours by band, kelvin-hours beyond limits, extremes; `changes` as in the rules."""
        where = self.sensor.where
        return {
            "sensor": self.sensor.name,
            "label": self.sensor.label,
            "rack": where.rack,
            "row": where.row,
            "room": where.room,
            "coverage": self.sensed.coverage,
            "celsius": self.sensed.celsius,
            "lowest": self.lowest,
            "highest": self.highest,
            **hours([self]),
            "changes": [
                {
                    "within_seconds": span // 10**9,
                    "kelvin": change.kelvin if change.end else None,
                    "limit": limit,
                    "until": iso(change.end) if change.end else None,
                }
                for (span, limit), change in zip(changes, self.changes, strict=True)
            ],
        }


def inlet(heard: Heard, moisture: Mapping[str, Samples], envelope: Envelope) -> Inlet:
    """What one inlet did; its readings are not kept.

    Parameters
    ----------
    moisture : the series of the same point by quantity (`MOISTURE`), empty where it is not measured.
    """
    asked, samples = heard.asked, heard.samples
    time, value = samples.time, samples.value
    inside = (time >= asked.start) & (time <= asked.end)
    known = value[inside & np.isfinite(value)]
    error = asked.thermal.sensor_accuracy
    read, colder, warmer = (
        exposure(time, value + shift, heard.gap, envelope.dry_bulb, asked.start, asked.end)
        for shift in (0.0, -error, error)
    )
    unknown = asked.length - length(heard.spans)
    return Inlet(
        sensor=heard.sensor,
        sensed=heard.sensed,
        unknown=unknown if unknown > heard.gap else 0,
        lowest=float(known.min()) if known.size else None,
        highest=float(known.max()) if known.size else None,
        exposure=read,
        colder=colder,
        warmer=warmer,
        changes=tuple(
            largest_change(time[inside], value[inside], span, heard.gap) for span, _ in asked.thermal.changes
        ),
        moist=_moist(heard, moisture, envelope),
    )


def _moist(heard: Heard, moisture: Mapping[str, Samples], envelope: Envelope) -> tuple[Within, Within] | None:
    asked, samples = heard.asked, heard.samples
    humid, dewy = (moisture[quantity] for quantity in MOISTURE)
    if len(humid.time):
        humidity = _beside(heard, humid, (humid.value >= 0.0) & (humid.value <= HUMIDITY_SLACK))
    elif len(dewy.time):
        dew = _beside(heard, dewy, np.abs(dewy.value) <= BELIEVED)
        humidity = np.minimum(relative_humidity(samples.value, saturation_pressure(dew)), 1.0)
    else:
        return None
    recommended, allowable = (
        time_within(samples.time, samples.value, humidity, heard.gap, limits, asked.start, asked.end)
        for limits in (envelope.recommended, envelope.allowable)
    )
    return (recommended, allowable) if recommended.known else None


def _beside(heard: Heard, told: Samples, believed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Another series of the same point at the instants of its temperature."""
    gap = curve_of(told, heard.asked.rules).gap
    return interpolated(told.time, np.where(believed, told.value, np.nan), heard.samples.time, gap)


def hours(inlets: Sequence[Inlet]) -> dict[str, dict[str, float]]:
    """Hours by band and kelvin-hours beyond limits, all inlets together."""
    known = sum(one.exposure.known for one in inlets)
    beyond = np.sum([np.zeros(4), *(one.exposure.beyond for one in inlets)], axis=0).tolist()
    excess = np.sum([np.zeros(4), *(one.exposure.excess for one in inlets)], axis=0).tolist()
    bands = (beyond[0], beyond[1] - beyond[0], known - beyond[1] - beyond[2], beyond[2] - beyond[3], beyond[3])
    return {
        "hours": {band: max(time, 0.0) / HOUR for band, time in zip(BANDS, bands, strict=True)},
        "kelvin_hours": {limit: seconds / 3600.0 for limit, seconds in zip(LIMITS, excess, strict=True)},
    }


def worst_of(inlets: Sequence[Inlet]) -> Inlet | None:
    """The inlet with most kelvin-hours beyond what is recommended; None when all keep to it."""
    worst = max(inlets, key=lambda one: one.kelvin_hours, default=None)
    return worst if worst and worst.kelvin_hours > 0.0 else None
