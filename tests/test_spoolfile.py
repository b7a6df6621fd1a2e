"""The file under a spool: whatever lies there the agent starts, destroys nothing and takes what can be read."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dc_monitor import spool as module
from dc_monitor.errors import DcMonitorError, Malformed, Refused
from dc_monitor.spool import Batch, Spool, SpoolStats
from dc_monitor.spoolfile import APPLICATION_ID, FORMAT, salvage

NOON = 1_700_000_000_000_000_000
EVERYTHING = 1 << 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def opened(path: Path, *sinks: str, quota: int = 1 << 30) -> Spool:
    spool = Spool(path, sinks, quota)
    spool.open()
    return spool


def bodies(spool: Spool, sink: str) -> list[bytes]:
    return [batch.body for batch in spool.pending(sink, EVERYTHING)]


# What older versions wrote

FORMAT_1 = """
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
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
"""The tables as version 0.1 made them, and what it left in them: one sink is behind by a batch, the other by two."""
AS_LEFT = f"""
INSERT INTO sink (id, name) VALUES (1, 'site'), (2, 'influx');
INSERT INTO batch (created, lines, bytes, body) VALUES ({NOON}, 1, 4, 'gone'), ({NOON}, 2, 8, x'6120310a6220320a'),
    ({NOON + 1}, 1, 4, x'6320330a');
DELETE FROM batch WHERE id = 1;
INSERT INTO waiting VALUES (1, 3, 1), (2, 2, 2), (2, 3, 1);
INSERT INTO quarantine (sink, time, reason, body) VALUES ('site', {NOON}, 'type conflict', x'780a');
UPDATE total SET dropped = 7, quarantined = 1;
"""


def of_format_1(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(f"{FORMAT_1} {AS_LEFT} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1")


def test_a_file_of_format_1_is_upgraded_in_place_and_loses_nothing(path: Path) -> None:
    """An update of the agent costs no reading, no position and no count."""
    of_format_1(path)
    spool = Spool(path, ["site", "influx"], thin=lambda bodies: (b"".join(bodies)[:4], 1))
    with closing(spool):
        assert [] == spool.open()
        assert [Batch(3, NOON + 1, 1, b"c 3\n")] == spool.pending("site")
        assert [b"a 1\nb 2\n", b"c 3\n"] == bodies(spool, "influx")
        assert SpoolStats(2, 12, 3, NOON, 7, 1, {"influx": 3, "site": 1}, 0) == spool.stats()
        assert ["type conflict"] == [one.reason for one in spool.quarantined()]
        assert [4] == spool.append([(b"d 4\n", 1)], NOON + 2)


def test_what_an_older_version_left_can_be_thinned(path: Path) -> None:
    """A full spool is no less full after an update."""
    of_format_1(path)
    spool = Spool(path, ["site", "influx"], quota=12, thin=lambda bodies: (b"".join(bodies)[:4], 1))
    with closing(spool):
        spool.open()
        spool.append([(b"d 4\n", 1)], NOON + 3600 * 10**9)

        assert [b"a 1\n", b"c 3\n", b"d 4\n"] == bodies(spool, "influx")
        assert (1, 7) == (spool.stats().thinned_lines, spool.stats().dropped_lines)


def test_an_upgraded_file_is_like_a_new_one(path: Path, tmp_path: Path) -> None:
    """Two ways to the same tables, or the next upgrade meets three."""
    of_format_1(path)
    opened(path, "site").close()
    opened(tmp_path / "new.db", "site").close()

    def columns(one: Path) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(one)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in names}

    def others(one: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(one)) as db:
            return db.execute("SELECT name, sql FROM sqlite_master WHERE type != 'table' ORDER BY name").fetchall()

    assert columns(tmp_path / "new.db") == columns(path)
    assert others(tmp_path / "new.db") == others(path)


UPGRADE = """
import resource, sys
from pathlib import Path
from dc_monitor import spool as module
from dc_monitor.errors import DcMonitorError
from dc_monitor.spool import Spool
spool = Spool(Path(sys.argv[1]), ["site", "influx"])
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    spool.open()
except DcMonitorError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.open()
print(spool.stats().lines)
"""


