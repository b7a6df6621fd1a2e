"""What the files of a chip mean: its channels, where each sits, what is left out. Pure: no file is read here."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collectors.host.rules import CHIPS, KINDS, MEAN_FIRST, MICRO, Chip
from dc_monitor.readings import Series

INPUT = "input/total"
"""What the machine takes in."""

_PLAIN = Chip("")


@dataclass(frozen=True)
class Found:
    """A chip as sysfs shows it.

    `entry` is its name of this boot (`hwmon3`), `folder` where its files are and `shown` the same for people; `device`
    is what it sits on, "" if nothing; `channels` are such as `temp1`; `files` the names of those that matter, with what
    a label or a switch says.
    """

    entry: str
    folder: str
    shown: str
    name: str
    device: str
    channels: Collection[str]
    files: Mapping[str, str]

    @property
    def rule(self) -> Chip:
        """What is known of chips of this name."""
        return CHIPS.get(self.name, _PLAIN)

    @property
    def id(self) -> str:
        """Driver and device, without saying the same twice."""
        name, device = slug(self.name), slug(self.device)
        if not device:
            return name or slug(self.entry)
        return f"{name}-{device}" if name and not device.startswith(name) else device

    @property
    def meters_machine(self) -> bool:
        """Whether it measures what the machine takes in."""
        return self.rule.machine and "power1" in self.channels and self.files.get("power1_is_battery") != "1"

    def label(self, channel: str) -> str:
        """What the chip calls the channel, "" where it does not say."""
        return self.files.get(f"{channel}_label", "")

    def numbers(self, pattern: str) -> dict[str, int]:
        """Channels whose label fits `pattern`, with the number in it."""
        fits = {channel: re.fullmatch(pattern, self.label(channel)) for channel in self.channels if pattern}
        return {channel: int(match[1]) for channel, match in fits.items() if match}


class Channel(NamedTuple):
    """One value to read: the product of its files over `counts`; `fault` is the file that says it is broken, or ""."""

    series: Series
    chip: str
    paths: tuple[str, ...]
    counts: float
    fault: str = ""


def slug(said: str) -> str:
    """What a device says, as a part of a point."""
    return re.sub(r"[^\w.:+-]+", "-", said.lower()).strip("-")


def split(channel: str) -> tuple[str, int]:
    """Kind and number of a channel such as `temp1`."""
    kind = channel.rstrip("0123456789")
    return kind, int(channel.removeprefix(kind))


def plan(chips: Sequence[Found], device: str, registered: Collection[str]) -> tuple[list[Channel], list[str]]:
    """The channels of all chips, best first where several tell one value; a sentence for whatever is left out.

    `registered` are points whose energy is read elsewhere already.
    """
    machine = [chip for chip in chips if chip.meters_machine]

    def channels(chip: Found, id_: str) -> list[Channel]:
        places = {"power1": (INPUT, "total")} if machine == [chip] else _places(chip, id_, registered)
        return list(_channels(chip, id_, device, places))

    ids = [chip.id for chip in chips]
    planned = [channels(chip, id_) for chip, id_ in zip(chips, ids, strict=True)]
    owners = Counter(point for one in planned for point in {channel.series.point for channel in one})
    for at, chip in enumerate(chips):
        if any(owners[channel.series.point] > 1 for channel in planned[at]):  # only this boot's number tells them apart
            ids[at] = f"{chip.id}-{slug(chip.entry)}"
            planned[at] = channels(chip, ids[at])

    left_out = [
        f"{', '.join(names)} of {id_}: {why}"
        for chip, id_ in zip(chips, ids, strict=True)
        for why, names in _left_out(chip).items()
        if names
    ]
    if len(machine) > 1:
        left_out.append(f"{' and '.join(one.id for one in machine)}: nobody knows which measures the whole machine")
    return [channel for one in planned for channel in one], left_out


def _left_out(chip: Found) -> dict[str, list[str]]:
    """Channels that are not read, by the reason."""
    off = {channel for channel in chip.channels if chip.files.get(f"{channel}_enable") == "0"}
    off |= {pair.amperes for pair in chip.rule.pairs if pair.volts in off and pair.amperes in chip.channels}
    sockets, cores = chip.numbers(chip.rule.sockets), chip.numbers(chip.rule.cores)
    return {
        "switched off": sorted(off, key=split),
        "the drop over a shunt, no supply voltage": [one for one in chip.rule.shunts if one in chip.channels],
        "the processor they are in is not told": sorted(cores, key=split) if len(sockets) != 1 else [],
    }


def _channels(chip: Found, id_: str, device: str, places: Mapping[str, tuple[str, str]]) -> Iterator[Channel]:
    """What is read of one chip; for one value with several files, the best first."""

    def made(channel: str, quantity: str, names: Sequence[str], counts: float) -> Channel:
        point, level = places.get(channel, (f"{id_}/{channel}", "sensor"))
        source = " * ".join(f"{chip.shown}/{name}" for name in names)
        label = chip.label(channel) or f"{chip.name or id_} {channel}"
        series = Series(device, point, quantity, level, source, "derived" if len(names) > 1 else "measured", label)
        fault = f"{chip.folder}/{channel}_fault" if f"{channel}_fault" in chip.files else ""
        return Channel(series, id_, tuple(f"{chip.folder}/{name}" for name in names), counts, fault)

    left_out = {channel for names in _left_out(chip).values() for channel in names}
    taken = sorted({*chip.channels} - left_out, key=split)
    for channel in taken:
        kind = KINDS[split(channel)[0]]
        for name in (f"{channel}_{file}" for file in kind.files):
            if name in chip.files:
                yield made(channel, kind.quantity, (name,), kind.counts)
    for volts, amperes in chip.rule.pairs:
        power = f"power{split(amperes)[1]}"
        if power in chip.channels or volts not in taken or amperes not in taken:
            continue
        called = next((one for one in (volts, amperes) if chip.label(one)), power)
        for file in MEAN_FIRST:  # a mean is never multiplied with an instant
            names = f"{volts}_{file}", f"{amperes}_{file}"
            if chip.files.keys() >= {*names}:
                yield made(called, "power", names, MICRO)


def _places(chip: Found, id_: str, registered: Collection[str]) -> dict[str, tuple[str, str]]:
    """Point and level of each channel: below its chip by label, else by number; registers of processors below `cpu`."""
    called = {channel: slug(chip.label(channel)) or channel for channel in chip.channels}
    used = Counter((split(channel)[0], name) for channel, name in called.items())
    places = {}
    for channel, name in called.items():
        kind, number = split(channel)
        holder = slug(chip.rule.inside.get(chip.label(channel), ""))
        if used[kind, name] > 1:
            name = f"{name}-{number}"
        elif kind == "power" and used[kind, holder]:
            name = f"{holder}/{name}"
        places[channel] = f"{id_}/{name}", "sensor"
    sockets = chip.numbers(chip.rule.sockets)
    for channel, number in sockets.items():
        point = f"cpu/package-{number}"
        again = point in registered  # the same joules, told twice: the second lies within the first
        places[channel] = (f"{point}/{id_}", "sensor") if again else (point, "bank")
    for channel, number in chip.numbers(chip.rule.cores).items() if len(sockets) == 1 else ():
        (socket,) = sockets.values()
        places[channel] = f"cpu/package-{socket}/core/{number}", "sensor"
    return places
