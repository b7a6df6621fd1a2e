"""Real power where the device gives none: from volts and amperes, or from load and rating.

The ladder, best first: real power told by the device; apparent power times the power factor it tells (`derived`);
apparent power (told, or volts × amperes) times a power factor known only as a range; load times the rating. The last
two are marked `estimated` and carry the bounds of 95 %.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import hypot
from typing import NamedTuple

from dc_monitor.contract import Rating
from dc_monitor.readings import Reading, Series

Line = Mapping[str, Reading]
"""Quantity → reading of one point."""

_OF_A_LINE = ("power", "apparent_power", "power_factor", "voltage", "current", "load")


_BETWEEN_LINES = "/line-to-line/"
"""Volts between two phases load neither of them."""


class Load(NamedTuple):
    """Apparent power, and half of what its rounding may hide. [VA]"""

    value: float
    rounding: float


class Range(NamedTuple):
    """Bounds of 95 % and the likely value."""

    low: float
    likely: float
    high: float


POWER_FACTOR = Range(0.6, 0.9, 1.0)
"""Of IT equipment. Regulation (EU) 2019/424 asks 0.95 at half load of a server's supply; at a tenth of the load, where
redundant supplies live, 0.9 and less is usual; supplies without correction (below 75 W, EN 61000-3-2) reach 0.6."""

NOMINAL_VOLTS = Range(0.9, 1.0, 1.1)
"""Mains over nominal: EN 50160 keeps it within ±10 % for 95 % of a week."""

AGREE = 1.25
"""Two ways to the same apparent power that differ by more than this are both kept, as bounds."""


def of_nominal_volts(watts: float) -> tuple[float, float]:
    """Bounds of a power the device made of amperes and a configured voltage, power factor unknown."""
    down = hypot(1 - NOMINAL_VOLTS.low, 1 - POWER_FACTOR.low)
    low, high = sorted((watts * (1 - down), watts * NOMINAL_VOLTS.high))
    return low, high


class Ladder:
    """Estimates the power of one side of a device (`output`) at one point (`output/total`).

    `steps` is what one count of a series is worth, in its unit: half of it is rounding.
    """

    def __init__(self, device: str, point: str, side: str, rating: Rating, steps: Mapping[Series, float]) -> None:
        self._side, self._rating, self._steps = side, rating, steps
        self._ours: dict[Series, bool] = {}
        source = f"estimated from {side}"
        self._power = Series(device, point, "power", "total", source, "estimated")
        self._derived = Series(device, point, "power", "total", source, "derived")
        self._apparent = Series(device, point, "apparent_power", "total", source, "derived")

    def estimate(self, readings: Iterable[Reading]) -> list[Reading] | None:
        """Power, and the apparent power it is made of when that is new; None when the device tells its power itself."""
        lines = self._lines(readings)
        if all(_dead(line) for line in lines):  # no inlet is metered, or nothing is on: which, nobody can tell
            return []
        told = [_watts(line) for line in lines]
        if all("power" in line for line in lines):
            return None
        time = max(reading.time for line in lines for reading in line.values())
        measured = sum(watts for watts in told if watts is not None)
        unmetered = [line for line, watts in zip(lines, told, strict=True) if watts is None]
        if not unmetered:
            return [Reading(self._derived, measured, time)]
        by_load = self._by_load(lines)
        by_line = [self._volt_amperes(line) for line in unmetered]
        if None in by_line:
            return [] if by_load is None else [self._reading(0.0, *by_load, time)]
        apparent = sum(one.value for one in by_line if one)
        rounding = hypot(*(one.rounding for one in by_line if one))
        bounds = apparent, apparent
        alone = len(unmetered) == len(lines)
        if alone and by_load and self._rating.va and _apart(apparent, by_load.value):
            bounds = min(apparent, by_load.value), max(apparent, by_load.value)
        made = [self._reading(measured, apparent, rounding, time, bounds)]
        if alone and not any("apparent_power" in line for line in lines):
            made.append(Reading(self._apparent, apparent, time))
        return made

    def _lines(self, readings: Iterable[Reading]) -> list[dict[str, Reading]]:
        """What each point of the side says of its load."""
        lines: dict[str, dict[str, Reading]] = {}
        ours = self._ours
        for reading in readings:
            series = reading.series
            if series not in ours:
                ours[series] = self._is_ours(series)
            if ours[series]:
                lines.setdefault(series.point, {})[series.quantity] = reading
        return list(lines.values())

    def _is_ours(self, series: Series) -> bool:
        point = series.point
        at_side = point == self._side or point.startswith(f"{self._side}/")
        return series.quantity in _OF_A_LINE and at_side and _BETWEEN_LINES not in point

    def _volt_amperes(self, line: Line) -> Load | None:
        """Apparent power of a line [VA]; None when it cannot be told."""
        if "apparent_power" in line and line["apparent_power"].value >= 0:
            return Load(line["apparent_power"].value, self._half_step(line["apparent_power"]))
        volts, amperes = line.get("voltage"), line.get("current")
        if _dead(line):
            return Load(0.0, 0.0)
        if not volts or not amperes or volts.value < 0 or amperes.value < 0:
            return None
        rounding = hypot(volts.value * self._half_step(amperes), amperes.value * self._half_step(volts))
        return Load(volts.value * amperes.value, rounding)

    def _by_load(self, lines: Sequence[Line]) -> Load | None:
        """Apparent power by load and rating [VA], with real power standing in for a rating that is not known.

        A line at 0 V is none: cards list three on one-phase devices.
        """
        rating = self._rating.va or self._rating.w
        alive = [line for line in lines if not _dead(line)]
        loads = [line["load"] for line in alive if "load" in line]
        if not rating or not loads or len(loads) < len(alive):
            return None
        share = sum(load.value for load in loads) / len(loads)
        return Load(rating * share, rating * self._half_step(loads[0]))

    def _half_step(self, reading: Reading) -> float:
        return self._steps.get(reading.series, 0.0) / 2

    def _reading(
        self, measured: float, apparent: float, rounding: float, time: int, bounds: tuple[float, float] | None = None
    ) -> Reading:
        lowest, highest = bounds or (apparent, apparent)
        likely, rounding = POWER_FACTOR.likely * apparent, POWER_FACTOR.likely * rounding
        down = hypot(likely - POWER_FACTOR.low * lowest, rounding)
        up = hypot(POWER_FACTOR.high * highest - likely, rounding)
        return Reading(
            self._power, measured + likely, time, None, measured + max(0.0, likely - down), measured + likely + up
        )


def _watts(line: Line) -> float | None:
    """Real power of a line as it tells it, or its apparent power times its power factor, leading or lagging."""
    if "power" in line:
        return line["power"].value
    if "apparent_power" in line and "power_factor" in line:
        return line["apparent_power"].value * abs(line["power_factor"].value)
    return None


def _dead(line: Line) -> bool:
    return "voltage" in line and not line["voltage"].value


def _apart(one: float, other: float) -> bool:
    return max(one, other) > AGREE * min(one, other)
