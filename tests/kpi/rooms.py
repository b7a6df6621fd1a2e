"""Small server rooms for the tests of KPIs: a history in memory and a few ways to fill it."""

import numpy as np

from dc_monitor.history.columns import Samples, between
from dc_monitor.names import METHODS
from dc_monitor.topology import Dated, Declared, Meter, Topology

S = 1_000_000_000
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S
NOON = 1_795_521_600 * S  # 2026-11-24 12:00 UTC
KWH = 3.6e6


class Memory:
    """A history: (device, point, quantity) → samples, for one site."""

    def __init__(self, series):
        self.series = series
        self.asked = []

    def sites(self):
        return ["room"]

    def read(self, site, start, end, wanted=None):
        self.asked.append((start, end, wanted))
        cut = {key: between(one, start, end) for key, one in self.series.items() if wanted is None or key in wanted}
        return {key: one for key, one in cut.items() if len(one.time)}


def samples(time, value, low=None, high=None, method="measured"):
    """A series; a number stands for a constant."""
    time = np.asarray(time, np.int64)
    columns = [np.full(time.size, np.nan if one is None else one) for one in (value, low, high)]
    return Samples(time, *columns, np.full(time.size, METHODS.index(method), np.uint8))


def every(step, start, end):
    """Instants from `start` to `end`, both included."""
    return start + step * np.arange((end - start) // step + 1, dtype=np.int64)


def without(series, start, end):
    """A series that was silent from `start` (not included) to `end` (not included)."""
    kept = (series.time <= start) | (series.time >= end)
    return Samples(*(column[kept] for column in series))


def meter(name, role, reads="", **more):
    """A meter that has one role for ever; `reads` as in the configuration."""
    device, _, point = reads.partition("/")
    more.setdefault("accuracy", 0.5 if reads else None)
    return Meter(name, (Dated(role),), (device, point) if reads else None, **more)


def tree(*meters):
    """A topology of these."""
    return Topology(meters)


def declared(name, role, low, likely, high):
    """A branch nobody meters."""
    return meter(name, role, declared=Declared(low, likely, high))


def codes(sentences):
    """Codes of sentences, in order."""
    return [sentence.code for sentence in sentences]
