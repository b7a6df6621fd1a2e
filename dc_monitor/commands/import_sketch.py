"""A map to fill in: what can be seen in a file, with nothing decided."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dc_monitor.errors import DcMonitorError
from dc_monitor.history.imports.header import SEARCHED, SEPARATORS, cells, shown

_HEAD = """# The map of {file}: docs/import.md explains it. What stands here was seen, and is for you to check; what is
# empty is for you to say, and what you do not want can go. A mean or an amount of each step also has kind = "interval",
# its step = "30 min" and stamped = "start" or "end"; a register that counts up has kind = "counter".
{csv}time = ""
time_format = "iso"  # or such as "%d/%m/%Y %H:%M"
timezone = ""        # that of the site, if it stays empty
device = ""          # whose readings these are
"""
_SERIES = """
[[series]]  # {example}
column = "{name}"
point = ""
quantity = ""
unit = ""
"""


def sketch(file: Path) -> str:
    """The map, its columns and the first values of each. Raises `DcMonitorError` when the file cannot be read."""
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
        if start == b"PAR1":
            head = pq.ParquetFile(file).schema_arrow
            names, values, csv = head.names, [str(kind) for kind in head.types], ""
        else:
            with gzip.open(file) if start.startswith(b"\x1f\x8b") else file.open("rb") as stream:
                names, values, csv = _table(stream.read(1 << 20).decode("utf-8-sig", "replace"))
    except (OSError, EOFError, pa.ArrowException) as error:
        raise DcMonitorError(f"{file}: cannot be read: {error}") from error
    series = [
        _SERIES.format(name=_quoted(name), example=shown(example)) for name, example in zip(names, values, strict=False)
    ]
    return _HEAD.format(file=file.name, csv=csv) + "".join(series)


def _quoted(name: str) -> str:
    """A name as a TOML text holds it."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in name)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _table(text: str) -> tuple[list[str], list[str], str]:
    """Names and example values of the columns: of the line from which on most lines are cut into as many cells."""
    lines = [line for line in text.splitlines()[:SEARCHED] if line.strip()]
    best: tuple[int, int, str, int] = (0, 0, ",", 0)
    for mark in SEPARATORS:
        widths = [len(cells(line, mark, '"')) for line in lines]
        width = max(widths, key=widths.count, default=0)
        best = max(best, (widths.count(width) * (width > 1), width, mark, widths.index(width) if widths else 0))
    _, _, mark, at = best
    rows = [cells(line, mark, '"') for line in lines[at : at + 4]]
    names = rows[0] if rows else []
    examples = [", ".join(row[place] for row in rows[1:] if place < len(row)) for place in range(len(names))]
    return names, examples, f"separator = {SEPARATORS[mark]}\n"
