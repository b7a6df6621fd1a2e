"""A collector that goes wrong as it is told to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dc_monitor.clock import Clock
from dc_monitor.contract import Collector, DeviceInfo, Poll
from dc_monitor.readings import Reading, Series

ACME = DeviceInfo("pdu", "Acme", "P-1")


class Panic(BaseException):
    """What a panic in a library of Rust looks like from Python: no Exception."""


@dataclass
class FakeDevice:
    """A device; `fault` raises, `slow` waits [s], `failures` make the poll partial. `polls` has the times of all."""

    name: str
    clock: Clock
    info: DeviceInfo = ACME
    fault: Callable[[], BaseException] | None = None
    slow: float = 0.0
    slow_open: float = 0.0
    failures: tuple[str, ...] = ()
    polls: list[float] = field(default_factory=list)
    opened: int = 0
    closed: int = 0

    def __call__(self) -> Collector:
        return FakeCollector(self)

    def readings(self) -> list[Reading]:
        return [Reading(Series(self.name, "total", "power", "total"), 100.0, self.clock.now())]


class FakeCollector:
    def __init__(self, device: FakeDevice) -> None:
        self._device = device

    async def open(self) -> DeviceInfo:
        self._device.opened += 1
        await asyncio.sleep(self._device.slow_open)
        return self._device.info

    async def collect(self) -> Poll:
        device = self._device
        device.polls.append(device.clock.monotonic())
        await asyncio.sleep(device.slow)
        if device.fault is not None:
            raise device.fault()
        return Poll(device.readings(), device.failures)

    async def close(self) -> None:
        self._device.closed += 1
