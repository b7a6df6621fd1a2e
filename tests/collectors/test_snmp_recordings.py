"""What real devices said, and what a correct collector must report of it.

The recordings and the expected readings lie beside the project; snmpsim, somebody else's agent, serves them.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import SnmpCollector
from dc_monitor.contract import DeviceInfo, Poll
from dc_monitor.readings import Reading
from support.snmp_agents import target

RECORDINGS = {
    "akcp-sensorprobe8": ("environment", ("akcp-sensorprobe",)),
    "apc-airfm": ("cooling", ("apc-airfm",)),
    "apc-ap7900b": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-ap8641": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-ap8959eu3": ("pdu", ("apc-rpdu2", "apc-rpdu")),
    "apc-ats-xats": ("ats", ("apc-ats", "apc-xats")),
    "apc-emu": ("environment", ("apc-emu",)),
    "apc-galaxy7000": ("ups", ("mge-ups", "rfc1628")),
    "apc-inrow-dx": ("cooling", ("apc-cooling-unit",)),
    "apc-isx-pdu": ("pdu", ("apc-xpdu",)),
    "apc-smtl1000-nmc3": ("ups", ("apc-smart-ups", "apc-uio")),
    "arista-7150s": ("switch", ("entity-sensor",)),
    "aruba-cx-6300m": ("switch", ("entity-sensor",)),
    "chatsworth-econnect": ("pdu", ("chatsworth-econnect",)),
    "cisco-c9200l-stack": ("switch", ("cisco-ios",)),
    "cisco-cimc-c220m4": ("server", ("cisco-cimc",)),
    "cisco-isr4321": ("switch", ("cisco-ios",)),
    "cyberpower-ol2200": ("ups", ("cyberpower-ups",)),
    "dell-idrac-r640": ("server", ("dell-idrac",)),
    "eaton-93ps": ("ups", ("mge-ups", "eaton-xups", "rfc1628")),
    "eaton-epdu-ema114": ("pdu", ("eaton-epdu",)),
    "eaton-xups-3ph": ("ups", ("eaton-xups",)),
    "eltek-smartpack2": ("rectifier", ("eltek-smartpack2",)),
    "emerson-netsure": ("rectifier", ("emerson-netsure",)),
    "enlogic-en1814": ("pdu", ("enlogic",)),
    "geist-watchdog15": ("environment", ("geist-watchdog",)),
    "himoinsa-genset": ("generator", ("himoinsa-genset",)),
    "hpe-ilo4-ml350": ("server", ("hpe-ilo",)),
    "hpe-mapdu-p9s18a": ("pdu", ("hpe-mapdu",)),
    "huawei-smu11b": ("rectifier", ("huawei-smu",)),
    "hwg-poseidon4002": ("environment", ("hwg-poseidon",)),
    "janitza-umg604": ("meter", ("janitza-umg604",)),
    "lenovo-xcc-sr665": ("server", ("lenovo-xcc",)),
    "liebert-ups-and-crac": ("cooling", ("liebert-cooling", "liebert-ups", "rfc1628")),
    "panduit-p42d04m": ("pdu", ("panduit-g5",)),
    "raritan-px1-dominion": ("pdu", ("raritan-px1",)),
    "raritan-px3-5493": ("pdu", ("raritan-px2",)),
    "riello-netman204": ("ups", ("rfc1628",)),
    "rittal-chiller-pcoweb": ("cooling", ("rittal-chiller",)),
    "rittal-cmciii-pdu": ("pdu", ("rittal-cmc3",)),
    "rittal-lcp-cmciii": ("pdu", ("rittal-cmc3",)),
    "rittal-lcp-dx3311": ("cooling", ("rittal-lcp-dx",)),
    "schleifenbauer-dpm27e": ("pdu", ("schleifenbauer",)),
    "servertech-pro2-c2s42ce": ("pdu", ("sentry4",)),
    "servertech-sentry3-cs24v": ("pdu", ("sentry3",)),
    "socomec-netys-rt": ("ups", ("socomec-netys",)),
    "stulz-wib8000": ("cooling", ("stulz-wib8000",)),
    "supermicro-bmc-x11": ("server", ("supermicro-bmc",)),
    "tripplite-pdumv30hvnet": ("pdu", ("tripplite-pdu",)),
    "vertiv-geist-mg02e4w1": ("pdu", ("vertiv-geist",)),
    "vertiv-liebert-mph2": ("pdu", ("liebert-pdu",)),
}
NOT_TOLD = {
    "apc-inrow-dx": (r".*\.1\.4\.1\.2\.1\.3\.1\.(6|21)$", "the same air in CFM; litres a second are read"),
    "aruba-cx-6300m": (r".*47196.*", "words of its virtual stack without a code"),
    "eaton-93ps": (r".*33\.1\.3\.3\.1\.5\.[123]$", "0 W while 4.8 A flow at 238 V: not believed"),
    "himoinsa-genset": (r".*41809\.1\.(46|55\.1\.28)\.0$", "bits of several states in one number"),
    "raritan-px3-5493": (
        r".*6\.5\.(4\.3\.1\.4\.1\.\d+\.14|5\.3\.1\.4\.1\.[3-8])$",
        "a switch's value is always 0; its state stands in another column, and is read",
    ),
    "rittal-lcp-cmciii": (r".*\.11\.2\.(187|195|211)$", "durations, no states"),
}
"""Expected readings that are left out on purpose: OID, and why."""
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
    "dewpoint_c": (1, "Cel"),
    "cooling_power_w": (1, "W"),
    "airflow": (4.719474e-4, "m3/s"),
    "flow_rate": (1 / 60_000, "m3/s"),
    "pressure": (1_000, "Pa"),
    "fan_rpm": (1, "rpm"),
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


def word_is_right(expected: object, told: str | None) -> bool:
    """The expected files hold YAML's on and off as a truth value."""
    if isinstance(expected, bool):
        return told is not None and told.lower() in (("on", "yes") if expected else ("off", "no"))
    return expected in (None, told)


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_expected_reading_is_reported_with_its_value(name: str, shared: Path, polled: dict[str, Any]) -> None:
    """Value, unit and state word of each; a value that is not available is not reported.

    Where several rows expect something of one object, any of them is right. Expected values have six decimals.
    """
    reported: dict[str, list[Reading]] = {}
    for reading in polled[name][1].readings:
        reported.setdefault(reading.series.source, []).append(reading)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in expected_readings(shared, name):
        rows.setdefault(row["oid"], []).append(row)
    left_out, _ = NOT_TOLD.get(name, ("(?!)", ""))
    wrong = []
    for oid, expected in rows.items():
        told = reported.get(oid, [])
        right = told == [] if re.match(left_out, oid) else any(is_right(row, told) for row in expected)
        if not right:
            wrong.append((oid, [(row["quantity"], row["value"]) for row in expected], told))

    assert [] == wrong


