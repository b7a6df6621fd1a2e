"""The agent as a service: everything put together, started in order, stopped in reverse, changed while it runs.

devices → schedule → outcomes → lines → spool → sinks, and the last values on `/metrics`. Without `[send]` there is no
spool: `/metrics` and `jsonlines` serve alone. What devices say unasked goes the same way, where `[traps]` wants it.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from traceback import extract_tb

from dc_monitor.agent import registry
from dc_monitor.agent.events import Events
from dc_monitor.agent.fleet import Fleet
from dc_monitor.agent.intake import Intake
from dc_monitor.agent.listening import Listening
from dc_monitor.agent.plan import Change, Credentials, Factory, Plan, left_for_a_start
from dc_monitor.agent.selfwatch import SelfWatch
from dc_monitor.agent.sending import Sending
from dc_monitor.agent.store import Store
from dc_monitor.agent.tasks import Tasks, end
from dc_monitor.agent.words import counted
from dc_monitor.clock import Clock, SystemClock
from dc_monitor.config.model import Config
from dc_monitor.daemon import allow_many_files, log_to_stderr, notify, notify_reloading
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.sinks.jsonlines import JsonLines
from dc_monitor.sinks.prometheus import LastValues, MetricsServer
from dc_monitor.spool import Spool
from dc_monitor.thinning import thin

LOG = logging.getLogger(__name__)

SPOOL_FILE = "spool.db"
COLLECT_GARBAGE_AT = (50_000, 20, 100)
"""Two thousand devices are a million objects that stay: walking them as often as Python does by itself takes a tenth of
the agent's time and holds the event loop up for 0.1 s."""

Files = Callable[[], tuple[Config, Credentials]]
"""Reads the files a person gave; raises `DcMonitorError`."""


