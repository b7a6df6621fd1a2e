"""A sink is added, another one removed: the new one gets what waits, the lost position is said."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.counting import Room, missing
from support.processes import stop, wait_for

READINGS = "dcmon_readings_total"
NEW = re.compile(r'spool: sink "new" is new and starts with what waits: ([\d,]+) lines')
GONE = re.compile(
    r'spool: sink "old" is no longer configured and loses its position; lines that waited for it: ([\d,]+)'
)


@pytest.mark.parametrize("by", ["a restart", "SIGHUP"])
def test_a_new_sink_gets_what_waits_and_a_removed_one_is_said(
    by: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Nobody listens where the old one was; the new one is a site, whose archive has every number afterwards."""
    old, new = free_port(), free_port()
    with Room(tmp_path, new, {"old": old}, points=5, metrics=free_port()) as room:
        agent, lives = room.start_agent(0), 1

        def polled() -> None:
            before = room.metric(READINGS)
            wait_for(lambda: room.metric(READINGS) > before + 20 * 5, 60, "twenty polls")

        def change(sends: dict[str, int]) -> None:
            nonlocal agent, lives
            room.sends = sends
            room.write_config()
            if by == "SIGHUP":
                reloads = room.said().count("reloaded: ")
                agent.send_signal(signal.SIGHUP)
                wait_for(lambda: room.said().count("reloaded: ") > reloads, 60, "a reload")
            else:
                stop(agent)
                agent, lives = room.start_reading_agent(lives), lives + 1

        wait_for(lambda: room.metric(READINGS), 60, "the first poll")
        polled()
        change({"old": old, "new": new})
        polled()
        site = room.start_site()
        polled()
        change({"new": new})
        polled()
        stop(agent)
        room.deliver(lives)
        stop(site)

    said, found = room.said(), room.archived()
    (waited,), (lost,) = (pattern.findall(said) for pattern in (NEW, GONE))
    assert number(lost) > number(waited) > 20 * 6  # five readings and a line of the device each time
    assert 5 == len(found)
    for there in found.values():
        assert [] == missing(there)
        assert sorted({*there}) == there
        assert len(there) > 80


def number(told: str) -> int:
    return int(told.replace(",", ""))
