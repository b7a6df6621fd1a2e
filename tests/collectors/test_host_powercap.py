"""Energy registers of processors: where they go round, when nobody can tell, who may read them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.host.powercap import Powercap, Register, Zone, arrange
from dc_monitor.clock import ManualClock
from support.sysfs import plant, zone

HIGHEST = 262_143_328_850
"""The largest value of a register of many Xeons. [µJ]"""
HALF = HIGHEST // 2
WATTS = 1_000_000
"""µJ a second."""
NOBODY = 65534


class Host:
    """A tree of powercap, its clock, and how long it has been suspended."""

    def __init__(self, root: Path, **zones: dict[str, str]) -> None:
        self.root = root
        self.clock = ManualClock()
        self.asleep = 0.0
        for files in zones.values():
            plant(root, files)
        self.powercap = Powercap("me", self.clock, str(root / "sys"), lambda: self.asleep)

    def set(self, entry: str, energy: int) -> None:
        plant(self.root, {f"sys/class/powercap/{entry}/energy_uj": str(energy)})

    def read(self) -> tuple[dict[str, float], list[str]]:
        readings, failures = self.powercap.read()
        return {f"{r.series.point} {r.series.quantity}": r.value for r in readings}, failures


@pytest.fixture
def package(tmp_path: Path) -> Host:
    """One processor whose register stands at 100 J, looked at."""
    host = Host(tmp_path, package=zone("intel-rapl:0", "package-0", 100 * WATTS))
    assert [] == host.powercap.look()
    return host


def test_the_register_goes_on_where_the_kernels_goes_round(package: Host) -> None:
    """Every turn adds highest + 1, and the site sees a register that only rises."""
    seen = []
    for energy in (HALF, HIGHEST - 40 * WATTS, 10 * WATTS - 1, HALF, HIGHEST, 0):
        package.clock.advance(260)
        package.set("intel-rapl:0", energy)
        told, failures = package.read()
        assert [] == failures
        seen.append(round(told["cpu/package-0 energy"] * WATTS))

    turn = HIGHEST + 1
    assert [
        HALF,
        HIGHEST - 40 * WATTS,
        turn + 10 * WATTS - 1,
        turn + HALF,
        turn + HIGHEST,
        2 * turn,
    ] == seen


@given(
    start=st.integers(0, HIGHEST),
    steps=st.lists(st.tuples(st.floats(0.1, 262.0), st.floats(0.0, 1.0)), max_size=30),
)
def test_whatever_a_plausible_load_does_is_counted_exactly(start: int, steps: list[tuple[float, float]]) -> None:
    """The slow twin counts without end; the register sees only what is left of it."""
    register = Register(start, 0.0, 0.0, HIGHEST, most=1_000.0)
    counted, now = start, 0.0
    for span, load in steps:
        rise = int(load * 1_000 * WATTS * span)
        counted, now = counted + rise, now + span
        watts, doubt = register.count(counted % (HIGHEST + 1), now, 0.0)
        assert (counted, "") == (register.total, doubt)
        assert watts is None or watts == pytest.approx(rise / WATTS / span)


def test_a_span_in_which_it_may_go_round_twice_tells_nothing(package: Host) -> None:
    """262 144 J at 1 000 W last 262 s. Afterwards the register begins at 0: a fall, which the site takes for a gap."""
    package.clock.advance(263)
    package.set("intel-rapl:0", 300 * WATTS)
    gap = package.read()
    package.clock.advance(60)
    package.set("intel-rapl:0", 6_300 * WATTS)

    assert gap == (
        {},
        ["energy of package-0 is not known: it was read after 263 s and may go round within 262 s; read it more often"],
    )
    assert ({"cpu/package-0 energy": 6_000.0, "cpu/package-0 power": 100.0}, []) == package.read()


def test_the_zones_own_limit_tells_how_long_one_may_wait(tmp_path: Path) -> None:
    """Five times the 95 W of its design last 552 s; a limit of 0 or without a number tells nothing."""
    host = Host(
        tmp_path,
        told=zone("intel-rapl:0", "package-0", 0, constraint_0_max_power_uw=95_000_000),
        zero=zone("intel-rapl:1", "package-1", 0, constraint_0_max_power_uw=0),
        empty=zone("intel-rapl:2", "package-2", 0, constraint_0_max_power_uw=""),
    )
    host.powercap.look()
    host.clock.advance(500)
    told, (failure,) = host.read()

    assert ["cpu/package-0 energy", "cpu/package-0 power"] == [*told]
    assert failure.startswith("energy of package-1, package-2 is not known: it was read after 500 s")


def test_what_no_processor_could_take_is_no_energy(package: Host) -> None:
    """A register that began again looks like a turn of 262 kJ within a minute."""
    package.set("intel-rapl:0", 90 * WATTS)
    package.clock.advance(60)

    assert (
        {},
        ["energy of package-0 is not known: its register jumped in 60 s as far as 1000 W would not take it"],
    ) == package.read()


def test_a_suspended_machine_gains_no_energy(package: Host) -> None:
    """Its registers may have begun again while the monotonic clock stood still; a second's difference means nothing."""
    package.clock.advance(60)
    package.asleep = 0.9
    package.set("intel-rapl:0", 7_000 * WATTS)
    awake = package.read()
    package.clock.advance(60)
    package.asleep = 3_600.0
    package.set("intel-rapl:0", 9_000 * WATTS)

    assert [] == awake[1]
    assert (
        {},
        ["energy of package-0 is not known: the machine was suspended, and the register may have begun again"],
    ) == package.read()


