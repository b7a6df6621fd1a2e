"""What the agent takes from its machine: memory, processor time, file descriptors, and of the processors' energy.

The energy is an attribution by processor time, for nothing measures it: of what all processor packages took between
two polls of the host, the part that the agent's processor time is of all busy processor time. What the packages take
when idle is shared out with the rest, so it is an upper bound of what the agent's work added, as long as a second of
its work costs no more than a second of anybody else's. It is told only where the agent reads its own machine
(`host://`) and the machine has registers of its packages (RAPL).
"""

import errno
import logging
import re
import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import psutil

from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.words import counted

LOG = logging.getLogger(__name__)

NEAR_LIMIT, AWAY_FROM_LIMIT = 0.8, 0.7
"""Shares of the file descriptors at which it is said that few are left, and that there are enough again."""
PACKAGE = re.compile(r"cpu/package-[^/]+")
"""Points of whole packages; what lies within one is below its point, memory and the platform are elsewhere."""


class _Moment(NamedTuple):
    registers: Mapping[str, float]
    own: float
    busy: float


class OwnEnergy:
    """The agent's share of its processors' energy, counted from poll to poll of the host.

    A span in which a register fell, came or went adds nothing.
    """

    def __init__(self) -> None:
        self._total: float | None = None
        self._last: _Moment | None = None

    @property
    def joules(self) -> float | None:
        """Since the agent started [J]; None until a span is over, and while the host tells no registers."""
        return self._total if self._last else None

    def add(self, registers: Mapping[str, float], own: float, busy: float) -> None:
        """One poll of the host.

        The register of each package [J], and the processor time that the agent and the whole machine were busy [s].
        """
        before, self._last = self._last, _Moment(registers, own, busy) if registers else None
        if before is None or before.registers.keys() != registers.keys():
            return
        grown = [register - before.registers[point] for point, register in registers.items()]
        if min(grown) >= 0.0 and busy > before.busy:
            share = min((own - before.own) / (busy - before.busy), 1.0)
            self._total = (self._total or 0.0) + sum(grown) * share


class Footprint:
    """Looks when it is told to, on the event loop; what it saw may be read on any thread."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._energy = OwnEnergy()
        self._rss = self._files = 0
        self._near = False
        self.look()

    def look(self) -> None:
        """Read memory and descriptors, 2 ms where thousands are open; say when they are about to run out."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            self._files = self._process.num_fds()
            self._rss = self._process.memory_info().rss
        except (OSError, psutil.Error) as error:  # reading them takes a descriptor
            if getattr(error, "errno", None) == errno.EMFILE:
                self._files = limit
        if limit != resource.RLIM_INFINITY:
            self._say_files(self._files, limit)

    def take(self, outcome: Outcome) -> None:
        """One outcome of any device; those of the host may tell the energy of its packages."""
        if outcome.info.kind != "host":
            return
        registers = {
            reading.series.point: reading.value
            for reading in outcome.readings
            if reading.series.quantity == "energy" and PACKAGE.fullmatch(reading.series.point)
        }
        with suppress(OSError):  # no descriptor is left to ask with: the span goes on
            self._energy.add(registers, time.process_time(), _busy())

    def measured(self) -> dict[str, float]:
        """Fields of the line `agent`."""
        told = {"rss_bytes": float(self._rss), "cpu_seconds": time.process_time(), "open_files": float(self._files)}
        joules = self._energy.joules
        return told if joules is None else told | {"own_energy_joules": joules}

    def _say_files(self, files: int, limit: int) -> None:
        if not self._near and files > NEAR_LIMIT * limit:
            self._near = True
            LOG.warning(
                "%s of %d in use: at the limit no device and no server can be reached; raise LimitNOFILE= of the"
                " service, or ulimit -n",
                counted(files, "file descriptor"),
                limit,
            )
        elif self._near and files < AWAY_FROM_LIMIT * limit:
            self._near = False
            LOG.info("%s of %d in use: enough are free again", counted(files, "file descriptor"), limit)


def _busy() -> float:
    """Processor time the whole machine has spent on anything, guests included [s]."""
    machine = psutil.cpu_times()
    return sum(getattr(machine, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq"))
