"""Readings kept for years: Parquet files by site and UTC day.

    archive/FORMAT                                         version of this layout
    archive/site=Caen-1/day=2026-11-24/00000007-0.parquet  written once, never changed

A file is written beside, synced and renamed, so a file with its name is whole. Files of a day are ordered by
their number: of two rows with the same series and time the one in the later file counts. Compaction writes the
rows of several files into one that takes the number of the last of them and the next generation, then deletes
them; a crash between leaves rows twice for a while, which reading does not see.

One thread of a site writes and compacts; any number may read, in this process and in others. An import may run beside
it: whole files made elsewhere join a day with the number of its newest file and the time as generation, a name nobody
else wants, and a day is compacted by one process at a time, while nobody else writes into it.
"""

import datetime as dt
import logging
import operator
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

from dc_monitor.clock import NANOSECONDS
from dc_monitor.errors import DcMonitorError
from dc_monitor.history import files, means, rows
from dc_monitor.history.columns import Key, Samples, between, merge
from dc_monitor.names import WORDS
from dc_monitor.wire import Line

FORMAT = 1
DAY = 86_400 * NANOSECONDS
CROWD = 24
"""So many small files of a day are compacted into one."""
FEW = 4
"""So many are compacted when a file made elsewhere joins a past day: no site comes back to it to do it once a night."""
SMALL_FILE_ROWS = 1_000_000
"""A file with more rows is left alone: it bounds the memory and the work of a compaction."""

_KEY = ("device", "point", "measurement")
_VALUES = ("method", "field", "time", "value", "low", "high")
_EPOCH = dt.date(1970, 1, 1)
_LONGEST_NAME = 255  # bytes of a file name, on every file system we know

LOG = logging.getLogger(__name__)


