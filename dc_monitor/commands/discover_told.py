"""What a search found, as lines for a person and as one JSON document."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dc_monitor.agent.words import counted
from dc_monitor.commands.check_meters import Judged
from dc_monitor.commands.check_result import Result
from dc_monitor.commands.check_told import told
from dc_monitor.commands.discover_known import Match
from dc_monitor.commands.discover_names import place
from dc_monitor.commands.discover_proposal import Proposal, worth_reading
from dc_monitor.commands.discover_search import Device, Findings, Heard
from dc_monitor.readings import Reading

FORMAT = 1
"""Of the JSON document; it rises when a key changes its meaning."""
MOST_POINTS = 3


@dataclass(frozen=True)
class Report:
    """All of it; `judged` is what `check` would say of meters and figures, `readable` are protocols we can read."""

    findings: Findings
    matches: Mapping[str, Match]
    proposal: Proposal
    judged: Judged
    stopped: bool
    readable: Collection[str]

    def document(self) -> dict[str, Any]:
        """One JSON document."""
        meters, figures, hints = self.judged
        return {
            "format": FORMAT,
            "searched": self.findings.searched,
            "total": self.findings.total,
            "stopped": self.stopped,
            "devices": [self._as_json(device) for device in self.findings.devices],
            "heard": [asdict(one) | {"collector": one.protocol in self.readable} for one in self.findings.heard],
            "troubles": self._troubles(),
            "meters": [asdict(one) for one in meters],
            "figures": [asdict(one) for one in figures],
            "hints": hints,
            "proposal": self.proposal.tables,
        }

    def lines(self) -> Iterator[str]:
        """Section by section; what to look at stands last, where a terminal still shows it."""
        findings = self.findings
        yield f"Looked at {findings.searched:,} of {findings.total:,} addresses"
        if self.stopped:
            yield "  stopped by Ctrl-C; this is what was found until then"
        if findings.devices:
            yield f"Devices ({len(findings.devices)})"
            yield from (f"  {line}" for device in findings.devices for line in self._device(device))
        if findings.heard:
            yield f"Also heard ({len(findings.heard)})"
            yield from (f"  {self._heard(one)}" for one in findings.heard)
        if self.proposal.devices:
            meters, figures, hints = self.judged
            # The last line sums up a check, and this is none.
            yield from [*told(Result(False, meters=meters, figures=figures, hints=hints))][:-1]
        troubles = self._troubles()
        if troubles:
            yield "To look at"
            yield from (f"  {trouble}" for trouble in troubles)

    def _troubles(self) -> list[str]:
        how = [match.how for match in self.matches.values() if match.how]
        return [*how, *self.findings.troubles]

    def _device(self, device: Device) -> Iterator[str]:
        info = device.info
        name = self._name(device)
        state = "new" if device.address in self.proposal.names else "known" if name else "-"
        what = " ".join(filter(None, (info.vendor, info.model, info.firmware))) or "unknown make"
        what += f" ({', '.join(info.profiles)})" if info.profiles else ""
        points = ", ".join(f"{one.value:,.0f} W at {one.series.point}" for one in _watts(device)[:MOST_POINTS])
        many = counted(len(device.readings), "reading")
        yield f"{state:5} {name:20} {device.address}  {what}, {many}{', ' if points else ''}{points}"
        if not worth_reading(device) and not device.problems:
            yield f"      nothing to read: {info.why}"
        yield from (f"      {problem}" for problem in device.problems)

    def _name(self, device: Device) -> str:
        match = self.matches.get(device.address)
        return match.name if match else self.proposal.names.get(device.address, "")

    def _heard(self, one: Heard) -> str:
        said = f"{one.place} speaks {one.title}" + (f" ({one.says})" if one.says else "")
        if one.protocol not in self.readable:
            return f"{said}: no collector yet"
        return f"{said}: read it with --credentials"

    def _as_json(self, device: Device) -> dict[str, Any]:
        info = device.info
        room, rack = place(info.location)
        match = self.matches.get(device.address)
        return {
            "address": device.address,
            "credentials": device.credentials,
            "name": self._name(device),
            "known": match.name if match else None,
            "kind": info.kind,
            "vendor": info.vendor,
            "model": info.model,
            "firmware": info.firmware,
            "profiles": list(info.profiles),
            "why": info.why,
            "left_out": list(info.left_out),
            "told_name": info.name,
            "location": info.location,
            "room": room,
            "rack": rack,
            "marks": list(info.marks),
            "readings": len(device.readings),
            "watts": [
                {"point": one.series.point, "watts": one.value, "quality": one.series.method} for one in _watts(device)
            ],
            "problems": list(device.problems),
        }


def _watts(device: Device) -> Sequence[Reading]:
    """Power of the whole, or of its phases where no whole is told."""
    power = [one for one in device.readings if one.series.quantity == "power"]
    return next(
        (at for level in ("total", "phase", "bank") if (at := [r for r in power if r.series.level == level])), ()
    )
