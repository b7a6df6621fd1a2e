"""`dc-monitor discover` on a network of loopback addresses: real servers, the real command, a file that only grows."""

import asyncio
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dc_monitor.cli import main
from dc_monitor.clock import ManualClock, SystemClock
from dc_monitor.commands.discover_search import AT_ONCE, TRIES, Findings, Pace, Search
from dc_monitor.commands.discover_targets import Place, places
from dc_monitor.commands.progress import Progress
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.errors import Absent, Refused, Unreachable
from dc_monitor.readings import Reading, Series
from support import strangers
from support.snmp_agents import SmallAgent, parse_recording, snmpsim
from support.snmp_v3_agent import user, v3_agent

DATA = Path(__file__).resolve().parent / "data" / "snmp"
NAME, LOCATION, MAC = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.2.2.1.6.1"
SECRET = "xyzzy-7"


class Agent(SmallAgent):
    """An SNMP agent that hears other protocols on its port and stays silent."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[:1] == b"\x30":
            super().datagram_received(data, addr)


@asynccontextmanager
async def agent(fixture: str, host: str, port: int, **put: str) -> AsyncIterator[Agent]:
    """A fixture at an address of its own; `put` are sysName and sysLocation."""
    lines = (DATA / f"{fixture}.snmprec").read_text(encoding="utf-8").splitlines()
    one = Agent(dict(parse_recording(lines)), SECRET)
    for key, value in put.items():
        one.put({"name": NAME, "location": LOCATION}[key], value)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: one, local_addr=(host, port))
    try:
        yield one
    finally:
        transport.close()
        await asyncio.sleep(0)


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    return free_port()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCMON_CREDENTIAL_RO", f'{{version = "2c", community = "{SECRET}"}}')
    monkeypatch.setenv("DCMON_CREDENTIAL_V3", '{user = "monitor", auth = "sha256", auth_password = "authpass1234"}')
    monkeypatch.setattr("collectors.presence.PATIENCE", 0.5)


async def discover(*argv: str | Path) -> int:
    """The command, on a thread of its own, with short deadlines: loopback answers at once or never."""
    arguments = ["discover", *map(str, argv), "--timeout", "0.2", "--rate", "5000"]
    return await asyncio.get_running_loop().run_in_executor(None, main, arguments)


def run(work: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await work

    return asyncio.run(whole())


async def a_small_room(stack: AsyncExitStack, port: int, folder: Path) -> None:
    """A meter, a UPS, a PDU behind it, and four devices that nothing of ours can read yet."""
    for fixture, host, put in (
        ("main-meter", "127.0.0.2", {"name": "TGBT"}),
        ("ups-three-phase", "127.0.0.3", {"name": "ups-a.school.example", "location": "Server room"}),
        ("pdu-by-outlet", "127.0.0.4", {"name": "pdu-b3", "location": "Server room, rack B3, UPS A"}),
    ):
        await stack.enter_async_context(agent(fixture, host, port, **put))
    await stack.enter_async_context(strangers.tcp(strangers.modbus, "127.0.0.5", port))
    await stack.enter_async_context(strangers.tcp(strangers.redfish, "127.0.0.6", port, strangers.tls(folder)))
    await stack.enter_async_context(strangers.udp(strangers.ipmi, "127.0.0.7", port))
    await stack.enter_async_context(strangers.tcp(strangers.nut, "127.0.0.8", port))


def test_a_range_becomes_a_configuration_with_a_pue(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fourteen addresses: what is there, what it is, which figure becomes possible, and a file that says so."""
    file = tmp_path / "room.toml"

    async def work() -> int:
        async with AsyncExitStack() as stack:
            await a_small_room(stack, port, tmp_path)
            return await discover(f"127.0.0.0/28:{port}", "--credentials", "ro", "-o", file)

    assert 0 == run(work())
    shown = capsys.readouterr()
    data = tomllib.loads(file.read_text(encoding="utf-8"))

    assert [
        {"name": "tgbt", "address": f"snmp://127.0.0.2:{port}", "credentials": "ro"},
        {"name": "ups-a", "address": f"snmp://127.0.0.3:{port}", "credentials": "ro", "room": "Server room"},
        {
            "name": "pdu-b3",
            "address": f"snmp://127.0.0.4:{port}",
            "credentials": "ro",
            "room": "Server room",
            "rack": "B3",
        },
    ] == data["device"]
    assert {"tgbt/total": "total", "ups-a/output": "it", "pdu-b3/total": None} == {
        meter["reads"]: meter.get("role") for meter in data["meter"]
    }
    assert '# guess: fed_by = ["ups-a"] # its location says "UPS A"' in file.read_text(encoding="utf-8")
    assert "Looked at 14 of 14 addresses" in shown.out
    assert "PUE: possible, category 1" in shown.out
    for line in (
        f"127.0.0.5:{port} speaks Modbus/TCP (Acme PM-1 V2.5): no collector yet",
        f"127.0.0.6:{port} speaks Redfish (Acme Board 7): no collector yet",
        f"127.0.0.7:{port} speaks IPMI (version 2.0): no collector yet",
        f"127.0.0.8:{port} speaks NUT (ups-a, ups-b): no collector yet",
    ):
        assert line in shown.out
    assert "looking at 14 addresses, about " in shown.err
    assert SECRET not in shown.out + shown.err + file.read_text(encoding="utf-8")
    assert 0 == main(["check", "--offline", "-c", str(file)])