def test_an_upgrade_without_room_changes_nothing_and_is_made_later(path: Path) -> None:
    """One transaction: half a format would be none."""
    of_format_1(path)
    done = subprocess.run([sys.executable, "-c", UPGRADE, str(path)], capture_output=True, text=True, check=False)
    sentence, lines = done.stdout.splitlines()

    assert sentence.startswith(f"cannot open the spool {path}: ")
    assert ("3", "") == (lines, done.stderr)


# Damage


def spoil(path: Path, first: int, last: int) -> None:
    """Overwrite some pages with what was never theirs."""
    with path.open("r+b") as file:
        file.seek(first * 4_096)
        file.write(b"\xaa" * (last - first) * 4_096)


def filled(path: Path) -> list[bytes]:
    """300 batches of 7 kB, of ten lines each."""
    appended = [b"%06d " % number * 1_000 for number in range(300)]
    with closing(opened(path, "site")) as spool:
        for number, body in enumerate(appended):
            spool.append([(body, 10)], NOON + number)
    return appended


def test_what_can_be_read_of_a_damaged_file_is_sent_and_nothing_else(path: Path) -> None:
    """A bad page costs the batches on it: not the week before it, and it is never taken for readings."""
    appended = filled(path)
    spoil(path, 100, 130)
    before = path.read_bytes()
    spool = Spool(path, ["site", "influx"])
    with closing(spool):
        (said, *_) = spool.open()
        rescued = bodies(spool, "site")
        (aside,) = path.parent.glob("*set-aside-*Z")

        assert 250 < len(rescued) < 300
        assert [body for body in appended if body in set(rescued)] == rescued
        assert rescued == bodies(spool, "influx")
        assert said.endswith(
            f"; set aside as {aside.name}, and a new spool begins; of 3,000 lines that waited in it"
            f" {len(rescued) * 10:,} could be read and will be sent"
        )
        assert before == aside.read_bytes()


def test_a_body_that_is_not_what_was_appended_is_left_where_it_is(path: Path) -> None:
    """One bit that fell over inside a body breaks no table: only the checksum tells, and a wrong watt is no watt."""
    appended = filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"000123 " * 3, b"000123 000122 000123 ", 1))

    assert [body for body in appended if body != appended[123]] == [one.body for one in salvage(path)]


