"""The unit files by themselves: systemd reads them without a word, and what they close nobody needs."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.processes import start, stop, wait_for

HOME = Path(__file__).resolve().parents[2]
UNITS = [HOME / "systemd" / f"dc-monitor-{name}.service" for name in ("agent", "site")]
AS_ROOT_ONLY = {"chown", "fchown", "fchown32"}
"""SQLite and the archive give their files to the owner of the folder when they are root, which a service never is."""
WISHES = {"agent": set[str](), "site": {"mbind"}}
"""pyarrow's allocator says near which processor it would like its memory, and does not mind a no."""


def need(tool: str, package: str) -> None:
    if not shutil.which(tool):
        pytest.skip(f"missing {tool}; on Debian and Ubuntu: sudo apt install {package}")


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_has_nothing_to_say_of_a_unit(unit: Path, tmp_path: Path) -> None:
    """An unknown key, a word it cannot read or a program that is not there would each be a line."""
    need("systemd-analyze", "systemd")
    here = tmp_path / unit.name
    program = Path(sys.executable).with_name("dc-monitor")
    here.write_text(unit.read_text(encoding="utf-8").replace("/opt/dc-monitor/bin/dc-monitor", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True, timeout=60)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_exposure_is_at_most_2_of_10(unit: Path) -> None:
    need("systemd-analyze", "systemd")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit offline; 250 and newer can")

    assert 0 == done.returncode, done.stdout[-2000:]


@pytest.mark.parametrize("command", ["agent", "site"])
def test_a_service_tells_systemd_how_it_is(
    command: str, tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready when it works, a beat for the watchdog as long as it lives, and when it begins to stop."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    config, log = tmp_path / "room.toml", tmp_path / "log"
    config.write_text(short_file(command, tmp_path, free_port(), free_port()))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, log.open("wb") as stderr:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        process = start(command, "-c", str(config), stderr=stderr)
        try:
            first, *beats = (manager.recv(100) for _ in range(3))
        finally:
            stop(process)
        manager.setblocking(False)
        rest = set()
        with suppress(BlockingIOError):
            while True:
                rest.add(manager.recv(100))

    assert (b"READY=1", {b"WATCHDOG=1"}) == (first, {*beats})
    assert b"STOPPING=1" in rest


def short_file(command: str, folder: Path, port: int, nobody: int) -> str:
    """A configuration for either; `nobody` is a port nobody listens on."""
    if command == "site":
        return f'[receive]\nlisten = "127.0.0.1:{port}"\ndata = "{folder}/site"\nflush = 1\n'
    return (
        f'[[device]]\nname = "here"\naddress = "host://"\n[send]\nurl = "http://127.0.0.1:{nobody}"\n'
        f'[agent]\ninterval = 1\nstate = "{folder}/agent"\nmetrics = "127.0.0.1:{port}"\n'
    )


def allowed(unit: Path) -> set[str]:
    """System calls the unit lets through, its groups resolved by systemd itself."""
    calls: set[str] = set()
    for value in values(unit, "SystemCallFilter"):
        named = set().union(*(group(name) for name in value.removeprefix("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    return calls


def group(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    command = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()[1:]
    members = [line.strip() for line in lines]
    return set().union(*(group(one) for one in members if one and not one.startswith("#")))


@pytest.mark.parametrize("command", ["agent", "site"])
def test_no_system_call_outside_of_the_filter_is_made(
    command: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """From its start through its work to a clean end, with every library it loads."""
    need("systemd-analyze", "systemd")
    need("strace", "strace")
    let_through = allowed(HOME / "systemd" / f"dc-monitor-{command}.service")
    port = free_port()
    config, log, trace = tmp_path / "room.toml", tmp_path / "log", tmp_path / "trace"
    config.write_text(short_file(command, tmp_path, port, free_port()))
    others = ",".join(f"?{name}" for name in sorted(let_through))
    tracer = ["strace", "--follow-forks", "--seccomp-bpf", f"--output={trace}", "--trace", f"!{others}"]
    with log.open("wb") as stderr:
        process = start(command, "-c", str(config), stderr=stderr, under=tracer)
        try:
            wait_for(lambda: work(command, port), 60, "work done under strace")
        finally:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:  # strace passes no signal on
                os.kill(int(child), 15)
            process.wait(60)
            stop(process)

    assert "stopped" in log.read_text()
    made = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
    assert set() == made - WISHES[command] - (AS_ROOT_ONLY if os.geteuid() == 0 else set())


def work(command: str, port: int) -> bool:
    """Whether the agent has read its machine, or the site has taken a line and computed."""
    base = f"http://127.0.0.1:{port}"
    if command == "agent":
        with urllib.request.urlopen(f"{base}/metrics", timeout=10) as answer:
            return b"dcmon_device_up" in answer.read()
    body = b"power,site=site,device=a,point=total,level=total,method=measured watts=1 1795518000000000000\n"
    with urllib.request.urlopen(f"{base}/api/v2/write", data=body, timeout=10):
        pass
    with urllib.request.urlopen(f"{base}/api/v1/figures", timeout=30) as answer:
        return answer.status == 200
