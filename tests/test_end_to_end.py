"""The whole path: an agent's pipeline, spool and delivery, and a site as a real process, away for a while.

What is killed, cut off or damaged on the way has tests of its own, in `promises`.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from dc_monitor.agent.delivery import Delivery
from dc_monitor.agent.pipeline import Lines, Pipeline
from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.clock import NANOSECONDS, ManualClock, SystemClock
from dc_monitor.contract import DeviceInfo
from dc_monitor.readings import Reading, Series
from dc_monitor.sinks.lineprotocol import LineProtocolSink
from dc_monitor.spool import Spool
from support.processes import get, running


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
