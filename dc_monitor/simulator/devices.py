"""What a simulated device is: a table of cells, each an object of its MIB with what it says and what that means.

A cell knows its value in SI as the device's own meters see it, and the step in which the device tells it; so what
goes out over SNMP and what is back-filled are one and the same number.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from dc_monitor.readings import Series
from dc_monitor.simulator.physics import EPOCH, Room

Raw = int | str
"""What a device says: a number of steps, a text, or a numeric OID."""


class Sight:
    """What one device sees of the room at one time (nanoseconds UTC).

    `gain` is the error of its meters as a factor, `offset` that of its thermometers [K]; `since` is when its
    registers began to count, `booted` when its SNMP agent started (nanoseconds UTC).
    """

    def __init__(self, room: Room, time: int, gain: float, offset: float, since: int, booted: int) -> None:
        self.moment = room.at(time)
        self.uptime = (time - booted) // 10_000_000 % (1 << 32)
        self._room, self._since = room, since
        self._gain, self._offset = gain, offset

    def power(self, flow: str) -> float:
        """Active power as metered [W]."""
        return self._gain * self.moment.power(flow)

    def reactive(self, flow: str) -> float:
        """Reactive power as metered [var]."""
        return self._gain * self.moment.reactive(flow)

    def apparent(self, flow: str) -> float:
        """Apparent power as metered [VA]."""
        return self._gain * self.moment.apparent(flow)

    def current(self, flow: str, phase: int) -> float:
        """Current as metered [A] of a flow that lies on one phase."""
        return self.apparent(flow) / self.moment.voltage(phase)

    def energy(self, flow: str) -> float:
        """What the register has counted [J]."""
        return self._gain * (self._room.energy(flow, self.moment.time) - self._room.energy(flow, self._since))

    def temperature(self, celsius: float) -> float:
        """A temperature as the device's thermometer shows it [°C]."""
        return celsius + self._offset


class Step(NamedTuple):
    """What one count of a device means: `size / counts` of the SI unit."""

    size: int = 1
    counts: int = 1

    def raw(self, value: float) -> int:
        """Counts nearest to a value."""
        return round(value * self.counts / self.size)

    def filled(self, value: float) -> int:
        """Counts that are full, as a register tells them."""
        return math.floor(value * self.counts / self.size)

    def value(self, raw: int) -> float:
        """What so many counts mean."""
        return raw * self.size / self.counts


class Cell(NamedTuple):
    """One object: numeric OID, SMI syntax, what it says; for a measured one its series and step."""

    oid: str
    syntax: str
    says: Callable[[Sight], Raw]
    series: Series | None = None
    step: Step = Step()


@dataclass(frozen=True)
class Device:
    """One device of the room. `accuracy` is its class [%]: the error of its meters is drawn within it and stays."""

    name: str
    profile: str
    accuracy: float
    cells: Sequence[Cell]

    def sight(self, room: Room, time: int, since: int = EPOCH, booted: int = EPOCH) -> Sight:
        """What it sees of the room at `time` (nanoseconds UTC)."""
        draw = Random(f"{self.name} {room.seed}")
        gain = 1 + draw.uniform(-self.accuracy, self.accuracy) / 100
        return Sight(room, time, gain, draw.uniform(-0.3, 0.3), since, booted)

    def readings(self, sight: Sight) -> Iterator[tuple[Series, float]]:
        """Every measured value in SI, as a collector reads it off the wire."""
        for cell in self.cells:
            if cell.series is not None and isinstance(raw := cell.says(sight), int):
                yield cell.series, cell.step.value(raw)


Value = Callable[[Sight], float]
"""Something a device measures, in SI."""


class Table:
    """The cells of one device as they are written down, beginning with the system group."""

    def __init__(self, device: str, description: str, object_id: str) -> None:
        self.device = device
        self.cells: list[Cell] = []
        system = "1.3.6.1.2.1.1"
        self.says(f"{system}.1.0", description)
        self.says(f"{system}.2.0", object_id, "ObjectIdentifier")
        self.cells.append(Cell(f"{system}.3.0", "TimeTicks", lambda sight: sight.uptime))
        self.says(f"{system}.4.0", "dc-monitor")
        self.says(f"{system}.5.0", device)
        self.says(f"{system}.6.0", "simulated server room, Caen")

    def says(self, oid: str, value: Raw, syntax: str = "") -> None:
        """An object that never changes."""
        usual = "Integer32" if isinstance(value, int) else "OctetString"
        self.cells.append(Cell(oid, syntax or usual, lambda _: value))

    def row(self, entry: str, index: int, columns: Mapping[int, Raw]) -> None:
        """Columns of a table's row that never change."""
        for column, value in columns.items():
            self.says(f"{entry}.{column}.{index}", value)

    def measures(self, oid: str, value: Value, step: Step, quantity: str, point: str, level: str = "total") -> None:
        """An object that is measured: a register counts full steps, everything else is rounded to the nearest."""
        count = step.filled if quantity == "energy" else step.raw
        series = Series(self.device, point, quantity, level, source=oid, method="simulated")
        self.cells.append(Cell(oid, "Integer32", lambda sight: count(value(sight)), series, step))


def power(flow: str) -> Value:
    """Active power [W]."""
    return lambda sight: sight.power(flow)


def reactive(flow: str) -> Value:
    """Reactive power [var]."""
    return lambda sight: sight.reactive(flow)


def apparent(flow: str) -> Value:
    """Apparent power [VA]."""
    return lambda sight: sight.apparent(flow)


def power_factor(flow: str) -> Value:
    """Power factor, without sign; 0 where nothing flows."""
    return lambda sight: sight.power(flow) / (sight.apparent(flow) or 1.0)


def energy(flow: str) -> Value:
    """Energy register [J]."""
    return lambda sight: sight.energy(flow)


def current(flow: str, phase: int) -> Value:
    """Current [A] of a flow on one phase."""
    return lambda sight: sight.current(flow, phase)


def voltage(phase: int) -> Value:
    """Voltage from line to neutral [V]."""
    return lambda sight: sight.moment.voltage(phase)


def frequency(sight: Sight) -> float:
    """Mains frequency [Hz]."""
    return sight.moment.frequency


def still(value: float) -> Value:
    """A measure that does not move."""
    return lambda _: value
