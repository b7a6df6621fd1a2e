"""The machine as psutil tells it.

Asks    psutil: processor, memory, battery, time of boot.
Yields  utilisation of processor and memory [ratio], memory in use [byte], uptime [s]; where there is a battery its
        charge [ratio], time left [s] and whether it feeds the machine.
Needs   no rights.
"""

from collections.abc import Iterator

import psutil

from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.readings import Reading, Series

SHORTEST_SPAN = 0.1
"""Below this, processor time is mostly rounding. [s]"""

ON_MAINS, ON_BATTERY = (1.0, "mains"), (2.0, "battery")


class System:
    """What every system tells; read on the caller's thread."""

    def __init__(self, device: str, clock: Clock) -> None:
        self._clock = clock
        self._since = 0.0

        def series(point: str, quantity: str, source: str, label: str) -> Series:
            return Series(device, point, quantity, "total", f"psutil.{source}", label=label)

        self._busy = series("cpu", "utilisation", "cpu_percent", "processor")
        self._share = series("memory", "utilisation", "virtual_memory", "memory")
        self._memory = series("memory", "memory", "virtual_memory", "memory in use")
        self._uptime = series("host", "uptime", "boot_time", "since boot")
        self._charge = series("battery", "charge", "sensors_battery", "battery")
        self._runtime = series("battery", "runtime", "sensors_battery", "battery")
        self._source = series("battery/source", "state", "sensors_battery", "fed by")

    def begin(self) -> None:
        """Begin the first span of processor time, which the first reading ends."""
        self._since = self._clock.monotonic()
        psutil.cpu_percent()

    def read(self) -> tuple[list[Reading], list[str]]:
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
        return readings, failures

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
