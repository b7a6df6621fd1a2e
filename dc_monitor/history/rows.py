"""Lines ↔ rows of the archive ↔ columns: one row a (line, field), and nothing about files.

The columns of a row, in the order in which rows are sorted:

    measurement device point level method room rack    tags of the catalogue, "" where the line has none
    tags                                               all other tags, as JSON with sorted keys; "" when none
    field                                              field key
    time                                               nanoseconds UTC
    value low high                                     number and, beside it, its bounds (`watts_low`, `watts_high`)
    text                                               word of a state, or a field that is a text

The first nine are the identity of a series; with the time, of a row. The site and the day are folders.

The mean that an agent's full spool makes of five minutes (`dc_monitor.thinning`) is a reading like any other; the
`watts_coverage` beside it is, like every further field, a row that is no reading.
"""

import json
import operator
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dc_monitor.history.columns import Key, Samples
from dc_monitor.history.columns import ordered as by_time
from dc_monitor.names import METHODS, TAGS, WORDS
from dc_monitor.wire import Line

PLACE = tuple(tag for tag in TAGS if tag != "site")
SERIES = ("measurement", "device", "point", "level", "method", "room", "rack", "tags", "field")
_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        *((name, _NAME) for name in SERIES),
        ("time", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("text", _NAME),
    ]
)
_UNKNOWN_METHOD = METHODS.index("estimated")


class _Value(NamedTuple):
    field: str
    value: float | None
    text: str | None = None
    low: float | None = None
    high: float | None = None


def from_lines(lines: Iterable[Line]) -> pa.Table:
    """Rows of `lines` as they come, unsorted; the site tag is left to the folder."""
    numbers: dict[tuple[str, str], int] = {}  # (key of the line, field) → index into `series`
    series: list[tuple[str, ...]] = []
    which, times = array("i"), array("q")
    values: list[_Value] = []
    for line in lines:
        for value in _values(line):
            number = numbers.setdefault((line.key, value.field), len(numbers))
            if number == len(series):
                series.append((*_place(line.measurement, line.tags), value.field))
            which.append(number)
            times.append(line.time)
            values.append(value)
    names = [pa.array([one[at] for one in series], pa.string()).dictionary_encode() for at in range(len(SERIES))]
    return pa.Table.from_arrays(
        [
            *(name.take(pa.array(which, pa.int32())) for name in names),
            pa.array(times, pa.int64()),
            pa.array([one.value for one in values], pa.float64()),
            pa.array([one.low for one in values], pa.float64()),
            pa.array([one.high for one in values], pa.float64()),
            pa.array([one.text for one in values], pa.string()).dictionary_encode(),
        ],
        schema=SCHEMA,
    )


def sorted_once(table: pa.Table) -> pa.Table:
    """Rows by series and time; of several with the same identity the last of `table` stays."""
    table = table.unify_dictionaries().combine_chunks()
    series, time = _numbers(table, SERIES), table["time"].to_numpy()
    order = np.lexsort((time, series))  # stable: among equals the last written stays last
    series, time = series[order], time[order]
    last = np.append((series[1:] != series[:-1]) | (time[1:] != time[:-1]), True)[: len(order)]
    return table.take(pa.array(order[last]))


def newest(table: pa.Table, count: int, besides: pc.Expression | None = None) -> pa.Table:
    """The last `count` rows of each series, and all that `besides` chooses."""
    table = sorted_once(table)
    series = _numbers(table, SERIES)
    after = np.searchsorted(series, series, side="right") - np.arange(len(series))
    last = table.filter(pa.array(after <= count))
    return last if besides is None else pa.concat_tables([last, table.filter(besides)])


def tagged(tag: str, words: Iterable[str]) -> pc.Expression:
    """Rows whose further tag `tag` is one of `words`."""
    tags = pc.field("tags").cast(pa.string())
    found = (pc.match_substring(tags, _json({tag: word})[1:-1]) for word in words)
    return reduce(operator.or_, found)


def above_zero(field: str) -> pc.Expression:
    """Rows of a field with a number above 0."""
    return (pc.field("field").cast(pa.string()) == field) & (pc.field("value") > 0.0)


def beyond(there: pa.Table, new: pa.Table) -> tuple[pa.Table, int]:
    """Rows of `new` that `there` has not or has with other numbers, and how many the latter are.

    No two rows of `new` have the same identity; of several rows `there` the last counts.
    """
    if not len(there):
        return new, 0
    both = pa.concat_tables([there, new]).unify_dictionaries().combine_chunks()
    series, time = _numbers(both, SERIES), both["time"].to_numpy()
    order = np.lexsort((time, series))  # stable: what is there stays before what is new
    twins = np.append(False, (series[order][1:] == series[order][:-1]) & (time[order][1:] == time[order][:-1]))
    before = np.roll(order, 1)
    same = twins.copy()
    for name in ("value", "low", "high"):
        numbers = both[name].to_numpy(zero_copy_only=False)
        one, other = numbers[order], numbers[before]
        same &= (one == other) | (np.isnan(one) & np.isnan(other))
    fresh = order >= len(there)
    kept = np.sort(order[fresh & ~same])
    return both.take(pa.array(kept)), int(np.count_nonzero(fresh & twins & ~same))