def run_agent(
    config: Config, load_credentials: Credentials, factory: Factory = registry.factory, read: Files | None = None
) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 after a fault of our own.

    `read` reads configuration and credentials again when SIGHUP asks for it. Raises `ConfigError` or another
    `DcMonitorError` when it cannot start.
    """
    log_to_stderr()
    allow_many_files()
    gc.set_threshold(*COLLECT_GARBAGE_AT)
    agent = Agent(config, load_credentials, factory, SystemClock(), read)
    return asyncio.run(agent.run(asyncio.Event()))


class Agent:
    """Checks everything that can be checked without a device when it is made; `run` does the work."""

    def __init__(
        self,
        config: Config,
        load_credentials: Credentials,
        factory: Factory,
        clock: Clock,
        read: Files | None = None,
    ) -> None:
        self._clock = clock
        self._factory = factory
        self._read = read
        self._reload = asyncio.Event()
        self._plan = self._planned(config, load_credentials)

    async def run(self, stop: asyncio.Event) -> int:
        """Work until `stop` is set or a signal asks for it; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if self._read:
            loop.add_signal_handler(signal.SIGHUP, self._hung_up, stop, sys.stderr.isatty())
        tasks = Tasks(failed=stop.set)
        async with AsyncExitStack() as stack:
            await self._start(stack, tasks)
            notify("READY=1")
            LOG.info("reading %s of site %s", counted(len(self._plan.devices), "device"), self._plan.config.site.name)
            await stop.wait()
            notify("STOPPING=1")
        for fault in tasks.faults:
            at = extract_tb(fault.__traceback__)[-1]
            LOG.critical("the agent stops, by a fault of its own: %r at %s:%s", fault, at.filename, at.lineno)
        LOG.info("stopped")
        return 1 if tasks.faults else 0

    def _hung_up(self, stop: asyncio.Event, had_terminal: bool) -> None:
        """SIGHUP asks for a reload, unless it comes from the terminal's end: nobody would find the agent again."""
        ended = had_terminal and not sys.stderr.isatty()
        (stop if ended else self._reload).set()

    async def _start(self, stack: AsyncExitStack, tasks: Tasks) -> None:
        """Start everything, from the disk up to the devices; `stack` stops it in reverse."""
        plan, clock = self._plan, self._clock
        agent, site = plan.config.agent, plan.config.site.name

        sending = None
        if plan.sinks or (agent.state_path / SPOOL_FILE).exists():  # a position that is lost must be said
            sending = Sending(await self._open_store(stack), clock, tasks)
        store, pipeline = (sending.store, sending.pipeline) if sending else (None, None)
        last = LastValues(clock.monotonic)
        watch = SelfWatch(site, socket.gethostname(), clock, store, pipeline)
        events = Events(site, clock, pipeline)
        if agent.metrics is not None:
            server = MetricsServer(agent.metrics.host, agent.metrics.port, [last, watch, events])
            stack.callback(server.close)
            LOG.info("metrics on http://%s:%d/metrics", agent.metrics.host, server.port)
        jsonlines = JsonLines(agent.jsonlines, site) if agent.jsonlines else None
        if jsonlines:
            stack.callback(jsonlines.close)

        if sending:
            sending.start(plan.sinks.values())
            stack.push_async_callback(sending.stop)
        fleet = Fleet(clock, Intake(site, pipeline, last, jsonlines, watch), tasks)
        stack.push_async_callback(fleet.stop)
        await fleet.change(plan.devices)
        listening = Listening(events, fleet.call, clock, tasks)
        stack.callback(events.flush)
        stack.push_async_callback(listening.stop)
        await listening.change(plan.traps, plan.devices)
        if plan.traps:
            LOG.info("traps are heard on %s:%d/udp", plan.traps.traps.listen.host, listening.port)
        beside = [tasks.begin(watch.run(partial(notify, "WATCHDOG=1"))), tasks.begin(events.run())]
        if self._read:
            beside.append(tasks.begin(self._reload_when_asked(self._read, fleet, listening, sending)))
        stack.push_async_callback(end, beside)

    async def _open_store(self, stack: AsyncExitStack) -> Store:
        agent = self._plan.config.agent
        store = Store(Spool(agent.state_path / SPOOL_FILE, list(self._plan.sinks), agent.spool_quota, thin))
        stack.push_async_callback(store.close)
        await store.open()
        return store

    async def _reload_when_asked(
        self, read: Files, fleet: Fleet, listening: Listening, sending: Sending | None
    ) -> None:
        thread = ThreadPoolExecutor(1, thread_name_prefix="reload")
        try:
            while True:
                await self._reload.wait()
                self._reload.clear()
                notify_reloading()
                try:
                    plan = await asyncio.get_running_loop().run_in_executor(thread, lambda: self._planned(*read()))
                except DcMonitorError as error:
                    LOG.error("not reloaded, everything goes on as before: %s", error)
                except Exception as error:  # such as a third party's collector that finds no words for a bad address
                    kind = type(error).__name__
                    LOG.error("not reloaded, everything goes on as before: a fault of our own (%s)", kind)
                else:
                    await self._change_to(plan, fleet, listening, sending)
                notify("READY=1")
        finally:
            thread.shutdown(wait=False)

    async def _change_to(self, plan: Plan, fleet: Fleet, listening: Listening, sending: Sending | None) -> None:
        for sentence in left_for_a_start(self._plan.config, plan.config):
            LOG.warning("reload: %s", sentence)
        devices, sinks = await fleet.change(plan.devices), Change()
        if sending:
            sinks = await sending.change(plan.sinks)
        elif plan.sinks:
            LOG.warning("reload: [send] begins at a restart only: without it this agent was started without a spool")
        try:
            traps = await listening.change(plan.traps, plan.devices)
        except ConfigError as error:
            traps = "traps are not heard any more"
            LOG.error("reload: no traps are heard: %s", error)
        told = "; ".join(filter(None, (devices.told("device"), sinks.told("sink"), traps)))
        LOG.info("reloaded: %s", told or "nothing changed")

    def _planned(self, config: Config, load_credentials: Credentials) -> Plan:
        return Plan.of(config, load_credentials, self._factory, self._clock)
