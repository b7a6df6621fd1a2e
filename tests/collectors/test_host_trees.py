"""Every shared tree of /sys: which file gives which reading, and which file gives none.

What is expected stands in `tests/data/host`, worked out by hand from the files: m°C, mV, mA, µW and µJ.
"""

import asyncio
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collectors.host import HostCollector
from dc_monitor.clock import ManualClock
from dc_monitor.contract import DeviceInfo, Poll, Target
from dc_monitor.topology import Dated, Meter, Topology, contains
from support.sysfs import plant, tree

TABLES = Path(__file__).resolve().parent.parent / "data" / "host"
TREES = ("node-exporter", "dual-socket", "amd", "kepler")


class Told(NamedTuple):
    source: str
    point: str
    quantity: str
    value: float
    level: str
    method: str
    label: str


def read_twice(root: Path, tree: dict[str, Any], clock: ManualClock) -> tuple[DeviceInfo, Poll, Poll]:
    """Open and poll, then poll the tree as it is later, if it says how; both polls have a span of processor time."""

    async def run() -> tuple[DeviceInfo, Poll, Poll]:
        sysfs = plant(root, tree["files"], tree["links"], tree["modes"])
        collector = HostCollector(Target("me", "host://", clock, options={"sysfs": str(sysfs)}))
        try:
            info = await collector.open()
            first = await collector.collect()
            clock.advance(tree["after"]["seconds"] if "after" in tree else 1)
            plant(root, tree["after"]["files"] if "after" in tree else {})
            return info, first, await collector.collect()
        finally:
            await collector.close()

    return asyncio.run(run())


def told(poll: Poll) -> list[Told]:
    """What came from the tree, in order of the files."""
    return sorted(
        Told(s.source, s.point, s.quantity, r.value, s.level, s.method, s.label)
        for r in poll.readings
        if not (s := r.series).source.startswith("psutil")
    )


