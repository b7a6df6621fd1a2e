"""What a device says against physics: a wrong scale or unit is not believed, and that is said.

Firmware changes scales, cards fill a column with another's count: 2,302 V on a 230 V mains, ten times the watts. The
bounds are wide, because they must catch a factor of ten and nothing real: a value that fails is no reading.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from dc_monitor.readings import Reading, Series

AC_KINDS = ("ups", "pdu", "ats", "generator")
"""Devices whose inputs, outputs and phases carry mains. A meter may sit behind a voltage transformer."""
MAINS_POINTS = ("input", "output", "bypass", "phase", "outlet", "bank", "total", "source")
DEAD_VOLTS = 10.0
"""An open or dead line picks up a few volts. [V]"""
MAINS = {"voltage": DEAD_VOLTS, "frequency": 0.0}
"""Bounded only where mains is, and only above this: a line may be dead."""
LIMITS = {
    # From 100 V less a deep sag to 690 V, line to line, and 10 % (IEC 60038, EN 50160).
    "voltage": (60.0, 800.0),
    # 50 and 60 Hz, and a generator that struggles (ISO 8528-5 G1 allows 15 %).
    "frequency": (40.0, 70.0),
    # From outdoor air in Siberia to a power supply's hottest part.
    "temperature": (-60.0, 200.0),
    "dew_point": (-100.0, 100.0),
    "humidity": (0.0, 1.05),  # probes overshoot in fog
    "power_factor": (-1.01, 1.01),
    "charge": (0.0, 1.05),
    "load": (0.0, 10.0),
    # Within the ends of 32-bit registers, which cards fill in for "not available", and no register below nothing.
    "power": (-2e9, 2e9),
    "apparent_power": (-2e9, 2e9),
    "current": (-1e5, 1e5),
    "energy": (0.0, 1e18),
    "runtime": (0.0, 1e9),
    "time_on_battery": (0.0, 1e9),
    "fan_speed": (0.0, 60_000.0),
}
"""In the quantity's own unit."""
BESIDE_POWER = ("voltage", "current", "apparent_power")
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
    power: list[Reading] = []
    beside: list[Reading] = []
    for reading in readings:
        quantity = reading.series.quantity
        if quantity == "power":
            power.append(reading)
        elif quantity in BESIDE_POWER:
            beside.append(reading)
        if quantity in LIMITS and (why := _out_of_bounds(reading, quantity, kind)):
            doubts[reading.series] = why
    if power:
        doubts |= dict([*_unlike_its_phases(power), *_too_many_watts(power, beside)])
    if not doubts:
        return list(readings), []
    sentences = [f"{series.point} {series.quantity} is not believed: {why}" for series, why in doubts.items()]
    return [reading for reading in readings if reading.series not in doubts], sentences


def _out_of_bounds(reading: Reading, quantity: str, kind: str) -> str:
    """Why the value cannot be; "" when it can."""
    series, value, *_ = reading
    low, high = LIMITS[quantity]
    if low <= value <= high:
        return ""
    dead = MAINS.get(quantity)
    if dead is not None and (value <= dead or kind not in AC_KINDS or not _at_mains(series.point)):
        return ""
    return f"{_figure(value)} {series.unit.symbol} is outside {_figure(low)} to {_figure(high)}"


@lru_cache(maxsize=4096)
def _at_mains(point: str) -> bool:
    return any(part in MAINS_POINTS for part in point.split("/"))


def _too_many_watts(power: Iterable[Reading], beside: Iterable[Reading]) -> Iterator[tuple[Series, str]]:
    """Watts against volts times amperes, and against apparent power, at one point."""
    loaded = [watts for watts in power if watts.value >= SMALLEST_PROOF]
    told = {(one.series.point, one.series.quantity): one.value for one in beside} if loaded else {}
    for watts in loaded:
        point = watts.series.point
        volts, amperes = told.get((point, "voltage"), 0.0), told.get((point, "current"), 0.0)
        most = MOST_WATTS_A_VOLT_AMPERE * volts * amperes
        if volts > DEAD_VOLTS and amperes > 0 and watts.value > max(most, SMALLEST_PROOF):
            yield watts.series, f"{_figure(watts.value)} W of {_figure(volts * amperes)} V·A"
        apparent = told.get((point, "apparent_power"), 0.0)
        if apparent > 0 and watts.value > max(WATTS_TO_APPARENT * apparent, SMALLEST_PROOF):
            yield watts.series, f"{_figure(watts.value)} W of {_figure(apparent)} VA"


def _unlike_its_phases(watts: Iterable[Reading]) -> Iterator[tuple[Series, str]]:
    """A total against the sum of its phases; nobody knows which is wrong, so neither is believed."""
    power = {reading.series.point: reading for reading in watts}
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


def _figure(value: float) -> str:
    return f"{value:,.6g}"
