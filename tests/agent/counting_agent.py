"""A real agent over devices that count, for tests that are unkind to it: `counting_agent.py CONFIG FIRST_NUMBER`.

A poll gives one number at each point of the device, one more than the poll before, so a hole in what a server took is
a lost reading. A device has as many points as its option `points` says, one without it. Disk and server are tried
again after tenths of a second; `--commit` and `--memory` set what else a test must not wait for.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from dc_monitor.agent import delivery, pipeline
from dc_monitor.agent.plan import Credentials
from dc_monitor.agent.service import run_agent
from dc_monitor.config.load import load
from dc_monitor.config.model import Config
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.readings import Reading, Series


class Counting:
    def __init__(self, target: Target, first: int) -> None:
        points = ["total", *range(1, int(target.options.get("points", 1)))]
        self._clock = target.clock
        self._series = [Series(target.device, f"counter/{point}", "energy", "total") for point in points]
        self._next = first

    async def open(self) -> DeviceInfo:
        return DeviceInfo("meter")

    async def collect(self) -> Poll:
        self._next += 1
        now = self._clock.now()
        return Poll([Reading(series, float(self._next - 1), now) for series in self._series])

    async def close(self) -> None:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("--commit", type=float, default=0.1, help="seconds between two commits")
    parser.add_argument("--memory", type=int, default=pipeline.MOST_IN_MEMORY, help="bytes held while the disk fails")
    args = parser.parse_args()
    pipeline.COMMIT_SECONDS, pipeline.MOST_IN_MEMORY = args.commit, args.memory
    delivery.LONGEST_PAUSE = pipeline.LONGEST_PAUSE = 0.3

    def files() -> tuple[Config, Credentials]:
        return load(args.config), lambda name: {"token": "s3cret"} if name else {}

    sys.exit(run_agent(*files(), lambda scheme: partial(Counting, first=args.first), files))
