"""Outcomes to disk: one commit for what came together, and a disk that fails costs nothing within the bound."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.virtual_time import NOON, VirtualClock, play
from dc_monitor.agent import pipeline as rooms
from dc_monitor.agent.pipeline import Lines, Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.contract import DeviceInfo
from dc_monitor.errors import DcMonitorError
from dc_monitor.readings import Reading, Series
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines

POWER = Series("ups-a", "output/total", "power", "total")
INFO = DeviceInfo("ups", "Acme", "U 3000", "1.2", ("rfc1628", "acme-ups"), accuracy=2.0)
PLACES = {"ups-a": {"site": "Caen-1", "room": "b12", "rack": ""}}


class FailingSpool(Spool):
    """A spool whose disk is full while `full` is set; `commits` counts batches of each commit."""

    full = False

    def __init__(self, path: Path) -> None:
        super().__init__(path, ["site"])
        self.commits: list[int] = []

    def append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> list[int]:
        if self.full:
            raise DcMonitorError("cannot write the spool x: database or disk is full")
        self.commits.append(len(bodies))
        return super().append(bodies, created)


class Stage:
    """A pipeline over a spool, while the context is open."""

    def __init__(self, path: Path, clock: VirtualClock) -> None:
        self.spool = FailingSpool(path / "spool.db")
        self.store = Store(self.spool)
        self.woken = 0
        self.pipeline = Pipeline(self.store, clock, [self._wake])

    def _wake(self) -> None:
        self.woken += 1

    async def __aenter__(self) -> "Stage":
        await self.store.open()
        self._task = asyncio.create_task(self.pipeline.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pipeline.stop()
        await self._task
        await self.store.close()

    async def bodies(self) -> list[bytes]:
        return [batch.body for batch in await self.store.pending("site", 1 << 40)]


def test_an_outcome_becomes_readings_and_the_line_of_its_device() -> None:
    """What the site needs to know of a device travels with what it said."""
    outcome = Outcome(
        "ups-a",
        NOON,
        0.5,
        60.0,
        INFO,
        [Reading(POWER, 270.0, NOON + 1)],
        ("ups-a: no answer for outlets",),
        "partial",
        2,
    )
    body, count = Lines("Caen-1", PLACES).encode(outcome)
    (reading, device), bad = parse_lines(body)

    assert ([], 2) == (bad, count)
    assert "power,site=Caen-1,room=b12,device=ups-a,point=output/total,level=total,method=measured" == reading.key
    assert ({"watts": 270.0}, NOON + 1) == (reading.fields, reading.time)
    assert ({"site": "Caen-1", "device": "ups-a", "reason": "partial"}, NOON) == (device.tags, device.time)
    assert {
        "up": 1.0,
        "poll_seconds": 0.5,
        "readings": 1.0,
        "failures": 1.0,
        "retries": 2.0,
        "kind": "ups",
        "vendor": "Acme",
        "model": "U 3000",
        "firmware": "1.2",
        "profile": "rfc1628,acme-ups",
        "message": "ups-a: no answer for outlets",
        "accuracy": 2.0,
    } == device.fields


def test_a_device_that_is_well_has_no_reason_and_no_message() -> None:
    """`reason` is a tag only when there is one."""
    body, _ = Lines("Caen-1", PLACES).encode(Outcome("ups-a", NOON, 0.5, 60.0, DeviceInfo("ups")))
    (device,), _ = parse_lines(body)

    assert ("reason" in device.tags, device.fields["message"], "accuracy" in device.fields) == (False, "", False)


def test_what_comes_within_a_second_is_one_commit(tmp_path: Path) -> None:
    """A flush costs a disk more than lines do; a lone reading is on disk at once."""

    async def scene(clock: VirtualClock) -> tuple[list[int], list[bytes], int]:
        async with Stage(tmp_path, clock) as stage:
            stage.pipeline.put(b"first 1\n", 1)
            await clock.sleep(0.01)
            assert [1] == stage.spool.commits
            for number in range(10):
                stage.pipeline.put(b"a %d\n" % number, 1)
                await clock.sleep(0.09)
            await clock.sleep(1.0)
            return stage.spool.commits, await stage.bodies(), stage.woken

    commits, bodies, woken = play(scene)
    assert ([1, 1], 2) == (commits, woken)
    assert b"first 1\n" + b"".join(b"a %d\n" % number for number in range(10)) == b"".join(bodies)


def test_a_large_commit_is_cut_into_batches(tmp_path: Path) -> None:
    """A batch is dropped or sent as a whole, so it has a size."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        async with Stage(tmp_path, clock) as stage:
            for _ in range(10):
                stage.pipeline.put(b"x" * 99_999 + b"\n", 1)
            await clock.sleep(2.0)
            return await stage.bodies()

    assert [200_000] * 5 == [len(body) for body in play(scene)]


