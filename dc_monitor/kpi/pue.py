"""Power usage effectiveness, ISO/IEC 30134-2: energy of the site over energy of its IT equipment.

Both energies are taken over the same instants: those at which every meter that matters is known. What is known of
one side only leaves both sums, and coverage falls. Whatever stands in the way of a figure is said in a sentence;
there is never a 0 and never a "perfect" in its place.

Which meters matter: those with the role `total` and those with the role `it`. Cooling, lighting and losses lie
between the two and change nothing. A `total` is any supply of the site, and all are needed, for a supply that is
silent may be running: a standby generator or a solar roof that reads 0 W is known, one that sends nothing leaves
the figure absent, as a silent main meter does. Whoever cannot meter it declares it: low, likely and high power.

The interval never begins below 1, which physics does not allow, unless the value itself lies there: readings are
not bent, the sentence beside says that the meters disagree with physics by no more than their error. Where even
the upper end lies below 1 there is no figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dc_monitor.history.columns import History
from dc_monitor.kernels.spans import intersect, length, spans
from dc_monitor.kpi.category import lowest_category
from dc_monitor.kpi.energy import Grid, Metered
from dc_monitor.kpi.figure import Contribution, Figure
from dc_monitor.kpi.gather import gather
from dc_monitor.kpi.periods import twelve_months
from dc_monitor.kpi.rules import DAY, HOUR, RULES, Rules
from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.kpi.tally import ROLES, Sums, Tally, add_up, errors_of
from dc_monitor.kpi.uncertainty import bounds, interval
from dc_monitor.topology import Meter, Topology


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device turned out to be: its kind (`contract.DeviceInfo.kind`) and accuracy class [%], if known."""

    kind: str = "unknown"
    accuracy: float | None = None


def pue(
    site: str,
    topology: Topology,
    history: History,
    facts: Mapping[str, DeviceFacts],
    start: int,
    end: int,
    window: str = "",
    rules: Rules = RULES,
) -> Figure:
    """PUE of a site from `start` to `end` (nanoseconds UTC), or the sentences that say why there is none.

    Parameters
    ----------
    facts : by device name; a device that is not in it is of unknown kind and class.
    window : what people call the period ("24h", "2026-11"); its length in hours when empty.

    Raises
    ------
    ValueError
        If the period is empty.
    """
    if start >= end:
        raise ValueError(f"a period ends after it begins, not {start} to {end}")
    grid = Grid(start, end, rules.block)
    problems = topology.problems()
    sums, metered = Sums((), np.zeros(grid.edges.size - 1), ()), dict[str, Metered]()
    if not problems:
        metered = gather(history, site, _concerned(topology, start, end), start, end, rules)
        sums = add_up(topology, metered, grid, rules)

    tallies = sums.tallies
    accuracy = {one.meter.name: _accuracy(one.meter, facts) for one in tallies}
    classes = {name: rules.assumed_class if known is None else known for name, known in accuracy.items()}
    it_meters = [one.meter for one in tallies if ROLES[one.side] == "it"]
    rank, raise_rank = lowest_category(it_meters, {device: fact.kind for device, fact in facts.items()})
    coverage = float(sums.known.sum()) / (end - start)

    value = low = high = None
    absent = [say("topology", problem=problem) for problem in problems] or _absent(sums, metered, coverage, grid, rules)
    if not absent:
        total, it = float(sums.side(0).sum()), float(sums.side(1).sum())
        beside = (1.0 - coverage) * _spread(sums, total / it, rules)
        value = total / it
        low, high = interval(total, it, errors_of(tallies, classes, rules), beside, rules)
        low = max(low, 1.0) if value >= 1.0 else low
        if high < 1.0:
            absent = [say("it_exceeds_total", it=it, dc=total)]
        elif value > rules.highest_pue:
            absent = [say("above_range", value=value, limit=rules.highest_pue)]
    if absent:
        value = low = high = None

    assumed = {name for name, known in accuracy.items() if known is None}
    estimated = any({"declared", "estimated"} & one.methods for one in tallies)
    return Figure(
        kpi="pue",
        site=site,
        boundary="site",
        window=window or f"{(end - start) / HOUR:g}h",
        start=start,
        end=end,
        value=value,
        low=low,
        high=high,
        coverage=coverage,
        category=rank,
        status="estimated" if estimated else "annual" if _annual(sums, grid, rules) else "interim",
        edition=rules.edition,
        missing=(*absent, *sums.complaints, *_improvements(tallies, assumed, absent), *raise_rank),
        notes=tuple(_notes(tallies, metered, assumed, value, grid, rules)),
        lineage=tuple(_contribution(one, classes[one.meter.name], one.meter.name in assumed, rules) for one in tallies),
    )


def _concerned(topology: Topology, start: int, end: int) -> list[Meter]:
    found = {}
    for piece, _ in topology.segments(start, end):
        found.update({meter.name: meter for role in ROLES for meter in topology.of_role(role, piece)})
    return [*found.values()]


