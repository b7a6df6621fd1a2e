"""Durable store and forward: the agent's spool and the site's journal. Knows bytes, not watts.

A batch is on disk when `append` returns, waits for each sink apart, and goes when every sink has acknowledged it.
Batches may be acknowledged in any order. Over the quota the oldest are thinned, where the owner knows how; what is
thinned already, or cannot be, is dropped. Either is counted.

Synchronous: one owner, on one thread of its own.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from dc_monitor.clock import NANOSECONDS
from dc_monitor.errors import DcMonitorError
from dc_monitor.spoolfile import THINNED, Aside, Salvaged, SpoolFile, salvage, waited_in

QUARANTINE_KEPT = 1_000
QUARANTINE_BODY = 4_096
THINNED_AT_ONCE = 4 << 20
"""A commit that thins takes longer by what it thins [B]."""
THINNED_SPAN = 300 * NANOSECONDS
"""What is thinned at once ends where five minutes end, if it can: a mean over half of them would be none."""
_COMMITTED_AT_ONCE = 4 << 20
_FORGET_UNWANTED = "DELETE FROM batch WHERE NOT EXISTS (SELECT 1 FROM waiting WHERE batch = batch.id)"

Thin = Callable[[Sequence[bytes]], tuple[bytes, int]]
"""Bodies of consecutive batches → one body that says the same in fewer lines, and how many."""


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
    sink has not acknowledged. `thinned_lines` went into means, `dropped_lines` are gone. The counters survive a
    restart.
    """

    batches: int
    bytes: int
    lines: int
    oldest: int | None
    dropped_lines: int
    quarantined_lines: int
    waiting: Mapping[str, int]
    thinned_lines: int = 0


class _Row(NamedTuple):
    id: int
    created: int
    lines: int
    bytes: int


