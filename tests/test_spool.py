"""The spool: what was appended is there until every sink has acknowledged it, whatever happens to the machine."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from dc_monitor.spool import QUARANTINE_KEPT, Batch, Spool
from dc_monitor.spoolfile import THINNED

NOON = 1_700_000_100_000_000_000
"""Where five minutes begin."""
MINUTE = 60 * 10**9
EVERYTHING = 1 << 40
NEVER = 1 << 60
"""No id is that high."""
AT_ONCE = 1_500
"""What the model and its spool thin at once [B]."""


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


class Kept(NamedTuple):
    body: bytes
    lines: int
    created: int
    waits: set[str]
    thinned: bool = False


def third(bodies: Sequence[bytes]) -> tuple[bytes, int]:
    """Thins to a third; what begins with an odd byte cannot be thinned."""
    if any(body[:1] and body[0] % 2 for body in bodies):
        return b"".join(bodies), 0
    return b"".join(body[: len(body) // 3] for body in bodies), len(bodies)


class SpoolAgainstModel(RuleBasedStateMachine):
    """The spool does what a dictionary of batches does, and a power cut changes nothing."""

    ids = Bundle("ids")
    QUOTA = 3_000
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.home = self.folder / "0"
        shutil.rmtree(self.folder)
        self.home.mkdir(parents=True)
        self.cuts = 0
        self.model: dict[int, Kept] = {}
        self.dropped = self.thinned = self.newest = 0
        self.out: set[int] = set()
        self.sinks = {"site", "influx"}
        self.asked = dict.fromkeys(self.sinks, (EVERYTHING, NEVER))
        self.spool = self._open()

    def _open(self) -> Spool:
        spool = Spool(self.home / "spool.db", sorted(self.sinks), self.QUOTA, third)
        spool.open()
        return spool

    @initialize(target=ids)
    def nothing_yet(self) -> object:
        return multiple()

    @rule(target=ids, sizes=st.lists(st.integers(0, 600), max_size=8), minute=st.integers(0, 20))
    def append(self, sizes: list[int], minute: int) -> object:
        batch = [(bytes([size % 251]) * size, size % 7) for size in sizes]
        created = NOON + minute * MINUTE
        ids = self.spool.append(batch, created)
        if not self.sinks:
            assert ids == []
            return multiple()
        for at, (body, lines) in zip(ids, batch, strict=True):
            self.model[at] = Kept(body, lines, created, set(self.sinks))
        if ids:
            self.newest = ids[-1]
            self._keep_quota()
        return multiple(*ids)

    def _keep_quota(self) -> None:
        while self._excess() > 0 and (group := self._thinnable()):
            bodies = [self.model[at].body for at in group]
            body, lines = third(bodies)
            if len(body) >= sum(map(len, bodies)):
                self.model |= {at: self.model[at]._replace(thinned=True) for at in group}
                continue
            first = self.model[group[0]]
            self.thinned += sum(self.model.pop(at).lines for at in group) - lines
            self.model[group[0] - THINNED] = Kept(body, lines, first.created, first.waits, thinned=True)
        while self._excess() > 0 and min(self.model) != self.newest:
            self.dropped += self.model.pop(min(self.model)).lines

    def _excess(self) -> int:
        return sum(len(kept.body) for kept in self.model.values()) - self.QUOTA

    def _thinnable(self) -> list[int]:
        """Of the oldest batches, as many as go together, and no part of five minutes if that can be."""
        whole = [at for at, kept in sorted(self.model.items()) if not kept.thinned]
        rest = list(dropwhile(self.out.__contains__, whole))
        group: list[int] = []
        for at in rest:
            together = sum(len(self.model[one].body) for one in [*group, at]) <= AT_ONCE or not group
            if at in self.out or at == self.newest or not together or self.model[at].waits != self.model[rest[0]].waits:
                break
            group.append(at)
        spans = [self.model[at].created // (5 * MINUTE) for at in rest[: len(group) + 1]]
        ends = [at for at in range(1, len(spans)) if spans[at - 1] != spans[at]]
        stopped_by_newest = rest[len(group)] == self.newest
        return group[: ends[-1]] if ends else [] if stopped_by_newest else group

    def _pending(self, sink: str, max_bytes: int, after: int | None) -> list[int]:
        found: list[int] = []
        for at, kept in sorted(self.model.items()):
            if sink in kept.waits and (after is None or at > after):
                if found and sum(len(self.model[one].body) for one in [*found, at]) > max_bytes:
                    break
                found.append(at)
        return found

    @rule(
        sink=st.sampled_from(["site", "influx"]),
        max_bytes=st.integers(0, 2_000),
        after=st.none() | ids | st.just(NEVER),
    )
    def ask(self, sink: str, max_bytes: int, after: int | None) -> None:
        """From now on that is out for delivery."""
        self.asked[sink] = (max_bytes, after)

    @rule(wanted=st.lists(ids, max_size=5), oldest=st.integers(0, 2), sink=st.sampled_from(["site", "influx"]))
    def acknowledge(self, wanted: list[int], oldest: int, sink: str) -> None:
        """Late acknowledgements of what was dropped or thinned among them."""
        if sink not in self.sinks:
            return
        wanted += sorted(self.model)[:oldest]
        self.spool.acknowledge(sink, wanted)
        for at in wanted:
            if at in self.model:
                self.model[at].waits.discard(sink)
                if not self.model[at].waits:
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

    @rule(sinks=st.sets(st.sampled_from(["site", "influx"])), running=st.booleans())
    def reconfigure(self, sinks: set[str], running: bool) -> None:
        for at, kept in list(self.model.items()):
            kept.waits.update(sinks - self.sinks)
            kept.waits.intersection_update(sinks)
            if not kept.waits:
                del self.model[at]
        self.sinks = sinks
        self.asked = {sink: self.asked.get(sink, (EVERYTHING, NEVER)) for sink in sinks}
        if running:
            self.spool.set_sinks(sorted(sinks))
        else:
            self.spool.close()
            self.spool = self._open()

    @invariant()
    def same(self) -> None:
        self.out = set()
        for sink in self.sinks:
            expected = [(at, kept.body) for at, kept in sorted(self.model.items()) if sink in kept.waits]
            assert expected == [(batch.id, batch.body) for batch in self.spool.pending(sink, EVERYTHING)]
            asked = self._pending(sink, *self.asked[sink])
            assert asked == [batch.id for batch in self.spool.pending(sink, *self.asked[sink])]
            self.out.update(asked)
        stats = self.spool.stats()
        assert self.newest == self.spool.newest()
        assert len(self.model) == stats.batches
        assert sum(len(kept.body) for kept in self.model.values()) == stats.bytes
        assert sum(kept.lines for kept in self.model.values()) == stats.lines
        assert (self.dropped, self.thinned) == (stats.dropped_lines, stats.thinned_lines)
        assert {
            sink: sum(kept.lines for kept in self.model.values() if sink in kept.waits) for sink in self.sinks
        } == stats.waiting

    def teardown(self) -> None:
        self.spool.close()


def test_spool_against_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Append, thin, acknowledge, restart, reconfigure, cut the power in any order: nothing lost, nothing invented."""
    monkeypatch.setattr("dc_monitor.spool.THINNED_AT_ONCE", AT_ONCE)
    SpoolAgainstModel.folder = tmp_path / "model"
    SpoolAgainstModel.folder.mkdir()
    SpoolAgainstModel.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
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
