"""Devices that answer wrongly, read by a real agent for a real site: the archive holds right values, or nothing.

All are read at once, well at first, then each with its fault, then well again; what the archive then has of each is a
test of its own.
"""

import asyncio
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dc_monitor.clock import NANOSECONDS
from dc_monitor.history.archive import Archive
from dc_monitor.history.columns import Samples
from support.counting import END_OF_TIME, LISTENS, SITE, Room
from support.processes import stop, wait_for
from support.snmp_agents import GET, Oid, SmallAgent, Value, encode_number, oid_of, small_agent

DESCR, OBJECT_ID, UPTIME = (f"1.3.6.1.2.1.1.{number}.0" for number in (1, 2, 3))
BATTERY_STATUS, INPUT_CURRENT = "1.3.6.1.2.1.33.1.2.1.0", "1.3.6.1.2.1.33.1.3.3.1.4"
BANK_CURRENT, BANK_NUMBER = "1.3.6.1.4.1.318.1.1.12.2.3.1.1.2", "1.3.6.1.4.1.318.1.1.12.2.3.1.1.5"
UPS = [f"{DESCR}|4|a UPS", f"{OBJECT_ID}|6|1.3.6.1.4.1.99.1", f"{BATTERY_STATUS}|2|2"]
PDU = [f"{DESCR}|4|a PDU", f"{OBJECT_ID}|6|1.3.6.1.4.1.318.1.3.4.4"]
ROWS = 60
"""More than one request holds."""
A_WHILE = 12
"""So many requests of the device that is well: six polls, at two requests each."""


class Ups(SmallAgent):
    """No two of its answers are alike: line n has `answer × 100 + n` tenths of an ampere."""

    answers = 0
    rows = ROWS
    booted = -1_000_000.0

    def _look_up(
        self, kind: int, asked: list[Oid], *how: Any, **more: Any
    ) -> tuple[int | None, list[tuple[Oid, Value]]]:
        self.answers += 1
        self.values[oid_of(UPTIME)] = (0x43, encode_number(round((time.monotonic() - self.booted) * 100)))
        self.fill()
        return super()._look_up(kind, asked, *how, **more)

    def fill(self) -> None:
        """Put the table as it is for this answer."""
        self.remove(INPUT_CURRENT)
        for line in range(1, self.rows + 1):
            self.put(f"{INPUT_CURRENT}.{line}", self.answers * 100 + line)


class Pdu(Ups):
    """Bank n has n amperes. `boot` lets it start anew in the middle of a poll, with its table upside down."""

    boot = upside_down = False

    def _look_up(
        self, kind: int, asked: list[Oid], *how: Any, **more: Any
    ) -> tuple[int | None, list[tuple[Oid, Value]]]:
        if self.boot and kind == GET and oid_of(f"{BANK_CURRENT}.1") not in asked:
            self.boot, self.upside_down, self.booted = False, True, time.monotonic()
        return super()._look_up(kind, asked, *how, **more)

    def fill(self) -> None:
        for row in range(1, ROWS + 1):
            bank = ROWS + 1 - row if self.upside_down else row
            self.put(f"{BANK_CURRENT}.{row}", bank * 10)
            self.put(f"{BANK_NUMBER}.{row}", bank)


