"""The figures every minute, and the documents made of them. All of it runs in worker threads."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.config.model import Tariff
from dc_monitor.errors import DcMonitorError
from dc_monitor.history.archive import Archive
from dc_monitor.kpi.figure import Figure
from dc_monitor.kpi.pue import pue
from dc_monitor.names import KPI_MEASUREMENT
from dc_monitor.site.consumption import taken_in
from dc_monitor.site.document import Computed, now_document
from dc_monitor.site.everything import Everything
from dc_monitor.site.headline import local_midnight
from dc_monitor.site.journal import Journal
from dc_monitor.site.recent import Recent
from dc_monitor.site.roster import Roster
from dc_monitor.site.snapshot import Plan, Snapshot
from dc_monitor.wire import encode_line

HOUR = 3600 * NANOSECONDS
EVERY = 60.0
"""Figures are computed so often [s]."""
EAGER = 5.0
"""And so often while there is none to claim, or the site is young: whoever has just connected a meter, or waits for
the past to be filled in, is looking at the page [s]."""
YOUNG = 120.0
"""Seconds after a start."""
KEPT_EVERY = 300.0
"""So often they are kept in the archive, as `kpi` lines [s]."""
KEPT_WINDOWS = ("1h", "24h")
DOCUMENT_AGE = 2.0
"""A document is made anew after so many seconds, however many look at it."""

LOG = logging.getLogger(__name__)


class Live:
    """What the site can say right now. `plans` are the configured sites, the first of them the default."""

    def __init__(
        self, plans: Sequence[Plan], recent: Recent, roster: Roster, archive: Archive, clock: Clock, tariff: Tariff
    ) -> None:
        self._plans = {plan.name: plan for plan in plans}
        self._recent = recent
        self._roster = roster
        self._everything = Everything(archive, recent)
        self._minutely = Everything(archive, recent, remember=True)
        self._clock = clock
        self._tariff = tariff
        self._computed: dict[str, Computed] = {}
        self._documents: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="figures")

    def sites(self) -> list[str]:
        """The configured sites as written, then every other one that sends, sorted."""
        others = {*self._recent.sites(), *self._roster.sites()} - self._plans.keys()
        return [*self._plans, *sorted(others)]

    def plan(self, site: str) -> Plan:
        """What the configuration says of a site; of one it does not name, the time zone of the first."""
        first = next(iter(self._plans.values()))
        return self._plans.get(site) or Plan(site, first.zone)

    def figures(self) -> list[Figure]:
        """The figures as last computed, of all sites."""
        return [figure for computed in [*self._computed.values()] for figure in computed.figures]

    def figures_of(self, site: str, start: int, end: int) -> list[Figure]:
        """The figures of any period, from archive and memory."""
        snapshot = self._snapshot(site)
        return [pue(site, snapshot.plan.topology, self._everything, snapshot.facts, start, end)]

    def compute(self) -> list[Figure]:
        """Compute the figures of every configured site over 24 hours, today and one hour, all ending now."""
        for name in self._plans:
            site = self._snapshot(name)
            tree, now = site.plan.topology, site.now
            midnight = local_midnight(now, site.plan.zone)
            # In the first second of a day there is no "today" yet.
            windows = {"24h": now - 24 * HOUR, "today": min(midnight, now - NANOSECONDS), "1h": now - HOUR}
            self._computed[name] = Computed(
                [pue(name, tree, self._minutely, site.facts, start, now, window) for window, start in windows.items()],
                today=taken_in(name, tree, self._minutely, windows["today"], now),
                day=taken_in(name, tree, self._minutely, windows["24h"], now),
            )
        return self.figures()

    def document(self, site: str, lang: str) -> dict[str, Any]:
        """The page's document, at most `DOCUMENT_AGE` old."""
        with self._lock:
            made, document = self._documents.get((site, lang), (0.0, None))
            if document is None or self._clock.monotonic() - made > DOCUMENT_AGE:
                computed = self._computed.get(site)
                document = now_document(self._snapshot(site), self.sites(), computed, self._tariff, lang)
                self._documents[site, lang] = (self._clock.monotonic(), document)
            return document

    async def keep_computing(self, journal: Journal) -> None:
        """Compute until cancelled; now and then the figures are kept like any other line."""
        loop = asyncio.get_running_loop()
        started = self._clock.monotonic()
        kept, trouble = started - KEPT_EVERY, ""
        while True:
            began = self._clock.monotonic()
            claimed = False
            try:
                figures = await loop.run_in_executor(self._worker, self.compute)
                claimed = any(figure.value is not None for figure in figures)
                if claimed and began - kept >= KEPT_EVERY:
                    await _keep(journal, figures)
                    kept = began
                if trouble:
                    LOG.info("the figures are computed again")
                trouble = ""
            except Exception as error:  # a fault in a figure must not end the reception of readings
                if str(error) != trouble:
                    LOG.error("cannot compute the figures: %s: %s; next try soon", type(error).__name__, error)
                trouble = str(error)
            pause = EAGER if not trouble and (not claimed or began - started < YOUNG) else EVERY
            await self._clock.sleep(max(pause - (self._clock.monotonic() - began), 1.0))

    def close(self) -> None:
        """End the thread, after what it is computing."""
        self._worker.shutdown()

    def _snapshot(self, site: str) -> Snapshot:
        return Snapshot(self.plan(site), self._recent, self._roster, self._clock.now())


async def _keep(journal: Journal, figures: Iterable[Figure]) -> None:
    lines = [figure_line(figure) for figure in figures if figure.value is not None and figure.window in KEPT_WINDOWS]
    if lines:
        try:
            await journal.append(b"".join(lines), len(lines))
        except DcMonitorError as error:
            LOG.warning("the figures of this moment are not kept: %s", error)


def figure_line(figure: Figure) -> bytes:
    """A figure on the wire, stamped with the end of its window."""
    tags = {
        "site": figure.site,
        "boundary": figure.boundary,
        "kpi": figure.kpi,
        "window": figure.window,
        "status": figure.status,
        "category": str(figure.category or ""),
    }
    values = {"value": figure.value, "low": figure.low, "high": figure.high, "coverage": figure.coverage}
    fields = {name: value for name, value in values.items() if value is not None}
    return encode_line(KPI_MEASUREMENT, tags, fields, figure.end)
