"""A real agent over a device that counts, for tests that kill it: `counting_agent.py CONFIG FIRST_NUMBER`.

Every reading of `counter/total` is one more than the one before, so a hole in what a server took is a lost reading.
"""

import sys
from functools import partial
from pathlib import Path

from dc_monitor.agent import delivery, pipeline
from dc_monitor.agent.service import run_agent
from dc_monitor.config.load import load
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.readings import Reading, Series


class Counting:
    def __init__(self, target: Target, first: int) -> None:
        self._clock = target.clock
        self._series = Series(target.device, "counter/total", "energy", "total")
        self._next = first

    async def open(self) -> DeviceInfo:
        return DeviceInfo("meter")

    async def collect(self) -> Poll:
        self._next += 1
        return Poll([Reading(self._series, float(self._next - 1), self._clock.now())])

    async def close(self) -> None:
        pass


if __name__ == "__main__":
    pipeline.COMMIT_SECONDS = 0.1
    delivery.LONGEST_PAUSE = 0.3
    sys.exit(
        run_agent(
            load(Path(sys.argv[1])),
            lambda name: {"token": "s3cret"} if name else {},
            lambda scheme: partial(Counting, first=int(sys.argv[2])),
        )
    )
