"""SIGHUP: the files are read again, what differs is changed, and nobody else notices."""

import asyncio
import logging
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.counting_agent import Counting
from dc_monitor.agent import delivery, pipeline, sending
from dc_monitor.agent.plan import Credentials
from dc_monitor.agent.service import Agent
from dc_monitor.agent.store import Store
from dc_monitor.clock import SystemClock
from dc_monitor.config.load import parse
from dc_monitor.config.model import Config
from dc_monitor.errors import ConfigError, DcMonitorError, Refused
from sinks.http_server import WriteServer, write_server
from support.processes import get, wait_for

TESTS = Path(__file__).parent.parent


def keys(**says: str) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in says.items())


def device(name: str, **says: str) -> str:
    keys = {"name": name, "address": "count://", **says}
    lines = (
        f"{key} = {value}\n" if isinstance(value, float) else f'{key} = "{value}"\n' for key, value in keys.items()
    )
    return f"[[device]]\n{''.join(lines)}"


def send(name: str, port: int, **says: str) -> str:
    return f'[[send]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\n{keys(**says)}'


def numbers(server: WriteServer, name: str) -> list[int]:
    """What a device counted, in order; a number that came in two lines is there twice."""
    line = re.compile(rb"energy,\S*device=%b,\S* joules=(\d+)\.0 \d+" % name.encode())
    return sorted(int(found[1]) for found in map(line.fullmatch, list(server.taken)) if found)


def without_a_hole(found: list[int]) -> bool:
    return len(found) > 3 and found == list(range(found[0], found[0] + len(found)))


class Running:
    """An agent in this process, and the files it reads."""

    def __init__(self, toml: str, log: pytest.LogCaptureFixture, secrets: Mapping[str, Mapping[str, Any]]) -> None:
        self.toml = toml
        self.secrets = secrets
        self.trouble: Exception | None = None
        self._log = log

    def read(self) -> tuple[Config, Credentials]:
        if self.trouble:
            raise self.trouble
        secrets = self.secrets
        return parse(self.toml.encode()), lambda name: secrets[name] if name else {}

    async def reload(self, toml: str = "", says: str = "reload") -> str:
        """Ask for it, and wait for the line that tells what came of it."""
        self.toml = toml or self.toml
        before = len(self._log.messages)
        signal.raise_signal(signal.SIGHUP)
        await self.until(lambda: any(says in line for line in self._log.messages[before:]))
        return next(line for line in self._log.messages[before:] if says in line)

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it never came: {self._log.messages[-5:]}"
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commits and tries that no test waits for; a signal nobody handles ends no test run."""
    monkeypatch.setattr(pipeline, "COMMIT_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.2)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@asynccontextmanager
async def running(
    toml: str, log: pytest.LogCaptureFixture, secrets: Mapping[str, Mapping[str, Any]] | None = None
) -> AsyncIterator[Running]:
    """The agent while the block runs; it ends well."""
    log.set_level(logging.INFO)
    one = Running(toml, log, secrets or {})
    agent = Agent(*one.read(), lambda _: partial(Counting, first=0), SystemClock(), one.read)
    stop = asyncio.Event()
    task = asyncio.create_task(agent.run(stop))
    try:
        await one.until(lambda: task.done() or any(line.startswith("reading ") for line in log.messages))
        yield one
    finally:
        stop.set()
        assert 0 == await task


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """In which the command line finds a collector that counts, as it finds a third party's."""
    installed = tmp_path / "plugin" / "counting-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Name: counting\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[dc_monitor.collectors]\ncount = counting_plugin:make\n")
    (installed.parent / "counting_plugin.py").write_text(
        "from functools import partial\nfrom agent.counting_agent import Counting\nmake = partial(Counting, first=0)\n"
    )
    return {**os.environ, "PYTHONPATH": f"{installed.parent}{os.pathsep}{TESTS}"}


