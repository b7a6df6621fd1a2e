"""What the meters of a figure sent: read once, a little beyond the window, and made ready."""

from collections.abc import Iterable, Mapping

import numpy as np

from dc_monitor.history.columns import History, Key, Samples
from dc_monitor.kernels.witnesses import starts_of
from dc_monitor.kpi.energy import Metered
from dc_monitor.kpi.points import Found, find, uptime_keys, wanted
from dc_monitor.kpi.rules import HOUR, Rules
from dc_monitor.kpi.series import period
from dc_monitor.topology import Meter

_BEYOND = HOUR
"""How far beyond the window everything is read, to know the power where it begins and ends."""


def gather(
    history: History, site: str, meters: Iterable[Meter], start: int, end: int, rules: Rules
) -> dict[str, Metered]:
    """The meters that read something, by name.

    One that is silent, of which a phase may be silent, or that is read so rarely that the hour around the window does
    not show its pace, is read `rules.look_back` beyond the window.
    """
    places = {meter.name: meter.reads for meter in meters if meter.reads}
    read = _read(history, site, places.values(), start - _BEYOND, end + _BEYOND)
    rare = [place for place in places.values() if _too_little(find(read, *place), rules)]
    if rare:
        read |= _read(history, site, rare, start - rules.look_back, end + rules.look_back)
    return {name: _ready(read, *place, rules) for name, place in places.items()}


def _read(history: History, site: str, places: Iterable[tuple[str, str]], start: int, end: int) -> dict[Key, Samples]:
    keys: set[Key] = set().union(*(wanted(*place) for place in places))
    return history.read(site, start, end, keys) if keys else {}


def _too_little(found: Found, rules: Rules) -> bool:
    series = found.all
    return (
        not series
        or found.partial
        or any(len(one.time) < 2 or rules.gap_periods * period(one) > _BEYOND for one in series)
    )


def _ready(read: Mapping[Key, Samples], device: str, point: str, rules: Rules) -> Metered:
    uptimes = [read[key] for key in uptime_keys(device) if key in read]
    starts = np.concatenate([np.empty(0, np.int64), *(starts_of(one.time, one.value) for one in uptimes)])
    return Metered(find(read, device, point), np.sort(starts), rules)
