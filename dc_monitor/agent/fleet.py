"""The devices that are being read, each by a task of its own, and how that set changes while the agent runs."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from dc_monitor.agent.intake import Intake
from dc_monitor.agent.plan import Change, DevicePlan
from dc_monitor.agent.poller import Poller
from dc_monitor.agent.schedule import keep_polling
from dc_monitor.agent.tasks import Task, Tasks, end
from dc_monitor.clock import Clock

LAST_POLL_SECONDS = 5.0
"""How long a device that leaves may take to end the poll it is in [s]."""
MOST_OPENINGS = 50
"""Recognising a device costs more than reading it: so many are opened at a time."""
OPENING_SECONDS = 1.0
"""An opening that lasts longer waits for its device, and makes room for another one [s]."""


class Openings:
    """Lets devices be opened a few at a time, first come, first served.

    However many dead devices wait for an answer, live ones are not shut out: each keeps its place for a second.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MOST_OPENINGS)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and keep it for the block, or a second of it."""
        await self._free.acquire()
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(OPENING_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()


class _Read(NamedTuple):
    plan: DevicePlan
    poller: Poller
    task: Task


class Fleet:
    """Devices by name; `change` is the start as well."""

    def __init__(self, clock: Clock, intake: Intake, tasks: Tasks) -> None:
        self._clock = clock
        self._intake = intake
        self._tasks = tasks
        self._openings = Openings()
        self._devices: dict[str, _Read] = {}

    async def change(self, plans: Mapping[str, DevicePlan]) -> Change:
        """Read these from now on; a device that is equally planned goes on as if nothing had happened.

        One that leaves ends the poll it is in, within `LAST_POLL_SECONDS`, and what it read is kept.
        """
        change = Change.between({name: one.plan for name, one in self._devices.items()}, plans)
        await asyncio.gather(*(self._replace(name, plans.get(name)) for name in (*change.changed, *change.removed)))
        for name in change.added:  # last: who comes may be one that left, under another name
            self._begin(plans[name])
        return change

    def call(self, name: str) -> None:
        """Read this device at once, if it is one of them; see `CALL_SECONDS` for how soon again."""
        if name in self._devices:
            self._devices[name].poller.called.set()

    async def stop(self) -> None:
        """End all at once; a poll under way is given up."""
        await end(one.task for one in self._devices.values())

    def _begin(self, plan: DevicePlan) -> None:
        device = plan.device
        poller = Poller(device.name, plan.make, self._clock, device.interval, plan.interval, self._openings.turn)
        task = self._tasks.begin(keep_polling(poller, self._clock, self._intake.of(device)))
        self._devices[device.name] = _Read(plan, poller, task)

    async def _replace(self, name: str, plan: DevicePlan | None) -> None:
        before = self._devices[name]
        if before.poller.retire():
            await asyncio.wait([before.task], timeout=LAST_POLL_SECONDS)
        await end([before.task])
        del self._devices[name]  # not before: whoever stops the agent meanwhile finds it here
        self._intake.forget(name)
        if plan:
            self._begin(plan)
