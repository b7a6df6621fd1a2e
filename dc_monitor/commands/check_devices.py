"""Every device asked once, a limited number at a time, and how far that has come."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

from dc_monitor.agent.plan import DevicePlan
from dc_monitor.agent.poller import Outcome, Poller
from dc_monitor.clock import Clock
from dc_monitor.commands.check_result import DeviceResult
from dc_monitor.readings import Reading

AT_ONCE = 100
"""Devices open at the same time: each holds a socket, and thousands of questions at once would drown their network."""
SAID_EVERY = 5.0
"""Where nobody looks at a terminal, progress is a line this often [s]."""


class Progress:
    """How many were asked: one line that is written over on a terminal, now and then a plain line elsewhere."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._terminal = stream.isatty()
        self._asked = self._silent = 0
        self._said = time.monotonic()

    def asked(self, answered: bool) -> None:
        """One more."""
        self._asked += 1
        self._silent += not answered
        if self._terminal:
            self._write("\r", "\033[K")
        elif time.monotonic() - self._said >= SAID_EVERY and self._asked < self._total:
            self._said = time.monotonic()
            self._write("", "\n")

    def end(self) -> None:
        """Leave a clean line behind."""
        if self._terminal and self._asked:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def _write(self, before: str, after: str) -> None:
        silent = f", {self._silent:,} without an answer" if self._silent else ""
        self._stream.write(f"{before}asked {self._asked:,} of {self._total:,} devices{silent}{after}")
        self._stream.flush()


async def ask_all(
    plans: Mapping[str, DevicePlan], clock: Clock, progress: Progress
) -> tuple[dict[str, DeviceResult], list[Reading]]:
    """Ask every device once, as the agent would; the results in the order of the file."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(plan: DevicePlan) -> Outcome:
        poller = Poller(plan.device.name, plan.make, clock, plan.device.interval, plan.interval)
        async with places:
            try:
                outcome = await poller.poll()
            finally:
                await poller.close()
        progress.asked(outcome.up)
        return outcome

    try:
        outcomes: Sequence[Outcome] = await asyncio.gather(*(ask(plan) for plan in plans.values()))
    finally:
        progress.end()
    results = {one.device: _result(one, plans[one.device].device.address) for one in outcomes}
    return results, [reading for one in outcomes for reading in one.readings]


def _result(outcome: Outcome, address: str) -> DeviceResult:
    info = outcome.info
    what = ""
    if outcome.up:
        what = " ".join(filter(None, (info.vendor, info.model, info.firmware))) or "unknown make"
        what += f" ({', '.join(info.profiles)})" if info.profiles else ""
    return DeviceResult(
        outcome.device,
        address,
        ok=not outcome.reason,
        kind=info.kind,
        what=what,
        why=info.why,
        readings=len(outcome.readings),
        seconds=round(outcome.seconds, 3),
        accuracy=info.accuracy,
        problems=tuple(outcome.failures),
        left_out=tuple(info.left_out),
    )
