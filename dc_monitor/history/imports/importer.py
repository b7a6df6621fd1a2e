"""One file into the archive: all that can be taken of it, or nothing."""

import datetime as dt
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dc_monitor.errors import DcMonitorError, Malformed
from dc_monitor.history import files, means, rows
from dc_monitor.history.archive import Archive
from dc_monitor.history.imports.csvfile import CsvFile
from dc_monitor.history.imports.days import days
from dc_monitor.history.imports.intake import Intake
from dc_monitor.history.imports.mapping import Plan, Series
from dc_monitor.history.imports.parquetfile import ParquetFile
from dc_monitor.history.imports.source import Source
from dc_monitor.history.imports.spill import Cells, Spill
from dc_monitor.history.imports.summary import SeriesSummary, Summary
from dc_monitor.history.imports.tally import Reason, Tally
from dc_monitor.names import WORDS

Progress = Callable[[int, int], None]
"""Told how many bytes were read and how many rows came of them."""

_STAGING = ".import-"
_LOCK = "lock"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(slots=True)
class FileResult:
    """What became of one file.

    `problem` is a sentence on why nothing of it was imported, or None. `taken` values were read and make sense; of
    these `stored` rows are made (an interval over midnight is two), of which `fresh` are new to the archive and
    `changed` replace another value there. `place` is what the lines of `reasons` count: `line` or `row`.
    """

    file: str
    problem: str | None = None
    rows: int = 0
    taken: int = 0
    stored: int = 0
    fresh: int = 0
    changed: int = 0
    days: int = 0
    newest_first: bool = False
    place: str = "line"
    series: Sequence[SeriesSummary] = ()
    reasons: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where values go: the archive in `folder`, a site in it, and the room and rack of devices that are known."""

    archive: Archive
    folder: Path
    site: str
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Importer:
    """Brings files of one plan into the archive; `dry_run` does all but that."""

    plan: Plan
    to: Destination
    progress: Progress
    dry_run: bool = False

    def file(self, path: Path) -> FileResult:
        """One file.

        Never raises for what the file is like: that is the `problem` of the result. Raises `DcMonitorError` when the
        archive cannot be written.
        """
        result = FileResult(str(path))
        tally = Tally([one.name for one in self.plan.series], self.plan.tolerate)
        try:
            with path.open("rb") as file, _staging(self.to.folder, self.dry_run) as staging:
                source = _opened(file, path, self.plan, tally)
                result.place = tally.place = source.place
                self._take(source, tally, staging, result)
        except Malformed as error:
            result = FileResult(str(path), f"{path}: {error}", result.rows, place=result.place)
        except OSError as error:
            problem = f"{path}: cannot be imported: {error.strerror or error}; nothing was"
            result = FileResult(str(path), problem, result.rows, place=result.place)
        result.reasons = [*tally.reasons.values()]
        return result

    def _take(self, source: Source, tally: Tally, staging: Path, result: FileResult) -> None:
        spill = Spill(staging)
        try:
            intake = Intake(self.plan, tally, spill)
            for block in source.blocks():
                intake.take(block)
                self.progress(source.done, intake.rows)
            intake.close()
            result.rows, result.newest_first = intake.rows, intake.descending
            summary = Summary(self.plan.series)
            staged: dict[dt.date, Path] = {}
            for number, cells in days(self.plan, tally, spill, summary):
                day = dt.date(1970, 1, 1) + dt.timedelta(days=number)
                result.days += 1
                lacking = self._lacking(day, cells, result)
                if len(lacking) and not self.dry_run:
                    staged[day] = staging / f"{day}.parquet"
                    staged[day].write_bytes(files.encoded(lacking))
            tally.check(finished=True)
            result.taken, result.series = summary.count, summary.told()
            if not result.taken:
                names = ", ".join(one.name for one in self.plan.series)
                raise Malformed(f"holds no value of {names}; nothing was imported")
            if not self.dry_run:
                self.to.archive.adopt(self.to.site, staged)
        finally:
            spill.close()

    def _lacking(self, day: dt.date, cells: Cells, result: FileResult) -> pa.Table:
        """Rows of a day that the archive has not yet."""
        new = table(cells, self.plan.series, self.to.places)
        keys = {(one.device, one.point, one.quantity) for one in self.plan.series}
        there = self.to.archive.day_rows(self.to.site, day, keys)
        clash = means.clash(there, new)
        if clash:
            raise Malformed(f"{clash}; nothing was imported")
        lacking, changed = rows.beyond(there, new)
        result.stored += len(new)
        result.changed += changed
        result.fresh += len(lacking) - changed
        return lacking


def table(cells: Cells, series: Sequence[Series], places: Mapping[str, tuple[str, str]]) -> pa.Table:
    """Cells, in the order of series, as rows of the archive."""
    runs = np.flatnonzero(np.append(True, (np.diff(cells["series"]) != 0) | (np.diff(cells["step"]) != 0)))
    kinds: dict[tuple[int, int], int] = {}
    pairs = zip(cells["series"][runs].tolist(), cells["step"][runs].tolist(), strict=True)
    which = np.repeat([kinds.setdefault(pair, len(kinds)) for pair in pairs], np.diff(np.append(runs, cells.size)))
    names = [_names(series[index], step, places) for index, step in kinds]
    nothing = pa.nulls(cells.size, pa.float64())
    numbers = [pa.array(cells["time"]), pa.array(cells["value"]), nothing, nothing]
    text = pa.nulls(cells.size, rows.SCHEMA.field("text").type)
    columns = [_texts([name[at] for name in names], which) for at in range(len(rows.SERIES))]
    return pa.Table.from_arrays([*columns, *numbers, text], schema=rows.SCHEMA)


def _names(one: Series, step: int, places: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """The identity of a series (`rows.SERIES`)."""
    room, rack = places.get(one.device, ("", ""))
    tags = means.tags(step) if step else ""
    return (one.quantity, one.device, one.point, one.level, one.method, room, rack, tags, WORDS[one.quantity])


def _texts(texts: Sequence[str], which: NDArray[np.int64]) -> pa.DictionaryArray:
    """For each row the text of its kind."""
    distinct = [*dict.fromkeys(texts)]
    codes = np.array([distinct.index(text) for text in texts], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[which]), pa.array(distinct, pa.string()))


def _opened(file: BinaryIO, path: Path, plan: Plan, tally: Tally) -> Source:
    start = file.read(4)
    file.seek(0)
    if start == b"PAR1":
        return ParquetFile(file, path.stat().st_size, plan)
    if start == b"PK\x03\x04":
        raise Malformed("is a workbook or a packed folder; save the sheet as CSV, or unpack it first")
    codec = next((name for magic, name in _COMPRESSED.items() if start.startswith(magic)), None)
    return CsvFile(file, codec, plan, tally)


@contextmanager
def _staging(archive: Path, dry_run: bool) -> Iterator[Path]:
    """A folder of our own: beside the sites, so that files become part of the archive by a new name alone."""
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="dc-monitor") as folder:
            yield Path(folder)
        return
    try:
        if not archive.is_dir():
            archive.mkdir(parents=True, exist_ok=True)
            files.inherit_owner(archive, archive.parent)
        _sweep(archive)
        folder_ = Path(tempfile.mkdtemp(prefix=_STAGING, dir=archive))
    except OSError as error:
        raise DcMonitorError(f"cannot write to the archive {archive}: {error.strerror or error}") from error
    with (folder_ / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder_
        finally:
            shutil.rmtree(folder_, ignore_errors=True)


def _sweep(archive: Path) -> None:
    """Remove what imports left that were killed; those that run hold their lock."""
    for folder in archive.glob(f"{_STAGING}*"):
        try:
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # alive, or another user's
