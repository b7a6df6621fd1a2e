"""What the site answers to a reader: the page's document, figures of any period, health, metrics.

Documents are made in worker threads; the event loop only carries them.
"""

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from aiohttp import web

from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.errors import DcMonitorError
from dc_monitor.kpi.sentences import LANGUAGES
from dc_monitor.site.journal import Journal
from dc_monitor.site.live import Live
from dc_monitor.site.metrics import Metrics
from dc_monitor.site.receive import refusal

T = TypeVar("T")
LONGEST_DAYS = 400
"""Longest period of one question: a year and a month."""
PATIENCE = 300.0
"""After so many seconds without a flush (or five flushes, if that is longer) something is stuck [s]."""


class Api:
    """Handlers of GET requests. `flush_interval` is what the journal was told [s]."""

    def __init__(
        self, live: Live, journal: Journal, metrics: Metrics, clock: Clock, workers: Executor, flush_interval: float
    ) -> None:
        self._live = live
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._workers = workers
        self._patience = max(5 * flush_interval, PATIENCE)

    async def now(self, request: web.Request) -> web.Response:
        """`/api/v1/now?site=&lang=`."""
        site, lang = self._site(request), _lang(request)
        if site is None:
            return self._unknown_site(request)
        return await self._json(lambda: self._live.document(site, lang))

    async def figures(self, request: web.Request) -> web.Response:
        """`/api/v1/figures?site=&from=&to=&lang=`; times in ISO 8601, the last 24 hours when none is given."""
        site, lang = self._site(request), _lang(request)
        if site is None:
            return self._unknown_site(request)
        zone = self._live.plan(site).zone
        now = self._clock.now()
        try:
            end = _time(request, "to", zone, now)
            start = _time(request, "from", zone, end - 86_400 * NANOSECONDS)
            if not 0 < end - start <= LONGEST_DAYS * 86_400 * NANOSECONDS:
                raise ValueError(f"from and to: expected a period of at most {LONGEST_DAYS} days")
        except ValueError as error:
            return refusal(400, "invalid", str(error))
        return await self._json(lambda: [figure.as_json(lang) for figure in self._live.figures_of(site, start, end)])

    async def health(self, _: web.Request) -> web.Response:
        """`/healthz`: 200 while lines are kept and reach the archive, else 503 with the reason."""
        reasons = [*self._journal.trouble.values()]
        age = self._clock.monotonic() - self._journal.last_flush
        if age > self._patience:
            reasons.append(f"the journal was last brought into the archive {age:.0f} s ago")
        if reasons:
            return web.json_response({"status": "fail", "reasons": reasons}, status=503)
        return web.json_response({"status": "pass"})

    async def metrics(self, request: web.Request) -> web.Response:
        """`/metrics`."""
        body, content_type = await self._work(lambda: self._metrics.render(request.headers.get("Accept", "")))
        return web.Response(body=body, headers={"Content-Type": content_type})

    def _site(self, request: web.Request) -> str | None:
        sites = self._live.sites()
        asked = request.query.get("site") or sites[0]
        return asked if asked in sites else None

    def _unknown_site(self, request: web.Request) -> web.Response:
        name = request.query["site"][:64]
        return refusal(404, "not found", f'no site "{name}" here; there are: {", ".join(self._live.sites())}')

    async def _json(self, make: Callable[[], object]) -> web.Response:
        try:
            body = await self._work(lambda: json.dumps(make(), ensure_ascii=False, allow_nan=False).encode())
        except DcMonitorError as error:
            return refusal(503, "unavailable", str(error))
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)


def _lang(request: web.Request) -> str:
    asked = request.query.get("lang", "en")
    return asked if asked in LANGUAGES else "en"


def _time(request: web.Request, name: str, zone: dt.tzinfo, default: int) -> int:
    written = request.query.get(name)
    if not written:
        return default
    try:
        moment = dt.datetime.fromisoformat(written.replace(" ", "+"))  # a bare + of an offset arrives as a space
    except ValueError:
        raise ValueError(f'{name} = "{written[:40]}": expected ISO 8601, such as 2026-11-24T10:00:00Z') from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()) * NANOSECONDS
