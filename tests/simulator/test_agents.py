"""The room over SNMP: asked by two independent clients, net-snmp's tools and gufo-snmp."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from gufo.snmp import NoSuchInstance, SnmpVersion
from gufo.snmp.aio import SnmpSession

from collectors.snmp import SnmpCollector
from dc_monitor.clock import NANOSECONDS, ManualClock
from dc_monitor.contract import Target
from dc_monitor.errors import DcMonitorError
from dc_monitor.simulator.agents import COMMUNITY, Simulator
from dc_monitor.simulator.devices import Device
from dc_monitor.simulator.physics import EPOCH, Room
from dc_monitor.simulator.process import start_simulator
from dc_monitor.simulator.tables import JANITZA, RPDU2, UPS_MIB, devices

NOON = EPOCH + 1058 * 86_400 * NANOSECONDS + 43_200 * NANOSECONDS
UPTIME = "1.3.6.1.2.1.1.3.0"
PDU_POWER, PDU_ENERGY = f"{RPDU2}.4.3.1.5.1", f"{RPDU2}.4.3.1.9.1"
ROOM = Room(1)
DEVICES = {device.name: device for device in devices()}

GARBAGE = [b"", b"0", b"GET / HTTP/1.1\r\n\r\n", b"\x60\x24" + bytes(36), b"0\x26" + Random(2).randbytes(38)]

needs_tools = pytest.mark.skipif(not shutil.which("snmpwalk"), reason="needs net-snmp's tools (Debian: snmp)")


@asynccontextmanager
async def playing(clock: ManualClock | None = None) -> AsyncIterator[Simulator]:
    async with Simulator(ROOM, clock or ManualClock(NOON)) as simulator:
        yield simulator


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


async def tool(name: str, simulator: Simulator, device: str, *arguments: str) -> list[str]:
    """Lines a net-snmp tool prints, OIDs and values as plain as it can."""
    address = simulator.addresses[device].removeprefix("snmp://")
    version, *rest = arguments
    command = [name, version, "-c", COMMUNITY, "-r0", "-t5", "-One", "-OQ", "-Oe", address, *rest]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode().splitlines()


def asking(simulator: Simulator, device: str, community: str = COMMUNITY, timeout: float = 2.0) -> SnmpSession:
    host, port = simulator.addresses[device].removeprefix("snmp://").split(":")
    return SnmpSession(
        addr=host, port=int(port), community=community, version=SnmpVersion.v2c, timeout=timeout, allow_bulk=True
    )


@needs_tools
@pytest.mark.parametrize("walk", [("snmpwalk", "-v1"), ("snmpwalk", "-v2c"), ("snmpbulkwalk", "-v2c")], ids=" ".join)
@pytest.mark.parametrize("device", DEVICES)
def test_a_walk_finds_every_object_once_in_order_and_ends(device: str, walk: tuple[str, str]) -> None:
    """GETNEXT and GETBULK go in numeric order (11 after 2) to the very end."""

    async def story() -> None:
        async with playing() as simulator:
            lines = await tool(walk[0], simulator, device, walk[1], ".1")
            found = [
                line.split(" = ")[0].lstrip(".") for line in lines if line.startswith(".") and "No more" not in line
            ]
            in_order = sorted([int(arc) for arc in cell.oid.split(".")] for cell in DEVICES[device].cells)
            assert [".".join(map(str, oid)) for oid in in_order] == found
            assert lines[-1] == "End of MIB" or "No more variables left" in lines[-1]

    run(story())


@needs_tools
def test_v1_and_v2c_say_what_is_missing_each_in_its_own_way() -> None:
    """v2c: noSuchInstance beside the others' values; v1: noSuchName and the index of the culprit."""

    async def story() -> None:
        async with playing() as simulator:
            oids = (f".{UPTIME}", f".{UPS_MIB}.1.99.0")
            known, missing = await tool("snmpget", simulator, "ups-a", "-v2c", *oids)
            assert known.startswith(f".{UPTIME} = ")
            assert "No Such Instance" in missing
            said = await tool("snmpget", simulator, "ups-a", "-v1", "-Cf", *oids)
            assert [True, True] == ["noSuchName" in said[1], said[2].endswith(oids[1])]

    run(story())


