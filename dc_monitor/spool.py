"""Durable store and forward on SQLite: the agent's spool and the site's journal. Knows bytes, not watts.

A batch is on disk when `append` returns (write-ahead log, `synchronous=FULL`), waits for each sink apart, and goes
when every sink has acknowledged it. Batches may be acknowledged in any order.

The file does not grow for ever: pages of deleted batches are used again, and whenever more than half of the file is
free, some of it is given back to the file system (`auto_vacuum=INCREMENTAL`, in bounded steps).

Synchronous: one owner, on one thread of its own. The file is locked for as long as it is open, because two agents on
one spool would each deliver half.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from dc_monitor.errors import DcMonitorError, Malformed, Refused

FORMAT = 1
"""`PRAGMA user_version`: rises when the tables change."""

APPLICATION_ID = 0x64636D6E  # "dcmn"
BUSY_SECONDS = 5.0
QUARANTINE_KEPT = 1_000
QUARANTINE_BODY = 4_096
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
    created INTEGER NOT NULL, lines INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE sink (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, lines INTEGER NOT NULL DEFAULT 0);
CREATE TABLE waiting (
    sink INTEGER NOT NULL, batch INTEGER NOT NULL, lines INTEGER NOT NULL, PRIMARY KEY (sink, batch)) WITHOUT ROWID;
CREATE INDEX waiting_batch ON waiting (batch);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, sink TEXT NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE total (
    batches INTEGER NOT NULL, bytes INTEGER NOT NULL, lines INTEGER NOT NULL,
    dropped INTEGER NOT NULL, quarantined INTEGER NOT NULL);
INSERT INTO total VALUES (0, 0, 0, 0, 0);
CREATE TRIGGER batch_came AFTER INSERT ON batch BEGIN
    UPDATE total SET batches = batches + 1, bytes = bytes + NEW.bytes, lines = lines + NEW.lines; END;
CREATE TRIGGER batch_went AFTER DELETE ON batch BEGIN
    UPDATE total SET batches = batches - 1, bytes = bytes - OLD.bytes, lines = lines - OLD.lines; END;
CREATE TRIGGER waiting_came AFTER INSERT ON waiting BEGIN
    UPDATE sink SET lines = lines + NEW.lines WHERE id = NEW.sink; END;
CREATE TRIGGER waiting_went AFTER DELETE ON waiting BEGIN
    UPDATE sink SET lines = lines - OLD.lines WHERE id = OLD.sink; END;
"""
_BEGIN = f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT"
_FORGET_UNWANTED = "DELETE FROM batch WHERE NOT EXISTS (SELECT 1 FROM waiting WHERE batch = batch.id)"


class Batch(NamedTuple):
    """What was appended at once: `created` in nanoseconds UTC, `lines` as the appender counted them."""

    id: int
    created: int
    lines: int
    body: bytes


class Quarantined(NamedTuple):
    """What a server refused for good: its beginning, and the server's reason. `time` in nanoseconds UTC."""

    sink: str
    time: int
    reason: str
    body: bytes


class SpoolStats(NamedTuple):
    """What waits now, and what was lost since the spool began.

    `bytes` counts bodies, `oldest` is when the oldest batch was created (nanoseconds UTC), `waiting` the lines each
    sink has not acknowledged. The counters survive a restart.
    """

    batches: int
    bytes: int
    lines: int
    oldest: int | None
    dropped_lines: int
    quarantined_lines: int
    waiting: Mapping[str, int]


