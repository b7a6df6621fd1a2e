"""`dc-monitor check`: everything read once; what was recognised, what becomes possible, what is missing."""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from dc_monitor.agent.registry import factory
from dc_monitor.clock import Clock, SystemClock
from dc_monitor.commands.files import configuration
from dc_monitor.config.model import Config, Device
from dc_monitor.errors import DcMonitorError
from dc_monitor.readings import Reading
from dc_monitor.topology import Meter, Topology, category, contains

Credentials = Callable[[str], Mapping[str, Any]]
OPEN_AND_POLL_SECONDS = 60.0
WATTS = ("power", "energy")


@dataclass(frozen=True)
class DeviceResult:
    """What one device said, or why it did not."""

    name: str
    address: str
    ok: bool
    kind: str = "unknown"
    what: str = ""
    why: str = ""
    readings: int = 0
    seconds: float = 0.0
    problems: Sequence[str] = ()
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class MeterResult:
    """Whether a meter of the power chain finds its watts."""

    name: str
    role: str
    reads: str
    ok: bool
    watts: float | None = None
    method: str = ""
    problem: str = ""


@dataclass(frozen=True)
class FigureResult:
    """Whether a figure becomes possible, how well, and what would make it possible or better."""

    kpi: str
    possible: bool
    category: int | None = None
    status: str = ""
    missing: Sequence[str] = ()
    better: Sequence[str] = ()


@dataclass(frozen=True)
class Result:
    """All of it; `ok` when every device answered in full and every meter found its watts."""

    ok: bool
    devices: Sequence[DeviceResult]
    meters: Sequence[MeterResult]
    figures: Sequence[FigureResult]


def run(args: argparse.Namespace) -> int:
    """Print what was found; 0 only if all is well."""
    config, credentials = configuration(args)
    result = asyncio.run(check(config, credentials, SystemClock()))
    print(json.dumps(asdict(result), ensure_ascii=False, indent=2) if args.json else "\n".join(told(result)))
    return 0 if result.ok else 1


async def check(config: Config, credentials: Credentials, clock: Clock) -> Result:
    """Poll every device once, all at the same time, and hold the meters of every site against what came."""
    polled = await asyncio.gather(*(_poll(device, credentials, clock) for device in config.device))
    devices = [result for result, _ in polled]
    readings = [reading for _, readings in polled for reading in readings]
    kinds = {device.name: device.kind for device in devices}
    now = clock.now()
    meters: list[MeterResult] = []
    figures: list[FigureResult] = []
    for site in config.sites:
        tree = config.topology(site.name)
        found = [_meter(meter, readings, kinds, now) for meter in tree.meters if meter.role(now)]
        meters += found
        figures.append(_pue(tree, {one.name: one for one in found}, kinds, now))
    ok = all(device.ok and not device.problems for device in devices) and all(meter.ok for meter in meters)
    return Result(ok, devices, meters, figures)


async def _poll(device: Device, credentials: Credentials, clock: Clock) -> tuple[DeviceResult, list[Reading]]:
    result = DeviceResult(device.name, device.address, ok=False)
    began = clock.monotonic()
    collector = None
    try:
        target = device.target(clock, credentials(device.credentials))
        collector = factory(device.address.partition("://")[0])(target)
        async with asyncio.timeout(OPEN_AND_POLL_SECONDS):
            info = await collector.open()
            readings, failures, _ = await collector.collect()
    except TimeoutError:
        return replace(result, problems=[f"not read to the end in {OPEN_AND_POLL_SECONDS:.0f} s"]), []
    except DcMonitorError as error:
        return replace(result, problems=[str(error)]), []
    finally:
        if collector is not None:
            await collector.close()
    what = " ".join(filter(None, (info.vendor, info.model, info.firmware))) or "unknown make"
    return (
        replace(
            result,
            ok=not failures,
            kind=info.kind,
            what=f"{what} ({', '.join(info.profiles)})" if info.profiles else what,
            why=info.why,
            readings=len(readings),
            seconds=round(clock.monotonic() - began, 3),
            problems=failures,
            left_out=info.left_out,
        ),
        readings,
    )


