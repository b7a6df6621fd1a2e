"""The whole path as real processes: devices → agent → spool → site → archive, killed on the way."""

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from dc_monitor.agent.delivery import Delivery
from dc_monitor.agent.pipeline import Lines, Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.clock import NANOSECONDS, ManualClock, SystemClock
from dc_monitor.contract import DeviceInfo
from dc_monitor.history.archive import Archive
from dc_monitor.readings import Reading, Series
from dc_monitor.simulator.process import SimulatorProcess, start_simulator
from dc_monitor.sinks.lineprotocol import LineProtocolSink
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines
from support.processes import get, running, start, stop, wait_for
from support.witness import witness

KILLS = 20
CONFIG = """
credentials_file = "credentials.toml"

[site]
name = "E2E"

{devices}
[agent]
interval = 1
state = "{folder}/agent"
metrics = ""

[send]
name = "site"
url = "http://127.0.0.1:{agent_sends_to}"
token = "site-token"
timeout = 2

[receive]
listen = "127.0.0.1:{site_listens_on}"
token = "site-token"
data = "{folder}/site"
flush = "1 s"
"""

Point = tuple[str, int]
"""A series as its tags say it, and a timestamp: the identity of a reading."""


def write_files(folder: Path, simulator: SimulatorProcess, site_port: int, agent_port: int) -> Path:
    credentials = folder / "credentials.toml"
    credentials.touch(0o600)
    credentials.write_text(
        f'[devices]\nversion = "2c"\ncommunity = "{simulator.community}"\n[site-token]\ntoken = "e2e"\n',
        encoding="utf-8",
    )
    devices = "\n".join(
        f'[[device]]\nname = "{name}"\naddress = "{address}"\ncredentials = "devices"\n'
        for name, address in simulator.addresses.items()
    )
    config = folder / "e2e.toml"
    config.write_text(
        CONFIG.format(devices=devices, folder=folder, site_listens_on=site_port, agent_sends_to=agent_port),
        encoding="utf-8",
    )
    return config


def points(bodies: Iterable[bytes]) -> set[Point]:
    found = set()
    for body in bodies:
        lines, bad = parse_lines(body)
        assert [] == bad
        found |= {(identity(line.measurement, line.tags), line.time) for line in lines}
    return found


def identity(measurement: str, tags: object) -> str:
    assert isinstance(tags, dict)
    return json.dumps([measurement, sorted(tags.items())])


def committed(spool: Path) -> list[bytes]:
    """What a dead agent had on disk; a reader must not disturb the file, so it reads a copy."""
    copies = []
    for part in spool.parent.glob(spool.name + "*"):
        copy = part.with_name("copy-" + part.name)
        copy.write_bytes(part.read_bytes())
        copies.append(copy)
    try:
        db = sqlite3.connect(spool.with_name("copy-" + spool.name))
        try:
            return [bytes(body) for (body,) in db.execute("SELECT body FROM batch")]
        finally:
            db.close()
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)


def archived(data: Path) -> Counter[Point]:
    """How often the archive gives each point, by the very call that reports use."""
    archive = Archive(data / "archive")
    found: Counter[Point] = Counter()
    for measurement in ("power", "energy", "temperature", "voltage", "current", "state", "device", "agent", "uptime"):
        for line in archive.rows("E2E", measurement, 0, time.time_ns() + 3600 * NANOSECONDS):
            found[identity(line.measurement, dict(line.tags)), line.time] += 1
    return found


def measured_here(point: Point) -> bool:
    measurement = json.loads(point[0])[0]
    return measurement in ("power", "energy", "temperature", "voltage", "current", "state", "device", "agent", "uptime")


