"""Sensors of chips that the kernel shows below hwmon: temperatures, fans, power, energy, volts, amperes, humidity.

Asks    the *_input and *_average files of every chip of /sys/class/hwmon.
Yields  one reading a channel, in SI units; volts times amperes where a rule says that they belong together; the
        machine's own input where it has an ACPI power meter.
Needs   no rights, but for registers of energy (amd_energy).

A chip's number changes from boot to boot: it is named after its driver and the device it sits on, `coretemp.0`,
`nvme-0000:01:00.0`. Watts of a part (level `sensor`) are never the machine's (`input/total`).
"""

import errno
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from math import prod
from pathlib import Path

from collectors.host import files
from collectors.host.chips import INPUT, Channel, Found, plan
from collectors.host.rules import CREDIBLE, KINDS, NUMBERED_CLASSES
from dc_monitor.clock import Clock
from dc_monitor.readings import Reading

_VALUE = re.compile(rf"((?:{'|'.join(KINDS)})\d+)_(?:input|average)")
_REMARKS = ("label", "enable", "is_battery")
_FEW = 3


class Hwmon:
    """The chips of this machine; files are read on the caller's thread."""

    def __init__(self, device: str, clock: Clock, sysfs: str) -> None:
        self._device = device
        self._clock = clock
        self._folder = f"{sysfs}/class/hwmon"
        self._channels: list[Channel] = []

    @property
    def found(self) -> list[str]:
        """Chips that are read, for people."""
        return list(dict.fromkeys(channel.chip for channel in self._channels))

    def look(self, registered: Collection[str] = ()) -> list[str]:
        """Learn the channels that speak; what was seen and not taken, a sentence each.

        `registered` are points whose energy is read elsewhere already. A channel that is silent from the beginning is
        left out, and asked again at the next look; one that spoke before stays, and fails with every poll.
        """
        spoke = {(channel.series, channel.paths) for channel in self._channels}
        chips = [chip for entry in files.entries(self._folder) if (chip := survey(f"{self._folder}/{entry}"))]
        candidates, left_out = plan(chips, self._device, registered)
        speaking: dict[tuple[str, str], Channel] = {}
        silent: dict[tuple[str, str], tuple[Channel, OSError]] = {}
        for channel in candidates:
            key = (channel.series.point, channel.series.quantity)
            if key not in speaking:
                try:
                    value(channel, {})
                except OSError as error:
                    if (channel.series, channel.paths) not in spoke:
                        silent.setdefault(key, (channel, error))
                        continue
                speaking[key] = channel
        self._channels = list(speaking.values())
        return left_out + _sentences(why for key, why in silent.items() if key not in speaking)

    def read(self) -> tuple[list[Reading], list[str]]:
        """Every channel, and a sentence for those that did not speak."""
        readings: list[Reading] = []
        silent: list[tuple[Channel, OSError]] = []
        counts: dict[str, int] = {}
        for channel in self._channels:
            try:
                readings.append(Reading(channel.series, value(channel, counts), self._clock.now()))
            except OSError as error:
                silent.append((channel, error))
        return readings, _sentences(silent)


def survey(folder: str) -> Found | None:
    """Look a chip up below `class/hwmon`; None where it has no channel, or is read as a battery."""
    device = sits_on(folder)
    entry = Path(folder).name
    home, shown = folder, f"hwmon/{entry}"
    names = files.entries(home)
    if not any(map(_VALUE.fullmatch, names)):  # on old kernels the files lie with the device
        home, shown = f"{home}/device", f"{shown}/device"
        names = files.entries(home)
    channels = {match[1] for name in names if (match := _VALUE.fullmatch(name))}
    if device is None or not channels:
        return None
    found = {}
    for name in names:
        channel, _, kind = name.partition("_")
        if channel in channels:
            found[name] = files.word(f"{home}/{name}") if kind in _REMARKS else ""
    called = files.word(f"{folder}/name") or files.word(f"{home}/name")
    return Found(entry, home, shown, called, device, channels, found)


def sits_on(folder: str) -> str | None:
    """The device a chip sits on, "" where none is told; None for a power supply, which is read as one."""
    entry = Path(folder)
    if (entry / "device").is_symlink():
        parts = (entry / "device").resolve().parts
    elif entry.is_symlink():
        parts = entry.resolve().parent.parts
        parts = parts[:-1] if parts[-1] == "hwmon" else parts
    else:
        return ""
    if "power_supply" in parts:
        return None
    name = parts[-3] if parts[-2] in NUMBERED_CLASSES else parts[-1]
    return "" if name == "virtual" else name


def value(channel: Channel, counts: dict[str, int]) -> float:
    """The channel's value; `counts` remembers what files said in this poll. Raises `OSError` when it has none."""
    if channel.fault and files.word(channel.fault) == "1":
        raise OSError(errno.EIO, "the driver says that the sensor is broken")
    for path in channel.paths:
        if path not in counts:
            counts[path] = files.number(path)
    found = prod(counts[path] for path in channel.paths) / channel.counts
    series = channel.series
    low, high = CREDIBLE.get(series.quantity, (found, found))
    if not low <= found <= high or (found == 0 and series.point == INPUT):  # the machine runs: it takes something
        raise OSError(errno.ENODATA, f"it says {found:,.6g} {series.unit.symbol}, which cannot be")
    return found


def _sentences(silent: Iterable[tuple[Channel, OSError]]) -> list[str]:
    """One sentence a chip and reason."""
    names: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for channel, error in silent:
        name = Path(error.filename or channel.paths[0]).name
        if name not in names[channel.chip, files.reason(error)]:
            names[channel.chip, files.reason(error)].append(name)
    return [f"cannot read {_some(them)} of {chip}: {why}" for (chip, why), them in names.items()]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
