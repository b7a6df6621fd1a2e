"""The agent as a process: it starts, loses nothing whatever is done to it, and stops cleanly."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from agent.counting_agent import Counting
from dc_monitor.agent.pipeline import Pipeline
from dc_monitor.agent.service import SPOOL_FILE, Agent
from dc_monitor.clock import SystemClock
from dc_monitor.config.load import parse
from dc_monitor.contract import Poll
from dc_monitor.errors import ConfigError
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines
from sinks.http_server import Answer, write_server

COUNTING = Path(__file__).with_name("counting_agent.py")
COUNTER = b"energy,site=Caen-1,rack=r1,device=meter,point=counter/total,level=total,method=measured joules="


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.fixture
def config(tmp_path: Path, free_port: Callable[[], int]) -> "Setting":
    return Setting(tmp_path, free_port())


class Setting:
    """A configuration file whose server is on `port`, whether it is there or not."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.state = folder / "state"
        self.file = folder / "dc-monitor.toml"
        self.file.write_text(
            f'[site]\nname = "Caen-1"\n[agent]\nstate = "{self.state}"\nmetrics = ""\n'
            '[[device]]\nname = "meter"\naddress = "count://"\nrack = "r1"\ninterval = 0.02\n'
            f'[send]\nname = "site"\nurl = "http://127.0.0.1:{port}"\ntoken = "site-token"\n'
        )

    def size(self) -> int:
        """Bytes of the spool's files, which grow with every commit of a running agent."""
        return sum(file.stat().st_size for file in self.state.glob(f"{SPOOL_FILE}*"))

    def spooled(self) -> list[int]:
        """Numbers that wait in the spool of an agent that is dead."""
        spool = Spool(self.state / SPOOL_FILE, ["site"])
        with closing(spool):
            assert [] == spool.open()
            return numbers(line for batch in spool.pending("site", 1 << 40) for line in batch.body.splitlines())


def numbers(lines: Iterator[bytes]) -> list[int]:
    return [int(float(line[len(COUNTER) :].split()[0])) for line in lines if line.startswith(COUNTER)]


