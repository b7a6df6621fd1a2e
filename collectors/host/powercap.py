"""Energy of processors and memory, from the registers that the kernel shows below powercap (RAPL).

Asks    energy_uj of every zone of /sys/class/powercap.
Yields  a register of each package, of its core, uncore and dram, and of psys [J]; the mean power since the poll
        before [W].
Needs   to read energy_uj, which since CVE-2020-8694 is root's alone: systemd/60-dc-monitor-rapl.rules grants it.

The kernel's registers go round within minutes, each zone's elsewhere, so they are made continuous here. A register
begins at the kernel's own value, and anew at 0 when nobody can tell how often it went round.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from collectors.host import files
from collectors.host.rules import DESIGN_POWERS, INNER_ZONES, MICRO, OUTER_ZONES, Place
from dc_monitor.clock import Clock
from dc_monitor.readings import Reading, Series

SHORTEST_SPAN = 0.1
"""The registers step once a millisecond: a mean over less than this is mostly steps. [s]"""
LEAST_SLEEP = 1.0
"""The clocks that tell a suspended machine may differ by less than this without one. [s]"""
CURE = "install the udev rule systemd/60-dc-monitor-rapl.rules"


def asleep() -> float:
    """Seconds this machine spent suspended since it started: registers may have begun again meanwhile."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    return 0.0


class Zone(NamedTuple):
    """A zone as sysfs shows it; `raw` was read at `at`, or is None where `error` says why it cannot be."""

    id: str
    name: str
    raw: int | None = None
    highest: int = 0
    at: float = 0.0
    design: float = 0.0
    error: OSError | None = None


class Register:
    """A register that goes round, made continuous; counts in µJ.

    `highest` is the largest value it shows; `most` the power it surely stays below [W]; `at` is the monotonic clock and
    `asleep` how long the machine has been suspended since it started [s].
    """

    def __init__(self, raw: int, at: float, asleep: float, highest: int, most: float) -> None:
        self.total = raw
        self.highest = highest
        self._longest = (highest + 1) / (most * MICRO)  # over a longer span it may go round twice, unseen
        self._most = most
        self._raw, self._at, self._asleep = raw, at, asleep

    def count(self, raw: int, at: float, asleep: float) -> tuple[float | None, str]:
        """Mean power since the count before [W], None over too short a span; why there is nothing to count, or ""."""
        rise, span, slept = raw - self._raw, at - self._at, asleep - self._asleep
        if rise < 0:
            rise += self.highest + 1
        self._raw, self._at, self._asleep = raw, at, asleep
        doubt = ""
        if slept > LEAST_SLEEP:
            doubt = "the machine was suspended, and the register may have begun again"
        elif span > self._longest:
            doubt = f"it was read after {span:.0f} s and may go round within {self._longest:.0f} s; read it more often"
        elif not 0 <= rise <= self._most * MICRO * (span + SHORTEST_SPAN):
            doubt = f"its register jumped in {span:.0f} s as far as {self._most:.0f} W would not take it"
        if doubt:
            self.total = 0
            return None, doubt
        self.total += rise
        return (rise / MICRO / span if span >= SHORTEST_SPAN else None), ""


class Placed(NamedTuple):
    """A zone and where its joules belong."""

    zone: Zone
    label: str
    place: Place


