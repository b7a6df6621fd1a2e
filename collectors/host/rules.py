"""What the files of sysfs mean, as data: zones of powercap, kinds of hwmon channels, and chips that need more.

A chip without a row is read by the kernel's conventions alone (Documentation/hwmon/sysfs-interface). A row says what
these cannot: which volts and amperes flow through one conductor, what lies inside what, what is no supply voltage.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

MICRO, MILLI = 1_000_000, 1_000
"""Counts per unit."""


class Place(NamedTuple):
    """Where a zone's joules belong: its point, its level, and the power it surely stays below [W]."""

    point: str
    level: str
    most: float


OUTER_ZONES = (
    (re.compile(r"package-\d+(-die-\d+)?"), Place("cpu/{name}", "bank", 1_000.0)),
    (re.compile(r"psys(-\d+)?"), Place("{name}", "sensor", 2_000.0)),
)
"""Zones at the top by their name. psys (a sensor of the board's) holds the packages and more."""

INNER_ZONES = {
    "core": Place("cpu/{outer}/core", "sensor", 1_000.0),
    "uncore": Place("cpu/{outer}/uncore", "sensor", 1_000.0),
    "dram": Place("dram/{outer}", "bank", 400.0),
}
"""Zones within a package. core and uncore are part of it; dram hangs below it in the tree, but is beside it."""

DESIGN_POWERS = 5.0
"""Processors may take several times the design power they tell, for long where the limit was lifted, not so many."""


class Kind(NamedTuple):
    """A kind of channel: quantity, counts per unit, and the files that tell it, best first."""

    quantity: str
    counts: float
    files: tuple[str, ...] = ("input",)


MEAN_FIRST = ("average", "input")
"""The driver's mean over its interval says more of a minute than the instant at which we look."""

KINDS = {
    "temp": Kind("temperature", MILLI),
    "fan": Kind("fan_speed", 1),
    "power": Kind("power", MICRO, MEAN_FIRST),
    "energy": Kind("energy", MICRO),
    "in": Kind("voltage", MILLI, MEAN_FIRST),
    "curr": Kind("current", MILLI, MEAN_FIRST),
    "humidity": Kind("humidity", 100 * MILLI),  # thousandths of a percent
}

CREDIBLE = {
    "temperature": (-100.0, 250.0),  # 0 K and -128 °C are registers nobody filled
    "power": (0.0, 100_000.0),  # ACPI says 0xffffffff mW for "unknown", and -1
    "energy": (0.0, float("inf")),
    "humidity": (0.0, 1.0),
}
"""Least and most of a quantity; outside is a driver's way to say that it does not know."""


class Pair(NamedTuple):
    """Volts and amperes of one conductor: their product is its power."""

    volts: str
    amperes: str


class Chip(NamedTuple):
    """What is known of a chip; `proof` names where from.

    `pairs` count where the chip tells no power of its own. `shunts` are drops over a shunt. `inside`: label of a
    channel → label of the one that holds it. `sockets`, `cores`: labels of registers of a whole processor and of its
    cores. `machine`: it measures what the machine takes in.
    """

    proof: str
    pairs: tuple[Pair, ...] = ()
    shunts: tuple[str, ...] = ()
    inside: Mapping[str, str] = MappingProxyType({})
    sockets: str = ""
    cores: str = ""
    machine: bool = False


_INA2XX = Chip("Documentation/hwmon/ina2xx.rst", pairs=(Pair("in1", "curr1"),), shunts=("in0",))
_MAX207XX = Chip("Documentation/hwmon/max20730.rst: in2 is vout1, curr1 is iout1", pairs=(Pair("in2", "curr1"),))

CHIPS = {
    "power_meter": Chip("ACPI 4.0 ch. 10.4; Documentation/hwmon/acpi_power_meter.rst", machine=True),
    "amd_energy": Chip("Documentation/hwmon/amd_energy.rst, to 5.12", sockets=r"Esocket(\d+)", cores=r"Ecore(\d+)"),
    "k10temp": Chip("test data of Kepler: Package 45 W, Core 15 W", inside={"Core": "Package"}),
    "corsairpsu": Chip(
        "Documentation/hwmon/corsair-psu.rst",
        inside=dict.fromkeys(("power +12v", "power +5v", "power +3.3v"), "power total"),
    ),
    "ina3221": Chip(
        "Documentation/hwmon/ina3221.rst: in4 to in7 count µV, against the convention",
        pairs=tuple(Pair(f"in{n}", f"curr{n}") for n in (1, 2, 3)),
        shunts=("in4", "in5", "in6", "in7"),
    ),
    **dict.fromkeys(("ina219", "ina220", "ina226", "ina230", "ina231"), _INA2XX),
    **dict.fromkeys(("max20710", "max20730", "max20734", "max20743"), _MAX207XX),
}
"""Chips by the name their driver gives. A pair that is not here is nobody's guess: no power."""

NUMBERED_CLASSES = ("nvme", "drm", "net")
"""Devices numbered in the order they were found sit in a folder of their class, below the bus device that stays."""
