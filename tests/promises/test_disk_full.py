"""The disk is full: polling goes on, memory keeps what it can, and with room again all of that is in the archive."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.counting import Room, missing
from support.disks import KINDS, disk, no_room
from support.processes import stop, wait_for

POINTS = 20
READINGS, DROPPED = "dcmon_readings_total", "dcmon_dropped_lines_total"


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_under_the_spool_loses_nothing_that_memory_can_hold(
    kind: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """The log says when it begins and when it is over; every number polled meanwhile is in the archive."""
    state = tmp_path / "state"
    with (
        disk(kind, state) as full,
        Room(tmp_path, free_port(), points=POINTS, state=state, metrics=free_port()) as room,
    ):
        agent, site = room.start_agent(0), room.start_site()
        wait_for(lambda: room.metric(READINGS) > 20 * POINTS, 60, "the first polls")
        with full(agent):
            wait_for(lambda: "readings are kept in memory, up to 16 MiB" in room.said(), 60, "the word of a full disk")
            before = room.metric(READINGS)
            wait_for(lambda: room.metric(READINGS) > before + 40 * POINTS, 60, "polls meanwhile")
        wait_for(lambda: "the spool is written again after" in room.said(), 60, "the word of room again")
        polled = room.metric(READINGS) / POINTS
        stop(agent)
        room.deliver(1)
        stop(site)

    assert room.said().count("0 lines lost so far") == 1
    found = room.archived()
    assert POINTS == len(found)
    for there in found.values():
        assert [] == missing(there)
        assert len({*there}) == len(there) >= polled


def test_memory_is_bounded_while_the_disk_is_full(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The oldest readings go first, as many as the log says, and all others are in the archive."""
    with Room(tmp_path, free_port(), points=POINTS, metrics=free_port()) as room:
        agent, site = room.start_agent(0, "--memory=60000"), room.start_site()
        wait_for(lambda: room.metric(READINGS) > 20 * POINTS, 60, "the first polls")
        with no_room(agent):
            wait_for(lambda: room.metric(DROPPED) > 50 * POINTS, 60, "lines that memory could not hold")
        wait_for(lambda: "the spool is written again after" in room.said(), 60, "the word of room again")
        stop(agent)
        room.deliver(1)
        stop(site)

    (lost,) = re.findall(r"([\d,]+) lines lost so far", room.said())
    for there in room.archived().values():
        hole = missing(there)
        assert list(range(hole[0], hole[-1] + 1)) == hole
        lines_of_polls = len(hole) * (POINTS + 1)  # each poll has a line of the device beside its readings
        assert int(lost.replace(",", "")) - lines_of_polls in (0, 1)  # a line of the agent may be among them
        assert len({*there}) == len(there)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_under_the_site_makes_the_agent_keep_everything(
    kind: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """The site answers 503 and says why; the agent's spool has what is refused, and sends it when there is room."""
    data = tmp_path / "data"
    with (
        disk(kind, data) as full,
        Room(tmp_path, free_port(), points=POINTS, data=data, metrics=free_port(), flush=0.5) as room,
    ):
        site, agent = room.start_site(), room.start_agent(0)
        wait_for(lambda: room.archived(), 60, "the first numbers in the archive")
        with full(site):
            wait_for(lambda: "cannot take data now (503)" in room.said(), 60, "a refusal")
            before = room.metric(READINGS)
            wait_for(lambda: room.metric(READINGS) > before + 40 * POINTS, 60, "polls meanwhile")
        wait_for(lambda: 'sink "site" takes data again after' in room.said(), 60, "the site to take data again")
        polled = room.metric(READINGS) / POINTS
        stop(agent)
        room.deliver(1)
        stop(site)
        said, found = room.said(), room.archived()

    assert "lines wait, next try soon" in said
    assert "the journal works again" in said
    assert POINTS == len(found)
    for there in found.values():
        assert [] == missing(there)
        assert len({*there}) == len(there) >= polled
