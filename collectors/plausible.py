"""What a device says against physics: a wrong scale or unit is not believed, and that is said.

Firmware changes scales, cards fill a column with another's count: 2,302 V on a 230 V mains, ten times the watts. The
bounds are wide, because they must catch a factor of ten and nothing real: a value that fails is no reading.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dc_monitor.readings import Reading, Series

AC_KINDS = ("ups", "pdu", "ats", "generator")
"""Devices whose inputs, outputs and phases carry mains. A meter may sit behind a voltage transformer."""
MAINS_POINTS = ("input", "output", "bypass", "phase", "outlet", "bank", "total", "source")
DEAD_VOLTS = 10.0
"""An open or dead line picks up a few volts. [V]"""
MAINS_VOLTS = (60.0, 800.0)
"""From 100 V less a deep sag to 690 V, line to line, and 10 % (IEC 60038, EN 50160). [V]"""
MAINS_HERTZ = (40.0, 70.0)
"""50 and 60 Hz, and a generator that struggles (ISO 8528-5 G1 allows 15 %). [Hz]"""
LIMITS = {
    "temperature": (-60.0, 200.0),  # outdoor air in Siberia to a power supply's hottest part [Cel]
    "dew_point": (-100.0, 100.0),
    "humidity": (0.0, 1.05),  # probes overshoot in fog
    "power_factor": (-1.01, 1.01),
    "charge": (0.0, 1.05),
    "load": (0.0, 10.0),
}
MOST_WATTS_A_VOLT_AMPERE = 6.0
"""Three phases told by the volts and amperes of one are a factor of 3; an error of ten is not. Little watts prove
nothing: idle supplies draw amperes at a power factor below 0.1."""
WATTS_TO_APPARENT = 3.0
"""Real over apparent power; cards sample the two apart and pass 1."""
PHASES_TO_TOTAL = 4.0
SMALLEST_PROOF = 50.0
"""Below this rounding decides. [W or VA]"""


def believed(readings: Sequence[Reading], kind: str) -> tuple[list[Reading], list[str]]:
    """The readings that physics allows, and a sentence for each that it does not; `kind` is that of `DeviceInfo`."""
    doubts: dict[Series, str] = {}
    for series, why in (*_out_of_bounds(readings, kind), *_too_many_watts(readings), *_unlike_its_phases(readings)):
        doubts.setdefault(series, why)
    sentences = [f"{series.point} {series.quantity} is not believed: {why}" for series, why in doubts.items()]
    return [reading for reading in readings if reading.series not in doubts], sentences


def _out_of_bounds(readings: Iterable[Reading], kind: str) -> Iterator[tuple[Series, str]]:
    for series, value, *_ in readings:
        low, high = LIMITS.get(series.quantity, (value, value))
        mains = kind in AC_KINDS and series.point.split("/")[0] in MAINS_POINTS
        if mains and series.quantity == "voltage" and value > DEAD_VOLTS:
            low, high = MAINS_VOLTS
        if mains and series.quantity == "frequency" and value > 0:
            low, high = MAINS_HERTZ
        if not low <= value <= high:
            yield series, f"{_figure(value)} {series.unit.symbol} is outside {_figure(low)} to {_figure(high)}"


def _too_many_watts(readings: Iterable[Reading]) -> Iterator[tuple[Series, str]]:
    """Watts against volts times amperes, and against apparent power, at one point."""
    for point in _by_point(readings).values():
        watts = point.get("power")
        if watts is None or watts.value < SMALLEST_PROOF:
            continue
        volts, amperes, apparent = (point.get(name) for name in ("voltage", "current", "apparent_power"))
        if volts and amperes and amperes.value > 0 and volts.value > DEAD_VOLTS:
            most = MOST_WATTS_A_VOLT_AMPERE * volts.value * amperes.value
            if watts.value > max(most, SMALLEST_PROOF):
                yield watts.series, f"{_figure(watts.value)} W of {_figure(volts.value * amperes.value)} V·A"
        if apparent and apparent.value > 0 and watts.value > max(WATTS_TO_APPARENT * apparent.value, SMALLEST_PROOF):
            yield watts.series, f"{_figure(watts.value)} W of {_figure(apparent.value)} VA"


def _unlike_its_phases(readings: Iterable[Reading]) -> Iterator[tuple[Series, str]]:
    """A total against the sum of its phases; nobody knows which is wrong, so neither is believed."""
    power = {reading.series.point: reading for reading in readings if reading.series.quantity == "power"}
    for point, total in power.items():
        if total.series.level != "total" or point.rpartition("/")[2] != "total":
            continue
        root = point.removesuffix("total")
        below = [power[one] for one in power if power[one].series.level == "phase" and _phase_of(one, root)]
        summed = sum(reading.value for reading in below)
        if not below or min(total.value, summed) < 0 or max(total.value, summed) < SMALLEST_PROOF:
            continue
        if max(total.value, summed) > PHASES_TO_TOTAL * max(min(total.value, summed), SMALLEST_PROOF / 10):
            why = f"{_figure(total.value)} W in total, {_figure(summed)} W in {len(below)} phases"
            yield from ((one.series, why) for one in (total, *below))


def _phase_of(point: str, root: str) -> bool:
    """`output/l1` and `output/phase/l1` are phases of `output/total`, `phase/l1` of `total`."""
    rest = point.removeprefix(root)
    return point.startswith(root) and rest.removeprefix("phase/").count("/") == 0


def _by_point(readings: Iterable[Reading]) -> Mapping[str, Mapping[str, Reading]]:
    points: dict[str, dict[str, Reading]] = {}
    for reading in readings:
        points.setdefault(reading.series.point, {})[reading.series.quantity] = reading
    return points


def _figure(value: float) -> str:
    return f"{value:,.6g}"
