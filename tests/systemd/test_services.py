"""Both services under the real systemd, installed by the documented commands, in the sandbox of their units.

Real parts throughout: users, folders, secrets handed over, seccomp, watchdog; SNMP devices are the simulated room's.
"""

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from support.processes import wait_for
from systemd.machine import Machine, interpreter_shown, machine

HOME = Path(__file__).resolve().parents[2]
SERVICES = ("dc-monitor-agent", "dc-monitor-site")
AGENT, SITE = SERVICES
TOKEN = "a-token-nobody-else-has"
ETC = "etc/dc-monitor"
ROOM = """
[[meter]]
name = "utility"
reads = "main-meter/total"
role = "total"
class = 0.5

[[meter]]
name = "it"
reads = "ups-a/output"
role = "it"
class = 1.0
fed_by = ["utility"]

[receive]
token = "site-token"
flush = "1 s"
"""
IMPATIENT = "[Service]\nWatchdogSec=3\nRestartSec=100ms\n"
"""What a test changes of the units: a minute is long."""


@dataclass
class Room:
    """A machine with both services, and the simulated devices they read."""

    machine: Machine
    devices: dict[str, str]
    community: str

    def write(self, path: str, text: str) -> None:
        """A file of the machine; one that is there keeps its owner and mode."""
        file = self.machine.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def agent_file(self, devices: dict[str, str]) -> str:
        tables = [
            f'[[device]]\nname = "{name}"\naddress = "{address}"\n'
            + ("" if address == "host://" else 'credentials = "snmp"\n')
            for name, address in devices.items()
        ]
        return (
            "\n".join(tables) + '[agent]\ninterval = 1\n[send]\nurl = "http://127.0.0.1:8427"\ntoken = "site-token"\n'
        )

    def now(self) -> dict:
        """What the page shows."""
        return json.loads(self.machine.run(sys.executable, "-c", FETCH, "http://127.0.0.1:8427/api/v1/now"))

    def answering(self) -> set[str]:
        """Names of the devices that answer, by the page."""
        return {device["name"] for device in self.now()["devices"] if device["state"] == "ok"}

    def inside(self, service: str, *command: str) -> str:
        """Run a command where the service lives: its files, its /proc."""
        pid = self.machine.show(service, "MainPID")
        return self.machine.run("nsenter", f"--target={pid}", "--mount", "--root", "--wd", *command, check=False)

    def status(self, service: str) -> dict[str, str]:
        """Its /proc/PID/status."""
        pid = self.machine.show(service, "MainPID")
        lines = self.machine.run("cat", f"/proc/{pid}/status").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def documented(*commands: str) -> str:
    """The lines of the section Install that begin with `sudo` and one of `commands`."""
    section = (HOME / "docs" / "services.md").read_text(encoding="utf-8").split("\n## Install\n")[1].split("\n## ")[0]
    lines = [line.removeprefix("sudo ") for line in section.splitlines() if line.startswith("sudo ")]
    return "\n".join(line for line in lines if line.startswith(commands))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Installed and started once: first with an empty file of secrets and no device but the machine itself."""
    with machine(tmp_path_factory.mktemp("machine")) as booted:
        program = booted.root / "opt" / "dc-monitor" / "bin" / "dc-monitor"
        program.parent.mkdir(parents=True)
        program.symlink_to(Path(sys.executable).with_name("dc-monitor"))
        install = documented("install", "systemd-sysusers", "systemd-tmpfiles")
        booted.run("bash", "-euc", f"cd {shlex.quote(str(HOME))}\n{install}")
        with booted.start(sys.executable, "-m", "dc_monitor.simulator") as simulator:
            assert simulator.stdout is not None
            told = json.loads(simulator.stdout.readline())
            addresses = {one["name"]: one["address"] for one in told["devices"]}
            room = Room(booted, {"here": "host://", **addresses}, told["community"])
            for service in SERVICES:
                room.write(f"etc/systemd/system/{service}.service.d/here.conf", f"[Service]\n{interpreter_shown()}")
                room.write(f"etc/systemd/system/{service}.service.d/test.conf", IMPATIENT)
            room.write(f"{ETC}/agent.toml", '[[device]]\nname = "here"\naddress = "host://"\n')
            booted.run("bash", "-euc", documented("systemctl"))
            yield room
            simulator.kill()


def test_both_start_with_an_empty_file_of_secrets(room: Room) -> None:
    """A first agent reads its own machine, and has no secret to keep."""
    assert "-rw------- 1 root root 0 " in room.machine.run("ls", "-l", f"/{ETC}/credentials.toml")
    assert ["active", "active"] == room.machine.run("systemctl", "is-active", *SERVICES).split()
    assert "enabled" in room.machine.run("systemctl", "is-enabled", AGENT)
    wait_for(lambda: "here: Linux" in room.machine.log(AGENT), 20, "its own machine is read")


def test_a_room_is_read_through_the_sandbox(room: Room) -> None:
    """Secrets come from systemd, readings arrive with the token, and figures are computed: numba and all."""
    secrets = f'[snmp]\nversion = "2c"\ncommunity = "{room.community}"\n[site-token]\ntoken = "{TOKEN}"\n'
    room.write(f"{ETC}/credentials.toml", secrets)
    room.write(f"{ETC}/agent.toml", room.agent_file(room.devices))
    room.write(f"{ETC}/site.toml", ROOM)
    room.machine.run("systemctl", "restart", *SERVICES)

    wait_for(lambda: room.now()["headline"]["power"]["watts"], 60, "watts on the page")
    wait_for(lambda: {*room.devices} == room.answering(), 30, "every device is on the page")
    wait_for(
        lambda: room.machine.run("find", "/var/cache/dc-monitor", "-name", "*.nbi"), 60, "what numba compiled is kept"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_rights(room: Room, service: str) -> None:
    status = room.status(service)
    uid = room.machine.run("id", "-u", "dc-monitor").strip()

    assert [uid] * 4 == status["Uid"].split()
    assert {"0" * 16} == {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert ("1", "2") == (status["NoNewPrivs"], status["Seccomp"])


@pytest.mark.parametrize(("service", "its", "other"), [(AGENT, "agent", "site"), (SITE, "site", "agent")])
def test_a_service_writes_its_own_folder_and_sees_neither_the_other_nor_homes(
    room: Room, service: str, its: str, other: str
) -> None:
    assert "drwx------ dc-monitor" in room.machine.run("stat", "-c", "%A %U", f"/var/lib/dc-monitor/{its}")
    assert "" == room.inside(service, "ls", "-A", f"/var/lib/dc-monitor/{other}")
    assert "Read-only file system" in room.inside(service, "touch", f"/{ETC}/agent.toml")
    assert "" == room.inside(service, "ls", "-A", "/home")
    assert "drwx------ dc-monitor" in room.machine.run("stat", "-c", "%A %U", "/var/cache/dc-monitor")


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_the_log_the_environment_or_the_command_line(room: Room, service: str) -> None:
    pid = room.machine.show(service, "MainPID")
    said = room.machine.log(service) + room.machine.run("cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")

    assert [] == [secret for secret in (TOKEN, room.community) if secret in said]


def test_check_runs_as_the_service_itself(room: Room) -> None:
    """The documented command, as a unit, for systemd-run wants a message bus: the service's user, folder and secrets.

    Both ports are held by ours, and that is well.
    """
    section = (HOME / "docs" / "services.md").read_text(encoding="utf-8")
    words = shlex.split(section.split("sudo systemd-run")[1].split("```")[0].replace("\\\n", " "))
    program = next(at for at, word in enumerate(words) if word.startswith("/"))
    lines = [
        "[Service]",
        "Type=oneshot",
        *(option for flag, option in pairwise(words[:program]) if flag == "-p"),
        interpreter_shown(),
        "StandardOutput=file:/run/said",
        f"ExecStart={' '.join(words[program:])}",
    ]
    room.write("etc/systemd/system/check.service", "\n".join(lines))
    room.machine.run("systemctl", "daemon-reload")
    room.machine.run("systemctl", "start", "check", check=False)
    said = room.machine.run("cat", "/run/said")

    assert "an agent listens on 127.0.0.1:9105 already" in said
    assert "/var/lib/dc-monitor/agent can be written" in said
    assert "http://127.0.0.1:8427: takes data with this token" in said
    assert said.endswith("All is well.\n")
    assert "success" == room.machine.show("check", "Result")


def test_reload_takes_up_a_new_file_in_the_same_process(room: Room) -> None:
    before = room.machine.show(AGENT, "MainPID")
    fewer = {name: address for name, address in room.devices.items() if name != "pdu-b"}
    room.write(f"{ETC}/agent.toml", room.agent_file(fewer))
    room.machine.run("systemctl", "reload", AGENT)

    wait_for(lambda: "removed (pdu-b)" in room.machine.log(AGENT), 20, "the log tells what changed")
    assert (before, "active") == (room.machine.show(AGENT, "MainPID"), room.machine.show(AGENT, "ActiveState"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_hangs_is_started_again(room: Room, service: str) -> None:
    """A stopped process beats no more; systemd kills it and starts another one."""
    before = room.machine.show(service, "MainPID")
    room.machine.run("kill", "-STOP", before)

    wait_for(lambda: room.machine.show(service, "NRestarts") == "1", 30, "the watchdog bites")
    wait_for(lambda: room.machine.show(service, "ActiveState") == "active", 30, "it is up again")
    assert before != room.machine.show(service, "MainPID")


def test_a_file_that_cannot_be_used_is_left_to_a_person(room: Room) -> None:
    """Failed and seen to be, not started again every five seconds; its last line says why."""
    room.write(f"{ETC}/agent.toml", room.agent_file(room.devices) + "\n[sight]\n")
    room.machine.run("systemctl", "restart", AGENT, check=False)

    assert ("failed", "2") == (room.machine.show(AGENT, "ActiveState"), room.machine.show(AGENT, "ExecMainStatus"))
    assert 'unknown key; did you mean \\"site\\"?' in room.machine.log(AGENT)


def test_secrets_may_be_encrypted_on_the_disk(room: Room) -> None:
    """The documented commands and lines, with the plain file gone."""
    section = (HOME / "docs" / "services.md").read_text(encoding="utf-8").split("**Secrets encrypted")[1]
    commands, lines = section.split("```sh\n")[1].split("```")[0], section.split("```ini\n")[1].split("```")[0]
    room.machine.run("bash", "-euc", commands.replace("sudo ", ""))
    room.write(f"etc/systemd/system/{AGENT}.service.d/encrypted.conf", lines)
    room.write(f"{ETC}/agent.toml", room.agent_file(room.devices))
    room.machine.run("systemctl", "daemon-reload")
    room.machine.run("systemctl", "restart", AGENT)

    wait_for(lambda: {*room.devices} == room.answering(), 30, "every device is on the page again")


def test_both_stop_cleanly(room: Room) -> None:
    """The last thing this machine does."""
    room.machine.run("systemctl", "stop", *SERVICES)

    for service in SERVICES:
        assert ("inactive", "success", "0") == tuple(
            room.machine.show(service, key) for key in ("ActiveState", "Result", "ExecMainStatus")
        )
