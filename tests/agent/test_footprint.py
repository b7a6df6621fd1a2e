"""What the agent takes from its machine; the energy is an attribution, and no more of it is claimed than is known."""

import logging
import os
import resource
from collections.abc import Iterator

import psutil
import pytest

from agent.virtual_time import NOON
from dc_monitor.agent.footprint import Footprint, OwnEnergy
from dc_monitor.agent.poller import Outcome
from dc_monitor.contract import DeviceInfo
from dc_monitor.readings import Reading, Series

Polled = tuple[dict[str, float], float, float]


def energy(*polls: Polled) -> float | None:
    """Own energy after polls of the host: (registers, own and busy processor time)."""
    own = OwnEnergy()
    for poll in polls:
        own.add(*poll)
    return own.joules


def test_own_energy_is_the_share_of_busy_processor_time() -> None:
    """600 J of two packages in a minute, of which the agent had 1 % and then 2 % of the busy time: 6 J and 12 J."""
    assert pytest.approx(18.0) == energy(
        ({"cpu/package-0": 1_000.0, "cpu/package-1": 5_000.0}, 10.0, 500.0),
        ({"cpu/package-0": 1_400.0, "cpu/package-1": 5_200.0}, 10.3, 530.0),
        ({"cpu/package-0": 1_700.0, "cpu/package-1": 5_500.0}, 10.9, 560.0),
    )


def register(joules: float) -> dict[str, float]:
    return {"cpu/package-0": joules}


BEGIN = (register(1_000.0), 1.0, 100.0)
NEXT = (register(1_100.0), 2.0, 110.0)  # 10 J


@pytest.mark.parametrize(
    ("polls", "joules"),
    [
        ([], None),
        ([BEGIN], None),
        ([BEGIN, NEXT], 10.0),
        ([BEGIN, NEXT, (register(50.0), 3.0, 120.0)], 10.0),
        ([BEGIN, NEXT, (register(50.0), 3.0, 120.0), (register(150.0), 4.0, 130.0)], 20.0),
        ([BEGIN, NEXT, ({}, 3.0, 120.0)], None),
        ([BEGIN, NEXT, ({}, 3.0, 120.0), (register(1_300.0), 4.0, 130.0)], 10.0),
        ([BEGIN, NEXT, ({**register(1_200.0), "cpu/package-1": 7e6}, 3.0, 120.0)], 10.0),
        ([BEGIN, (register(1_100.0), 2.0, 100.0)], None),
        ([BEGIN, (register(1_100.0), 1.02, 100.01)], 100.0),
        ([BEGIN, (register(1_100.0), 1.0, 110.0)], 0.0),
    ],
    ids=[
        "no host",
        "one poll only",
        "a span",
        "the register went round",
        "and on from there",
        "registers not readable any more",
        "readable again, the hole adds nothing",
        "a package came",
        "no busy time to share by",
        "rounding never makes it more than all",
        "idle",
    ],
)
def test_what_is_not_known_adds_nothing(polls: list[Polled], joules: float | None) -> None:
    """Absent is not 0 J, and a hole is not bridged."""
    assert joules == pytest.approx(energy(*polls))


def outcome(kind: str, *values: tuple[str, str, float]) -> Outcome:
    readings = [Reading(Series("me", point, what, "sensor"), value, NOON) for point, what, value in values]
    return Outcome("me", NOON, 0.1, 10.0, DeviceInfo(kind), readings)


def host(joules: float, kind: str = "host") -> Outcome:
    return outcome(
        kind,
        ("cpu", "utilisation", 0.5),
        ("cpu/package-0", "power", 15.0),
        ("cpu/package-0", "energy", joules),
        ("cpu/package-0/core", "energy", 10 * joules),
        ("dram/package-0", "energy", 10 * joules),
        ("psys", "energy", 10 * joules),
    )


def test_only_whole_packages_of_the_agents_own_host_count() -> None:
    """Cores lie within their package, memory beside it, the platform around them: none is counted twice."""
    mine, others = Footprint(), Footprint()
    for joules in (1_000.0, 1_060.0):
        mine.take(host(joules))
        others.take(host(joules, kind="server"))
        _work()

    assert 0.0 < mine.measured()["own_energy_joules"] <= 60.0
    assert "own_energy_joules" not in others.measured()


def _work() -> None:
    """Keep the processor busy until the machine's own count of it has moved on."""
    before = psutil.cpu_times().user
    while psutil.cpu_times().user < before + 0.1:
        sum(range(10_000))


def test_what_the_system_says_of_this_process() -> None:
    """Memory, processor time and descriptors as any other tool sees them."""
    footprint = Footprint()
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
    before = footprint.measured()
    footprint.look()
    told = footprint.measured()
    for descriptor in opened:
        os.close(descriptor)
    times = psutil.Process().cpu_times()

    assert 50 == told["open_files"] - before["open_files"]
    assert told["rss_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
    assert told["cpu_seconds"] == pytest.approx(times.user + times.system, abs=0.2)


@pytest.fixture
def limit() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def allow(descriptors: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(descriptors), hard))


@pytest.mark.usefixtures("limit")
def test_descriptors_near_their_limit_are_said_once_and_so_is_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Before no device can be reached, not when; and not again for every descriptor around the line."""
    caplog.set_level(logging.INFO)
    footprint = Footprint()
    used = int(footprint.measured()["open_files"])
    for share in (0.5, 0.85, 0.75, 0.85, 0.5):
        allow(used / share)
        footprint.look()

    assert [
        f"{used} file descriptors of {int(used / 0.85)} in use: at the limit no device and no server can be reached;"
        " raise LimitNOFILE= of the service, or ulimit -n",
        f"{used} file descriptors of {int(used / 0.5)} in use: enough are free again",
    ] == caplog.messages


@pytest.mark.usefixtures("limit")
def test_without_any_descriptor_left_the_watch_goes_on() -> None:
    """Looking takes a descriptor too: all are in use, and the memory is what it was."""
    footprint = Footprint()
    footprint.take(host(1_000.0))
    before = footprint.measured()
    allow(3)
    footprint.look()
    footprint.take(host(1_060.0))
    told = footprint.measured()

    assert (3.0, before["rss_bytes"]) == (told["open_files"], told["rss_bytes"])
    assert "own_energy_joules" not in told