def test_every_acknowledged_reading_is_archived_once_whatever_is_killed(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Agent and site are killed twenty times at random moments.

    A reading is acknowledged when its commit is on disk: whatever a dead agent's spool holds, whatever an agent ever
    offered, for it came out of the spool, and whatever the site answered 204. Afterwards every such reading is in the
    archive, and none is there twice.
    """
    chance = random.Random(20261124)
    site_port = free_port()
    promised: set[Point] = set()
    with start_simulator(tmp_path / "simulator.log") as simulator, witness(site_port) as seen:
        config = write_files(tmp_path, simulator, site_port, seen.port)
        spool = tmp_path / "agent" / "spool.db"
        with (tmp_path / "log").open("ab") as log:
            agent, site = (start(name, "-c", str(config), stderr=log) for name in ("agent", "site"))
            try:
                wait_for(lambda: seen.acknowledged, 60, "the first acknowledged batch")
                for round_ in range(KILLS):
                    time.sleep(chance.uniform(0.2, 2.0))
                    if round_ % 2:
                        site.kill()
                        site.wait()
                        site = start("site", "-c", str(config), stderr=log)
                    else:
                        agent.kill()
                        agent.wait()
                        promised |= points(committed(spool))
                        agent = start("agent", "-c", str(config), stderr=log)
                before = len(seen.acknowledged)
                wait_for(lambda: len(seen.acknowledged) >= before + 3, 60, "batches after the last kill")
                stop(agent)
                promised |= points(committed(spool)) if spool.exists() else set()
            finally:
                stop(agent)
                stop(site)
            # What the agent still held when it was told to stop is delivered by its next start.
            agent, site = (start(name, "-c", str(config), stderr=log) for name in ("agent", "site"))
            try:
                before = len(seen.acknowledged)
                wait_for(lambda: len(seen.acknowledged) >= before + 3, 60, "the rest of the spool")
            finally:
                stop(agent)
                stop(site)
        promised |= points(seen.offered)

    found = archived(tmp_path / "site")
    wanted = {point for point in promised if measured_here(point)}
    assert len(wanted) > 500
    assert set() == wanted - set(found)
    assert [] == [point for point, times in found.items() if times > 1]


def minutes_of_power(clock: ManualClock, minutes: int) -> list[Outcome]:
    """What polls of a main meter every 10 s bring; the clock is left at their end."""
    series = Series("main-meter", "total", "power", "total")
    outcomes = []
    for _ in range(minutes * 6):
        reading = Reading(series, 5_000.0, clock.now())
        outcomes.append(Outcome("main-meter", clock.now(), 0.1, 10.0, DeviceInfo("meter"), [reading]))
        clock.advance(10.0)
    return outcomes


def power_of_the_page(port: int) -> list[float | None]:
    """The last twenty minutes of the utility's curve, oldest first."""
    document = json.loads(get(f"http://127.0.0.1:{port}/api/v1/now?lang=en"))
    (curve,) = [one["values"] for one in document["curves"]["series"] if one["name"] == "utility"]
    return list(curve[-5:-1])


def test_a_site_that_was_away_for_ten_minutes_shows_no_hole(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The agent keeps what it read; when the site is back, its curves are filled, the oldest minutes too."""
    port = free_port()
    config = tmp_path / "site.toml"
    config.write_text(
        f'[site]\nname = "E2E"\n[[meter]]\nname = "utility"\nreads = "main-meter/total"\nrole = "total"\n'
        f'[receive]\nlisten = "127.0.0.1:{port}"\ndata = "{tmp_path}/site"\n',
        encoding="utf-8",
    )
    clock = ManualClock(time.time_ns() - 40 * 60 * NANOSECONDS)
    lines = Lines("E2E", {"main-meter": {}})

    async def live() -> None:
        sink = LineProtocolSink("site", f"http://127.0.0.1:{port}", timeout=5.0)
        store = Store(Spool(tmp_path / "spool.db", ["site"]))
        await store.open()
        delivery = Delivery(sink, store, SystemClock())
        committed = asyncio.Event()
        pipeline = Pipeline(store, SystemClock(), [delivery.wake, committed.set])
        tasks = [asyncio.create_task(delivery.run()), asyncio.create_task(pipeline.run())]

        async def keep(minutes: int) -> None:
            committed.clear()
            for outcome in minutes_of_power(clock, minutes):
                pipeline.put(*lines.encode(outcome))
            await committed.wait()

        async def delivered() -> None:
            async with asyncio.timeout(60):
                while (await store.stats()).lines:
                    await asyncio.sleep(0.05)

        try:
            with running("site", "-c", str(config), log=tmp_path / "log"):
                await keep(30)
                await delivered()
            await keep(10)  # nobody listens
            assert 120 == (await store.stats()).lines
            with running("site", "-c", str(config), log=tmp_path / "log"):
                await delivered()
                curve = await asyncio.to_thread(power_of_the_page, port)
        finally:
            pipeline.stop()
            delivery.stop()
            delivery.abort()
            await asyncio.gather(*tasks)
            await store.close()
        assert [5_000.0] * 4 == curve

    asyncio.run(live())
