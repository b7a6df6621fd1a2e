"""A site at one instant: its newest values, and whether they may still be claimed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.columns import Key
from dc_monitor.kpi.pue import DeviceFacts
from dc_monitor.kpi.sentences import duration
from dc_monitor.names import METHODS
from dc_monitor.site.recent import SPAN, Newest, Recent
from dc_monitor.site.roster import Roster, Seen
from dc_monitor.site.words import why
from dc_monitor.topology import Meter, Topology, alternatives

FRESH = 300 * NANOSECONDS
"""A value is current for three of its periods, and at least this long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says of a site; for a site it does not know, nothing but a time zone."""

    name: str
    zone: ZoneInfo
    topology: Topology = field(default_factory=lambda: Topology(()))
    devices: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    outdoor: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MeterNow:
    """A meter with its newest power and bounds [W]; all None where they may not be claimed.

    `state` is `ok`, `stale` (too old to claim), `missing` (nothing in memory, or no scale) or `declared`; `age` is
    that of the newest reading [ns], None when there is none.
    """

    meter: Meter
    state: str
    watts: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    age: int | None = None

    def absence(self, lang: str) -> str:
        """Why there are no watts, a sentence in `lang`."""
        name = self.meter.label or self.meter.name
        if self.age is None:
            point = "/".join(self.meter.reads or ())
            return why("no_power", lang, meter=name, point=point, searched=duration(SPAN, lang))
        if self.state == "stale":
            return why("silent", lang, meter=name, age=duration(self.age, lang))
        return why("no_ratio", lang, meter=name)


@dataclass(frozen=True)
class Snapshot:
    """What is known of a site at `now`, nanoseconds UTC."""

    plan: Plan
    recent: Recent
    roster: Roster
    now: int

    @cached_property
    def keys(self) -> list[Key]:
        """Series in memory."""
        return self.recent.keys(self.plan.name)

    @cached_property
    def devices(self) -> dict[str, Seen]:
        """Devices that were heard of."""
        return self.roster.devices(self.plan.name)

    @cached_property
    def facts(self) -> dict[str, DeviceFacts]:
        """What devices told of themselves."""
        return {
            name: DeviceFacts(seen.text("kind") or "unknown", seen.number("accuracy"))
            for name, seen in self.devices.items()
        }

    @cached_property
    def meters(self) -> list[MeterNow]:
        """Every meter in force, in the order of the configuration."""
        return [self._meter(meter) for meter in self.plan.topology.meters if meter.role(self.now)]

    @property
    def supplies(self) -> list[MeterNow]:
        """The meters of what the whole site takes in."""
        return [one for one in self.meters if one.meter.role(self.now) == "total"]

    def kind(self, device: str) -> str:
        """Kind of a device (`contract.DeviceInfo`), `unknown` when it never told."""
        return self.facts[device].kind if device in self.facts else "unknown"

    def fresh(self, keys: Iterable[Key]) -> dict[Key, Newest]:
        """The newest readings of `keys` that still tell how things are."""
        return {key: newest for key in keys if (newest := self.newest(key)) and self._is_fresh(newest)}

    def newest(self, key: Key) -> Newest | None:
        """The newest reading of a series, however old."""
        return self.recent.newest(self.plan.name, key, self.now)

    def _power(self, device: str, point: str) -> Newest | None:
        """Newest power of a place; where the device gives no total, the sum of its phases, as old as the oldest."""
        for alternative in alternatives(point):
            parts = [newest for one in alternative if (newest := self.newest((device, one, "power")))]
            if parts:
                return _sum(parts)
        return None

    def _is_fresh(self, newest: Newest) -> bool:
        return self.now - newest.time <= max(3 * newest.period, FRESH)

    def _meter(self, meter: Meter) -> MeterNow:
        if meter.declared:
            told = meter.declared
            return MeterNow(meter, "declared", told.likely, told.low, told.high, "estimated")
        assert meter.reads is not None
        device, point = meter.reads
        newest = self._power(device, point)
        if newest is None:
            return MeterNow(meter, "missing")
        age = max(self.now - newest.time, 0)
        if not self._is_fresh(newest):
            return MeterNow(meter, "stale", age=age)
        ratio = meter.ratio(self.now)
        if ratio is None:
            return MeterNow(meter, "missing", age=age)
        watts, low, high = (value * ratio for value in (newest.value, newest.low, newest.high))
        accuracy = meter.accuracy or (self.facts[device].accuracy if device in self.facts else None)
        if math.isnan(low) and accuracy:
            low, high = watts - watts * accuracy / 100, watts + watts * accuracy / 100
        method = METHODS[newest.method]
        if math.isnan(low):
            return MeterNow(meter, "ok", watts, method=method, age=age)
        return MeterNow(meter, "ok", watts, low, high, method, age)


def _sum(parts: Sequence[Newest]) -> Newest:
    """The sum of values of the same moment; a part without bounds is taken as it is, unless none has any."""
    low = high = math.nan
    if not all(math.isnan(one.low) for one in parts):
        low = sum(one.value if math.isnan(one.low) else one.low for one in parts)
        high = sum(one.value if math.isnan(one.high) else one.high for one in parts)
    return Newest(
        time=min(one.time for one in parts),
        value=sum(one.value for one in parts),
        low=low,
        high=high,
        method=max(one.method for one in parts),
        period=max(one.period for one in parts),
    )
