"""How late the event loop is, and what is said of it."""

import logging

from dc_monitor.agent.words import counted, duration

LOG = logging.getLogger(__name__)

LONG = 1.0
"""A loop held up for longer is worth a line [s]."""
CALM = 60.0
"""It is over when that has not come again for so long [s]."""


class Lag:
    """How late the event loop is: the worst of the minute that is over and of the one that runs, and what is said."""

    def __init__(self) -> None:
        self._over = self._running = 0.0
        self._times = 0
        self._longest = self._since = self._last = 0.0

    @property
    def worst(self) -> float:
        """Longest delay of the last minute [s]."""
        return max(self._over, self._running)

    def turn_over(self) -> None:
        """A minute is over."""
        self._over, self._running = self._running, 0.0

    def note(self, lag: float, now: float) -> None:
        """A tick came `lag` late, at `now` [s]; say when that begins to be long, and when it is over."""
        self._running = max(self._running, lag)
        if lag > LONG:
            if not self._times:
                self._longest, self._since = lag, now - lag
                LOG.warning(
                    "the event loop was held up for %s: polls and sends come late; is the machine overloaded, or does"
                    " a collector block?",
                    duration(lag),
                )
            self._times += 1
            self._longest, self._last = max(self._longest, lag), now
        elif self._times and now - self._last >= CALM:
            LOG.info(
                "the event loop keeps time again: held up %s within %s, for %s at the longest",
                counted(self._times, "time"),
                duration(self._last - self._since),
                duration(self._longest),
            )
            self._times = 0