class Archive:
    """The archive under `path`; nothing is created before the first write.

    Lines without a site tag belong to `default_site`.

    Raises
    ------
    DcMonitorError
        The archive was written by a newer version, or FORMAT cannot be read.
    """

    def __init__(self, path: Path, default_site: str = "site") -> None:
        self._path = path
        self._default_site = default_site
        self.rows_written = 0
        self._refuse_other_format()

    def write(self, lines: Iterable[Line]) -> int:
        """Keep `lines`; on disk when this returns. Gives the number of rows.

        Raises
        ------
        ValueError
            A site's name cannot become a folder; nothing was written.
        DcMonitorError
            The disk is full or fails; what was written before it stays, and writing it again is harmless.
        """
        by_folder: defaultdict[Path, list[Line]] = defaultdict(list)
        for line in lines:
            site = line.tags.get("site") or self._default_site
            by_folder[self._folder(site, day_of(line.time))].append(line)
        written = 0
        for folder, its_lines in sorted(by_folder.items()):
            table = rows.sorted_once(rows.from_lines(its_lines))
            try:
                self._make(folder)
                with files.held(folder, alone=False):
                    earlier = files.in_order(folder)
                    number = files.number(earlier[-1])[0] + 1 if earlier else 1
                    files.publish(files.encoded(table), folder / files.name(number, 0))
            except OSError as error:
                raise DcMonitorError(f"cannot write to the archive {folder}: {error.strerror or error}") from error
            written += len(table)
            self.rows_written += len(table)
            if len(earlier) >= CROWD:
                self._compact(folder)
        return written

    def compact(self, site: str, day: dt.date) -> None:
        """Make one file of the small files of a day; harmless at any moment, with nothing to do too."""
        self._compact(self._folder(site, day))

    def sites(self) -> list[str]:
        """Names of the sites that have a folder, sorted."""
        return sorted(unquote(folder.name.removeprefix("site=")) for folder in self._path.glob("site=*"))

    def read(self, site: str, start: int, end: int, wanted: Collection[Key] | None = None) -> dict[Key, Samples]:
        """Series with at least one reading in [start, end), nanoseconds UTC; all of them when `wanted` is None."""
        wanted = None if wanted is None else {*wanted}
        chosen = _one_of("measurement", WORDS) if wanted is None else _keys(wanted)
        chosen &= _within(start, end) | means.reaching(start)
        parts: defaultdict[Key, list[Samples]] = defaultdict(list)
        lasting = []
        for folder in self._days(site, start, end):
            table, held = means.apart(_read_day(folder, chosen, (*_KEY, *_VALUES, "tags")))
            lasting.append(held)
            for key, samples in rows.to_samples(table).items():
                if wanted is None or key in wanted:
                    parts[key].append(samples)
        for key, stairs in means.merged(lasting).items():
            inside = between(stairs, start, end)
            if len(inside.time) and (wanted is None or key in wanted):
                parts[key].insert(0, inside)
        return {key: merge(stretches) for key, stretches in parts.items()}

    def day_rows(self, site: str, day: dt.date, keys: Collection[Key]) -> pa.Table:
        """Rows of one UTC day that may belong to `keys`, as they were written."""
        folder = self._folder(site, day)
        return _read_day(folder, _keys(keys), rows.SCHEMA.names) if folder.is_dir() else rows.SCHEMA.empty_table()

    def adopt(self, site: str, staged: Mapping[dt.date, Path]) -> None:
        """Make whole files, lying beside the sites of this archive, part of their days; on disk when this returns.

        Safe while another process writes and compacts there. A crash leaves some of the files where they were staged.

        Raises
        ------
        DcMonitorError
            The disk or the rights say no; what had joined its day by then stays.
        """
        folders = {self._folder(site, day): file for day, file in sorted(staged.items())}
        try:
            files.sync_all(staged.values())
            for folder, file in folders.items():
                if not folder.parent.is_dir():
                    self._make(folder)
                folder.mkdir(exist_ok=True)
                files.inherit_owner(folder, self._path)
                files.inherit_owner(file, self._path)
                there = files.in_order(folder)
                number, generation = files.number(there[-1]) if there else (0, 0)
                file.rename(folder / files.name(number, max(generation + 1, time.time_ns())))
            files.sync_all({*folders, *(folder.parent for folder in folders)})
        except OSError as error:
            raise DcMonitorError(f"cannot write to the archive {self._path}: {error.strerror or error}") from error
        yesterday = f"day={day_of(time.time_ns()) - dt.timedelta(days=1)}"
        for folder in folders:
            if folder.name < yesterday and len(files.in_order(folder)) > FEW:
                self._compact(folder)

    def rows(self, site: str, measurement: str, start: int, end: int) -> list[Line]:
        """Lines of one measurement in [start, end), by time; for what is no reading: `device`, `agent`, `kpi`."""
        chosen = (pc.field("measurement") == measurement) & _within(start, end)
        days = [_read_day(folder, chosen, rows.SCHEMA.names) for folder in self._days(site, start, end)]
        return [line for day in days for line in rows.to_lines(rows.sorted_once(day), site)]

    def newest(
        self, site: str, measurement: str, start: int, end: int, count: int, besides: pc.Expression | None = None
    ) -> list[Line]:
        """Of the lines of `rows` the last `count` of each series, and the fields that `besides` chooses of the others.

        However many lines there are, no more than those of one file are in memory at once. `besides` is made by
        `rows.tagged` and `rows.above_zero`.
        """
        chosen = (pc.field("measurement") == measurement) & _within(start, end)

        def few(table: pa.Table) -> pa.Table:
            return rows.newest(table, count, besides)

        days = [_read_day(folder, chosen, rows.SCHEMA.names, few) for folder in self._days(site, start, end)]
        return rows.to_lines(few(pa.concat_tables([rows.SCHEMA.empty_table(), *days])), site)

    def _folder(self, site: str, day: dt.date) -> Path:
        return self._path / site_folder(site) / f"day={day}"

    def _days(self, site: str, start: int, end: int) -> list[Path]:
        """Folders of the days that [start, end) touches, oldest first."""
        first, last = f"day={day_of(start)}", f"day={day_of(end - 1)}"
        folder = self._path / site_folder(site)
        return sorted(day for day in folder.glob("day=*") if first <= day.name <= last)

    def _compact(self, folder: Path) -> None:
        try:
            with files.held(folder, alone=True) as alone:
                if alone:
                    self._compact_alone(folder)
        except OSError as error:
            # Nothing is lost: the small files stay, and the next write tries again.
            LOG.warning("cannot compact %s: %s; its small files stay as they are", folder, error.strerror or error)

    @staticmethod
    def _compact_alone(folder: Path) -> None:
        for torn in folder.glob(".*.part"):
            torn.unlink()
        for run in _runs(_small_tail(files.in_order(folder))):
            tables = [(file, table) for file in run if (table := files.read(file)) is not None]
            number, generation = files.number(run[-1])
            merged = rows.sorted_once(pa.concat_tables([rows.SCHEMA.empty_table(), *(table for _, table in tables)]))
            files.publish(files.encoded(merged), folder / files.name(number, generation + 1))
            for file, _ in tables:
                file.unlink()
            files.sync(folder)

    def _make(self, folder: Path) -> None:
        """Create what is missing of archive, site and day, each name on disk before the next."""
        if folder.is_dir():
            return
        if not self._path.is_dir():
            self._path.mkdir(parents=True, exist_ok=True)
            files.sync(self._path.parent)
        mark = self._path / "FORMAT"
        if not mark.exists():
            files.publish(f"{FORMAT}\n".encode(), mark)
            files.inherit_owner(mark, self._path)
        for name in (folder.parent, folder):
            name.mkdir(exist_ok=True)
            files.inherit_owner(name, self._path)
            files.sync(name.parent)

    def _refuse_other_format(self) -> None:
        mark = self._path / "FORMAT"
        try:
            found = mark.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise DcMonitorError(f"cannot read {mark}: {error}") from error
        if found != str(FORMAT):
            raise DcMonitorError(
                f"{mark} says {found[:20]!r}, this dc-monitor knows {FORMAT}: the archive was written by another "
                "version; run that one, or name another folder in [receive] data"
            )