def test_a_process_reads_its_files_again_and_its_other_devices_lose_no_number(
    tmp_path: Path, free_port: Callable[[], int], environment: dict[str, str]
) -> None:
    """One device comes, one goes, one stays; a bad file in between changes nothing; systemd is told each time."""
    port, file, log = free_port(), tmp_path / "dc-monitor.toml", tmp_path / "log"
    environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")

    def write(*devices: str) -> None:
        file.write_text(
            f'[agent]\nstate = "{tmp_path}/state"\nmetrics = "127.0.0.1:{port}"\ninterval = 0.05\n'
            + send("site", server.port)
            + "".join(devices)
        )

    def told() -> list[bytes]:
        """What the service manager hears until it is told that the agent is ready."""
        heard = []
        while not heard or heard[-1] != b"READY=1":
            state = manager.recv(200)
            heard += [state] if state != b"WATCHDOG=1" else []
        return heard

    with write_server() as server, closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(environment["NOTIFY_SOCKET"])
        manager.settimeout(20.0)
        write(device("stays"), device("goes", rack="r1"))
        command = [sys.executable, "-m", "dc_monitor", "agent", "-c", str(file)]
        with (
            log.open("wb") as stderr,
            subprocess.Popen(["prlimit", "--nofile=256:4096", *command], stderr=stderr, env=environment) as child,
        ):
            try:
                assert [b"READY=1"] == told()
                wait_for(lambda: numbers(server, "goes") and numbers(server, "stays"))
                assert b'device="goes"' in get(f"http://127.0.0.1:{port}/metrics")
                limits = Path(f"/proc/{child.pid}/limits").read_text()

                write(device("stays", adress="oh"))
                child.send_signal(signal.SIGHUP)
                before = time.monotonic_ns() // 1_000
                (reloading, ready) = told()
                after_bad = max(numbers(server, "goes"))
                wait_for(lambda: max(numbers(server, "goes")) > after_bad)

                write(device("stays"), device("comes"))
                child.send_signal(signal.SIGHUP)
                assert 2 == len(told())
                wait_for(lambda: len(numbers(server, "comes")) > 5)
                metrics = get(f"http://127.0.0.1:{port}/metrics")
                child.send_signal(signal.SIGTERM)
                assert 0 == child.wait(20.0)
            finally:
                if child.poll() is None:
                    child.kill()

    said = log.read_text()
    since = int(reloading.removeprefix(b"RELOADING=1\nMONOTONIC_USEC="))
    assert abs(since - before) < 10_000_000
    assert b"READY=1" == ready
    assert (
        "not reloaded, everything goes on as before: dc-monitor.toml: device[0].adress: unknown key; did you mean"
        ' "address"?\n' in said
    )
    assert "reloaded: 1 device added (comes), 1 removed (goes)\n" in said
    assert all(without_a_hole(numbers(server, name)) for name in ("stays", "goes", "comes"))
    assert [0, 0, 0] == [numbers(server, name)[0] for name in ("stays", "goes", "comes")]
    assert b'device="goes"' not in metrics
    assert b'device="comes"' in metrics
    assert ["4096", "4096"] == next(line for line in limits.splitlines() if "open files" in line).split()[3:5]