def to_samples(table: pa.Table) -> dict[Key, Samples]:
    """The readings among the rows; of two at the same instant of a series the last of `table` counts.

    A reading is a row with a device whose measurement is a quantity and whose field is its unit. Rows of one
    device, point and quantity are one series, whatever their level, room, rack or method.
    """
    table = table.unify_dictionaries().combine_chunks()
    if not len(table):
        return {}
    series = _numbers(table, ("device", "point", "measurement", "field"))
    order = np.argsort(series, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(series[order]) != 0))
    names = table.select(("device", "point", "measurement", "field")).take(pa.array(order[starts])).to_pylist()
    words, codes = _dictionary(table["method"])
    methods = np.array([METHODS.index(word) if word in METHODS else _UNKNOWN_METHOD for word in words], np.uint8)
    time, value, low, high = (table[name].to_numpy(zero_copy_only=False) for name in ("time", "value", "low", "high"))
    found: dict[Key, Samples] = {}
    for name, rows in zip(names, np.split(order, starts[1:]), strict=True):
        if name["device"] and name["field"] == WORDS.get(name["measurement"]):
            key = (name["device"], name["point"], name["measurement"])
            found[key] = by_time(Samples(time[rows], value[rows], low[rows], high[rows], methods[codes[rows]]))
    return found


def to_lines(table: pa.Table, site: str) -> list[Line]:
    """The lines the rows came from, by time; the key is measurement and tags in a canonical form."""
    found: dict[tuple[int, str, tuple[str, ...]], Line] = {}
    for row in table.to_pylist():
        place = tuple(row[name] for name in SERIES[:-1])
        key = (row["time"], row["measurement"], place)
        if key not in found:
            tags = {"site": site, **{tag: row[tag] for tag in PLACE if row[tag]}, **json.loads(row["tags"] or "{}")}
            text = ",".join((row["measurement"], *(f"{tag}={value}" for tag, value in sorted(tags.items()))))
            found[key] = Line(text, row["measurement"], tags, {}, row["time"])
        found[key].fields.update(_fields(row))
    return [found[key] for key in sorted(found)]


def _values(line: Line) -> Iterator[_Value]:
    """The fields of a line; bounds and the word of a state go beside their number."""
    fields = line.fields
    for field, value in fields.items():
        if isinstance(value, str):
            if not (field == "text" and isinstance(fields.get("code"), float)):
                yield _Value(field, None, value)
            continue
        number, _, end = field.rpartition("_")
        if end in ("low", "high") and isinstance(fields.get(number), float):
            continue
        text = fields.get("text") if field == "code" else None
        yield _Value(
            field,
            value,
            text if isinstance(text, str) else None,
            _bound(fields, field, "low"),
            _bound(fields, field, "high"),
        )


def _bound(fields: Mapping[str, float | str], field: str, end: str) -> float | None:
    value = fields.get(f"{field}_{end}")
    return value if isinstance(value, float) else None


def _fields(row: Mapping[str, float | str | None]) -> Iterator[tuple[str, float | str]]:
    field, value, text = str(row["field"]), row["value"], row["text"]
    if value is not None:
        yield field, value
        yield from ((f"{field}_{end}", bound) for end in ("low", "high") if (bound := row[end]) is not None)
    if text is not None:
        yield ("text" if value is not None else field), text


def _place(measurement: str, tags: Mapping[str, str]) -> tuple[str, ...]:
    others = {tag: value for tag, value in sorted(tags.items()) if tag not in TAGS}
    return (
        measurement,
        *(tags.get(tag, "") for tag in SERIES[1:7]),
        _json(others) if others else "",
    )


def _json(tags: Mapping[str, str]) -> str:
    return json.dumps(tags, ensure_ascii=False, separators=(",", ":"))


def _numbers(table: pa.Table, columns: Sequence[str]) -> NDArray[np.int64]:
    """One number for each row, the same for the same texts in `columns`, growing with those texts."""
    numbers = np.zeros(len(table), np.int64)
    for column in columns:
        texts, codes = _dictionary(table[column])
        distinct = sorted(set(texts))
        if len(distinct) > 1:
            place = {text: at for at, text in enumerate(distinct)}
            ranks = np.array([place[text] for text in texts], np.int64)
            # Numbered anew for each column, or the product of nine cardinalities might leave 64 bits.
            numbers = np.unique(numbers * len(distinct) + ranks[codes], return_inverse=True)[1]
    return numbers


def _dictionary(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """Texts of a dictionary column, and for each row the index of its own; the column is one chunk at most."""
    if not column.num_chunks:
        return [], np.empty(0, np.int32)
    chunk = column.chunk(0)
    return chunk.dictionary.to_pylist(), chunk.indices.to_numpy()