def test_a_poll_right_behind_another_gives_the_register_without_a_mean(package: Host) -> None:
    """Over a few milliseconds a mean would be the register's steps; the next one begins here."""
    package.clock.advance(0.01)
    package.set("intel-rapl:0", 103 * WATTS)
    first = package.read()
    package.clock.advance(10)
    package.set("intel-rapl:0", 603 * WATTS)

    assert ({"cpu/package-0 energy": 103.0}, []) == first
    assert ({"cpu/package-0 energy": 603.0, "cpu/package-0 power": 50.0}, []) == package.read()


def test_an_idle_zone_tells_0_watts(package: Host) -> None:
    package.clock.advance(10)

    assert ({"cpu/package-0 energy": 100.0, "cpu/package-0 power": 0.0}, []) == package.read()


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([Zone("intel-rapl:0", "package-12-die-1", 1)], ["cpu/package-12-die-1"]),
        (
            [Zone("intel-rapl:f", "package-3", 1), Zone("intel-rapl:f:0", "uncore", 1)],
            ["cpu/package-3", "cpu/package-3/uncore"],
        ),
        ([Zone("intel-rapl:0", "psys", 1), Zone("intel-rapl:1", "psys-1", 1)], ["psys", "psys-1"]),
        ([Zone("intel-rapl-mmio:0", "package-0", 1)], ["cpu/package-0"]),
        (
            [Zone("intel-rapl:0", "package-0", error=OSError()), Zone("intel-rapl-mmio:0", "package-0", 1)],
            ["cpu/package-0"],
        ),
    ],
    ids=["a die", "no meaning in the number", "psys of two", "mmio alone", "the readable of two"],
)
def test_a_zone_is_what_its_name_says(zones: list[Zone], expected: list[str]) -> None:
    placed, _ = arrange(zones)

    assert expected == [one.place.point for one in placed]
    assert all(one.zone.raw is not None for one in placed)


def test_a_control_without_a_register_is_no_zone(tmp_path: Path) -> None:
    """Idle injection and DTPM live below powercap too; nobody misses their energy."""
    host = Host(tmp_path, idle={"sys/class/powercap/idle_inject:0/name": "idle"})

    assert ([], []) == (host.powercap.look(), host.powercap.found)


@pytest.mark.parametrize(
    ("zones", "sentence"),
    [
        (
            [Zone("intel-rapl:0", "package-0", 1), Zone("intel-rapl:5", "package-0", 1)],
            "is package-0 again, as intel-r",
        ),
        ([Zone("intel-rapl:0", "socket", 1)], "powercap zone intel-rapl:0 (socket) is none we know"),
        ([Zone("intel-rapl:0", "core", 1)], "powercap zone intel-rapl:0 (core) is none we know"),
        ([Zone("intel-rapl:0", "", 1)], "powercap zone intel-rapl:0 (without a name) is none we know"),
        (
            [Zone("intel-rapl:0", "package-0", 1), Zone("intel-rapl:0:0", "gpu", 1)],
            "(gpu of package-0) is none we know",
        ),
    ],
    ids=["the same name twice", "another's name", "a core in nothing", "no name", "an unknown part"],
)
def test_a_zone_we_cannot_place_is_left_out_and_that_is_said(zones: list[Zone], sentence: str) -> None:
    """An unknown part given a place might be counted twice."""
    _, (said,) = arrange(zones)

    assert sentence in said