def _meter(meter: Meter, readings: Sequence[Reading], kinds: Mapping[str, str], now: int) -> MeterResult:
    role = meter.role(now) or ""
    if meter.declared or meter.reads is None:
        likely = meter.declared.likely if meter.declared else None
        return MeterResult(meter.name, role, "declared", ok=True, watts=likely, method="declared")
    device, point = meter.reads
    result = MeterResult(meter.name, role, f"{device}/{point}", ok=True)
    if device not in kinds:
        return replace(result, method="read by another agent")
    here = [one for one in readings if one.series.device == device and one.series.quantity in WATTS]
    wanted = [one for one in here if one.series.point in (point, f"{point}/total")] or [
        one for one in here if one.series.level == "phase" and contains(point, one.series.point)
    ]
    if not wanted:
        points = sorted({one.series.point for one in here})
        seen = f"it has watts at: {', '.join(points)}" if points else "it told no watts at all"
        return replace(result, ok=False, problem=f'"{device}" has no power or energy at "{point}"; {seen}')
    watts = [one for one in wanted if one.series.quantity == "power"]
    methods = sorted({one.series.method for one in wanted})
    ratio = meter.ratio(now) or 1.0
    return replace(
        result, watts=ratio * sum(one.value for one in watts) if watts else None, method=" and ".join(methods)
    )


def _pue(tree: Topology, found: Mapping[str, MeterResult], kinds: Mapping[str, str], now: int) -> FigureResult:
    missing, better = [], []
    categories: list[int | None] = []
    estimated = False
    for role, name in (("total", "total energy of the room"), ("it", "energy of the IT equipment")):
        members = tree.of_role(role, now)
        if not members:
            missing.append(f'no [[meter]] has role = "{role}" ({name})')
        for meter in members:
            result = found[meter.name]
            estimated = estimated or result.method in ("declared", "estimated")
            if not result.ok:
                missing.append(f'meter "{meter.name}" ({name}): {result.problem}')
            if meter.accuracy is None and not meter.declared:
                better.append(f'meter "{meter.name}": say its accuracy class (class = 1.0), or 5 % may be assumed')
            if result.method == "estimated":
                better.append(f'meter "{meter.name}" is estimated; a device that measures watts would be surer')
            if role == "it":
                categories.append(category(meter, kinds.get(meter.reads[0], "unknown") if meter.reads else "unknown"))
    if missing:
        return FigureResult("pue", possible=False, missing=missing)
    lowest = None if None in categories else min(one for one in categories if one is not None)
    if lowest is None:
        better.append('say where IT energy is measured: measured_at = "ups-output", "pdu-output" or "it-input"')
    elif lowest < 3:
        better.append(
            f"category {lowest + 1} needs IT energy measured at {('the rack PDUs', 'their outlets')[lowest - 1]}"
        )
    return FigureResult("pue", True, lowest, "estimated" if estimated else "interim", missing, better)


def told(result: Result) -> Iterator[str]:
    """The result as lines for a person."""
    yield f"Devices ({len(result.devices)})"
    for device in result.devices:
        mark = "ok  " if device.ok else "FAIL"
        told_as = f"{device.what}, {device.readings} readings in {device.seconds:.2f} s" if device.what else ""
        yield f"  {mark} {device.name:16} {told_as or device.address}"
        if device.why:
            yield f"         {device.why}"
        yield from (f"         {problem}" for problem in device.problems)
        yield from (f"         left out: {sentence}" for sentence in device.left_out)
    if result.meters:
        yield f"Meters ({len(result.meters)})"
    for meter in result.meters:
        watts = f"{meter.watts:,.0f} W".replace(",", " ") if meter.watts is not None else ""
        mark = "ok  " if meter.ok else "FAIL"
        yield f"  {mark} {meter.name:16} {meter.role:6} {watts:>10}  {meter.reads}  {meter.method}"
        if meter.problem:
            yield f"         {meter.problem}"
    yield "Figures"
    for figure in result.figures:
        if figure.possible:
            where = f"category {figure.category}" if figure.category else "category unknown"
            yield f"  {figure.kpi.upper()}: possible, {where}, {figure.status}"
        else:
            yield f"  {figure.kpi.upper()}: not possible yet"
        yield from (f"    missing: {sentence}" for sentence in figure.missing)
        yield from (f"    better:  {sentence}" for sentence in figure.better)
