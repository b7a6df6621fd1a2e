"""The agent as a service: everything put together, started in order, stopped in reverse.

devices → schedule → outcomes → lines → spool → sinks, and the last values on `/metrics`. Without `[send]` there is no
spool: `/metrics` and `jsonlines` serve alone.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from traceback import extract_tb
from typing import Any

from dc_monitor.agent import registry
from dc_monitor.agent.delivery import Delivery
from dc_monitor.agent.pipeline import Lines, Pipeline
from dc_monitor.agent.poller import Outcome, Poller
from dc_monitor.agent.schedule import keep_polling
from dc_monitor.agent.selfwatch import SelfWatch
from dc_monitor.agent.store import Store
from dc_monitor.agent.words import counted
from dc_monitor.clock import Clock, SystemClock
from dc_monitor.config.model import Config, Device, Send
from dc_monitor.contract import CollectorFactory
from dc_monitor.daemon import log_to_stderr, notify
from dc_monitor.errors import ConfigError
from dc_monitor.sinks.jsonlines import JsonLines
from dc_monitor.sinks.lineprotocol import LineProtocolSink
from dc_monitor.sinks.prometheus import LastValues, MetricsServer
from dc_monitor.spool import Spool

LOG = logging.getLogger(__name__)

SPOOL_FILE = "spool.db"
LAST_CHANCE_SECONDS = 5.0
"""How long a stopping agent waits for its servers; what is not sent by then waits in the spool [s]."""

Credentials = Callable[[str], Mapping[str, Any]]
Factory = Callable[[str], CollectorFactory]


def run_agent(config: Config, load_credentials: Credentials, factory: Factory = registry.factory) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 after a fault of our own.

    Raises `ConfigError` or another `DcMonitorError` when it cannot start.
    """
    log_to_stderr()
    agent = Agent(config, load_credentials, factory, SystemClock())
    return asyncio.run(agent.run(asyncio.Event()))


class Agent:
    """Checks everything that can be checked without a device when it is made; `run` does the work."""

    def __init__(self, config: Config, load_credentials: Credentials, factory: Factory, clock: Clock) -> None:
        if not config.device:
            raise ConfigError("no [[device]]: there is nothing to read")
        if not config.send and config.agent.metrics is None and not config.agent.jsonlines:
            raise ConfigError("nobody would see the readings: add [send], or metrics or jsonlines to [agent]")
        self._config = config
        self._clock = clock
        self._pollers = [_poller(device, config, load_credentials, factory, clock) for device in config.device]
        self._sinks = [_sink(send, load_credentials) for send in config.send]

    async def run(self, stop: asyncio.Event) -> int:
        """Work until `stop` is set or a signal asks for it; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            tasks = await self._start(stack)
            notify("READY=1")
            LOG.info("reading %s of site %s", counted(len(self._pollers), "device"), self._config.site.name)
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            notify("STOPPING=1")
            faults = [fault for task in tasks if task.done() and (fault := task.exception())]
        for fault in faults:
            at = extract_tb(fault.__traceback__)[-1]
            LOG.critical("the agent stops, by a fault of its own: %r at %s:%s", fault, at.filename, at.lineno)
        LOG.info("stopped")
        return 1 if faults else 0

    async def _start(self, stack: AsyncExitStack) -> Sequence[asyncio.Task[None]]:
        """Start everything, from the disk up to the devices; `stack` stops it in reverse."""
        config, clock = self._config, self._clock
        site = config.site.name
        places = {device.name: {"site": site, "room": device.room, "rack": device.rack} for device in config.device}
        lines = Lines(site, places)
        tasks: list[asyncio.Task[None]] = []

        store = await self._open_store(stack)
        deliveries = [Delivery(sink, store, clock) for sink in self._sinks] if store else []
        pipeline = Pipeline(store, clock, [one.wake for one in deliveries]) if store else None
        last = LastValues(clock.monotonic)
        watch = SelfWatch(site, socket.gethostname(), clock, store, pipeline)
        if config.agent.metrics is not None:
            server = MetricsServer(config.agent.metrics.host, config.agent.metrics.port, [last, watch])
            stack.callback(server.close)
            LOG.info("metrics on http://%s:%d/metrics", config.agent.metrics.host, server.port)
        jsonlines = JsonLines(config.agent.jsonlines, site) if config.agent.jsonlines else None
        if jsonlines:
            stack.callback(jsonlines.close)

        def took(outcome: Outcome) -> None:
            body, count = lines.encode(outcome)
            if pipeline:
                pipeline.put(body, count)
            last.take(
                outcome.device,
                places[outcome.device],
                outcome.readings,
                seconds=outcome.seconds,
                reason=outcome.reason,
                interval=outcome.interval,
            )
            if jsonlines:
                jsonlines.take(outcome.readings)
            watch.take(outcome)

        if deliveries:
            tasks += [asyncio.create_task(one.run()) for one in deliveries]
            stack.push_async_callback(_last_chance, deliveries, list(tasks))
        if pipeline:
            committing = asyncio.create_task(pipeline.run())
            stack.push_async_callback(_flush, pipeline, committing)
            tasks.append(committing)
        reading = [asyncio.create_task(keep_polling(poller, clock, took)) for poller in self._pollers]
        reading.append(asyncio.create_task(watch.run(partial(notify, "WATCHDOG=1"))))
        stack.push_async_callback(_cancel, reading)
        return tasks + reading

    async def _open_store(self, stack: AsyncExitStack) -> Store | None:
        """The spool where something is sent, or was once: a position that is lost must be said."""
        path = self._config.agent.state_path / SPOOL_FILE
        if not self._sinks and not path.exists():
            return None
        store = Store(Spool(path, [sink.name for sink in self._sinks], self._config.agent.spool_quota))
        stack.push_async_callback(store.close)
        await store.open()
        return store


async def _last_chance(deliveries: Sequence[Delivery], tasks: Sequence[asyncio.Task[None]]) -> None:
    for delivery in deliveries:
        delivery.stop()
    _, late = await asyncio.wait(tasks, timeout=LAST_CHANCE_SECONDS)
    for delivery in deliveries:
        delivery.abort()
    await _cancel(late)


async def _flush(pipeline: Pipeline, committing: asyncio.Task[None]) -> None:
    pipeline.stop()
    await asyncio.wait([committing])


async def _cancel(tasks: Sequence[asyncio.Task[None]] | set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _poller(device: Device, config: Config, load: Credentials, factory: Factory, clock: Clock) -> Poller:
    scheme = device.address.partition("://")[0]
    make = partial(factory(scheme), device.target(clock, load(device.credentials)))
    make()  # opens nothing; an address it cannot use is told now
    return Poller(device.name, make, clock, device.interval, config.agent.interval)


def _sink(send: Send, load: Credentials) -> LineProtocolSink:
    name = send.name or send.url
    token = load(send.token).get("token", "")
    if send.token and not token:
        raise ConfigError(f'credentials "{send.token}" hold no token, which [send] "{name}" needs')
    return LineProtocolSink(
        name,
        send.url,
        token=token,
        credentials=send.token,
        org=send.org,
        bucket=send.bucket,
        ca_file=send.ca_file,
        timeout=send.timeout,
    )
