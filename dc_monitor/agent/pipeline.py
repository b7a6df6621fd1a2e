"""Outcomes → lines → spool: whatever was polled within a second goes to disk in one commit, then sinks are woken.

While the disk fails, lines are kept in memory, so many and no more, and tried again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from dc_monitor.agent.poller import Outcome
from dc_monitor.agent.store import Store
from dc_monitor.agent.words import counted, duration, size
from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError
from dc_monitor.names import DEVICE_MEASUREMENT
from dc_monitor.wire import Encoder, encode_line

LOG = logging.getLogger(__name__)

COMMIT_SECONDS = 1.0
"""At most one commit in so many seconds: a flush costs a disk more than the lines do [s]."""
LARGEST_BATCH = 256 << 10
"""A batch is sent and dropped as a whole [B]."""
MOST_IN_MEMORY = 16 << 20
"""What may wait for a disk that fails: an hour and more of a server room [B]."""
LONGEST_PAUSE = 30.0
"""A disk that fails is tried again this often at least [s]."""


class Lines:
    """Outcomes as lines: the readings of a device, and how the device itself is.

    `places` gives the tags each device owes to the configuration: site, room, rack.
    """

    def __init__(self, site: str, places: Mapping[str, Mapping[str, str]]) -> None:
        self._site = site
        self._encoders = {device: Encoder(place) for device, place in places.items()}

    def encode(self, outcome: Outcome) -> tuple[bytes, int]:
        """Body and number of lines."""
        body, lines = self._encoders[outcome.device].encode(outcome.readings)
        return body + self._device(outcome), lines + 1

    def _device(self, outcome: Outcome) -> bytes:
        info = outcome.info
        fields: dict[str, float | str] = {
            "up": float(outcome.up),
            "poll_seconds": outcome.seconds,
            "readings": float(len(outcome.readings)),
            "failures": float(len(outcome.failures)),
            "retries": float(outcome.retries),
            "kind": info.kind,
            "vendor": info.vendor,
            "model": info.model,
            "firmware": info.firmware,
            "profile": ",".join(info.profiles),
            "message": outcome.failures[0] if outcome.failures else "",
        }
        if info.accuracy is not None:
            fields["accuracy"] = info.accuracy
        tags = {"site": self._site, "device": outcome.device, "reason": outcome.reason}
        return encode_line(DEVICE_MEASUREMENT, tags, fields, outcome.time)


class Pipeline:
    """Group commit; `wake` is what to call after each, to tell the sinks."""

    def __init__(self, store: Store, clock: Clock, wake: Sequence[Callable[[], None]]) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake
        self._held: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tries = 0
        self._failing_since = 0.0
        self.dropped_lines = 0

    def put(self, body: bytes, lines: int) -> None:
        """Lines for the next commit; never blocks."""
        self._held.append((body, lines))
        self._bytes += len(body)
        self._keep_bounded()
        self._came.set()

    async def run(self) -> None:
        """Commit until stopped; what is left then is committed too, or said to be lost."""
        while not self._stopping.is_set():
            await self._came.wait()
            await self._commit()
            pause = min(COMMIT_SECONDS * 2.0 ** min(self._tries, 16), LONGEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
        await self._commit()
        if self._held:
            lost = counted(sum(lines for _, lines in self._held), "line")
            LOG.error("the spool cannot be written; lost with this stop: %s in memory", lost)

    def stop(self) -> None:
        """Ask `run` to come to its end."""
        self._stopping.set()
        self._came.set()

    async def _commit(self) -> None:
        taken, self._held, self._bytes = self._held, deque(), 0
        self._came.clear()
        if not taken:
            return
        try:
            await self._store.append(list(_merged(taken)), self._clock.now())
        except DcMonitorError as error:
            self._held.extendleft(reversed(taken))
            self._bytes += sum(len(body) for body, _ in taken)
            self._keep_bounded()
            self._came.set()
            self._tries += 1
            if self._tries == 1:
                self._failing_since = self._clock.monotonic()
                LOG.error(
                    "%s; readings are kept in memory, up to %s, and it is tried again", error, size(MOST_IN_MEMORY)
                )
            return
        if self._tries:
            lasted = duration(self._clock.monotonic() - self._failing_since)
            lines = counted(sum(lines for _, lines in taken), "line")
            lost = counted(self.dropped_lines, "line")
            LOG.info(
                "the spool is written again after %s; %s had waited in memory, %s lost so far", lasted, lines, lost
            )
            self._tries = 0
        for wake in self._wake:
            wake()

    def _keep_bounded(self) -> None:
        """Whatever the disk does, memory is bounded: the oldest lines are dropped and counted."""
        while self._bytes > MOST_IN_MEMORY:
            body, lines = self._held.popleft()
            self._bytes -= len(body)
            self.dropped_lines += lines


def _merged(held: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Fewer, larger batches: each costs a row for every sink."""
    bodies: list[bytes] = []
    total = 0
    for body, lines in held:
        if bodies and sum(map(len, bodies)) + len(body) > LARGEST_BATCH:
            yield b"".join(bodies), total
            bodies, total = [], 0
        bodies.append(body)
        total += lines
    yield b"".join(bodies), total
