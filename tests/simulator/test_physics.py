"""The room's promises: energy is conserved, registers are the integral of power, and time alone decides."""

import itertools
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from time import thread_time

import pytest

from dc_monitor.clock import NANOSECONDS
from dc_monitor.simulator.physics import EPOCH, OUTLETS, PDUS, PHASES, Room, outlet
from dc_monitor.simulator.plant import LOADS, UPS_RATED, cooling_power, cop, ups_loss
from dc_monitor.simulator.signals import NODES, STEP

MINUTE = STEP * NANOSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
PERIOD = NODES * MINUTE
NOW = int(datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()) * NANOSECONDS


@pytest.fixture(scope="module")
def room() -> Room:
    return Room(1)


def some_times(count: int = 50) -> Iterator[int]:
    draw = Random(7)
    return (NOW + draw.randrange(-PERIOD, PERIOD) for _ in range(count))


def test_every_whole_is_the_sum_of_its_parts(room: Room) -> None:
    """Utility = IT + PDUs' own + cables + UPS loss + cooling + other, at any instant and over any window."""
    losses = {"pdu-own": len(PDUS), "cables": 1, "ups-loss": 1, "cooling": 1, "other": 1}
    for time in some_times():
        moment = room.at(time)
        parts = sum(moment.parts[load] for load in LOADS) + sum(n * moment.parts[name] for name, n in losses.items())
        assert parts == pytest.approx(moment.power("utility"), rel=1e-9)
        phases = sum(room.energy(f"utility/l{phase}", time) for phase in PHASES)
        assert phases == pytest.approx(room.energy("utility", time), rel=1e-9)


@pytest.mark.parametrize("pdu", PDUS)
def test_outlets_phases_and_total_of_a_pdu_tell_the_same_energy(room: Room, pdu: str) -> None:
    """A PDU's inlet is its outlets and its own few watts, and the same cut by phases."""
    for time in some_times():
        outlets = sum(room.energy(outlet(pdu, number), time) for number in range(1, OUTLETS + 1))
        own = room.at(time).parts["pdu-own"] * (time - EPOCH) / NANOSECONDS
        assert outlets + own == pytest.approx(room.energy(pdu, time), rel=1e-9)
        phases = sum(room.at(time).power(f"{pdu}/l{phase}") for phase in PHASES)
        assert phases == pytest.approx(room.at(time).power(pdu), rel=1e-9)


def test_the_free_outlet_draws_nothing(room: Room) -> None:
    """0 W is a reading."""
    assert [0.0, 0.0] == [room.at(NOW).power(outlet(pdu, OUTLETS)) for pdu in PDUS]


