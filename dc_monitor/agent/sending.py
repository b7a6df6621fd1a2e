"""The way out: lines → pipeline → spool → one delivery a sink, and how the sinks change while the agent runs."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dc_monitor.agent.delivery import Delivery
from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.plan import Change, SinkPlan
from dc_monitor.agent.store import Store
from dc_monitor.agent.tasks import Task, Tasks, end
from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError

LOG = logging.getLogger(__name__)

LAST_CHANCE_SECONDS = 5.0
"""How long a sink that leaves, or a stopping agent, waits for its server [s]."""


class _Served(NamedTuple):
    plan: SinkPlan
    delivery: Delivery
    task: Task


class Sending:
    """Sinks by name, over an open store that knows their names."""

    def __init__(self, store: Store, clock: Clock, tasks: Tasks) -> None:
        self.store = store
        self.pipeline = Pipeline(store, clock, [self._wake])
        self._clock = clock
        self._tasks = tasks
        self._sinks: dict[str, _Served] = {}
        self._committing: Task | None = None

    def start(self, plans: Iterable[SinkPlan]) -> None:
        """Commit what comes, and send what waits."""
        for plan in plans:
            self._begin(plan)
        self._committing = self._tasks.begin(self.pipeline.run())

    async def change(self, plans: Mapping[str, SinkPlan]) -> Change:
        """Serve these from now on; a sink that is equally planned goes on, a changed one keeps its position.

        New ones are known to the spool before old ones are forgotten, so a sink that only changed its name misses
        nothing. One that leaves has a last chance to take what waits for it.
        """
        change = Change.between({name: one.plan for name, one in self._sinks.items()}, plans)
        if change.added:
            try:
                await self.store.set_sinks([*self._sinks, *change.added])
            except DcMonitorError as error:
                LOG.error("the sinks stay as they are: %s; reload again when that is mended", error)
                return Change()
        for name in change.added:
            self._begin(plans[name])
        await self._end([*change.changed, *change.removed])
        for name in change.changed:
            self._begin(plans[name])
        if change.removed:
            try:
                await self.store.set_sinks(list(plans))
            except DcMonitorError as error:
                LOG.error("%s; what waits for a sink that was removed stays in the spool until the next start", error)
        return change

    async def stop(self) -> None:
        """Commit what is left, then let the sinks take what they can."""
        if self._committing:
            self.pipeline.stop()
            await asyncio.wait([self._committing])
        await self._end(list(self._sinks))

    def _wake(self) -> None:
        for one in self._sinks.values():
            one.delivery.wake()

    def _begin(self, plan: SinkPlan) -> None:
        delivery = Delivery(plan.sink, self.store, self._clock)
        self._sinks[plan.sink.name] = _Served(plan, delivery, self._tasks.begin(delivery.run()))

    async def _end(self, names: list[str]) -> None:
        leaving = [self._sinks[name] for name in names]
        if not leaving:
            return
        for one in leaving:
            one.delivery.stop()
        _, late = await asyncio.wait([one.task for one in leaving], timeout=LAST_CHANCE_SECONDS)
        for one in leaving:
            one.delivery.abort()
        await end(late)
        for name in names:
            del self._sinks[name]