def is_right(row: dict[str, Any], told: list[Reading]) -> bool:
    if row["value"] is None:
        return told == []
    factor, symbol = UNITS[row["quantity"]]
    return any(
        reading.value == pytest.approx(row["value"] * factor, rel=1e-6, abs=5e-7 * factor)
        and symbol == reading.series.unit.symbol
        and (row["quantity"] != "state" or word_is_right(row.get("state_text"), reading.text))
        for reading in told
    )


def test_what_is_expected_and_not_told_is_little_and_has_its_reason(shared: Path) -> None:
    """Two of a hundred at most, over all recordings."""
    oids = [(name, row["oid"]) for name in RECORDINGS for row in expected_readings(shared, name)]
    missing = [oid for name, oid in oids if re.match(NOT_TOLD.get(name, ("(?!)", ""))[0], oid)]

    assert len(missing) < 0.02 * len(oids)
    assert set(RECORDINGS) == {file.stem for file in (shared / "devices" / "snmp").glob("*.snmprec")}


@pytest.mark.parametrize(("name", "expected"), RECORDINGS.items(), ids=RECORDINGS)
def test_the_device_is_recognised(name: str, expected: tuple[str, tuple[str, ...]], polled: dict[str, Any]) -> None:
    """Kind and profiles, all of them, in the order they are believed."""
    info = polled[name][0]

    assert expected == (info.kind, info.profiles)


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
