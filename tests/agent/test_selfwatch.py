"""The agent tells of itself, so that nobody discovers in the report that it was ill."""

import asyncio
import logging
from pathlib import Path

import pytest

from agent.virtual_time import NOON, VirtualClock, play, until
from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.selfwatch import SelfWatch
from dc_monitor.agent.store import Store
from dc_monitor.clock import NANOSECONDS
from dc_monitor.contract import DeviceInfo
from dc_monitor.errors import DcMonitorError
from dc_monitor.names import AGENT_FIELDS
from dc_monitor.readings import Reading, Series
from dc_monitor.spool import Spool, SpoolStats
from dc_monitor.wire import Line, parse_lines

OUTCOME = Outcome(
    "a", NOON, 0.1, 60.0, DeviceInfo("ups"), [Reading(Series("a", "total", "power", "total"), 1.0, NOON)] * 7, missed=2
)
EMPTY = SpoolStats(batches=0, bytes=0, lines=0, oldest=None, dropped_lines=0, quarantined_lines=0, waiting={})


class Lines(Pipeline):
    """Keeps the lines instead of writing them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.dropped_lines = 3

    def put(self, body: bytes, lines: int) -> None:
        good, bad = parse_lines(body)
        assert (bad, len(good)) == ([], lines)
        self.lines += good


def test_the_agents_line_comes_after_five_seconds_and_then_each_minute(tmp_path: Path) -> None:
    """A new agent is seen at once, with what it holds and what waits."""

    async def scene(clock: VirtualClock) -> list[Line]:
        store, lines = Store(Spool(tmp_path / "spool.db", ["site"])), Lines()
        await store.open()
        await store.append([(b"a 1\n", 1), (b"b 1\n", 1)], NOON - 10 * NANOSECONDS)
        watch = SelfWatch("Caen-1", "pi-1", clock, store, lines)
        watch.take(OUTCOME)
        await until(clock, 130.0, watch.run())
        await store.close()
        return lines.lines

    lines = play(scene)
    assert [5, 65, 125] == [(line.time - NOON) // NANOSECONDS for line in lines]
    assert "agent,site=Caen-1,agent=pi-1" == lines[0].key
    fields = {name: value for name, value in lines[0].fields.items() if isinstance(value, float)}
    assert {*AGENT_FIELDS} - {"own_energy_joules"} == {*fields}
    assert 5e6 < fields.pop("rss_bytes") < 1e9
    assert fields.pop("cpu_seconds") > 0.0
    assert 3 < fields.pop("open_files") < 1_000
    assert {
        "loop_lag_seconds": 0.0,
        "spool_bytes": 8.0,
        "spool_batches": 2.0,
        "spool_oldest_seconds": 15.0,
        "readings_total": 7.0,
        "thinned_total": 0.0,
        "dropped_total": 3.0,
        "missed_total": 2.0,
    } == fields


def test_the_worst_lag_of_a_minute_is_told_once(tmp_path: Path) -> None:
    """A collector that blocks the loop is seen in the minute it did so."""

    async def scene(clock: VirtualClock) -> list[float | str]:
        lines = Lines()

        async def block() -> None:
            await clock.sleep(20.5)
            clock.stall(3.0)
            await asyncio.Event().wait()

        await until(clock, 190.0, SelfWatch("s", "h", clock, None, lines).run(), block())
        return [line.fields["loop_lag_seconds"] for line in lines.lines]

    assert pytest.approx([0.0, 2.5, 0.0]) == play(scene)[:3]


def test_a_loop_that_stalls_is_said_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """One line a change, with how often and for how long; what stays below a second is only measured."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        async def block() -> None:
            for pause, seconds in ((20.5, 0.9), (20.5, 3.5), (20.5, 5.5), (20.5, 2.5), (600.5, 4.5)):
                await clock.sleep(pause)  # half a second before the next tick
                clock.stall(seconds)
            await asyncio.Event().wait()

        await until(clock, 800.0, SelfWatch("s", "h", clock, None, None).run(), block())

    play(scene)
    begins = "the event loop was held up for {}: polls and sends come late; is the machine overloaded, or does a"
    over = "the event loop keeps time again: held up {} within {}, for {} at the longest"
    assert [
        begins.format("3 s") + " collector block?",
        over.format("3 times", "52 s", "5 s"),
        begins.format("4 s") + " collector block?",
        over.format("1 time", "4 s", "4 s"),
    ] == caplog.messages


def test_a_step_of_the_wall_clock_is_said_once_and_a_slew_is_not(caplog: pytest.LogCaptureFixture) -> None:
    """Time servers slew; people and dead batteries step."""

    async def scene(clock: VirtualClock) -> None:
        async def turn() -> None:
            for step in (0.001,) * 100 + (3_600.0, -7_200.0):
                await clock.sleep(1.5)
                clock.step(step)
            await asyncio.Event().wait()

        await until(clock, 200.0, SelfWatch("s", "h", clock, None, None).run(), turn())

    play(scene)
    assert [
        f"the wall clock was set {way} (or the machine slept); readings carry the new time, polls go on as they were"
        for way in ("forward by 1 h", "back by 2 h")
    ] == caplog.messages


