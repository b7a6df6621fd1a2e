"""The demo: what it writes, what it fills in, what it shows; and the whole of it as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dc_monitor.clock import NANOSECONDS
from dc_monitor.commands import demo, demo_room
from dc_monitor.config import credentials
from dc_monitor.config.load import parse
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.simulator.physics import EPOCH, Room
from dc_monitor.simulator.process import Child
from dc_monitor.simulator.tables import devices
from dc_monitor.wire import parse_lines

ADDRESSES = {device.name: f"snmp://127.0.0.1:{20_000 + number}" for number, device in enumerate(devices())}
START = EPOCH + 1000 * 86_400 * NANOSECONDS + 123_456_789
CLAIMED = {"kpi": "pue", "window": "24h", "value": 1.4312, "low": 1.4101, "high": 1.4533, "category": 2}
ABSENT = {"kpi": "pue", "window": "1h", "value": None, "missing": ["IT energy is not known."]}
NOW: dict[str, Any] = {
    "headline": {"power": {"watts": 6411.6}},
    "figures": [CLAIMED | {"coverage": 0.998, "missing": []}, ABSENT],
    "devices": [
        {"name": device.name, "state": "ok", "readings": 26, "vendor": "V", "model": "M", "message": ""}
        for device in devices()
    ],
}


def test_the_configuration_is_one_a_person_could_have_written(tmp_path: Path) -> None:
    """Our own loader takes it: every device, a meter chain without double counting, everything on loopback."""
    config = parse(demo_room.config_text(ADDRESSES, 8999, tmp_path).encode())

    assert ADDRESSES == {device.name: device.address for device in config.device}
    assert [] == config.topology().problems()
    assert ["total", "ups", "it", "it"] == [meter.role for meter in config.meter]
    assert ("127.0.0.1", 8999, "http://127.0.0.1:8999") == (
        config.receive.listen.host,
        config.receive.listen.port,
        config.send[0].url,
    )
    assert (5.0, None, 0.21) == (config.agent.interval, config.agent.metrics, config.tariff.price)
    assert {tmp_path} == {config.agent.state_path.parent, config.receive.data_path.parent}


def test_the_class_of_every_meter_is_that_of_its_device(tmp_path: Path) -> None:
    """The error bar is made of the classes written here; the errors are drawn from those of the devices."""
    config = parse(demo_room.config_text(ADDRESSES, 8999, tmp_path).encode())
    classes = {device.name: device.accuracy for device in devices()}

    assert [classes[meter.reads.split("/")[0]] for meter in config.meter] == [meter.class_ for meter in config.meter]


def test_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    """Mode 0600 from the first byte on, whatever the umask; and our own reader takes them."""
    file = tmp_path / "credentials.toml"
    before = os.umask(0)
    try:
        demo_room.write_private(file, demo_room.credentials_text("public", "t0ken"))
    finally:
        os.umask(before)

    assert 0o600 == file.stat().st_mode & 0o777
    assert {"token": "t0ken"} == credentials.load("site", file)
    assert {"version": "2c", "community": "public"} == credentials.load("devices", file)


def test_the_history_is_every_minute_of_every_device_as_its_meters_see_it() -> None:
    """Good lines, marked simulated, inside the window, and the very numbers the live device would tell."""
    room = Room(1)
    batches = list(demo_room.history(room, START, START + 2 * 3600 * NANOSECONDS + 1))
    lines, bad = parse_lines(b"".join(body for body, _ in batches))

    assert [] == bad
    assert len(lines) == sum(count for _, count in batches)
    assert {demo_room.SITE} == {line.tags["site"] for line in lines}
    assert {"simulated"} == {line.tags["method"] for line in lines}
    assert [START + minute * 60 * NANOSECONDS for minute in range(121)] == sorted({line.time for line in lines})
    meter = next(device for device in devices() if device.name == "main-meter")
    wanted = {(series.point, series.quantity): value for series, value in meter.readings(meter.sight(room, START))}
    first = [line for line in lines if line.time == START and line.tags["device"] == "main-meter"]
    assert wanted == {(line.tags["point"], line.measurement): next(iter(line.fields.values())) for line in first}


def test_the_page_has_its_usual_port_or_says_that_it_has_another(free_port: Callable[[], int]) -> None:
    """Nobody is sent to a port where somebody else lives."""
    port = free_port()
    assert (port, "") == demo.choose_port(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1 cannot be used: .*; give another"):
            demo.choose_port(port)


def test_a_taken_usual_port_is_replaced_and_that_is_said(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --port any port will do."""
    monkeypatch.setattr(demo, "PORT", free_port())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.PORT))
        taken.listen()
        port, remark = demo.choose_port(None)

    assert port != demo.PORT
    assert f"Port {demo.PORT} is taken" in remark


def test_a_table_for_people_and_a_line_for_a_log_say_the_same() -> None:
    """A figure with its interval, an absent one with its reason, never a zero."""
    text = "\n".join(demo.table(NOW, lambda _: 1.4271))
    assert "6,412 W" in text
    assert "1.431 (1.410 to 1.453), in truth 1.427; 100% of the time known" in text
    assert "–  IT energy is not known." in text
    assert "6,412 W, PUE 24h 1.431 (1.410 to 1.453), 5 of 5 devices ok" in demo.one_line(NOW)


