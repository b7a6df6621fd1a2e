"""The MIBs of the room's devices, object by object, as such devices lay them out.

    main-meter  Janitza UMG 604             three phases, energy registers
    ups-a       UPS-MIB (RFC 1628)          three phases, 10 kW
    pdu-a/b     PowerNet-MIB, rPDU2 tables  three phases, a bank each, eight metered outlets
    probe-1     AKCP sensorProbe            four ports: rack top and bottom, cold aisle (with humidity), outdoors

Texts say `simulated`, so that nobody takes a recording of them for a real device's.
"""

import math
from collections.abc import Callable

from dc_monitor.simulator.devices import (
    Cell,
    Device,
    Raw,
    Sight,
    Step,
    Table,
    Value,
    apparent,
    current,
    energy,
    frequency,
    power,
    power_factor,
    reactive,
    still,
    voltage,
)
from dc_monitor.simulator.physics import OUTLETS, PHASES, Moment, outlet, outlet_phase
from dc_monitor.simulator.plant import LOADS, PDUS, UPS_RATED

JANITZA = "1.3.6.1.4.1.34278"
UPS_MIB = "1.3.6.1.2.1.33.1"
RPDU2 = "1.3.6.1.4.1.318.1.1.26"
AKCP = "1.3.6.1.4.1.3854.1"

ONE, TEN, TENTH, HUNDREDTH, THOUSANDTH = Step(), Step(10), Step(1, 10), Step(1, 100), Step(1, 1000)
MINUTE, TENTH_KWH = Step(60), Step(360_000)

NORMAL = 2
"""What rPDU2 and AKCP call well; UPS-MIB too for the battery."""


def devices() -> tuple[Device, ...]:
    """Everything in the room that can be asked."""
    return (main_meter(), ups(), *(pdu(name) for name in PDUS), probe())


def main_meter() -> Device:
    """The power analyser behind the main breaker; its fourth channel is not connected."""
    table = Table("main-meter", "Janitza UMG 604 (simulated)", f"{JANITZA}.10.1")
    measures = table.measures
    for phase in PHASES:
        flow, point = f"utility/l{phase}", f"phase/l{phase}"
        measures(f"{JANITZA}.1.{phase}.0", voltage(phase), TENTH, "voltage", point, "phase")
        measures(f"{JANITZA}.1.{7 + phase}.0", current(flow, phase), THOUSANDTH, "current", point, "phase")
        measures(f"{JANITZA}.1.{11 + phase}.0", power(flow), ONE, "power", point, "phase")
        measures(f"{JANITZA}.1.{15 + phase}.0", reactive(flow), ONE, "reactive_power", point, "phase")
        measures(f"{JANITZA}.1.{19 + phase}.0", apparent(flow), ONE, "apparent_power", point, "phase")
        measures(f"{JANITZA}.4.{phase}.0", energy(flow), TENTH_KWH, "energy", point, "phase")
    for number, (one, other) in enumerate(((1, 2), (2, 3), (3, 1)), 5):
        between = line_to_line(one, other)
        measures(f"{JANITZA}.1.{number}.0", between, TENTH, "voltage", f"phase/l{one}-l{other}", "phase")
    for fourth in ("1.4", "1.11", "1.15", "1.19", "1.23", "4.4"):
        table.says(f"{JANITZA}.{fourth}.0", 0)
    measures(f"{JANITZA}.2.1.0", power("utility"), ONE, "power", "total")
    measures(f"{JANITZA}.2.2.0", reactive("utility"), ONE, "reactive_power", "total")
    measures(f"{JANITZA}.2.3.0", apparent("utility"), ONE, "apparent_power", "total")
    measures(f"{JANITZA}.5.1.0", energy("utility"), TENTH_KWH, "energy", "total")
    measures(f"{JANITZA}.8.1.0", frequency, HUNDREDTH, "frequency", "total")
    return Device("main-meter", "janitza-umg604", 0.5, table.cells)


def line_to_line(one: int, other: int) -> Value:
    """Voltage between two lines that are 120° apart [V]."""

    def between(sight: Sight) -> float:
        a, b = sight.moment.voltage(one), sight.moment.voltage(other)
        return math.sqrt(a * a + a * b + b * b)

    return between