def test_an_agent_whose_terminal_is_closed_stops(tmp_path: Path, environment: dict[str, str]) -> None:
    """The same signal means a reload elsewhere; here nobody would find the agent again, which holds the spool."""
    file = tmp_path / "dc-monitor.toml"
    file.write_text('[agent]\nmetrics = "127.0.0.1:0"\ninterval = 0.05\n' + device("stays"))
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "dc_monitor", "agent", "-c", str(file)]
    with subprocess.Popen(command, stderr=slave, env=environment) as child:
        try:
            os.close(slave)
            said = b""
            while b"reading 1 device" not in said:
                said += os.read(master, 4_096)
            child.send_signal(signal.SIGHUP)
            while b"reloaded: nothing changed" not in said:
                said += os.read(master, 4_096)
            os.close(master)
            child.send_signal(signal.SIGHUP)
            assert 0 == child.wait(20.0)
        finally:
            if child.poll() is None:
                child.kill()


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (ConfigError("dc-monitor.toml: not TOML: oh"), "dc-monitor.toml: not TOML: oh"),
        (Refused("c.toml: mode 0644 lets others read the credentials"), "c.toml: mode 0644 lets others read"),
        (ValueError("s3cret is no address"), "a fault of our own (ValueError)"),
    ],
    ids=["a bad file", "credentials that others can read", "a collector that finds no words"],
)
def test_whatever_is_wrong_with_the_files_everything_goes_on_as_before(
    trouble: Exception, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with the loader's own sentence, and the next good file is taken up."""

    async def scene() -> tuple[str, str]:
        toml = '[agent]\nmetrics = "127.0.0.1:0"\n' + device("stays")
        async with running(toml, caplog) as agent:
            agent.trouble = trouble
            bad = await agent.reload()
            agent.trouble = None
            return bad, await agent.reload()

    bad, good = asyncio.run(scene())
    assert bad.startswith(f"not reloaded, everything goes on as before: {sentence}")
    assert "s3cret" not in caplog.text
    assert "reloaded: nothing changed" == good


def test_what_would_not_start_is_not_reloaded(caplog: pytest.LogCaptureFixture) -> None:
    """A file without an outlet, or with a sink that has no token, is as bad as one that is no TOML."""

    async def scene() -> list[str]:
        toml = '[agent]\nmetrics = "127.0.0.1:0"\n' + device("stays")
        async with running(toml, caplog) as agent:
            agent.secrets = {"site": {"community": "s3cret"}}
            return [
                await agent.reload('[agent]\nmetrics = ""\n' + device("stays")),
                await agent.reload(toml + send("site", 9, token="site")),
                await agent.reload('[agent]\nmetrics = "127.0.0.1:0"\n'),
            ]

    lost, tokenless, empty = asyncio.run(scene())
    assert lost.startswith("not reloaded, everything goes on as before: nobody would see the readings")
    assert 'credentials "site" hold no token, which [send] "site" needs' in tokenless
    assert "no [[device]]: there is nothing to read" in empty


def test_what_needs_a_restart_is_said_and_the_rest_taken_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Key and reason, each time; the first sink needs a spool, which is opened at a start."""

    async def scene() -> tuple[str, list[str]]:
        async with running('[agent]\nmetrics = "127.0.0.1:0"\n' + device("stays"), caplog) as agent:
            toml = f'[site]\nname = "Caen-9"\n[agent]\njsonlines = "{tmp_path}/out"\nmetrics = "127.0.0.1:0"\n'
            toml += device("stays") + device("comes") + send("site", 9)
            first = await agent.reload(toml, "reloaded: ")
            before = len(caplog.messages)
            await agent.reload(says="reloaded: ")
            return first, caplog.messages[before:]

    first, second = asyncio.run(scene())
    assert "reloaded: 1 device added (comes)" == first
    assert [
        "reload: [site] name changes at a restart only: every series is called by it",
        "reload: [agent] jsonlines changes at a restart only: its file is opened once",
        "reload: [send] begins at a restart only: without it this agent was started without a spool",
        "reloaded: nothing changed",
    ] == [line for line in second if line.startswith("reload")]
    assert not (tmp_path / "out").exists()


def test_a_device_takes_its_new_place_and_its_new_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Lines and /metrics carry the new rack from the first reading of the new plan on; the old series ends."""

    async def scene(server: WriteServer) -> tuple[list[str], bytes]:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = "127.0.0.1:0"\ninterval = 0.05\n' + send("site", server.port)
        old = {"room": {"community": "old"}}
        async with running(toml + device("pdu-1", rack="r1", credentials="room"), caplog, old) as agent:
            port = next(line for line in caplog.messages if "/metrics" in line).rpartition(":")[2].partition("/")[0]
            await agent.until(lambda: len(numbers(server, "pdu-1")) > 3)
            said = [await agent.reload(toml + device("pdu-1", rack="r2", credentials="room"))]
            await agent.until(lambda: any(b",rack=r2," in line for line in list(server.taken)))
            metrics = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/metrics")
            agent.secrets = {"room": {"community": "n3w"}}
            said.append(await agent.reload())
            return said, metrics

    with write_server() as server:
        said, metrics = asyncio.run(scene(server))
    assert ["reloaded: 1 device changed (pdu-1)"] * 2 == said
    assert b'rack="r2"' in metrics
    assert b'rack="r1"' not in metrics


def test_a_sink_that_changes_keeps_its_position(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, free_port: Callable[[], int]
) -> None:
    """What waited for a server at the wrong address goes to the right one, from the first number on."""

    async def scene(server: WriteServer) -> str:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        async with running(toml + send("site", free_port()), caplog) as agent:
            await agent.until(lambda: 'sink "site"' in caplog.text)
            said = await agent.reload(toml + send("site", server.port), "reloaded: ")
            await agent.until(lambda: len(numbers(server, "pdu-1")) > 20)
            return said

    with write_server() as server:
        assert "reloaded: 1 sink changed (site)" == asyncio.run(scene(server))
        assert without_a_hole(numbers(server, "pdu-1"))
        assert 0 == numbers(server, "pdu-1")[0]


def test_a_sink_that_is_added_takes_what_comes_and_one_that_is_removed_misses_nothing_until_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that stays keeps its connection; all three have no hole, and the removed one's position is gone."""

    async def scene(stays: WriteServer, goes: WriteServer, comes: WriteServer) -> tuple[str, float]:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        toml += send("stays", stays.port)
        async with running(toml + send("goes", goes.port), caplog) as agent:
            await agent.until(lambda: len(numbers(stays, "pdu-1")) > 5 and len(numbers(goes, "pdu-1")) > 5)
            before = time.monotonic()
            said = await agent.reload(toml + send("comes", comes.port), "reloaded: ")
            took = time.monotonic() - before
            await agent.until(lambda: len(numbers(comes, "pdu-1")) > 5)
            return said, took

    with write_server() as stays, write_server() as goes, write_server() as comes:
        said, took = asyncio.run(scene(stays, goes, comes))
        found = [numbers(one, "pdu-1") for one in (stays, goes, comes)]
    assert "reloaded: 1 sink added (comes), 1 removed (goes)" == said
    assert took < 4.0  # it has sent everything long before its last chance is over
    assert [True] * 3 == [without_a_hole(one) for one in found]
    assert (0, 0) == (found[0][0], found[1][0])
    assert found[2][0] <= found[1][-1] + 1
    assert found[0][-1] == found[2][-1]
    assert 1 == len({request.client for request in stays.requests})
    assert any('spool: sink "goes" is no longer configured and loses its position' in one for one in caplog.messages)


def test_a_sink_that_only_changed_its_name_misses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is known under the new name before the old one is forgotten."""

    async def scene(server: WriteServer) -> None:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        async with running(toml + send("site", server.port), caplog) as agent:
            for name in ("central", "site"):
                taken = len(numbers(server, "pdu-1"))
                await agent.until(lambda taken=taken: len(numbers(server, "pdu-1")) > taken + 5)
                await agent.reload(toml + send(name, server.port), "reloaded: ")

    with write_server() as server:
        asyncio.run(scene(server))
        found = sorted(set(numbers(server, "pdu-1")))
    assert without_a_hole(found)
    assert 0 == found[0]


def test_a_disk_that_cannot_note_a_new_sink_leaves_all_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Devices change all the same, and the next reload tries again."""

    async def full(store: Store, names: Sequence[str]) -> None:
        raise DcMonitorError("cannot write the spool: disk full")

    async def scene(server: WriteServer) -> list[str]:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        async with running(toml + send("site", server.port), caplog) as agent:
            more = toml + device("comes") + send("central", server.port)
            with monkeypatch.context() as patch:
                patch.setattr(Store, "set_sinks", full)
                said = [await agent.reload(more, "reloaded: ")]
            before = len(numbers(server, "pdu-1"))
            await agent.until(lambda: len(numbers(server, "pdu-1")) > before + 3)
            return [*said, await agent.reload(says="reloaded: ")]

    with write_server() as server:
        said = asyncio.run(scene(server))
        assert without_a_hole(sorted(set(numbers(server, "pdu-1"))))
    assert ["reloaded: 1 device added (comes)", "reloaded: 1 sink added (central), 1 removed (site)"] == said
    told = "the sinks stay as they are: cannot write the spool: disk full; reload again when that is mended"
    assert 1 == caplog.messages.count(told)


def test_a_removed_sink_that_hangs_has_its_last_chance_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polls and the other sink go on meanwhile."""
    monkeypatch.setattr(sending, "LAST_CHANCE_SECONDS", 0.5)

    async def scene(server: WriteServer, hanging: socket.socket) -> int:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        toml += send("site", server.port)
        async with running(toml + send("hangs", hanging.getsockname()[1], timeout="60 s"), caplog) as agent:
            connection, _ = await asyncio.to_thread(hanging.accept)
            before = len(numbers(server, "pdu-1"))
            assert "reloaded: 1 sink removed (hangs)" == await agent.reload(toml, "reloaded: ")
            connection.close()
            return len(numbers(server, "pdu-1")) - before

    with write_server() as server, closing(socket.create_server(("127.0.0.1", 0))) as hanging:
        assert asyncio.run(scene(server, hanging)) > 3
        assert without_a_hole(numbers(server, "pdu-1"))


def test_a_stop_does_not_wait_for_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is half changed then is ended all the same."""
    monkeypatch.setattr(sending, "LAST_CHANCE_SECONDS", 60.0)

    async def scene(hanging: socket.socket) -> float:
        toml = f'[agent]\nstate = "{tmp_path}"\nmetrics = ""\ninterval = 0.05\n' + device("pdu-1")
        port = hanging.getsockname()[1]
        async with running(toml + send("hangs", port, timeout="60 s"), caplog) as agent:
            connection, _ = await asyncio.to_thread(hanging.accept)
            agent.toml = toml + send("other", port, timeout="60 s")
            signal.raise_signal(signal.SIGHUP)
            await agent.until(lambda: any('sink "other" is new' in line for line in caplog.messages))
            monkeypatch.setattr(sending, "LAST_CHANCE_SECONDS", 0.2)
            stopping = time.monotonic()
        connection.close()
        return time.monotonic() - stopping

    with closing(socket.create_server(("127.0.0.1", 0))) as hanging:
        assert asyncio.run(scene(hanging)) < 10.0
    assert not any(line.startswith("reloaded") for line in caplog.messages)
    assert "stopped" == caplog.messages[-1]
