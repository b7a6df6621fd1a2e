"""Energy that a site took in: for the cards "today" and "a month", which need no IT meter."""

import math
from dataclasses import dataclass

import numpy as np

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.columns import History
from dc_monitor.kpi.energy import Grid, joint
from dc_monitor.kpi.gather import gather
from dc_monitor.kpi.rules import RULES
from dc_monitor.topology import Topology


@dataclass(frozen=True, slots=True)
class TakenIn:
    """Energy of all supplies [J] over the time `known` in which all of them are known, of a period; times in ns."""

    start: int
    end: int
    joules: float
    known: int

    @property
    def coverage(self) -> float:
        """Share of the period that is known."""
        return self.known / (self.end - self.start)

    @property
    def watts(self) -> float:
        """Mean power of the known time [W]; NaN when nothing is known."""
        return self.joules / (self.known / NANOSECONDS) if self.known else math.nan


def taken_in(site: str, topology: Topology, history: History, start: int, end: int) -> TakenIn:
    """Energy of the meters with the role `total` from `start` to `end`, nanoseconds UTC."""
    pieces = [(first, last, topology.of_role("total", first)) for first, last in topology.segments(start, end)]
    supplies = {meter.name: meter for _, _, meters in pieces for meter in meters}
    metered = gather(history, site, supplies.values(), start, end, RULES)
    joules, known = 0.0, 0
    for first, last, meters in pieces:
        ratios = {meter.name: meter.ratio(first) for meter in meters}
        if not meters or None in ratios.values():
            continue
        spans = joint(np.array([[first, last]]), [metered[meter.name] for meter in meters if meter.reads])
        length = int((spans[:, 1] - spans[:, 0]).sum())
        known += length
        for meter in meters if length else ():
            if meter.declared:
                joules += meter.declared.likely * length / NANOSECONDS
            else:
                taken = metered[meter.name].take(spans, Grid(first, last, last - first))
                joules += taken.joules * (ratios[meter.name] or 0.0)
    return TakenIn(start, end, joules, known)