def test_a_second_search_only_adds(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person made of the file stays to the byte; a new device comes behind it, one that moved is told."""
    file = tmp_path / "room.toml"
    target = f"127.0.0.2-6:{port}"

    async def first() -> None:
        async with agent("main-meter", "127.0.0.2", port, name="tgbt"), agent("probe", "127.0.0.3", port) as probe:
            probe.values[tuple(map(int, MAC.split(".")))] = (4, bytes.fromhex("00c0b74d1102"))
            assert 0 == await discover(target, "--credentials", "ro", "-o", file)
            assert 0 == await discover(target, "--credentials", "ro", "-o", file)

    run(first())
    assert f"{file}: nothing to add" in capsys.readouterr().err
    name = tomllib.loads(file.read_text(encoding="utf-8"))["device"][1]["name"]
    mine = file.read_text(encoding="utf-8").replace(f'name = "{name}"', "name = 'cold-aisle'")
    mine += "# é: my own words, and no line end at the end"
    file.write_text(mine, encoding="utf-8")

    async def second() -> None:
        async with (
            agent("main-meter", "127.0.0.2", port, name="tgbt"),
            agent("probe", "127.0.0.6", port) as probe,
            agent("ups-three-phase", "127.0.0.4", port, name="tgbt"),
        ):
            probe.values[tuple(map(int, MAC.split(".")))] = (4, bytes.fromhex("00c0b74d1102"))
            assert 0 == await discover(target, "--credentials", "ro", "-o", file)

    run(second())
    shown = capsys.readouterr().out
    text = file.read_text(encoding="utf-8")

    assert mine == text[: len(mine)]
    assert ["tgbt", "cold-aisle", "tgbt-2"] == [device["name"] for device in tomllib.loads(text)["device"]]
    assert f"cold-aisle is now at snmp://127.0.0.6:{port}: change its address" in shown


def test_a_file_that_cannot_grow_is_told_and_left_alone(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind an inline list no table can stand: what would have been added is shown instead of lost."""
    file = tmp_path / "room.toml"
    before = 'device = [{name = "x", address = "snmp://10.0.0.1"}]\n'
    file.write_text(before, encoding="utf-8")

    async def work() -> int:
        async with agent("main-meter", "127.0.0.2", port):
            return await discover(f"127.0.0.2:{port}", "--credentials", "ro", "-o", file)

    assert 2 == run(work())
    shown = capsys.readouterr()
    assert before == file.read_text(encoding="utf-8")
    assert "[[device]]" in shown.out
    assert "the file is as it was, and what would have been added stands above" in shown.err


def test_without_a_file_the_proposal_is_what_stdout_gets(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be sent through a pipe; everything else goes to stderr."""

    async def work() -> int:
        async with agent("main-meter", "127.0.0.2", port, name="tgbt"):
            return await discover("--credentials", "ro", f"127.0.0.2:{port}", "--only", "snmp")

    assert 0 == run(work())
    shown = capsys.readouterr()
    assert ["tgbt"] == [device["name"] for device in tomllib.loads(shown.out)["device"]]
    assert "Devices (1)" in shown.err


def test_json_is_one_document(port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, model, profile, why, watts; what is proposed; which figure becomes possible."""

    async def work() -> int:
        async with agent("pdu-by-outlet", "127.0.0.4", port, name="pdu-1", location="rack 7"):
            return await discover(f"127.0.0.3-4:{port}", "--credentials", "ro", "--json")

    assert 0 == run(work())
    document = json.loads(capsys.readouterr().out)
    (device,) = document["devices"]

    assert (1, 2, 2, False) == tuple(document[key] for key in ("format", "total", "searched", "stopped"))
    assert ("pdu-1", None, "pdu", "APC", "AP8659", ["apc-rpdu2", "apc-rpdu"], "rack 7", "7") == tuple(
        device[key] for key in ("name", "known", "kind", "vendor", "model", "profiles", "location", "rack")
    )
    assert "sysObjectID 1.3.6.1.4.1.318.1.3.4.6 is apc-rpdu2 and apc-rpdu" == device["why"]
    assert {"point": "total", "watts": 650.0, "quality": "measured"} in device["watts"]
    assert [("pue", False)] == [(figure["kpi"], figure["possible"]) for figure in document["figures"]]
    assert "[[device]]" in document["proposal"]


def test_recordings_of_real_devices_are_found_behind_snmpsim(
    shared: Path, port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else's agent, and what real devices said: three addresses, one community, three kinds of device."""
    recordings = ("eaton-xups-3ph", "apc-ap8959eu3", "janitza-umg604")
    engines = []
    for nth, name in enumerate(recordings[1:], 3):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "xyzzy-7.snmprec").write_bytes((shared / "devices/snmp" / f"{name}.snmprec").read_bytes())
        engines += ["--v3-engine-id=auto", f"--data-dir={folder}", f"--agent-udpv4-endpoint=127.0.0.{nth}:{port}"]
    first = tmp_path / "xyzzy-7.snmprec"
    first.write_bytes((shared / "devices/snmp" / f"{recordings[0]}.snmprec").read_bytes())

    with snmpsim([first], tmp_path, [*engines, "--v3-engine-id=auto"]) as other:
        argv = [f"127.0.0.1:{other}", f"127.0.0.2-5:{port}", "--credentials", "ro", "--only", "snmp", "--json"]
        assert 0 == main(["discover", *argv, "--timeout", "1"])
    document = json.loads(capsys.readouterr().out)

    roles = {meter["name"]: meter["role"] for meter in document["meters"]}
    assert [("ups", "it"), ("pdu", "other"), ("meter", "total")] == [
        (device["kind"], roles[device["name"]]) for device in document["devices"]
    ]
    assert [True] == [figure["possible"] for figure in document["figures"]]


def test_nothing_that_answers_is_told_with_its_likely_causes(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == run(discover(f"127.0.0.2-3:{port}", "--credentials", "ro"))
    assert "nothing answered at 2 addresses: is this machine in their network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["10.0.0.0/8"], "16,777,216 addresses, and 65,536 are the most of one run"),
        ([], "where? name an address, a range such as 10.0.0.0/24"),
        (["127.0.0.1", "--only", "telnet"], '"telnet": nothing installed looks for that protocol; known: ipmi, modbus'),
        (["gopher://127.0.0.1"], '"gopher": nothing installed looks for that protocol'),
        (["127.0.0.1", "--credentials", "nobody"], 'credentials "nobody": nowhere to find them'),
        (["127.0.0.1", "--credentials", "token"], 'credentials "token": nothing that is looked for takes them'),
        (["127.0.0.1", "--credentials", "bad"], "bad: credentials: SNMPv3 needs `user`"),
        (["127.0.0.1", "-o", "/nowhere/room.toml"], "/nowhere/room.toml: cannot be written"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_before_anybody_is_asked(
    argv: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DCMON_CREDENTIAL_TOKEN", '{token = "t"}')
    monkeypatch.setenv("DCMON_CREDENTIAL_BAD", '{version = "3", community = "c"}')

    assert main(["discover", *argv]) in (1, 2)
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert ("", 1) == (shown.out, shown.err.count("\n"))


def test_a_file_with_a_mistake_is_told_before_the_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An hour's search shall not end at a typing error."""
    file = tmp_path / "room.toml"
    file.write_text("[agent]\ninteval = 3\n", encoding="utf-8")

    assert 2 == main(["discover", "127.0.0.1", "-o", str(file)])
    assert 'room.toml: agent.inteval: unknown key; did you mean "interval"?' in capsys.readouterr().err


def test_ctrl_c_keeps_and_writes_what_was_found(port: int, tmp_path: Path) -> None:
    """At a terminal, with its bar: one device found, the rest of the range not yet."""
    file = tmp_path / "room.toml"
    argv = [f"127.0.0.2-60:{port}", "--credentials", "ro", "--only", "snmp", "--rate", "4", "-o", str(file)]

    def stopped() -> tuple[int, str]:
        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                [sys.executable, "-m", "dc_monitor", "discover", *argv], stdout=theirs, stderr=theirs
            ) as process:
                shown, sent = "", False
                end = time.monotonic() + 30
                while process.poll() is None and time.monotonic() < end:
                    if select.select([ours], [], [], 0.1)[0]:
                        shown += os.read(ours, 4096).decode()
                    if "1 found" in shown and not sent:
                        sent = True
                        process.send_signal(signal.SIGINT)
                while select.select([ours], [], [], 0)[0]:
                    shown += os.read(ours, 4096).decode()
                return process.wait(5), shown
        finally:
            os.close(ours)
            os.close(theirs)

    async def work() -> tuple[int, str]:
        async with agent("main-meter", "127.0.0.2", port, name="tgbt"):
            return await asyncio.to_thread(stopped)

    code, shown = run(work())

    assert 130 == code, shown
    assert "stopped by Ctrl-C; this is what was found until then" in shown
    assert "of 59 addresses, 1 found, about " in shown
    assert ["tgbt"] == [device["name"] for device in tomllib.loads(file.read_text(encoding="utf-8"))["device"]]


# The search itself, with scripted protocols.


class Scripted:
    """A protocol that answers as told: by host, a word or an error; notes when it was asked what."""

    title, port, packets = "Scripted", 9, 1

    def __init__(self, answers: Mapping[str, Any], clock: Any = None) -> None:
        self.answers, self.clock = answers, clock
        self.asked: list[tuple[str, str]] = []
        self.times: list[float] = []
        self.at_once = self.most_at_once = 0

    def suits(self, table: Mapping[str, Any]) -> bool:
        return "token" not in table

    async def __call__(self, host: str, port: int, table: Mapping[str, Any], deadline: float) -> str:
        self.asked.append((host, table.get("user") or table.get("community") or ""))
        self.times.append(self.clock.monotonic() if self.clock else 0.0)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        answer = self.answers.get(host, Unreachable("no answer"))
        answer = answer.get(self.asked[-1][1], Unreachable("no answer")) if isinstance(answer, dict) else answer
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


class Collected:
    """A collector of the scripted protocol."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def open(self) -> DeviceInfo:
        return DeviceInfo("pdu", name=self.target.device)

    async def collect(self) -> Poll:
        return Poll([Reading(Series(self.target.device, "total", "power", "total"), 5.0, 1)])

    async def close(self) -> None:
        pass


TABLES = {"two": {"community": "two"}, "three": {"user": "three"}, "other": {"community": "other"}}


def searched(probe: Scripted, *targets: str, tables: Mapping[str, Mapping[str, Any]] = TABLES) -> Findings:
    """What one search finds."""
    where = places(targets)
    findings = Findings(len(where))
    search = Search({"fake": probe}, {"fake": Collected}, tables, SystemClock(), 1.0, 1e9)
    run(search.run(where, findings, lambda so_far: None))
    return findings


def test_users_of_snmpv3_are_tried_before_communities_and_each_twice() -> None:
    """A community is sent for all to read: only where no user was taken. One try and one more, nothing guessed."""
    silent = Scripted({})
    searched(silent, "10.0.0.1")
    assert [("10.0.0.1", name) for name in ("three", "three", "two", "two", "other", "other")] == silent.asked

    taken = Scripted({"10.0.0.1": {"three": ""}})
    findings = searched(taken, "10.0.0.1")
    assert [("10.0.0.1", "three")] == taken.asked
    assert [("fake://10.0.0.1", "three")] == [(one.address, one.credentials) for one in findings.devices]


def test_a_closed_port_is_asked_once_and_for_nothing_else() -> None:
    closed = Scripted({"10.0.0.1": Absent("closed")})

    assert [] == searched(closed, "10.0.0.1").devices
    assert [("10.0.0.1", "three")] == closed.asked


def test_credentials_that_are_refused_are_told_unless_others_were_taken() -> None:
    refused = Scripted({"10.0.0.1": {"three": Refused("there is no such user")}})
    assert ["10.0.0.1 speaks Scripted, and does not take three: there is no such user"] == searched(
        refused, "10.0.0.1"
    ).troubles

    then = Scripted({"10.0.0.1": {"three": Refused("there is no such user"), "two": ""}})
    findings = searched(then, "10.0.0.1")
    assert ([], "two") == (findings.troubles, findings.devices[0].credentials)


def test_one_hosts_odd_answer_does_not_end_the_search() -> None:
    odd = Scripted({"10.0.0.1": ZeroDivisionError("division by zero"), "10.0.0.2": {"three": ""}})
    findings = searched(odd, "10.0.0.1-2")

    assert ["10.0.0.1: a fault of our own: ZeroDivisionError: division by zero; please report it"] == findings.troubles
    assert ["fake://10.0.0.2"] == [one.address for one in findings.devices]


def test_a_host_that_nobody_knows_is_told() -> None:
    findings = searched(Scripted({}), "no-such-host.invalid")

    assert ["no-such-host.invalid: no such host"] == [one.partition(" (")[0] for one in findings.troubles]


def test_never_more_hosts_at_once_than_allowed_and_never_faster() -> None:
    """Five hundred hosts, 200 packets a second: two and a half seconds for each round of questions."""
    clock = ManualClock()
    probe = Scripted({}, clock)
    where = places(["10.0.0.0-10.0.1.243"])
    search = Search({"fake": probe}, {}, {}, clock, 1.0, 200.0)
    run(search.run(where, Findings(len(where)), lambda so_far: None))

    assert 500 * TRIES == len(probe.asked)
    assert probe.most_at_once <= AT_ONCE
    assert 1_000 / 200 == pytest.approx(clock.monotonic(), abs=0.1)


def test_the_time_it_takes_is_estimated_before() -> None:
    """By packets where there are many hosts, by waiting where there are few."""
    search = Search({"fake": Scripted({})}, {}, TABLES, ManualClock(), 0.5, 100.0)

    assert 3 * TRIES * 0.5 == search.seconds(places(["10.0.0.1"]))
    assert 10_000 * 3 * TRIES / 100.0 == search.seconds([Place(f"h{nth}") for nth in range(10_000)])


def test_progress_is_plain_lines_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then one, and none when all is done: the report follows."""
    monkeypatch.setattr("dc_monitor.commands.progress.SAID_EVERY", 0.0)
    stream = io.StringIO()
    progress = Progress(3, "addresses", stream)
    for done in (1, 2, 3):
        progress.at(done, "0 found")
    progress.end()

    assert ["1 of 3 addresses, 0 found", "2 of 3 addresses, 0 found"] == [
        line.partition(", about")[0] for line in stream.getvalue().splitlines()
    ]


def test_a_pace_lets_nobody_catch_up() -> None:
    """After a pause packets go as slowly as before."""
    clock = ManualClock()
    pace = Pace(clock, 10.0)

    async def work() -> float:
        await pace.turn(1)
        clock.advance(60.0)
        began = clock.monotonic()
        for _ in range(11):
            await pace.turn(1)
        return clock.monotonic() - began

    assert 1.0 == pytest.approx(run(work()))


def test_nobody_is_asked_with_a_secret_that_was_not_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Without credentials the only SNMP question is SNMPv3's own beginning, which holds no name at all."""

    async def work() -> list[bytes]:
        async with strangers.udp(strangers.silent) as (port, received):
            await discover(f"127.0.0.1:{port}", "--only", "snmp")
            return received

    received = run(work())
    assert TRIES == len(received)
    assert all(b"\x02\x01\x03" in one and b"public" not in one for one in received)
    assert "SNMP was asked without credentials, and none is guessed" in capsys.readouterr().err


def test_an_snmpv3_engine_that_does_not_know_the_user_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It is there, it speaks, and a person must act."""
    lines = (DATA / "probe.snmprec").read_text(encoding="utf-8").splitlines()

    async def work() -> int:
        async with v3_agent(lines, user("somebody")) as (_, address):
            return await discover(address, "--credentials", "v3")

    assert 0 == run(work())
    assert (
        "speaks SNMP, and does not take v3: the agent refuses this user: there is no such user"
        in capsys.readouterr().err
    )