def test_the_demo_is_done_when_every_figure_and_every_device_is_there() -> None:
    """Exit 0 is a promise."""
    assert ["PUE 1h cannot be claimed: IT energy is not known."] == demo.unfinished(NOW)
    well = NOW | {"figures": NOW["figures"][:1]}
    assert [] == demo.unfinished(well)
    assert ["main-meter: not read yet"] == demo.unfinished(well | {"devices": NOW["devices"][1:]})
    late = {**NOW["devices"][0], "state": "late"}
    assert ["main-meter: late"] == demo.unfinished(well | {"devices": [late, *NOW["devices"][1:]]})
    assert ["the site has computed no figure"] == demo.unfinished(NOW | {"figures": []})


def test_iso_times_keep_their_microseconds() -> None:
    """A window of nanoseconds survives its way through JSON but for the last three digits."""
    assert 1_700_000_000_123_456_000 == demo.nanoseconds("2023-11-14T22:13:20.123456Z")


def test_a_child_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Not "something went wrong": what it said itself."""
    child = Child("site", ["-c", "import sys; sys.exit('no disk left')"], tmp_path / "site.log")
    child.process.wait(30)
    with pytest.raises(DcMonitorError, match=r"the site ended \(exit code 1\); its last words:\n  no disk left"):
        child.check()
    child.stop()


def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    """Asked first, then made to."""
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    child = Child("agent", ["-c", deaf], tmp_path / "agent.log", talks=True, patience=0.2)
    assert child.process.stdout is not None
    assert b"deaf\n" == child.process.stdout.readline()
    child.stop()

    assert -signal.SIGKILL == child.process.returncode


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`dc-monitor demo ARGUMENTS…` with its temporary files in `folder`; killed with its children if a test fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dc_monitor", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # pytest may run without Ctrl-C
    )
    with process:
        try:
            yield process
        finally:
            for one in [*children(process), process] if process.poll() is None else []:
                one.kill()


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def wait_for_children(process: "subprocess.Popen[str]", *words: str) -> dict[str, psutil.Process]:
    """The simulator, the site, the agent, as soon as those that are wanted live."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found = {word: one for one in children(process) for word in words if is_for(one, word)}
        if len(found) == len(words):
            return found
        time.sleep(0.05)
    raise AssertionError(f"the demo has not started {', '.join(words)} within 90 s")


def is_for(process: psutil.Process, word: str) -> bool:
    try:
        return any(part in (word, f"dc_monitor.{word}") for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_the_demo_finds_the_truth_within_its_error_bar(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """The whole chain as real processes, one JSON document on stdout, and nothing left behind."""
    port = free_port()
    with running(tmp_path, "--seconds", "5", "--json", "--port", str(port)) as process:
        three = wait_for_children(process, "simulator", "site", "agent")
        folder = next(tmp_path.iterdir())
        assert 0o700 == folder.stat().st_mode & 0o777
        told, said = process.communicate(timeout=200)
    document = json.loads(told)
    day = document["kpis"][0]

    assert 0 == process.returncode, said
    assert f"http://127.0.0.1:{port}/" in said
    assert ("pue", "24h", 2, []) == (
        day["kpi"],
        day["window"],
        day["category"],
        demo.unfinished(document | {"figures": [day]}),
    )
    assert 1.0 < day["low"] < document["truth"]["pue"] < day["high"] < 2.0
    assert day["high"] - day["low"] < 0.05
    assert day["coverage"] > 0.99
    assert {device.name: "ok" for device in devices()} == {one["name"]: one["state"] for one in document["devices"]}
    assert min(one["readings"] for one in document["devices"]) >= 5
    assert document["agent"]["readings"] > 0 < document["agent"]["rss_mb"] < 80
    assert [] == [one for one in three.values() if one.is_running()]
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("last", "number", "code"),
    [
        pytest.param("agent", signal.SIGINT, 0, id="Ctrl-C while it runs"),
        pytest.param("site", signal.SIGTERM, 128 + signal.SIGTERM, id="SIGTERM while it starts"),
    ],
)
def test_whoever_stops_the_demo_stops_all_of_it(
    tmp_path: Path, free_port: Callable[[], int], last: str, number: signal.Signals, code: int
) -> None:
    """Its processes and its folder are gone, and no stack trace is shown."""
    with running(tmp_path, "--port", str(free_port())) as process:
        started = wait_for_children(process, "simulator", last)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert (code, "") == (process.returncode, said)
    assert [] == [one for one in started.values() if one.is_running()]
    assert [] == [*tmp_path.iterdir()]


def test_a_process_of_the_demo_that_dies_ends_it_with_exit_1(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """A demo without its site is none: it says so, and the others are ended."""
    with running(tmp_path, "--port", str(free_port())) as process:
        started = wait_for_children(process, "simulator", "site")
        started["site"].kill()
        _, said = process.communicate(timeout=60)

    assert 1 == process.returncode
    assert said.startswith("dc-monitor demo: the site ended (exit code -9); its last words:\n  ")
    assert [] == [one for one in started.values() if one.is_running()]
    assert [] == [*tmp_path.iterdir()]


def test_a_wanted_port_that_is_taken_is_exit_2(tmp_path: Path) -> None:
    """Before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(tmp_path, "--port", str(port)) as process:
            told, said = process.communicate(timeout=60)

    assert (2, "") == (process.returncode, told)
    assert f"dc-monitor demo: port {port} of 127.0.0.1 cannot be used: Address already in use; give another\n" == said