def site_folder(site: str) -> str:
    """Folder name of a site, whatever the name holds: letters, digits, `_ . -` stay, all else is percent-encoded.

    Raises `ValueError` for a name that is empty, holds control characters or is too long for a folder.

    Examples
    --------
    >>> site_folder("../Caen 1")
    'site=..%2FCaen%201'
    """
    if not site.strip() or not site.isprintable():
        raise ValueError(f"site name {site[:40]!r} is empty or holds control characters")
    name = "site=" + re.sub(r"[^\w.-]", lambda found: quote(found[0], safe=""), site)
    if len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"site name {site[:40]!r}… of {len(site)} characters is too long for a folder")
    return name


def day_of(time: int) -> dt.date:
    """The UTC day of a time in nanoseconds."""
    return _EPOCH + dt.timedelta(days=time // DAY)


def _within(start: int, end: int) -> pc.Expression:
    return (pc.field("time") >= start) & (pc.field("time") < end)


def _keys(keys: Collection[Key]) -> pc.Expression:
    """Rows of these devices, points and quantities, and of other combinations of them."""
    columns = zip(*keys, strict=True) if keys else ((), (), ())
    return _all_of(_one_of(name, texts) for name, texts in zip(_KEY, columns, strict=True))


def _one_of(column: str, texts: Iterable[str]) -> pc.Expression:
    return pc.field(column).isin(pa.array({*texts}, pa.string()))


def _all_of(conditions: Iterable[pc.Expression]) -> pc.Expression:
    return reduce(operator.and_, conditions)


def _small_tail(day: list[Path]) -> list[Path]:
    """The files after the last big one: only neighbours may merge, or an old row could beat a newer one."""
    big = [at for at, file in enumerate(day) if files.row_count(file) >= SMALL_FILE_ROWS]
    return day[big[-1] + 1 :] if big else day


def _runs(small: Iterable[Path]) -> Iterator[list[Path]]:
    """Neighbours to merge: never more than the memory for one big file and a small one holds."""
    run: list[Path] = []
    total = 0
    for file in small:
        run.append(file)
        total += files.row_count(file)
        if total >= SMALL_FILE_ROWS:
            if len(run) > 1:
                yield run
            run, total = [], 0
    if len(run) > 1:
        yield run


def _read_day(
    folder: Path,
    chosen: pc.Expression,
    columns: Iterable[str],
    kept: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> pa.Table:
    """The chosen rows of a day; of each file only what is `kept` of them."""
    columns = [*columns]
    for _ in range(10):
        try:
            read = (files.read(file, chosen, columns) for file in files.in_order(folder))
            found = [kept(table) for table in read if table is not None]
        except FileNotFoundError:
            continue  # compacted since it was listed: its rows are in another file now
        except OSError as error:
            raise DcMonitorError(f"cannot read the archive {folder}: {error.strerror or error}") from error
        return pa.concat_tables([rows.SCHEMA.empty_table().select(columns), *found])
    raise DcMonitorError(f"cannot read the archive {folder}: its files keep changing")
