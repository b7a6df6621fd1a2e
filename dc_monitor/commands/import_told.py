"""What an import did, as lines for a person."""

from collections.abc import Iterator, Sequence

import numpy as np

from dc_monitor.agent.words import counted
from dc_monitor.history.imports.importer import Destination, FileResult
from dc_monitor.history.imports.mapping import Plan
from dc_monitor.history.imports.summary import SeriesSummary
from dc_monitor.history.imports.tally import FATES, Reason
from dc_monitor.history.imports.zones import Zone
from dc_monitor.units import JOULES_PER_KWH

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SCALED = ("W", "VA", "var", "V", "A", "Pa")


def told(results: Sequence[FileResult], to: Destination, plan: Plan, dry_run: bool) -> Iterator[str]:
    """A line a file, then what came in, then everything that did not come in plainly."""
    what = "would go" if dry_run else "went"
    yield f"History of site {to.site}, times in {plan.zone.name}, {what} into {to.folder}"
    for result in results:
        yield from _file(result, plan.zone, dry_run)


def _file(result: FileResult, zone: Zone, dry_run: bool) -> Iterator[str]:
    if result.problem:
        yield f"FAIL {result.file}: nothing was imported"
    else:
        order = ", newest first" if result.newest_first else ""
        yield f"ok   {result.file}: {counted(result.rows, 'row')}{order}, {_taken(result, dry_run)}"
        for one in result.series:
            yield f"       {_series(one, zone)}"
    for fate in FATES:
        reasons = sorted((one for one in result.reasons if one.fate == fate), key=lambda one: -one.count)
        for reason in reasons:
            yield from _reason(reason, result.place)


def _taken(result: FileResult, dry_run: bool) -> str:
    taken = f"{counted(result.taken, 'value')} taken on {counted(result.days, 'day')}"
    if result.fresh == result.stored:
        return f"{taken}, all new"
    if not result.fresh and not result.changed:
        return f"{taken}, all there already"
    verb = "would replace" if dry_run else "replace"
    changed = f", {result.changed:,} {verb} another value" if result.changed else ""
    return f"{taken}; of {result.stored:,} rows {result.fresh:,} are new{changed}, the rest was there already"


def _series(one: SeriesSummary, zone: Zone) -> str:
    name = f"{one.device}/{one.point} {one.quantity}"
    times = f"{_moment(one.start, zone)} to {_moment(one.end, zone)}"
    if one.kind == "counter":
        kwh = JOULES_PER_KWH if one.unit == "J" else 1.0
        unit = "kWh" if one.unit == "J" else one.unit
        return f"{name}: {one.count:,} readings, {times}, from {one.first / kwh:,.1f} to {one.last / kwh:,.1f} {unit}"
    what = "means" if one.kind == "interval" else "readings"
    mean = f"{_value(one.mean, one.unit)} on average, {_value(one.low, one.unit)} to {_value(one.high, one.unit)}"
    energy = ""
    if one.joules is not None:
        share = one.known * 1e9 / (one.end - one.start)
        kwh = one.joules / JOULES_PER_KWH
        energy = f"; {kwh:,.{0 if abs(kwh) >= 1e6 else 1}f} kWh in {100 * share:.2f} % of the time"
    return f"{name}: {one.count:,} {what}, {times}, {mean}{energy}"


def _reason(reason: Reason, place: str) -> Iterator[str]:
    lines = ", ".join(f"{line:,}" for line in reason.lines)
    more = ", …" if reason.count > len(reason.lines) else ""
    plural = "s" if reason.count > 1 else ""
    yield f"       {reason.fate:8} {reason.count:>9,}  {reason.why}: {place}{plural} {lines}{more}"
    if reason.cure and reason.fate == "refused":
        yield f"                           {reason.cure}"


def _moment(when: int, zone: Zone) -> str:
    local = zone.local(np.array([when], np.int64))[0]
    return str(np.int64(local).astype("M8[ns]").astype("M8[m]")).replace("T", " ")


def _value(number: float, unit: str) -> str:
    scale, prefix = next(
        ((scale, prefix) for scale, prefix in _PREFIXES if unit in _SCALED and abs(number) >= scale), (1.0, "")
    )
    shown, symbol = number / scale, {"Cel": "°C", "1": ""}.get(unit, prefix + unit)
    return f"{shown:,.4g} {symbol}".rstrip()
