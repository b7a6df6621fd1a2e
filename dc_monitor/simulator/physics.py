"""A small server room: one rack, 4 to 6 kW of IT, whose every watt is known at any time.

    utility ─┬─ UPS ── cables ─┬─ rack PDU A ─ outlets 1…8 ─┐
             │                 └─ rack PDU B ─ outlets 1…8 ─┴─ seven loads, each with a cord on both PDUs
             ├─ direct-expansion cooling
             └─ lighting, access control, cameras

The truth is a table: what each part draws at every minute of a period, a straight line between two minutes. So an
energy is exact (a straight line has an exact integral), a whole is the sum of its parts at every instant, and what a
register says at any time is a pure function of that time and the seed.
"""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from dc_monitor.clock import NANOSECONDS
from dc_monitor.simulator.plant import LOADS, PDUS, curves
from dc_monitor.simulator.signals import NODES, STEP, Curve

EPOCH = 1_704_067_200 * NANOSECONDS
"""Monday 1 January 2024, 00:00 UTC: when every register was at zero."""

OUTLETS = 8
"""Outlets of a PDU; the last one is free."""
PHASES = (1, 2, 3)

BATTERY_RUNTIME, BATTERY_LOAD, PEUKERT = 42 * 60.0, 5_000.0, 1.15
"""Battery time [s] at a load [W], and the exponent of a lead-acid battery: a faster discharge gives less."""

SUPPLY, AIRFLOW, AIR = 20.0, 0.55, 1.2 * 1006.0
"""Supply air [°C], air through the rack [m3/s], heat that air carries [J/(m3·K)]."""

Flow = Mapping[str, float]
"""A place where power flows, as a weighted sum of parts."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened in a window: energies [J], that of IT by where one may measure it."""

    e_dc: float
    e_it: Mapping[str, float]

    @property
    def pue(self) -> dict[str, float]:
        """PUE by where IT energy is measured (the keys of `topology.MEASURED_AT`)."""
        return {where: self.e_dc / energy for where, energy in self.e_it.items()}


@dataclass(frozen=True, slots=True)
class Moment:
    """The room at one time (nanoseconds UTC)."""

    time: int
    parts: Mapping[str, float]
    flows: Mapping[str, Flow]

    def power(self, flow: str) -> float:
        """Active power [W]."""
        return sum(share * self.parts[part] for part, share in self.flows[flow].items())

    def reactive(self, flow: str) -> float:
        """Reactive power [var]; negative is leading, as power supplies of servers are.

        Upstream the UPS's rectifier hides them; compressor and lamps are seen as they are.
        """
        seen = {"cooling": 0.5, "other": 0.3}
        usual = 0.1 if flow.startswith(("utility", "ups-input")) else -0.25
        return sum(share * self.parts[part] * seen.get(part, usual) for part, share in self.flows[flow].items())

    def apparent(self, flow: str) -> float:
        """Apparent power [VA]."""
        return math.hypot(self.power(flow), self.reactive(flow))

    def voltage(self, phase: int) -> float:
        """Voltage from line to neutral [V]: the street's evening dip, and a slow wander."""
        unbalance = (0.0, 0.6, -0.8)[phase - 1]
        return 231.0 + unbalance + self._wave(1.6, 86_400, 3_600 * phase) + self._wave(0.7, 6_100, 900 * phase)

    @property
    def frequency(self) -> float:
        """Mains frequency [Hz]."""
        return 50.0 + self._wave(0.015, 3_600, 70) + self._wave(0.012, 470, 0)

    @property
    def outdoor(self) -> float:
        """Outdoor air [°C]."""
        return self.parts["outdoor"]

    @property
    def cold_aisle(self) -> float:
        """Air before the rack [°C]: the coil gives way a little under load, and its valve hunts."""
        under_load = 0.25 * (self.parts["heat"] / 1000 - 5)
        return SUPPLY + under_load + self._wave(0.15, 660, 180) + self._wave(0.1, 2_220, 300)

    @property
    def inlet_bottom(self) -> float:
        """Air into the lowest machines [°C]."""
        return self.cold_aisle + 0.5

    @property
    def inlet_top(self) -> float:
        """Air into the highest machines [°C]; some of it comes round the top of the rack a second time."""
        return self.cold_aisle + 1.2 + 0.35 * self.parts["heat"] / 1000

    @property
    def exhaust(self) -> float:
        """Air behind the rack [°C]."""
        return self.cold_aisle + self.parts["heat"] / (AIR * AIRFLOW)

    @property
    def humidity(self) -> float:
        """Relative humidity of the cold aisle, 0 to 1: November's air (85 %), warmed and not humidified."""
        return min(0.85 * _saturation(self.outdoor) / _saturation(self.cold_aisle), 0.95)

    @property
    def runtime(self) -> float:
        """Battery time left at this load [s]."""
        return BATTERY_RUNTIME * math.pow(BATTERY_LOAD / self.power("ups-output"), PEUKERT)

    def _wave(self, size: float, period: int, shift: int) -> float:
        """A slow swing; seconds."""
        return size * math.sin(math.tau * ((self.time / NANOSECONDS + shift) % period) / period)