@needs_tools
def test_getbulk_past_the_end_repeats_endofmibview() -> None:
    """Non-repeaters once, the others row by row, beyond the last object nothing more."""

    async def story() -> None:
        async with playing() as simulator:
            oids = (".1.3.6.1.2.1.1.4.0", f".{JANITZA}.5.1.0")
            lines = await tool("snmpbulkget", simulator, "main-meter", "-v2c", "-Cn1", "-Cr3", *oids)
            assert [".1.3.6.1.2.1.1.5.0", f".{JANITZA}.8.1.0"] == [line.split(" = ")[0] for line in lines[:2]]
            assert 4 == len(lines)
            assert all("No more variables left" in line for line in lines[2:])

    run(story())


@needs_tools
def test_nothing_can_be_written() -> None:
    """A meter that anybody can set proves nothing."""

    async def story() -> None:
        async with playing() as simulator:
            said = await tool("snmpset", simulator, "pdu-a", "-v2c", ".1.3.6.1.2.1.1.5.0", "s", "mine")
            assert any("notWritable" in line for line in said)

    run(story())


def test_a_wrong_community_and_garbage_get_silence() -> None:
    """As from a real agent; and it lives on."""

    async def story() -> None:
        async with playing() as simulator:
            async with asking(simulator, "ups-a", community="guess", timeout=0.3) as session:
                with pytest.raises(TimeoutError):
                    await session.get(UPTIME)
            loop = asyncio.get_running_loop()
            tripped: list[object] = []
            loop.set_exception_handler(lambda _, told: tripped.append(told))
            heard = loop.create_future()
            await throw(simulator, "ups-a", GARBAGE, heard)
            async with asking(simulator, "ups-a") as session:
                assert isinstance(await session.get(UPTIME), int)
            assert not heard.done()
            assert [] == tripped

    run(story())


async def throw(simulator: Simulator, device: str, datagrams: list[bytes], heard: "asyncio.Future[bytes]") -> None:
    """Send as they are; `heard` is set should anything come back."""

    class Thrower(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: object) -> None:
            heard.set_result(data)

    host, port = simulator.addresses[device].removeprefix("snmp://").split(":")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Thrower, remote_addr=(host, int(port)))
    for datagram in datagrams:
        transport.sendto(datagram)
    await asyncio.sleep(0.05)
    transport.close()


def test_what_is_told_is_the_truth_within_class_and_resolution() -> None:
    """The main meter tells watts within 0.5 %, a PDU tens of watts within 1 %; registers count full tenths of a kWh."""

    async def story() -> None:
        async with playing() as simulator:
            async with asking(simulator, "main-meter") as session:
                told = await session.get_many([f"{JANITZA}.2.1.0", f"{JANITZA}.5.1.0"])
            truth = ROOM.at(NOON).power("utility")
            assert abs(told[f"{JANITZA}.2.1.0"] - truth) <= 0.005 * truth + 0.5
            assert told[f"{JANITZA}.5.1.0"] * 360_000 == pytest.approx(ROOM.energy("utility", NOON), rel=0.005)
            async with asking(simulator, "pdu-b") as session:
                told = await session.get_many([PDU_POWER, PDU_ENERGY])
            truth = ROOM.at(NOON).power("pdu-b")
            assert abs(10 * told[PDU_POWER] - truth) <= 0.01 * truth + 5
            assert told[PDU_ENERGY] * 360_000 == pytest.approx(ROOM.energy("pdu-b", NOON), rel=0.01)

    run(story())


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_error_of_a_meter_is_fixed_drawn_from_the_seed_and_within_its_class(device: Device) -> None:
    """A systematic error, as real ones have: there is something for the error bar to prove."""
    gains = [device.sight(ROOM, time).power("it") / ROOM.at(time).power("it") for time in (NOON, NOON + 10**15)]

    assert gains[0] == pytest.approx(gains[1], rel=1e-12)
    assert 0 < abs(gains[0] - 1) <= device.accuracy / 100
    other = Room(2)
    assert gains[0] != pytest.approx(device.sight(other, NOON).power("it") / other.at(NOON).power("it"), rel=1e-6)


