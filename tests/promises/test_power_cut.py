"""The power goes at any moment: what was promised before it is on the disk, as far as it was synced."""

import asyncio
import random
import shutil
import subprocess
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psutil

from agent.virtual_time import NOON
from dc_monitor.agent.service import SPOOL_FILE
from dc_monitor.clock import SystemClock
from dc_monitor.history.archive import Archive
from dc_monitor.sinks.lineprotocol import LineProtocolSink
from dc_monitor.site.journal import SINK, Journal
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines
from sinks.http_server import Answer, write_server
from support.counting import EVERYTHING, LISTENS, SITE, Room, archived, numbers
from support.power import Disk, Event, recorded, recorder
from support.processes import wait_for

COUNTER = ("meter-0", "counter/total")
STATE, DATA = "state", "data"
CUTS = 50
"""Moments; at each the power is cut twice: whatever was not synced is lost, or about half of it is there."""


def cuts(events: Sequence[Event], home: Path, spare: Path) -> Iterator[tuple[int, Path]]:
    """Cut the power at random moments of a recording: how many events had happened, and a folder as `home` is then.

    At the end the replay must have made what really lies there: then no write was overlooked.
    """
    chance = random.Random(20261124)
    touching = [at for at, event in enumerate(events, 1) if event.path.startswith(str(home))]
    disk, done = Disk(home), 0
    for moment in sorted(chance.sample(touching, CUTS)):
        for event in events[done:moment]:
            disk.apply(event)
        done = moment
        for torn in (None, chance):
            folder = spare / f"{moment}-{'torn' if torn else 'lost'}"
            disk.left(folder, torn)
            yield moment, folder
            shutil.rmtree(folder)
    for event in events[done:]:
        disk.apply(event)
    disk.sync()
    disk.left(spare / "end")
    assert contents(home) == contents(spare / "end")


def contents(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def moments(events: Sequence[Event], call: str, begins: bytes) -> list[int]:
    """When such a message was sent or received, as numbers of events."""
    return [at for at, event in enumerate(events, 1) if event.call == call and event.data.startswith(begins)]


def end(traced: "subprocess.Popen[bytes]") -> None:
    """Stop what runs under the tracer, which ends with it."""
    (process,) = psutil.Process(traced.pid).children()
    process.terminate()
    assert 0 == traced.wait(30)


def test_whatever_an_agent_had_committed_survives_a_power_cut(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """What an agent offers came out of its spool, so it was promised: it was taken, or waits in the spool afterwards.

    The archive, given what was taken and what waited, has every number once and no hole.
    """
    home, log = tmp_path / "disk", tmp_path / "trace"
    home.mkdir()
    refused = range(40, 50)
    with write_server(free_port()) as server:
        server.rule = lambda _: Answer(500 if len(server.requests) - 1 in refused else 204)
        with Room(tmp_path, 0, {"site": server.port}, points=3, interval=0.02, state=home / STATE) as room:
            traced = room.start_agent(0, "--commit=0.01", under=recorder(log))
            wait_for(lambda: len(server.requests) > 150, 60, "150 requests of the agent")
            end(traced)
    bodies = [request.body for request in server.requests]
    events = list(recorded(log))
    offers, answers = moments(events, "sendto", b"POST "), moments(events, "recvfrom", b"HTTP/1.1 ")

    for moment, folder in cuts(events, home, tmp_path):
        offered = bodies[: bisect(offers, moment)]
        taken = [body for at, body in enumerate(bodies[: bisect(answers, moment)]) if at not in refused]
        with closing(Spool(folder / STATE / SPOOL_FILE, ["site"])) as spool:
            assert [] == spool.open()
            waiting = [batch.body for batch in spool.pending("site", EVERYTHING)]
        Archive(folder / "archive").write(line for body in taken + waiting for line in parse_lines(body)[0])
        found = archived(folder)
        for point, promised in numbers(offered).items():
            assert set() == promised - set(found[point])
            assert list(range(len(found[point]))) == found[point]


def test_whatever_a_site_had_answered_204_survives_a_power_cut(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """In the journal, in the archive or on its way from one to the other: the site's next start has it once."""
    home, log = tmp_path / "disk", tmp_path / "trace"
    home.mkdir()
    with Room(tmp_path, free_port(), data=home / DATA, flush=0.1) as room:
        traced = room.start_site(under=recorder(log))
        wait_for(lambda: LISTENS in room.said(), 60, "a site that listens")
        sink = LineProtocolSink("site", f"http://127.0.0.1:{room.port}")
        for number in range(400):
            assert [] == sink.send(line(number))
        sink.close()
        end(traced)
    events = list(recorded(log))
    answers = moments(events, "sendto", b"HTTP/1.1 204")
    assert 400 == len(answers)

    for moment, folder in cuts(events, home, tmp_path):
        asyncio.run(recovered(folder / DATA))
        found = archived(folder / DATA).get(COUNTER, [])
        assert found == list(range(len(found)))
        assert len(found) >= bisect(answers, moment)


def line(number: int) -> bytes:
    """A line with a number, and enough beside it to fill some pages of the journal."""
    series, note = f"energy,site={SITE},device={COUNTER[0]},point={COUNTER[1]},level=total,method=measured", "x" * 2_000
    return f'{series} joules={number},note="{note}" {NOON + number}\n'.encode()


async def recovered(data: Path) -> None:
    """What a site does at its start with what it finds."""
    quota = 1 << 30
    journal = Journal(Spool(data / "journal.sqlite", [SINK], quota), Archive(data / "archive"), SystemClock(), quota)
    await journal.open()
    assert {} == journal.trouble
    await journal.close()
