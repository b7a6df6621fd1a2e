"""Spool to sink: nothing is lost while a server is away, and it is asked with patience."""

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.virtual_time import NOON, VirtualClock, play
from dc_monitor.agent.delivery import Delivery
from dc_monitor.agent.store import Store
from dc_monitor.errors import DcMonitorError, Refused, Unreachable
from dc_monitor.sinks.lineprotocol import Busy, Rejected
from dc_monitor.spool import Batch, Spool


class FakeSink:
    """Takes lines unless `trouble` says what to raise; `asked` has the times of all requests."""

    def __init__(self, clock: VirtualClock, name: str = "site") -> None:
        self.name = name
        self.clock = clock
        self.trouble: Callable[[], DcMonitorError] | None = None
        self.never: bytes = b"\0"
        self.sees: Callable[[bytes], object] = lambda body: None
        self.asked: list[float] = []
        self.bodies: list[bytes] = []
        self.closed = False

    def send(self, body: bytes) -> list[Rejected]:
        self.asked.append(self.clock.monotonic())
        if self.trouble is not None:
            raise self.trouble()
        self.sees(body)
        lines = body.splitlines(keepends=True)
        self.bodies.append(b"".join(line for line in lines if self.never not in line))
        return [Rejected(line, "type conflict") for line in lines if self.never in line]

    def abort(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def taken(self) -> list[bytes]:
        return b"".join(self.bodies).splitlines()


class Stage:
    """A spool and the way out to each sink, while the context is open."""

    def __init__(self, path: Path, clock: VirtualClock, *sinks: FakeSink) -> None:
        self.store = Store(Spool(path / "spool.db", [sink.name for sink in sinks]))
        self.deliveries = [Delivery(sink, self.store, clock) for sink in sinks]

    async def __aenter__(self) -> "Stage":
        await self.store.open()
        self.tasks = [asyncio.create_task(delivery.run()) for delivery in self.deliveries]
        return self

    async def __aexit__(self, *_: object) -> None:
        for delivery in self.deliveries:
            delivery.stop()
        await asyncio.gather(*self.tasks)
        await self.store.close()

    async def append(self, *bodies: bytes) -> None:
        await self.store.append([(body, body.count(b"\n")) for body in bodies], NOON)
        for delivery in self.deliveries:
            delivery.wake()


def leave(path: Path, *bodies: bytes) -> None:
    """What an earlier agent left in the spool."""
    spool = Spool(path / "spool.db", ["site"])
    spool.open()
    spool.append([(body, body.count(b"\n")) for body in bodies], NOON)
    spool.close()


def away() -> Unreachable:
    return Unreachable("http://site:8427 is not reachable: Connection refused")


def test_what_is_committed_is_sent_at_once_and_acknowledged(tmp_path: Path) -> None:
    """The page shows a reading a second after it was taken."""

    async def scene(clock: VirtualClock) -> tuple[FakeSink, int]:
        sink = FakeSink(clock)
        async with Stage(tmp_path, clock, sink) as stage:
            await clock.sleep(10.0)
            await stage.append(b"a 1\n", b"b 2\n")
            await clock.sleep(0.1)
            return sink, (await stage.store.stats()).batches

    sink, left = play(scene)
    assert ([b"a 1\nb 2\n"], 0, True) == (sink.bodies, left, sink.closed)


def test_what_waited_before_the_start_is_sent_first(tmp_path: Path) -> None:
    """After a restart nobody has to ask."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        sink = FakeSink(clock)
        leave(tmp_path, b"a 1\n")
        async with Stage(tmp_path, clock, sink):
            await clock.sleep(0.1)
            return sink.bodies

    assert [b"a 1\n"] == play(scene)


def test_three_days_without_the_server_lose_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Patience from a second to a minute, one line when it begins and one when it is over."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> FakeSink:
        sink = FakeSink(clock)
        sink.trouble = away
        async with Stage(tmp_path, clock, sink) as stage:
            for hour in range(72):
                await stage.append(b"a %d\n" % hour)
                await clock.sleep(3_600.0)
            sink.trouble = None
            await clock.sleep(61.0)
        return sink

    sink = play(scene)
    gaps = [after - before for before, after in pairwise(sink.asked)]
    assert [b"a %d" % hour for hour in range(72)] == sink.taken()
    assert gaps[0] <= 1.0
    assert 30.0 <= min(gaps[7:-1]) <= max(gaps) <= 61.0
    assert len({round(gap, 3) for gap in gaps[7:]}) > 100  # many agents must not knock together
    first, last = caplog.messages
    assert first.startswith('sink "site": http://site:8427 is not reachable: Connection refused; 1 line waiting')
    assert last.startswith('sink "site" takes data again after 3 d')
    assert last.endswith("; 72 lines had waited")


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    """`Retry-After` is a promise to keep."""

    async def scene(clock: VirtualClock) -> list[float]:
        sink = FakeSink(clock)
        sink.trouble = lambda: Busy("http://site:8427 cannot take data now (503): later", 120.0)
        async with Stage(tmp_path, clock, sink) as stage:
            await stage.append(b"a 1\n")
            await clock.sleep(600.0)
            return list(sink.asked)

    gaps = [after - before for before, after in pairwise(play(scene))]
    assert 120.0 <= min(gaps)
    assert max(gaps) <= 132.0


def test_a_refused_token_is_tried_slowly_and_said_once_for_each_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Away, then refused, then well: three lines."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> list[float]:
        sink = FakeSink(clock)
        async with Stage(tmp_path, clock, sink) as stage:
            sink.trouble = away
            await stage.append(b"a 1\n")
            await clock.sleep(300.0)
            sink.trouble = lambda: Refused('token refused by http://site:8427: check the token of credentials "x"')
            await clock.sleep(600.0)
            asked = sink.asked[-5:]
            sink.trouble = None
            await clock.sleep(60.0)
            return asked

    asked = play(scene)
    assert [60.0] * 4 == pytest.approx([after - before for before, after in pairwise(asked)])
    assert ["is not reachable", "token refused by", "takes data again"] == [
        next(words for words in ("is not reachable", "token refused by", "takes data again") if words in message)
        for message in caplog.messages
    ]
    assert caplog.messages[1].endswith("; 1 line waiting, next try in 1 min")


def test_a_server_that_is_away_delays_no_other(tmp_path: Path) -> None:
    """Each sink has its own position and its own thread."""

    async def scene(clock: VirtualClock) -> tuple[list[bytes], dict[str, int]]:
        dead, well = FakeSink(clock, "dead"), FakeSink(clock, "well")
        dead.trouble = away
        async with Stage(tmp_path, clock, dead, well) as stage:
            for number in range(50):
                await stage.append(b"a %d\n" % number)
                await clock.sleep(1.0)
            return well.taken(), dict((await stage.store.stats()).waiting)

    taken, waiting = play(scene)
    assert [b"a %d" % number for number in range(50)] == taken
    assert {"dead": 50, "well": 0} == waiting


def test_lines_a_server_will_never_take_go_to_quarantine_and_are_said_at_most_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A device that talks nonsense each minute fills neither the log nor the spool."""

    async def scene(clock: VirtualClock) -> tuple[FakeSink, list[bytes], int]:
        sink = FakeSink(clock)
        sink.never = b"bad"
        async with Stage(tmp_path, clock, sink) as stage:
            for number in range(90):
                await stage.append(b"good %d\nbad %d\n" % (number, number))
                await clock.sleep(60.0)
            stats = await stage.store.stats()
        spool = Spool(tmp_path / "spool.db", ["site"])
        spool.open()
        kept = [one.body for one in spool.quarantined()]
        spool.close()
        assert 90 == stats.quarantined_lines
        return sink, kept, stats.batches

    sink, kept, left = play(scene)
    assert [b"good %d" % number for number in range(90)] == sink.taken()
    assert ([b"bad %d\n" % number for number in range(90)], 0) == (kept, left)
    assert [
        'sink "site" will never take 1 line, now in quarantine: type conflict: bad 0',
        'sink "site" will never take 60 lines, now in quarantine: type conflict: bad 60',
    ] == caplog.messages


def test_requests_have_a_reasonable_length(tmp_path: Path) -> None:
    """A backlog goes in requests of about 5,000 lines, not in one."""

    async def scene(clock: VirtualClock) -> list[int]:
        sink = FakeSink(clock)
        leave(tmp_path, *[b"a 1\n" * 1_000] * 12, b"b 1\n" * 9_000)
        async with Stage(tmp_path, clock, sink):
            await clock.sleep(1.0)
            return [body.count(b"\n") for body in sink.bodies]

    assert [5_000, 5_000, 2_000, 9_000] == play(scene)


# New before old


def test_what_is_new_does_not_wait_behind_a_backlog(tmp_path: Path) -> None:
    """Strictly in turn: after a week away the page is right within a second, and the past is filled in beside it."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        sink = FakeSink(clock)
        leave(tmp_path, *[b"old 1\n" * 5_000] * 4)
        async with Stage(tmp_path, clock, sink) as stage:
            loop, numbers = asyncio.get_running_loop(), iter(range(3))

            def goes_on(body: bytes) -> None:
                if body.startswith(b"old") and (number := next(numbers, None)) is not None:
                    loop.call_soon_threadsafe(asyncio.ensure_future, stage.append(b"new %d\n" % number))

            sink.sees = goes_on
            await clock.sleep(1.0)
            return [body.splitlines()[0] for body in sink.bodies]

    assert [b"old 1", b"new 0", b"old 1", b"new 1", b"old 1", b"new 2", b"old 1"] == play(scene)


@pytest.mark.parametrize("attempts", [5, 6])
def test_after_an_outage_the_newest_readings_come_first(tmp_path: Path, attempts: int) -> None:
    """What came since the last attempt is live; what was tried and failed is the past."""

    async def scene(clock: VirtualClock) -> tuple[int, list[list[bytes]]]:
        sink = FakeSink(clock)
        sink.trouble = away
        number = tried = asked = 0
        async with Stage(tmp_path, clock, sink) as stage:
            while not sink.bodies:
                if asked < len(sink.asked) <= attempts:
                    asked, tried = len(sink.asked), number
                if asked == attempts:
                    sink.trouble = None
                await stage.append(b"a %d\n" % number)
                number += 1
                await clock.sleep(1.0)
        return tried, [body.splitlines() for body in sink.bodies]

    tried, (live, past, *_) = play(scene)
    assert [b"a %d" % number for number in range(tried, tried + len(live))] == live
    assert [b"a %d" % number for number in range(tried)] == past[:tried]


def test_more_news_than_a_request_holds_joins_the_past(tmp_path: Path) -> None:
    """The next live request is again about what is new, not about what is an hour old."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        sink = FakeSink(clock)
        sink.trouble = away
        async with Stage(tmp_path, clock, sink) as stage:
            await stage.append(b"a 1\n")
            await clock.sleep(300.0)
            await stage.append(*[b"b %d\n" % number * 5_000 for number in range(3)])
            loop, news = asyncio.get_running_loop(), iter([b"c 1\n"])

            def goes_on(body: bytes) -> None:
                if line := next(news, None):
                    loop.call_soon_threadsafe(asyncio.ensure_future, stage.append(line))

            sink.trouble, sink.sees = None, goes_on
            await clock.sleep(61.0)
            return [body.splitlines()[-1] for body in sink.bodies]

    assert [b"b 0", b"a 1", b"c 1", b"b 1", b"b 2"] == play(scene)


def test_when_the_past_is_filled_in_that_is_said_with_how_long_it_took(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator who reads of an outage reads of its end, and of the end of its consequences."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        sink = FakeSink(clock)
        sink.trouble = away
        async with Stage(tmp_path, clock, sink) as stage:
            await stage.append(*[b"a 1\n" * 1_000] * 30)
            await clock.sleep(7_200.0)
            sink.trouble, sink.sees = None, lambda _: clock.stall(20.0)
            await clock.sleep(300.0)
            for _ in range(10):  # and then there is nothing to say
                await stage.append(b"b 1\n")
                await clock.sleep(60.0)

    play(scene)
    _, back, caught_up = caplog.messages
    assert back.startswith('sink "site" takes data again after 2 h')
    assert back.endswith("; 30,000 lines had waited")
    assert 'sink "site" has caught up: 30,000 lines that had waited were sent in 2 min' == caught_up


def test_a_backlog_that_was_gone_at_once_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An outage of a minute has two lines, not three."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        sink = FakeSink(clock)
        sink.trouble = away
        async with Stage(tmp_path, clock, sink) as stage:
            await stage.append(b"a 1\n")
            await clock.sleep(60.0)
            sink.trouble = None
            await clock.sleep(120.0)

    play(scene)
    assert 2 == len(caplog.messages)


# The end


def test_stopping_gives_a_server_one_more_chance_and_does_not_wait_for_it(tmp_path: Path) -> None:
    """What cannot be sent waits in the spool for the next start."""

    async def scene(clock: VirtualClock) -> tuple[float, FakeSink, FakeSink]:
        dead, back = FakeSink(clock, "dead"), FakeSink(clock, "back")
        dead.trouble = back.trouble = away
        async with Stage(tmp_path, clock, dead, back) as stage:
            await stage.append(b"a 1\n")
            await clock.sleep(300.0)
            back.trouble = None
            began = clock.monotonic()
        return clock.monotonic() - began, dead, back

    took, dead, back = play(scene)
    assert (0.0, [], [b"a 1"]) == (took, dead.taken(), back.taken())


def test_a_spool_that_cannot_be_read_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that comes back finds the sink waiting for it."""

    class Moody(Spool):
        moody = True

        def pending(self, *args: Any, **kwargs: Any) -> list[Batch]:
            if self.moody:
                raise DcMonitorError("cannot read the spool x: disk I/O error")
            return super().pending(*args, **kwargs)

    async def scene(clock: VirtualClock) -> list[bytes]:
        sink = FakeSink(clock)
        stage = Stage(tmp_path, clock, sink)
        spool = Moody(tmp_path / "spool.db", ["site"])
        stage.store = Store(spool)
        stage.deliveries = [Delivery(sink, stage.store, clock)]
        async with stage:
            await stage.append(b"a 1\n")
            await clock.sleep(100.0)
            spool.moody = False
            await clock.sleep(61.0)
            return sink.taken()

    assert [b"a 1"] == play(scene)
    assert "cannot read the spool x: disk I/O error; 1 line waiting" in caplog.messages[0]
