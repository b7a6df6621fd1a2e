"""The file under a spool: begun, upgraded, found sound or set aside, and what can still be read of a damaged one.

An SQLite database with a write-ahead log and `synchronous=FULL`: what is committed is on disk. It is locked for as
long as it is open, because two agents on one spool would each deliver half.

The file does not grow for ever: pages of deleted batches are used again, and whenever more than half of the file is
free, some of it is given back to the file system (`auto_vacuum=INCREMENTAL`, in bounded steps).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from dc_monitor.errors import DcMonitorError, Malformed, Refused

FORMAT = 2
"""`PRAGMA user_version`: rises when the tables change. 2 came with `thinned` and `crc`."""

APPLICATION_ID = 0x64636D6E  # "dcmn"
BUSY_SECONDS = 5.0
THINNED = 1 << 62
"""A thinned batch has the id of the first one it replaces, less this much."""
_SHORTEST = 512
"""The smallest page SQLite knows [B]."""
_WAL_LIMIT = 8 << 20
_FREE_PAGES_KEPT = 256
_PAGES_A_STEP = 1_024

# The totals are kept by triggers, in the transaction that changes them: whatever is rolled back or cut off by a power
# failure, they are right, and reading them costs nothing however much is waiting.
_TABLES = """
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id never comes again: a late acknowledgement must not hit a newer batch
    created INTEGER NOT NULL, lines INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL,
    thinned INTEGER NOT NULL DEFAULT 0, crc INTEGER);
CREATE INDEX batch_whole ON batch (id) WHERE thinned = 0;
CREATE TABLE sink (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, lines INTEGER NOT NULL DEFAULT 0);
CREATE TABLE waiting (
    sink INTEGER NOT NULL, batch INTEGER NOT NULL, lines INTEGER NOT NULL, PRIMARY KEY (sink, batch)) WITHOUT ROWID;
CREATE INDEX waiting_batch ON waiting (batch);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, sink TEXT NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE total (
    batches INTEGER NOT NULL, bytes INTEGER NOT NULL, lines INTEGER NOT NULL,
    dropped INTEGER NOT NULL, quarantined INTEGER NOT NULL, thinned INTEGER NOT NULL DEFAULT 0);
INSERT INTO total VALUES (0, 0, 0, 0, 0, 0);
CREATE TRIGGER batch_came AFTER INSERT ON batch BEGIN
    UPDATE total SET batches = batches + 1, bytes = bytes + NEW.bytes, lines = lines + NEW.lines; END;
CREATE TRIGGER batch_went AFTER DELETE ON batch BEGIN
    UPDATE total SET batches = batches - 1, bytes = bytes - OLD.bytes, lines = lines - OLD.lines; END;
CREATE TRIGGER waiting_came AFTER INSERT ON waiting BEGIN
    UPDATE sink SET lines = lines + NEW.lines WHERE id = NEW.sink; END;
CREATE TRIGGER waiting_went AFTER DELETE ON waiting BEGIN
    UPDATE sink SET lines = lines - OLD.lines WHERE id = OLD.sink; END;
