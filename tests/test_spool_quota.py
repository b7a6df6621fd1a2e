"""Over its quota a spool thins before it drops, and counts both."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from dc_monitor import spool as module
from dc_monitor.readings import Reading, Series
from dc_monitor.spool import Spool
from dc_monitor.thinning import thin
from dc_monitor.wire import Encoder, parse_lines

NOON = 1_800_000_000 * 10**9
"""Where five minutes begin."""
MINUTE = 60 * 10**9
EVERYTHING = 1 << 40


@pytest.fixture(autouse=True)
def five_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five of the batches of `Stage`, and some."""
    monkeypatch.setattr(module, "THINNED_AT_ONCE", 600)


class Halves:
    """Thins to every other line; `groups` are the batches of each call."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.useless = False

    def __call__(self, bodies: Sequence[bytes]) -> tuple[bytes, int]:
        self.groups.append(len(bodies))
        lines = b"".join(bodies).splitlines(keepends=True)[:: 1 if self.useless else 2]
        return b"".join(lines), len(lines)


class Stage:
    """A spool that thins by halves, and takes a batch of ten lines, of a hundred bytes, a minute."""

    def __init__(self, path: Path, *sinks: str, quota: int) -> None:
        self.halves = Halves()
        self.spool = Spool(path / "spool.db", sinks or ["site"], quota, self.halves)
        self.spool.open()
        self.minute = 0

    def append(self, minutes: int = 1) -> int:
        """The id of the last batch."""
        for _ in range(minutes):
            body = b"".join(b"%04d %d ..\n" % (self.minute, line) for line in range(10))
            (at,) = self.spool.append([(body, 10)], NOON + self.minute * MINUTE)
            self.minute += 1
        return at

    def minutes(self, sink: str = "site") -> list[list[int]]:
        """The minutes each waiting batch is of; everything is out for delivery only as long as this looks."""
        batches = self.spool.pending(sink, EVERYTHING)
        self.spool.pending(sink, 0, after=EVERYTHING)
        return [sorted({int(line[:4]) for line in batch.body.splitlines()}) for batch in batches]


def test_the_oldest_five_minutes_are_thinned_first_and_nothing_is_dropped(tmp_path: Path) -> None:
    """A year's curve that is coarse at its old end is worth more than one that is torn off."""
    stage = Stage(tmp_path, quota=1_000)
    with closing(stage.spool):
        stage.append(11)
        stats = stage.spool.stats()

        assert [[0, 1, 2, 3, 4], [5], [6], [7], [8], [9], [10]] == stage.minutes()
        assert (85, 25, 0) == (stats.lines, stats.thinned_lines, stats.dropped_lines)
        assert {"site": 85} == stats.waiting
        assert NOON == stats.oldest


def test_a_batch_is_thinned_once_then_the_oldest_are_dropped_and_every_line_is_accounted_for(tmp_path: Path) -> None:
    """Half of a half of a half would be noise; what is gone is counted."""
    stage = Stage(tmp_path, quota=1_000)
    with closing(stage.spool):
        stage.append(40)
        stats = stage.spool.stats()

        assert [[*range(at, at + 5)] for at in (25, 30)] == stage.minutes()[:2]
        assert [[35], [36], [37], [38], [39]] == stage.minutes()[2:]
        assert 7 == len(stage.halves.groups)
        assert {5} == set(stage.halves.groups)
        assert 400 == stats.lines + stats.thinned_lines + stats.dropped_lines
        assert (25 * 7, 25 * 5) == (stats.thinned_lines, stats.dropped_lines)


def test_what_is_out_for_delivery_is_not_changed_under_it(tmp_path: Path) -> None:
    """Or its acknowledgement would meet a batch that is gone, and its means would be sent beside it."""
    stage = Stage(tmp_path, quota=1_500)
    with closing(stage.spool):
        stage.append(15)
        out = stage.spool.pending("site", 300)
        stage.append()

        assert [[3, 4], [0], [1], [2], [5]] == stage.minutes()[:5]
        stage.spool.acknowledge("site", [batch.id for batch in out])
        assert [[3, 4], [5]] == stage.minutes()[:2]


def test_what_was_asked_for_anew_is_no_longer_out(tmp_path: Path) -> None:
    """A sink that gave up on a request holds nothing back."""
    stage = Stage(tmp_path, quota=1_500)
    with closing(stage.spool):
        last = stage.append(15)
        stage.spool.pending("site", 300)
        stage.spool.pending("site", 300, after=last - 1)
        stage.append()

        assert [0, 1, 2, 3, 4] == stage.minutes()[0]


