"""One device: open it when needed, read it once within a deadline, and say in one form what came of it."""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dc_monitor.agent.words import duration
from dc_monitor.clock import Clock
from dc_monitor.contract import Collector, DeviceInfo, Poll
from dc_monitor.errors import ConfigError, DcMonitorError, Malformed, Refused
from dc_monitor.readings import Reading

SHARE_OF_INTERVAL = 0.9
"""A poll that takes a larger share of its interval is given up."""
OPEN_SECONDS = 60.0
"""Learning what a device has may take longer than its interval: slow network cards walk for a minute [s]."""
CLOSE_SECONDS = 2.0

_STOPS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll came to.

    `time` is when it began (nanoseconds UTC), `seconds` how long it took; `reason` is "" or one of `unreachable
    refused malformed partial`; `failures` holds a sentence for each part that was not answered; `retries` are the
    questions asked again.
    """

    device: str
    time: int
    seconds: float
    interval: float
    info: DeviceInfo
    readings: Sequence[Reading] = ()
    failures: Sequence[str] = ()
    reason: str = ""
    retries: int = 0

    @property
    def up(self) -> bool:
        """Whether the device answered at all."""
        return self.reason in ("", "partial")


class Poller:
    """Reads one device; a failure closes it, and the next poll opens it anew.

    `make` gives a fresh collector. `interval` is what the configuration says [s]; without it the profile's advice
    counts, then `default`.
    """

    def __init__(
        self, device: str, make: Callable[[], Collector], clock: Clock, interval: float | None, default: float
    ) -> None:
        self.device = device
        self._make = make
        self._clock = clock
        self._wanted = interval
        self._default = default
        self._collector: Collector | None = None
        self._info = DeviceInfo("unknown")

    @property
    def interval(self) -> float:
        """Seconds between two polls, as far as known."""
        return self._wanted or self._info.interval or self._default

    async def poll(self) -> Outcome:
        """One round; every failure is an outcome, nothing is raised but a cancellation."""
        began, time = self._clock.monotonic(), self._clock.now()
        readings: Sequence[Reading] = ()
        failures: Sequence[str] = ()
        reason, retries = "", 0
        try:
            readings, failures, retries = await self._read()
            reason = "partial" if failures else ""
        except _STOPS:
            raise
        except BaseException as error:  # a panic inside a library of Rust is no Exception
            reason, sentence = _told(error)
            failures = (sentence if _names(sentence, self.device) else f"{self.device}: {sentence}",)
            await self.close()
        seconds = self._clock.monotonic() - began
        return Outcome(self.device, time, seconds, self.interval, self._info, readings, failures, reason, retries)

    async def close(self) -> None:
        """Give the device back, in whatever state it is; may be called twice."""
        collector, self._collector = self._collector, None
        if collector is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await collector.close()
        except _STOPS:
            raise
        except BaseException:  # noqa: S110 # there is nothing left to lose
            pass

    async def _read(self) -> Poll:
        deadline = SHARE_OF_INTERVAL * self.interval
        if self._collector is None:
            deadline = max(deadline, OPEN_SECONDS)
        try:
            async with asyncio.timeout(deadline) as limit:
                if self._collector is None:
                    self._collector = self._make()
                    self._info = await self._collector.open()
                poll = await self._collector.collect()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimeoutError(f"not read to the end in {duration(deadline)}") from error
        return poll._replace(readings=[reading for reading in poll.readings if math.isfinite(reading.value)])


def _names(sentence: str, device: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(device)}(?![\w-])", sentence) is not None


def _told(error: BaseException) -> tuple[str, str]:
    """Reason and sentence; what is no error of ours is named by its kind."""
    if isinstance(error, Refused | ConfigError):
        return "refused", str(error)
    if isinstance(error, Malformed):
        return "malformed", str(error)
    if isinstance(error, DcMonitorError):
        return "unreachable", str(error)
    if isinstance(error, OSError):
        return "unreachable", error.strerror or str(error) or type(error).__name__
    said = " ".join(str(error).split())[:200]
    return "malformed", f"its collector failed with {type(error).__name__}: {said}"
