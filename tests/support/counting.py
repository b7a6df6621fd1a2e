"""A site and an agent as real processes, over devices that count, and the count in the site's archive afterwards.

A number is one reading: whatever happened on the way, the archive must give each number that was promised, once.
"""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.counting_agent import Counting
from dc_monitor.agent.service import SPOOL_FILE, Agent
from dc_monitor.clock import Clock
from dc_monitor.config.load import load
from dc_monitor.history.archive import Archive
from dc_monitor.spool import Spool
from support.processes import get, start, start_python, stop, wait_for

SITE = "Caen-1"
AGENT = Path(__file__).parent.parent / "agent" / "counting_agent.py"
LIFE = 1_000_000
"""Numbers of one agent process begin at a multiple of this, so that a hole shows in which life it was made."""
READS, LISTENS = f" of site {SITE}\n", "page and write API on"
"""What agent and site log when they are ready."""
EVERYTHING = 1 << 40
END_OF_TIME = 4_102_444_800_000_000_000

Point = tuple[str, str]
"""Device and point."""

_LINE = re.compile(rb"^energy,\S*?device=([^,]+),point=([^,]+)\S* joules=(\d+)\.0 \d+$", re.MULTILINE)


@dataclass
class Room:
    """The files and processes of one room; whatever it started it stops at the end of its `with` block.

    Attributes
    ----------
    folder : everything lives below it, unless `state` and `data` say otherwise.
    port : the site listens here.
    sends : sinks of the agent and the port of each; the site unless told otherwise.
    devices, points, interval : so many devices with so many points each, polled every so many seconds.
    also : more for the configuration file, such as other devices.
    metrics : the port of the agent's metrics, 0 for none.
    flush : seconds between two flushes of the site's journal into the archive.
    """

    folder: Path
    port: int
    sends: Mapping[str, int] = field(default_factory=dict)
    devices: int = 1
    points: int = 1
    interval: float = 0.05
    flush: float = 1.0
    state: Path = Path("state")
    data: Path = Path("data")
    metrics: int = 0
    also: str = ""

    def __post_init__(self) -> None:
        self.sends = self.sends or {"site": self.port}
        self.state, self.data = self.folder / self.state, self.folder / self.data
        self.config = self.folder / "dc-monitor.toml"
        self.log = self.folder / "log"
        self._started: list[subprocess.Popen[bytes]] = []
        self.write_config()

    def write_config(self) -> None:
        """Write the file that both processes read, as the attributes are now."""
        devices = (
            f'[[device]]\nname = "meter-{number}"\naddress = "count://"\ninterval = {self.interval}\n'
            f'options = {{ points = "{self.points}" }}\n'
            for number in range(self.devices)
        )
        sends = (
            f'[[send]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\ntimeout = 2\n'
            for name, port in self.sends.items()
        )
        metrics = f"127.0.0.1:{self.metrics}" if self.metrics else ""
        self.config.write_text(
            f'[site]\nname = "{SITE}"\n[agent]\nstate = "{self.state}"\nmetrics = "{metrics}"\n'
            f'[receive]\nlisten = "127.0.0.1:{self.port}"\ndata = "{self.data}"\nflush = {self.flush}\n'
            f"{''.join(sends)}{''.join(devices)}{self.also}",
            encoding="utf-8",
        )

    def start_site(self, under: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        return self.start("site", under=under)

    def start(self, command: str, *options: str, under: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """`dc-monitor COMMAND` with the room's configuration."""
        with self.log.open("ab") as log:
            self._started.append(start(command, "-c", str(self.config), *options, stderr=log, under=under))
        return self._started[-1]

    def start_agent(self, life: int, *options: str, under: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """The agent's process number `life`: its numbers begin at `life * LIFE`."""
        with self.log.open("ab") as log:
            self._started.append(
                start_python(str(AGENT), str(self.config), str(life * LIFE), *options, stderr=log, under=under)
            )
        return self._started[-1]

    def start_reading_agent(self, life: int) -> "subprocess.Popen[bytes]":
        """The same, and wait until it reads."""
        before = self.said().count(READS)
        agent = self.start_agent(life)
        wait_for(lambda: self.said().count(READS) > before, 60, "an agent that reads")
        return agent

    def deliver(self, life: int) -> None:
        """Start agents and stop them until nothing waits, for one that stops sends what it has to a site that is up."""
        for again in range(20):
            if not self.waiting():
                return
            stop(self.start_reading_agent(life + again))
        raise AssertionError(f"{len(self.waiting())} batches still wait")

    def metric(self, name: str) -> float:
        """A figure of the agent, from the page it has for Prometheus."""
        page = get(f"http://127.0.0.1:{self.metrics}/metrics").decode()
        (value,) = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE)
        return float(value)

    def said(self) -> str:
        """What both processes have logged."""
        return self.log.read_text(encoding="utf-8")

    def waiting(self) -> list[bytes]:
        """Bodies in the spool of an agent that is dead, sink after sink."""
        return spooled(self.state, self.sends)

    def archived(self) -> dict[Point, list[int]]:
        """The numbers of each point in the site's archive; see `archived`."""
        return archived(self.data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._started:
            stop(process)
        if error is not None and self.log.exists():
            error.add_note(f"what agent and site said at the end:\n{self.said()[-10_000:]}")


@asynccontextmanager
async def counting_agent(config: Path, clock: Clock) -> AsyncIterator[None]:
    """An agent over counting devices in the test's own event loop and time, while the block runs."""
    ended = asyncio.Event()
    agent = Agent(load(config), lambda _: {}, lambda _: partial(Counting, first=0), clock)
    running = asyncio.create_task(agent.run(ended))
    try:
        yield
    finally:
        ended.set()
        assert 0 == await running


def archived(data: Path) -> dict[Point, list[int]]:
    """The numbers of each point in a site's archive by time, by the very call that reports use."""
    found = Archive(data / "archive").read(SITE, 0, END_OF_TIME)
    return {
        (device, point): [int(value) for value in samples.value]
        for (device, point, quantity), samples in found.items()
        if quantity == "energy"
    }


def numbers(bodies: Iterable[bytes]) -> dict[Point, set[int]]:
    """The numbers of each point in bodies of lines."""
    found: defaultdict[Point, set[int]] = defaultdict(set)
    for body in bodies:
        for device, point, number in _LINE.findall(body):
            found[device.decode(), point.decode()].add(int(number))
    return found


def missing(found: Iterable[int]) -> list[int]:
    """The numbers that a life skipped: those between its first possible one and the last that is there."""
    last: dict[int, int] = {}
    there = {*found}
    for number in there:
        last[number // LIFE] = max(number, last.get(number // LIFE, 0))
    return [number for life, end in last.items() for number in range(life * LIFE, end) if number not in there]


def spooled(state: Path, sinks: Iterable[str]) -> list[bytes]:
    """What a dead agent had on disk for its sinks. A reader must not disturb the files, so it opens a copy."""
    sinks = list(sinks)
    with tempfile.TemporaryDirectory() as folder:
        for part in state.glob(f"{SPOOL_FILE}*"):
            if part.is_file():
                shutil.copy(part, folder)
        with closing(Spool(Path(folder) / SPOOL_FILE, sinks)) as spool:
            assert [] == spool.open()
            return [batch.body for sink in sinks for batch in spool.pending(sink, EVERYTHING)]
