"""`dc-monitor site`: the process that receives, keeps, computes and shows.

Start: port reserved, archive, journal (what a crash left there is flushed), memory filled, figures, listening.
Stop, on SIGTERM or SIGINT, is the reverse and ends with a last flush.
"""

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from traceback import extract_tb
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from dc_monitor.clock import NANOSECONDS, Clock, SystemClock
from dc_monitor.config.model import Config
from dc_monitor.config.values import Listen
from dc_monitor.daemon import log_to_stderr, notify
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.history.archive import Archive
from dc_monitor.history.rows import above_zero, tagged
from dc_monitor.names import AGENT_MEASUREMENT, DEVICE_MEASUREMENT
from dc_monitor.site.admission import Admission
from dc_monitor.site.api import Api
from dc_monitor.site.journal import SINK, Journal
from dc_monitor.site.live import Live
from dc_monitor.site.metrics import Metrics
from dc_monitor.site.receive import Receiver
from dc_monitor.site.recent import SPAN, Recent
from dc_monitor.site.roster import FAILURES, STATE_MEASUREMENT, Roster
from dc_monitor.site.snapshot import Plan
from dc_monitor.site.web import application
from dc_monitor.spool import Spool
from dc_monitor.wire import Line

FILL_STEP = 6 * 3600 * NANOSECONDS
"""Memory is filled in pieces, so that outlets and banks of a whole day are never in it at once."""
STATES_BACK = 3600 * NANOSECONDS
"""States are told with every poll: the words of an hour are enough to begin with."""
POLLS = 6
"""So many of a device's last polls tell its interval and its state; of earlier ones only trouble counts."""
TROUBLE = tagged("reason", FAILURES) | above_zero("retries")

AHEAD = 3600 * NANOSECONDS
BEAT_SECONDS = 1.0
"""How often the service manager is told that the event loop turns; its unit allows a minute of silence [s]."""

LOG = logging.getLogger(__name__)


