"""`dc-monitor demo`: a simulated server room, read over real protocols by the real agent, shown by the real site.

Three processes of ours work in a temporary folder: the simulator, `dc-monitor site` and `dc-monitor agent`. The last
24 hours of the room are back-filled, marked `simulated`, with the errors of the very meters that the agent reads
afterwards: so there is a PUE to look at from the first second, and a truth to hold it against.
"""

import argparse
import importlib.util
import json
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NoReturn, TextIO

import psutil

from dc_monitor.clock import NANOSECONDS
from dc_monitor.commands.demo_room import HOST, MEASURED_AT, config_text, credentials_text, history, write_private
from dc_monitor.errors import ConfigError, DcMonitorError, Unreachable
from dc_monitor.simulator.physics import Room
from dc_monitor.simulator.process import Child, SimulatorProcess
from dc_monitor.simulator.tables import devices

SEED = 1
PORT = 8427
HISTORY = 24 * 3600
"""Seconds of the past that are filled in."""
PATIENCE = 90.0
"""Seconds the site may take to start, and the figures to come, on a slow machine."""
REFRESH, PLAIN_REFRESH = 2.0, 10.0
"""Seconds between two looks, on a terminal and elsewhere."""
NEEDED = ("aiohttp", "numba", "pyarrow", "pysnmp")

WELCOME = """
dc-monitor demo: a server room in Caen, one rack of some 5 kW.
The devices are simulated; the protocols, the agent and the site are the real ones.{remark}

  look at    {url}
  stop with  Ctrl-C; nothing is left behind
"""


def run(args: argparse.Namespace) -> int:
    """Show the room until told to stop, or for `args.seconds`."""
    end = time.monotonic() + args.seconds if args.seconds else None
    absent = [name for name in NEEDED if not importlib.util.find_spec(name)]
    if absent:
        raise ConfigError(f"the demo needs {', '.join(absent)}; install with: pip install 'dc-monitor[demo]'")
    port, remark = choose_port(args.port)
    out = sys.stderr if args.json else sys.stdout
    say(out, WELCOME.format(url=f"http://{HOST}:{port}/", remark=remark))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dc-monitor-demo-")))
        demo = Demo(folder, port)
        try:
            demo.start(stack, out)
            now = watch(demo, end, out)
            if args.json:
                say(sys.stdout, json.dumps(demo.document(now), ensure_ascii=False, indent=2))
        except Unreachable:
            demo.check()  # a process that has died explains it better
            raise
        except KeyboardInterrupt:
            say(out, "\n  stopped")
            return 0 if end is None else 130
        finally:
            # Whatever was started is ended now; no second Ctrl-C comes between.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
    missing = unfinished(now)
    for sentence in missing:
        say(sys.stderr, f"dc-monitor demo: {sentence}")
    return 1 if missing else 0


