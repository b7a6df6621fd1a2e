"""When devices are read: apart, on time, and none at another's expense."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fakes import FakeDevice, Panic
from agent.virtual_time import VirtualClock, play, until
from dc_monitor.agent.poller import Outcome, Poller
from dc_monitor.agent.schedule import keep_polling, next_due, patience, spread
from dc_monitor.clock import NANOSECONDS
from dc_monitor.contract import DeviceInfo
from dc_monitor.errors import Malformed, Refused, Unreachable

INTERVAL = 10.0


def polling(device: FakeDevice, clock: VirtualClock, took: list[Outcome], interval: float | None = INTERVAL):
    return keep_polling(Poller(device.name, device, clock, interval, default=60.0), clock, took.append)


def gaps(times: list[float]) -> list[float]:
    return [round(after - before, 6) for before, after in pairwise(times)]


def unreachable() -> Unreachable:
    return Unreachable("cannot read dead-1 (10.0.0.1:161): no answer in 2 s, 3 tries")


def test_a_device_is_read_soon_and_then_once_an_interval() -> None:
    """Whoever starts an agent sees values within seconds, and then the grid holds without drift."""

    async def scene(clock: VirtualClock) -> list[float]:
        device = FakeDevice("pdu-1", clock, slow=0.7)
        await until(clock, 3_600.0, polling(device, clock, []))
        return device.polls

    first, *rest = play(scene)
    assert first <= 5.0
    assert {INTERVAL} == set(gaps(rest))
    assert 359 <= len(rest) <= 361


@pytest.mark.parametrize(
    ("slow", "fault"),
    [(8.0, None), (0.0, unreachable), (6.0, unreachable), (1e9, None), (0.0, Panic)],
    ids=["takes 8 s", "refuses at once", "dead after 6 s", "hangs for ever", "panics"],
)
def test_a_slow_or_dead_device_delays_nobody(slow: float, fault: object) -> None:
    """Each device has its own task and its own deadline: the others stay on their grid to the microsecond."""

    async def scene(clock: VirtualClock) -> tuple[list[float], list[float]]:
        alone = FakeDevice("pdu-1", clock)
        await until(clock, 300.0, polling(alone, clock, []))
        start = clock.monotonic()
        beside = FakeDevice("pdu-1", clock)
        bad = FakeDevice("dead-1", clock, slow=slow, fault=fault)  # type: ignore[arg-type]
        await until(clock, 300.0, polling(bad, clock, []), polling(beside, clock, []))
        return alone.polls, [at - start for at in beside.polls]

    alone, beside = play(scene)
    assert pytest.approx(alone) == beside


def test_first_polls_and_the_grid_are_spread() -> None:
    """Forty devices do not ask all at once, neither at the start nor later."""
    for form in ("pdu-{}", "rack-{:02d}/ups", "10.0.0.{}"):
        places = sorted(spread(form.format(number)) for number in range(1, 41))
        assert max(after - before for before, after in pairwise([*places, places[0] + 1])) < 0.25
        assert len(set(places)) == 40

    async def scene(clock: VirtualClock) -> list[float]:
        devices = [FakeDevice(f"pdu-{number}", clock) for number in range(40)]
        await until(clock, 119.0, *(polling(device, clock, [], 60.0) for device in devices))
        return sorted(device.polls[1] for device in devices)

    polls = play(scene)
    assert polls[-1] - polls[0] > 50.0
    assert max(gaps(polls)) < 12.0


def test_a_device_keeps_its_place_after_a_restart() -> None:
    """A stable hash of the name, not of the process."""
    assert 0.9184 == pytest.approx(spread("ups-a"), abs=1e-4)


def test_after_a_stall_polls_are_not_piled_up() -> None:
    """What was missed is missed; the next poll is on the old grid."""

    async def scene(clock: VirtualClock) -> list[float]:
        device = FakeDevice("pdu-1", clock)

        async def stall() -> None:
            await clock.sleep(62.0)
            clock.stall(75.0)
            await asyncio.Event().wait()

        await until(clock, 250.0, polling(device, clock, []), stall())
        return device.polls

    polls = play(scene)
    late = [at for at in polls if at >= 137.0]
    on_grid = [(at - polls[1]) / INTERVAL for at in late[1:]]
    assert 1 == len([at for at in polls if 62.0 < at <= 142.0])
    assert pytest.approx([round(one) for one in on_grid]) == on_grid


@pytest.fixture
def in_france(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time of Europe/Paris, whatever the machine's."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_france")
@pytest.mark.parametrize(
    ("start", "step"),
    [
        ("2026-07-01T12:00:00Z", -3_600.0),
        ("2026-07-01T12:00:00Z", 86_400.0 * 365),
        ("2026-07-01T22:00:00Z", 9 * 3_600.0),
        ("2026-03-29T00:59:30Z", 0.0),
        ("2026-10-25T00:59:30Z", 0.0),
    ],
    ids=["set back an hour", "set forward a year", "the machine slept all night", "summer time begins", "and ends"],
)
def test_the_wall_clock_moves_no_poll(start: str, step: float) -> None:
    """Readings carry the time it shows, schedules do not care; nothing counts as missed."""

    async def scene(clock: VirtualClock) -> tuple[list[float], list[Outcome]]:
        clock.step(datetime.fromisoformat(start).timestamp() - clock.now() / NANOSECONDS)
        device = FakeDevice("pdu-1", clock)
        took: list[Outcome] = []

        async def stepping() -> None:
            await clock.sleep(33.0)
            clock.step(step)
            await asyncio.Event().wait()

        await until(clock, 100.0, polling(device, clock, took), stepping())
        return device.polls, took

    polls, took = play(scene)
    passed = [(after.time - before.time) / NANOSECONDS for before, after in pairwise(took[1:])]
    assert {INTERVAL} == set(gaps(polls[1:]))
    assert {0} == {outcome.missed for outcome in took}
    assert sorted({INTERVAL, INTERVAL + step}) == sorted({round(one, 3) for one in passed})


def test_one_deadline_a_cycle() -> None:
    """A poll that takes longer than nine tenths of its interval is given up and the device opened anew."""

    async def scene(clock: VirtualClock) -> tuple[list[Outcome], FakeDevice]:
        device = FakeDevice("pdu-1", clock)
        took: list[Outcome] = []
        task = asyncio.ensure_future(polling(device, clock, took))
        await clock.sleep(15.0)
        device.slow = 9.5
        await clock.sleep(10.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return took, device

    took, device = play(scene)
    late = next(outcome for outcome in took if not outcome.up)
    assert ("unreachable", ("pdu-1: not read to the end in 9 s",)) == (late.reason, late.failures)
    assert 9.0 == pytest.approx(late.seconds)
    assert 1 <= device.closed


def test_whatever_a_device_that_answers_was_not_read_at_is_counted() -> None:
    """Polls made and points missed make up the whole grid, whether the agent stalled or the device was slow."""

    async def scene(clock: VirtualClock) -> tuple[list[Outcome], FakeDevice]:
        device = FakeDevice("pdu-1", clock)
        took: list[Outcome] = []

        async def trouble() -> None:
            for stalled in (75.0, 6.0, 13.0, 9.0):
                await clock.sleep(61.0)
                clock.stall(stalled)
            await asyncio.Event().wait()

        await until(clock, 600.0, polling(device, clock, took), trouble())
        return took, device

    took, device = play(scene)
    grid = round((device.polls[-1] - device.polls[1]) / INTERVAL) + 1
    assert grid == len(took[1:]) + sum(outcome.missed for outcome in took)
    assert {1, 7} <= {outcome.missed for outcome in took}


@pytest.mark.parametrize(
    ("slow", "slow_open", "fault"),
    [(8.5, 0.0, None), (0.0, 45.0, None), (0.0, 0.0, unreachable), (1e9, 0.0, None)],
    ids=["answers just in time", "takes long to open", "is dead", "hangs"],
)
def test_nothing_is_missed_where_nobody_was_late(slow: float, slow_open: float, fault: object) -> None:
    """A device that does not answer, or not yet, has its own word for that."""

    async def scene(clock: VirtualClock) -> list[Outcome]:
        device = FakeDevice("pdu-1", clock, slow=slow, slow_open=slow_open, fault=fault)  # type: ignore[arg-type]
        took: list[Outcome] = []
        await until(clock, 600.0, polling(device, clock, took))
        return took

    assert {0} == {outcome.missed for outcome in play(scene)}


def test_a_device_slower_than_its_interval_is_read_in_a_longer_one(caplog: pytest.LogCaptureFixture) -> None:
    """Every third point instead of a failure every second time; told once, and again when it is quick again."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> tuple[list[float], list[float], list[Outcome]]:
        device = FakeDevice("pdu-1", clock, slow=14.0)
        took: list[Outcome] = []
        task = asyncio.ensure_future(polling(device, clock, took))
        await clock.sleep(3_600.0)
        slow, device.slow = list(device.polls), 4.0
        await clock.sleep(600.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return slow, device.polls[len(slow) :], took

    slow, quick, took = play(scene)
    assert {3 * INTERVAL} == set(gaps(slow[1:]))
    assert {INTERVAL} == set(gaps(quick[1:]))
    assert ({True}, {0}) == ({outcome.up for outcome in took}, {outcome.missed for outcome in took})
    assert [
        "pdu-1: Acme P-1, 1 reading every 30 s",
        "pdu-1 cannot be read every 10 s, a poll takes 14 s; read every 30 s from now on",
        "pdu-1 is read every 10 s again, a poll takes 4 s",
    ] == caplog.messages


def test_a_device_that_becomes_slow_is_learnt_when_it_is_opened_anew() -> None:
    """One poll is lost to find out, and no other."""

    async def scene(clock: VirtualClock) -> list[Outcome]:
        device = FakeDevice("pdu-1", clock)
        took: list[Outcome] = []
        task = asyncio.ensure_future(polling(device, clock, took))
        await clock.sleep(100.0)
        device.slow = 14.0
        await clock.sleep(1_000.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return took

    took = play(scene)
    assert 1 == len([outcome for outcome in took if not outcome.up])
    assert 3 * INTERVAL == took[-1].interval


def test_waiting_for_the_turn_to_be_opened_is_no_time_of_the_poll() -> None:
    """Neither its duration nor its deadline, and no failure; a device that is open waits for nobody."""
    waited: list[float] = []

    async def scene(clock: VirtualClock) -> tuple[list[Outcome], list[float]]:
        @asynccontextmanager
        async def turn() -> AsyncIterator[None]:
            waited.append(clock.monotonic())
            await clock.sleep(90.0)
            yield

        device = FakeDevice("pdu-1", clock, slow=0.5)
        took: list[Outcome] = []
        poller = Poller("pdu-1", device, clock, INTERVAL, 60.0, turn)
        await until(clock, 150.0, keep_polling(poller, clock, took.append))
        return took, device.polls

    took, polls = play(scene)
    assert 1 == len(waited)
    assert polls[0] >= 90.0
    assert ({True}, {0.5}, {0}) == tuple({getattr(one, name) for one in took} for name in ("up", "seconds", "missed"))
    assert {INTERVAL} == set(gaps(polls[1:]))


def test_a_retired_poller_ends_the_poll_it_is_in() -> None:
    """What is on its way is taken, then the device is given back and not asked again."""

    async def scene(clock: VirtualClock) -> tuple[bool, list[Outcome], FakeDevice]:
        device = FakeDevice("pdu-1", clock, slow=3.0)
        took: list[Outcome] = []
        poller = Poller("pdu-1", device, clock, INTERVAL, 60.0)
        task = asyncio.ensure_future(keep_polling(poller, clock, took.append))
        while not device.polls:
            await clock.sleep(0.5)
        reading = poller.retire()
        await task
        return reading, took, device

    reading, took, device = play(scene)
    assert (True, [True], 1, 1) == (reading, [one.up for one in took], len(device.polls), device.closed)


def test_learning_a_slow_device_may_take_longer_than_its_interval() -> None:
    """A network card that walks for 40 s is read all the same."""

    async def scene(clock: VirtualClock) -> list[Outcome]:
        took: list[Outcome] = []
        await until(clock, 100.0, polling(FakeDevice("pdu-1", clock, slow_open=40.0), clock, took))
        return took

    took = play(scene)
    assert {True} == {outcome.up for outcome in took}
    assert len(took) >= 5


@pytest.mark.parametrize(
    ("fault", "reason", "sentence"),
    [
        (unreachable, "unreachable", "cannot read dead-1 (10.0.0.1:161): no answer in 2 s, 3 tries"),
        (lambda: Refused("wrong community"), "refused", "dead-1: wrong community"),
        (lambda: Unreachable("no answer from dead-12"), "unreachable", "dead-1: no answer from dead-12"),
        (lambda: Malformed("dead-1 said nonsense"), "malformed", "dead-1 said nonsense"),
        (lambda: ConnectionRefusedError(111, "Connection refused"), "unreachable", "dead-1: Connection refused"),
        (lambda: TimeoutError(), "unreachable", "dead-1: TimeoutError"),
        (lambda: KeyError("watts"), "malformed", "dead-1: its collector failed with KeyError: 'watts'"),
        (
            lambda: Panic("index\nout of range"),
            "malformed",
            "dead-1: its collector failed with Panic: index out of range",
        ),
    ],
    ids=[
        "silent",
        "refused",
        "names another",
        "malformed",
        "socket",
        "timeout of its own",
        "fault in the collector",
        "Rust panic",
    ],
)
def test_every_failure_becomes_an_outcome_with_its_reason(fault: object, reason: str, sentence: str) -> None:
    """A fault of one device is its line, never the agent's end."""

    async def scene(clock: VirtualClock) -> Outcome:
        return await Poller("dead-1", FakeDevice("dead-1", clock, fault=fault), clock, 10.0, 60.0).poll()  # type: ignore[arg-type]

    outcome = play(scene)
    assert (reason, (sentence,), False) == (outcome.reason, outcome.failures, outcome.up)


def test_a_value_that_is_no_number_is_left_out() -> None:
    """NaN from a collector is no reading."""

    class Device(FakeDevice):
        def readings(self) -> list:
            return [reading._replace(value=value) for reading in super().readings() for value in (1.0, math.nan)]

    async def scene(clock: VirtualClock) -> Outcome:
        return await Poller("pdu-1", Device("pdu-1", clock), clock, 10.0, 60.0).poll()

    assert [1.0] == [reading.value for reading in play(scene).readings]


def test_readings_that_cannot_be_written_are_their_collectors_fault() -> None:
    """A third party's collector that returns nonsense is told as malformed, and the rest goes on."""

    def took(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.readings:
            raise TypeError("text must be str")

    outcomes: list[Outcome] = []

    async def scene(clock: VirtualClock) -> None:
        poller = Poller("pdu-1", FakeDevice("pdu-1", clock), clock, 10.0, 60.0)
        await until(clock, 20.0, keep_polling(poller, clock, took))

    play(scene)
    assert "malformed" == outcomes[1].reason
    assert "pdu-1: its collector gave readings that cannot be written: TypeError" in outcomes[1].failures[0]


def test_a_dead_device_is_asked_more_rarely_and_on_its_grid_again_once_it_answers() -> None:
    """Doubling up to ten intervals, then back to the old grid at once."""

    async def scene(clock: VirtualClock) -> tuple[list[float], list[float]]:
        device = FakeDevice("pdu-1", clock, fault=unreachable)
        task = asyncio.ensure_future(polling(device, clock, []))
        await clock.sleep(600.0)
        dead, device.fault = list(device.polls), None
        await clock.sleep(200.0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return dead, device.polls[len(dead) :]

    dead, alive = play(scene)
    assert [20.0, 40.0, 80.0, 100.0, 100.0, 100.0] == gaps(dead[1:])[:6]
    assert {INTERVAL} == set(gaps(alive))
    assert alive[0] - dead[-1] <= 100.0


def test_a_device_that_hangs_is_left_alone_as_long_as_one_that_refuses() -> None:
    """Patience counts from the end of a poll that took a minute: else it would be asked all the time."""

    async def scene(clock: VirtualClock) -> list[float]:
        device = FakeDevice("pdu-1", clock, slow=1e9)
        await until(clock, 1_200.0, polling(device, clock, []))
        return device.polls

    took = 60.0
    assert [20.0, 40.0, 80.0, 100.0] == [round(gap - took, -1) for gap in gaps(play(scene))[1:5]]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [(1.0, [1, 1, 2, 4, 8, 10, 10]), (60.0, [60, 60, 120, 240, 300, 300, 300]), (900.0, [900] * 7)],
    ids=["every second", "every minute", "every quarter of an hour"],
)
def test_patience_has_a_bound(interval: float, expected: list[float]) -> None:
    """Ten intervals or five minutes, whichever is sooner, and never more often than when it is well."""
    assert expected == [patience(interval, misses) for misses in range(7)]
    assert expected[-1] == patience(interval, 10_000)


@given(
    now=st.floats(0, 1e7),
    ago=st.floats(0, 1e4),
    wait=st.floats(0, 1e4),
    origin=st.floats(0, 1e3),
    interval=st.floats(0.5, 1e4),
)
def test_next_due_is_on_the_grid_and_not_over(
    now: float, ago: float, wait: float, origin: float, interval: float
) -> None:
    """Whatever was missed, the next poll is a point of the grid, soon, and near what was wanted."""
    wanted = now - ago + wait
    due = next_due(now, wanted, origin, interval)
    steps = (due - origin) / interval

    assert abs(steps - round(steps)) < 1e-3
    assert due >= now - 1e-6
    assert due <= max(now + interval, wanted + interval / 2) + 1e-6


def test_the_profiles_advice_counts_where_the_configuration_is_silent() -> None:
    """A slow card's profile says 30 s; a person's word is stronger; else the agent's default."""

    async def scene(clock: VirtualClock) -> list[float]:
        found = []
        for wanted, advice in ((None, 30.0), (10.0, 30.0), (None, None)):
            poller = Poller("a", FakeDevice("a", clock, DeviceInfo("pdu", interval=advice)), clock, wanted, 60.0)
            await poller.poll()
            found.append(poller.interval)
            await poller.close()
        return found

    assert [30.0, 10.0, 60.0] == play(scene)


def test_the_log_has_one_line_a_change(caplog: pytest.LogCaptureFixture) -> None:
    """First sight, first miss and next try, another kind of miss, recovery and what was missed, partial, whole."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        device = FakeDevice("dead-1", clock)
        task = asyncio.ensure_future(polling(device, clock, []))
        for fault, failures, seconds in (
            (None, (), 25.0),
            (unreachable, (), 600.0),
            (lambda: Refused("dead-1: wrong community"), (), 300.0),
            (None, (), 120.0),
            (None, ("dead-1: no answer for outlets", "dead-1: no answer for banks"), 60.0),
            (None, (), 60.0),
        ):
            device.fault, device.failures = fault, failures
            await clock.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(scene)
    assert [
        "dead-1: Acme P-1, 1 reading every 10 s",
        "cannot read dead-1 (10.0.0.1:161): no answer in 2 s, 3 tries; next try in 10 s",
        "dead-1: wrong community; next try in 1 min 40 s",
        "dead-1 answers again after 15 min 50 s, 95 polls missed",
        "dead-1: 2 parts without an answer: dead-1: no answer for outlets",
        "dead-1 is read completely again",
    ] == caplog.messages