class Powercap:
    """The zones of this machine; files are read on the caller's thread."""

    def __init__(self, device: str, clock: Clock, sysfs: str, suspended: Callable[[], float] = asleep) -> None:
        self._device = device
        self._clock = clock
        self._folder = f"{sysfs}/class/powercap"
        self._suspended = suspended
        self._zones: dict[str, tuple[Placed, Register, Series, Series]] = {}

    @property
    def found(self) -> list[str]:
        """What is read, for people."""
        return [placed.label for placed, *_ in self._zones.values()]

    @property
    def points(self) -> set[str]:
        """Points that have a register."""
        return {placed.place.point for placed, *_ in self._zones.values()}

    def look(self) -> list[str]:
        """Learn the zones; what was seen and not taken, a sentence each.

        A register that was read before goes on counting; one that falls silent stays, and fails with every poll.
        """
        before, self._zones = self._zones, {}
        placed, left_out = arrange([self._zone(entry) for entry in files.entries(self._folder) if ":" in entry])
        unmeasurable = []
        for one in placed:
            zone, known = one.zone, before.get(one.zone.id)
            if known and known[0].place.point == one.place.point and zone.highest in (0, known[1].highest):
                self._zones[zone.id] = known
            elif zone.raw is not None:
                register = Register(zone.raw, zone.at, self._suspended(), zone.highest, one.place.most)
                self._zones[zone.id] = (one, register, *self._series(one))
            elif isinstance(zone.error, PermissionError):
                unmeasurable.append(one.label)
            else:
                left_out.append(f"energy of {one.label} cannot be read: {files.reason(zone.error or OSError())}")
        if unmeasurable:
            why = f"only root may read {self._folder}/*/energy_uj (CVE-2020-8694)"
            left_out.append(f"energy of {', '.join(unmeasurable)} is unmeasurable: {why}; {CURE}")
        return left_out

    def read(self) -> tuple[list[Reading], list[str]]:
        """Registers and mean power, and a sentence for whatever could not be told."""
        readings: list[Reading] = []
        doubts: defaultdict[str, list[str]] = defaultdict(list)
        for placed, register, energy, power in self._zones.values():
            try:
                raw = files.number(f"{self._folder}/{placed.zone.id}/energy_uj")
            except OSError as error:
                doubts[files.reason(error)].append(placed.label)
                continue
            at, now = self._clock.monotonic(), self._clock.now()
            watts, doubt = register.count(raw, at, self._suspended())
            if doubt:
                doubts[doubt].append(placed.label)
                continue
            readings.append(Reading(energy, register.total / MICRO, now))
            if watts is not None:
                readings.append(Reading(power, watts, now))
        return readings, [f"energy of {', '.join(labels)} is not known: {doubt}" for doubt, labels in doubts.items()]

    def _zone(self, id_: str) -> Zone:
        folder = f"{self._folder}/{id_}"
        zone = Zone(id_, files.word(f"{folder}/name"))
        try:
            highest = files.number(f"{folder}/max_energy_range_uj")
            zone = zone._replace(raw=files.number(f"{folder}/energy_uj"), highest=highest, at=self._clock.monotonic())
        except OSError as error:
            return zone._replace(error=error)
        told = files.word(f"{folder}/constraint_0_max_power_uw")
        return zone._replace(design=int(told) / MICRO if told.isdecimal() else 0.0)

    def _series(self, placed: Placed) -> tuple[Series, Series]:
        point, level, _ = placed.place
        source = f"powercap/{placed.zone.id}/energy_uj"
        energy = Series(self._device, point, "energy", level, source, label=placed.label)
        return energy, Series(self._device, point, "power", level, source, "derived", placed.label)


def arrange(zones: Sequence[Zone]) -> tuple[list[Placed], list[str]]:
    """Where each zone's joules belong, once each; a sentence for every zone that is left out.

    The name alone says what a zone is: the number is hexadecimal and means nothing. A register that is shown twice
    (by a second driver, `intel-rapl-mmio`) counts once, the one that can be read first.
    """
    names = {zone.id: zone.name for zone in zones}
    taken: dict[str, Zone] = {}
    placed: list[Placed] = []
    left_out: list[str] = []
    for zone in sorted(zones, key=lambda zone: (zone.raw is None, zone.id.split(":")[0])):
        if isinstance(zone.error, FileNotFoundError):
            continue  # a control without a register, such as idle injection
        outer = names.get(zone.id.rpartition(":")[0], "")
        place = next(_places(zone.name, outer), None)
        label = f"{zone.name} of {outer}" if outer else zone.name
        if place is None:
            left_out.append(f"powercap zone {zone.id} ({label or 'without a name'}) is none we know")
        elif place.point in taken:
            left_out.append(f"powercap zone {zone.id} is {label} again, as {taken[place.point].id}")
        else:
            taken[place.point] = zone
            most = min(place.most, DESIGN_POWERS * zone.design or place.most)
            placed.append(Placed(zone, label, place._replace(most=most)))
    return placed, left_out


def _places(name: str, outer: str) -> Iterator[Place]:
    for pattern, place in OUTER_ZONES:
        if not outer and pattern.fullmatch(name):
            yield place._replace(point=place.point.format(name=name))
        if outer and pattern.fullmatch(outer) and name in INNER_ZONES:
            inner = INNER_ZONES[name]
            yield inner._replace(point=inner.point.format(outer=outer))
