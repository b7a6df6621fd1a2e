"""What a map says of a file: the keys a person writes, and what they mean once they are checked."""

import codecs
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from dc_monitor.errors import ConfigError
from dc_monitor.history.imports.measures import Measure, measure
from dc_monitor.history.imports.numbers import Notation
from dc_monitor.history.imports.stamps import Clock
from dc_monitor.history.imports.steps import Step, step
from dc_monitor.history.imports.zones import Zone
from dc_monitor.names import LEVELS, METHODS, QUANTITIES

T = TypeVar("T")

KINDS = ("gauge", "counter", "interval")
STAMPED = ("start", "end")
DOUBLED = ("refuse", "first", "second", "outer")
SKIPPED = ("refuse", "drop")
REPEATED = ("refuse", "first", "last")

_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}")
_POINT = re.compile(r"[a-z0-9][a-z0-9_.:+/-]{0,127}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """`[[series]]`: a column of the file, and which series it is. docs/import.md explains the keys."""

    column: str
    quantity: str
    unit: str
    device: str = ""
    point: str = ""
    kind: str = ""
    step: str = ""
    stamped: str = ""
    level: str = ""
    method: str = ""
    scale: float = 1.0
    where: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """A whole map; the keys above the first `[[series]]` are about the file. docs/import.md explains them."""

    layout: str = ""
    time: str | list[str] = ""
    time_format: str | list[str] = "iso"
    timezone: str = ""
    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    quote: str = '"'
    encoding: str = "utf-8"
    columns: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=lambda: ["-"])
    ignore: list[str] = field(default_factory=list)
    expect: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    device: str = ""
    point: str = ""
    method: str = "measured"
    doubled: str = "refuse"
    skipped: str = "refuse"
    repeated: str = "refuse"
    tolerate: float = 0.1
    series: list[Column] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Series:
    """One column made ready; `where` are the columns and texts that a row of it has."""

    column: str
    device: str
    point: str
    quantity: str
    measure: Measure
    kind: str
    step: Step
    at_end: bool
    level: str
    method: str
    scale: float
    where: Mapping[str, str]

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.device}/{self.point} {self.quantity}"

    @property
    def by_neighbours(self) -> bool:
        """Whether a step is as long as the way to the next row."""
        return self.kind == "interval" and not self.step.told and not self.step.column


@dataclass(frozen=True, slots=True)
class Plan:
    """A map made ready: nothing in it can be wrong any more but for the file."""

    time: Sequence[str]
    clock: Clock
    formats: Sequence[str]
    zone: Zone
    notation: Notation
    separator: str
    quote: str
    encoding: str
    columns: Sequence[str]
    ignore: Sequence[re.Pattern[str]]
    expect: Mapping[str, str]
    doubled: str
    skipped: str
    repeated: str
    tolerate: float
    series: Sequence[Series]

    @classmethod
    def of(cls, told: Map, timezone: str) -> "Plan":
        """Check everything; `timezone` is that of the site, for times that say none.

        Raises `ConfigError` that names the key, what is wrong and what was expected.
        """
        time = [told.time] if isinstance(told.time, str) else told.time
        formats = [told.time_format] if isinstance(told.time_format, str) else told.time_format
        if not time or not all(time):
            raise ConfigError('time: missing; name the column that holds the time, such as time = "Date"')
        if not told.series:
            raise ConfigError("series: expected at least one [[series]], or --column")
        for key, word, known in (
            ("doubled", told.doubled, DOUBLED),
            ("skipped", told.skipped, SKIPPED),
            ("repeated", told.repeated, REPEATED),
        ):
            _known(key, word, known)
        if len(told.separator) != 1 or len(told.quote) > 1 or len(told.decimal) != 1 or len(told.thousands) > 1:
            raise ConfigError("separator, quote, decimal and thousands: expected one character each")
        if not (told.separator + told.quote + told.decimal).isascii():
            raise ConfigError("separator, quote and decimal: expected characters of ASCII")
        if told.separator == told.quote:
            raise ConfigError(f'quote = "{told.quote}": the same as the separator')
        if told.decimal == told.thousands:
            raise ConfigError(f'thousands = "{told.thousands}": the same as the decimal mark')
        if not 0.0 <= told.tolerate <= 1.0:
            raise ConfigError(f"tolerate = {told.tolerate}: expected a share from 0 to 1")
        series = [_series(told, at, one) for at, one in enumerate(told.series)]
        _distinct(series)
        return cls(
            time=time,
            clock=_value("time_format", lambda: Clock.of(formats)),
            formats=formats,
            zone=_value("timezone", lambda: Zone(told.timezone or timezone)),
            notation=Notation(told.decimal, told.thousands, told.missing),
            separator=told.separator,
            quote=told.quote,
            encoding=_value("encoding", lambda: _encoding(told.encoding)),
            columns=told.columns,
            ignore=_value("ignore", lambda: [_pattern(text) for text in told.ignore]),
            expect=told.expect,
            doubled=told.doubled,
            skipped=told.skipped,
            repeated=told.repeated,
            tolerate=told.tolerate,
            series=series,
        )

    @property
    def at_end(self) -> bool:
        """Whether the stamps of this file end what they tell of."""
        return any(one.at_end for one in self.series)

    def texts(self) -> Iterator[str]:
        """Columns that are read as texts."""
        yield from self.time
        for one in self.series:
            yield from one.where
            if one.step.column:
                yield one.step.column

    def wanted(self) -> list[str]:
        """Columns the file must have, each once."""
        return [*dict.fromkeys((*self.texts(), *(one.column for one in self.series)))]


def _series(told: Map, at: int, one: Column) -> Series:
    where = f"series[{at}]"
    device, point = one.device or told.device, one.point or told.point
    if not device or not point:
        missing = "device" if not device else "point"
        example = "main-meter" if not device else "total"
        raise ConfigError(f'{where}.{missing}: missing; say whose "{one.column}" is, such as {missing} = "{example}"')
    if not _DEVICE.fullmatch(device):
        raise ConfigError(f'{where}.device = "{device}": expected letters, digits and _ . : + - (at most 64)')
    if not _POINT.fullmatch(point):
        raise ConfigError(f'{where}.point = "{point}": expected a lower-case path, such as "total" or "outlet/7"')
    _known(f"{where}.quantity", one.quantity, tuple(QUANTITIES))
    counter = QUANTITIES[one.quantity].counter
    kind = one.kind or ("" if counter else "gauge")
    if not kind:
        raise ConfigError(
            f'{where}.kind: missing; a register that counts up is "counter", an amount in each step is '
            f'kind = "interval" of quantity = "power"'
        )
    _known(f"{where}.kind", kind, KINDS)
    if (kind == "counter") != counter:
        what = "counts up" if counter else "does not count up"
        raise ConfigError(f'{where}.kind = "{kind}": {one.quantity} {what}')
    method = one.method or told.method
    _known(f"{where}.method", method, METHODS)
    _known(f"{where}.level", one.level or "total", LEVELS)
    if not one.scale:
        raise ConfigError(f"{where}.scale = 0: everything would be nothing")
    how, stamped = Step(), one.stamped or "start"
    if kind == "interval":
        if not one.step or not one.stamped:
            key = "step" if not one.step else "stamped"
            expected = "how long one lasts" if not one.step else '"start" or "end"'
            raise ConfigError(f"{where}.{key}: missing; an interval needs it: {expected}")
        _known(f"{where}.stamped", stamped, STAMPED)
        how = _value(f"{where}.step", lambda: step(one.step))
    elif one.step or one.stamped:
        key = "step" if one.step else "stamped"
        raise ConfigError(f'{where}.{key}: only an interval has it; say kind = "interval"')
    return Series(
        column=one.column,
        device=device,
        point=point,
        quantity=one.quantity,
        measure=_value(f"{where}.unit", lambda: measure(one.unit, one.quantity, kind == "interval")),
        kind=kind,
        step=how,
        at_end=kind == "interval" and stamped == "end",
        level=one.level or "total",
        method=method,
        scale=one.scale,
        where={**told.where, **one.where},
    )


def _distinct(series: Sequence[Series]) -> None:
    """Refuse two columns for one series, and one file with stamps of both kinds."""
    seen: dict[tuple[str, str, str], str] = {}
    for one in series:
        key = (one.device, one.point, one.quantity)
        if key in seen:
            raise ConfigError(f'series: "{seen[key]}" and "{one.column}" are both {one.name}; give one another point')
        seen[key] = one.column
    if len({one.at_end for one in series if one.kind == "interval"}) > 1:
        raise ConfigError("series: some intervals are stamped at their start and some at their end; import them apart")


def _known(key: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        near = difflib.get_close_matches(word, known, 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"
        raise ConfigError(f'{key} = "{word}": {cure}')


def _value(key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise ConfigError(f"{key} = {error}") from None


def _encoding(written: str) -> str:
    try:
        return codecs.lookup(written).name
    except LookupError:
        raise ValueError(f'"{written}": unknown; expected such as "utf-8", "cp1252", "utf-16"') from None


def _pattern(written: str) -> re.Pattern[str]:
    try:
        return re.compile(written)
    except re.error as error:
        raise ValueError(f'"{written}": no regular expression: {error}') from None