def test_dropping_for_want_of_room_is_said_at_once_and_then_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Silent loss is the one thing an agent must not do."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        store = Store(Spool(tmp_path / "spool.db", ["site"], quota=10))
        await store.open()

        async def fill() -> None:
            while True:
                await store.append([(b"x" * 10, 1)], NOON)
                await clock.sleep(30.0)

        await until(clock, 5_400.0, SelfWatch("s", "h", clock, store, None).run(), fill())
        await store.close()

    play(scene)
    assert [
        f"{lines} dropped for want of room, the oldest first (10 B in the spool); is a server away, the disk full, or"
        " the quota too small?"
        for lines in ("1 line", "120 lines")
    ] == caplog.messages


def test_thinning_is_said_apart_from_dropping(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mean is less than its readings and more than nothing; what was thinned before this start is old news."""
    told = iter([EMPTY._replace(thinned_lines=thinned, bytes=1 << 30) for thinned in (50, 50, 170, 200)])

    class Thinning(Store):
        async def stats(self) -> SpoolStats:
            return next(told)

    async def scene(clock: VirtualClock) -> None:
        store = Thinning(Spool(tmp_path / "spool.db", ["site"]))
        await until(clock, 19.0, SelfWatch("s", "h", clock, store, None).run())
        await store.close()

    play(scene)
    assert [
        "120 lines went into means for want of room, the oldest first (1 GiB in the spool); is a server away, or the"
        " quota too small?"
    ] == caplog.messages


def test_a_spool_that_begins_anew_is_no_negative_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged spool is set aside with its counters; what the new one drops is said from its own beginning."""
    dropped = iter([7, 7, 0, 0, 2])

    class Counted(Store):
        async def stats(self) -> SpoolStats:
            return EMPTY._replace(dropped_lines=next(dropped, 2))

    async def scene(clock: VirtualClock) -> None:
        store = Counted(Spool(tmp_path / "spool.db", ["site"]))
        await until(clock, 60.0, SelfWatch("s", "h", clock, store, None).run())
        await store.close()

    play(scene)
    assert ["2 lines"] == [said.partition(" dropped")[0] for said in caplog.messages]


def test_without_a_spool_nothing_is_claimed_of_one(tmp_path: Path) -> None:
    """0 bytes waiting would look healthy; a spool that cannot be read is not known to be empty."""

    class Failing(Store):
        async def stats(self) -> SpoolStats:
            raise DcMonitorError("cannot read the spool: disk I/O error")

    async def scene(clock: VirtualClock) -> list[list[str]]:
        store, lines = Failing(Spool(tmp_path / "spool.db", ["site"])), Lines()
        alone, failing = SelfWatch("s", "h", clock, None, None), SelfWatch("s", "h", clock, store, lines)
        await until(clock, 6.0, alone.run(), failing.run())
        await store.close()
        return [[family.name for family in alone.collect()], [*lines.lines[0].fields]]

    assert [[], []] == [[name for name in told if "spool" in name or "dropped" in name] for told in play(scene)]


def test_a_disk_that_hangs_is_no_loop_that_hangs(tmp_path: Path) -> None:
    """The watchdog would end an agent that reads and shows its values while its disk recovers."""

    class Hanging(Store):
        async def stats(self) -> SpoolStats:
            await asyncio.Event().wait()
            raise AssertionError

    async def scene(clock: VirtualClock) -> int:
        beats: list[int] = []
        store = Hanging(Spool(tmp_path / "spool.db", ["site"]))
        await until(clock, 60.5, SelfWatch("s", "h", clock, store, None).run(lambda: beats.append(1)))
        await store.close()
        return len(beats)

    assert 60 == play(scene)


def test_the_loop_proves_that_it_turns() -> None:
    """systemd's watchdog is fed by the loop itself."""

    async def scene(clock: VirtualClock) -> int:
        beats = []
        await until(clock, 60.5, SelfWatch("s", "h", clock, None, None).run(lambda: beats.append(1)))
        return len(beats)

    assert 60 == play(scene)


def test_metrics_of_the_agent_itself(tmp_path: Path) -> None:
    """The same figures on /metrics, and what each sink still waits for."""

    async def scene(clock: VirtualClock) -> dict[str, float]:
        store = Store(Spool(tmp_path / "spool.db", ["site", "influx"]))
        await store.open()
        await store.append([(b"a 1\n", 1)], NOON)
        watch = SelfWatch("s", "h", clock, store, Lines())
        watch.take(OUTCOME)
        await until(clock, 6.0, watch.run())
        await store.close()
        return {
            sample.name + "".join(sample.labels.values()): sample.value
            for family in watch.collect()
            for sample in family.samples
        }

    told = play(scene)
    assert told.pop("dcmon_agent_resident_memory_bytes") > 5e6
    assert told.pop("dcmon_agent_cpu_seconds_total") > 0.0
    assert told.pop("dcmon_agent_open_files") > 3.0
    assert {
        "dcmon_agent_loop_lag_seconds": 0.0,
        "dcmon_spool_bytes": 4.0,
        "dcmon_spool_batches": 1.0,
        "dcmon_spool_oldest_age_seconds": 6.0,
        "dcmon_readings_total": 7.0,
        "dcmon_thinned_lines_total": 0.0,
        "dcmon_dropped_lines_total": 3.0,
        "dcmon_missed_polls_total": 2.0,
        "dcmon_quarantined_lines_total": 0.0,
        "dcmon_sink_waiting_linessite": 1.0,
        "dcmon_sink_waiting_linesinflux": 1.0,
    } == told
