"""What real devices said, and what a correct collector must report of it.

The recordings and the expected readings lie beside the project; snmpsim, somebody else's agent, serves them.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import SnmpCollector
from dc_monitor.contract import DeviceInfo, Poll
from support.snmp_agents import target

RECORDINGS = {
    "akcp-sensorprobe8": ("environment", ("akcp-sensorprobe",)),
    "apc-ap7900b": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-ap8641": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-ap8959eu3": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-smtl1000-nmc3": ("ups", ("apc-smart-ups", "apc-uio")),
    "janitza-umg604": ("meter", ("janitza-umg604",)),
    "riello-netman204": ("ups", ("rfc1628",)),
}
UNITS = {  # quantity of the expected files: factor to ours, symbol of ours
    "power_w": (1, "W"),
    "apparent_power_va": (1, "VA"),
    "energy_kwh": (3_600_000, "J"),
    "current_a": (1, "A"),
    "voltage_v": (1, "V"),
    "frequency_hz": (1, "Hz"),
    "power_factor": (1, "1"),
    "load_percent": (0.01, "1"),
    "battery_charge_percent": (0.01, "1"),
    "humidity_percent": (0.01, "1"),
    "runtime_s": (1, "s"),
    "temperature_c": (1, "Cel"),
    "state": (1, "code"),
}


@pytest.fixture(scope="module")
def polled(simulated: str) -> dict[str, tuple[DeviceInfo, Poll]]:
    """Every recording opened and read once."""

    async def read(name: str) -> tuple[DeviceInfo, Poll]:
        collector = SnmpCollector(target(simulated, device=name, community=name, deadline=5.0))
        try:
            return await collector.open(), await collector.collect()
        finally:
            await collector.close()

    async def read_all() -> dict[str, tuple[DeviceInfo, Poll]]:
        return {name: await read(name) for name in RECORDINGS}

    return asyncio.run(read_all())


def expected_readings(shared: Path, name: str) -> list[dict[str, Any]]:
    rows = json.loads((shared / "devices" / "snmp" / f"{name}.expected.json").read_text(encoding="utf-8"))
    return [row for row in rows if row.get("confidence") != "low"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_expected_reading_is_reported_with_its_value(name: str, shared: Path, polled: dict[str, Any]) -> None:
    """Value, unit and state word of each; a value that is not available is not reported."""
    reported = {reading.series.source: reading for reading in polled[name][1].readings}
    wrong = []
    for row in expected_readings(shared, name):
        reading = reported.get(row["oid"])
        factor, symbol = UNITS[row["quantity"]]
        if row["value"] is None:
            right = reading is None
        else:
            right = (
                reading is not None
                and reading.value == pytest.approx(row["value"] * factor, rel=1e-12)
                and symbol == reading.series.unit.symbol
                and row.get("state_text", reading.text) == reading.text
            )
        if not right:
            wrong.append((row["oid"], row["quantity"], row["value"], reading))

    assert [] == wrong


@pytest.mark.parametrize(("name", "expected"), RECORDINGS.items(), ids=RECORDINGS)
def test_the_device_is_recognised(name: str, expected: tuple[str, tuple[str, ...]], polled: dict[str, Any]) -> None:
    """Kind and profiles, all of them, in the order they are believed."""
    info = polled[name][0]

    assert expected == (info.kind, info.profiles)
    assert info.vendor


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_poll_is_whole_and_says_nothing_twice(name: str, polled: dict[str, Any]) -> None:
    """No failure, and one reading for each point and quantity."""
    poll = polled[name][1]
    keys = [(reading.series.point, reading.series.quantity) for reading in poll.readings]

    assert () == poll.failures
    assert len(keys) == len(set(keys))


def test_a_ups_without_watts_is_estimated_between_its_bounds(polled: dict[str, Any]) -> None:
    """3.0 A at 118 V are 354 VA: near 319 W, surely between 212 and 354 W."""
    (power,) = [r for r in polled["apc-smtl1000-nmc3"][1].readings if r.series.quantity == "power"]

    assert ("output/total", "estimated") == (power.series.point, power.series.method)
    assert (318.6, 212.4, 354.0) == pytest.approx((power.value, power.low, power.high), rel=0.005)


def test_a_pdu_that_measures_and_one_that_multiplies_are_told_apart(polled: dict[str, Any]) -> None:
    """The same column of the same MIB: 270 W measured on one device, 312 W made of 120 nominal volts on the other."""
    methods = {
        name: next(r.series.method for r in polled[name][1].readings if r.series.point == "rpdu/total")
        for name in ("apc-ap8959eu3", "apc-ap7900b")
    }

    assert {"apc-ap8959eu3": "measured", "apc-ap7900b": "estimated"} == methods
