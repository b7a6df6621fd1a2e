"""Time, handed in everywhere, so that a test turns the hands.

The wall clock stamps readings; the monotonic clock schedules. Both come from one object, because a test that
moves one without the other tests nothing real.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

NANOSECONDS = 1_000_000_000


def iso(when: int) -> str:
    """Nanoseconds since 1970 UTC as ISO 8601, all nine digits kept.

    Examples
    --------
    >>> iso(1_780_000_000_123_456_789)
    '2026-05-28T20:26:40.123456789Z'
    """
    seconds, nanoseconds = divmod(when, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


class Clock(Protocol):
    """What the rest of the house may know about time."""

    def now(self) -> int:
        """Wall clock, nanoseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; the zero means nothing."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        """Wall clock, nanoseconds since 1970 UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told; `sleep` moves it and yields once to the loop."""

    def __init__(self, now: int = 1_700_000_000 * NANOSECONDS) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> int:
        """Wall clock as last set, nanoseconds since 1970 UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced since the clock was made."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Advance by `seconds` and let other tasks run."""
        self.advance(max(seconds, 0.0))
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._monotonic += seconds
        self._now += round(seconds * NANOSECONDS)

    def step(self, seconds: float) -> None:
        """Step the wall clock alone, as a time server or a person does."""
        self._now += round(seconds * NANOSECONDS)
