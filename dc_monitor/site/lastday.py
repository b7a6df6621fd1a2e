"""What went wrong in the last 24 hours, counted by word; an hour that is over is forgotten as a whole."""

from dc_monitor.clock import NANOSECONDS

HOURS = 24


class LastDay:
    """Moments and amounts by word; `time` is nanoseconds UTC, in any order."""

    def __init__(self) -> None:
        self._moments: dict[str, dict[int, int]] = {}  # word → hour → its seconds, one bit each
        self._amounts: dict[str, dict[int, float]] = {}

    def copy(self) -> "LastDay":
        """The same, for another thread."""
        other = LastDay()
        other._moments = {word: hours.copy() for word, hours in self._moments.items()}
        other._amounts = {word: hours.copy() for word, hours in self._amounts.items()}
        return other

    def mark(self, word: str, time: int) -> None:
        """It happened at this second; told twice it counts once, because a batch may be delivered twice."""
        hour, second = divmod(time // NANOSECONDS, 3_600)
        hours = self._moments.setdefault(word, {})
        hours[hour] = hours.get(hour, 0) | 1 << second
        _forget(hours)

    def add(self, word: str, time: int, amount: float) -> None:
        """So much of it came to pass."""
        hour = time // NANOSECONDS // 3_600
        hours = self._amounts.setdefault(word, {})
        hours[hour] = hours.get(hour, 0.0) + amount
        _forget(hours)

    def counts(self, now: int) -> dict[str, int]:
        """How much of each in this hour and the 23 before it; a word that did not come is left out."""
        first = now // NANOSECONDS // 3_600 - HOURS + 1
        found = {
            word: sum(seconds.bit_count() for hour, seconds in hours.items() if hour >= first)
            for word, hours in self._moments.items()
        } | {
            word: round(sum(amount for hour, amount in hours.items() if hour >= first))
            for word, hours in self._amounts.items()
        }
        return {word: count for word, count in found.items() if count}


def _forget(hours: dict[int, int] | dict[int, float]) -> None:
    while len(hours) > HOURS:
        del hours[min(hours)]
