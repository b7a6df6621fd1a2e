"""Batteries of the machine itself, as the kernel shows them.

Asks    /sys/class/power_supply: what is a battery, and not a mouse's.
Yields  power out of and into each battery [W], its voltage [V] and charge [ratio].
Needs   no rights.

energy_now is what a battery holds, not a register of what flowed: it tells the charge alone.
"""

from collections.abc import Iterator, Mapping

from collectors.host import files
from collectors.host.chips import slug
from collectors.host.rules import CREDIBLE, MICRO
from dc_monitor.clock import Clock
from dc_monitor.readings import Reading, Series

HELD = (("energy_now", "energy_full"), ("charge_now", "charge_full"))
"""What is in the battery, and what fits."""
ASKED = ("status", "power_now", "voltage_now", "current_now", *(name for pair in HELD for name in pair))
FLOWS = {"Discharging": (1, 0), "Charging": (0, 1), "Full": (0, 0), "Not charging": (0, 0)}
"""`status` → how often power_now flows out and in. Its sign differs from driver to driver."""


class Supplies:
    """The batteries of this machine; files are read on the caller's thread."""

    def __init__(self, device: str, clock: Clock, sysfs: str) -> None:
        self._device = device
        self._clock = clock
        self._folder = f"{sysfs}/class/power_supply"
        self._batteries: dict[str, list[str]] = {}

    @property
    def found(self) -> list[str]:
        """Batteries that are read, for people."""
        return [*self._batteries]

    def look(self) -> list[str]:
        """Learn the batteries and which of their files speak; nothing is left out that would need a sentence."""
        before, self._batteries = self._batteries, {}
        for entry in files.entries(self._folder):
            folder = f"{self._folder}/{entry}"
            if files.word(f"{folder}/type") == "Battery" and files.word(f"{folder}/scope") != "Device":
                spoke = before.get(entry, ())
                self._batteries[entry] = [one for one in ASKED if files.word(f"{folder}/{one}") or one in spoke]
        return []

    def read(self) -> tuple[list[Reading], list[str]]:
        """What each battery tells, and a sentence for what it no longer does."""
        readings: list[Reading] = []
        failures: list[str] = []
        for entry, names in self._batteries.items():
            said: dict[str, str] = {}
            for name in names:
                try:
                    said[name] = files.text(f"{self._folder}/{entry}/{name}")
                except OSError as error:
                    failures.append(f"cannot read {name} of {entry}: {files.reason(error)}")
            readings += translate(said, entry, self._device, self._clock.now())
        return readings, failures


def translate(said: Mapping[str, str], entry: str, device: str, now: int) -> Iterator[Reading]:
    """What a battery's files say, as readings."""
    point = f"battery/{slug(entry)}"
    count = {name: int(text) for name, text in said.items() if text.removeprefix("-").isdecimal()}

    def reading(place: str, quantity: str, value: float, names: str, method: str = "measured") -> Reading:
        source = f"power_supply/{entry}/{names}"
        return Reading(Series(device, place, quantity, "sensor", source, method, entry), value, now)

    if "voltage_now" in count:
        yield reading(point, "voltage", count["voltage_now"] / MICRO, "voltage_now")
    for held, full in HELD:
        if held in count and count.get(full, 0) > 0:
            yield reading(point, "charge", count[held] / count[full], f"{held} / {full}")
            break
    if "power_now" in count:
        watts, names, method = abs(count["power_now"]) / MICRO, "power_now", "measured"
    elif "voltage_now" in count and "current_now" in count:
        watts = abs(count["voltage_now"] * count["current_now"]) / MICRO**2
        names, method = "voltage_now * current_now", "derived"
    else:
        return
    low, high = CREDIBLE["power"]
    if said.get("status") in FLOWS and low <= watts <= high:
        out, into = FLOWS[said["status"]]
        yield reading(f"{point}/discharge", "power", watts * out, names, method)
        yield reading(f"{point}/charge", "power", watts * into, names, method)