def test_phases_of_what_is_told_add_up() -> None:
    """Within the rounding of four numbers, total and phases of the main meter are one reading."""
    meter = DEVICES["main-meter"]
    told = {(series.point, series.quantity): value for series, value in meter.readings(meter.sight(ROOM, NOON))}

    assert sum(told[f"phase/l{phase}", "power"] for phase in (1, 2, 3)) == pytest.approx(told["total", "power"], abs=2)


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_the_real_collector_reads_what_is_back_filled(device: Device) -> None:
    """The same points, quantities, levels and numbers: history and live readings are one series.

    Read live only: states, the agent's uptime, and the fourth input of the main meter, on which nothing hangs.
    """

    async def story() -> None:
        clock = ManualClock(NOON)
        async with playing(clock) as simulator:
            address, credentials = simulator.addresses[device.name], {"version": "2c", "community": COMMUNITY}
            collector = SnmpCollector(Target(device.name, address, clock, credentials))
            info = await collector.open()
            poll = await collector.collect()
            await collector.close()
        assert (device.profile,) == tuple(info.profiles)
        assert () == poll.failures
        live = {
            (one.series.point, one.series.quantity, one.series.level, one.series.source): one.value
            for one in poll.readings
            if one.series.quantity not in ("state", "uptime") and one.series.point != "input/4"
        }
        filled = {
            (series.point, series.quantity, series.level, series.source): value
            for series, value in device.readings(device.sight(ROOM, NOON))
        }
        assert filled == pytest.approx(live, rel=1e-12)

    run(story())


def test_a_silent_agent_is_silent_until_healed_and_the_others_answer() -> None:
    """One device lost is one device lost."""

    async def story() -> None:
        async with playing() as simulator:
            simulator.command({"device": "ups-a", "fault": "silent"})
            async with asking(simulator, "ups-a", timeout=0.3) as session:
                with pytest.raises(TimeoutError):
                    await session.get(UPTIME)
            async with asking(simulator, "pdu-a") as session:
                assert isinstance(await session.get(UPTIME), int)
            simulator.command({"device": "ups-a", "fault": "none"})
            async with asking(simulator, "ups-a") as session:
                assert isinstance(await session.get(UPTIME), int)

    run(story())


