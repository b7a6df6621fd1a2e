"""The machine the agent runs on: what psutil, powercap, hwmon and its batteries tell.

Asks    psutil, and files below /sys/class; `options = { sysfs = "/host/sys" }` where a container sees them elsewhere.
Yields  see `system`, `powercap`, `hwmon`, `supplies`.
Needs   no rights; energy of the processors wants the udev rule systemd/60-dc-monitor-rapl.rules.

Levels keep apart what must not be added: `total` is what the machine takes in (`input/total`); `bank` are its parts
side by side, processors and memories (`cpu/package-0`, `dram/package-0`), whose sum is the site's to make; `sensor` is
whatever lies inside a part or across several (`cpu/package-0/core`, `psys`, a chip's watts).
"""

import asyncio
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from collectors.host import files
from collectors.host.hwmon import Hwmon
from collectors.host.powercap import Powercap
from collectors.host.supplies import Supplies
from collectors.host.system import System
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.errors import ConfigError

T = TypeVar("T")

CLASSES = ("powercap", "hwmon", "power_supply")
LOOK_AGAIN = 600.0
"""Whatever was silent or forbidden is asked again after so long; what comes and goes is seen with the next poll. [s]"""


class HostCollector:
    """`host://` or `host://localhost`; raises `ConfigError` for any other machine, and for an unknown option."""

    def __init__(self, target: Target) -> None:
        if target.address.rstrip("/") not in ("host:", "host://localhost"):
            raise ConfigError(f"{target.address}: only the agent's own machine can be read so; expected host://")
        for option in target.options:
            if option != "sysfs":
                raise ConfigError(f'{target.device}: options.{option}: unknown option of host://; expected "sysfs"')
        self._device = target.device
        self._clock = target.clock
        self._sysfs = target.options.get("sysfs", "")
        sysfs = (self._sysfs or "/sys").rstrip("/")
        self._system = System(target.device, target.clock)
        self._powercap = Powercap(target.device, target.clock, sysfs)
        self._hwmon = Hwmon(target.device, target.clock, sysfs)
        self._supplies = Supplies(target.device, target.clock, sysfs)
        # In this order: where a span is still too short for a mean, the first waits.
        self._parts = (self._system, self._powercap, self._hwmon, self._supplies)
        self._folders = [f"{sysfs}/class/{name}" for name in CLASSES]
        self._entries: list[list[str]] = []
        self._look_at = 0.0
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> DeviceInfo:
        """Learn what there is and begin the first spans; raises `ConfigError` when the option names no folder."""
        self._thread = self._thread or ThreadPoolExecutor(1, "host")
        left_out = await self._aside(self._begin)
        return DeviceInfo(
            kind="host",
            vendor=platform.system(),
            model=platform.machine(),
            firmware=platform.release(),
            profiles=("host",),
            why=f"host:// is the agent's own machine{self._found()}",
            left_out=tuple(left_out),
        )

    async def collect(self) -> Poll:
        """Read everything once, off the event loop: a driver or a battery's firmware may take its time."""
        return await self._aside(self._read)

    async def close(self) -> None:
        """End the thread; may be called twice."""
        if self._thread:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begin(self) -> list[str]:
        if self._sysfs and not Path(self._sysfs, "class").is_dir():
            raise ConfigError(
                f'{self._device}: options.sysfs = "{self._sysfs}": no sysfs there; expected a folder such as /host/sys'
            )
        self._system.begin()
        return self._look()

    def _look(self) -> list[str]:
        self._look_at = self._clock.monotonic() + LOOK_AGAIN
        self._entries = self._listed()
        left_out = self._powercap.look()
        return left_out + self._hwmon.look(self._powercap.points) + self._supplies.look()

    def _listed(self) -> list[list[str]]:
        return [files.entries(folder) for folder in self._folders]

    def _read(self) -> Poll:
        failures: list[str] = []
        if self._clock.monotonic() >= self._look_at or self._entries != self._listed():
            before = [*self._powercap.found, *self._hwmon.found, *self._supplies.found]
            self._look()
            now = {*self._powercap.found, *self._hwmon.found, *self._supplies.found}
            failures += [f"{name} is no longer there" for name in before if name not in now]
        readings = []
        for part in self._parts:
            told, lost = part.read()
            readings += told
            failures += lost
        return Poll(readings, tuple(failures))

    def _found(self) -> str:
        parts = (
            ("energy of", self._powercap.found),
            ("chips", self._hwmon.found),
            ("batteries", self._supplies.found),
        )
        return "".join(f"; {what} {', '.join(names)}" for what, names in parts if names)
