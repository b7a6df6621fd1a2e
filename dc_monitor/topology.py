"""The meter tree: who feeds whom, what counts as what, and since when. Pure data and its checks.

Energy flows from supplies (role `total`) through meters to loads. A sum is legal only across a cut: no meter of
a sum may feed another of the same sum, or the same joule would be counted twice. Everything here may carry
dates, so that a change in June never recomputes May.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Generic, TypeVar

T = TypeVar("T")

ROLES = ("total", "it", "ups", "cooling", "distribution", "lighting", "other", "reuse", "water")
KINDS = ("grid", "generator", "pv", "wind", "battery", "fuel", "heat")
MEASURED_AT = {"ups-output": 1, "pdu-output": 2, "it-input": 3}
"""Where IT energy is measured → PUE category (ISO/IEC 30134-2, Table of categories; see docs)."""

ASSUMED_CLASS = 5.0
"""Accuracy class taken when nobody knows better [%]; a figure made with it says `assumed`."""

PHASES = ("l1", "l2", "l3")

_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, nanoseconds UTC; `start` belongs to it, `end` does not."""

    start: int = -_FOREVER
    end: int = _FOREVER

    def covers(self, time: int) -> bool:
        """Whether `time` lies within."""
        return self.start <= time < self.end

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share an instant."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """A value that holds for a while."""

    value: T
    span: Span = Span()


@dataclass(frozen=True, slots=True)
class Declared:
    """A branch nobody meters, told as low / likely / high real power [W]."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class Meter:
    """One node of the tree.

    `reads` is (device, point) or None for a declared branch; `accuracy` the class in percent of the value, None
    when unknown; `ratio` multiplies what the device says (current transformers). `kind` is the carrier of a
    supply (`KINDS`). `measured_at` is a key of `MEASURED_AT` or "" to let the device's kind tell.
    """

    name: str
    roles: tuple[Dated[str], ...]
    reads: tuple[str, str] | None = None
    label: str = ""
    kind: str = "grid"
    fed_by: tuple[Dated[str], ...] = ()
    accuracy: float | None = None
    measured_at: str = ""
    ratios: tuple[Dated[float], ...] = (Dated(1.0),)
    declared: Declared | None = None
    span: Span = field(default_factory=Span)

    def role(self, time: int) -> str | None:
        """The role at `time`, None when the meter or every role of it is outside its dates."""
        if not self.span.covers(time):
            return None
        return next((dated.value for dated in self.roles if dated.span.covers(time)), None)

    def ratio(self, time: int) -> float | None:
        """What to multiply a reading with at `time`; None when no ratio is told for it."""
        return next((dated.value for dated in self.ratios if dated.span.covers(time)), None)

    def feeders(self, time: int) -> tuple[str, ...]:
        """Names of the meters that feed this one at `time`."""
        return tuple(dated.value for dated in self.fed_by if dated.span.covers(time))


def category(meter: Meter, kind: str) -> int | None:
    """PUE category that a meter of IT energy gives, None when nobody can tell (ISO/IEC 30134-2).

    As the person declared it; else by `kind` of the device and the side of it that is read: output of a UPS or of
    rectifiers 1, rack PDU as a whole, by phase or bank 2, its outlets 3, power inlet of a server or host 3.
    """
    if meter.measured_at:
        return MEASURED_AT[meter.measured_at]
    parts = {*meter.reads[1].split("/")} if meter.reads else set()
    match kind:
        case "ups" | "rectifier" if parts & {"output", "outlet"}:
            return MEASURED_AT["ups-output"]
        case "pdu" if "outlet" not in parts:
            return MEASURED_AT["pdu-output"]
        case "pdu":
            return MEASURED_AT["it-input"]
        case "server" | "host" if parts & {"input", "psu", "supply", "total"}:
            return MEASURED_AT["it-input"]
    return None


