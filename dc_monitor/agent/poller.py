"""One device: open it when needed, read it once within a deadline, and say in one form what came of it."""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
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
COMFORTABLE_SHARE = 0.5
"""A device that cannot be read in its interval is read in one so long that its poll takes this share of it."""
CLOSE_SECONDS = 2.0

_STOPS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll came to.

    `time` is when it began (nanoseconds UTC), `seconds` how long it took; `reason` is "" or one of `unreachable
    refused malformed partial`; `failures` holds a sentence for each part that was not answered; `retries` are the
    questions asked again; `missed` are the points of the grid that a device which answers was not read at, because
    this poll or the agent was late.
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
    missed: int = 0

    @property
    def up(self) -> bool:
        """Whether the device answered at all."""
        return self.reason in ("", "partial")


class Poller:
    """Reads one device; a failure closes it, and the next poll opens it anew.

    `make` gives a fresh collector. `interval` is what the configuration says [s]; without it the profile's advice
    counts, then `default`. Each opening waits for its `turn`, which counts neither as time of the poll nor as failure.

    Attributes
    ----------
    took : how long the last reading of all values took, without the opening. [s]
    called : set when somebody wants a poll before the next one is due; whoever waits for that may look at it.
    """

    def __init__(
        self,
        device: str,
        make: Callable[[], Collector],
        clock: Clock,
        interval: float | None,
        default: float,
        turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self.device = device
        self.took = 0.0
        self.called = asyncio.Event()
        self._make = make
        self._clock = clock
        self._wanted = interval
        self._default = default
        self._turn = turn
        self._collector: Collector | None = None
        self._info = DeviceInfo("unknown")
        self._stretch = 1
        self._reading = self._retired = False

    @property
    def wanted(self) -> float:
        """Seconds between two polls, as far as known: the configuration's, the profile's or the default."""
        return self._wanted or self._info.interval or self._default

    @property
    def interval(self) -> float:
        """The same as far as the device can bear it: a multiple, where one poll takes longer than that."""
        return self.wanted * self._stretch

    @property
    def retired(self) -> bool:
        """Whether no further poll is wanted."""
        return self._retired

    def retire(self) -> bool:
        """Ask for no further poll; whether one is under way."""
        self._retired = True
        return self._reading

    async def poll(self) -> Outcome:
        """One round; every failure is an outcome, nothing is raised but a cancellation."""
        self.called.clear()
        if self._collector is not None:
            return await self._poll()
        async with self._turn():
            return await self._poll()

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

    async def _poll(self) -> Outcome:
        began, time = self._clock.monotonic(), self._clock.now()
        readings: Sequence[Reading] = ()
        failures: Sequence[str] = ()
        reason, retries = "", 0
        self._reading = True
        try:
            readings, failures, retries = await self._read()
            reason = "partial" if failures else ""
        except _STOPS:
            raise
        except BaseException as error:  # a panic inside a library of Rust is no Exception
            reason, sentence = _told(error)
            failures = (sentence if _names(sentence, self.device) else f"{self.device}: {sentence}",)
            await self.close()
        finally:
            self._reading = False
        seconds = self._clock.monotonic() - began
        return Outcome(self.device, time, seconds, self.interval, self._info, readings, failures, reason, retries)

    async def _read(self) -> Poll:
        deadline = SHARE_OF_INTERVAL * self.interval
        if self._collector is None:
            deadline = max(deadline, OPEN_SECONDS)
        try:
            async with asyncio.timeout(deadline) as limit:
                if self._collector is None:
                    self._collector = self._make()
                    self._info = await self._collector.open()
                began = self._clock.monotonic()
                poll = await self._collector.collect()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TimeoutError(f"not read to the end in {duration(deadline)}") from error
        self._pace(self._clock.monotonic() - began)
        return poll._replace(readings=[reading for reading in poll.readings if math.isfinite(reading.value)])

    def _pace(self, took: float) -> None:
        """Only the poll that opens a device is given time enough to learn that its interval is too short."""
        self.took = took
        comfortable = COMFORTABLE_SHARE * self.wanted
        if took > SHARE_OF_INTERVAL * self.interval:
            self._stretch = math.ceil(took / comfortable)
        elif self._stretch > 1 and took <= comfortable:
            self._stretch = 1


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