def ups() -> Device:
    """A double-conversion UPS on mains, battery full."""
    table = Table("ups-a", "UPS 10 kW, network card (simulated)", "1.3.6.1.2.1.33")
    measures = table.measures
    identity: dict[str, Raw] = {"1": "dc-monitor (simulated)", "2": "UPS 10 kW", "3": "1.0", "4": "1.0", "5": "ups-a"}
    for item, text in identity.items():
        table.says(f"{UPS_MIB}.1.{item}.0", text)
    table.says(f"{UPS_MIB}.2.1.0", NORMAL)
    measures(f"{UPS_MIB}.2.2.0", still(0.0), ONE, "time_on_battery", "battery")
    measures(f"{UPS_MIB}.2.3.0", lambda sight: sight.moment.runtime, MINUTE, "runtime", "battery")
    measures(f"{UPS_MIB}.2.4.0", still(1.0), HUNDREDTH, "charge", "battery")
    measures(f"{UPS_MIB}.2.5.0", still(218.4), TENTH, "voltage", "battery")
    measures(f"{UPS_MIB}.2.6.0", still(0.0), TENTH, "current", "battery")
    measures(f"{UPS_MIB}.2.7.0", lambda sight: sight.moment.cold_aisle + 4, ONE, "temperature", "battery")
    table.says(f"{UPS_MIB}.4.1.0", 3)  # output from the inverter, as it should be
    measures(f"{UPS_MIB}.4.2.0", frequency, TENTH, "frequency", "output/total")
    measures(f"{UPS_MIB}.5.1.0", frequency, TENTH, "frequency", "bypass/total")
    for lines in ("3.2", "4.3", "5.2"):
        table.says(f"{UPS_MIB}.{lines}.0", len(PHASES))
    for phase in PHASES:
        entry, flow, point = f"{UPS_MIB}.3.3.1", f"ups-input/l{phase}", f"input/l{phase}"
        measures(f"{entry}.2.{phase}", frequency, TENTH, "frequency", point, "phase")
        measures(f"{entry}.3.{phase}", voltage(phase), ONE, "voltage", point, "phase")
        measures(f"{entry}.4.{phase}", current(flow, phase), TENTH, "current", point, "phase")
        measures(f"{entry}.5.{phase}", power(flow), ONE, "power", point, "phase")
        entry, flow, point = f"{UPS_MIB}.4.4.1", f"ups-output/l{phase}", f"output/l{phase}"
        measures(f"{entry}.2.{phase}", voltage(phase), ONE, "voltage", point, "phase")
        measures(f"{entry}.3.{phase}", current(flow, phase), TENTH, "current", point, "phase")
        measures(f"{entry}.4.{phase}", power(flow), ONE, "power", point, "phase")
        measures(f"{entry}.5.{phase}", share_of_rated(flow), HUNDREDTH, "load", point, "phase")
        entry, point = f"{UPS_MIB}.5.3.1", f"bypass/l{phase}"
        measures(f"{entry}.2.{phase}", voltage(phase), ONE, "voltage", point, "phase")
        measures(f"{entry}.3.{phase}", still(0.0), TENTH, "current", point, "phase")
        measures(f"{entry}.4.{phase}", still(0.0), ONE, "power", point, "phase")
    table.says(f"{UPS_MIB}.6.1.0", 0, "Gauge32")  # no alarm
    rating = {1: 230, 2: 500, 3: 230, 4: 500, 5: round(UPS_RATED), 6: round(UPS_RATED)}
    for number, value in rating.items():
        table.says(f"{UPS_MIB}.9.{number}.0", value)
    return Device("ups-a", "rfc1628", 3.0, table.cells)


def share_of_rated(flow: str) -> Value:
    """Load of one output phase as a share of what that phase may carry."""
    return lambda sight: sight.power(flow) / (UPS_RATED / len(PHASES))