def _accuracy(meter: Meter, facts: Mapping[str, DeviceFacts]) -> float | None:
    """Class of a meter [%]: as the person wrote it, else as its device's profile says."""
    if meter.declared:
        return 0.0
    device = meter.reads[0] if meter.reads else ""
    return meter.accuracy if meter.accuracy is not None else facts.get(device, DeviceFacts()).accuracy


def _absent(sums: Sums, metered: Mapping[str, Metered], coverage: float, grid: Grid, rules: Rules) -> list[Sentence]:
    """Why nothing can be claimed of these sums; empty when something can."""
    sides = {one.side for one in sums.tallies}
    found = [say(f"no_{role}") for side, role in enumerate(ROLES) if side not in sides]
    if not found and coverage < rules.least_coverage:
        found = [*_silent(sums.tallies, metered, grid, rules)]
        found = found or [say("low_coverage", coverage=coverage, least=rules.least_coverage)]
    if not found and sums.side(1).sum() <= 0.0:
        found = [say("it_zero")]
    return found


def _silent(tallies: Sequence[Tally], metered: Mapping[str, Metered], grid: Grid, rules: Rules) -> Iterator[Sentence]:
    for one in tallies:
        if one.meter.reads and not one.known:
            last = metered[one.meter.name].last_before(grid.end)
            if last is None:
                yield say("never", meter=one.label, point="/".join(one.meter.reads), searched=rules.look_back)
            elif last < grid.start:
                yield say("silent", meter=one.label, since=last)


def _spread(sums: Sums, value: float, rules: Rules) -> float:
    """How far the PUE of an unknown hour may lie from the whole: standard deviation of hours known at least by half."""
    total, it = sums.side(0), sums.side(1)
    told = (sums.known >= rules.block / 2) & (it > 0.0)
    if np.count_nonzero(told) < rules.least_blocks:
        return rules.assumed_spread * value
    return float(np.std(total[told] / it[told], ddof=1))


def _annual(sums: Sums, grid: Grid, rules: Rules) -> bool:
    """Whether the period is twelve full months, known on enough of their days."""
    if not twelve_months(grid.start, grid.end):
        return False
    days = np.add.reduceat(sums.known, np.arange(0, sums.known.size, DAY // rules.block))
    return float(np.mean(days >= DAY / 2)) >= rules.annual_days


def _improvements(tallies: Sequence[Tally], assumed: set[str], absent: Sequence[Sentence]) -> Iterator[Sentence]:
    """What would fill, narrow or raise the figure; of a meter whose silence is told already no hole."""
    silent = {sentence.values["meter"] for sentence in absent if sentence.code in ("silent", "never")}
    for one in tallies:
        if one.holes and one.label not in silent:
            start, end = max(one.holes, key=lambda hole: hole[1] - hole[0])
            yield say("hole", meter=one.label, missing=sum(b - a for a, b in one.holes), start=start, end=end)
    for one in tallies:
        if "estimated" in one.methods:
            yield say("measure_estimated", meter=one.label)
        if one.meter.declared:
            yield say("meter_declared", meter=one.label)
        if one.meter.name in assumed:
            yield say("tell_class", meter=one.label)


def _notes(
    tallies: Sequence[Tally],
    metered: Mapping[str, Metered],
    assumed: set[str],
    value: float | None,
    grid: Grid,
    rules: Rules,
) -> Iterator[Sentence]:
    """What a reader must know to read the value."""
    if value is not None and value < 1.0:
        yield say("below_one")
    if value is not None and value > rules.alert_pue:
        yield say("alert_high", limit=rules.alert_pue)
    if any("simulated" in one.methods for one in tallies):
        yield say("simulated")
    for one in tallies:
        told = one.meter.declared
        if told:
            yield say("declared", meter=one.label, low=told.low, likely=told.likely, high=told.high)
            continue
        if "estimated" in one.methods:
            yield say("estimated", meter=one.label)
        if one.meter.name in assumed:
            yield say("assumed", meter=one.label, accuracy=rules.assumed_class)
        if one.disagreement:
            yield say("disagreement", meter=one.label, share=abs(one.disagreement))
        yield from _events(one, metered[one.meter.name], grid)


def _events(one: Tally, metered: Metered, grid: Grid) -> Iterator[Sentence]:
    """What happened to the registers of a meter within the period."""
    window = spans([(grid.start, grid.end)])
    for register in metered.registers:
        for kind, time in register.events:
            if grid.start <= time < grid.end:
                yield say("register_restart" if kind == "restart" else "register_gap", meter=one.label, time=time)
        stalled = length(intersect(register.stalled, window))
        if stalled:
            yield say("register_stalled", meter=one.label, missing=stalled)


def _contribution(one: Tally, accuracy: float, assumed: bool, rules: Rules) -> Contribution:
    low, high = bounds(one.joules, errors_of([one], {one.meter.name: accuracy}, rules), one.side, rules)
    return Contribution(
        meter=one.meter.name,
        role=ROLES[one.side],
        joules=one.joules,
        low=low,
        high=high,
        source=one.source,
        method=one.method,
        accuracy=accuracy,
        assumed=assumed,
        coverage=one.known / one.asked,
    )
