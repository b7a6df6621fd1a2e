"""Fewer lines that say the same, for a spool that is full: what is old becomes coarse before anything is lost.

    registers               as they are: energy is the difference of two of them
    gauges                  means of five minutes on UTC, at their middle, with the share that was measured beside them
    states, any text        the first, each change, the last
    `device` and `agent`    each change of reason or `up`, and the last of five minutes
    uptime                  both sides of a restart, which a mean would hide, and the last of five minutes

A mean of power, read as a reading at the middle of its window, gives the energy of that window. A window that is not
well covered keeps its own readings, exactly as they were: a hole must stay a hole. So does what cannot be understood.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from dc_monitor.clock import NANOSECONDS
from dc_monitor.names import AGENT_MEASUREMENT, DEVICE_MEASUREMENT, EVENT_MEASUREMENT, QUANTITIES, WORDS
from dc_monitor.wire import Line, Parser

WINDOW = 300 * NANOSECONDS
"""The windows of means begin at whole multiples of this since 1970 UTC."""
LEAST_COVERAGE = 0.8
"""Of a window: readings times the usual period, over the window. Below it the readings stay."""
FEWEST = 3
"""A window of fewer readings is thin enough."""

_REGISTERS = frozenset(name for name, quantity in QUANTITIES.items() if quantity.counter)
_OF_A_GAUGE = {word: {word, *(f"{word}_{end}" for end in ("low", "high", "coverage"))} for word in WORDS.values()}
_UPTIME = "uptime"
_SECONDS = WORDS[_UPTIME]


class _Point(NamedTuple):
    place: int  # among all lines, which keep their order
    raw: bytes
    line: Line


_Rule = Callable[[list[_Point]], Iterator[tuple[int, bytes]]]
"""The lines of a series by time → what remains of them."""


def thin(bodies: Sequence[bytes]) -> tuple[bytes, int]:
    """One body for several consecutive ones, and its number of lines; thinning it again changes nothing."""
    parser = Parser()
    remains: list[tuple[int, bytes]] = []
    series: dict[tuple[_Rule, Hashable], list[_Point]] = {}
    for place, raw in enumerate(raw for body in bodies for raw in body.split(b"\n") if raw):
        try:
            line = parser.line(raw)
        except ValueError:
            line = None
        rule = _rule(line) if line else None
        if line is None or rule is None:
            remains.append((place, raw))
        else:
            key = _subject(line) if rule is _accounts else line.key
            series.setdefault((rule, key), []).append(_Point(place, raw, line))
    for (rule, _), points in series.items():
        # Of two lines that differ in their values alone, the later one is what everybody would see.
        latest = {(point.line.time, point.line.key, *point.line.fields): point for point in points}
        remains += rule(sorted(latest.values(), key=_time))
    remains.sort()
    return b"".join(raw + b"\n" for _, raw in remains), len(remains)


def _rule(line: Line) -> _Rule | None:
    """How to thin lines of this kind; None for what stays as it is."""
    if line.measurement == EVENT_MEASUREMENT:  # two alike are two
        return None
    if line.measurement in (DEVICE_MEASUREMENT, AGENT_MEASUREMENT):
        return _accounts
    if any(isinstance(value, str) for value in line.fields.values()):
        return _changes
    word = WORDS.get(line.measurement, "")
    if word not in line.fields or line.measurement in _REGISTERS:
        return None
    if line.measurement == _UPTIME:
        return _restarts
    return _means if line.fields.keys() <= _OF_A_GAUGE[word] else None


def _subject(line: Line) -> Hashable:
    """Of whom a `device` or `agent` line tells; the reason is a tag, and changes."""
    return line.measurement, frozenset((tag, value) for tag, value in line.tags.items() if tag != "reason")


def _changes(points: list[_Point]) -> Iterator[tuple[int, bytes]]:
    return _telling(points, lambda before, line, after: before.fields != line.fields)


def _accounts(points: list[_Point]) -> Iterator[tuple[int, bytes]]:
    def outcome(line: Line) -> tuple[object, object]:
        return line.tags.get("reason"), line.fields.get("up")

    return _telling(
        points, lambda before, line, after: outcome(before) != outcome(line) or _window(line) != _window(after)
    )


def _restarts(points: list[_Point]) -> Iterator[tuple[int, bytes]]:
    def fell(before: Line, after: Line) -> bool:
        return _number(before, _SECONDS) > _number(after, _SECONDS)

    return _telling(
        points, lambda before, line, after: fell(before, line) or fell(line, after) or _window(line) != _window(after)
    )


def _telling(points: list[_Point], tells: Callable[[Line, Line, Line], bool]) -> Iterator[tuple[int, bytes]]:
    """The first line, the last, and each that `tells` something between the one before and the one after."""
    for before, point, after in zip([None, *points], points, [*points[1:], None], strict=False):
        if before is None or after is None or tells(before.line, point.line, after.line):
            yield point[:2]


def _means(points: list[_Point]) -> Iterator[tuple[int, bytes]]:
    word = WORDS[points[0].line.measurement]
    if len(points) < FEWEST or any(f"{word}_coverage" in point.line.fields for point in points):
        yield from (point[:2] for point in points)
        return
    period = median(after.line.time - before.line.time for before, after in pairwise(points))
    for window, group in groupby(points, lambda point: _window(point.line)):
        inside = list(group)
        mean = _mean(inside, window * WINDOW + WINDOW // 2, min(1.0, len(inside) * period / WINDOW), word)
        if mean:
            yield inside[0].place, mean
        else:
            yield from (point[:2] for point in inside)


def _mean(points: list[_Point], middle: int, coverage: float, word: str) -> bytes | None:
    """One line for those of a window; None where they had better stay."""
    first = points[0].line
    if len(points) < FEWEST or coverage < LEAST_COVERAGE or not first.time <= middle <= points[-1].line.time:
        return None
    if any(point.line.fields.keys() != first.fields.keys() for point in points):
        return None
    means = {field: _average([_number(point.line, field) for point in points]) for field in first.fields}
    if not all(map(math.isfinite, means.values())):
        return None
    fields = ",".join(f"{field}={value!r}" for field, value in means.items())
    return f"{first.key} {fields},{word}_coverage={round(coverage, 4)!r} {middle}".encode()


def _average(values: Sequence[float]) -> float:
    """The mean, never outside of its values, whatever rounding does: what stood still goes on standing still."""
    mean = sum(values) / len(values)
    return min(max(mean, min(values)), max(values)) if math.isfinite(mean) else mean


def _number(line: Line, field: str) -> float:
    value = line.fields[field]
    assert isinstance(value, float)  # a line with a text has another rule
    return value


def _time(point: _Point) -> int:
    return point.line.time


def _window(line: Line) -> int:
    return line.time // WINDOW