@pytest.mark.parametrize("flow", ["utility", "ups-output", "pdu-a", "pdu-b/6", "cooling"])
def test_a_register_is_the_integral_of_power(room: Room, flow: str) -> None:
    """Three hours from an odd second on, summed up here in small steps, across a change of period too."""
    for start in (NOW + 17 * NANOSECONDS, EPOCH + 30 * PERIOD - HOUR - 7):
        step = 2 * NANOSECONDS
        watts = [room.at(start + at * step).power(flow) for at in range(3 * 3600 // 2 + 1)]
        summed = sum((one + other) / 2 * 2.0 for one, other in itertools.pairwise(watts))

        counted = room.energy(flow, start + 3 * HOUR) - room.energy(flow, start)
        assert summed == pytest.approx(counted, rel=1e-6)


def test_registers_begin_at_the_epoch_and_never_fall(room: Room) -> None:
    """Zero on 1 January 2024; afterwards later is more."""
    assert room.energy("utility", EPOCH) == 0.0
    counts = [room.energy("utility", time) for time in sorted(some_times())]
    assert counts == sorted(counts)


def test_time_and_seed_alone_decide(room: Room) -> None:
    """Another room of the same seed, asked in another order, says exactly the same; another seed does not."""
    times = list(some_times())
    asked = [(room.at(time).power("utility"), room.energy("pdu-a", time)) for time in times]
    again, other = Room(1), Room(2)

    assert asked[::-1] == [(again.at(time).power("utility"), again.energy("pdu-a", time)) for time in times[::-1]]
    assert asked[0][0] != other.at(times[0]).power("utility")


def test_losses_follow_the_load_as_a_ups_does(room: Room) -> None:
    """No-load, proportional and quadratic; 93 to 95 % efficient where it usually runs."""
    for minute in range(0, NODES, 997):
        moment = room.at(EPOCH + minute * MINUTE)
        output = moment.power("ups-output")
        # The plant is defined at whole minutes; the cables' share of the output is a second-order effect.
        assert ups_loss(output) == pytest.approx(moment.parts["ups-loss"], rel=1e-9)
        assert 0.92 < output / moment.power("ups-input") < 0.95
        assert output < UPS_RATED


def test_cooling_costs_more_on_a_warm_day_and_at_part_load() -> None:
    """The compressor lifts heat from the coil to the outdoor air: the further, the dearer."""
    assert cooling_power(5000, 5) < cooling_power(5000, 15) < cooling_power(5000, 30)
    assert cop(3000, 10) < cop(6000, 10)
    assert 2.0 < cop(5000, 30) < 3.0 < cop(5000, 10) < 6.0


def test_a_working_day_shows_and_a_weekend_does_not(room: Room) -> None:
    """Local noon is an hour earlier in UTC; four in the morning is after the backup."""
    days = [EPOCH + day * DAY for day in range(28)]
    noon, night = 10 * HOUR, 3 * HOUR

    def mean(wanted: list[int], at: int) -> float:
        return statistics.mean(room.at(day + at).power("it") for day in wanted)

    working = [day for number, day in enumerate(days) if number % 7 < 5]
    weekend = [day for number, day in enumerate(days) if number % 7 >= 5]
    assert mean(working, noon) > 1.15 * mean(working, night)
    assert mean(weekend, noon) < 1.1 * mean(weekend, night)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_seed_is_a_plausible_room(seed: int) -> None:
    """4 to 6 kW of IT, a November in Caen, a PUE between 1.2 and 2.0 on every day, wherever IT is measured."""
    room = Room(seed)
    times = range(NOW - PERIOD, NOW, 20 * MINUTE)
    it = [room.at(time).power("it") for time in times]
    air = [room.at(time).outdoor for time in times]
    assert 3200 < min(it) < 4000 < statistics.mean(it) < 5500 < max(it) < 6500
    assert -6 < min(air) < 7 < statistics.mean(air) < 11 < max(air) < 22
    for start in range(NOW - PERIOD, NOW, DAY):
        ups, pdu, outlets = room.truth(start, start + DAY).pue.values()
        assert 1.2 < ups < pdu < outlets < 2.0


def test_truth_is_the_ratio_of_sums(room: Room) -> None:
    """The PUE of two hours is not the mean of two PUEs."""
    first, second, both = (room.truth(NOW + a * HOUR, NOW + b * HOUR) for a, b in ((0, 1), (1, 2), (0, 2)))

    assert both.e_dc == pytest.approx(first.e_dc + second.e_dc, rel=1e-12)
    assert both.pue["it-input"] == both.e_dc / both.e_it["it-input"]


def test_air_warms_on_its_way_through_the_rack(room: Room) -> None:
    """Cold aisle, then the bottom, then the top, then behind; all of it within what servers like."""
    for time in some_times():
        moment = room.at(time)
        assert 18 < moment.cold_aisle < moment.inlet_bottom < moment.inlet_top < 27
        assert moment.inlet_top < moment.exhaust < 35
        assert 0.15 < moment.humidity < 0.8


def test_a_heavier_load_empties_the_battery_sooner(room: Room) -> None:
    """Half an hour and more, and less of it under load."""
    by_load = sorted((room.at(time).power("ups-output"), room.at(time).runtime) for time in some_times())

    assert sorted((runtime for _, runtime in by_load), reverse=True) == [runtime for _, runtime in by_load]
    assert 20 * 60 < by_load[-1][1] < by_load[0][1] < 90 * 60


def test_electricity_is_as_in_france(room: Room) -> None:
    """230 V within a few volts, 50 Hz within a few hundredths, and no more watts than volt-amperes."""
    for time in some_times():
        moment = room.at(time)
        assert all(224 < moment.voltage(phase) < 238 for phase in PHASES)
        assert 49.96 < moment.frequency < 50.04
        assert all(moment.power(flow) <= moment.apparent(flow) <= 1.2 * moment.power(flow) for flow in room.flows)


def test_looking_is_quick(room: Room) -> None:
    """A look and a register in well under a millisecond, so that a day of them is a matter of seconds."""
    begun = thread_time()
    for minute in range(1000):
        room.at(NOW + minute * MINUTE).power("utility")
        room.energy("utility", NOW + minute * MINUTE)

    assert thread_time() - begun < 5.0
