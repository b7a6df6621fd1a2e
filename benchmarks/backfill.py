"""How fast the past is filled in when a site comes back, and how far behind the present is meanwhile.

A spool holds what an agent with ten devices of 42 values at 10 s keeps through 72 hours without its site: 10.9 million
lines. `dc-monitor agent` then meets `dc-monitor site`, both the real processes, each on a core of its own where there
are two, and goes on reading this machine once a second. Goals: ten times as fast as the lines were made, and the page
never more than 5 s behind.

    python benchmarks/backfill.py [--hours 72] [--devices 10] [--interval 10]
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from support.agent import device
from support.peers import fetched, free_port
from support.process import Watch, on_core

from dc_monitor.readings import Reading, Series
from dc_monitor.simulator.process import Child
from dc_monitor.spool import Spool
from dc_monitor.wire import Encoder

SECOND = 10**9
FASTER_GOAL = 10.0
BEHIND_GOAL = 5.0
"""The page makes its document anew every 2 s, and a device is read every second [s]."""
COMMITTED = 60
"""Polls that are put into the spool at once."""

POINTS = (
    *((f"outlet/{number}", quantity, "outlet") for number in range(1, 13) for quantity in ("power", "current")),
    *((f"input/l{phase}", quantity, "phase") for phase in (1, 2, 3) for quantity in ("power", "current", "voltage")),
    *(("input/total", quantity, "total") for quantity in ("power", "apparent_power", "power_factor", "energy")),
    *(("bank/1", "current", "bank"), ("bank/2", "current", "bank")),
    *(("probe/1", "temperature", "sensor"), ("probe/1", "humidity", "sensor"), ("agent", "uptime", "sensor")),
)
"""42 values of a three-phase rack PDU."""


class Came(NamedTuple):
    """`seconds` until the backlog was in, and the `behind` of the page at its worst [s]."""

    seconds: float
    behind: float


def main() -> int:
    """Print the figures; 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hours", type=float, default=72.0)
    options.add_argument("--devices", type=int, default=10)
    options.add_argument("--interval", type=float, default=10.0)
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        waiting = fill(folder / "state" / "spool.db", args.hours * 3_600.0, args.devices, args.interval)
        size = (folder / "state" / "spool.db").stat().st_size
        print(f"{waiting:,} lines in a spool of {size / 2**20:,.0f} MiB, made in {time.monotonic() - began:.0f} s")
        with running_site(folder) as (site, port), running_agent(folder, port) as agent:
            watched = [Watch(one.process.pid) for one in (site, agent)]
            for watch in watched:
                watch.start()
            came = until_all_came(waiting, port, (site, agent))
            for watch in watched:
                watch.stop()
    rate, made = waiting / came.seconds, args.devices * len(POINTS) / args.interval
    faster = rate / made
    print(f"delivered          {rate:10,.0f} lines/s, {waiting:,} in {came.seconds:.0f} s")
    print(f"made               {made:10,.0f} lines/s")
    print(f"faster by          {faster:10,.0f}        goal {FASTER_GOAL:g}")
    print(f"page behind        {came.behind:10.1f} s      goal {BEHIND_GOAL:g} s, at the worst")
    for what, watch in zip(("site", "agent"), watched, strict=True):
        print(f"{what:8} {watch.share:19.0%} of a core, {watch.memory:,.0f} MB at the most")
    return int(faster < FASTER_GOAL or came.behind > BEHIND_GOAL)


def fill(path: Path, seconds: float, devices: int, interval: float) -> int:
    """Leave in a spool what an agent would; how many lines."""
    path.parent.mkdir()
    end = time.time_ns()
    with closing(Spool(path, ["site"], 1 << 40)) as spool:
        spool.open()
        polls: list[tuple[bytes, int]] = []
        total = 0
        for body, lines, when in polled(end, seconds, devices, interval):
            polls.append((body, lines))
            total += lines
            if len(polls) == COMMITTED:
                spool.append(polls, when)
                polls.clear()
        spool.append(polls, end)
    return total


def polled(end: int, seconds: float, devices: int, interval: float) -> Iterator[tuple[bytes, int, int]]:
    """Body, lines and time of each round until `end` (ns UTC)."""
    chance = random.Random(1)
    encoder = Encoder({"site": "bench", "room": "b12", "rack": "a1"})
    series = [Series(f"pdu-{number}", *point) for number in range(devices) for point in POINTS]
    values = [round(chance.uniform(90.0, 110.0), 1) for _ in range(10_007)]
    rounds = int(seconds / interval)
    for number in range(rounds):
        when = end - round((rounds - number) * interval * SECOND)
        at = number * 31
        told = (Reading(one, values[(at + i) % len(values)], when + i * 1_000) for i, one in enumerate(series))
        yield *encoder.encode(told), when


@contextmanager
def running_site(folder: Path) -> Iterator[tuple[Child, int]]:
    """`dc-monitor site` with nothing in it, and its port."""
    port = free_port()
    file = folder / "site.toml"
    file.write_text(f'[site]\nname = "bench"\n[receive]\nlisten = "127.0.0.1:{port}"\ndata = "{folder}/data"\n')
    with on_core(1):
        site = Child("site", ["-m", "dc_monitor", "site", "-c", str(file)], folder / "site.log", patience=120.0)
    try:
        fetched(f"http://127.0.0.1:{port}/healthz", 60.0)
        yield site, port
    finally:
        site.stop()


@contextmanager
def running_agent(folder: Path, port: int) -> Iterator[Child]:
    """`dc-monitor agent` with its backlog, which reads this machine."""
    file = folder / "agent.toml"
    file.write_text(
        f'[site]\nname = "bench"\n[agent]\nstate = "{folder}/state"\nmetrics = "127.0.0.1:0"\nspool_quota = "64 GiB"\n'
        f'[send]\nname = "site"\nurl = "http://127.0.0.1:{port}"\n' + device("live", "host://", 1.0)
    )
    with on_core(0):
        agent = Child("agent", ["-m", "dc_monitor", "agent", "-c", str(file)], folder / "agent.log")
    try:
        yield agent
    finally:
        agent.stop()


def until_all_came(waiting: int, port: int, both: tuple[Child, Child]) -> Came:
    """Look once a second until the site has as many lines."""
    began: float | None = None
    behind = 0.0
    while True:
        for one in both:
            one.check()
        metrics = fetched(f"http://127.0.0.1:{port}/metrics").decode()
        found = re.search(r"^dcmon_site_lines_received_total (\S+)$", metrics, re.MULTILINE)
        lines, now = float(found[1]) if found else 0.0, time.monotonic()
        if lines and began is None:
            began = now - 1.0
        if began is not None and now - began > 5.0:
            behind = max(behind, page_behind(port))
        if began is not None and lines >= waiting:
            return Came(now - began, behind)
        time.sleep(1.0)


def page_behind(port: int) -> float:
    """How old the newest poll of the living device is on the page [s]; no page is as bad as an old one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/now", timeout=30) as answer:
        document = json.load(answer)
    (last,) = [one["last"] for one in document["devices"] if one["name"] == "live"] or [None]
    return time.time() - datetime.fromisoformat(last).timestamp() if last else float("inf")


if __name__ == "__main__":
    sys.exit(main())