class Spool:
    """Batches that some sink has not acknowledged yet.

    `quota` bounds the bytes of all bodies [B]; above it the oldest batches are thinned by `thin`, then dropped; the
    newest is always kept. With no sink nothing is stored.

    Methods raise `DcMonitorError` with a sentence when the disk does not do its part: nothing was changed, the caller
    keeps what it has and tries again. `Malformed` says that the file is damaged: `open` sets it aside and begins anew.
    """

    def __init__(self, path: Path, sinks: Sequence[str], quota: int = 1 << 30, thin: Thin | None = None) -> None:
        self._file = SpoolFile(path)
        self._names = tuple(dict.fromkeys(sinks))
        self._quota = quota
        self._thin = thin
        self._sinks: dict[str, int] = {}
        self._out: dict[str, set[int]] = {}  # what each sink was given last, and has not acknowledged
        self._newest = 0

    def open(self) -> list[str]:
        """Open or begin the file; sentences for whatever a person should know of.

        A damaged file is set aside, and what can still be read of it waits in the new one for every sink.

        Raises `Refused` for a file of a newer format or one that another process has open, `DcMonitorError` when the
        folder or the disk fails.
        """
        aside = self._file.open()
        self._out.clear()
        try:
            self._number_on()
            said = self._match_sinks(self._names)
            return [self._rescue(aside), *said] if aside else said
        except DcMonitorError:
            self.close()
            raise

    def set_sinks(self, names: Sequence[str]) -> list[str]:
        """Serve these sinks from now on; sentences as those of `open` about whoever came and went."""
        names = tuple(dict.fromkeys(names))
        said = self._match_sinks(names)
        self._names = names
        self._out = {name: given for name, given in self._out.items() if name in names}
        return said

    def append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> list[int]:
        """Keep `bodies`, each with its number of lines, in one commit; their ids. On disk when it returns."""
        if not bodies or not self._sinks:
            return []
        sinks = [*self._sinks.values()]
        with self._file.transaction("write") as db:
            ids = [_insert(db, sinks, created, lines, body) for body, lines in bodies]
            freed = self._make_room(db, newest=ids[-1])
        self._newest = ids[-1]
        if freed:
            self._file.give_back()
        return ids

    def pending(
        self, sink: str, max_bytes: int = 1 << 20, after: int | None = None, without: Collection[int] = ()
    ) -> list[Batch]:
        """What `sink` has not acknowledged, oldest first, up to `max_bytes` but at least one if there is any.

        `after` leaves out ids up to that one, `without` single ids. Until the sink acknowledges them or asks anew the
        batches are out for delivery, and not thinned.
        """
        found: list[Batch] = []
        room = max_bytes
        with self._file.speaking("read") as db:
            rows = db.execute(
                "SELECT b.id, b.bytes FROM waiting w JOIN batch b ON b.id = w.batch"
                " WHERE w.sink = ? AND w.batch > ? ORDER BY w.batch",
                (self._sinks[sink], -THINNED if after is None else after),
            )
            for at, size in rows:
                if at in without:
                    continue
                room -= size
                if found and room < 0:
                    break
                found.append(self._read(db, at))
            rows.close()
        self._out[sink] = {batch.id for batch in found}
        return found

    def newest(self) -> int:
        """The highest id that was ever given, 0 if none was: what comes later is higher."""
        return self._newest

    def acknowledge(self, sink: str, ids: Sequence[int]) -> None:
        """`sink` has these for good; ids it does not wait for are passed over."""
        with self._file.transaction("write") as db:
            key = self._sinks[sink]
            db.executemany("DELETE FROM waiting WHERE sink = ? AND batch = ?", [(key, at) for at in ids])
            db.executemany(f"{_FORGET_UNWANTED} AND id = ?", [(at,) for at in ids])
        self._out.get(sink, set()).difference_update(ids)
        self._file.give_back()

    def quarantine(self, sink: str, body: bytes, reason: str, when: int) -> None:
        """Keep what a server refused for good, with its reason: the last 1,000, the first 4 KiB of each."""
        with self._file.transaction("write") as db:
            row = (sink, when, reason[:QUARANTINE_BODY], body[:QUARANTINE_BODY])
            newest = db.execute("INSERT INTO quarantine (sink, time, reason, body) VALUES (?, ?, ?, ?)", row).lastrowid
            db.execute("DELETE FROM quarantine WHERE id <= ? - ?", (newest, QUARANTINE_KEPT))
            db.execute("UPDATE total SET quarantined = quarantined + ?", (max(1, len(body.splitlines())),))

    def quarantined(self) -> list[Quarantined]:
        """What is in quarantine, oldest first."""
        with self._file.speaking("read") as db:
            return [
                Quarantined(*row) for row in db.execute("SELECT sink, time, reason, body FROM quarantine ORDER BY id")
            ]

    def stats(self) -> SpoolStats:
        """What waits and what was lost; cheap however much waits."""
        with self._file.speaking("read") as db:
            batches, size, lines, dropped, quarantined, thinned = db.execute(
                "SELECT batches, bytes, lines, dropped, quarantined, thinned FROM total"
            ).fetchone()
            oldest = db.execute("SELECT created FROM batch ORDER BY id LIMIT 1").fetchone()
            waiting = dict(db.execute("SELECT name, lines FROM sink ORDER BY name"))
        return SpoolStats(batches, size, lines, oldest[0] if oldest else None, dropped, quarantined, waiting, thinned)

    def close(self) -> None:
        """Close the file; may be called twice. What was appended stays."""
        self._file.close()

    def _number_on(self) -> None:
        """Ids go on, in a new file as well: an acknowledgement may still be on its way for a batch of the old one."""
        with self._file.transaction("write") as db:
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
            if row is None and self._newest:
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('batch', ?)", (self._newest,))
        self._newest = row[0] if row else self._newest

    def _match_sinks(self, names: Sequence[str]) -> list[str]:
        """Add what is new before forgetting what is gone: a sink that only changed its name misses nothing."""
        said = []
        with self._file.transaction("write") as db:
            known: dict[str, int] = dict(db.execute("SELECT name, id FROM sink"))
            (lines,) = db.execute("SELECT lines FROM total").fetchone()
            for name in names:
                if name not in known:
                    key = db.execute("INSERT INTO sink (name) VALUES (?)", (name,)).lastrowid
                    db.execute("INSERT INTO waiting SELECT ?, id, lines FROM batch", (key,))
                    if lines:
                        said.append(f'spool: sink "{name}" is new and starts with what waits: {lines:,} lines')
            for name, key in known.items():
                if name not in names:
                    (waited,) = db.execute("SELECT lines FROM sink WHERE id = ?", (key,)).fetchone()
                    db.execute("DELETE FROM waiting WHERE sink = ?", (key,))
                    db.execute("DELETE FROM sink WHERE id = ?", (key,))
                    said.append(
                        f'spool: sink "{name}" is no longer configured and loses its position;'
                        f" lines that waited for it: {waited:,}"
                    )
            db.execute(_FORGET_UNWANTED)
            sinks = dict(db.execute("SELECT name, id FROM sink"))
        self._sinks = sinks
        self._file.give_back()
        return said

    def _make_room(self, db: sqlite3.Connection, newest: int) -> bool:
        """Thin and then drop the oldest until the rest keeps the quota; whether there was anything to do."""
        (excess,) = db.execute("SELECT bytes - ? FROM total", (self._quota,)).fetchone()
        if excess <= 0:
            return False
        while self._thin and excess > 0 and (group := self._unthinned(db, newest)):
            excess -= self._replace(db, group, self._thin)
        gone: list[_Row] = []
        for row in db.execute("SELECT id, created, lines, bytes FROM batch WHERE id < ? ORDER BY id", (newest,)):
            if excess <= 0:
                break
            gone.append(_Row(*row))
            excess -= gone[-1].bytes
        _delete(db, gone)
        db.execute("UPDATE total SET dropped = dropped + ?", (sum(row.lines for row in gone),))
        return True

    def _unthinned(self, db: sqlite3.Connection, newest: int) -> list[_Row]:
        """The oldest batches to be thinned together: they wait for the same sinks, and none is out for delivery.

        Five minutes that may still go on, because `newest` is one of theirs, are left as they are.
        """
        out = set().union(*self._out.values())
        group: list[_Row] = []
        sinks: list[int] = []
        size = whole = 0  # so many of the group end where five minutes end
        with closing(db.execute("SELECT id, created, lines, bytes FROM batch WHERE thinned = 0 ORDER BY id")) as rows:
            for row in map(_Row._make, rows):
                if group and row.created // THINNED_SPAN != group[-1].created // THINNED_SPAN:
                    whole = len(group)
                if row.id >= newest:
                    return group[:whole]
                if row.id in out and not group:
                    continue
                its = _sinks_of(db, row)
                if group and (row.id in out or its != sinks or size + row.bytes > THINNED_AT_ONCE):
                    break
                group.append(row)
                size += row.bytes
                sinks = its
        return group[:whole] if whole else group

    def _read(self, db: sqlite3.Connection, at: int) -> Batch:
        *batch, crc = db.execute("SELECT id, created, lines, body, crc FROM batch WHERE id = ?", (at,)).fetchone()
        found = Batch(*batch)
        if not isinstance(found.body, bytes) or crc not in (None, crc32(found.body)):  # format 1 had none
            raise self._file.damaged(f"batch {at} is not what was appended")
        return found

    def _replace(self, db: sqlite3.Connection, group: Sequence[_Row], thin: Thin) -> int:
        """Put one thinned batch in the place of several; how many bytes that saved.

        Its id is new, so that a late acknowledgement of one it replaces does not hit it, and lower than that of any
        batch still to be thinned, because it is older.
        """
        first = group[0]
        body, lines = thin([self._read(db, row.id).body for row in group])
        saved = sum(row.bytes for row in group) - len(body)
        if saved <= 0:
            db.executemany("UPDATE batch SET thinned = 1 WHERE id = ?", [(row.id,) for row in group])
            return 0
        sinks = _sinks_of(db, first)
        _delete(db, group)
        _insert(db, sinks, first.created, lines, body, thinned=1, at=first.id - THINNED)
        db.execute("UPDATE total SET thinned = thinned + ?", (sum(row.lines for row in group) - lines,))
        return saved

    def _rescue(self, aside: Aside) -> str:
        """Take over what can be read of a damaged file; the sentence about it."""
        lines = 0
        with suppress(DcMonitorError):  # a disk without room for it keeps it where it is
            for group in _in_groups(salvage(aside.path)):
                with self._file.transaction("write") as db:
                    for one in group:
                        at = _insert(db, [*self._sinks.values()], one.created, one.lines, one.body, one.thinned)
                self._newest = at
                lines += sum(one.lines for one in group)
        known = waited_in(aside.path)
        of = f"of {known:,} lines that waited in it {lines:,}" if known else f"{lines:,} of the lines that waited in it"
        return (
            f"spool {self._file.path}: {aside.damage}; set aside as {aside.path.name}, and a new spool begins;"
            f" {f'{of} could be read and will be sent' if lines else 'what waited in it will not be sent'}"
        )


