"""The site as a process of its own: it starts, keeps its promise through kill -9, stops with a last flush."""

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dc_monitor.config.load import parse
from dc_monitor.config.values import Listen
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.history.archive import Archive
from dc_monitor.site.service import reserve, write_token

PATIENCE = 60.0
START = time.time_ns() // 10**9 * 10**9 - 3600 * 10**9


class Child:
    """`dc-monitor site` with its own data folder, on a loopback port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "site.toml"
        self.config.write_text(
            f'[site]\nname = "Caen-1"\n[receive]\nlisten = "127.0.0.1:{port}"\ndata = "{folder}/data"\nflush = 0.05\n'
        )
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "dc_monitor", "site", "-c", str(self.config)]
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                return self.get("/healthz")
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return answer.read()

    def write(self, body: bytes) -> int | None:
        """Status, or None when nothing came back."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/write", data=body, timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def found(self) -> list[int]:
        """Numbers of the readings in the archive."""
        samples = Archive(self.folder / "data" / "archive").read("Caen-1", START, START + 10**15)
        return sorted(int(value) for one in samples.values() for value in one.value)


@pytest.fixture
def child(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Child]:
    made = Child(tmp_path, free_port())
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def batch(numbers: range) -> bytes:
    return b"".join(b"power,device=d%d,point=total watts=%d %d\n" % (n % 7, n, START + n * 10**9) for n in numbers)


def test_what_was_answered_204_survives_kill_9_at_any_moment_and_is_found_once(child):
    """Killed in the middle of writes, flushes and compactions, again and again: nothing promised is lost or twice."""
    moments = random.Random(30134)
    promised: set[int] = set()
    sent = 0
    for _ in range(5):
        child.start()
        killer = threading.Timer(moments.uniform(0.05, 1.0), child.process.kill)
        killer.start()
        answer: int | None = 204
        while answer is not None:
            numbers = range(sent, sent + moments.randint(1, 30))
            sent = numbers.stop
            answer = child.write(batch(numbers))
            if answer == 204:
                promised.update(numbers)
        killer.join()
        child.process.wait(PATIENCE)
    child.start()
    stopped = child.end(signal.SIGTERM)
    found = child.found()

    assert 0 == stopped
    assert len(found) == len(set(found))
    assert set() == promised - set(found)
    assert set() == set(found) - set(range(sent))
    assert len(promised) > 50


def test_the_page_its_data_and_the_metrics_are_served_with_strict_headers(child):
    """Nothing from elsewhere, nothing guessed, and unchanged files are not sent twice."""
    child.start()
    assert child.write(batch(range(10))) == 204
    with urllib.request.urlopen(f"{child.url}/") as answer:
        headers, page = answer.headers, answer.read()
    document = json.loads(child.get("/api/v1/now?lang=fr"))
    metrics = child.get("/metrics").decode()
    again = urllib.request.Request(f"{child.url}/", headers={"If-None-Match": headers["ETag"]})
    with pytest.raises(urllib.error.HTTPError) as unchanged:
        urllib.request.urlopen(again)
    unchanged.value.close()

    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert ("nosniff", "text/html; charset=utf-8") == (headers["X-Content-Type-Options"], headers["Content-Type"])
    assert b"<html" in page
    assert 304 == unchanged.value.code
    assert ("Caen-1", ["Caen-1"], "Europe/Paris") == tuple(document[key] for key in ("site", "sites", "timezone"))
    assert "dcmon_site_lines_received_total 10.0" in metrics
    assert 0 == child.end(signal.SIGTERM)


def test_a_restart_remembers_devices_states_and_readings(child):
    """Memory is filled from the archive: the page after a restart is the page before it."""
    now = time.time_ns()
    lines = [
        f'device,site=Caen-1,device=ups-a,reason=partial up=1,readings=7,kind="ups" {now}',
        f"agent,site=Caen-1,agent=host rss_bytes=3e7 {now}",
        f"runtime,site=Caen-1,device=ups-a,point=battery seconds=600 {now}",
        f'state,site=Caen-1,device=ups-a,point=output/source code=5,text="battery" {now}',
    ]
    child.start()
    assert 204 == child.write("\n".join(lines).encode())
    before = json.loads(child.get("/api/v1/now"))
    child.end(signal.SIGTERM)
    child.start()
    after = json.loads(child.get("/api/v1/now"))

    assert ("partial", 10.0, True, "host") == (
        after["devices"][0]["state"],
        after["headline"]["battery"]["minutes"],
        after["headline"]["battery"]["on_battery"],
        after["agents"][0]["name"],
    )
    assert [before[key] for key in ("devices", "agents")] == [after[key] for key in ("devices", "agents")]