class Room:
    """The room of a seed. Making it takes half a second, every look at it some microseconds."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        draw = Random(f"room {seed}")
        self._parts = curves(draw)
        self._energy = {name: _running_integral(curve) for name, curve in self._parts.items()}
        self.flows: Mapping[str, Flow] = _flows(draw)

    def at(self, time: int) -> Moment:
        """The room at `time` (nanoseconds UTC)."""
        _, node, fraction = _place(time)
        after = (node + 1) % NODES
        parts = {name: curve[node] + fraction * (curve[after] - curve[node]) for name, curve in self._parts.items()}
        return Moment(time, parts, self.flows)

    def energy(self, flow: str, time: int) -> float:
        """Energy from `EPOCH` to `time` (nanoseconds UTC) [J]: what a perfect register says."""
        periods, node, fraction = _place(time)
        after = (node + 1) % NODES
        total = 0.0
        for name, share in self.flows[flow].items():
            curve, running = self._parts[name], self._energy[name]
            begun = STEP * fraction * (curve[node] + fraction / 2 * (curve[after] - curve[node]))
            total += share * (periods * running[NODES] + running[node] + begun)
        return total

    def truth(self, start: int, end: int) -> Truth:
        """Energies of the window from `start` to `end` (nanoseconds UTC)."""

        def over(*flows: str) -> float:
            return sum(self.energy(flow, end) - self.energy(flow, start) for flow in flows)

        e_it = {"ups-output": over("ups-output"), "pdu-output": over(*PDUS), "it-input": over("it")}
        return Truth(over("utility"), e_it)


def outlet(pdu: str, number: int) -> str:
    """The flow through an outlet, numbered from 1."""
    return f"{pdu}/{number}"


def outlet_phase(pdu: str, number: int) -> int:
    """The phase an outlet lies on: 1, 2, 3, 1, …; PDU B begins one further, so that the phases balance."""
    return (number - 1 + PDUS.index(pdu)) % len(PHASES) + 1


def _flows(draw: Random) -> dict[str, Flow]:
    """Every place where power is measured. A load draws nearly equal shares through its two cords."""
    flows: dict[str, Flow] = {outlet(pdu, OUTLETS): {} for pdu in PDUS}
    for number, load in enumerate(LOADS, 1):
        left = draw.uniform(0.45, 0.55)
        flows |= {outlet("pdu-a", number): {load: left}, outlet("pdu-b", number): {load: 1 - left}}
    for pdu in PDUS:
        flows[pdu] = _add(*(flows[outlet(pdu, number)] for number in range(1, OUTLETS + 1)), {"pdu-own": 1.0})
        for phase in PHASES:
            on_it = (outlet(pdu, number) for number in range(1, OUTLETS + 1) if outlet_phase(pdu, number) == phase)
            own: Flow = {"pdu-own": 1.0} if phase == 1 else {}
            flows[f"{pdu}/l{phase}"] = _add(*(flows[name] for name in on_it), own)
    flows["it"] = dict.fromkeys(LOADS, 1.0)
    flows["ups-output"] = _add(*(flows[pdu] for pdu in PDUS), {"cables": 1.0})
    flows["ups-input"] = _add(flows["ups-output"], {"ups-loss": 1.0})
    flows["cooling"] = {"cooling": 1.0}
    flows["utility"] = _add(flows["ups-input"], {"cooling": 1.0, "other": 1.0})
    for phase in PHASES:
        # The UPS output follows its loads; its rectifier and the compressor are balanced; the lamps are on phase 1.
        flows[f"ups-output/l{phase}"] = _add(*(flows[f"{pdu}/l{phase}"] for pdu in PDUS), {"cables": 1 / 3})
        flows[f"ups-input/l{phase}"] = _third(flows["ups-input"])
        lamps: Flow = {"other": 1.0} if phase == 1 else {}
        flows[f"utility/l{phase}"] = _add(_third(flows["ups-input"]), _third(flows["cooling"]), lamps)
    return flows


def _add(*flows: Flow) -> Flow:
    names = dict.fromkeys(name for flow in flows for name in flow)
    return {name: sum(flow.get(name, 0.0) for flow in flows) for name in names}


def _third(flow: Flow) -> Flow:
    return {name: share / len(PHASES) for name, share in flow.items()}


def _place(time: int) -> tuple[int, int, float]:
    """Whole periods since the epoch, the node before `time` in its period, and how far on to the next one."""
    steps, rest = divmod(time - EPOCH, STEP * NANOSECONDS)
    periods, node = divmod(steps, NODES)
    return periods, node, rest / (STEP * NANOSECONDS)


def _running_integral(curve: Curve) -> Curve:
    """Energy from the start of the period to each node, and to the end of the period."""
    steps = (STEP * (curve[node] + curve[(node + 1) % NODES]) / 2 for node in range(NODES))
    return array("d", accumulate(steps, initial=0.0))


def _saturation(celsius: float) -> float:
    """Vapour pressure over water [hPa]; Magnus formula, Sonntag 1990."""
    return 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))
