"""Readings ↔ line protocol bytes; the only place that knows both.

One point a line: `measurement,tag=value field=1.0 time`. The measurement is the quantity, the tags say where
(`names.TAGS`), the field key is the unit in words and a float for ever, the time integer nanoseconds UTC.
Reading accepts all of line protocol (Telegraf and scripts write to us too); writing makes only this form.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dc_monitor.names import WORDS
from dc_monitor.readings import Reading, Series

PRECISIONS = {"ns": 1, "us": 1_000, "u": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "n": 1}
FORM = 1
"""Version of what we write: rises when a name or a unit on the wire changes its meaning."""

# A backslash in a name cannot be told from an escape by every server, so it is not written.
_TAG_ESCAPE = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\\": "/"})
_NAME_ESCAPE = str.maketrans({",": r"\,", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\\": "/"})
_UNESCAPE = re.compile(r"\\([,= ])")
_UNESCAPE_TEXT = re.compile(r"\\([\\\"])")
_KEY_END = re.compile(r"(?<!\\) +")
_COMMA = re.compile(r"(?<!\\),")
_EQUALS = re.compile(r"(?<!\\)=")
_KNOWN_KEYS_LIMIT = 200_000
_MAX_TIME = 2**63 - 1
_BLANKS = " \t\r"


class Line(NamedTuple):
    """One point as it came: `key` is measurement and tags as written, the same for every point of a series."""

    key: str
    measurement: str
    tags: Mapping[str, str]
    fields: dict[str, float | str]
    time: int


class BadLine(NamedTuple):
    """A line that is no point: its number from 1, why, and the beginning of its text."""

    line: int
    reason: str
    text: str


class Encoder:
    """Turns readings of one device into lines; remembers the unchanging head of each series.

    `tags` are those the configuration knows (site, room, rack); empty ones are left out.
    """

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._where = "".join(f",{key}={_tag(value)}" for key, value in tags.items() if value)
        self._heads: dict[Series, str] = {}

    def encode(self, readings: Iterable[Reading]) -> tuple[bytes, int]:
        """Lines for `readings`, and how many; a value that is not finite is no value and is left out."""
        lines: list[str] = []
        for series, value, time, text, low, high in readings:
            if not math.isfinite(value):
                continue
            head = self._heads.get(series) or self._head(series)
            if text is not None:
                lines.append(f'{head}{value!r},text="{_string(text)}" {time}\n')
            elif low is not None and high is not None:
                word = WORDS[series.quantity]
                lines.append(f"{head}{value!r},{word}_low={low!r},{word}_high={high!r} {time}\n")
            else:
                lines.append(f"{head}{value!r} {time}\n")
        return "".join(lines).encode(), len(lines)

    def _head(self, series: Series) -> str:
        where = f"{self._where},device={_tag(series.device)},point={_tag(series.point)}"
        head = f"{series.quantity}{where},level={series.level},method={series.method} {WORDS[series.quantity]}="
        self._heads[series] = head
        return head


def encode_line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, float | str], time: int) -> bytes:
    """One line from its parts; for what is not a reading (device state, figures). Empty tags are left out."""
    head = measurement.translate(_NAME_ESCAPE) + "".join(f",{_tag(k)}={_tag(v)}" for k, v in tags.items() if v)
    body = ",".join(
        f'{_tag(key)}="{_string(value)}"' if isinstance(value, str) else f"{_tag(key)}={float(value)!r}"
        for key, value in fields.items()
    )
    return f"{head} {body} {time}\n".encode()


class Parser:
    """Reads line protocol; remembers series keys, which come again with every poll."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, str, Mapping[str, str]]] = {}

    def parse(self, body: bytes, precision: str = "ns", now: int = 0) -> tuple[list[Line], list[BadLine]]:
        """Points of `body` and its bad lines; `now` stamps a line without a time.

        Raises `ValueError` only for an unknown precision; everything else is told by line.
        """
        scale = PRECISIONS.get(precision)
        if scale is None:
            raise ValueError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
        good: list[Line] = []
        bad: list[BadLine] = []
        for number, raw in enumerate(body.split(b"\n"), 1):
            try:
                line = self.line(raw, scale, now)
            except UnicodeDecodeError:
                bad.append(BadLine(number, "not UTF-8", repr(raw[:80])))
            except ValueError as error:
                bad.append(BadLine(number, str(error), raw.decode().strip(_BLANKS)[:80]))
            else:
                if line is not None:
                    good.append(line)
        return good, bad

    def line(self, raw: bytes, scale: int = 1, now: int = 0) -> Line | None:
        """One line, its time in units of `scale` nanoseconds; None for a comment and for nothing.

        Raises `ValueError` with the reason when it is no point.
        """
        text = raw.decode().strip(_BLANKS)
        return None if not text or text.startswith("#") else self._line(text, scale, now)

    def _line(self, text: str, scale: int, now: int) -> Line:
        space = _KEY_END.search(text)
        if space is None:
            raise ValueError("expected `measurement,tags fields time`")
        key, rest = text[: space.start()], text[space.end() :]
        if "\\" in rest or '"' in rest:
            parts = [part for part in _split_outside(rest, " ") if part]
            field_parts = _split_outside(parts[0], ",") if parts else []
        else:
            parts = [part for part in rest.split(" ") if part]
            field_parts = parts[0].split(",") if parts else []
        if len(parts) not in (1, 2):
            raise ValueError("expected `measurement,tags fields time`")
        fields = dict(_field(*_halve(part)) for part in field_parts)
        known = self._keys.get(key)
        if known is None:
            known = (key, *_parse_key(key))
            if len(self._keys) >= _KNOWN_KEYS_LIMIT:
                self._keys.clear()
            self._keys[key] = known
        return Line(*known, fields, _time(parts[1], scale, now) if len(parts) == 2 else now)