def test_a_register_that_falls_silent_is_a_failure_of_every_poll(package: Host) -> None:
    """It was measured before, so it is missed, also after another look, and counts on when it speaks again."""
    package.clock.advance(60)
    energy = package.root / "sys/class/powercap/intel-rapl:0/energy_uj"
    energy.unlink()
    energy.symlink_to("/proc/self/mem")  # answers EIO, as a driver does whose processor is offline
    for _ in range(2):
        assert ({}, ["energy of package-0 is not known: Input/output error"]) == package.read()
        assert [] == package.powercap.look()
    energy.unlink()
    package.set("intel-rapl:0", 6_100 * WATTS)

    assert ({"cpu/package-0 energy": 6_100.0, "cpu/package-0 power": 100.0}, []) == package.read()


def test_a_zone_that_is_silent_from_the_beginning_is_left_out(tmp_path: Path) -> None:
    host = Host(tmp_path, one=zone("intel-rapl:0", "package-0", 1), two=zone("intel-rapl:1", "package-1", 1))
    plant(tmp_path, {"sys/class/powercap/intel-rapl:1/energy_uj": ""})

    assert ["energy of package-1 cannot be read: it is empty"] == host.powercap.look()
    assert ["package-0"] == host.powercap.found


def test_another_look_keeps_the_registers_and_takes_new_zones(package: Host) -> None:
    """A driver that comes late must not make the others begin again."""
    package.clock.advance(200)
    package.set("intel-rapl:0", 50 * WATTS)
    package.read()
    plant(package.root, zone("intel-rapl:0:0", "dram", 70 * WATTS))
    package.powercap.look()
    package.clock.advance(10)
    package.set("intel-rapl:0", 1_050 * WATTS)
    told, failures = package.read()

    assert [] == failures
    assert {"cpu/package-0 power": 100.0, "dram/package-0 energy": 70.0, "dram/package-0 power": 0.0} == {
        name: value for name, value in told.items() if name != "cpu/package-0 energy"
    }


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A folder anybody may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As root a file of mode 400 can be read; whoever else runs the tests is refused mode 0 anyway."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_registers_only_root_may_read_are_unmeasurable_and_the_cure_is_said(forbidden: Path) -> None:
    """Said once, with all their names; no poll fails of it, and when the right is given they are read."""
    host = Host(
        forbidden,
        package=zone("intel-rapl:0", "package-0", 100 * WATTS),
        dram=zone("intel-rapl:0:0", "dram", 100 * WATTS),
        free=zone("intel-rapl:1", "psys", 100 * WATTS),
    )
    closed = [forbidden / f"sys/class/powercap/{entry}/energy_uj" for entry in ("intel-rapl:0", "intel-rapl:0:0")]
    for file in closed:
        file.chmod(0o400 if os.geteuid() == 0 else 0)
    with unprivileged():
        left_out = host.powercap.look()
        told, failures = host.read()

    assert [
        "energy of package-0, dram of package-0 is unmeasurable: only root may read"
        f" {forbidden}/sys/class/powercap/*/energy_uj (CVE-2020-8694); install the udev rule"
        " systemd/60-dc-monitor-rapl.rules"
    ] == left_out
    assert ({"psys energy"}, []) == ({*told}, failures)

    for file in closed:
        file.chmod(0o444)
    with unprivileged():
        assert [] == host.powercap.look()
    assert ["package-0", "dram of package-0", "psys"] == host.powercap.found


def test_the_udev_rule_opens_the_registers_for_the_agents_group_alone() -> None:
    """Group and commands are what the packaging promises; nothing is opened for the world."""
    home = Path(__file__).resolve().parent.parent.parent / "systemd"
    rule = [
        line
        for line in (home / "60-dc-monitor-rapl.rules").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    (run,) = [line for line in rule if line.startswith("RUN")]
    users = (home / "dc-monitor.sysusers").read_text(encoding="utf-8")

    assert 'RUN+="/bin/chgrp dc-monitor %S%p/energy_uj", RUN+="/bin/chmod g+r %S%p/energy_uj"' == run
    assert "\nu dc-monitor " in users
