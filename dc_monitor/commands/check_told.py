"""The result of `dc-monitor check` as lines for a person."""

from collections.abc import Iterator

from dc_monitor.agent.words import counted
from dc_monitor.commands.check_result import DeviceResult, FigureResult, MeterResult, Result


def told(result: Result) -> Iterator[str]:
    """Section by section; what is not well stands last, where a terminal still shows it."""
    if result.devices:
        yield from _devices(result)
    if result.meters:
        yield f"Meters ({len(result.meters):,})"
        for meter in sorted(result.meters, key=lambda one: not one.ok):
            yield from _meter(meter)
    yield "Figures"
    for figure in result.figures:
        yield from _figure(figure, result)
    if result.sinks:
        yield f"Servers ({len(result.sinks)})"
    for sink in result.sinks:
        named = f"{sink.name} " if sink.name != sink.url else ""
        yield f"  {_mark(sink.ok)} {named}{sink.url}: {sink.told}"
    if result.machine:
        yield "This machine"
    for part in result.machine:
        yield f"  {_mark(part.ok)} {part.about:8} {part.told}"
    if result.hints:
        yield "Worth a look"
        yield from (f"  {hint}" for hint in result.hints)
    if result.faults:
        yield f"{counted(result.faults, 'thing')} {'is' if result.faults == 1 else 'are'} not well."
    else:
        yield "The configuration can be used; nothing was asked." if result.offline else "All is well."


def _devices(result: Result) -> Iterator[str]:
    if result.offline:
        yield f"Devices ({len(result.devices):,}): names, addresses, credentials and profiles can be used"
        return
    answered = sum(device.ok for device in result.devices)
    yield f"Devices ({answered:,} of {len(result.devices):,} answered in full)"
    for device in sorted(result.devices, key=lambda one: not one.ok):
        yield from _device(device)


def _device(device: DeviceResult) -> Iterator[str]:
    many = f"{device.what}, {counted(device.readings, 'reading')} in {device.seconds:.2f} s"
    yield f"  {_mark(device.ok)} {device.name:16} {many if device.what else device.address}"
    if device.why:
        yield f"         {device.why}"
    yield from (f"         {problem}" for problem in device.problems)
    yield from (f"         left out: {sentence}" for sentence in device.left_out)


def _meter(meter: MeterResult) -> Iterator[str]:
    watts = f"{meter.watts:,.0f} W".replace(",", " ") if meter.watts is not None else ""
    yield f"  {_mark(meter.ok)} {meter.name:16} {meter.role:6} {watts:>10}  {meter.reads}  {meter.method}"
    if meter.problem:
        yield f"         {meter.problem}"


def _figure(figure: FigureResult, result: Result) -> Iterator[str]:
    name = figure.kpi.upper() + (f" of {figure.site}" if len(result.figures) > 1 else "")
    if not figure.possible:
        yield f"  {name}: not possible yet"
    elif figure.category:
        yield f"  {name}: possible, category {figure.category}, {figure.status}"
    else:
        category = "category known once the devices are asked" if result.offline else "without a category"
        yield f"  {name}: possible, {category}, {figure.status}"
    yield from (f"    missing: {sentence}" for sentence in figure.missing)
    yield from (f"    better:  {sentence}" for sentence in figure.better)


def _mark(ok: bool) -> str:
    return "ok  " if ok else "FAIL"
