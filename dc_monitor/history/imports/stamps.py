"""Texts as times, in the formats the file is said to use.

Formats are written as for `strptime`. The library's own is not asked: it takes 30 February for 2 March, and many times
as long. Texts are sorted by their shape, which is where they have digits: in texts of one shape each part of the time
stands at the same place, so it is read from all of them at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DIGITS = {"Y": (4, 4), "y": (2, 2), **dict.fromkeys("mdHIMS", (1, 2)), "f": (1, 9)}  # fewest and most
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WORDS = {"b": _MONTHS, "p": ["am", "pm"]}
KNOWN = ", ".join(f"%{one}" for one in (*_DIGITS, *_WORDS, "z"))
UNIX = {"unix": NANOSECONDS, "unix-ms": 10**6, "unix-us": 10**3, "unix-ns": 1}
ISO = (
    *(f"%Y-%m-%d{middle}%H:%M{rest}{zone}" for middle in "T " for rest in (":%S", "", ":%S.%f") for zone in ("%z", "")),
    "%Y-%m-%d",
)
_LONGEST = 48
"""Characters of a time; their places are bits of a shape."""
_MOST_SHAPES = 1000
"""A column of times has a few, one of texts has thousands, and is not worth the time."""

_FIRST_YEAR = 1600
_YEAR_STARTS = np.arange(_FIRST_YEAR, 2400).astype(str).astype("M8[Y]").astype("M8[D]").astype(np.int64)
_MONTH_STARTS = np.array(
    [np.arange(f"{year}-01", f"{year + 1}-02", dtype="M8[M]").astype("M8[D]").astype(np.int64) for year in (2023, 2024)]
)
_MONTH_STARTS -= _MONTH_STARTS[:, :1]


class Stamps(NamedTuple):
    """Times [ns]: UTC where `utc` is set, else what a local clock showed. Only those with `ok` mean anything.

    `midnight` marks those written as 24:00, which is the beginning of the next day. Shape (n,) each.
    """

    time: Counts
    utc: Mask
    ok: Mask
    midnight: Mask

    @classmethod
    def nothing(cls, size: int) -> "Stamps":
        """None of `size` texts read yet."""
        return cls(np.zeros(size, np.int64), *(np.zeros(size, np.bool_) for _ in range(3)))


@dataclass(frozen=True)
class Clock:
    """Reads the times of a file, each in the first of `formats` that fits it; a number stands for so many ns."""

    formats: Sequence["Format | int"]

    @classmethod
    def of(cls, written: Sequence[str]) -> "Clock":
        """Formats as a person writes them: `iso`, `unix-ms`, `%d/%m/%Y %H:%M`; raises `ValueError`."""
        formats: list[Format | int] = []
        for one in written:
            formats += [UNIX[one]] if one in UNIX else [Format(text) for text in (ISO if one == "iso" else (one,))]
        return cls(formats)

    def read(self, column: pa.Array) -> Stamps:
        """Times of a column: texts, or what is a time, a day or a count already."""
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return _given(column)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            column = column.cast(pa.string())
        texts = pc.utf8_trim_whitespace(pc.fill_null(column, "")).cast(pa.string())
        found = Stamps.nothing(len(texts))
        characters, length = _matrix(texts)
        for rows in _same_shape(characters, length):
            some, width = characters[:, rows], int(length[rows[0]])
            for format_ in self.formats:
                unread = ~found.ok[rows]
                if not unread.any():
                    break
                if isinstance(format_, int):
                    read = _counted(texts.take(pa.array(rows)), format_)
                else:
                    read = format_.read(some, width) or Stamps.nothing(rows.size)
                good = rows[unread & read.ok]
                for ours, its in zip(found, read, strict=True):
                    ours[good] = its[unread & read.ok]
        return found


class Format:
    """One `strptime` format; raises `ValueError` for what it does not know."""

    def __init__(self, written: str) -> None:
        self.written = written
        self._parts = [*_parts(written)]
        if not {"d"} < set(self._parts) or not {"m", "b"} & {*self._parts} or not {"Y", "y"} & {*self._parts}:
            raise ValueError(f'"{written}": expected year, month and day, such as "%d/%m/%Y %H:%M"')
        if ("I" in self._parts) != ("p" in self._parts):
            raise ValueError(f'"{written}": %I and %p go together, or nobody knows morning from afternoon')

    def read(self, characters: Bytes, length: int) -> Stamps | None:
        """Times of texts of one shape, one row a place; None where no text of this shape has the format."""
        digits = [bool(code < 10) for code in characters[:, 0] - np.uint8(48)]  # wraps around below "0"
        ok = np.ones(characters.shape[1], np.bool_)
        found: dict[str, Counts] = {}
        at = 0
        for part in self._parts:
            if part in _DIGITS:
                least, most = _DIGITS[part]
                count = next((one for one in range(most) if not digits[at + one]), most)
                if count < least:
                    return None
                found[part] = _number(characters[at : at + count])
                if part == "f":
                    found[part] *= 10 ** (9 - count)
            elif part in _WORDS:
                count = len(_WORDS[part][0])
                if at + count > length:
                    return None
                found["m" if part == "b" else part] = _word(characters[at : at + count], _WORDS[part], ok)
            elif part == "z":
                offset = _offset(characters[at:length], ok)
                if offset is None:
                    return None
                found[part], count = offset, length - at
            else:
                ok &= characters[at] == ord(part[1])
                count = 1
            at += count
            if at > length:
                return None
        return _assembled(found, ok) if at == length else None


def _parts(written: str) -> Iterator[str]:
    """Letters of the directives, and literal characters each behind a `'`."""
    characters = iter(written)
    for character in characters:
        letter = next(characters, "") if character == "%" else ""
        if character != "%" or letter == "%":
            if not character.isascii():
                raise ValueError(f'"{written}": {character} is not known here')
            yield "'" + character
        elif letter in (*_DIGITS, *_WORDS, "z"):
            yield letter
        else:
            raise ValueError(f'"{written}": %{letter} is not known here; known are {KNOWN}')


def _matrix(texts: pa.StringArray) -> tuple[Bytes, Counts]:
    """Characters of texts, one row a place and zeros behind their ends, and their lengths."""
    _, offsets_buffer, data_buffer = texts.buffers()
    if not len(texts):
        return np.zeros((1, 0), np.uint8), np.zeros(0, np.int64)
    offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    length = np.diff(offsets)
    width = min(int(length.max()), _LONGEST)
    characters = np.zeros((width + 10, len(texts)), np.uint8)  # a part may look that far behind the end
    if not width:
        return characters, length
    data = np.frombuffer(data_buffer, np.uint8)
    if bool((length == width).all()):
        characters[:width] = data[offsets[0] : offsets[-1]].reshape(-1, width).T
    else:
        places = np.arange(width)[:, None]
        source = np.minimum(offsets[:-1] + places, data.size - 1)
        characters[:width] = np.where(places < length, data[source], 0)
    return characters, length


def _same_shape(characters: Bytes, length: Counts) -> Iterator[NDArray[np.intp]]:
    """Indices of texts of one shape, the most frequent first; too long ones and rare shapes beyond the limit never."""
    shape = length.astype(np.uint64) << np.uint64(_LONGEST)
    for place in range(min(characters.shape[0], _LONGEST)):
        digit = (characters[place] - np.uint8(48)) < 10
        shape |= digit.astype(np.uint64) << np.uint64(place)
    usable = (length > 0) & (length <= _LONGEST)
    if length.size and usable.all() and bool((shape == shape[0]).all()):
        yield np.arange(length.size)
        return
    rows = np.flatnonzero(usable)
    order = rows[np.argsort(shape[rows], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(shape[order])) + 1) if order.size else []
    yield from sorted(groups, key=len, reverse=True)[:_MOST_SHAPES]


def _number(digits: Bytes) -> Counts:
    value = np.zeros(digits.shape[1], np.int64)
    for row in digits:
        value = value * 10 + (row - np.uint8(48))
    return value


def _word(letters: Bytes, words: Sequence[str], ok: Mask) -> Counts:
    """Which of `words`, in any case: a month from 1, the half of a day from 0. What is none of them is not `ok`."""
    lower = letters | np.uint8(0x20)
    found = np.full(letters.shape[1], -1)
    for at, word in enumerate(words):
        codes = np.frombuffer(word.encode(), np.uint8)[:, None]
        found[(lower == codes).all(axis=0)] = at
    ok &= found >= 0
    return found + 1 if words is _MONTHS else found


def _offset(characters: Bytes, ok: Mask) -> Counts | None:
    """`Z`, `+01`, `+0100`, `+01:00` as nanoseconds; None for another shape."""
    count = characters.shape[0]
    if count == 1:
        ok &= (characters[0] | 0x20) == ord("z")
        return np.zeros(ok.size, np.int64)
    digits = [row for row in range(1, count) if not (count == 6 and row == 3)]
    if count not in (3, 5, 6) or any(characters[row, 0] - np.uint8(48) > 9 for row in digits):
        return None
    if count == 6:
        ok &= characters[3] == ord(":")
    value = _number(characters[digits])
    hours, minutes = (value // 100, value % 100) if count > 3 else (value, value * 0)
    ok &= ((characters[0] == ord("+")) | (characters[0] == ord("-"))) & (hours < 24) & (minutes < 60)
    sign = np.where(characters[0] == ord("-"), -1, 1)
    return np.asarray(sign * (hours * 60 + minutes) * 60 * NANOSECONDS)


def _assembled(found: dict[str, Counts], ok: Mask) -> Stamps:
    """Parts of a time as one, where the calendar knows it."""
    none = np.zeros(ok.size, np.int64)
    year = found["Y"] if "Y" in found else found["y"] + 2000
    month, day, hour = found["m"], found["d"], found.get("H", none)
    minute, second, rest = found.get("M", none), found.get("S", none), found.get("f", none)
    if "I" in found:
        ok &= (found["I"] >= 1) & (found["I"] <= 12)
        hour = found["I"] % 12 + 12 * found["p"]
    midnight = (hour == 24) & (minute == 0) & (second == 0) & (rest == 0)
    ok &= (month >= 1) & (month <= 12) & (year >= _FIRST_YEAR) & (year < _FIRST_YEAR + len(_YEAR_STARTS))
    ok &= (day >= 1) & ((hour < 24) | midnight) & (minute < 60) & (second < 60)
    leap = (((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)).astype(np.intp)
    index = np.clip(month, 1, 12)
    start = _MONTH_STARTS[leap, index - 1]
    ok &= day <= _MONTH_STARTS[leap, index] - start
    days = _YEAR_STARTS[np.clip(year - _FIRST_YEAR, 0, len(_YEAR_STARTS) - 1)] + start + day - 1
    time = (((days * 24 + hour) * 60 + minute) * 60 + second) * NANOSECONDS + rest
    return Stamps(time - found.get("z", none), np.full(ok.size, "z" in found), ok, midnight & ok)


def _counted(texts: pa.StringArray, scale: int) -> Stamps:
    """So many times `scale` nanoseconds since 1970, with a fraction if you like."""
    found = Stamps.nothing(len(texts))
    parts = pc.extract_regex(texts, r"^(?P<whole>-?\d{1,19})(?P<rest>\.\d{1,9})?$")
    ok = np.array(pc.is_valid(parts).to_numpy(zero_copy_only=False))
    good = pc.filter(parts, pa.array(ok))
    whole = good.field("whole").cast(pa.float64()).to_numpy()
    ok[ok] = np.abs(whole) * scale < 2.0**63 - 1024  # a time that fits
    good = pc.filter(parts, pa.array(ok))
    rest = pc.if_else(pc.equal(good.field("rest"), ""), "0", good.field("rest")).cast(pa.float64()).to_numpy()
    found.time[ok] = good.field("whole").cast(pa.int64()).to_numpy() * scale + np.rint(rest * scale).astype(np.int64)
    found.utc[ok] = found.ok[ok] = True
    return found


def _given(column: pa.Array) -> Stamps:
    """A column of times or days, with its own zone or without one."""
    ok = np.array(pc.is_valid(column).to_numpy(zero_copy_only=False))
    utc = pa.types.is_timestamp(column.type) and column.type.tz is not None
    moments = column.cast(pa.timestamp("ns", tz=column.type.tz if utc else None), safe=False).cast(pa.int64())
    time = pc.fill_null(moments, 0).to_numpy(zero_copy_only=False)
    return Stamps(time, np.full(ok.size, utc), ok, np.zeros(ok.size, np.bool_))