def parse_lines(body: bytes, precision: str = "ns", now: int = 0) -> tuple[list[Line], list[BadLine]]:
    """Points and bad lines of one body; see `Parser` for many."""
    return Parser().parse(body, precision, now)


def _tag(value: str) -> str:
    return value.translate(_TAG_ESCAPE) or "_"


def _string(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")


def _time(text: str, scale: int, now: int) -> int:
    try:
        time = int(text) * scale
    except ValueError:
        raise ValueError(f"time {text[:30]!r} is not an integer") from None
    if not -_MAX_TIME <= time <= _MAX_TIME:
        raise ValueError(f"time {text[:30]} is outside 1677 to 2262; is the precision right?")
    return time


def _halve(part: str) -> tuple[str, str]:
    halves = _split_outside(part, "=") if "\\" in part else part.split("=", 1)
    if len(halves) < 2 or not halves[0]:
        raise ValueError(f"field {part[:30]!r}: expected key=value")
    return halves[0], "=".join(halves[1:])


def _field(key: str, text: str) -> tuple[str, float | str]:
    key = _UNESCAPE.sub(r"\1", key)
    if text[:1] == '"':
        if len(text) < 2 or text[-1] != '"':
            raise ValueError(f"field {key}: text without its closing quote")
        return key, _UNESCAPE_TEXT.sub(r"\1", text[1:-1])
    try:
        value = float(text)
    except ValueError:
        value = _other_number(key, text)
    if not math.isfinite(value):
        raise ValueError(f"field {key}: {text[:20]} is not a finite number")
    return key, value


def _other_number(key: str, text: str) -> float:
    """Integers (`1i`, `1u`) and booleans: a field is a float for ever, so they become one."""
    if text.lower() in ("t", "true"):
        return 1.0
    if text.lower() in ("f", "false"):
        return 0.0
    if text[-1:] in ("i", "u") and text[:-1].lstrip("-").isdecimal():
        return float(text[:-1])
    raise ValueError(f"field {key}: {text[:20]!r} is neither a number nor a quoted text")


def _parse_key(key: str) -> tuple[str, Mapping[str, str]]:
    head, *parts = _COMMA.split(key)
    if not head:
        raise ValueError("no measurement name")
    tags = {}
    for part in parts:
        halves = _EQUALS.split(part)
        if len(halves) != 2 or not halves[0] or not halves[1]:
            raise ValueError(f"tag {part[:30]!r}: expected key=value")
        tags[_UNESCAPE.sub(r"\1", halves[0])] = _UNESCAPE.sub(r"\1", halves[1])
    return _UNESCAPE.sub(r"\1", head), tags


def _split_outside(text: str, separator: str) -> list[str]:
    """Split at separators that are neither escaped nor inside a quoted text.

    A text begins with a quote right after an equals sign; a quote elsewhere is part of a name.
    """
    parts: list[str] = []
    start = 0
    quoted = escaped = after_equals = False
    for at, character in enumerate(text):
        opens = after_equals
        after_equals = False
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and (quoted or opens):
            quoted = not quoted
        elif not quoted:
            after_equals = character == "="
            if character == separator:
                parts.append(text[start:at])
                start = at + 1
    if quoted:
        raise ValueError("text without its closing quote")
    parts.append(text[start:])
    return parts