READERS: dict[str, Callable[[Spool], object]] = {
    "to be sent": lambda spool: spool.pending("site"),
    "to be thinned": lambda spool: spool.append([(bytes(40), 1)], NOON * 2),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_body_that_rotted_under_a_running_agent_goes_nowhere(path: Path, read: Callable[[Spool], object]) -> None:
    """It is found when it is read; its batch is lost, and with it nothing else."""
    with closing(Spool(path, ["site"], 40, thin=lambda bodies: (b"", 0))) as spool:
        spool.open()
        spool.append([(b"site watts=1 1\n", 1), (b"site watts=2 2\n", 1)], NOON)
        spool.close()
        path.write_bytes(path.read_bytes().replace(b"watts=1", b"watts=7"))
        spool.open()
        with pytest.raises(Malformed, match=r"damaged \(batch 1 is not what was appended\); a new one begins"):
            read(spool)
        (said,) = spool.open()

        assert "of 2 lines that waited in it 1 could be read and will be sent" in said
        assert [b"site watts=2 2\n"] == bodies(spool, "site")


def test_an_acknowledgement_on_its_way_does_not_hit_what_was_rescued(path: Path) -> None:
    """Ids go on in the new file: the server's answer is about the batches it was sent."""
    with closing(opened(path, "site")) as spool:
        given = spool.append([(b"a 1\n", 1), (b"b 2\n", 1), (b"c 3\n", 1)], NOON)
        spool.close()
        path.write_bytes(path.read_bytes().replace(b"a 1", b"a 7"))
        spool.open()
        with pytest.raises(Malformed):
            spool.pending("site")
        spool.open()
        spool.acknowledge("site", given)

        assert [b"b 2\n", b"c 3\n"] == bodies(spool, "site")
        assert spool.pending("site")[-1].id == spool.newest() > given[-1]


def test_what_is_in_the_log_alone_is_read_too_and_nothing_is_changed(path: Path, tmp_path: Path) -> None:
    """The newest batches have not reached the file itself when the machine stops."""
    aside = tmp_path / "aside"
    aside.mkdir()
    with closing(opened(path, "site")) as spool:
        spool.append([(b"a 1\n", 1)], NOON)
        for suffix in ("", "-wal"):
            shutil.copy(path.with_name(f"spool.db{suffix}"), aside)
    before = {one: one.read_bytes() for one in aside.iterdir()}

    assert [(NOON, 1, b"a 1\n", 0)] == list(salvage(aside / "spool.db"))
    assert before == {one: one.read_bytes() for one in aside.iterdir()}


def test_without_a_checksum_nothing_is_guessed(path: Path) -> None:
    """What format 1 left cannot be told from a torn page."""
    of_format_1(path)
    opened(path, "site", "influx").close()

    assert [] == list(salvage(path))


def test_a_rescue_without_room_says_what_it_did(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest lies where it was set aside."""
    filled(path)
    spoil(path, 100, 130)
    monkeypatch.setattr("dc_monitor.spool._COMMITTED_AT_ONCE", 100_000)
    insert, left = module._insert, iter(range(40))

    def until_full(*args: Any) -> int:
        if next(left, None) is None:
            raise sqlite3.OperationalError("database or disk is full")
        return insert(*args)

    monkeypatch.setattr(module, "_insert", until_full)
    spool = Spool(path, ["site"])
    with closing(spool):
        (said,) = spool.open()

        assert "; of 3,000 lines that waited in it 300 could be read and will be sent" in said


# Hostile files


def half_a_spool(path: Path) -> None:
    with closing(opened(path, "site")) as spool:
        spool.append([(b"x" * 500_000, 1)], NOON)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def zero_page_inside(path: Path) -> None:
    with closing(opened(path, "site")) as spool:
        spool.append([(b"x" * 500_000, 1)], NOON)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(8192) + whole[16384:])


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE accounts (name TEXT)")
        db.commit()


def empty_beside_a_log(path: Path) -> None:
    path.touch()
    path.with_name("spool.db-wal").write_bytes(b"log" * 1_000)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "zero-filled": lambda path: path.write_bytes(bytes(65_536)),
    "garbage": lambda path: path.write_bytes(bytes(range(256)) * 300),
    "one byte": lambda path: path.write_bytes(b"\x53"),
    "text": lambda path: path.write_text("# not a spool\n" * 100),
    "only the header": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(84)),
    "truncated": half_a_spool,
    "zero page inside": zero_page_inside,
    "foreign database": foreign_database,
    "empty beside a log": empty_beside_a_log,
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_set_aside_with_a_sentence_and_work_begins_anew(
    path: Path, spoil: Callable[[Path], object]
) -> None:
    """The agent starts whatever lies there, and destroys nothing."""
    spoil(path)
    before = path.read_bytes()
    spool = Spool(path, ["site"])
    with closing(spool):
        (said,) = spool.open()
        spool.append([(b"a 1\n", 1)], NOON)
        (aside,) = (one for one in path.parent.glob("*set-aside-*Z") if one.is_file())

        assert [b"a 1\n"] == bodies(spool, "site")
        assert before == aside.read_bytes()
        assert said.startswith(f"spool {path}: ")
        assert said.endswith(f"; set aside as {aside.name}, and a new spool begins; what waited in it will not be sent")


@pytest.mark.parametrize("spoil", [lambda path: None, lambda path: path.touch()], ids=["absent", "empty"])
def test_nothing_to_set_aside_is_no_news(path: Path, spoil: Callable[[Path], object]) -> None:
    """A first start says nothing."""
    spoil(path)
    spool = Spool(path, ["site"])
    with closing(spool):
        assert [] == spool.open()


def test_a_second_damaged_file_in_the_same_second_gets_a_name_of_its_own(path: Path) -> None:
    """Setting aside never overwrites what was set aside before."""
    for content in (b"first " * 100, b"second " * 100):
        path.write_bytes(content)
        opened(path, "site").close()

    assert {b"first " * 100, b"second " * 100} == {one.read_bytes() for one in path.parent.glob("*set-aside-*")}


def test_a_newer_format_is_refused_and_stays_where_it_is(path: Path) -> None:
    """After a downgrade the data must still be there for the newer version."""
    opened(path, "site").close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    spool = Spool(path, ["site"])
    with pytest.raises(Refused, match=r"newer dc-monitor \(format 3, this one knows 2\); upgrade dc-monitor"):
        spool.open()

    assert [path] == list(path.parent.iterdir())


def test_damage_found_at_work_is_told_and_healed_by_opening_again(path: Path) -> None:
    """A page that went bad under a running agent costs what waited, not the agent."""
    with closing(opened(path, "site")) as spool:
        spool.append([(b"x" * 100_000, 1)] * 50, NOON)
        spool.close()
        spool.open()
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(8_192)
            file.write(b"\xff" * (size - 8_192))
        with pytest.raises(Malformed, match="damaged"):
            spool.pending("site", EVERYTHING)
        (said,) = spool.open()
        spool.append([(b"a 1\n", 1)], NOON)

        assert "set aside as spool.db.set-aside-" in said
        assert [b"a 1\n"] == bodies(spool, "site")


def test_a_second_owner_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two agents on one spool would each send half."""
    monkeypatch.setattr("dc_monitor.spoolfile.BUSY_SECONDS", 0.05)
    with (
        closing(opened(path, "site")),
        pytest.raises(Refused, match=r"another process has it open; is a second agent running\?"),
    ):
        Spool(path, ["site"]).open()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """An operator reads which folder, not a stack trace."""
    (tmp_path / "file").touch()
    with pytest.raises(DcMonitorError, match=r"cannot make the spool's folder .*/file/state: Not a directory"):
        Spool(tmp_path / "file" / "state" / "spool.db", ["site"]).open()


def test_a_folder_in_the_place_of_the_file_is_a_sentence(path: Path) -> None:
    """Neither renamed nor a stack trace."""
    path.mkdir()
    with pytest.raises(DcMonitorError, match=r"cannot open the spool .*: unable to open database file"):
        Spool(path, ["site"]).open()


# A full disk

FULL = """
import resource, sys
from pathlib import Path
from dc_monitor import spool as module
from dc_monitor.errors import DcMonitorError
from dc_monitor.spool import Spool

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

spool = Spool(Path(sys.argv[1]), ["site"])
spool.open()
for number in range(10):
    spool.append([(b"x" * 100_000, 1)], number)
room(1_500_000)
full = 0
for number in range(10, 60):
    try:
        spool.append([(b"y" * 100_000, 1)], number)
    except DcMonitorError as error:
        full += 1
        sentence = str(error)
assert full, "the disk never was full"
assert spool.stats().batches == 60 - full
assert len(spool.pending("site", 1 << 40)) == 60 - full
room(resource.RLIM_INFINITY)
spool.acknowledge("site", [batch.id for batch in spool.pending("site")])
spool.append([(b"z" * 100_000, 1)], 60)
print(sentence)
print([batch.created for batch in spool.pending("site", 1 << 40)], full)
"""


def test_a_full_disk_refuses_whole_batches_and_heals(path: Path) -> None:
    """What did not fit raised a sentence and left no trace, what was there can be read; room again, work again."""
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False)
    assert "" == done.stderr
    sentence, rest = done.stdout.splitlines()
    kept = [int(one) for one in rest[1 : rest.index("]")].split(", ")]

    assert sentence.startswith(f"cannot write the spool {path}: ")
    assert kept == sorted(set(kept))
    assert 60 == kept[-1]
    with closing(opened(path, "site")) as spool:
        assert kept == [batch.created for batch in spool.pending("site", EVERYTHING)]


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    """No test can cut the power, so this one asks SQLite whether it flushes at every commit (2 is FULL)."""
    with closing(opened(path, "site")) as spool, spool._file.speaking("read") as db:
        assert [(2,)] == db.execute("PRAGMA synchronous").fetchall()


def test_the_file_says_whose_it_is(path: Path) -> None:
    """`file` and `sqlite3` tell a spool from any other database."""
    opened(path, "site").close()
    with closing(sqlite3.connect(path)) as db:
        assert [(APPLICATION_ID,)] == db.execute("PRAGMA application_id").fetchall()
        assert [(FORMAT,)] == db.execute("PRAGMA user_version").fetchall()
        assert [("wal",)] == db.execute("PRAGMA journal_mode").fetchall()
