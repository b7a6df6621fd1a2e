"""What comes in: a body from outside as lines we answer for, and a sentence for each line that stays out.

Pure: no disk, no network. Whoever writes to us may be a script with a wrong unit of time or a loop that invents
tags, so names, times and the number of series are bounded here, before anything is kept.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dc_monitor.clock import NANOSECONDS
from dc_monitor.errors import Malformed
from dc_monitor.history.archive import DAY, site_folder
from dc_monitor.names import LEVELS, METHODS, WORDS
from dc_monitor.wire import BadLine, Line, Parser, encode_line

EARLIEST = 946_684_800 * NANOSECONDS  # 2000-01-01
LATEST = 4_102_444_800 * NANOSECONDS  # 2100-01-01
LONGEST_KEY = 1024
MOST_FIELDS = 64
LONGEST_TEXT = 4096


class TooLarge(Exception):
    """A body, as sent or as unpacked, is larger than we take."""


class Admitted(NamedTuple):
    """What became of a body: `body` is the good lines as we keep them, with site and in nanoseconds."""

    body: bytes
    lines: list[Line]
    refused: list[BadLine]


class Admission:
    """Decides line by line; not thread-safe, so one thread asks.

    `default_site` is the site of lines without a tag, `known_sites` those the archive has. A process takes
    `site_limit` sites, and `series_limit` series of each a day: a tag that changes with every line would
    otherwise fill memory and disk.
    """

    def __init__(
        self, default_site: str, known_sites: Iterable[str] = (), series_limit: int = 20_000, site_limit: int = 100
    ) -> None:
        self._default_site = default_site
        self._sites = {default_site, *known_sites}
        self._site_limit = site_limit
        self._series_limit = series_limit
        self._parser = Parser()
        self._today = 0
        self._heads: dict[str, Line] = {}  # key as sent → the line without fields, complete
        self._series: dict[str, int] = {}  # site → series seen today

    def admit(self, body: bytes, precision: str, now: int) -> Admitted:
        """Lines of `body`; `now` (nanoseconds UTC) stamps those without a time.

        Raises `ValueError` for an unknown precision.
        """
        if now // DAY != self._today:
            self._today = now // DAY
            self._heads.clear()
            self._series.clear()
        lines, refused = self._parser.parse(body, precision, now)
        good: list[Line] = []
        reasons: dict[int, str] = {}  # index into lines → why not
        for at, line in enumerate(lines):
            try:
                good.append(self._complete(line))
            except ValueError as error:
                reasons[at] = str(error)
        if reasons:
            numbers = _line_numbers(body, refused)
            refused.extend(BadLine(numbers[at], reason, lines[at].key[:80]) for at, reason in reasons.items())
            refused.sort()
        kept = b"".join(encode_line(line.measurement, line.tags, line.fields, line.time) for line in good)
        return Admitted(kept, good, refused)

    def _complete(self, line: Line) -> Line:
        """The line with its site; raises `ValueError` with the reason why it stays out."""
        if not EARLIEST <= line.time < LATEST:
            raise ValueError(f"time {line.time} ns is not between 2000 and 2100; is the precision right?")
        _check_fields(line)
        head = self._heads.get(line.key)
        if head is None:
            head = self._new_series(line)
            self._heads[line.key] = head
        return head._replace(fields=line.fields, time=line.time)

    def _new_series(self, line: Line) -> Line:
        if len(line.key) > LONGEST_KEY:
            raise ValueError(f"measurement and tags of {len(line.key)} characters; at most {LONGEST_KEY}")
        tags = _complete_tags(line, self._default_site)
        site = tags["site"]
        if site not in self._sites:
            site_folder(site)
            if len(self._sites) >= self._site_limit:
                raise ValueError(f'site "{site}" would be one more than the {self._site_limit} this process takes')
            self._sites.add(site)
        count = self._series.get(site, 0)
        if count >= self._series_limit:
            raise ValueError(f'site "{site}" has sent {count} series today, and no more are taken; is a tag a value?')
        self._series[site] = count + 1
        key = ",".join((line.measurement, *(f"{tag}={value}" for tag, value in sorted(tags.items()))))
        return Line(key, line.measurement, tags, {}, 0)


def unpack(content: bytes, encoding: str, most: int) -> bytes:
    """The body behind a Content-Encoding, at most `most` bytes of it.

    Raises
    ------
    TooLarge
        It would unpack to more; nothing beyond `most` was unpacked.
    Malformed
        The encoding is not one we know, or the bytes are not what it says.
    """
    if encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip"):
        raise Malformed(f"Content-Encoding {encoding[:20]!r}: expected gzip or none")
    parts: list[bytes] = []
    room = most
    try:
        while content:  # a gzip file may have several members
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(content, room + 1))
            room -= len(parts[-1])
            if room < 0:
                raise TooLarge
            if not member.eof:
                raise Malformed("the gzip body ends too early")
            content = member.unused_data
    except zlib.error as error:
        raise Malformed(f"the body is not gzip: {error}") from error
    return b"".join(parts)


def _check_fields(line: Line) -> None:
    fields = line.fields
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"{len(fields)} fields; at most {MOST_FIELDS}")
    word = WORDS.get(line.measurement)
    if word in fields and isinstance(fields[word], str):
        raise ValueError(f"field {word}: expected a number, a field keeps its type for ever")
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise ValueError(f"field {name}: text of {len(value)} characters; at most {LONGEST_TEXT}")


def _complete_tags(line: Line, default_site: str) -> Mapping[str, str]:
    tags = {"site": default_site, **line.tags}
    if line.measurement in WORDS and "device" in tags:  # a reading, perhaps of a script that writes only what it must
        tags = {"point": "total", "method": "measured", **tags}
        for tag, known in (("method", METHODS), ("level", ("", *LEVELS))):
            if tags.get(tag, "") not in known:
                raise ValueError(f'tag {tag} = "{tags[tag][:20]}": expected one of {", ".join(filter(None, known))}')
    return tags


def _line_numbers(body: bytes, bad: Iterable[BadLine]) -> list[int]:
    """Line numbers of the lines that were parsed, in order."""
    unparsed = {one.line for one in bad}
    texts = ((number, raw.decode(errors="replace").strip()) for number, raw in enumerate(body.split(b"\n"), 1))
    return [number for number, text in texts if text and not text.startswith("#") and number not in unparsed]
