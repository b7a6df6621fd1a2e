"""The energy of one meter over stretches of time, from its power, its register or both, and how well it is known.

Power tells everything while it is sampled; a register also tells what flowed while nobody looked. Where both are
known the narrower interval wins: a register of 0.1 kWh at 270 W ticks every 22 minutes, which is poor for an hour
and excellent for a month.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dc_monitor.kernels.spans import Spans, intersect, length, spans, subtract, unite
from dc_monitor.kpi.points import Found
from dc_monitor.kpi.rules import Rules
from dc_monitor.kpi.series import Floats, curve_of, methods_of, register_of


@dataclass(frozen=True, slots=True)
class Taken:
    """Energy of a meter over known stretches of time.

    Attributes
    ----------
    blocks : energy by block of the grid; the sum is the energy. [J]
    plain : the part of it that the accuracy class applies to; the rest carries bounds of its own. [J]
    variance : of sampling and register steps. [J²]
    lower, upper : how far estimated readings may lie off, 95 %. [J]
    source : `power`, `register` or `mixed`; `methods` is how its readings came to be.
    disagreement : register minus power as a share of power, where the two differ by more than they may.
    """

    blocks: Floats
    plain: float
    variance: float
    lower: float
    upper: float
    source: str
    methods: frozenset[str]
    disagreement: float | None = None

    @property
    def joules(self) -> float:
        """All of it [J]."""
        return float(self.blocks.sum())


@dataclass(frozen=True, slots=True)
class Grid:
    """Blocks of equal length that cut a period (hours); the last may be shorter. Nanoseconds."""

    start: int
    end: int
    block: int

    @property
    def edges(self) -> NDArray[np.int64]:
        """Where blocks begin, and the end."""
        return np.array([*range(self.start, self.end, self.block), self.end], np.int64)

    def cut(self, known: Spans) -> Spans:
        """`known` cut where blocks begin."""
        return intersect(known, np.column_stack((self.edges[:-1], self.edges[1:])))

    def sums(self, pieces: Spans, values: NDArray[np.generic]) -> Floats:
        """Sums of `values`, one a piece, by block."""
        found = np.zeros(self.edges.size - 1)
        np.add.at(found, (pieces[:, 0] - self.start) // self.block, values)
        return found


class Metered:
    """What one meter sent, made ready.

    Attributes
    ----------
    curves, registers : its series, one a phase.
    power_spans, register_spans : where all phases are known by power, by register; `spans` by either.
    holes : see `_holes`.
    gap : longest interval that is no hole for it. [ns]
    """

    def __init__(self, found: Found, starts: NDArray[np.int64], rules: Rules) -> None:
        self._rules = rules
        curves = {point: curve_of(samples, rules) for point, samples in found.power.items()}
        self.curves = [*curves.values()]
        self.registers = []
        for point, samples in found.register.items():
            # Through the only register flows the power of all phases, through one of several that of its own.
            beside = [curves[point]] if point in curves else self.curves if len(found.register) == 1 else []
            self.registers.append(register_of(samples, starts, beside, rules))
        self.power_spans = _shared([one.spans for one in self.curves])
        self.register_spans = _shared([one.spans for one in self.registers])
        self.spans = unite(self.power_spans, self.register_spans)
        self.gap = max([one.gap for one in self.curves] + [one.gap for one in self.registers] or [rules.gap_least])
        self.holes = self._holes()

    def _holes(self) -> list[tuple[Spans, Spans]]:
        """Holes in the power that a register bridges: its whole interval, and what of it the power does not know.

        The register knows what flowed in the whole interval, not when: it is counted entirely or not at all.
        """
        found = []
        for one in self.registers:
            long = np.flatnonzero(np.diff(one.time) > one.gap)
            for interval in intersect(np.column_stack((one.time[long], one.time[long + 1])), self.register_spans):
                whole = interval.reshape(1, 2)
                unknown = subtract(whole, self.power_spans)
                if length(unknown):
                    found.append((whole, unknown))
        return found

    def last_before(self, time: int) -> int | None:
        """When it was last heard before `time`, None when it never was."""
        series = [one.samples for one in self.curves] + [one.samples for one in self.registers]
        return max((int(one.time[one.time < time][-1]) for one in series if one.time[0] < time), default=None)

    def take(self, known: Spans, grid: Grid) -> Taken:
        """Energy over `known`, which lies within `spans` and holds each bridged hole entirely or not at all."""
        if not self.curves:
            return self._counted(known, grid)
        integrated = self._integrated(known, grid)
        if not self.registers or length(subtract(known, self.register_spans)):
            return integrated
        counted = self._counted(known, grid)
        best = min(counted, integrated, key=self._width)
        if integrated.source == "power" and self._differ(counted, integrated):
            return replace(best, disagreement=(counted.joules - integrated.joules) / integrated.joules)
        return best

    def _integrated(self, known: Spans, grid: Grid) -> Taken:
        """By power, and in its holes by register."""
        bridged = subtract(known, self.power_spans)
        for whole, unknown in self.holes:
            if length(intersect(unknown, bridged)):
                bridged = unite(bridged, whole)
        known = subtract(known, bridged)
        pieces = grid.cut(known)
        bounds = [one.bounds_over(pieces) for one in self.curves]
        power = Taken(
            blocks=grid.sums(pieces, np.sum([one.over(pieces) for one in self.curves], axis=0)),
            plain=sum(plain for plain, _, _ in bounds),
            variance=sum(one.variance(known) for one in self.curves),
            lower=sum(lower for _, lower, _ in bounds),
            upper=sum(upper for _, _, upper in bounds),
            source="power",
            methods=methods_of([one.samples for one in self.curves], known),
        )
        if not length(bridged):
            return power
        register = self._counted(bridged, grid)
        return replace(
            power,
            blocks=power.blocks + register.blocks,
            plain=power.plain + register.plain,
            variance=power.variance + register.variance,
            source="mixed",
            methods=power.methods | register.methods,
        )

    def _counted(self, known: Spans, grid: Grid) -> Taken:
        pieces, stretches = grid.cut(known), unite(known, spans([]))
        blocks = grid.sums(pieces, np.sum([one.over(pieces) for one in self.registers], axis=0))
        return Taken(
            blocks=blocks,
            plain=float(blocks.sum()),
            variance=sum(one.variance(stretches) for one in self.registers),
            lower=0.0,
            upper=0.0,
            source="register",
            methods=methods_of([one.samples for one in self.registers], known),
        )

    def _width(self, taken: Taken) -> float:
        return taken.variance + ((taken.lower + taken.upper) / (2.0 * self._rules.k)) ** 2

    def _differ(self, counted: Taken, integrated: Taken) -> bool:
        allowed = self._rules.k * np.sqrt(self._width(counted) + self._width(integrated))
        allowed += self._rules.disagreement * abs(integrated.joules)
        return bool(integrated.joules and abs(counted.joules - integrated.joules) > allowed)


def joint(window: Spans, meters: Sequence[Metered]) -> Spans:
    """Where all `meters` are known; a hole that one of them bridges is in it entirely or not at all."""
    known = window
    for meter in meters:
        known = intersect(known, meter.spans)
    before = -1
    while before != length(known):
        before = length(known)
        for meter in meters:
            for whole, unknown in meter.holes:
                if length(intersect(known, whole)) < length(whole):
                    known = subtract(known, unknown)
    return known


def _shared(parts: Sequence[Spans]) -> Spans:
    found = parts[0] if parts else spans([])
    for part in parts[1:]:
        found = intersect(found, part)
    return found