def test_stopping_commits_what_is_left(tmp_path: Path) -> None:
    """The last poll before a restart is not lost."""

    async def scene(clock: VirtualClock) -> None:
        async with Stage(tmp_path, clock) as stage:
            stage.pipeline.put(b"a 1\n", 1)
            await clock.sleep(0.01)
            stage.pipeline.put(b"b 2\n", 1)

    play(scene)
    spool = Spool(tmp_path / "spool.db", ["site"])
    spool.open()
    assert [b"a 1\n", b"b 2\n"] == [batch.body for batch in spool.pending("site")]
    spool.close()


def test_a_stop_while_the_disk_fails_says_what_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Memory ends with the process, and that is no secret."""

    async def scene(clock: VirtualClock) -> None:
        async with Stage(tmp_path, clock) as stage:
            stage.spool.full = True
            for number in range(30):
                stage.pipeline.put(b"a %d\n" % number, 1)
                await clock.sleep(1.0)

    play(scene)
    assert "the spool cannot be written; lost with this stop: 30 lines in memory" == caplog.messages[-1]


def test_while_the_disk_fails_lines_wait_in_memory_and_are_written_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk for five minutes costs nothing, in the order it came, and two lines in the log."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> list[bytes]:
        async with Stage(tmp_path, clock) as stage:
            stage.spool.full = True
            for number in range(300):
                stage.pipeline.put(b"a %d\n" % number, 1)
                await clock.sleep(1.0)
            stage.spool.full = False
            await clock.sleep(40.0)
            return await stage.bodies()

    assert [b"a %d" % number for number in range(300)] == b"".join(play(scene)).splitlines()
    assert 2 == len(caplog.messages)
    assert (
        "cannot write the spool x: database or disk is full; readings are kept in memory, up to 16 MiB, and it is tried"
        " again" == caplog.messages[0]
    )
    assert caplog.messages[1].startswith("the spool is written again after 5 min")
    assert caplog.messages[1].endswith("; 300 lines had waited in memory, 0 lines lost so far")


def test_a_disk_that_fails_all_night_is_still_tried(tmp_path: Path) -> None:
    """Patience has a bound, in seconds and in arithmetic."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        async with Stage(tmp_path, clock) as stage:
            stage.spool.full = True
            stage.pipeline.put(b"a 1\n", 1)
            await clock.sleep(12 * 3_600.0)
            stage.spool.full = False
            await clock.sleep(31.0)
            return await stage.bodies()

    assert [b"a 1\n"] == play(scene)


def test_memory_is_bounded_and_what_is_lost_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is gone for a week must not take the machine with it: the oldest lines go."""
    monkeypatch.setattr(rooms, "MOST_IN_MEMORY", 1_000)

    async def scene(clock: VirtualClock) -> tuple[list[bytes], int]:
        async with Stage(tmp_path, clock) as stage:
            stage.spool.full = True
            for number in range(100):
                stage.pipeline.put(b"%099d\n" % number, 1)
                await clock.sleep(1.0)
            stage.spool.full = False
            await clock.sleep(40.0)
            return b"".join(await stage.bodies()).splitlines(), stage.pipeline.dropped_lines

    lines, dropped = play(scene)
    assert (list(range(90, 100)), 90) == ([int(line) for line in lines], dropped)


def test_a_spool_that_goes_bad_is_replaced_under_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damage is told once, the file set aside, and work goes on."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        store = Store(Spool(tmp_path / "spool.db", ["site"]))
        await store.open()
        await store.append([(b"x" * 100_000, 1)] * 50, NOON)
        await store.close()
        store = Store(Spool(tmp_path / "spool.db", ["site"]))
        await store.open()
        with (tmp_path / "spool.db").open("r+b") as file:
            file.seek(8_192)
            file.write(b"\xff" * 5_000_000)
        with pytest.raises(DcMonitorError):
            await store.pending("site", 1 << 40)
        await store.append([(b"a 1\n", 1)], NOON)
        bodies = [batch.body for batch in await store.pending("site", 1 << 40)]
        await store.close()
        return bodies

    assert [b"a 1\n"] == play(scene)
    assert 1 == len(caplog.messages)
    assert "set aside as spool.db.set-aside-" in caplog.messages[0]
