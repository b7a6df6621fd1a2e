"""`dc-monitor discover`: find what can be read, and propose the configuration for it.

Nothing is changed at a device and no secret is guessed. A second run only adds: what a person wrote stays, byte for
byte.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from dc_monitor.agent import registry
from dc_monitor.agent.words import counted, duration
from dc_monitor.clock import Clock, SystemClock, iso
from dc_monitor.commands import installed
from dc_monitor.commands.check_meters import Judged, judge
from dc_monitor.commands.check_result import DeviceResult
from dc_monitor.commands.discover_known import Known, endpoints, remembered
from dc_monitor.commands.discover_proposal import Proposal, heading, propose
from dc_monitor.commands.discover_search import Device, Findings, Search, Tables
from dc_monitor.commands.discover_targets import Place, places
from dc_monitor.commands.discover_told import Report
from dc_monitor.commands.progress import Progress
from dc_monitor.config import credentials
from dc_monitor.config.load import load, parse
from dc_monitor.config.model import Config
from dc_monitor.contract import CollectorFactory, Presence, Target
from dc_monitor.errors import ConfigError, Refused


def run(args: argparse.Namespace) -> int:
    """Search, tell and write: 0 when anything answered, 1 when nothing did, 130 when stopped by Ctrl-C."""
    clock = SystemClock()
    output: Path | None = args.output
    names = [name for name in args.credentials if not _is_target(name)]
    where = places([*args.targets, *filter(_is_target, args.credentials)])
    if not where:
        raise ConfigError("where? name an address, a range such as 10.0.0.0/24, a host or @FILE")
    tables = {name: credentials.load(name, args.credentials_file) for name in names}
    config = load(output) if output and output.exists() else Config()
    if output:
        _refuse_unwritable(output)
    probes = _probes(args.only, where)
    factories = _factories(probes, tables, clock)
    usual = {name: probe.port for name, probe in probes.items()}
    at = asyncio.run(endpoints(config, usual))

    findings = Findings(len(where))
    stopped = _search(Search(probes, factories, tables, clock, args.timeout, args.rate), where, findings)
    if "snmp" in probes and not tables:
        findings.troubles.append("SNMP was asked without credentials, and none is guessed: name some (--credentials)")
    findings.devices.sort(key=_order)
    findings.heard.sort(key=lambda one: (one.title, one.place))

    text = output.read_text(encoding="utf-8") if output and output.exists() else ""
    matches = Known(at, remembered(text), usual).matches(findings.devices, findings.looked_at)
    proposal = propose(findings.devices, matches, config, clock.now())
    before = text or heading(output or Path("FILE"), args.credentials_file, iso(clock.now())[:10])
    added = _added(before, proposal, clock)
    report = Report(findings, matches, proposal, _judged(before + added, output, proposal, clock), stopped, factories)
    if args.json:
        print(json.dumps(report.document(), ensure_ascii=False, indent=1))
    else:
        print("\n".join(report.lines()), file=sys.stdout if output else sys.stderr)
    if output:
        _write(output, added if text else before + added, proposal)
    elif proposal.tables and not args.json:
        print(before + added, end="")
    if not findings.answered:
        print(_silence(findings), file=sys.stderr)
    return 130 if stopped else 0 if findings.answered else 1


def _is_target(written: str) -> bool:
    """Whether what stands behind --credentials is where to look, and not one more name of a table."""
    return any(character in written for character in ".:/@")


def _search(search: Search, where: Sequence[Place], findings: Findings) -> bool:
    """Run it, with its progress; whether Ctrl-C ended it. `findings` holds what was found either way."""
    seconds = duration(search.seconds(where))
    print(
        f"looking at {len(where):,} addresses, about {seconds}; Ctrl-C stops and keeps what was found", file=sys.stderr
    )
    progress = Progress(len(where), "addresses", sys.stderr)

    def step(so_far: Findings) -> None:
        progress.at(so_far.searched, f"{len(so_far.devices) + len(so_far.heard)} found")

    try:
        asyncio.run(search.run(where, findings, step))
    except KeyboardInterrupt:
        return True
    finally:
        progress.end()
    return False


def _probes(only: Sequence[str], where: Sequence[Place]) -> dict[str, Presence]:
    known = installed.names(installed.PRESENCE)
    for name in (*only, *(place.protocol for place in where if place.protocol)):
        if name not in known:
            raise ConfigError(
                f'"{name}": nothing installed looks for that protocol; known: {", ".join(known) or "none"}'
            )
    return {name: installed.load(installed.PRESENCE, name) for name in known if not only or name in only}


def _factories(probes: Mapping[str, Presence], tables: Tables, clock: Clock) -> dict[str, CollectorFactory]:
    """Collectors of the protocols that have one; credentials they cannot use are told now, not once for each host."""
    factories: dict[str, CollectorFactory] = {}
    for name, probe in probes.items():
        try:
            factories[name] = registry.factory(name)
        except ConfigError:
            continue
        for table_name, table in tables.items():
            if probe.suits(table):
                factories[name](Target(table_name, f"{name}://127.0.0.1", clock, table))
    unused = [name for name, table in tables.items() if not any(probe.suits(table) for probe in probes.values())]
    if unused:
        raise ConfigError(f'credentials "{unused[0]}": nothing that is looked for takes them')
    return factories


def _order(device: Device) -> tuple[int, int, str]:
    ip = ip_address(device.ip)
    return ip.version, int(ip), device.address


def _added(before: str, proposal: Proposal, clock: Clock) -> str:
    """What is written behind what stands there."""
    if not proposal.tables:
        return ""
    gap = "" if before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    return f"{gap}# Added by dc-monitor discover, {iso(clock.now())[:10]}.\n\n{proposal.tables}"


def _judged(whole: str, output: Path | None, proposal: Proposal, clock: Clock) -> Judged:
    """What `check` would say of the meters that will stand there."""
    try:
        config = parse(whole.encode(), output.name if output else "proposal")
    except ConfigError as error:
        print(proposal.tables, end="")
        raise ConfigError(f"{error}; the file is as it was, and what would have been added stands above") from error
    found, readings = {}, []
    for device in proposal.devices:
        info = device.info
        found[device.name] = DeviceResult(
            device.name, "", ok=True, kind=info.kind, readings=len(device.readings), accuracy=info.accuracy
        )
        readings += [one._replace(series=replace(one.series, device=device.name)) for one in device.readings]
    return judge(config, found, readings, clock.now())


def _refuse_unwritable(file: Path) -> None:
    """Before an hour's search, not behind it."""
    there = file if file.exists() else file.parent
    if not os.access(there, os.W_OK) or file.is_dir():
        raise Refused(f"{file}: cannot be written; choose another file with -o")


def _write(file: Path, text: str, proposal: Proposal) -> None:
    """Behind what stands there: nothing of it is touched."""
    if not proposal.tables:
        print(f"{file}: nothing to add", file=sys.stderr)
        return
    try:
        with file.open("a", encoding="utf-8") as end:
            end.write(text)
    except OSError as error:
        print(text, end="")
        raise Refused(f"{file}: cannot be written: {error.strerror}; what it would hold stands above") from error
    many = counted(len(proposal.names), "device")
    print(f"{file}: {many} added; look at the guesses, then: dc-monitor check -c {file}", file=sys.stderr)


def _silence(findings: Findings) -> str:
    return (
        f"nothing answered at {findings.searched:,} addresses: is this machine in their network or let through its "
        "firewall, and in the list of addresses that may ask the devices? A community they do not know looks the same"
    )