def table(name: str) -> tuple[list[Told], dict[str, str]]:
    """What is expected: readings, and the files that give none, each with its reason."""
    given, silent = [], {}
    for line in (TABLES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        source, point, *rest = line.split("  ")
        if point == "-":
            (silent[source],) = rest
        else:
            quantity, value, level, label = rest
            method = "derived" if " * " in source else "measured"
            given.append(Told(source, point, quantity, float(value), level, method, label))
    return sorted(given), silent


def of_interest(sysfs: Path) -> set[str]:
    """Every file that holds a value, as it is reached from /sys/class; a GPU's clock is no frequency of ours."""
    home = sysfs / "class"
    files = [file for kind in ("powercap", "hwmon") for entry in (home / kind).iterdir() for file in entry.iterdir()]
    values = [file for file in files if file.name.endswith(("energy_uj", "_input", "_average"))]
    return {str(file.relative_to(home)) for file in values if not file.name.startswith("freq")}


@pytest.mark.parametrize("name", TREES)
def test_each_file_gives_its_reading_or_none(name: str, shared: Path, tmp_path: Path) -> None:
    """Nothing is overlooked: every file that holds a value stands in the table, with its reading or a reason."""
    _, poll, _ = read_twice(tmp_path, tree(shared, name), ManualClock())
    given, silent = table(name)

    assert given == told(poll)
    assert of_interest(tmp_path / "sys") == {*silent, *(file for one in given for file in one.source.split(" * "))}
    assert () == poll.failures


def test_two_seconds_later_two_registers_have_gone_round(shared: Path, tmp_path: Path) -> None:
    """Watts are exact across the wrap of a package and of a dram, and registers go on rising."""
    host = tree(shared, "dual-socket")
    expected = host["expected_watts"]
    _, first, later = read_twice(tmp_path, host, ManualClock())
    watts = {one.label: one for one in told(later) if one.quantity == "power" and one.method == "derived"}
    joules = {
        one.point: one.value - before.value
        for one in told(later)
        for before in told(first)
        if (one.point, one.quantity) == (before.point, "energy")
    }

    assert {
        "package-0": expected["package-0"],
        "package-1": expected["package-1"],
        "dram of package-0": expected["dram (0)"],
        "dram of package-1": expected["dram (1)"],
        "psys": expected["psys"],
    } == {label: one.value for label, one in watts.items()}
    assert {
        "cpu/package-0": 300.0,
        "cpu/package-1": 280.0,
        "dram/package-0": 40.0,
        "dram/package-1": 36.0,
        "psys": 820.0,
    } == {point: round(value, 6) for point, value in joules.items()}
    # Packages and drams are of one level, which may be summed; psys, which holds them, is not of it.
    assert expected["cpu_and_dram_total"] == sum(one.value for one in watts.values() if one.level == "bank")
    assert () == later.failures


def test_the_mmio_driver_shows_a_register_twice_and_it_counts_once(shared: Path, tmp_path: Path) -> None:
    """Which one is left out is said."""
    info, _, _ = read_twice(tmp_path, tree(shared, "dual-socket"), ManualClock())

    assert ("powercap zone intel-rapl-mmio:0 is package-0 again, as intel-rapl:0",) == info.left_out


def test_what_was_switched_off_or_is_no_supply_voltage_is_said(shared: Path, tmp_path: Path) -> None:
    info, _, _ = read_twice(tmp_path, tree(shared, "kepler"), ManualClock())

    assert (
        "powercap zone intel-rapl-mmio:0 is package-0 again, as intel-rapl:0",
        "curr3, in3 of ina3221: switched off",
        "power3 of test_power_chip: switched off",
        "energy3 of energy_with_enable: switched off",
        "in0 of ina226-hwmon_ina226: the drop over a shunt, no supply voltage",
        "in4, in5, in6, in7 of ina3221: the drop over a shunt, no supply voltage",
        "in0 of ina226-hwmon_voltage_current_no_labels: the drop over a shunt, no supply voltage",
    ) == info.left_out


@pytest.mark.parametrize("name", TREES)
def test_no_point_that_may_be_summed_holds_another(name: str, shared: Path, tmp_path: Path) -> None:
    """Of the levels above `sensor`, no watt and no joule lies within another: a sum over a level counts none twice."""
    _, poll, later = read_twice(tmp_path, tree(shared, name), ManualClock())
    points = {(one.level, one.point) for one in told(poll) + told(later) if one.quantity in ("power", "energy")}

    assert [] == [
        (outer, inner)
        for (level, outer), (other, inner) in permutations(points, 2)
        if level == other != "sensor" and contains(outer, inner)
    ]


@pytest.mark.parametrize(
    ("name", "outer", "inner"),
    [
        ("node-exporter", "cpu/package-0", "cpu/package-0/core"),
        ("amd", "cpu/package-0", "cpu/package-0/amd_energy"),
        ("amd", "cpu/package-0/core", "cpu/package-0/core/0"),
        ("kepler", "k10temp/package", "k10temp/package/core"),
    ],
    ids=["core in its package", "the same register in its package", "one core among all", "hwmon's core"],
)
def test_a_part_lies_below_what_holds_it(name: str, outer: str, inner: str, shared: Path, tmp_path: Path) -> None:
    """A configuration that counts both is refused, because the point of one begins with the other's."""
    _, poll, _ = read_twice(tmp_path, tree(shared, name), ManualClock())
    (problem,) = Topology(
        tuple(Meter(point, (Dated("it"),), reads=("me", point)) for point in (outer, inner))
    ).problems()

    assert {outer, inner} <= {one.point for one in told(poll)}
    assert f"read the same watts: me/{outer} and me/{inner}" in problem


def test_memory_beside_its_processor_may_be_added(shared: Path, tmp_path: Path) -> None:
    """dram hangs below the package in the kernel's tree, and yet is no part of it."""
    _, poll, _ = read_twice(tmp_path, tree(shared, "dual-socket"), ManualClock())
    points = [one.point for one in told(poll) if one.level == "bank"]

    assert ["cpu/package-0", "cpu/package-1", "dram/package-0", "dram/package-1"] == sorted(points)
    assert [] == Topology(tuple(Meter(point, (Dated("it"),), reads=("me", point)) for point in points)).problems()