"""
_FROM_FORMAT_1 = """
ALTER TABLE batch ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN crc INTEGER;
CREATE INDEX batch_whole ON batch (id) WHERE thinned = 0;
ALTER TABLE total ADD COLUMN thinned INTEGER NOT NULL DEFAULT 0;
"""
_SIGNED = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"


class Aside(NamedTuple):
    """A damaged file that was renamed: what was wrong with it, and where it lies now."""

    damage: str
    path: Path


class Salvaged(NamedTuple):
    """A batch of a damaged file whose checksum tells that it is what was appended."""

    created: int
    lines: int
    body: bytes
    thinned: int


class SpoolFile:
    """One connection to the file, and sentences for whatever the disk does to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._damage = ""

    def open(self) -> Aside | None:
        """Open, upgrade or begin the file; a damaged or foreign one is set aside first, and told.

        Raises `Refused` for a file of a newer format or one that another process has open, `DcMonitorError` when the
        folder or the disk fails.
        """
        self.close()
        try:
            _make_folder(self.path.parent)
        except OSError as error:
            raise DcMonitorError(f"cannot make the spool's folder {self.path.parent}: {error.strerror}") from error
        damage = self._damage or self._connect()
        if not damage:
            return None
        aside = self._set_aside(damage)
        again = self._connect()
        if again:
            raise DcMonitorError(f"spool {self.path}: a new file cannot be read either: {again}")
        return aside

    def close(self) -> None:
        """Close the file; may be called twice."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    @contextmanager
    def transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing of it; on disk when it ends."""
        with self.speaking(doing) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise

    @contextmanager
    def speaking(self, doing: str) -> Iterator[sqlite3.Connection]:
        """The connection; what SQLite says of the disk becomes a sentence of ours."""
        if self._db is None:
            raise DcMonitorError(f"cannot {doing} the spool {self.path}: it is not open")
        try:
            yield self._db
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, such as a second thread
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise self.damaged(str(error)) from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Refused(
                    f"cannot {doing} the spool {self.path}: another process has it open; is a second agent running?"
                ) from error
            raise DcMonitorError(f"cannot {doing} the spool {self.path}: {error}") from error

    def damaged(self, how: str) -> Malformed:
        """The error to raise by whoever found the file damaged where SQLite did not; the next `open` sets it aside."""
        self._damage = f"it is damaged ({how})"
        return Malformed(f"spool {self.path}: {self._damage}; a new one begins")

    def give_back(self) -> None:
        """Shorten a file that is mostly free. A disk that is too full for that now has room later."""
        with self.speaking("write") as db, suppress(sqlite3.OperationalError):
            free, pages = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
            if free > _FREE_PAGES_KEPT and free > pages // 2:
                # A script, because `execute` takes one step of it, and one step is one page.
                db.executescript(f"PRAGMA incremental_vacuum({min(free - _FREE_PAGES_KEPT, _PAGES_A_STEP)})")

    def _connect(self) -> str:
        """Open the file and make sure it is a sound spool; else what is wrong with it."""
        # SQLite takes so short a file for a new one, and would throw away the log beside it.
        size, log = (_size(self.path.with_name(self.path.name + suffix)) for suffix in ("", "-wal"))
        if size < _SHORTEST and size + log:
            return f"the file is cut off after {size} bytes"
        try:
            self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise DcMonitorError(f"cannot open the spool {self.path}: {error}") from error
        try:
            with self.speaking("open") as db:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
                db.execute("PRAGMA synchronous = FULL")
                damage = self._begin_or_check(db)
                if not damage:
                    db.execute("PRAGMA journal_mode = WAL")
                    db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        except Malformed:
            damage = self._damage
        except DcMonitorError:
            self.close()
            raise
        if damage:
            self.close()
        return damage

    def _begin_or_check(self, db: sqlite3.Connection) -> str:
        application, version, tables = (
            db.execute(question).fetchone()[0]
            for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if (application, version, tables) == (0, 0, 0):
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {_SIGNED} COMMIT")
            return ""
        if application != APPLICATION_ID:
            return "it is a database of something else"
        if version > FORMAT:
            raise Refused(
                f"spool {self.path}: written by a newer dc-monitor (format {version}, this one knows {FORMAT});"
                " upgrade dc-monitor, or move the file away to begin a new spool"
            )
        verdict: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            return f"it is damaged ({' '.join(verdict.split())[:120]})"
        if version < FORMAT:
            db.executescript(f"BEGIN IMMEDIATE; {_FROM_FORMAT_1} {_SIGNED} COMMIT")
        return ""

    def _set_aside(self, damage: str) -> Aside:
        self.close()
        stem = f"{self.path.name}.set-aside-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        name, again = stem, 1
        while self.path.with_name(name).exists():
            again += 1
            name = f"{stem}.{again}"
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.rename(self.path.with_name(name + suffix))
        except OSError as error:
            raise DcMonitorError(
                f"spool {self.path}: {damage}, and it cannot be renamed: {error.strerror}; move it away by hand"
            ) from error
        self._damage = ""
        return Aside(damage, self.path.with_name(name))


def salvage(path: Path) -> Iterator[Salvaged]:
    """The batches of a damaged file that can be read and are what was appended, oldest first.

    The file is not changed. Without a checksum (format 1) nobody can tell a sound body from a torn one: none is given.
    """
    with suppress(sqlite3.Error), closing(_read_only(path)) as db:
        for first, last in ((-THINNED, 0), (0, THINNED)):
            for created, lines, body, thinned, crc in _rows_around_damage(db, first, last):
                sound = isinstance(body, bytes) and isinstance(lines, int) and isinstance(created, int)
                if sound and lines >= 0 and crc == crc32(body):
                    yield Salvaged(created, lines, body, thinned)


def waited_in(path: Path) -> int | None:
    """How many lines waited in a damaged file, where it can still tell."""
    with suppress(sqlite3.Error), closing(_read_only(path)) as db:
        (lines,) = db.execute("SELECT lines FROM total").fetchone()
        return lines if isinstance(lines, int) else None
    return None


def _read_only(path: Path) -> sqlite3.Connection:
    """A file nobody else has, with its log, neither of which is changed; the log's index is in memory."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&vfs=unix-none", uri=True)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    return db


def _rows_around_damage(db: sqlite3.Connection, at: int, last: int) -> Iterator[tuple[int, int, bytes, int, int]]:
    """Rows with ids in (at, last]; behind a place that cannot be read it goes on after ever longer strides."""
    stride = 1
    while at < last:
        try:
            rows = db.execute(
                "SELECT id, created, lines, body, thinned, crc FROM batch WHERE id > ? AND id <= ? ORDER BY id",
                (at, last),
            )
            for number, *row in rows:
                if number <= at:
                    raise sqlite3.DatabaseError("ids do not rise")
                at, stride = number, 1
                yield tuple(row)
            return
        except sqlite3.DatabaseError:
            at += stride
            stride *= 2


def _make_folder(folder: Path) -> None:
    """Create what is missing of it, each name on disk before the next: a power cut must not take the folder away."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        descriptor = os.open(one.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
