"""When each device is read: one task a device, on a grid of its own, so that none waits for another.

The grid lies on the monotonic clock: it does not drift, and what a stall or a suspended machine missed is missed, not
piled up. A device that does not answer is asked more and more rarely, and on its grid again once it answers; one that
takes longer than its interval is read in a longer one. One that cries is read at once, and on its grid as well.
"""

import asyncio
import hashlib
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from dc_monitor.agent.poller import Outcome, Poller
from dc_monitor.agent.words import counted, duration
from dc_monitor.clock import Clock

LOG = logging.getLogger(__name__)

FIRST_ROUND = 5.0
"""First polls are spread over so many seconds: whoever starts an agent wants to see values [s]."""
RAREST_PROBE = 300.0
RAREST_PROBE_INTERVALS = 10
CALL_SECONDS = 5.0
"""However often it is called for, a device is read this long after the poll before, or when it is due [s]."""


async def keep_polling(poller: Poller, clock: Clock, took: Callable[[Outcome], None]) -> None:
    """Read one device until cancelled or the poller is retired, and hand every outcome to `took`."""
    standing = Standing(poller)
    start, place = clock.monotonic(), spread(poller.device)
    up, misses, interval = False, 0, poller.interval
    due = start + place * min(interval, FIRST_ROUND)
    called = await _rest(poller, clock, start - CALL_SECONDS, due)
    try:
        while True:
            outcome = await poller.poll()
            now = clock.monotonic()
            began, origin = now - outcome.seconds, start + place * outcome.interval
            if up and outcome.up and outcome.interval == interval:
                following = next_due(now, began + interval, origin, interval)
                missed = round((following - due) / interval) - 1  # from one point to the next is 1 when nobody is late
                outcome = replace(outcome, missed=missed) if missed > 0 else outcome
            outcome = _hand_over(outcome, took)
            up, interval = outcome.up, outcome.interval
            back = up and misses
            if back or not called or now >= due:  # else it came between two points of the grid, in the place of neither
                misses = 0 if up else misses + 1
                since = began if misses < 2 else now  # one that keeps hanging is left alone for so long, too
                due = next_due(now, since + patience(interval, misses), origin, interval)
            standing.note(outcome, began, due - clock.monotonic())
            if poller.retired:
                return
            called = await _rest(poller, clock, began, due)
    finally:
        await poller.close()


async def _rest(poller: Poller, clock: Clock, began: float, due: float) -> bool:
    """Wait until the next poll is `due`, or called for; which of the two it was."""
    with suppress(TimeoutError):
        async with asyncio.timeout(due - clock.monotonic()):
            await poller.called.wait()
            await clock.sleep(began + CALL_SECONDS - clock.monotonic())
            return True
    return False


def spread(device: str) -> float:
    """The device's place within every interval, 0–1: the same after each start, so that polls stay apart."""
    return int.from_bytes(hashlib.blake2b(device.encode(), digest_size=6).digest()) / 2**48


def patience(interval: float, misses: int) -> float:
    """Seconds to the next try after so many misses in a row: doubling up to ten intervals or 5 minutes."""
    rarest = max(interval, min(RAREST_PROBE, RAREST_PROBE_INTERVALS * interval))
    return min(interval * 2.0 ** min(max(misses - 1, 0), 16), rarest)


def next_due(now: float, wanted: float, origin: float, interval: float) -> float:
    """The point of the grid `origin + k × interval` nearest to `wanted` that is not over yet."""
    earliest = max(now, wanted - interval / 2)
    return origin + math.ceil((earliest - origin) / interval) * interval


class Standing:
    """How a device stands, for the log: one line a change, not one a failure."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._device = poller.device
        self._reason: str | None = None
        self._since = 0.0
        self._slow = False

    def note(self, outcome: Outcome, began: float, wait: float) -> None:
        """Say what changed; `began` is when this poll began and `wait` how long the next is away [s]."""
        before, self._reason = self._reason, outcome.reason
        if outcome.reason != before:
            self._note_answer(outcome, before, began, wait)
        slow = outcome.interval > self._poller.wanted
        if slow != self._slow:
            self._slow = slow
            self._note_pace(outcome.interval)

    def _note_answer(self, outcome: Outcome, before: str | None, began: float, wait: float) -> None:
        missing = before not in (None, "", "partial")
        if not outcome.up:
            if not missing:
                self._since = began
            LOG.warning("%s; next try in %s", outcome.failures[0], duration(wait))
            return
        if missing:
            lost = began - self._since
            missed = counted(max(1, round(lost / outcome.interval)), "poll")
            LOG.info("%s answers again after %s, %s missed", self._device, duration(lost), missed)
        if outcome.reason == "partial":
            unanswered = counted(len(outcome.failures), "part")
            LOG.warning("%s: %s without an answer: %s", self._device, unanswered, outcome.failures[0])
        elif before == "partial":
            LOG.info("%s is read completely again", self._device)
        elif before is None:
            info = outcome.info
            what = " ".join(filter(None, (info.vendor, info.model))) or info.kind
            profiles = f" ({', '.join(info.profiles)})" if info.profiles else ""
            many = counted(len(outcome.readings), "reading")
            LOG.info("%s: %s%s, %s every %s", self._device, what, profiles, many, duration(outcome.interval))

    def _note_pace(self, interval: float) -> None:
        wanted, took, every = (duration(one) for one in (self._poller.wanted, self._poller.took, interval))
        if self._slow:
            why = f"cannot be read every {wanted}, a poll takes {took}"
            LOG.warning("%s %s; read every %s from now on", self._device, why, every)
        else:
            LOG.info("%s is read every %s again, a poll takes %s", self._device, wanted, took)


def _hand_over(outcome: Outcome, took: Callable[[Outcome], None]) -> Outcome:
    """Readings that cannot even be written are a fault of their collector, and cost nobody else anything."""
    try:
        took(outcome)
    except Exception as error:
        sentence = f"{outcome.device}: its collector gave readings that cannot be written: {error!r:.200}"
        outcome = replace(outcome, readings=(), failures=(sentence,), reason="malformed")
        took(outcome)
    return outcome
