"""The machine the agent runs on, as the operating system sees it.

Asks    psutil: processor, memory, battery, time of boot.
Yields  utilisation of processor and memory [ratio], memory in use [byte], uptime [s]; where there is a battery its
        charge [ratio], time left [s] and whether it feeds the machine.
Needs   no rights.
"""

import asyncio
import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil

from dc_monitor.clock import NANOSECONDS
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.errors import ConfigError
from dc_monitor.readings import Reading, Series

SHORTEST_SPAN = 0.1
"""Below this, processor time is mostly rounding. [s]"""

ON_MAINS, ON_BATTERY = (1.0, "mains"), (2.0, "battery")


class HostCollector:
    """`host://` or `host://localhost`; raises `ConfigError` for any other machine."""

    def __init__(self, target: Target) -> None:
        if target.address.rstrip("/") not in ("host:", "host://localhost"):
            raise ConfigError(f"{target.address}: only the agent's own machine can be read so; expected host://")
        self._clock = target.clock
        self._thread: ThreadPoolExecutor | None = None
        self._since = 0.0

        def series(point: str, quantity: str, source: str) -> Series:
            return Series(target.device, point, quantity, "total", f"psutil.{source}")

        self._busy = series("cpu", "utilisation", "cpu_percent")
        self._share = series("memory", "utilisation", "virtual_memory")
        self._memory = series("memory", "memory", "virtual_memory")
        self._uptime = series("host", "uptime", "boot_time")
        self._charge = series("battery", "charge", "sensors_battery")
        self._runtime = series("battery", "runtime", "sensors_battery")
        self._source = series("battery/source", "state", "sensors_battery")

    async def open(self) -> DeviceInfo:
        """Begin the first span of processor time, which the first poll ends."""
        self._thread = self._thread or ThreadPoolExecutor(1, "host")
        self._since = self._clock.monotonic()
        await asyncio.get_running_loop().run_in_executor(self._thread, psutil.cpu_percent)
        return DeviceInfo(
            kind="host",
            vendor=platform.system(),
            model=platform.machine(),
            firmware=platform.release(),
            profiles=("host",),
            why="host:// is the agent's own machine",
        )

    async def collect(self) -> Poll:
        """Read everything once, off the event loop: a battery's firmware may take its time."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    async def close(self) -> None:
        """End the thread; may be called twice."""
        if self._thread:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _read(self) -> Poll:
        """A part the system does not tell is a failure, a battery it has not is none."""
        readings: list[Reading] = []
        failures: list[str] = []
        for part, read in (
            ("processor", self._processor),
            ("memory", self._memory_in_use),
            ("time of boot", self._since_boot),
            ("battery", self._battery),
        ):
            try:
                readings += read()
            except (psutil.Error, OSError, RuntimeError) as error:
                failures.append(f"cannot read the {part} of this machine: {error}")
        return Poll(readings, tuple(failures))

    def _processor(self) -> Iterator[Reading]:
        since, self._since = self._since, self._clock.monotonic()
        # A poll right behind the one before has no span to speak of: it measures one.
        short = self._since - since < SHORTEST_SPAN
        share = psutil.cpu_percent(SHORTEST_SPAN if short else None) / 100
        yield Reading(self._busy, share, self._clock.now())

    def _memory_in_use(self) -> Iterator[Reading]:
        memory = psutil.virtual_memory()
        now, used = self._clock.now(), memory.total - memory.available
        yield Reading(self._memory, float(used), now)
        yield Reading(self._share, used / memory.total, now)

    def _since_boot(self) -> Iterator[Reading]:
        now = self._clock.now()
        yield Reading(self._uptime, max(0.0, now / NANOSECONDS - psutil.boot_time()), now)

    def _battery(self) -> Iterator[Reading]:
        battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
        if battery is None:
            return
        now = self._clock.now()
        yield Reading(self._charge, battery.percent / 100, now)
        if battery.secsleft >= 0:  # below 0 are psutil's codes for unknown and unlimited
            yield Reading(self._runtime, float(battery.secsleft), now)
        if battery.power_plugged is not None:
            code, word = ON_MAINS if battery.power_plugged else ON_BATTERY
            yield Reading(self._source, code, now, word)
