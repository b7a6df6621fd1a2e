"""The agent's own machine."""

import asyncio
from types import SimpleNamespace

import psutil
import pytest

from collectors.host import HostCollector
from dc_monitor.clock import ManualClock, SystemClock
from dc_monitor.contract import Poll, Target
from dc_monitor.errors import ConfigError


def read(clock: ManualClock | SystemClock | None = None) -> Poll:
    async def run() -> Poll:
        collector = HostCollector(Target("host", "host://", clock or ManualClock()))
        assert "host" == (await collector.open()).kind
        try:
            return await collector.collect()
        finally:
            await collector.close()
            await collector.close()

    return asyncio.run(run())


def told(poll: Poll) -> dict[str, tuple[float, str | None]]:
    return {f"{r.series.point} {r.series.quantity}": (r.value, r.text) for r in poll.readings}


def test_processor_memory_and_uptime_are_read() -> None:
    """Shares are ratios, memory is bytes, uptime is counted from boot on the clock handed in."""
    found = told(read(SystemClock()))

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
    battery: object, expected: dict[str, tuple[float, str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is unknown or without limit is not a number; a machine without a battery has no failure."""
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    poll = read()

    assert expected == {name: value for name, value in told(poll).items() if name.startswith("battery")}
    assert () == poll.failures


def test_a_part_that_cannot_be_read_is_counted_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that hides the battery's files still has memory."""

    def refuse() -> None:
        raise PermissionError("no such luck")

    monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
    poll = read()

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