class Demo:
    """The three processes, and what passes between them and us."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._token = folder, secrets.token_urlsafe(24)
        self.site = SiteClient(port, self._token)
        self._children: dict[str, Child] = {}

    def start(self, stack: ExitStack, out: TextIO) -> None:
        """Start all three and fill in the history; `stack` ends what was started, the last first."""
        simulator = SimulatorProcess(self._folder / "simulator.log", SEED)
        self._keep(simulator, stack)
        self.room = Room(SEED)  # meanwhile: it takes as long as theirs
        simulator.wait()
        say(out, f"  simulator  {len(simulator.addresses)} devices answer SNMP on {HOST}")
        write_private(self._folder / "credentials.toml", credentials_text(simulator.community, self._token))
        config = self._folder / "demo.toml"
        write_private(config, config_text(simulator.addresses, self.site.port, self._folder))

        def service(name: str, patience: float) -> None:
            command, log = ["-m", "dc_monitor", name, "-c", str(config)], self._folder / f"{name}.log"
            self._keep(Child(name, command, log, patience=patience), stack)

        service("site", 3)  # not longer: what it would still write goes with the folder
        now = time.time_ns()
        past = list(history(self.room, now - HISTORY * NANOSECONDS, now))  # meanwhile: it takes as long to start
        self._wait_for_site()
        say(out, "  site       is ready")
        # The newest hour first, so that the figures of short windows need not wait for yesterday.
        written = sum(self.site.write(body, lines) for body, lines in reversed(past))
        say(out, f"  history    {written:,} readings of the last {HISTORY // 3600} hours, marked simulated")
        service("agent", 10)
        say(out, "  agent      reads every device every 5 s\n")

    def check(self) -> None:
        """Raise `DcMonitorError` with its last words if a process of ours has ended."""
        for child in self._children.values():
            child.check()

    def truth(self, figure: Mapping[str, Any]) -> float:
        """The PUE that a figure of the page tries to find: what the simulated room really did in its window."""
        return self.room.truth(nanoseconds(figure["from"]), nanoseconds(figure["to"])).pue[MEASURED_AT]

    def document(self, now: Mapping[str, Any]) -> dict[str, Any]:
        """What `--json` prints: the page's figures and devices, and the truth of the first figure's window."""
        kpis = now["figures"]
        truth = {"pue": self.truth(kpis[0]), "window": kpis[0]["window"], "measured_at": MEASURED_AT} if kpis else None
        agent = psutil.Process(self._children["agent"].process.pid)
        return {
            "site": now["site"],
            "url": self.site.url,
            "kpis": kpis,
            "devices": now["devices"],
            "agent": {
                "rss_mb": round(agent.memory_info().rss / 1e6, 1),
                "readings": round(sum(one["readings"] or 0 for one in now["agents"])),
            },
            "truth": truth,
        }

    def _keep(self, child: Child, stack: ExitStack) -> None:
        stack.callback(child.stop)
        self._children[child.name] = child

    def _wait_for_site(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.site.healthy():
            self.check()
            if time.monotonic() > deadline:
                last = self._children["site"].last_words()
                raise Unreachable(f"the site is not ready after {PATIENCE:.0f} s; its last words:\n{last}")
            time.sleep(0.1)


class SiteClient:
    """The site's HTTP on this machine."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self._token = port, token
        self.url = f"http://{HOST}:{port}/"

    def healthy(self) -> bool:
        """Whether it is up and says that it is well."""
        try:
            return self._ask("GET", "/healthz")[0] == 200
        except (OSError, HTTPException):
            return False

    def now(self) -> dict[str, Any]:
        """The document of the page. Raises `Unreachable`."""
        try:
            status, body = self._ask("GET", "/api/v1/now?lang=en")
            if status == 200:
                return dict(json.loads(body))
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(f"cannot read {self.url}api/v1/now: {error}") from error
        raise Unreachable(f"cannot read {self.url}api/v1/now: status {status}")

    def write(self, body: bytes, lines: int) -> int:
        """Write lines of readings, and say how many. Raises `DcMonitorError` unless all were taken."""
        try:
            status, answer = self._ask("POST", "/api/v2/write?bucket=dc-monitor&precision=ns", body)
        except (OSError, HTTPException) as error:
            raise Unreachable(f"cannot write history to {self.url}: {error}") from error
        if status != 204:
            raise DcMonitorError(
                f"{self.url} refused history: status {status}, {answer[:200].decode(errors='replace')}"
            )
        return lines

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Authorization": f"Token {self._token}"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def choose_port(wanted: int | None) -> tuple[int, str]:
    """The page's port and what is worth saying about it. Raises `ConfigError` when the wanted one cannot be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or PORT))
        except OSError as error:
            if wanted:
                raise ConfigError(f"port {wanted} of {HOST} cannot be used: {error.strerror}; give another") from error
            probe.bind((HOST, 0))
            return probe.getsockname()[1], f"\nPort {PORT} is taken, so the page has another one."
    return wanted or PORT, ""


def watch(demo: Demo, end: float | None, out: TextIO) -> dict[str, Any]:
    """Show what the site says until `end` (monotonic seconds), a little longer if figures are still to come."""
    live = out.isatty()
    drawn, said = 0, -PLAIN_REFRESH
    while True:
        demo.check()
        now = demo.site.now()
        left = end - time.monotonic() if end else PATIENCE
        over = left <= 0 and (not unfinished(now) or left < -PATIENCE)
        if live:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in table(now, demo.truth)]
            say(out, "".join([f"\x1b[{drawn}A" if drawn else "", *(f"\x1b[K{line}\n" for line in lines)]), newline="")
            drawn = len(lines)
        elif over or time.monotonic() - said >= PLAIN_REFRESH:
            say(out, one_line(now))
            said = time.monotonic()
        if over:
            return now
        time.sleep(min(REFRESH, max(left, 0.5)))


def table(now: Mapping[str, Any], truth: Callable[[Mapping[str, Any]], float]) -> Iterator[str]:
    """The room as a table for a terminal, each figure beside the truth."""
    watts = now["headline"]["power"]["watts"]
    yield f"  power now  {'–' if watts is None else f'{watts:,.0f} W'}"
    for figure in now["figures"]:
        told = "–  " + "".join(figure["missing"][:1])
        if figure["value"] is not None:
            told = f"{pue(figure)}, in truth {truth(figure):.3f}; {figure['coverage']:.0%} of the time known"
        yield f"  {figure['kpi'].upper() + ' ' + figure['window']:9}  {told}"
    yield ""
    yield f"  {'device':12}{'state':13}{'readings':>8}  model"
    for one in now["devices"]:
        model = f"{one['vendor']} {one['model']}".strip()
        yield f"  {one['name']:12}{one['state']:13}{one['readings'] or 0:8.0f}  {model} {one['message']}".rstrip()


def one_line(now: Mapping[str, Any]) -> str:
    """The room in a line, for a log."""
    watts = now["headline"]["power"]["watts"]
    figures = [f"{one['kpi'].upper()} {one['window']} {pue(one)}" for one in now["figures"] if one["value"] is not None]
    well = sum(one["state"] == "ok" for one in now["devices"])
    power = "no power yet" if watts is None else f"{watts:,.0f} W"
    return ", ".join([f"  {datetime.now():%H:%M:%S}  {power}", *figures, f"{well} of {len(now['devices'])} devices ok"])


def pue(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, as people read it."""
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def unfinished(now: Mapping[str, Any]) -> list[str]:
    """Why the demo has not shown yet what it is there for, a sentence each."""
    reasons = [
        f"{one['kpi'].upper()} {one['window']} cannot be claimed: {' '.join(one['missing'])}"
        for one in now["figures"]
        if one["value"] is None
    ]
    if not now["figures"]:
        reasons.append("the site has computed no figure")
    known = {one["name"]: one for one in now["devices"]}
    for device in devices():
        state = known[device.name]["state"] if device.name in known else "not read yet"
        if state != "ok":
            reasons.append(f"{device.name}: {state}")
    return reasons


def nanoseconds(iso: str) -> int:
    """ISO 8601 as nanoseconds since 1970 UTC, exact to the microsecond."""
    since = datetime.fromisoformat(iso) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def say(out: TextIO, text: str, newline: str = "\n") -> None:
    """Print at once, whoever reads."""
    print(text, file=out, end=newline, flush=True)


def _leave(number: int, _: object) -> NoReturn:
    """A signal that asks us to go: unwind, ending what was started."""
    sys.exit(128 + number)
