"""Figures of any period, health and metrics, over real HTTP."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from dc_monitor.clock import ManualClock
from dc_monitor.config.load import parse
from dc_monitor.errors import DcMonitorError
from dc_monitor.history.archive import Archive
from dc_monitor.site.admission import Admission
from dc_monitor.site.api import Api
from dc_monitor.site.journal import SINK, Journal
from dc_monitor.site.live import Live
from dc_monitor.site.metrics import Metrics
from dc_monitor.site.receive import Receiver
from dc_monitor.site.recent import Recent
from dc_monitor.site.roster import Roster
from dc_monitor.site.snapshot import Plan
from dc_monitor.site.web import application
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
MINUTE = 60 * 10**9
CONFIG = b"""
[site]
name = "Caen-1"
[[meter]]
name = "utility"
reads = "main-meter/total"
role = "total"
class = 0.5
[[meter]]
name = "it"
reads = "pdu-a/total"
role = "it"
class = 1
measured_at = "pdu-output"
fed_by = ["utility"]
"""


class Parts:
    """What the API stands on, with a day of readings in the archive: 1,300 W for the site, 1,000 W for its IT."""

    def __init__(self, path: Path) -> None:
        config = parse(CONFIG)
        self.clock = ManualClock(NOON)
        self.archive = Archive(path / "archive", "Caen-1")
        self.journal = Journal(Spool(path / "journal.sqlite", (SINK,)), self.archive, self.clock, 1 << 30)
        self.roster = Roster()
        plan = Plan("Caen-1", ZoneInfo("Europe/Paris"), config.topology())
        recent = Recent(self.clock.now, {"Caen-1": plan.topology})
        self.live = Live([plan], recent, self.roster, self.archive, self.clock, config.tariff)
        self.receiver = Receiver(Admission("Caen-1"), self.journal, self.clock, "", 1 << 20, lambda _: None)
        self.archive.write(
            parse_lines(
                "".join(
                    f"power,site=Caen-1,device={device},point=total,method=measured watts={watts} {NOON - n * MINUTE}\n"
                    for device, watts in (("main-meter", 1300), ("pdu-a", 1000))
                    for n in range(1441)
                ).encode()
            )[0]
        )
        recent.fill("Caen-1", self.archive.read("Caen-1", 0, NOON + 1))

    async def ask(self, *paths: str) -> list[tuple[int, str]]:
        """Status and text of each path, one after the other."""
        with ThreadPoolExecutor(1) as workers:
            metrics = Metrics(self.live, self.roster, self.receiver, self.journal, self.archive, self.clock)
            api = Api(self.live, self.journal, metrics, self.clock, workers, 60.0)
            routes = {"/api/v1/figures": api.figures, "/healthz": api.health, "/metrics": api.metrics}
            runner = web.AppRunner(application({("GET", path): routes[path] for path in routes}, 1000))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            answers = []
            async with aiohttp.ClientSession() as session:
                for path in paths:
                    async with session.get(f"http://127.0.0.1:{runner.addresses[0][1]}{path}") as answer:
                        answers.append((answer.status, await answer.text()))
            await runner.cleanup()
            return answers

    def told(self, *paths: str, before: Callable[[], None] = lambda: None) -> list[tuple[int, str]]:
        """Open the journal, do `before`, ask, close."""

        async def story() -> list[tuple[int, str]]:
            await self.journal.open()
            before()
            answers = await self.ask(*paths)
            await self.journal.close()
            return answers

        return asyncio.run(story())


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


@pytest.mark.parametrize(
    ("query", "begin", "end"),
    [
        ("", "2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z"),
        ("?from=2026-11-25T10:00:00Z", "2026-11-25T10:00:00Z", "2026-11-25T12:00:00Z"),
        ("?from=2026-11-25T10:00:00%2B01:00", "2026-11-25T09:00:00Z", "2026-11-25T12:00:00Z"),
        ("?from=2026-11-25T10:00:00+01:00", "2026-11-25T09:00:00Z", "2026-11-25T12:00:00Z"),
        ("?from=2026-11-25&to=2026-11-25T12:00", "2026-11-24T23:00:00Z", "2026-11-25T11:00:00Z"),
    ],
    ids=["the last day", "UTC", "an offset", "a bare plus", "local time of the site"],
)
def test_figures_of_any_period_are_told_with_their_period(parts, query, begin, end):
    """Whoever asks writes times as people do."""
    [(status, text)] = parts.told(f"/api/v1/figures{query}")
    [figure] = json.loads(text)

    assert (200, begin, end, pytest.approx(1.3), 2) == (
        status,
        figure["from"],
        figure["to"],
        figure["value"],
        figure["category"],
    )


def test_a_site_that_keeps_its_promise_is_healthy(parts):
    """Five minutes without a flush may happen on a slow disk."""
    [(status, text)] = parts.told("/healthz", before=lambda: parts.clock.advance(299))

    assert (200, {"status": "pass"}) == (status, json.loads(text))


def test_health_fails_with_the_reason_while_something_is_wrong(parts):
    """A supervisor restarts on 503; a person reads why."""
    reason = "cannot write to the archive: No space left on device"
    [(status, text)] = parts.told("/healthz", before=lambda: parts.journal.trouble.update(archive=reason))

    assert (503, [reason]) == (status, json.loads(text)["reasons"])


def test_health_fails_when_no_flush_has_come_for_too_long(parts):
    """A flush that hangs raises nothing; only its age tells."""
    [(status, text)] = parts.told("/healthz", before=lambda: parts.clock.advance(301))

    assert (503, ["the journal was last brought into the archive 301 s ago"]) == (status, json.loads(text)["reasons"])


def test_metrics_tell_figures_devices_and_what_waits(parts):
    """The names that dashboards and alerts rest on."""
    parts.live.compute()
    parts.roster.add(
        parse_lines(
            f"device,site=Caen-1,device=ok up=1 {NOON}\n"
            f"device,site=Caen-1,device=gone,reason=unreachable up=0 {NOON}\n"
            f"agent,site=Caen-1,agent=pi-1 rss_bytes=3e7 {NOON - 2 * MINUTE}".encode()
        )[0]
    )
    [(status, text)] = parts.told("/metrics")
    labels = ("site", "window", "category", "device", "agent")
    found = {
        (
            sample.name,
            *(sample.labels[name] for name in labels if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert 200 == status
    assert pytest.approx(1.3) == found["dcmon_pue_ratio", "Caen-1", "24h", "2"]
    assert found["dcmon_pue_low_ratio", "Caen-1", "1h", "2"] < 1.3 < found["dcmon_pue_high_ratio", "Caen-1", "1h", "2"]
    assert pytest.approx(1.0) == found["dcmon_pue_coverage_ratio", "Caen-1", "today"]
    assert (1.0, 0.0) == tuple(found["dcmon_device_up", "Caen-1", device] for device in ("ok", "gone"))
    assert 120.0 == found["dcmon_agent_silence_seconds", "Caen-1", "pi-1"]
    assert (2882.0, 0.0, 0.0) == tuple(
        found[name,] for name in ("dcmon_archive_rows_total", "dcmon_journal_lines", "dcmon_site_flush_age_seconds")
    )


def test_an_archive_that_cannot_be_read_is_503_with_its_sentence(parts, monkeypatch):
    """Not a stack trace, and not an empty figure."""

    def broken(*_: object) -> None:
        raise DcMonitorError("cannot read the archive: Input/output error")

    monkeypatch.setattr(Archive, "read", broken)
    [(status, text)] = parts.told("/api/v1/figures?from=2026-01-01")

    assert (503, "cannot read the archive: Input/output error") == (status, json.loads(text)["message"])


def test_a_fault_of_our_own_is_500_and_one_line_in_the_log(parts, monkeypatch, caplog):
    """The reader is told that it is not his fault, the operator where it is; nobody sees a stack trace."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Live, "figures_of", broken)
    [(status, text)] = parts.told("/api/v1/figures")

    assert (500, "internal error") == (status, json.loads(text)["code"])
    assert ["ZeroDivisionError('division by zero')"] == [repr(record.args[1]) for record in caplog.records]
    assert "Traceback" not in caplog.text
