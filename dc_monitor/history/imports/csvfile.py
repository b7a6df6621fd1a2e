"""CSV as it comes: lines above the header, quotes, blank lines, footers, other encodings; never all of it in memory.

The file is cut at ends of lines into blocks, each of which is parsed at once, so that every row knows its line.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from numpy.typing import NDArray

from dc_monitor.errors import Malformed
from dc_monitor.history.imports.header import SEARCHED, Header, cells, contradiction, find, header
from dc_monitor.history.imports.mapping import Plan
from dc_monitor.history.imports.source import Block
from dc_monitor.history.imports.tally import LEFT_OUT, Tally

BLOCK = 8 << 20
"""Bytes parsed at once; a row of the file is not longer."""

_TRIES = 200  # ends of lines that may lie within a quoted text
_OPEN_QUOTE = 'a quotation mark is opened and never closed; if it is none, say quote = ""'
_WIDTH_CURE = 'lines that are no data may be left out, such as ignore = ["^Total"]'


class CsvFile:
    """An open CSV file, `codec` being how it is compressed; see `source.Source`."""

    place = "line"

    def __init__(self, file: BinaryIO, codec: str | None, plan: Plan, tally: Tally) -> None:
        self._file, self._plan, self._tally = file, plan, tally
        self._stream = pa.CompressedInputStream(file, codec) if codec else file  # kept, for its end closes the file
        self._chunks = _utf8(self._stream, plan.encoding)
        self._quote = plan.quote.encode()
        self._numbers = not plan.notation.thousands  # whether values may be parsed as numbers at once
        self.done = 0
        self._rest = b""
        while self._rest.count(b"\n") <= SEARCHED and len(self._rest) < BLOCK and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        self._line = 1
        self._header = self._find_header()

    def blocks(self) -> Iterator[Block]:
        """Rows below the header."""
        while True:
            whole, self._rest = self._cut(self._rest)
            if whole:
                yield self._parsed(whole)
            chunk = next(self._chunks, b"")
            self.done = self._file.tell()
            if not chunk:
                break
            self._rest += chunk
        if self._rest:
            self._refuse_open_quote(self._rest)
            yield self._parsed(self._rest)

    def _find_header(self) -> Header:
        """Where the columns stand; the rest begins behind the header then."""
        plan = self._plan
        if not self._rest:
            raise Malformed("is empty")
        lines = self._rest.split(b"\n", SEARCHED)
        texts = [self._text(line, number) for number, line in enumerate(lines[:SEARCHED], 1)]
        if plan.columns:
            places = find(plan.wanted(), plan.columns)
            found: Header | str = places if isinstance(places, str) else Header(places, len(plan.columns), 0)
        else:
            found = header(texts, [*plan.wanted()], plan.separator, plan.quote)
        if isinstance(found, str):
            raise Malformed(found)
        complaint = contradiction(texts[: found.line], plan.expect, plan.separator, plan.quote)
        if complaint:
            raise Malformed(complaint)
        self._line = found.line + 1
        self._rest = b"\n".join(lines[found.line :])
        above = texts[found.line - 1] if found.line else self._plan.separator.join(self._plan.columns)
        return found._replace(width=self._width(above, texts[found.line :]))

    def _width(self, above: str, below: list[str]) -> int:
        """Columns of the rows: a separator at the end of the header or of the rows alone makes no column."""
        names = cells(above, self._plan.separator, self._plan.quote)
        row = cells(next((text for text in below if text.strip()), ""), self._plan.separator, self._plan.quote)
        if (len(row) == len(names) + 1 and not row[-1]) or (len(row) == len(names) - 1 and not names[-1]):
            return len(row)
        return len(names)

    def _cut(self, held: bytes) -> tuple[bytes, bytes]:
        """What can be parsed now, whole rows, and what must wait for more."""
        end = held.rfind(b"\n") + 1
        if self._quote and self._quote in held:
            for _ in range(_TRIES):
                if held.count(self._quote, 0, end) % 2 == 0:
                    break
                end = held.rfind(b"\n", 0, end - 1) + 1
            else:
                end = 0
        if not end and len(held) > 2 * BLOCK:
            self._refuse_open_quote(held)
            raise Malformed(f"line {self._line}: no end of line in {len(held) >> 20} MiB; is it a CSV?")
        return held[:end], held[end:]

    def _refuse_open_quote(self, held: bytes) -> None:
        if self._quote and held.count(self._quote) % 2:
            ends = np.flatnonzero(np.frombuffer(held, np.uint8) == ord("\n"))
            outside = ends[_outside(held, self._quote)[ends]]
            start = int(outside[-1]) + 1 if outside.size else 0
            line = self._line + held.count(b"\n", 0, held.index(self._quote, start))
            raise Malformed(f"line {line}: {_OPEN_QUOTE}")

    def _parsed(self, block: bytes) -> Block:
        plan, invalid = self._plan, list[pc.InvalidRow]()

        def set_aside(row: pc.InvalidRow) -> str:
            invalid.append(row)
            return "skip"

        names = [str(place) for place in range(self._header.width)]
        places = {wanted: str(place) for wanted, place in self._header.places.items()}
        texts = {places[name] for name in plan.texts()}
        values = {places[one.column] for one in plan.series} - texts if self._numbers else set[str]()
        try:
            table = pc.read_csv(
                pa.BufferReader(block),
                pc.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
                pc.ParseOptions(
                    delimiter=plan.separator,
                    quote_char=plan.quote or False,
                    newlines_in_values=bool(plan.quote),
                    ignore_empty_lines=False,
                    invalid_row_handler=set_aside,
                ),
                pc.ConvertOptions(
                    column_types={name: pa.float64() if name in values else pa.string() for name in places.values()},
                    include_columns=[*dict.fromkeys(places.values())],
                    null_values=["", *plan.notation.missing],
                    decimal_point=plan.notation.decimal,
                    strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            if not values:
                self._text(block, self._line)
                raise Malformed(f"line {self._line}: cannot be cut into rows: {str(error)[:200]}") from error
            self._numbers = False  # a number in a form of its own: from here on we read them ourselves
            return self._parsed(block)
        columns = {wanted: table[place].combine_chunks() for wanted, place in places.items()}
        if any(_odd(table[place]) for place in values):
            self._numbers = False
            return self._parsed(block)
        lines, count = self._lines(block)
        if lines.size != table.num_rows + len(invalid):
            raise Malformed(f'line {self._line}: quotation marks inside texts; if they quote nothing, say quote = ""')
        bad = np.array([row.number - 1 for row in invalid], np.int64)
        self._tell_invalid(invalid, lines[bad])
        self._line += count
        return Block(columns, np.delete(lines, bad))

    def _lines(self, block: bytes) -> tuple[NDArray[np.int64], int]:
        """The line on which each row begins, and how many lines there are."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        count = ends.size + (not block.endswith(b"\n"))
        lines = np.arange(self._line, self._line + count)
        if self._quote and self._quote in block:
            inside = np.flatnonzero(~_outside(block, self._quote)[ends])  # ends of lines that end no row
            lines = np.delete(lines, inside + 1)
        return lines, count

    def _tell_invalid(self, invalid: list[pc.InvalidRow], lines: NDArray[np.int64]) -> None:
        for row, line in zip(invalid, lines, strict=True):
            here = np.array([line])
            if any(pattern.search(row.text) for pattern in self._plan.ignore):
                self._tally.add(LEFT_OUT, "lines to ignore, as told", here)
            else:
                why = f"has {row.actual_columns} columns and not {row.expected_columns}"
                self._tally.refuse_rows(why, here, _WIDTH_CURE)

    def _text(self, content: bytes, line: int) -> str:
        try:
            text = content.rstrip(b"\r").decode()
        except UnicodeDecodeError as error:
            line += content.count(b"\n", 0, error.start)
            other = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "cp1252"
            raise Malformed(
                f'line {line}: not {self._plan.encoding}; say how it is written, such as encoding = "{other}"'
            ) from None
        if "\0" in text:
            raise Malformed(f'line {line}: holds zero bytes; is it damaged, or is it encoding = "utf-16"?')
        return text


def _utf8(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Bytes in UTF-8, without a mark at the beginning."""
    decoder = None if encoding in ("utf-8", "utf-8-sig") else codecs.getincrementaldecoder(encoding)()
    first = True
    try:
        while content := stream.read(BLOCK):
            chunk = decoder.decode(content).encode() if decoder else bytes(content)
            if first:
                chunk, first = chunk.removeprefix(codecs.BOM_UTF8), False
            yield chunk
    except UnicodeDecodeError as error:
        raise Malformed(f"is not {encoding}: {error.reason}") from None
    except OSError as error:
        raise Malformed(f"cannot be read to its end: {error.strerror or error}") from None


def _outside(content: bytes, quote: bytes) -> NDArray[np.bool_]:
    """Which bytes lie outside of quotes."""
    marks = np.frombuffer(content, np.uint8) == quote[0]
    return np.asarray(np.cumsum(marks, dtype=np.uint8) & 1 == 0)


def _odd(column: pa.ChunkedArray) -> bool:
    """Whether there is a value that is no number and not missing."""
    return bool((~np.isfinite(column.drop_null().to_numpy(zero_copy_only=False))).any())