def test_a_late_acknowledgement_of_what_was_thinned_does_not_lose_it(tmp_path: Path) -> None:
    """The server has the readings and not the means; sending both does no harm, losing both would."""
    stage = Stage(tmp_path, quota=1_500)
    with closing(stage.spool):
        stage.append(15)
        given = [batch.id for batch in stage.spool.pending("site", EVERYTHING)]
        stage.minutes()
        stage.append()
        stage.spool.acknowledge("site", given)

        assert [[0, 1, 2, 3, 4], [15]] == stage.minutes()


def test_a_thinned_batch_is_older_than_whatever_is_live(tmp_path: Path) -> None:
    """`after` asks for what is new; means of yesterday are not."""
    stage = Stage(tmp_path, quota=1_000)
    with closing(stage.spool):
        before = stage.append(11)
        stage.append()

        assert before == stage.spool.newest() - 1
        assert [before + 1] == [batch.id for batch in stage.spool.pending("site", EVERYTHING, after=before)]


def test_batches_that_wait_for_different_sinks_are_not_put_together(tmp_path: Path) -> None:
    """One sink has the first three minutes: it does not get them again as means."""
    stage = Stage(tmp_path, "influx", "site", quota=1_000)
    with closing(stage.spool):
        stage.append(10)
        stage.spool.acknowledge("influx", [batch.id for batch in stage.spool.pending("influx", 300)])
        stage.minutes()
        stage.append(2)

        assert [[0, 1, 2], [3, 4], [5]] == stage.minutes("site")[:3]
        assert [[3, 4], [5]] == stage.minutes("influx")[:2]


def test_what_is_thinned_at_once_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit stays short, even where five minutes are more than it may take."""
    monkeypatch.setattr(module, "THINNED_AT_ONCE", 350)
    stage = Stage(tmp_path, quota=1_000)
    with closing(stage.spool):
        stage.append(16)

        assert [3, 2, 3, 2, 3] == stage.halves.groups
        assert [[0, 1, 2], [3, 4], [5, 6, 7], [8, 9], [10, 11, 12]] == stage.minutes()[:5]


def test_what_cannot_be_thinned_is_tried_once_and_dropped(tmp_path: Path) -> None:
    """Registers stay as they are; looking at them again with every commit would cost a core."""
    stage = Stage(tmp_path, quota=1_000)
    stage.halves.useless = True
    with closing(stage.spool):
        stage.append(30)
        stats = stage.spool.stats()

        assert [[at] for at in range(20, 30)] == stage.minutes()
        assert (0, 200) == (stats.thinned_lines, stats.dropped_lines)
        assert 25 >= sum(stage.halves.groups)


def test_the_five_minutes_that_go_on_are_left_alone(tmp_path: Path) -> None:
    """Their mean comes when they are over; until then the oldest is dropped, as without thinning."""
    stage = Stage(tmp_path, quota=300)
    with closing(stage.spool):
        stage.append(4)

        assert [[1], [2], [3]] == stage.minutes()
        assert [] == stage.halves.groups


def test_a_spool_full_of_readings_becomes_one_of_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing: a device every 10 s for six hours, in room for half of one; each five minutes are still there."""
    encoder = Encoder({"site": "Caen-1"})
    series = [Series("pdu-a", f"outlet/{at}", "power", "outlet") for at in range(10)]
    monkeypatch.undo()
    spool = Spool(tmp_path / "spool.db", ["site"], 200_000, thin)
    with closing(spool):
        spool.open()
        for at in range(0, 21_600, 10):
            when = NOON + at * 10**9
            spool.append([encoder.encode(Reading(one, 100.0, when - 10**9) for one in series)], when)
        stats = spool.stats()
        lines = [line for batch in spool.pending("site", EVERYTHING) for line in parse_lines(batch.body)[0]]

    windows = {line.time // (5 * MINUTE) for line in lines}
    assert [*range(min(windows), max(windows) + 1)] == sorted(windows)
    assert 21_600 // 300 + 1 == len(windows)
    assert (21_600, 0) == (len(lines) + stats.thinned_lines, stats.dropped_lines)
    assert {100.0} == {line.fields["watts"] for line in lines}
