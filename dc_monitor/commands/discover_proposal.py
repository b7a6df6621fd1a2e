"""The configuration to propose: tables for what is new, guesses as comments, in a form a person goes on writing.

What a device says of itself is text from the network: it stands in quotes or on one line of a comment, never bare.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dc_monitor.commands.discover_known import KNOWN_BY, Match, marks
from dc_monitor.commands.discover_meters import Draft, Known, drafts
from dc_monitor.commands.discover_names import device_name, one_line, place
from dc_monitor.commands.discover_search import Device
from dc_monitor.config.model import Config

LONGEST_COMMENT = 110


@dataclass(frozen=True, slots=True)
class Proposal:
    """Tables to add, "" for nothing new; `devices` are all that were read, under the names they have or shall have."""

    tables: str
    devices: Sequence[Known]
    names: Mapping[str, str]
    """Address → name, of the new ones."""


def propose(devices: Sequence[Device], matches: Mapping[str, Match], config: Config, now: int) -> Proposal:
    """What to add to a configuration; `matches` are the devices it knows, `now` is nanoseconds UTC."""
    taken = {device.name for device in config.device}
    names: dict[str, str] = {}
    all_devices, new = [], []
    for device in devices:
        match = matches.get(device.address)
        if match is None and worth_reading(device):
            at = device.address.partition("://")[2]
            name = names[device.address] = device_name(device.info.name, device.info.model, at, taken)
            taken.add(name)
            new.append((name, device))
        elif match is not None and match.name:
            name = match.name
        else:
            continue
        all_devices.append(Known(name, device.info, device.readings, new=match is None))
    meters = {meter.name: meter.reads.partition("/")[0] for meter in config.meter}
    made = drafts(all_devices, _before(config, now), meters)
    tables = [*(_device(name, device) for name, device in new), *map(_meter, made)]
    return Proposal("\n".join(tables), all_devices, names)


def worth_reading(device: Device) -> bool:
    """Whether it says more than how long it has been up."""
    return any(reading.series.quantity != "uptime" for reading in device.readings)


def heading(file: Path, credentials_file: Path | None, day: str) -> str:
    """How a new file begins."""
    lines = [
        f'# Written by dc-monitor discover, {day}. A line that begins with "# guess:" is not in force: look at it.',
        f"# Then: dc-monitor check -c {file.name}",
    ]
    if credentials_file:
        lines += [f"credentials_file = {_quoted(str(credentials_file.resolve()))}"]
    return "\n".join(
        (*lines, "", "[site]", '#name = "site" # becomes the tag "site" of every series, for ever', "", "")
    )


def _before(config: Config, now: int) -> dict[str, list[str]]:
    """The devices that meters of each role read, in every site; "" for a declared branch."""
    found: dict[str, list[str]] = {}
    for site in config.sites:
        for meter in config.topology(site.name).meters:
            role = meter.role(now)
            if role:
                found.setdefault(role, []).append(meter.reads[0] if meter.reads else "")
    return found


def _device(name: str, device: Device) -> str:
    info = device.info
    room, rack = place(info.location)
    pairs = {"name": name, "address": device.address, "credentials": device.credentials, "room": room, "rack": rack}
    what = " ".join(filter(None, (info.vendor, info.model, info.firmware))) or "unknown make"
    return "\n".join(
        (
            _comment(f"{what}: {info.why}"),
            *([_comment(f"location: {info.location}")] if info.location else []),
            "[[device]]",
            *([KNOWN_BY + ", ".join(marks(info))] if marks(info) else []),
            *(f"{key} = {_quoted(value)}" for key, value in pairs.items() if value),
            "",
        )
    )


def _meter(draft: Draft) -> str:
    return "\n".join(
        (
            "[[meter]]",
            f"name = {_quoted(draft.name)}",
            f"reads = {_quoted(draft.reads)}",
            *([f"role = {_quoted(draft.role)}"] if draft.role else []),
            *(f"# guess: {line} # {one_line(why)}" for line, why in draft.guess),
            "",
        )
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # what JSON escapes, TOML reads


def _comment(text: str) -> str:
    line = one_line(text)
    return f"# {line[: LONGEST_COMMENT - 1]}…" if len(line) > LONGEST_COMMENT else f"# {line}"
