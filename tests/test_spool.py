"""The spool: what was appended is there until every sink has acknowledged it, whatever happens to the machine."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from dc_monitor.errors import DcMonitorError, Malformed, Refused
from dc_monitor.spool import APPLICATION_ID, FORMAT, QUARANTINE_KEPT, Batch, Spool

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


def test_a_batch_waits_for_each_sink_apart_and_goes_when_all_have_it(path: Path) -> None:
    """A slow sink keeps its data; a quick one does not get it twice."""
    with closing(opened(path, "site", "influx")) as spool:
        first, second = spool.append([(b"a 1\n", 1), (b"b 2\n", 1)], NOON)
        spool.acknowledge("site", [first, second])
        spool.acknowledge("influx", [second])

        assert [] == spool.pending("site")
        assert [Batch(first, NOON, 1, b"a 1\n")] == spool.pending("influx")
        assert 1 == spool.stats().batches


def test_ids_never_come_again(path: Path) -> None:
    """A late acknowledgement of an old batch must not delete a newer one."""
    with closing(opened(path, "site")) as spool:
        first = spool.append([(b"a 1\n", 1)], NOON)
        spool.acknowledge("site", first)
        second = spool.append([(b"b 2\n", 1)], NOON)
        spool.acknowledge("site", first)

        assert second == [batch.id for batch in spool.pending("site")]


def test_pending_gives_at_least_one_and_no_more_than_asked(path: Path) -> None:
    """A batch larger than a request still goes; small ones share a request."""
    with closing(opened(path, "site")) as spool:
        spool.append([(b"x" * 100, 1), (b"y" * 10, 1), (b"z" * 10, 1)], NOON)

        assert [100] == [len(batch.body) for batch in spool.pending("site", 50)]
        assert [100, 10] == [len(batch.body) for batch in spool.pending("site", 110)]
        assert [100, 10, 10] == [len(batch.body) for batch in spool.pending("site", 120)]


def test_with_no_sink_nothing_piles_up(path: Path) -> None:
    """An agent that only shows /metrics stores nothing."""
    with closing(opened(path)) as spool:
        assert [] == spool.append([(b"a 1\n", 1)], NOON)
        assert 0 == spool.stats().batches


def test_a_new_sink_starts_with_what_is_there_and_a_removed_one_is_told(path: Path) -> None:
    """Nobody discovers months later that a position was lost."""
    with closing(opened(path, "old")) as spool:
        spool.append([(b"a 1\nb 1\n", 2)], NOON)
    spool = Spool(path, ["new"])
    with closing(spool):
        said = spool.open()

        assert [b"a 1\nb 1\n"] == bodies(spool, "new")
        assert [
            'spool: sink "new" is new and starts with what waits: 2 lines',
            'spool: sink "old" is no longer configured and loses its position; lines that waited for it: 2',
        ] == said


def test_over_the_quota_the_oldest_goes_and_is_counted_even_after_a_restart(path: Path) -> None:
    """Bounded, and never silently."""
    with closing(opened(path, "site", quota=100)) as spool:
        spool.append([(b"a" * 60, 3), (b"b" * 60, 4)], NOON)
        spool.append([(b"c" * 40, 5)], NOON + 1)
    with closing(opened(path, "site", quota=100)) as spool:
        assert [b"b" * 60, b"c" * 40] == bodies(spool, "site")
        assert 3 == spool.stats().dropped_lines
        spool.append([(b"d" * 1_000, 1)], NOON + 2)  # larger than the quota: the newest is kept all the same
        assert [b"d" * 1_000] == bodies(spool, "site")
        assert 12 == spool.stats().dropped_lines


def test_quarantine_is_bounded_and_its_count_is_not_forgotten(path: Path) -> None:
    """A server that refuses everything must not fill the disk through its reasons."""
    with closing(opened(path, "site")) as spool:
        for number in range(QUARANTINE_KEPT + 5):
            spool.quarantine("site", b"bad %d\n" % number + b"x" * 10_000, "field type conflict", NOON)
    with closing(opened(path, "site")) as spool:
        kept = spool.quarantined()

        assert (QUARANTINE_KEPT, b"bad 5\n") == (len(kept), kept[0].body[:6])
        assert 2 * (QUARANTINE_KEPT + 5) == spool.stats().quarantined_lines
        assert 4_096 == max(len(one.body) for one in kept)


def test_the_file_becomes_small_again_after_an_outage(path: Path) -> None:
    """A night without the server must not cost its disk for ever."""
    with closing(opened(path, "site")) as spool:
        for _ in range(40):
            spool.append([(b"x" * 500_000, 1)], NOON)
        spool.close()
        grown = path.stat().st_size
        spool.open()
        while batches := spool.pending("site"):
            spool.acknowledge("site", [batch.id for batch in batches])
        for _ in range(20):  # life goes on
            spool.acknowledge("site", spool.append([(b"x" * 5_000, 1)], NOON))
    assert grown > 20_000_000
    assert path.stat().st_size < 3_000_000


def test_steady_work_does_not_let_the_file_grow(path: Path) -> None:
    """Pages of deleted batches are used again."""
    with closing(opened(path, "site")) as spool:
        for round_ in range(300):
            spool.acknowledge("site", spool.append([(b"x" * (20_000 + 37 * round_), 1)], NOON))
    assert path.stat().st_size < 1_500_000


# Power cuts


class SpoolAgainstModel(RuleBasedStateMachine):
    """The spool does what a dictionary of batches does, and a power cut changes nothing."""

    ids = Bundle("ids")
    QUOTA = 5_000
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.home = self.folder / "0"
        shutil.rmtree(self.folder)
        self.home.mkdir(parents=True)
        self.cuts = 0
        self.model: dict[int, tuple[bytes, int, set[str]]] = {}
        self.dropped = 0
        self.sinks = {"site", "influx"}
        self.spool = self._open()

    def _open(self) -> Spool:
        return opened(self.home / "spool.db", *sorted(self.sinks), quota=self.QUOTA)

    @initialize(target=ids)
    def nothing_yet(self) -> object:
        return multiple()

    @rule(target=ids, sizes=st.lists(st.integers(0, 2_500), max_size=4))
    def append(self, sizes: list[int]) -> object:
        batch = [(bytes([size % 251]) * size, size % 7) for size in sizes]
        ids = self.spool.append(batch, NOON)
        if not self.sinks:
            assert ids == []
            return multiple()
        for at, (body, lines) in zip(ids, batch, strict=True):
            self.model[at] = (body, lines, set(self.sinks))
        while sum(len(body) for body, _, _ in self.model.values()) > self.QUOTA and min(self.model) != ids[-1]:
            self.dropped += self.model.pop(min(self.model))[1]
        return multiple(*ids)

    @rule(wanted=st.lists(ids, max_size=5), sink=st.sampled_from(["site", "influx"]))
    def acknowledge(self, wanted: list[int], sink: str) -> None:
        if sink not in self.sinks:
            return
        self.spool.acknowledge(sink, wanted)
        for at in wanted:
            if at in self.model:
                self.model[at][2].discard(sink)
                if not self.model[at][2]:
                    del self.model[at]

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self._open()

    @rule()
    def power_cut(self) -> None:
        """The files as they lie on the disk while the spool is open are what a power cut leaves."""
        self.cuts += 1
        after = self.folder / str(self.cuts)
        shutil.copytree(self.home, after)
        self.spool.close()
        self.home = after
        self.spool = self._open()

    @rule(sinks=st.sets(st.sampled_from(["site", "influx"])))
    def reconfigure(self, sinks: set[str]) -> None:
        self.spool.close()
        for at, (_, _, waits) in list(self.model.items()):
            waits |= sinks - self.sinks
            waits &= sinks
            if not waits:
                del self.model[at]
        self.sinks = sinks
        self.spool = self._open()

    @invariant()
    def same(self) -> None:
        for sink in self.sinks:
            expected = [(at, body) for at, (body, _, waits) in sorted(self.model.items()) if sink in waits]
            assert expected == [(batch.id, batch.body) for batch in self.spool.pending(sink, EVERYTHING)]
        stats = self.spool.stats()
        assert len(self.model) == stats.batches
        assert sum(len(body) for body, _, _ in self.model.values()) == stats.bytes
        assert sum(lines for _, lines, _ in self.model.values()) == stats.lines
        assert self.dropped == stats.dropped_lines
        assert {
            sink: sum(lines for _, lines, waits in self.model.values() if sink in waits) for sink in self.sinks
        } == stats.waiting

    def teardown(self) -> None:
        self.spool.close()


def test_spool_against_model(tmp_path: Path) -> None:
    """Append, acknowledge, restart, reconfigure, cut the power in any order: nothing lost, nothing invented."""
    SpoolAgainstModel.folder = tmp_path / "model"
    SpoolAgainstModel.folder.mkdir()
    SpoolAgainstModel.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
    SpoolAgainstModel.TestCase().runTest()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0.0, 1.0), zeroes=st.booleans())
def test_a_torn_log_costs_at_most_its_last_transactions(tmp_path: Path, cut: float, zeroes: bool) -> None:
    """A disk that lied about its flush leaves a prefix of what was appended, never a hole and never garbage."""
    home, after = tmp_path / "home", tmp_path / "after"
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(after, ignore_errors=True)
    appended = [b"batch %d\n" % number * 50 for number in range(30)]
    with closing(opened(home / "spool.db", "site")) as spool:
        for body in appended:
            spool.append([(body, 50)], NOON)
        shutil.copytree(home, after)
    log = after / "spool.db-wal"
    whole = log.read_bytes()
    keep = int(len(whole) * cut)
    log.write_bytes(whole[:keep] + bytes(len(whole) - keep if zeroes else 0))
    with closing(opened(after / "spool.db", "site")) as spool:
        survived = bodies(spool, "site")

    assert appended[: len(survived)] == survived
    assert len(survived) == 30 or cut < 1.0


KILLED = """
import sys
from pathlib import Path
from dc_monitor.spool import Spool
spool = Spool(Path(sys.argv[1]), ["site"])
spool.open()
for number in range(1_000_000):
    body = b"line %d\\n" % number * 20
    print(spool.append([(body, 20)], number)[0], number, flush=True)
    if number % 3 == 2:
        spool.acknowledge("site", [spool.pending("site")[0].id])
        print("acknowledged", flush=True)
