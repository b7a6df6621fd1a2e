"""`dc-monitor read`: one poll of one device, for people and for programs."""

import argparse
import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dc_monitor.cli import main
from dc_monitor.clock import ManualClock
from dc_monitor.commands import read as command
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.errors import Unreachable
from dc_monitor.readings import Reading, Series
from support.snmp_agents import small_agent

NOON = 1_795_518_000_123_456_789
DATA = Path(__file__).resolve().parent / "data" / "snmp"
INFO = DeviceInfo("ups", "Noname", "Tower 20", "1.07", ("rfc1628",), "it said so", ("battery current",))
POLL = Poll(
    [
        Reading(Series("ups-a", "output/l1", "power", "phase", "1.3.6.1.2.1.33.1.4.4.1.4.1"), 1540.0, NOON),
        Reading(Series("ups-a", "output/source", "state", "total", "1.3.6.1.2.1.33.1.4.1.0"), 3.0, NOON, "normal"),
        Reading(
            Series("ups-a", "output/total", "power", "total", "estimated from output", "estimated", "rack 3"),
            318.6,
            NOON,
            None,
            212.3,
            354.4,
        ),
    ],
    ("1 of 4 values: no longer there",),
)


class Scripted:
    """A collector that answers INFO and POLL, or fails; notes whether it was closed."""

    closed = 0

    def __init__(self, target: Target, fails: bool = False) -> None:
        self.fails = fails

    async def open(self) -> DeviceInfo:
        return INFO

    async def collect(self) -> Poll:
        if self.fails:
            raise Unreachable("cannot read rfc1628 from ups-a (10.0.0.12:161): no answer in 2 s, 2 tries")
        return POLL

    async def close(self) -> None:
        Scripted.closed += 1


def arguments(**changes: Any) -> argparse.Namespace:
    plain = {"address": "fake://ups-a", "credentials": "", "credentials_file": None, "profile": "", "json": False}
    return argparse.Namespace(**{**plain, "timeout": 2.0, **changes})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let every scheme be the scripted collector."""

    def put(fails: bool) -> None:
        monkeypatch.setattr(command, "factory", lambda scheme: lambda target: Scripted(target, fails))

    return put


@pytest.mark.parametrize("fails", [False, True])
def test_the_collector_is_closed_whatever_happens(fails: bool) -> None:
    """A session left open is a socket lost."""
    before = Scripted.closed
    target = Target("ups-a", "fake://ups-a", ManualClock())
    reading = command.read(target, lambda target: Scripted(target, fails))
    if fails:
        with pytest.raises(Unreachable):
            asyncio.run(reading)
    else:
        assert (INFO, POLL) == asyncio.run(reading)

    assert 1 == Scripted.closed - before


def test_json_is_one_document_of_the_agreed_form(
    scripted: Callable[[bool], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Symbols for units, ISO 8601 to the nanosecond for times, `quality` for how a value came to be."""
    scripted(False)
    assert 0 == command.run(arguments(json=True))
    shown = capsys.readouterr()
    document = json.loads(shown.out)

    assert {
        "name": "ups-a",
        "kind": "ups",
        "vendor": "Noname",
        "model": "Tower 20",
        "firmware": "1.07",
        "profiles": ["rfc1628"],
        "why": "it said so",
        "left_out": ["battery current"],
    } == document["device"]
    assert {
        "device": "ups-a",
        "point": "output/l1",
        "quantity": "power",
        "value": 1540.0,
        "unit": "W",
        "time": "2026-11-24T11:00:00.123456789Z",
        "source": "1.3.6.1.2.1.33.1.4.4.1.4.1",
        "quality": "measured",
        "level": "phase",
    } == document["readings"][0]
    assert (3.0, "code", "normal") == tuple(document["readings"][1][key] for key in ("value", "unit", "text"))
    assert ("estimated", 212.3, 354.4) == tuple(document["readings"][2][key] for key in ("quality", "low", "high"))
    assert "not answered: 1 of 4 values: no longer there\n" == shown.err


def test_a_table_is_aligned_and_says_what_is_not_measured(
    scripted: Callable[[bool], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers to the right, the word of a state, the bounds of an estimate, the name people gave."""
    scripted(False)
    assert 0 == command.run(arguments())

    assert [
        "ups Noname Tower 20 1.07",
        "it said so",
        "left out: battery current",
        "",
        "point          quantity  value  unit                            label",
        "output/l1      power     1 540  W",
        "output/source  state         3        normal",
        "output/total   power     318.6  W     estimated 212.3 to 354.4  rack 3",
    ] == capsys.readouterr().out.splitlines()


def test_an_unreachable_device_is_one_sentence_and_exit_code_1(
    scripted: Callable[[bool], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on stdout, so that a pipe gets nothing half."""
    scripted(True)

    assert 1 == main(["read", "fake://ups-a"])
    shown = capsys.readouterr()
    assert ("", 1) == (shown.out, shown.err.count("\n"))
    assert "no answer in 2 s, 2 tries" in shown.err


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("10.0.0.12", "expected an address such as snmp://10.0.0.12"),
        ("gopher://10.0.0.12", 'no collector speaks "gopher://"; known:'),
        ("snmp://10.0.0.12:99999", "expected snmp://host"),
        ("snmp://10.0.0.12", "SNMP needs credentials, and none is guessed"),
        ("host://10.0.0.12", "expected host://"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_sentence_and_exit_code_2(
    address: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was sent, and the cure is in the sentence."""
    assert 2 == main(["read", address])

    shown = capsys.readouterr()
    assert sentence in shown.err
    assert 1 == shown.err.count("\n")


@pytest.mark.parametrize("engine", ["", "?engine=pysnmp"])
def test_a_real_read_over_loopback(
    engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, the entry point, the credentials and the collector together; the engine is no part of the name."""
    monkeypatch.setenv("DCMON_CREDENTIAL_SNMP_READONLY", '{version = "2c", community = "lab"}')

    async def run() -> int:
        async with small_agent(DATA / "probe.snmprec") as (_, address):
            argv = ["read", f"{address}{engine}", "--credentials", "snmp-readonly", "--json"]
            return await asyncio.get_running_loop().run_in_executor(None, main, argv)

    assert 0 == asyncio.run(run())
    document = json.loads(capsys.readouterr().out)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", document["device"]["name"])
    assert ["akcp-sensorprobe"] == document["device"]["profiles"]
    assert {24.1} == {one["value"] for one in document["readings"] if one["quantity"] == "temperature"}
