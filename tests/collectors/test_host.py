"""The agent's own machine."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from collectors.host import HostCollector
from dc_monitor.clock import ManualClock, SystemClock
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.errors import ConfigError
from support.sysfs import chip, plant, zone


def read(root: Path, clock: ManualClock | SystemClock | None = None) -> Poll:
    """Poll a machine once, which has the sensors planted below `root` and no others."""

    async def run() -> Poll:
        (root / "sys/class").mkdir(parents=True, exist_ok=True)
        options = {"sysfs": str(root / "sys")}
        collector = HostCollector(Target("host", "host://", clock or ManualClock(), options=options))
        assert "host" == (await collector.open()).kind
        try:
            return await collector.collect()
        finally:
            await collector.close()
            await collector.close()

    return asyncio.run(run())


def told(poll: Poll) -> dict[str, tuple[float, str | None]]:
    return {f"{r.series.point} {r.series.quantity}": (r.value, r.text) for r in poll.readings}


def test_processor_memory_and_uptime_are_read(tmp_path: Path) -> None:
    """Shares are ratios, memory is bytes, uptime is counted from boot on the clock handed in."""
    found = told(read(tmp_path, SystemClock()))

    assert 0 <= found["cpu utilisation"][0] <= 1
    assert 0 < found["memory utilisation"][0] < 1
    assert 2**20 < found["memory memory"][0] < 2**50
    assert 0 < found["host uptime"][0]


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (None, {}),
        (
            SimpleNamespace(percent=80, secsleft=3600, power_plugged=False),
            {
                "battery charge": (0.8, None),
                "battery runtime": (3600.0, None),
                "battery/source state": (2.0, "battery"),
            },
        ),
        (
            SimpleNamespace(percent=100, secsleft=psutil.POWER_TIME_UNLIMITED, power_plugged=True),
            {"battery charge": (1.0, None), "battery/source state": (1.0, "mains")},
        ),
        (
            SimpleNamespace(percent=50, secsleft=psutil.POWER_TIME_UNKNOWN, power_plugged=None),
            {"battery charge": (0.5, None)},
        ),
    ],
    ids=["no battery", "on battery", "on mains", "says little"],
)
def test_a_battery_says_what_it_knows(
    battery: object, expected: dict[str, tuple[float, str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is unknown or without limit is not a number; a machine without a battery has no failure."""
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    poll = read(tmp_path)

    assert expected == {name: value for name, value in told(poll).items() if name.startswith("battery")}
    assert () == poll.failures


def test_a_part_that_cannot_be_read_is_counted_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that hides the battery's files still has memory."""

    def refuse() -> None:
        raise PermissionError("no such luck")

    monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
    poll = read(tmp_path)

    assert ("cannot read the battery of this machine: no such luck",) == poll.failures
    assert "memory memory" in told(poll)


@pytest.mark.parametrize("address", ["host://10.0.0.12", "host://localhost:1", "snmp://localhost"])
def test_another_machine_is_refused(address: str) -> None:
    """psutil reads the machine it runs on and no other."""
    with pytest.raises(ConfigError, match="only the agent's own machine"):
        HostCollector(Target("host", address, SystemClock()))


def test_both_ways_to_write_the_address_are_understood() -> None:
    """Making a collector opens nothing."""
    for address in ("host://", "host://localhost", "host://localhost/"):
        HostCollector(Target("host", address, SystemClock()))


def test_the_first_poll_of_all_has_a_mean_power(tmp_path: Path) -> None:
    """A person who asks once gets watts: the first span is as long as a mean needs."""
    plant(tmp_path, zone("intel-rapl:0", "package-0", 5_000_000))
    found = told(read(tmp_path, SystemClock()))

    assert ((5.0, None), (0.0, None)) == (found["cpu/package-0 energy"], found["cpu/package-0 power"])


def test_what_was_found_is_said(tmp_path: Path) -> None:
    """An operator sees which sensors this machine has, and what is missing."""
    plant(tmp_path, zone("intel-rapl:0", "package-0", 1) | zone("intel-rapl-mmio:0", "package-0", 1))
    plant(tmp_path, chip("hwmon0", {"name": "coretemp", "temp1_input": 1}))
    plant(tmp_path, {"sys/class/power_supply/BAT0/type": "Battery"})

    async def run() -> DeviceInfo:
        collector = HostCollector(Target("host", "host://", ManualClock(), options={"sysfs": f"{tmp_path}/sys/"}))
        try:
            return await collector.open()
        finally:
            await collector.close()

    info = asyncio.run(run())

    assert (
        "host:// is the agent's own machine; energy of package-0; chips coretemp; batteries BAT0",
        ("powercap zone intel-rapl-mmio:0 is package-0 again, as intel-rapl:0",),
    ) == (info.why, info.left_out)


def test_a_machine_without_sensors_is_no_failure(tmp_path: Path) -> None:
    """Virtual machines and most containers have none of them."""
    poll = read(tmp_path)

    assert () == poll.failures
    assert {"psutil"} == {reading.series.source.split(".")[0] for reading in poll.readings}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sysfs": "/nowhere"}, 'options.sysfs = "/nowhere": no sysfs there; expected a folder such as /host/sys'),
        ({"sysf": "/sys"}, 'host: options.sysf: unknown option of host://; expected "sysfs"'),
    ],
    ids=["no such folder", "a typing error"],
)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, str], sentence: str) -> None:
    async def run() -> None:
        collector = HostCollector(Target("host", "host://", ManualClock(), options=options))
        try:
            await collector.open()
        finally:
            await collector.close()

    with pytest.raises(ConfigError) as caught:
        asyncio.run(run())

    assert sentence in str(caught.value)