def test_a_writer_that_hangs_up_in_the_middle_keeps_nothing_and_leaves_no_stack_trace(child):
    """Half a body may end within a number: 12 W of 1,234."""
    child.start()
    port = int(child.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as writer:
        head = "POST /api/v2/write HTTP/1.1\r\nHost: site\r\nContent-Length: 1000\r\n\r\n"
        writer.sendall(f"{head}power,device=a,point=total watts=12".encode())
    assert 204 == child.write(batch(range(5)))
    child.end(signal.SIGTERM)

    assert [*range(5)] == child.found()
    assert "Traceback" not in (child.folder / "log").read_text()


def test_lines_from_the_future_are_archived_and_not_shown(child):
    """A clock that is hours ahead must not be the newest for hours, and somebody is told."""
    later = time.time_ns() + 7200 * 10**9
    child.start()
    assert 204 == child.write(b"device,device=a up=1 %d\ndevice,device=b up=1 %d" % (later, later - 7200 * 10**9))
    shown = [device["name"] for device in json.loads(child.get("/api/v1/now"))["devices"]]
    child.end(signal.SIGTERM)
    archive = Archive(child.folder / "data" / "archive")

    assert ["b"] == shown
    assert {"a", "b"} == {line.tags["device"] for line in archive.rows("Caen-1", "device", START, later + 1)}
    assert "compare the clocks" in (child.folder / "log").read_text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/__init__.py", 404),
        ("DELETE", "/api/v2/write", 405),
        ("GET", "/api/v1/now?site=nowhere", 404),
        ("GET", "/api/v1/figures?from=yesterday", 400),
        ("GET", "/api/v1/figures?from=2020-01-01&to=2026-01-01", 400),
    ],
)
def test_errors_are_json_with_a_sentence(served, method, path, status):
    """Programs read them, and people who wrote a wrong address."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(served.url + path, method=method))
    with caught.value as error:
        document = json.loads(error.read())

    assert (status, ["code", "message"]) == (error.code, sorted(document))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One child for the questions that change nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Child(tmp_path_factory.mktemp("served"), port)
    made.start()
    yield made
    made.end(signal.SIGTERM)


def test_an_occupied_port_is_one_sentence_that_names_the_key(child):
    """The person who starts a second site must know which line to change."""
    port = int(child.url.rpartition(":")[2])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        command = [sys.executable, "-m", "dc_monitor", "site", "-c", str(child.config)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    assert 1 == ended.returncode
    assert (
        f"dc-monitor site: cannot listen on 127.0.0.1:{port}: another program has this address; stop it, or "
        "write another one: [receive] listen\n"
    ) == ended.stderr
    assert not (child.folder / "data").exists()


def test_a_second_site_on_the_same_data_is_refused(child, tmp_path, free_port):
    """Two processes on one journal would each flush half of it."""
    child.start()
    second = tmp_path / "second.toml"
    second.write_text(child.config.read_text().replace(child.url.rpartition(":")[2], str(free_port())))
    command = [sys.executable, "-m", "dc_monitor", "site", "-c", str(second)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    assert 1 == ended.returncode
    assert "another process has it open" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_that_is_not_ours_is_a_sentence():
    """A typing error in the address must not be a stack trace."""
    with pytest.raises(DcMonitorError, match=r"cannot listen on 192\.0\.2\.1:1: .*\[receive\] listen"):
        reserve(Listen("192.0.2.1:1"))


CONFIG = b'[receive]\nlisten = "%s"\n%s'


@pytest.mark.parametrize("listen", [b"127.0.0.1:0", b"[::1]:0", b"localhost:0"])
def test_on_this_machine_alone_no_token_is_needed(listen):
    """The demo and the single machine work without a secret."""
    assert "" == write_token(parse(CONFIG % (listen, b"")), {}.get)


@pytest.mark.parametrize("listen", [b"0.0.0.0:0", b"192.168.1.1:0", b"[::]:0", b"monitor.example:0"])
def test_open_to_others_without_a_token_is_refused(listen):
    """Anyone on the network could otherwise write false readings."""
    with pytest.raises(ConfigError, match="asks for no token"):
        write_token(parse(CONFIG % (listen, b"")), {}.get)


def test_the_token_is_the_one_of_the_credentials_named():
    """And credentials without a token are told by name, without what they hold."""
    config = parse(CONFIG % (b"0.0.0.0:0", b'token = "site-token"'))

    assert "s3cret" == write_token(config, lambda name: {"token": "s3cret"} if name == "site-token" else {})
    with pytest.raises(
        ConfigError, match=r'\[receive\] token = "site-token": these credentials hold no token'
    ) as caught:
        write_token(config, lambda _: {"password": "s3cret"})
    assert "s3cret" not in str(caught.value)
