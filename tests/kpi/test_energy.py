import math

import numpy as np
import pytest

from dc_monitor.kernels.spans import length, spans
from dc_monitor.kpi.energy import Grid, Metered, joint
from dc_monitor.kpi.points import Found, find
from dc_monitor.kpi.rules import RULES
from dc_monitor.topology import alternatives
from kpi.rooms import DAY, HOUR, KWH, MINUTE, NOON, S, every, samples, without

NO_STARTS = np.empty(0, np.int64)


def metered(power=None, register=None, starts=NO_STARTS):
    """A meter with one series of power, of energy, or of both."""
    return Metered(Found({"total": power} if power else {}, {"total": register} if register else {}), starts, RULES)


def take(meter, start, end):
    """Energy of a meter from `start` to `end`, by hour."""
    return meter.take(spans([(start, end)]), Grid(start, end, HOUR))


def counting(time, watts, step=0.0, first=1e10):
    """A register fed by a constant power, rounded down to a step of its display."""
    joules = first + watts * (time - time[0]) / S
    return samples(time, joules // step * step if step else joules)


def test_coarse_register_gives_way_to_power_in_an_hour_and_wins_in_a_month():
    """0.1 kWh at 270 W ticks every 22 minutes: whichever interval is narrower is taken."""
    random = np.random.default_rng(3)
    time = every(MINUTE, NOON, NOON + 30 * DAY)
    power = samples(time, 270.0 + random.normal(0, 40, time.size))
    register = counting(time, 270.0, step=0.1 * KWH)
    both = metered(power, register)

    assert "power" == take(both, NOON, NOON + HOUR).source
    assert "register" == take(both, NOON, NOON + 30 * DAY).source


def test_register_recovers_a_hole_exactly():
    """Four hours without a poll: power has a hole, the register knows what flowed, nothing else changes."""
    time = every(MINUTE, NOON, NOON + DAY)
    hole = NOON + 6 * HOUR, NOON + 10 * HOUR
    watts = np.where((time > hole[0]) & (time < hole[1]), 5000.0, 1000.0)
    joules = np.concatenate(([0.0], np.cumsum((watts[1:] + watts[:-1]) / 2 * 60.0)))
    both = metered(without(samples(time, watts), *hole), without(samples(time, joules, method="measured"), *hole))

    assert [[NOON, NOON + DAY]] == both.spans.tolist()
    assert math.isclose(joules[-1], take(both, NOON, NOON + DAY).joules, rel_tol=1e-9)


def test_power_bridges_with_the_register_where_only_that_knows_and_says_mixed():
    """A register that is gone later: its part of the hole is used, the rest is power."""
    time = every(MINUTE, NOON, NOON + 6 * HOUR)
    power = without(samples(time, 1000.0), NOON + HOUR, NOON + 2 * HOUR)
    register = without(counting(time[time <= NOON + 3 * HOUR], 1000.0), NOON + HOUR, NOON + 2 * HOUR)

    taken = take(metered(power, register), NOON, NOON + 6 * HOUR)

    assert ("mixed", 6 * KWH) == (taken.source, taken.joules)
    assert [KWH] * 6 == taken.blocks.tolist()


def test_hole_is_bridged_by_what_the_register_really_counted_over_its_own_interval():
    """Register silent from 13 to 17 h, power only to 15 h, at 5 kW in between and 1 kW before and after."""
    time = every(MINUTE, NOON, NOON + 8 * HOUR)
    watts = np.where((time > NOON + HOUR) & (time < NOON + 3 * HOUR), 5000.0, 1000.0)
    joules = np.concatenate(([0.0], np.cumsum((watts[1:] + watts[:-1]) / 2 * 60.0)))
    power = without(samples(time, watts), NOON + HOUR, NOON + 3 * HOUR)
    early = time <= NOON + 7 * HOUR  # gone in the last hour, or the register alone would do
    register = without(samples(time[early], joules[early]), NOON + HOUR, NOON + 5 * HOUR)

    taken = take(metered(power, register), NOON, NOON + 8 * HOUR)

    assert "mixed" == taken.source
    assert math.isclose(joules[-1], taken.joules, rel_tol=1e-9)


def test_hole_bridged_by_a_register_counts_entirely_or_not_at_all():
    """The register knows what flowed from 13 to 17 h, not when: a window or a neighbour that cuts it loses it."""
    time = every(MINUTE, NOON, NOON + 8 * HOUR)
    hole = NOON + HOUR, NOON + 5 * HOUR
    bridged = metered(without(samples(time, 1000.0), *hole), without(counting(time, 1000.0), *hole))
    other = metered(without(samples(time, 1000.0), NOON + 4 * HOUR, NOON + 6 * HOUR))

    whole = joint(spans([(NOON, NOON + 8 * HOUR)]), [bridged])
    cut_by_window = joint(spans([(NOON, NOON + 3 * HOUR)]), [bridged])
    cut_by_neighbour = joint(spans([(NOON, NOON + 8 * HOUR)]), [bridged, other])

    assert 8 * HOUR == length(whole)
    assert [[NOON, NOON + HOUR]] == cut_by_window.tolist()
    assert [[NOON, NOON + HOUR], [NOON + 6 * HOUR, NOON + 8 * HOUR]] == cut_by_neighbour.tolist()


@pytest.mark.parametrize(
    ("step", "silence", "known"),
    [
        pytest.param(MINUTE, 15 * MINUTE, True, id="polled each minute: 15 min are bridged"),
        pytest.param(MINUTE, 16 * MINUTE, False, id="and no more"),
        pytest.param(10 * MINUTE, 30 * MINUTE, True, id="polled each 10 min: three periods"),
        pytest.param(10 * MINUTE, 40 * MINUTE, False, id="and not four"),
    ],
)
def test_gap_is_bridged_up_to_three_periods_or_a_quarter_of_an_hour(step, silence, known):
    """The product rule for the longest interval taken as continuous."""
    time = every(step, NOON, NOON + 6 * HOUR)
    start = NOON + HOUR

    meter = metered(without(samples(time, 100.0), start, start + silence))

    assert known == (6 * HOUR == length(meter.spans))


def test_restart_leaves_a_gap_and_is_told():
    """The device started again and its register with it: what flowed in that minute is not known."""
    time = every(MINUTE, NOON, NOON + 2 * HOUR)
    register = counting(time, 1000.0)
    later = time >= NOON + HOUR
    register.value[later] = register.value[later] - register.value[later][0]

    meter = metered(register=register, starts=np.array([NOON + HOUR - 30 * S]))

    assert (("restart", NOON + HOUR),) == meter.registers[0].events
    assert [[NOON, NOON + HOUR - MINUTE], [NOON + HOUR, NOON + 2 * HOUR]] == meter.spans.tolist()


def test_frozen_register_is_not_believed_beside_a_power_that_goes_on():
    """Three hours at one value under 1 kW: the register is set aside there, the power used."""
    time = every(MINUTE, NOON, NOON + 6 * HOUR)
    register = counting(time, 1000.0)
    frozen = (time > NOON + HOUR) & (time < NOON + 4 * HOUR)
    register.value[frozen] = register.value[time == NOON + HOUR]
    register.value[time >= NOON + 4 * HOUR] -= 3 * KWH

    meter = metered(samples(time, 1000.0), register)

    assert [[NOON + HOUR, NOON + 4 * HOUR + MINUTE]] == meter.registers[0].stalled.tolist()
    assert math.isclose(6 * KWH, take(meter, NOON, NOON + 6 * HOUR).joules)


def test_replaced_register_is_no_consumption_where_a_power_meter_stands_beside_it():
    """All the register ever did is one jump of 2.5 MWh within a minute; at 1 W that is another register."""
    time = every(MINUTE, NOON, NOON + 2 * HOUR)
    register = samples(time, np.where(time < NOON + HOUR, 5.0, 9e9))

    meter = metered(samples(time, 1.0), register)

    assert (("jump", NOON + HOUR),) == meter.registers[0].events
    assert math.isclose(7200.0, take(meter, NOON, NOON + 2 * HOUR).joules)


def test_register_and_power_that_tell_different_energies_are_told():
    """A forgotten transformer ratio of 1.2: no window should hide it."""
    time = every(MINUTE, NOON, NOON + DAY)

    taken = take(metered(samples(time, 1000.0), counting(time, 1200.0)), NOON, NOON + DAY)

    assert taken.disagreement is not None
    assert math.isclose(0.2, taken.disagreement, rel_tol=1e-6)


def test_bounds_of_estimates_are_integrated_and_the_rest_keeps_its_class():
    """Half the time estimated 900–1200 W, half measured 1000 W."""
    time = every(MINUTE, NOON, NOON + 2 * HOUR)
    estimated = time < NOON + HOUR
    power = samples(time, 1000.0)
    power.low[estimated], power.high[estimated], power.method[estimated] = 900.0, 1200.0, 2

    taken = take(metered(power), NOON, NOON + 2 * HOUR)

    assert math.isclose(2 * KWH, taken.joules)
    assert math.isclose(1.0, taken.plain / KWH, abs_tol=0.01)
    assert math.isclose(0.1, taken.lower / KWH, abs_tol=0.001)
    assert math.isclose(0.2, taken.upper / KWH, abs_tol=0.002)
    assert {"measured", "estimated"} == taken.methods


def test_register_read_once_a_day_is_spread_within_the_day_a_window_cuts_and_says_so():
    """Read at noon each day: a window from midnight to midnight is half a day off at either end."""
    time = every(DAY, NOON, NOON + 10 * DAY)

    taken = take(metered(register=counting(time, 1000.0)), NOON + DAY // 2, NOON + 5 * DAY + DAY // 2)

    assert math.isclose(120 * KWH, taken.joules)
    step, doubt = 24 * KWH, 12 * KWH  # a day's count at once; half of it on either side of a cut
    assert math.isclose(step**2 / 6 + 2 * doubt**2 / 3, taken.variance)


def test_phases_make_the_total_a_device_does_not_give():
    """A UPS of RFC 1628 has one row per output line; the sum is known only where all lines are."""
    time = every(MINUTE, NOON, NOON + 2 * HOUR)
    read = {("ups", f"output/l{phase}", "power"): samples(time, 100.0 * phase) for phase in (1, 2, 3)}
    read["ups", "output/l2", "power"] = without(read["ups", "output/l2", "power"], NOON + HOUR, NOON + 2 * HOUR)

    meter = Metered(find(read, "ups", "output/total"), NO_STARTS, RULES)

    assert [[NOON, NOON + HOUR]] == meter.spans.tolist()
    assert math.isclose(0.6 * KWH, take(meter, NOON, NOON + HOUR).joules)


def test_total_that_a_device_gives_is_preferred_to_its_phases():
    """Nothing is counted twice, whichever way the total is spelt."""
    time = every(MINUTE, NOON, NOON + HOUR)
    read = {("ups", point, "power"): samples(time, 1.0) for point in ("output", "output/l1", "output/l2")}

    assert ["output"] == [*find(read, "ups", "output/total").power]
    assert ["output"] == [*find(read, "ups", "output").power]


@pytest.mark.parametrize(
    ("point", "phase"),
    [("total", "l2"), ("total", "phase/l2"), ("output", "output/l2"), ("unit/2/total", "unit/2/phase/l2")],
)
def test_phases_are_found_the_way_devices_spell_them(point, phase):
    """Meters say `l2`, PDUs `phase/l2`, UPSs `output/l2`, and a second unit puts its name before."""
    assert phase in [one for alternative in alternatives(point) for one in alternative]


def test_place_is_read_as_it_is_written_where_both_spellings_exist():
    """Some devices have an `output` and an `output/total` that differ: the person chose."""
    time = every(MINUTE, NOON, NOON + HOUR)
    read = {("ups", point, "power"): samples(time, 1.0) for point in ("output", "output/total")}

    assert ["output"] == [*find(read, "ups", "output").power]
    assert ["output/total"] == [*find(read, "ups", "output/total").power]


def test_power_and_register_of_a_place_may_be_spelt_differently():
    """Power per phase, one register for all."""
    time = every(MINUTE, NOON, NOON + HOUR)
    read = {("ups", f"output/l{phase}", "power"): samples(time, 1.0) for phase in (1, 2, 3)}
    read["ups", "output/total", "energy"] = counting(time, 3.0)

    found = find(read, "ups", "output")

    assert (3, ["output/total"]) == (len(found.power), [*found.register])