@dataclass(frozen=True, slots=True)
class Topology:
    """The meters of one site."""

    meters: tuple[Meter, ...]

    def segments(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Cut [start, end) where anything dated begins or ends: within a piece the tree does not change."""
        edges = {start, end}
        for meter in self.meters:
            dated = [*_spans(meter.roles), *_spans(meter.fed_by), *_spans(meter.ratios)]
            for span in (meter.span, *dated):
                edges.update(edge for edge in (span.start, span.end) if start < edge < end)
        cuts = sorted(edges)
        yield from pairwise(cuts)

    def of_role(self, role: str, time: int) -> tuple[Meter, ...]:
        """Meters with `role` at `time`, in the order they were written."""
        return tuple(meter for meter in self.meters if meter.role(time) == role)

    def problems(self) -> list[str]:
        """Why the tree cannot be used, a sentence each; empty when it can."""
        found = _names(self.meters)
        if not found:
            for start, _ in self.segments(-_FOREVER, _FOREVER):
                found.extend(sentence for sentence in _at(self, start) if sentence not in found)
        return found


def _names(meters: Sequence[Meter]) -> list[str]:
    found: list[str] = []
    names = [meter.name for meter in meters]
    found.extend(
        f'meter "{name}" is written {names.count(name)} times' for name in sorted({*names}) if names.count(name) > 1
    )
    for meter in meters:
        found.extend(
            f'meter "{meter.name}" is fed by "{edge.value}", which is no meter'
            for edge in meter.fed_by
            if edge.value not in names
        )
        if (meter.reads is None) == (meter.declared is None):
            found.append(
                f'meter "{meter.name}" needs either reads = "device/point" or declared = {{low, likely, high}}'
            )
        told = meter.declared
        if told and not 0 <= told.low <= told.likely <= told.high:
            found.append(f'meter "{meter.name}": declared must be 0 <= low <= likely <= high')
        for kind, spans in (("role", _spans(meter.roles)), ("ratio", _spans(meter.ratios))):
            found.extend(
                f'meter "{meter.name}" has two values of {kind} for the same time'
                for one, other in combinations(spans, 2)
                if one.overlaps(other)
            )
    return found


def _spans(values: Iterable[Dated[T]]) -> list[Span]:
    return [dated.span for dated in values]


def _at(tree: Topology, time: int) -> Iterator[str]:
    active = {meter.name: meter for meter in tree.meters if meter.role(time) is not None}
    yield from _read_twice(active.values())
    above: dict[str, frozenset[str]] = {}
    for name in active:
        loop = _climb(name, active, time, above, ())
        if loop:
            yield f"meters feed each other in a circle: {' → '.join(loop)}"
            return
    for role, why in (("total", "total data centre energy"), ("it", "IT energy")):
        members = [meter.name for meter in tree.of_role(role, time)]
        for lower in members:
            for upper in members:
                if upper in above[lower]:
                    yield (
                        f'meter "{lower}" is fed by "{upper}" and both have the role {role}: '
                        f"{why} would count the same energy twice; keep the role on one of them"
                    )


def _climb(
    name: str, active: dict[str, Meter], time: int, above: dict[str, frozenset[str]], path: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Fill `above[name]` with all ancestors; the circle's names if there is one."""
    if name in path:
        return (*path[path.index(name) :], name)
    if name in above:
        return None
    ancestors: set[str] = set()
    for feeder in active[name].feeders(time):
        if feeder in active:
            loop = _climb(feeder, active, time, above, (*path, name))
            if loop:
                return loop
            ancestors |= {feeder, *above[feeder]}
    above[name] = frozenset(ancestors)
    return None


def _read_twice(meters: Iterable[Meter]) -> Iterator[str]:
    """Two meters on the same point, or on a point and a part of it, within one device."""
    reading = [(meter, *meter.reads) for meter in meters if meter.reads]
    for at, (one, device, point) in enumerate(reading):
        for other, other_device, other_point in reading[at + 1 :]:
            if device == other_device and contains(point, other_point) | contains(other_point, point):
                yield (
                    f'meters "{one.name}" and "{other.name}" read the same watts: {device}/{point} and '
                    f"{device}/{other_point}; keep one of them, or feed one by the other on another device"
                )


def contains(outer: str, inner: str) -> bool:
    """Whether the point `outer` holds `inner` within one device: itself, `total` ⊃ phases, banks and outlets.

    `output` holds `output/l1`; `output/total` holds `output/l1`; `total` holds everything but `input/…`,
    `output/…` and `bypass/…`, which are other sides of the device. A server's input and its platform (`psys`) hold its
    processors and memory.
    """
    if outer == inner:
        return True
    root = outer.removesuffix("/total")
    if root == "total":
        return inner.split("/")[0] not in ("input", "output", "bypass", "battery")
    if root in ("input", "psys") and inner.split("/")[0] in ("cpu", "dram", "psys"):
        return True
    return inner == f"{root}/total" or inner.startswith(f"{root}/")


def alternatives(point: str) -> tuple[tuple[str, ...], ...]:
    """Points that hold what `point` asks for, best first; points of one alternative are added.

    Examples
    --------
    >>> alternatives("output/total")[:3]
    (('output/total',), ('output',), ('output/l1', 'output/l2', 'output/l3'))
    >>> alternatives("total")
    (('total',), ('l1', 'l2', 'l3'), ('phase/l1', 'phase/l2', 'phase/l3'))
    """
    place = "" if point == "total" else point.removesuffix("/total") + "/"
    phases = tuple(tuple(f"{place}{row}{phase}" for phase in PHASES) for row in ("", "phase/"))
    if not place:
        return ((point,), *phases)
    other = place + "total" if point + "/" == place else place[:-1]
    return ((point,), (other,), *phases)
