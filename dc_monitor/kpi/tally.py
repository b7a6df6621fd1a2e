"""Both sides of a ratio, added up over the same instants, meter by meter.

The period is cut where the meter tree changes: roles, ratios and feeders hold for each piece, the sums go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from dc_monitor.kernels.spans import Spans, intersect, length, spans, subtract
from dc_monitor.kpi.energy import Grid, Metered, joint
from dc_monitor.kpi.rules import Rules
from dc_monitor.kpi.sentences import Sentence, say
from dc_monitor.kpi.series import Floats
from dc_monitor.kpi.uncertainty import Error, Sides
from dc_monitor.topology import Meter, Topology

ROLES = ("total", "it")
"""The two sides of a PUE."""

DIRECT = ("declared", "estimated", "manual", "derived", "simulated", "measured")
"""Methods, the least direct first; energy is as direct as its least direct reading."""


@dataclass(slots=True)
class Tally:
    """What one meter adds to one side.

    `blocks` is its energy by block, `plain` the part its accuracy class applies to [J], `variance` that of sampling
    and register steps [J²]; `lower` and `upper` are how far estimates (95 %) or the declared limits lie off [J].
    `asked` is the time it has the role, `known` the part of that in which it alone is known, `holes` the longer
    stretches in which it is not [ns].
    """

    meter: Meter
    side: int
    blocks: Floats
    plain: float = 0.0
    variance: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    asked: int = 0
    known: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    disagreement: float | None = None

    @property
    def joules(self) -> float:
        """Energy of all blocks [J]."""
        return float(self.blocks.sum())

    @property
    def label(self) -> str:
        """What people call the meter."""
        return self.meter.label or self.meter.name

    @property
    def method(self) -> str:
        """The least direct way its energy came to be."""
        return next((one for one in DIRECT if one in self.methods), DIRECT[-1])

    @property
    def source(self) -> str:
        """`power`, `register`, `mixed` or `declared`."""
        return next(iter(self.sources)) if len(self.sources) == 1 else "mixed"


@dataclass(frozen=True, slots=True)
class Sums:
    """The tallies, the time all of them are known by block [ns], and why some of the period could not be added."""

    tallies: Sequence[Tally]
    known: Floats
    complaints: Sequence[Sentence]

    def side(self, side: int) -> Floats:
        """Energy of one side by block [J]."""
        return sum((one.blocks for one in self.tallies if one.side == side), np.zeros(self.known.size))


def add_up(tree: Topology, metered: Mapping[str, Metered], grid: Grid, rules: Rules) -> Sums:
    """Both sides over the period of `grid`."""
    tallies: dict[tuple[str, int], Tally] = {}
    known_by_block = np.zeros(grid.edges.size - 1)
    complaints: list[Sentence] = []
    for start, end in tree.segments(grid.start, grid.end):
        window = spans([(start, end)])
        members = []
        for side, role in enumerate(ROLES):
            for meter in tree.of_role(role, start):
                one = tallies.setdefault((meter.name, side), Tally(meter, side, np.zeros(grid.edges.size - 1)))
                _attend(one, window, metered)
                members.append(one)
        unscaled = [one for one in members if one.meter.reads and one.meter.ratio(start) is None]
        complaints += [say("no_ratio", meter=one.label, start=start, end=end) for one in unscaled]
        if unscaled or {one.side for one in members} != {0, 1}:
            continue
        known = joint(window, [metered[one.meter.name] for one in members if one.meter.reads])
        if not length(known):
            continue
        pieces = grid.cut(known)
        known_by_block += grid.sums(pieces, pieces[:, 1] - pieces[:, 0])
        for one in members:
            if one.meter.declared:
                _add_declared(one, pieces, grid)
            else:
                _add(one, known, metered[one.meter.name], grid, one.meter.ratio(start) or 0.0)
    return Sums([*tallies.values()], known_by_block, complaints)


def errors_of(tallies: Sequence[Tally], accuracy: Mapping[str, float], rules: Rules) -> list[Error]:
    """The independent causes of error of these tallies; `accuracy` is the class by meter name [%].

    A class is one error for a meter, over all time and on both sides; so are the bounds of its estimates. Noise is
    another on each side, and a declared branch one of its own kind.
    """
    found = []
    for name in dict.fromkeys(one.meter.name for one in tallies):
        own = [one for one in tallies if one.meter.name == name]
        classed = _sides((one.side, accuracy[name] / 100.0 * abs(one.plain)) for one in own)
        lower, upper = _sides((one.side, one.lower) for one in own), _sides((one.side, one.upper) for one in own)
        found.append(Error("rectangular", classed, classed))
        found.append(Error("triangular" if own[0].meter.declared else "normal", lower, upper))
        noises = [_sides([(one.side, rules.k * sqrt(one.variance))]) for one in own]
        found += [Error("normal", noise, noise) for noise in noises]
    return [error for error in found if any(error.lower) or any(error.upper)]


def _sides(values: Iterable[tuple[int, float]]) -> Sides:
    """What is told of each side; 0 where nothing is."""
    told = dict(values)
    return told.get(0, 0.0), told.get(1, 0.0)


def _attend(one: Tally, window: Spans, metered: Mapping[str, Metered]) -> None:
    """Book the time the meter was asked for and is known."""
    one.asked += length(window)
    if one.meter.declared:
        one.known += length(window)
        return
    own = metered[one.meter.name]
    one.known += length(intersect(window, own.spans))
    one.holes += [(int(a), int(b)) for a, b in subtract(window, own.spans) if b - a > own.gap]


def _add_declared(one: Tally, pieces: Spans, grid: Grid) -> None:
    told = one.meter.declared
    one.sources.add("declared")
    one.methods.add("declared")
    if told:
        seconds = (pieces[:, 1] - pieces[:, 0]) / 1e9
        one.blocks += grid.sums(pieces, told.likely * seconds)
        one.lower += (told.likely - told.low) * float(seconds.sum())
        one.upper += (told.high - told.likely) * float(seconds.sum())


def _add(one: Tally, known: Spans, metered: Metered, grid: Grid, ratio: float) -> None:
    taken = metered.take(known, grid)
    one.blocks += ratio * taken.blocks
    one.plain += ratio * taken.plain
    one.variance += ratio**2 * taken.variance
    one.lower += ratio * max(taken.lower, 0.0)
    one.upper += ratio * max(taken.upper, 0.0)
    one.sources.add(taken.source)
    one.methods |= taken.methods
    one.disagreement = taken.disagreement or one.disagreement
