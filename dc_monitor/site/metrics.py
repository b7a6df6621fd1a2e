"""`/metrics`: the figures, the devices and the site process itself, for Prometheus."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.history.archive import Archive
from dc_monitor.kpi.figure import Figure
from dc_monitor.site.journal import Journal
from dc_monitor.site.live import Live
from dc_monitor.site.receive import Receiver
from dc_monitor.site.roster import Roster

_FIGURE_LABELS = ("site", "window", "category", "status")


class Metrics(Collector):
    """Answers with what is known at the moment of asking; nothing is kept between."""

    def __init__(
        self, live: Live, roster: Roster, receiver: Receiver, journal: Journal, archive: Archive, clock: Clock
    ) -> None:
        self._live = live
        self._roster = roster
        self._receiver = receiver
        self._journal = journal
        self._archive = archive
        self._clock = clock
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, as the Accept header asks for it."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type

    def describe(self) -> Iterable[Metric]:
        """Nothing yet: at registration there is nothing to tell."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, in a fixed order."""
        yield from _figures(self._live.figures())
        up = GaugeMetricFamily("dcmon_device_up", "1 while a device answers.", labels=("site", "device"))
        silence = GaugeMetricFamily(
            "dcmon_agent_silence_seconds", "Time since an agent last told of itself.", labels=("site", "agent")
        )
        now = self._clock.now()
        for site in self._live.sites():
            for device, seen in self._roster.devices(site).items():
                up.add_metric((site, device), float(seen.state(now) in ("ok", "partial")))
            for agent, seen in self._roster.agents(site).items():
                silence.add_metric((site, agent), max(now - seen.line.time, 0) / NANOSECONDS)
        yield from (up, silence)
        counts = self._receiver.counts
        yield CounterMetricFamily("dcmon_site_lines_received", "Lines that came in and are kept.", counts.lines)
        yield CounterMetricFamily("dcmon_site_lines_refused", "Lines that were refused.", counts.refused_lines)
        yield CounterMetricFamily("dcmon_site_requests_refused", "Writes not answered 204.", counts.refused_requests)
        yield CounterMetricFamily("dcmon_archive_rows", "Rows written to the archive.", self._archive.rows_written)
        yield GaugeMetricFamily(
            "dcmon_site_flush_age_seconds",
            "Time since the journal was last empty.",
            self._clock.monotonic() - self._journal.last_flush,
        )
        stats = self._journal.stats
        if stats is None:
            return
        oldest = 0.0 if stats.oldest is None else (self._clock.now() - stats.oldest) / NANOSECONDS
        yield GaugeMetricFamily("dcmon_journal_batches", "Batches that wait for the archive.", stats.batches)
        yield GaugeMetricFamily("dcmon_journal_bytes", "Bytes that wait for the archive.", stats.bytes)
        yield GaugeMetricFamily("dcmon_journal_lines", "Lines that wait for the archive.", stats.lines)
        yield GaugeMetricFamily("dcmon_journal_oldest_seconds", "Age of the oldest batch that waits.", max(oldest, 0.0))


def _figures(figures: Iterable[Figure]) -> Iterator[Metric]:
    value, low, high = (
        GaugeMetricFamily(
            f"dcmon_pue{end}_ratio", f"PUE of a window{what}; absent when not claimed.", labels=_FIGURE_LABELS
        )
        for end, what in (("", ""), ("_low", ", lower end of its 95 % interval"), ("_high", ", upper end of it"))
    )
    coverage = GaugeMetricFamily(
        "dcmon_pue_coverage_ratio", "Share of the window that is known.", labels=("site", "window")
    )
    for figure in figures:
        if figure.kpi != "pue":
            continue
        coverage.add_metric((figure.site, figure.window), figure.coverage)
        labels = (figure.site, figure.window, str(figure.category or ""), figure.status)
        for family, number in ((value, figure.value), (low, figure.low), (high, figure.high)):
            if number is not None:
                family.add_metric(labels, number)
    yield from (value, low, high, coverage)
