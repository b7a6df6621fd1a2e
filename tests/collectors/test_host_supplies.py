"""Batteries of the machine: which way their watts flow, and what is not theirs."""

from pathlib import Path

import pytest

from collectors.host.supplies import Supplies
from dc_monitor.clock import ManualClock
from support.sysfs import plant

FULL_WH = 50_000_000
"""µWh."""


def battery(root: Path, entry: str = "BAT0", **files: object) -> Supplies:
    told = {"type": "Battery", **files}
    plant(root, {f"sys/class/power_supply/{entry}/{name}": str(content) for name, content in told.items()})
    return Supplies("me", ManualClock(), str(root / "sys"))


def read(part: Supplies) -> dict[str, tuple[float, str]]:
    assert [] == part.look()
    readings, failures = part.read()
    assert [] == failures
    return {f"{r.series.point} {r.series.quantity}": (r.value, r.series.method) for r in readings}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Discharging", {"battery/bat0/discharge power": 9.5, "battery/bat0/charge power": 0.0}),
        ("Charging", {"battery/bat0/discharge power": 0.0, "battery/bat0/charge power": 9.5}),
        ("Full", {"battery/bat0/discharge power": 0.0, "battery/bat0/charge power": 0.0}),
        ("Not charging", {"battery/bat0/discharge power": 0.0, "battery/bat0/charge power": 0.0}),
        ("Unknown", {}),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_watts_flow_the_way_the_status_says(status: str, expected: dict[str, float], sign: int, tmp_path: Path) -> None:
    """The sign of power_now differs from driver to driver; where nobody says the way, there is no power."""
    part = battery(tmp_path, status=status, power_now=sign * 9_500_000)

    assert {name: (value, "measured") for name, value in expected.items()} == read(part)


def test_a_battery_without_watts_has_volts_and_amperes(tmp_path: Path) -> None:
    """Both are of the battery's own terminals, so their product is its power."""
    part = battery(tmp_path, status="Discharging", voltage_now=12_000_000, current_now=1_500_000)

    assert {
        "battery/bat0 voltage": (12.0, "measured"),
        "battery/bat0/discharge power": (18.0, "derived"),
        "battery/bat0/charge power": (0.0, "derived"),
    } == read(part)


def test_what_a_battery_holds_is_its_charge_and_no_register(tmp_path: Path) -> None:
    """energy_now falls when the battery feeds the machine: as a register it would be nonsense."""
    part = battery(tmp_path, status="Full", energy_now=40_000_000, energy_full=FULL_WH, charge_now=1, charge_full=2)
    told = read(part)

    assert {"battery/bat0 charge": (0.8, "measured")} == told


@pytest.mark.parametrize(
    "files",
    [{"type": "Mains", "online": 1}, {"scope": "Device", "charge_now": 1, "charge_full": 2}, {}],
    ids=["a mains adapter", "a mouse", "says nothing"],
)
def test_what_is_no_battery_of_the_machine_tells_nothing(files: dict[str, object], tmp_path: Path) -> None:
    assert {} == read(battery(tmp_path, "X", **files))


@pytest.mark.parametrize("full", [0, ""], ids=["0", "empty"])
def test_a_battery_that_does_not_know_its_size_has_no_charge(full: object, tmp_path: Path) -> None:
    assert {} == read(battery(tmp_path, energy_now=1, energy_full=full))


def test_a_file_that_falls_silent_is_a_failure_and_the_others_are_read(tmp_path: Path) -> None:
    part = battery(tmp_path, status="Discharging", power_now=5_000_000, voltage_now=11_000_000)
    part.look()
    file = tmp_path / "sys/class/power_supply/BAT0/power_now"
    file.unlink()
    file.symlink_to("/proc/self/mem")

    for _ in range(2):
        readings, failures = part.read()
        assert ["battery/bat0"] == [r.series.point for r in readings]
        assert ["cannot read power_now of BAT0: Input/output error"] == failures
        assert [] == part.look()