HARMLESS: dict[str, Mapping[str, object]] = {
    "well": {},
    "twice": {"times": 2},
    "stale": {"late": True},
    "cut": {"cut": 20},
}
"""Every answer twice; the one before it first; only the first twenty values of a long one."""
SILENT: dict[str, Mapping[str, object]] = {
    "late": {"delay": 0.4},
    "foreign": {"foreign": True},
    "babbling": {"garbage": bytes(range(256))},
    "panicking": {"garbage": b"\xff" * 1500},
}
"""Too late for the question; with another request's id; no SNMP; and what makes the SNMP engine panic."""
OTHERS: dict[str, Mapping[str, object]] = {"half": {"rows": ROWS // 2}, "rebooting": {"boot": True}}
FAULTS = HARMLESS | SILENT | OTHERS


@dataclass(frozen=True)
class Scene:
    """What the archive has, and when the faults began and ended (nanoseconds UTC)."""

    archive: Archive
    began: int
    ended: int
    log: str

    def currents(self, device: str) -> dict[int, Samples]:
        """The samples of each line or bank of a device."""
        found = self.archive.read(SITE, 0, END_OF_TIME)
        return {
            int(point.rpartition("/")[2].lstrip("l")): samples
            for (name, point, quantity), samples in found.items()
            if (name, quantity) == (device, "current")
        }

    def during(self, times: Iterable[int]) -> int:
        """How many of these times lie within the faults; an answer from just before may be read just after."""
        return sum(self.began + NANOSECONDS // 10 < time < self.ended for time in times)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return asyncio.run(played(tmp_path_factory.mktemp("devices")))


async def played(folder: Path) -> Scene:
    """Read all devices before, during and after their faults."""
    credentials = folder / "credentials.toml"
    credentials.touch(0o600)
    credentials.write_text('[lab]\nversion = "2c"\ncommunity = "lab"\n', encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with AsyncExitStack() as stack:
        devices: dict[str, SmallAgent] = {}
        tables = ""
        for name in FAULTS:
            recording, kind = (PDU, Pdu) if name == "rebooting" else (UPS, Ups)
            devices[name], address = await stack.enter_async_context(small_agent(recording, make=kind))
            tables += f'[[device]]\nname = "{name}"\naddress = "{address}"\ncredentials = "lab"\ninterval = 0.5\n'
            tables += "timeout = 0.25\n"
        room = stack.enter_context(Room(folder, port, devices=0, also=tables))
        site = room.start("site")

        async def see(what: str, names: Iterable[str] = FAULTS) -> None:
            seen = len(devices["well"].requests)
            for condition in (
                lambda: len(devices["well"].requests) > seen + A_WHILE,
                lambda: all(what.format(name) in room.said() for name in names),
            ):
                await asyncio.to_thread(wait_for, condition, 60, what)

        await asyncio.to_thread(wait_for, lambda: LISTENS in room.said(), 60, "the site")
        agent = room.start("agent", "--credentials-file", str(credentials))
        await see("INFO {}: ")
        began = time.time_ns()
        usual = {name: {fault: getattr(devices[name], fault) for fault in faults} for name, faults in FAULTS.items()}
        for name, faults in FAULTS.items():
            vars(devices[name]).update(faults)
        await see("{}: ", SILENT)
        ended = time.time_ns()
        for name, before in usual.items():
            vars(devices[name]).update(before)
        await see("{} answers again", SILENT)
        await asyncio.to_thread(stop, agent)
        await asyncio.to_thread(stop, site)
    return Scene(Archive(room.data / "archive"), began, ended, room.said())


@pytest.mark.parametrize("device", [*HARMLESS, *SILENT, "half"])
def test_no_value_of_another_answer_or_another_line_is_archived(scene: Scene, device: str) -> None:
    """Each line has only numbers of its own, and each answer's once."""
    currents = scene.currents(device)
    assert [*range(1, ROWS + 1)] == sorted(currents)
    for line, samples in currents.items():
        counts = [round(value * 10) for value in samples.value]
        assert {line} == {count % 100 for count in counts}
        answers = [count // 100 for count in counts]
        assert sorted({*answers}) == answers


@pytest.mark.parametrize("device", HARMLESS)
def test_answers_that_are_doubled_stale_or_cut_short_cost_no_reading(scene: Scene, device: str) -> None:
    """What came wrongly is passed over or asked again, within the same poll."""
    for samples in scene.currents(device).values():
        assert scene.during(samples.time.tolist()) >= A_WHILE // 2 - 1
    assert f"WARNING {device}" not in scene.log


@pytest.mark.parametrize("device", SILENT)
def test_where_there_was_no_answer_there_is_a_hole_and_a_reason(scene: Scene, device: str) -> None:
    """Neither the last value again nor a zero: nothing, until the device answers."""
    for samples in scene.currents(device).values():
        assert 0 == scene.during(samples.time.tolist())
        assert samples.time[0] < scene.began < scene.ended < samples.time[-1]
    told = [
        line for line in scene.archive.rows(SITE, "device", scene.began, scene.ended) if line.tags["device"] == device
    ]
    assert {0.0} == {line.fields["up"] for line in told[1:]}
    assert {line.tags["reason"] for line in told[1:]} <= {"unreachable", "malformed"}
    assert "Traceback" not in scene.log


def test_half_a_table_is_half_a_hole_and_whole_again_when_the_device_tells_it_again(scene: Scene) -> None:
    for line, samples in scene.currents("half").items():
        assert (scene.during(samples.time.tolist()) > 0) == (line <= ROWS // 2)
        assert samples.time[0] < scene.began < scene.ended < samples.time[-1]


def test_a_device_that_reboots_in_mid_poll_has_no_value_under_a_row_of_before(scene: Scene) -> None:
    """Its rows are in another order afterwards; each bank has its own amperes all the time."""
    currents = scene.currents("rebooting")
    assert [*range(1, ROWS + 1)] == sorted(currents)
    for bank, samples in currents.items():
        assert {float(bank)} == {*samples.value.tolist()}
        assert samples.time[0] < scene.began < scene.ended < samples.time[-1]
