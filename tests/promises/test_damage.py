"""The spool's file is damaged: it is set aside and said, polling goes on, and nothing polled afterwards is missing."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dc_monitor.agent.service import SPOOL_FILE
from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.archive import Archive
from dc_monitor.spool import Spool
from support.counting import END_OF_TIME, SITE, Room, missing
from support.processes import stop, wait_for

PAGE = 4096
POINTS = 20
OLD = 40_000
"""Lines that wait from before: some 4 MB, more than SQLite keeps in memory."""
A_BATCH = 100
OLD_SINCE = 1_700_000_000 * NANOSECONDS
READINGS = "dcmon_readings_total"
ASIDE = re.compile(r"spool \S+: .*; set aside as ([^,]+), and a new spool begins; .* be sent")


def random_pages(content: bytearray) -> None:
    """A quarter of the pages hold something else."""
    chance = random.Random(20261124)
    pages = range(0, len(content), PAGE)
    for at in chance.sample(pages, len(pages) // 4):
        content[at : at + PAGE] = chance.randbytes(PAGE)


def another_digit(content: bytearray) -> None:
    """A number of one line is another number: SQLite sees nothing wrong."""
    at = content.index(b" joules=12345.0 ") + len(b" joules=")
    content[at : at + 1] = b"7"


def zeroes(content: bytearray) -> None:
    content[:] = bytes(len(content))


def half(content: bytearray) -> None:
    del content[len(content) // 2 :]


DAMAGES = {"random pages": random_pages, "zero-filled": zeroes, "truncated": half}
Damage = Callable[[bytearray], None]


@pytest.fixture
def room(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Room]:
    """A room whose agent finds a spool with lines of former days."""
    with Room(tmp_path, free_port(), points=POINTS, metrics=free_port()) as room:
        with closing(Spool(room.state / SPOOL_FILE, ["site"])) as spool:
            spool.open()
            lines = [
                b"energy,site=%b,device=old,point=counter/total,level=total,method=measured joules=%d.0 %d\n"
                % (SITE.encode(), number, OLD_SINCE + number)
                for number in range(OLD)
            ]
            bodies = (b"".join(lines[at : at + A_BATCH]) for at in range(0, OLD, A_BATCH))
            spool.append([(body, A_BATCH) for body in bodies], OLD_SINCE)
        yield room


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=DAMAGES)
def test_a_spool_that_is_damaged_at_the_start_costs_at_most_what_waited_in_it(room: Room, spoil: Damage) -> None:
    """The agent starts as if nothing were there; the damaged file lies beside, as it was found."""
    found = damage(room.state / SPOOL_FILE, spoil)
    agent, site = room.start_agent(1), room.start_site()
    wait_for(lambda: room.metric(READINGS) > 20 * POINTS, 60, "polls")
    stop(agent)
    room.deliver(2)
    stop(site)

    assert [found] == [(room.state / name).read_bytes() for name in ASIDE.findall(room.said())]
    assert_complete(room, first=0)


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=DAMAGES)
def test_a_spool_that_is_damaged_at_work_costs_at_most_what_waited_in_it(room: Room, spoil: Damage) -> None:
    """It is found when it is read, because the site is back."""
    agent = room.start_agent(0)
    wait_for(lambda: room.metric(READINGS) > 20 * POINTS, 60, "polls while the site is away")
    damage(room.state / SPOOL_FILE, spoil)
    site = room.start_site()
    wait_for(lambda: ASIDE.search(room.said()), 60, "the word of the damage")
    first = int(room.metric(READINGS)) // POINTS
    wait_for(lambda: room.metric(READINGS) > (first + 20) * POINTS, 60, "polls after it")
    stop(agent)
    room.deliver(1)
    stop(site)

    assert 1 == len(ASIDE.findall(room.said()))
    assert_complete(room, first)


def test_a_number_that_rotted_in_the_spool_is_not_archived_as_another_one(room: Room) -> None:
    """Its batch is lost, and with it nothing else: all others are read from the file that is set aside."""
    damage(room.state / SPOOL_FILE, another_digit)
    agent, site = room.start_agent(0), room.start_site()
    wait_for(lambda: room.metric(READINGS) > 20 * POINTS, 60, "polls")
    stop(agent)
    room.deliver(1)
    stop(site)

    assert 1 == len(ASIDE.findall(room.said()))
    assert OLD - A_BATCH == assert_complete(room, first=0)


def damage(file: Path, spoil: Damage) -> bytes:
    """Change a file where it lies, as a bad disk does; what it holds then."""
    content = bytearray(file.read_bytes())
    spoil(content)
    with file.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
    return bytes(content)


def assert_complete(room: Room, first: int) -> int:
    """The archive has all numbers from `first` on, once, and no old one that never was; how many old ones it has."""
    samples = Archive(room.data / "archive").read(SITE, 0, END_OF_TIME, [("old", "counter/total", "energy")])
    olds = [
        (time - OLD_SINCE, value) for old in samples.values() for time, value in zip(old.time, old.value, strict=True)
    ]
    assert [] == [(number, value) for number, value in olds if number != value]
    found = {point: there for point, there in room.archived().items() if point[0] != "old"}
    assert POINTS == len(found)
    for there in found.values():
        assert [] == [number for number in missing(there) if number >= first]
        assert sorted({*there}) == there
        assert there[-1] >= first + 20
    return len(olds)