def _insert(
    db: sqlite3.Connection,
    sinks: Iterable[int],
    created: int,
    lines: int,
    body: bytes,
    thinned: int = 0,
    at: int | None = None,
) -> int:
    row = (at, created, lines, len(body), body, thinned, crc32(body))
    given = db.execute(
        "INSERT INTO batch (id, created, lines, bytes, body, thinned, crc) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    ).lastrowid
    assert given is not None
    db.executemany("INSERT INTO waiting VALUES (?, ?, ?)", [(sink, given, lines) for sink in sinks])
    return given


def _delete(db: sqlite3.Connection, rows: Iterable[_Row]) -> None:
    ids = [(row.id,) for row in rows]
    db.executemany("DELETE FROM waiting WHERE batch = ?", ids)
    db.executemany("DELETE FROM batch WHERE id = ?", ids)


def _sinks_of(db: sqlite3.Connection, row: _Row) -> list[int]:
    return [sink for (sink,) in db.execute("SELECT sink FROM waiting WHERE batch = ? ORDER BY sink", (row.id,))]


def _in_groups(batches: Iterable[Salvaged]) -> Iterator[list[Salvaged]]:
    """Groups that make a commit of reasonable size each."""
    group: list[Salvaged] = []
    size = 0
    for one in batches:
        group.append(one)
        size += len(one.body)
        if size >= _COMMITTED_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group