"""


def test_a_killed_writer_leaves_everything_it_had_committed(path: Path) -> None:
    """kill -9 in the middle of writing: whatever `append` had returned is there, and the file is sound."""
    for wanted in (1, 40, 200):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            told = [child.stdout.readline() for _ in range(wanted)]
            child.send_signal(signal.SIGKILL)
            told += child.stdout.read().splitlines(keepends=True)
        written = {
            int(line.split()[0]): int(line.split()[1]) for line in told if line[0].isdigit() and line[-1] == "\n"
        }
        spool = Spool(path, ["site"])
        with closing(spool):
            assert [] == spool.open()
            kept = {batch.id: batch.created for batch in spool.pending("site", EVERYTHING)}
            gone = sorted(set(written) - set(kept))
            assert sorted(written)[: len(gone)] == gone  # the oldest ones, which were acknowledged
            assert len(gone) - told.count("acknowledged\n") in (0, 1)  # one more may be done and not told
            assert all(kept[at] == written[at] for at in written if at not in gone)
            spool.acknowledge("site", list(kept))


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
    with pytest.raises(Refused, match=r"newer dc-monitor \(format 2, this one knows 1\); upgrade dc-monitor"):
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
    monkeypatch.setattr("dc_monitor.spool.BUSY_SECONDS", 0.05)
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
    with closing(opened(path, "site")) as spool:
        assert spool._db is not None
        assert [(2,)] == spool._db.execute("PRAGMA synchronous").fetchall()


def test_the_file_says_whose_it_is(path: Path) -> None:
    """`file` and `sqlite3` tell a spool from any other database."""
    opened(path, "site").close()
    with closing(sqlite3.connect(path)) as db:
        assert [(APPLICATION_ID,)] == db.execute("PRAGMA application_id").fetchall()
        assert [(FORMAT,)] == db.execute("PRAGMA user_version").fetchall()
        assert [("wal",)] == db.execute("PRAGMA journal_mode").fetchall()