def run_site(config: Config, load_credentials: Callable[[str], Mapping[str, Any]]) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 after a fault of our own.

    Raises `ConfigError` or another `DcMonitorError` when it cannot start.
    """
    log_to_stderr()
    token = write_token(config, load_credentials)
    with reserve(config.receive.listen) as port:
        return asyncio.run(_serve(Site(config, token, SystemClock()), port))


class Site:
    """The parts of a site process, wired together; `start` and `stop` once each."""

    def __init__(self, config: Config, token: str, clock: Clock) -> None:
        data = config.receive.data_path
        plans = [plan_of(config, site.name) for site in config.sites]
        self._clock = clock
        self._flush_interval = config.receive.flush
        self._archive = Archive(data / "archive", config.site.name)
        spool = Spool(data / "journal.sqlite", (SINK,), config.receive.journal_quota)
        self._journal = Journal(spool, self._archive, clock, config.receive.journal_quota)
        self._recent = Recent(clock.now, {plan.name: plan.topology for plan in plans})
        self._roster = Roster()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="answers")
        self._live = Live(plans, self._recent, self._roster, self._archive, clock, config.tariff)
        self._receiver = Receiver(
            Admission(config.site.name, self._archive.sites()),
            self._journal,
            clock,
            token,
            config.receive.max_body,
            self._take,
        )
        metrics = Metrics(self._live, self._roster, self._receiver, self._journal, self._archive, clock)
        api = Api(self._live, self._journal, metrics, clock, self._workers, self._flush_interval)
        routes = {
            ("POST", "/api/v2/write"): self._receiver.write,
            ("GET", "/api/v1/now"): api.now,
            ("GET", "/api/v1/figures"): api.figures,
            ("GET", "/healthz"): api.health,
            ("GET", "/metrics"): api.metrics,
        }
        self._runner = web.AppRunner(
            application(routes, config.receive.max_body),
            auto_decompress=False,  # we unpack ourselves, off the event loop and bounded
            access_log=None,
            shutdown_timeout=5.0,
        )
        self._ahead: set[str] = set()  # sites whose clock was complained of
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, port: socket.socket) -> None:
        """Everything is ready when `port` begins to answer."""
        await self._journal.open()
        await asyncio.get_running_loop().run_in_executor(self._workers, self._fill)
        self.tasks = [
            asyncio.create_task(self._journal.keep_flushing(self._flush_interval)),
            asyncio.create_task(self._live.keep_computing(self._journal)),
        ]
        await self._runner.setup()
        await web.SockSite(self._runner, port).start()
        host, number, *_ = port.getsockname()
        LOG.info("site %s: page and write API on http://%s:%d/", self._live.sites()[0], _bracketed(host), number)

    async def stop(self) -> None:
        """The reverse of start; what came in is in the archive, or said to wait in the journal."""
        await self._runner.cleanup()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._journal.close()
        self._receiver.close()
        self._live.close()
        self._workers.shutdown()

    def _take(self, lines: Sequence[Line]) -> None:
        """Show what was kept, but for what is dated in the future: it would be the newest for hours."""
        latest = self._clock.now() + AHEAD
        current = [line for line in lines if line.time <= latest]
        for site in {line.tags["site"] for line in lines if line.time > latest} - self._ahead:
            self._ahead.add(site)
            LOG.warning(
                "site %s sends lines dated more than an hour ahead of this machine: they are archived and not shown; "
                "compare the clocks",
                site,
            )
        self._recent.add(current)
        self._roster.add(current)

    def _fill(self) -> None:
        now = self._clock.now()
        for site in self._archive.sites():
            for start in range(now - SPAN, now + 1, FILL_STEP):
                self._recent.fill(site, self._archive.read(site, start, start + FILL_STEP))
            since = now - SPAN
            self._roster.add(self._archive.newest(site, DEVICE_MEASUREMENT, since, now + 1, POLLS, TROUBLE))
            self._roster.add(self._archive.newest(site, STATE_MEASUREMENT, now - STATES_BACK, now + 1, 1))
            self._roster.add(self._archive.rows(site, AGENT_MEASUREMENT, since, now + 1))


async def _serve(site: Site, port: socket.socket) -> int:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await site.start(port)
    notify("READY=1")
    beating = asyncio.create_task(_beat())
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({waiting, *site.tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    notify("STOPPING=1")
    faults = [fault for task in site.tasks if task.done() and (fault := task.exception())]
    for fault in faults:
        at = extract_tb(fault.__traceback__)[-1]
        LOG.critical("the site stops, by a fault of its own: %r at %s:%s", fault, at.filename, at.lineno)
    await site.stop()
    beating.cancel()
    LOG.info("stopped")
    return 1 if faults else 0


async def _beat() -> None:
    """Until cancelled; the last flush beats too."""
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(BEAT_SECONDS)


def reserve(listen: Listen) -> socket.socket:
    """A socket bound to `listen`, not yet listening: an occupied port is told before anything else begins."""
    port: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        port = socket.socket(family, kind, protocol)
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(address)
    except OSError as error:
        if port is not None:
            port.close()
        occupied = error.errno == errno.EADDRINUSE
        reason = "another program has this address; stop it, or" if occupied else f"{error.strerror};"
        raise DcMonitorError(f"cannot listen on {listen}: {reason} write another one: [receive] listen") from error
    return port


def write_token(config: Config, load_credentials: Callable[[str], Mapping[str, Any]]) -> str:
    """What writers must show, "" when nothing is asked; without a token only this machine may reach us."""
    name, listen = config.receive.token, config.receive.listen
    if not name:
        if not _is_loopback(listen.host):
            raise ConfigError(
                f'[receive] listen = "{listen}" is open to other machines and asks for no token: name one with '
                '[receive] token = "…", or listen on 127.0.0.1'
            )
        return ""
    token = load_credentials(name).get("token")
    if not isinstance(token, str) or not token:
        raise ConfigError(f'[receive] token = "{name}": these credentials hold no token = "…"')
    return token


def plan_of(config: Config, name: str) -> Plan:
    """What the configuration says of one of its sites."""
    site = next(site for site in config.sites if site.name == name)
    devices = tuple(device.name for device in config.device) if name == config.site.name else ()
    zone = ZoneInfo(site.timezone)
    return Plan(name, zone, config.topology(name), devices, site.labels, frozenset(site.outdoor))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # some other name: whoever answers to it may be anywhere
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