@contextmanager
def running(config: Setting, first: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(COUNTING), str(config.file), str(first)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def test_what_a_killed_agent_had_committed_is_delivered_by_the_next_one(config: Setting) -> None:
    """kill -9 twice, with the server there, then away: no number that reached the disk is missing, and no hole."""
    with write_server(config.port) as server:
        with running(config, 0) as child:
            eventually(lambda: len(server.taken) > 20)
            child.send_signal(signal.SIGKILL)
        committed = set(config.spooled())
    with running(config, 1_000_000) as child:
        eventually(lambda: config.size() > 300_000)
        child.send_signal(signal.SIGKILL)
    committed |= set(config.spooled())
    with write_server(config.port) as last:
        with running(config, 2_000_000) as child:
            eventually(lambda: 2_000_010 in numbers(iter(last.taken)))
            child.send_signal(signal.SIGTERM)
            assert 0 == child.wait(20.0)
        taken = set(numbers(iter(server.taken))) | set(numbers(iter(last.taken)))

    assert set() == committed - taken
    for first in (0, 1_000_000, 2_000_000):
        run = sorted(number for number in taken if first <= number < first + 1_000_000)
        assert list(range(first, first + len(run))) == run
        assert len(run) > 5


def test_nothing_is_lost_while_the_server_comes_and_goes(config: Setting) -> None:
    """Refusing, hanging up, gone and back: every number arrives, and the clean stop sends the last ones."""
    with running(config, 0) as child:
        taken: set[int] = set()
        answers = [Answer(503, b"", {"Retry-After": "1"}), None, Answer(500), None, Answer(503)]
        for _ in range(2):
            with write_server(config.port) as server:
                trouble = iter(answers)
                server.rule = lambda _, trouble=trouble: next(trouble, Answer())
                eventually(lambda server=server: len(server.taken) > 20)
            taken |= set(numbers(iter(server.taken)))
        with write_server(config.port) as server:
            eventually(lambda server=server: bool(server.taken))
            child.send_signal(signal.SIGTERM)
            assert 0 == child.wait(20.0)
            taken |= set(numbers(iter(server.taken)))
        log = child.stderr.read()  # type: ignore[union-attr]

    assert list(range(max(taken) + 1)) == sorted(taken)
    assert [] == config.spooled()
    assert "s3cret" not in log
    assert "takes data again after" in log


def test_a_stop_without_a_server_is_clean_and_soon(config: Setting) -> None:
    """systemd does not have to kill it; what waits is on the disk."""
    with running(config, 0) as child:
        eventually(lambda: config.size() > 50_000)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert 0 == child.wait(20.0)
        took = time.monotonic() - began
        log = child.stderr.read()  # type: ignore[union-attr]

    waiting = config.spooled()
    assert took < 3.0
    assert list(range(len(waiting))) == waiting
    assert "Traceback" not in log
    assert log.rstrip().endswith("stopped")


def test_alone_with_metrics_and_jsonlines_it_needs_no_spool(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The command line, a host, Prometheus and a file: nothing else, and systemd is told when it is ready."""
    port, out, state = free_port(), tmp_path / "readings.jsonl", tmp_path / "state"
    file = tmp_path / "dc-monitor.toml"
    file.write_text(
        f'[site]\nname = "Caen-1"\n[agent]\nstate = "{state}"\nmetrics = "127.0.0.1:{port}"\njsonlines = "{out}"\n'
        '[[device]]\nname = "me"\naddress = "host://"\nrack = "r1"\ninterval = 1\n'
    )
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20.0)
        command = [sys.executable, "-m", "dc_monitor", "agent", "-c", str(file)]
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "JOURNAL_STREAM": "8:1"}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
            assert b"READY=1" == manager.recv(100)
            assert b"WATCHDOG=1" == manager.recv(100)
            eventually(lambda: out.exists() and b'"memory"' in out.read_bytes())
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
                metrics = answer.read().decode()
            child.send_signal(signal.SIGTERM)
            assert 0 == child.wait(20.0)
            log = child.stderr.read()  # type: ignore[union-attr]
        while (told := manager.recv(100)) == b"WATCHDOG=1":
            pass
    assert b"STOPPING=1" == told
    assert 'dcmon_device_up{device="me",rack="r1",room="",site="Caen-1"} 1.0' in metrics
    assert "dcmon_memory_bytes{" in metrics
    assert "dcmon_agent_resident_memory_bytes" in metrics
    assert "Caen-1" == json.loads(out.read_text().splitlines()[0])["site"]
    assert not state.exists()
    assert all(line.startswith("<6>") for line in log.splitlines())


def test_a_taken_metrics_port_ends_with_a_sentence_and_code_2(tmp_path: Path) -> None:
    """The commonest mistake of a second start."""
    file = tmp_path / "dc-monitor.toml"
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        file.write_text(f'[agent]\nmetrics = "127.0.0.1:{port}"\n[[device]]\nname = "me"\naddress = "host://"\n')
        command = [sys.executable, "-m", "dc_monitor", "agent", "-c", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30.0)

    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert f"dc-monitor agent: cannot listen on 127.0.0.1:{port} for /metrics: address already in use" in done.stderr


def agent(toml: str, credentials: dict[str, dict[str, str]] | None = None) -> Agent:
    return Agent(
        parse(toml.encode()),
        lambda name: (credentials or {})[name] if name else {},
        lambda scheme: partial(Counting, first=0),
        SystemClock(),
    )


DEVICE = '[[device]]\nname = "meter"\naddress = "count://"\ninterval = 0.05\n'


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("[agent]\n", r"no \[\[device\]\]: there is nothing to read"),
        ('[agent]\nmetrics = ""\n' + DEVICE, "nobody would see the readings: add \\[send\\], or metrics or jsonlines"),
        (
            DEVICE + '[send]\nurl = "http://a"\ntoken = "snmp"\n',
            r'credentials "snmp" hold no token, which \[send\] "http://a" needs',
        ),
        (DEVICE + '[send]\nurl = "http://u:p@a"\n', "no password in an url; put a token into the credentials"),
    ],
    ids=["no device", "no outlet", "no token", "password in the url"],
)
def test_what_cannot_work_is_told_before_anything_starts(toml: str, sentence: str) -> None:
    """One sentence with its cure."""
    with pytest.raises(ConfigError, match=sentence):
        agent(toml, {"snmp": {"community": "public"}})


def test_a_fault_of_our_own_ends_the_agent_with_code_1_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half an agent that looks alive is worse than one that systemd starts again."""

    async def broken(self: Pipeline) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Pipeline, "_commit", broken)
    toml = f'[agent]\nmetrics = ""\nstate = "{tmp_path}"\n' + DEVICE + '[send]\nurl = "http://127.0.0.1:9"\n'

    assert 1 == asyncio.run(agent(toml).run(asyncio.Event()))
    (said,) = (record.getMessage() for record in caplog.records if record.levelname == "CRITICAL")
    assert said.startswith("the agent stops, by a fault of its own: ZeroDivisionError('oh') at ")


def test_every_reading_taken_before_a_stop_is_on_the_disk(config: Setting) -> None:
    """The last second is not lost, although commits come once a second."""
    taken: list[int] = []

    class Noting(Counting):
        async def collect(self) -> Poll:
            taken.append(self._next)
            return await super().collect()

    async def briefly() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        load = {"site-token": {"token": "s3cret"}}
        settings = parse(config.file.read_bytes())
        one = Agent(settings, lambda name: load.get(name, {}), lambda _: partial(Noting, first=0), SystemClock())
        return await one.run(stop)

    assert 0 == asyncio.run(briefly())
    assert len(taken) > 5
    assert taken == config.spooled()


def test_a_server_that_hangs_does_not_hold_up_a_stop(config: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets a short last chance; then its request is cut off, and what it had not acknowledged stays."""
    monkeypatch.setattr("dc_monitor.agent.sending.LAST_CHANCE_SECONDS", 0.2)
    settings = parse(config.file.read_bytes() + b"timeout = 60\n")

    async def briefly() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, stop.set)
        make = partial(Counting, first=0)
        return await Agent(settings, lambda _: {"token": "s3cret"}, lambda _: make, SystemClock()).run(stop)

    began = time.monotonic()
    with closing(socket.create_server(("127.0.0.1", config.port))):
        assert 0 == asyncio.run(briefly())
    assert time.monotonic() - began < 10.0
    waiting = config.spooled()
    assert list(range(len(waiting))) == waiting
    assert len(waiting) > 5


def test_a_spool_of_former_times_is_said_to_lose_its_positions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever removes [send] learns what waited."""
    spool = Spool(tmp_path / SPOOL_FILE, ["site"])
    with closing(spool):
        spool.open()
        spool.append([(b"a 1\n", 1)], 0)

    async def briefly() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.2, stop.set)
        one = agent(f'[agent]\nstate = "{tmp_path}"\nmetrics = "127.0.0.1:0"\n' + DEVICE)
        return await one.run(stop)

    assert 0 == asyncio.run(briefly())
    assert (
        'spool: sink "site" is no longer configured and loses its position; lines that waited for it: 1'
        in caplog.messages
    )


def test_lines_of_a_run_are_points_the_site_understands(config: Setting) -> None:
    """Readings, the device's line and nothing our own parser refuses."""
    with write_server(config.port) as server, running(config, 0) as child:
        eventually(lambda: len(server.taken) > 20)
        child.send_signal(signal.SIGTERM)
        child.wait(20.0)
    good, bad = parse_lines(b"\n".join(server.taken))

    assert [] == bad
    assert {"energy", "device"} <= {line.measurement for line in good}