class Spool:
    """Batches that some sink has not acknowledged yet.

    `quota` bounds the bytes of all bodies [B]; above it the oldest batches are dropped and counted, the newest is
    always kept. With no sink nothing is stored.

    Methods raise `DcMonitorError` with a sentence when the disk does not do its part: nothing was changed, the caller
    keeps what it has and tries again. `Malformed` says that the file is damaged: `open` sets it aside and begins anew.
    """

    def __init__(self, path: Path, sinks: Sequence[str], quota: int = 1 << 30) -> None:
        self._path = path
        self._names = tuple(dict.fromkeys(sinks))
        self._quota = quota
        self._db: sqlite3.Connection | None = None
        self._sinks: dict[str, int] = {}
        self._damage = ""

    def open(self) -> list[str]:
        """Open or begin the file; sentences for whatever a person should know of.

        Raises `Refused` for a file of a newer format or one that another process has open, `DcMonitorError` when the
        folder or the disk fails.
        """
        self.close()
        said = []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DcMonitorError(f"cannot make the spool's folder {self._path.parent}: {error.strerror}") from error
        damage = self._damage or self._connect()
        if damage:
            said.append(self._set_aside(damage))
            damage = self._connect()
            if damage:
                raise DcMonitorError(f"spool {self._path}: a new file cannot be read either: {damage}")
        try:
            return said + self._match_sinks()
        except DcMonitorError:
            self.close()
            raise

    def append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> list[int]:
        """Keep `bodies`, each with its number of lines, in one commit; their ids. On disk when it returns."""
        if not bodies or not self._sinks:
            return []
        with self._transaction("write") as db:
            ids: list[int] = []
            for body, lines in bodies:
                row = (created, lines, len(body), body)
                at = db.execute("INSERT INTO batch (created, lines, bytes, body) VALUES (?, ?, ?, ?)", row).lastrowid
                assert at is not None
                ids.append(at)
                db.executemany(
                    "INSERT INTO waiting VALUES (?, ?, ?)", [(sink, at, lines) for sink in self._sinks.values()]
                )
            dropped = self._drop_over_quota(db, newest=ids[-1])
        if dropped:
            self._give_back()
        return ids

    def pending(self, sink: str, max_bytes: int = 1 << 20) -> list[Batch]:
        """What `sink` has not acknowledged, oldest first, up to `max_bytes` but at least one if there is any."""
        found: list[Batch] = []
        with self._speaking("read") as db:
            rows = db.execute(
                "SELECT b.id, b.created, b.lines, b.body FROM waiting w JOIN batch b ON b.id = w.batch"
                " WHERE w.sink = ? ORDER BY w.batch",
                (self._sinks[sink],),
            )
            size = 0
            for row in rows:
                size += len(row[3])
                if found and size > max_bytes:
                    break
                found.append(Batch(*row))
            rows.close()
        return found

    def acknowledge(self, sink: str, ids: Sequence[int]) -> None:
        """`sink` has these for good; ids it does not wait for are passed over."""
        with self._transaction("write") as db:
            key = self._sinks[sink]
            db.executemany("DELETE FROM waiting WHERE sink = ? AND batch = ?", [(key, at) for at in ids])
            db.executemany(f"{_FORGET_UNWANTED} AND id = ?", [(at,) for at in ids])
        self._give_back()

    def quarantine(self, sink: str, body: bytes, reason: str, when: int) -> None:
        """Keep what a server refused for good, with its reason: the last 1,000, the first 4 KiB of each."""
        with self._transaction("write") as db:
            row = (sink, when, reason[:QUARANTINE_BODY], body[:QUARANTINE_BODY])
            newest = db.execute("INSERT INTO quarantine (sink, time, reason, body) VALUES (?, ?, ?, ?)", row).lastrowid
            db.execute("DELETE FROM quarantine WHERE id <= ? - ?", (newest, QUARANTINE_KEPT))
            db.execute("UPDATE total SET quarantined = quarantined + ?", (max(1, len(body.splitlines())),))

    def quarantined(self) -> list[Quarantined]:
        """What is in quarantine, oldest first."""
        with self._speaking("read") as db:
            return [
                Quarantined(*row) for row in db.execute("SELECT sink, time, reason, body FROM quarantine ORDER BY id")
            ]

    def stats(self) -> SpoolStats:
        """What waits and what was lost; cheap however much waits."""
        with self._speaking("read") as db:
            batches, size, lines, dropped, quarantined = db.execute("SELECT * FROM total").fetchone()
            oldest = db.execute("SELECT created FROM batch ORDER BY id LIMIT 1").fetchone()
            waiting = dict(db.execute("SELECT name, lines FROM sink ORDER BY name"))
        return SpoolStats(batches, size, lines, oldest[0] if oldest else None, dropped, quarantined, waiting)

    def close(self) -> None:
        """Close the file; may be called twice. What was appended stays."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _connect(self) -> str:
        """Open the file and make sure it is a sound spool; else what is wrong with it."""
        # SQLite takes so short a file for a new one, and would throw away the log beside it.
        size, log = (_size(self._path.with_name(self._path.name + suffix)) for suffix in ("", "-wal"))
        if size < _SHORTEST and size + log:
            return f"the file is cut off after {size} bytes"
        try:
            self._db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise DcMonitorError(f"cannot open the spool {self._path}: {error}") from error
        try:
            with self._speaking("open") as db:
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
            db.executescript(_BEGIN)
            return ""
        if application != APPLICATION_ID:
            return "it is a database of something else"
        if version > FORMAT:
            raise Refused(
                f"spool {self._path}: written by a newer dc-monitor (format {version}, this one knows {FORMAT});"
                " upgrade dc-monitor, or move the file away to begin a new spool"
            )
        verdict: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        return "" if verdict == "ok" else f"it is damaged ({' '.join(verdict.split())[:120]})"

    def _set_aside(self, damage: str) -> str:
        self.close()
        stem = f"{self._path.name}.set-aside-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        name, again = stem, 1
        while self._path.with_name(name).exists():
            again += 1
            name = f"{stem}.{again}"
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.rename(self._path.with_name(name + suffix))
        except OSError as error:
            raise DcMonitorError(
                f"spool {self._path}: {damage}, and it cannot be renamed: {error.strerror}; move it away by hand"
            ) from error
        self._damage = ""
        return (
            f"spool {self._path}: {damage}; set aside as {name}, and a new spool begins;"
            " what waited in it will not be sent"
        )

    def _match_sinks(self) -> list[str]:
        """Add what is new before forgetting what is gone: a sink that only changed its name misses nothing."""
        said = []
        with self._transaction("write") as db:
            known: dict[str, int] = dict(db.execute("SELECT name, id FROM sink"))
            (lines,) = db.execute("SELECT lines FROM total").fetchone()
            for name in self._names:
                if name not in known:
                    key = db.execute("INSERT INTO sink (name) VALUES (?)", (name,)).lastrowid
                    db.execute("INSERT INTO waiting SELECT ?, id, lines FROM batch", (key,))
                    if lines:
                        said.append(f'spool: sink "{name}" is new and starts with what waits: {lines:,} lines')
            for name, key in known.items():
                if name not in self._names:
                    (waited,) = db.execute("SELECT lines FROM sink WHERE id = ?", (key,)).fetchone()
                    db.execute("DELETE FROM waiting WHERE sink = ?", (key,))
                    db.execute("DELETE FROM sink WHERE id = ?", (key,))
                    said.append(
                        f'spool: sink "{name}" is no longer configured and loses its position;'
                        f" lines that waited for it: {waited:,}"
                    )
            db.execute(_FORGET_UNWANTED)
            self._sinks = dict(db.execute("SELECT name, id FROM sink"))
        self._give_back()
        return said

    def _drop_over_quota(self, db: sqlite3.Connection, newest: int) -> int:
        (excess,) = db.execute("SELECT bytes - ? FROM total", (self._quota,)).fetchone()
        if excess <= 0:
            return 0
        gone: list[tuple[int]] = []
        dropped = 0
        for at, size, lines in db.execute("SELECT id, bytes, lines FROM batch WHERE id < ? ORDER BY id", (newest,)):
            if excess <= 0:
                break
            gone.append((at,))
            excess -= size
            dropped += lines
        db.executemany("DELETE FROM waiting WHERE batch = ?", gone)
        db.executemany("DELETE FROM batch WHERE id = ?", gone)
        db.execute("UPDATE total SET dropped = dropped + ?", (dropped,))
        return len(gone)

    def _give_back(self) -> None:
        """Shorten a file that is mostly free. A disk that is too full for that now has room later."""
        with self._speaking("write") as db, suppress(sqlite3.OperationalError):
            free, pages = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
            if free > _FREE_PAGES_KEPT and free > pages // 2:
                # A script, because `execute` takes one step of it, and one step is one page.
                db.executescript(f"PRAGMA incremental_vacuum({min(free - _FREE_PAGES_KEPT, _PAGES_A_STEP)})")

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        with self._speaking(doing) as db:
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
    def _speaking(self, doing: str) -> Iterator[sqlite3.Connection]:
        """The connection; what SQLite says of the disk becomes a sentence of ours."""
        if self._db is None:
            raise DcMonitorError(f"cannot {doing} the spool {self._path}: it is not open")
        try:
            yield self._db
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, such as a second thread
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._damage = f"it is damaged ({error})"
                raise Malformed(f"spool {self._path}: {self._damage}; a new one begins") from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Refused(
                    f"cannot {doing} the spool {self._path}: another process has it open; is a second agent running?"
                ) from error
            raise DcMonitorError(f"cannot {doing} the spool {self._path}: {error}") from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
