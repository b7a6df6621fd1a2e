"""The wall clock is set, and summer begins and ends: no reading is lost, none is there twice, a day has its hours."""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.virtual_time import NOON, VirtualClock, play
from dc_monitor.agent import pipeline, selfwatch
from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.archive import DAY, Archive
from dc_monitor.site.headline import local_midnight
from support.counting import LISTENS, SITE, Room, counting_agent
from support.processes import wait_for

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3600
INTERVAL = 60
AN_HOUR = HOUR // INTERVAL
"""Polls."""


@pytest.fixture
def room(tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Room:
    """Its agent commits and looks at itself seldom, for it has hours of virtual time to live through."""
    monkeypatch.setattr(pipeline, "COMMIT_SECONDS", 1800.0)
    monkeypatch.setattr(selfwatch, "TICK", 60.0)
    return Room(tmp_path, free_port(), interval=INTERVAL)


def live(room: Room, hours: Callable[[VirtualClock], Awaitable[None]]) -> Archive:
    """Let an agent live through `hours` in virtual time, with a real site; the archive afterwards."""

    async def scene(clock: VirtualClock) -> None:
        room.start_site()
        await asyncio.to_thread(wait_for, lambda: LISTENS in room.said(), 60, "the site")
        async with counting_agent(room.config, clock):
            await hours(clock)

    with room:
        play(scene)
    return Archive(room.data / "archive")


def test_a_clock_that_is_set_forward_and_back_costs_no_reading(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """Polls lie on the monotonic clock; readings carry the new time, and the log says that it is new."""
    caplog.set_level(logging.WARNING)
    steps = [3600.7, -7200.9, 1800.4]

    async def hours(clock: VirtualClock) -> None:
        for step in steps:
            await clock.sleep(HOUR)
            clock.step(step)
        await clock.sleep(HOUR)

    (samples,) = live(room, hours).read(SITE, NOON - DAY, NOON + DAY).values()
    numbers = samples.value.astype(int).tolist()
    assert list(range(len(numbers))) == sorted(numbers)
    assert len(numbers) in (4 * AN_HOUR, 4 * AN_HOUR + 1)
    at = dict(zip(numbers, samples.time.tolist(), strict=True))
    jumps = (round((at[number + 1] - at[number]) / NANOSECONDS - INTERVAL, 1) for number in range(1, len(numbers) - 1))
    assert steps == [jump for jump in jumps if jump]
    said = [message.split(" (or")[0] for message in caplog.messages if message.startswith("the wall clock was set")]
    assert [f"the wall clock was set {how}" for how in ("forward by 1 h", "back by 2 h", "forward by 30 min")] == said


@pytest.mark.parametrize(
    ("day", "hours"),
    [(dt.date(2026, 3, 29), 23), (dt.date(2026, 10, 25), 25)],
    ids=["summer begins", "summer ends"],
)
def test_a_local_day_has_the_readings_of_its_hours(room: Room, day: dt.date, hours: int) -> None:
    """From midnight to midnight in Paris, as a report cuts it; the hour that comes twice is there twice."""
    evening = dt.datetime.combine(day, dt.time(), PARIS).timestamp() - HOUR

    async def two_nights(clock: VirtualClock) -> None:
        clock.step(evening - NOON / NANOSECONDS)
        await clock.sleep((hours + 2) * HOUR)

    archive = live(room, two_nights)
    noon = round(dt.datetime.combine(day, dt.time(12), PARIS).timestamp()) * NANOSECONDS
    (samples,) = archive.read(SITE, local_midnight(noon, PARIS), local_midnight(noon + DAY, PARIS)).values()
    first = int(samples.value[0])
    assert list(range(first, first + hours * AN_HOUR)) == samples.value.tolist()