def pdu(name: str) -> Device:
    """A three-phase rack PDU, metered by outlet; a real one has 24, this one tells of eight."""
    card = (
        "APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.2 "
        "AN1:apc_hw05_rpdu2g_682.bin MN:AP8681 HR:02 SN: SIMULATED MD:01/01/2024)"
    )
    table = Table(name, card, "1.3.6.1.4.1.318.1.3.4.6")
    row, measures = table.row, table.measures
    for count in ("1", "3"):
        table.says(f"{RPDU2}.{count}.0", 1)
    row(f"{RPDU2}.2.1", 1, {1: 1, 2: 1, 3: name, 4: "simulated", 5: "02", 6: "v6.8.2", 8: "AP8681", 9: "SIMULATED"})
    row(f"{RPDU2}.4.2.1", 1, {1: 1, 2: 1, 3: name, 4: OUTLETS, 5: OUTLETS, 6: OUTLETS, 7: len(PHASES), 8: len(PHASES)})
    entry = f"{RPDU2}.4.3.1"
    row(entry, 1, {1: 1, 2: 1, 3: name, 4: NORMAL, 10: "01/01/2024 00:00:00", 12: 1, 13: 1, 14: 1})
    measures(f"{entry}.5.1", power(name), TEN, "power", "total")
    measures(f"{entry}.9.1", energy(name), TENTH_KWH, "energy", "total")
    measures(f"{entry}.16.1", apparent(name), TEN, "apparent_power", "total")
    measures(f"{entry}.17.1", power_factor(name), HUNDREDTH, "power_factor", "total")
    for phase in PHASES:
        entry, bank, flow, point = f"{RPDU2}.6.3.1", f"{RPDU2}.8.3.1", f"{name}/l{phase}", f"phase/l{phase}"
        row(entry, phase, {1: phase, 2: 1, 3: phase, 4: NORMAL})
        measures(f"{entry}.5.{phase}", current(flow, phase), TENTH, "current", point, "phase")
        measures(f"{entry}.6.{phase}", voltage(phase), ONE, "voltage", point, "phase")
        measures(f"{entry}.7.{phase}", power(flow), TEN, "power", point, "phase")
        measures(f"{entry}.8.{phase}", apparent(flow), TEN, "apparent_power", point, "phase")
        measures(f"{entry}.9.{phase}", power_factor(flow), HUNDREDTH, "power_factor", point, "phase")
        row(bank, phase, {1: phase, 2: 1, 3: phase, 4: NORMAL})
        measures(f"{bank}.5.{phase}", current(flow, phase), TENTH, "current", f"bank/{phase}", "bank")
    for count in ("9.1", "9.3"):
        table.says(f"{RPDU2}.{count}.0", OUTLETS)
    for number in range(1, OUTLETS + 1):
        used = number <= len(LOADS)
        flow, phase, point = outlet(name, number), outlet_phase(name, number), f"outlet/{number}"
        known: dict[int, Raw] = {1: number, 2: 1, 3: LOADS[number - 1] if used else "free", 4: number}
        row(f"{RPDU2}.9.2.3.1", number, known | {5: 2 if used else 1})  # 2 is on
        entry = f"{RPDU2}.9.4.3.1"
        row(entry, number, known | {5: NORMAL})
        measures(f"{entry}.6.{number}", current(flow, phase), TENTH, "current", point, "outlet")
        measures(f"{entry}.7.{number}", power(flow), ONE, "power", point, "outlet")
        measures(f"{entry}.11.{number}", energy(flow), TENTH_KWH, "energy", point, "outlet")
    return Device(name, "apc-rpdu2", 1.0, table.cells)


PORTS: tuple[tuple[str, Callable[[Moment], float]], ...] = (
    ("rack 1 top", lambda moment: moment.inlet_top),
    ("rack 1 bottom", lambda moment: moment.inlet_bottom),
    ("cold aisle", lambda moment: moment.cold_aisle),
    ("outdoor", lambda moment: moment.outdoor),
)
"""What hangs on the probe's ports, numbered from 0."""
HUMID = 2
"""The port that has a hygrometer too; the others say that they have none."""


def probe() -> Device:
    """Four thermometers and a hygrometer."""
    table = Table("probe-1", "SensorProbe4 (simulated)", AKCP)
    facts: dict[str, Raw] = {"2": NORMAL, "6": "AKCP", "8": "sensorProbe4 (simulated)"}
    for item, fact in facts.items():
        table.says(f"{AKCP}.1.{item}.0", fact)
    online: dict[int, Raw] = {4: NORMAL, 5: 1}
    offline: dict[int, Raw] = {4: 1, 5: 2}
    for port, (label, where) in enumerate(PORTS):
        point, celsius = f"probe/{port}", shown(where)
        entry = f"{AKCP}.2.2.1.16.1"
        table.row(entry, port, {1: label, 12: 1, **online})  # column 12: degrees Celsius
        table.cells.append(Cell(f"{entry}.3.{port}", "Integer32", whole(celsius)))
        table.measures(f"{entry}.14.{port}", celsius, TENTH, "temperature", point, "sensor")
        entry = f"{AKCP}.2.2.1.17.1"
        table.row(entry, port, {1: label, **(online if port == HUMID else offline)})
        if port == HUMID:
            table.measures(f"{entry}.3.{port}", relative_humidity, HUNDREDTH, "humidity", point, "sensor")
        else:
            table.says(f"{entry}.3.{port}", 0)
    return Device("probe-1", "akcp-sensorprobe", 1.0, table.cells)


def shown(where: Callable[[Moment], float]) -> Value:
    """A temperature as the probe shows it [°C]."""
    return lambda sight: sight.temperature(where(sight.moment))


def whole(celsius: Value) -> Callable[[Sight], int]:
    """The same in whole degrees."""
    return lambda sight: round(celsius(sight))


def relative_humidity(sight: Sight) -> float:
    """Relative humidity of the cold aisle, 0 to 1."""
    return sight.moment.humidity
