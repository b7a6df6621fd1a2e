"""The site is away for three days: nothing is lost, the newest comes first, and the past is filled in quickly."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.virtual_time import VirtualClock, play
from dc_monitor.agent import delivery, pipeline, selfwatch
from support.counting import LISTENS, Room, counting_agent, numbers
from support.processes import wait_for
from support.witness import witness

HOURS = 72
INTERVAL = 10.0
POINTS = 3
A_WHILE = 1800.0


def test_a_site_that_was_away_for_72_hours_gets_everything_newest_first(
    tmp_path: Path,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """26,000 polls wait in a real spool; then a real site takes them, the newest at once and the oldest next.

    The agent lives in virtual time; it commits, tries the site and looks at itself twice an hour, to spare the test
    half a million wake-ups. Time stands still while it sends: how long that lasts is measured on our own clock.
    """
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(pipeline, "COMMIT_SECONDS", A_WHILE)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", A_WHILE)
    monkeypatch.setattr(selfwatch, "TICK", A_WHILE)
    port = free_port()

    async def three_days(clock: VirtualClock) -> float:
        async with counting_agent(room.config, clock):
            await clock.sleep(HOURS * 3600.0)
            room.start_site()
            await asyncio.to_thread(wait_for, lambda: LISTENS in room.said(), 60, "the site")
            began = time.monotonic()
            for _ in range(2 * round(A_WHILE)):
                if "has caught up" in caplog.text:
                    break
                await clock.sleep(1.0)
            return time.monotonic() - began

    with witness(port) as seen, Room(tmp_path, port, {"site": seen.port}, points=POINTS, interval=INTERVAL) as room:
        took = play(three_days)

    polls = round(HOURS * 3600.0 / INTERVAL)
    found = room.archived()
    assert POINTS == len(found)
    for there in found.values():
        assert list(range(len(there))) == there
        assert len(there) >= polls
    newest, oldest = (numbers([body])["meter-0", "counter/total"] for body in seen.acknowledged[:2])
    assert max(newest) >= polls - A_WHILE / INTERVAL
    assert min(oldest) == 0
    assert HOURS * 3600.0 / took > 10
