"""The meters held against one round of readings: do they find their watts, and which figure becomes possible?

Pure: readings and what the devices turned out to be go in, sentences come out. The words are those of the figures
themselves (`kpi.sentences`), so that `check` and the page say the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TypeVar

from dc_monitor.commands.check_result import DeviceResult, FigureResult, MeterResult
from dc_monitor.config.model import Config
from dc_monitor.kpi.category import lowest_category
from dc_monitor.kpi.sentences import say
from dc_monitor.readings import Reading
from dc_monitor.topology import Meter, Topology, alternatives, contains

T = TypeVar("T")

WATTS = ("power", "energy")
SIDES = ("input", "output", "bypass")
ROLES = ("total", "it")
"""The two sides of a PUE."""
OFFERS = {"no_total": (("meter", "total"),), "no_it": (("pdu", "total"), ("ups", "output")), 1: (("pdu", "total"),)}
"""What is missing, or the category to be raised → kinds of device that may help, and the point to read of them."""

Judged = tuple[list[MeterResult], list[FigureResult], list[str]]


def judge(config: Config, devices: Mapping[str, DeviceResult], readings: Iterable[Reading], now: int) -> Judged:
    """Meters, figures and hints of every site at `now` (nanoseconds UTC).

    `devices` are those that were asked; a meter of any other is taken on trust.
    """
    wattage = _by((one for one in readings if one.series.quantity in WATTS), lambda one: one.series.device)
    meters: list[MeterResult] = []
    figures: list[FigureResult] = []
    hints: list[str] = [*_same_address(config), *_read_by_two_sites(config, now)]
    for site in config.sites:
        tree = config.topology(site.name)
        found = {
            meter.name: _meter(site.name, meter, devices, wattage, now) for meter in tree.meters if meter.role(now)
        }
        meters += found.values()
        ours = devices if site == config.site else {}
        figures.append(_pue(site.name, tree, found, devices, partial(_offers, tree, ours, wattage), now))
        hints += [*_counted_twice(tree, wattage, now), *_less_than_a_part(site.name, tree, found, now)]
    return meters, figures, hints


def _served(point: str, here: Sequence[Reading], quantity: str) -> list[Reading]:
    for alternative in alternatives(point):
        found = [one for one in here if one.series.point in alternative and one.series.quantity == quantity]
        if found:
            return found
    return []


def _meter(
    site: str, meter: Meter, devices: Mapping[str, DeviceResult], wattage: Mapping[str, Sequence[Reading]], now: int
) -> MeterResult:
    role = meter.role(now) or ""
    if meter.declared or meter.reads is None:
        likely = meter.declared.likely if meter.declared else None
        return MeterResult(site, meter.name, role, "declared", ok=True, watts=likely, method="declared")
    device, point = meter.reads
    result = MeterResult(site, meter.name, role, f"{device}/{point}", ok=True)
    if device not in devices:
        return replace(result, method="not asked here")
    if not devices[device].readings:
        return replace(result, ok=False, problem=f'"{device}" did not answer')
    here = wattage.get(device, [])
    power, registers = (_served(point, here, quantity) for quantity in WATTS)
    if not power and not registers:
        points = sorted({one.series.point for one in here})
        seen = f"it has watts at: {', '.join(points)}" if points else "it told no watts at all"
        return replace(result, ok=False, problem=f'"{device}" has no power or energy at "{point}"; {seen}')
    methods = sorted({one.series.method for one in power + registers})
    watts = (meter.ratio(now) or 1.0) * sum(one.value for one in power) if power else None
    return replace(result, watts=watts, method=" and ".join(methods))


def _pue(
    site: str,
    tree: Topology,
    found: Mapping[str, MeterResult],
    devices: Mapping[str, DeviceResult],
    offers: Callable[[str | int], Sequence[str]],
    now: int,
) -> FigureResult:
    sides = {role: tree.of_role(role, now) for role in ROLES}
    members = [meter for meters in sides.values() for meter in meters]
    missing: list[str] = []
    for lack in (f"no_{role}" for role in ROLES if not sides[role]):
        missing += [say(lack).text(), *offers(lack)]
    missing += [f'meter "{meter.name}": {result.problem}' for meter in members if not (result := found[meter.name]).ok]
    better: list[str] = []
    for meter in members:
        if "estimated" in found[meter.name].method:
            better.append(say("measure_estimated", meter=meter.label).text())
        if meter.declared:
            better.append(say("meter_declared", meter=meter.label).text())
        elif meter.accuracy is None and not _told_accuracy(meter, devices):
            better.append(say("tell_class", meter=meter.label).text())
    category: int | None = None
    if all(meter.measured_at or not meter.reads or meter.reads[0] in devices for meter in sides["it"]):
        kinds = {name: device.kind for name, device in devices.items()}
        category, raises = lowest_category(sides["it"], kinds)
        better += [sentence.text() for sentence in raises]
        better += offers(category) if category else ()
    estimated = any(meter.declared or "estimated" in found[meter.name].method for meter in members)
    if missing:
        return FigureResult(site, "pue", possible=False, missing=missing, better=better)
    return FigureResult(site, "pue", True, category, "estimated" if estimated else "interim", (), better)


def _offers(
    tree: Topology, devices: Mapping[str, DeviceResult], wattage: Mapping[str, Sequence[Reading]], lack: str | int
) -> list[str]:
    """Devices that tell watts, are read by no meter, and are of the right kind; a sentence for each kind."""
    taken = {meter.reads[0] for meter in tree.meters if meter.reads}
    told = []
    for kind, point in OFFERS.get(lack, ()):
        free = [
            f"{name}/{point}"
            for name, device in devices.items()
            if device.kind == kind and name not in taken and _served(point, wattage.get(name, []), "power")
        ]
        if free:
            told.append(f"These answer and are read by no [[meter]] yet: {', '.join(free)}.")
    return told


def _told_accuracy(meter: Meter, devices: Mapping[str, DeviceResult]) -> bool:
    """Whether a profile tells it, or may tell it to whoever asks the device."""
    device = meter.reads[0] if meter.reads else ""
    return device not in devices or devices[device].accuracy is not None


def _same_address(config: Config) -> Iterator[str]:
    names = _by(config.device, lambda device: device.address.rstrip("/"))
    for address, devices in names.items():
        if len(devices) > 1:
            twins = [device.name for device in devices]
            yield f"devices {_quoted(twins)} have the same address {address}: their watts are the same watts"


def _read_by_two_sites(config: Config, now: int) -> Iterator[str]:
    """Within a site this is refused; between two it may be meant."""
    reading = [
        (site.name, meter.name, *meter.reads)
        for site in config.sites
        for meter in config.topology(site.name).meters
        if meter.reads and meter.role(now)
    ]
    for device, meters in _by(reading, lambda one: one[2]).items():
        for (site, name, _, point), (other_site, other, _, other_point) in combinations(meters, 2):
            if site != other_site and (contains(point, other_point) or contains(other_point, point)):
                yield (
                    f'meter "{name}" of {site} and meter "{other}" of {other_site} read the same watts: '
                    f"{device}/{point} and {device}/{other_point}"
                )


def _counted_twice(tree: Topology, wattage: Mapping[str, Sequence[Reading]], now: int) -> Iterator[str]:
    """Meters of one role on two sides or levels of one device: the energy may pass both."""
    for role in ROLES:
        reading = [(meter.name, *meter.reads) for meter in tree.of_role(role, now) if meter.reads]
        for device, meters in _by(reading, lambda one: one[1]).items():
            here = wattage.get(device, [])
            for (name, _, point), (other, _, other_point) in combinations(meters, 2):
                if _place(point, here) != _place(other_point, here):
                    yield (
                        f'meters "{name}" and "{other}" both count as {role}, and {device}/{point} and '
                        f"{device}/{other_point} may be the same energy on its way through {device}"
                    )


def _place(point: str, here: Sequence[Reading]) -> tuple[str, str]:
    """Side and level of a point; nothing may be added across them."""
    levels = {one.series.level for quantity in WATTS for one in _served(point, here, quantity)}
    side = point.split("/")[0]
    return side if side in SIDES else "", min(levels, default="")


def _less_than_a_part(site: str, tree: Topology, found: Mapping[str, MeterResult], now: int) -> Iterator[str]:
    sums: list[float] = []
    for role in ROLES:
        watts = [found[meter.name].watts for meter in tree.of_role(role, now)]
        known = [one for one in watts if one is not None]
        if not watts or len(known) < len(watts):
            return
        sums.append(sum(known))
    total, it = sums
    if total < it:
        yield (
            f"at this instant {site} takes {total:.0f} W and its IT equipment {it:.0f} W, more than the whole; one "
            "instant proves nothing, but compare points, ratios and roles of the meters"
        )


def _by(things: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)
