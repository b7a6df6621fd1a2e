"""Archive and memory as one history.

What is older than memory is in the archive; what is newer than the last flush is only in memory.
"""

from collections import defaultdict
from collections.abc import Collection

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.archive import Archive
from dc_monitor.history.columns import Key, Samples, between, merge
from dc_monitor.site.recent import Recent

HOUR = 3600 * NANOSECONDS
_MOST_REMEMBERED = 32


class Everything:
    """A `History` over both.

    With `remember`, what the archive answered is remembered for an hour: a meter that has fallen silent is searched
    in weeks of archive, and figures are computed every minute. One thread asks then.
    """

    def __init__(self, archive: Archive, recent: Recent, remember: bool = False) -> None:
        self._archive = archive
        self._recent = recent
        self._remember = remember
        self._answers: dict[tuple[str, int, int, frozenset[Key]], dict[Key, Samples]] = {}
        self._hour = 0

    def sites(self) -> list[str]:
        """Names of the sites in either, sorted."""
        return sorted({*self._archive.sites(), *self._recent.sites()})

    def read(self, site: str, start: int, end: int, wanted: Collection[Key] | None = None) -> dict[Key, Samples]:
        """Series of either in [start, end), nanoseconds UTC; at the same instant memory counts."""
        parts: defaultdict[Key, list[Samples]] = defaultdict(list)
        if wanted is None:
            old = self._archive.read(site, start, end)
        elif start >= self._recent.begin():
            old = {}
        elif self._remember:
            old = self._remembered(site, start, end, frozenset(wanted))
        else:
            old = self._archive.read(site, start, end, wanted)
        for part in (old, self._recent.read(site, start, end, wanted)):
            for key, samples in part.items():
                parts[key].append(samples)
        return {key: merge(stretches) for key, stretches in parts.items()}

    def _remembered(self, site: str, start: int, end: int, wanted: frozenset[Key]) -> dict[Key, Samples]:
        hour = self._recent.begin() // HOUR
        if hour != self._hour or len(self._answers) >= _MOST_REMEMBERED:
            self._answers.clear()
            self._hour = hour
        question = (site, start // HOUR * HOUR, -(-end // HOUR) * HOUR, wanted)
        if question not in self._answers:
            self._answers[question] = self._archive.read(*question)
        cut = {key: between(samples, start, end) for key, samples in self._answers[question].items()}
        return {key: samples for key, samples in cut.items() if len(samples.time)}