def test_a_slow_agent_answers_late() -> None:
    """Too late for one who waits a little, in time for one who waits long."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with playing() as simulator:
            simulator.command({"device": "pdu-a", "fault": "slow", "seconds": 0.5})
            async with asking(simulator, "pdu-a", timeout=0.1) as session:
                with pytest.raises(TimeoutError):
                    await session.get(UPTIME)
            asked = loop.time()
            async with asking(simulator, "pdu-a", timeout=5) as session:
                await session.get(UPTIME)
            assert loop.time() - asked >= 0.5

    run(story())


def test_a_reboot_restarts_uptime_and_registers_and_both_go_on() -> None:
    """What a replaced controller looks like: uptime small, counter at zero, then counting as before."""

    async def story() -> None:
        clock = ManualClock(NOON)
        async with playing(clock) as simulator, asking(simulator, "pdu-a") as session:
            before = await session.get_many([UPTIME, PDU_ENERGY])
            simulator.command({"device": "pdu-a", "fault": "reboot"})
            after = await session.get_many([UPTIME, PDU_ENERGY])
            assert {UPTIME: 0, PDU_ENERGY: 0} == after
            assert before[UPTIME] > 8_640_000 < before[PDU_ENERGY] * 360_000
            clock.advance(3600)
            counted = ROOM.energy("pdu-a", clock.now()) - ROOM.energy("pdu-a", NOON)
            assert await session.get(UPTIME) == 360_000
            assert await session.get(PDU_ENERGY) == pytest.approx(counted / 360_000, rel=0.01, abs=1)

    run(story())


def test_a_lost_table_is_a_gap_and_nothing_else() -> None:
    """GET finds nothing there, GETNEXT steps over it, and healing brings it back."""
    outlets, first = f"{RPDU2}.9.4.3", f"{RPDU2}.9.4.3.1.7.1"

    async def story() -> None:
        async with playing() as simulator, asking(simulator, "pdu-a") as session:
            simulator.command({"device": "pdu-a", "fault": "lose", "table": outlets})
            with pytest.raises(NoSuchInstance):
                await session.get(first)
            assert isinstance(await session.get(PDU_POWER), int)
            walked = [oid async for oid, _ in session.getnext(f"{RPDU2}.9")]
            assert walked
            assert [] == [oid for oid in walked if oid.startswith(outlets)]
            simulator.command({"device": "pdu-a", "fault": "none"})
            assert isinstance(await session.get(first), int)

    run(story())


def test_losing_column_1_does_not_lose_column_11() -> None:
    """An OID is a path of numbers, not a text that begins alike."""
    column_1, column_11 = ((*map(int, RPDU2.split(".")), 9, 4, 3, 1, column, 1) for column in (1, 11))
    agent = Simulator(ROOM, ManualClock(NOON)).agents["pdu-a"]
    before = agent.get([column_1, column_11])
    agent.fault("lose", table=f"{RPDU2}.9.4.3.1.1")
    after = agent.get([column_1, column_11])

    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"device": "ups-b", "fault": "silent"}, "no device 'ups-b'"),
        ({"device": "ups-a", "fault": "smoke"}, "unknown fault 'smoke'"),
        ({"device": "ups-a", "fault": "lose", "table": "1.3.6.1.4.1.318"}, "nothing under"),
        ({"device": "ups-a"}, "expected an object with device and fault"),
        (["silent"], "expected an object with device and fault"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(wanted: Any, said: str) -> None:
    """A test that asks for the wrong thing must not pass because nothing happened."""
    with pytest.raises(ValueError, match=said):
        Simulator(ROOM, ManualClock(NOON)).command(wanted)


def test_the_process_serves_on_loopback_obeys_and_ends_when_told(tmp_path: Path) -> None:
    """Started, ready, a fault through its standard input, gone; nothing on stderr."""

    async def ask(address: str) -> object:
        host, port = address.removeprefix("snmp://").split(":")
        async with SnmpSession(addr=host, port=int(port), community=COMMUNITY, timeout=1) as session:
            return await session.get("1.3.6.1.2.1.1.5.0")

    log = tmp_path / "simulator.log"
    with start_simulator(log, seed=3) as simulator:
        assert list(DEVICES) == list(simulator.addresses)
        assert {"127.0.0.1"} == {address.split("/")[2].split(":")[0] for address in simulator.addresses.values()}
        assert b"probe-1" == asyncio.run(ask(simulator.addresses["probe-1"]))
        simulator.command(device="probe-1", fault="silent")
        with pytest.raises(TimeoutError):
            asyncio.run(ask(simulator.addresses["probe-1"]))
        with pytest.raises(DcMonitorError, match="unknown fault 'smoke'"):
            simulator.command(device="probe-1", fault="smoke")
    assert 0 == simulator.process.returncode
    assert "" == log.read_text()


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    """No stack trace for what happens every day."""
    with start_simulator(tmp_path / "log") as simulator:
        port = simulator.addresses["pdu-a"].rpartition(":")[2]
        second = subprocess.run(
            [sys.executable, "-m", "dc_monitor.simulator", "--ports", port], capture_output=True, text=True, timeout=60
        )

    assert (1, "") == (second.returncode, second.stdout)
    assert f"simulator: cannot open UDP ports from {port} on: {os.strerror(98)}\n" == second.stderr
