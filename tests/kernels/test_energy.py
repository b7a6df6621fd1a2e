import csv
import json
import math
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.energy import (
    LANES,
    covered_spans,
    energy_from_power,
    energy_of_many,
    energy_over,
)
from dc_monitor.kernels.sampling import sampling_error
from dc_monitor.kernels.spans import intersect, length, spans

S = 1_000_000_000
GAP = 90 * S


def slow_energy(time, power, max_gap):
    """The twin: one interval after the other, as a person would."""
    joules, covered = 0.0, 0
    for t0, t1, p0, p1 in zip(time[:-1], time[1:], power[:-1], power[1:], strict=True):
        if t1 - t0 <= max_gap and math.isfinite(p0) and math.isfinite(p1):
            joules += (p0 + p1) / 2 * (t1 - t0) / 1e9
            covered += t1 - t0
    return joules, covered


@st.composite
def curves(draw: st.DrawFn, longest: int = 200):
    """Powers as devices send them: irregular, with missing answers, gaps, zeros and infinities."""
    steps = draw(st.lists(st.sampled_from([1, S, 60 * S, 90 * S, 91 * S, 3600 * S]), max_size=longest))
    time = np.cumsum([1_700_000_000 * S, *steps], dtype=np.int64)[: draw(st.integers(0, len(steps) + 1))]
    watt = st.sampled_from([0.0, math.nan, math.inf, -math.inf, -5.0]) | st.floats(0.0, 1e7)
    power = draw(st.lists(watt, min_size=time.size, max_size=time.size))
    return time, np.array(power, np.float64)


@settings(deadline=None)
@given(curves())
def test_energy_is_what_the_slow_twin_finds(one):
    """Same energy to 1e-9 and the same covered time, whatever the shape."""
    time, power = one
    joules, covered = slow_energy(time.tolist(), power.tolist(), GAP)

    found = energy_from_power(time, power, GAP)

    assert covered == found.covered
    assert math.isclose(joules, found.joules, rel_tol=1e-9, abs_tol=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.lists(curves(longest=3 * LANES), max_size=6))
def test_many_series_at_once_give_bit_for_bit_what_each_gives_alone(many):
    """Threads and neighbours change nothing."""
    time = np.concatenate([np.empty(0, np.int64), *(time for time, _ in many)])
    power = np.concatenate([np.empty(0), *(power for _, power in many)])
    offsets = np.cumsum([0, *(len(time) for time, _ in many)])

    found = energy_of_many(time, power, offsets, GAP)

    alone = [energy_from_power(*one, GAP) for one in many]
    assert [one.joules for one in alone] == found.joules.tolist()
    assert [one.covered for one in alone] == found.covered.tolist()


@settings(deadline=None)
@given(curves(), st.sets(st.integers(-100, 8000), max_size=12))
def test_energies_of_adjoining_spans_add_up_to_the_whole(one, cuts):
    """Cutting a curve anywhere neither makes nor loses energy or covered time."""
    time, power = one
    start = 1_700_000_000 * S
    edges = sorted({start - 200 * S, start + 10**6 * S, *(start + cut * S // 3 for cut in cuts)})

    pieces = energy_over(time, power, GAP, np.array([*pairwise(edges)]))

    whole = energy_from_power(time, power, GAP)
    assert whole.covered == pieces.covered.sum()
    assert math.isclose(whole.joules, pieces.joules.sum(), rel_tol=1e-9, abs_tol=1e-6)


@settings(deadline=None)
@given(curves(), st.integers(-100, 8000), st.integers(1, 8000))
def test_covered_spans_are_where_energy_over_finds_covered_time(one, start, seconds):
    """What one kernel calls covered, the other integrates, and nothing else."""
    time, power = one
    begin = 1_700_000_000 * S + start * S
    asked = spans([(begin, begin + seconds * S)])

    covered = covered_spans(time, power, GAP)

    assert energy_from_power(time, power, GAP).covered == length(covered)
    assert length(intersect(covered, asked)) == energy_over(time, power, GAP, asked).covered[0]


def test_triangle_by_hand():
    """0 → 600 W in a minute and back: 36 kJ; half of it in each minute, a quarter of that in the first 30 s."""
    time, power = [0, 60 * S, 120 * S], [0.0, 600.0, 0.0]

    assert (36_000.0, 120 * S) == energy_from_power(time, power, GAP)
    halves = energy_over(time, power, GAP, np.array([[0, 30 * S], [30 * S, 60 * S], [60 * S, 500 * S]]))
    assert [4_500.0, 13_500.0, 18_000.0] == halves.joules.tolist()
    assert [30 * S, 30 * S, 60 * S] == halves.covered.tolist()


def test_hole_adds_neither_energy_nor_time_and_zero_is_a_value():
    """A gap longer than allowed and a missing answer are holes; 0 W is a reading."""
    time = np.array([0, 60, 120, 300, 360, 420]) * S
    power = [100.0, 0.0, 100.0, 100.0, math.nan, 100.0]

    assert (6_000.0, 120 * S) == energy_from_power(time, power, GAP)
    assert [[0, 120 * S]] == covered_spans(time, power, GAP).tolist()


@pytest.mark.parametrize("size", [0, 1], ids=["nothing", "one sample"])
def test_less_than_an_interval_is_no_energy_and_no_time(size):
    """One sample says how much power, not for how long."""
    time, power = np.arange(size), np.ones(size)

    assert (0.0, 0) == energy_from_power(time, power, GAP)
    assert [] == covered_spans(time, power, GAP).tolist()
    assert 0.0 == sampling_error(time, power, GAP)
    assert [0.0] == energy_over(time, power, GAP, spans([(0, 9)])).joules.tolist()


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        pytest.param([0, 5, 5], "time must increase: at index 2 5 ns follows 5 ns", id="duplicate"),
        pytest.param([0, 9, 4], "time must increase: at index 2 4 ns follows 9 ns", id="backwards"),
        pytest.param([2**62, -(2**62), 0], f"at index 1 -{2**62} ns follows {2**62} ns", id="overflow"),
        pytest.param([0.0, 1.0, 2.0], "time must be integer nanoseconds, not float64", id="seconds"),
        pytest.param([0, 1], r"two columns of one length, not \(2,\) and \(3,\)", id="lengths"),
        pytest.param([[0, 1, 2]], r"two columns of one length, not \(1, 3\) and \(3,\)", id="matrix"),
    ],
)
def test_columns_that_are_no_curve_are_refused_with_index_and_both_times(time, sentence):
    """Every kernel refuses them with the same words, whether it looks before or while it counts."""
    power = [1.0, 1.0, 1.0]

    for kernel in (energy_from_power, covered_spans, sampling_error):
        with pytest.raises(ValueError, match=sentence):
            kernel(time, power, GAP)
    with pytest.raises(ValueError, match=sentence):
        energy_over(time, power, GAP, spans([(0, 1)]))


def test_times_centuries_apart_are_refused():
    """Two samples whose distance does not fit into 64 bits are no nanoseconds since 1970."""
    time, power = [-(2**62), 2**62 + 5], [1.0, 2.0]

    for kernel in (energy_from_power, covered_spans, sampling_error):
        with pytest.raises(ValueError, match="more than 292 years"):
            kernel(time, power, GAP)
    with pytest.raises(ValueError, match="more than 292 years"):
        energy_of_many([0, *time], [0.0, *power], [0, 1, 1, 3], GAP)


def test_disorder_in_one_of_many_series_names_it():
    """The index counts within the series, and time may fall from one series to the next."""
    time, power = np.array([7, 8, 9, 0, 2, 1]), np.ones(6)

    with pytest.raises(ValueError, match="series 1: time must increase: at index 2 1 ns follows 2 ns"):
        energy_of_many(time, power, [0, 3, 6], GAP)


@pytest.mark.parametrize("offsets", [[0, 4], [1, 3], [0, 2, 1, 3], [], [[0, 3]], [0.0, 3.0]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    """Offsets rise from 0 to the number of samples."""
    with pytest.raises(ValueError, match="offsets must"):
        energy_of_many([0, 1, 2], [1.0, 1.0, 1.0], offsets, GAP)


def test_each_of_many_series_may_have_its_own_gap():
    """A device polled each minute and one polled each hour live in one call."""
    time = np.array([0, 60, 0, 3600]) * S

    found = energy_of_many(time, [1.0] * 4, [0, 2, 4], [90 * S, 3600 * S])

    assert [60.0, 3600.0] == found.joules.tolist()


def test_two_threads_may_ask_for_many_series_at_once():
    """A site's live figures and a report in the same process do not abort it."""
    time, power = np.arange(20_000) * S, np.ones(20_000)
    offsets = np.arange(0, 20_001, 1_000)
    results: list[float] = []

    def ask() -> None:
        results.extend(float(energy_of_many(time, power, offsets, GAP).joules.sum()) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [999.0 * 20] * 60 == results


def test_lanes_keep_a_fixed_order_of_summation():
    """The documented order, bit for bit: interval i in lane i mod 64, lanes from the first to the last."""
    random = np.random.default_rng(1)
    time, power = np.cumsum(random.integers(1, 90 * S, 1000)), random.uniform(0, 1e6, 1000)
    lanes = [0.0] * LANES
    for i in range(999):
        lanes[i % LANES] += float(power[i] + power[i + 1]) * float(time[i + 1] - time[i])
    expected = 0.0
    for lane in lanes:
        expected += lane

    assert expected / 2e9 == energy_from_power(time, power, GAP).joules


@pytest.mark.parametrize(
    ("load", "least", "most"),
    [
        pytest.param("flicker", 0.95, 1.15, id="a load that flickers faster than it is read: right"),
        pytest.param("drift", 1.0, 3.0, id="a load that drifts: too large, at most three times"),
    ],
)
def test_sampling_error_is_the_spread_of_the_energy_over_many_days(load, least, most):
    """The estimate from one day agrees with the errors really made over 400 days, or errs on the large side."""
    random = np.random.default_rng(7)
    minutes, fine = 120, 20
    errors, told = [], []
    for _ in range(400):
        moves = random.normal(0, 50, minutes * fine + 1)
        power = 1000 + (moves if load == "flicker" else np.cumsum(moves))
        time = np.arange(power.size) * 3 * S
        true = energy_from_power(time, power, GAP).joules
        errors.append(energy_from_power(time[::fine], power[::fine], GAP).joules - true)
        told.append(sampling_error(time[::fine], power[::fine], GAP))

    assert least <= math.sqrt(np.mean(np.square(told))) / np.std(errors) <= most


def test_sampling_error_of_a_steady_load_is_nothing_and_of_a_lone_step_is_a_step():
    """A straight line has no error; two samples that differ leave the instant of the change open."""
    assert 0.0 == sampling_error(np.arange(50) * S, np.full(50, 7.0), GAP)
    assert math.isclose(600.0 / math.sqrt(12.0), sampling_error([0, 60 * S], [10.0, 20.0], GAP))


def campus_load(shared):
    """UCSD's campus load: local wall clock, newest first, with the repeated hour and four repeated stamps."""
    zone, seen, rows = ZoneInfo("America/Los_Angeles"), set(), {}
    with (shared / "series/ucsd-microgrid/DemandCharge.csv").open(encoding="utf-8-sig") as file:
        table = [*csv.DictReader(file)]
    for row in reversed(table):
        local = datetime.strptime(row["DateTime"], "%m/%d/%Y %H:%M")
        again = local in seen
        seen.add(local)
        moment = local.replace(tzinfo=zone, fold=int(again)).astimezone(UTC)
        text = row["TotalCampusLoad"].replace(",", "")
        rows[moment] = float(text) if text != "-" else math.nan
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    time = np.array([(moment - epoch) // timedelta(microseconds=1) * 1000 for moment in rows], np.int64)
    order = np.argsort(time)
    return time[order], np.array([*rows.values()])[order]


def test_campus_load_integrates_to_the_reference(shared):
    """26 months of a real campus give the kWh that other code found, clock changes included."""
    expected = json.loads((shared / "series/ucsd-microgrid/expected.json").read_text())
    total = expected["results"]["DemandCharge.csv"]["columns"]["TotalCampusLoad"]["total"]
    time, kilowatts = campus_load(shared)

    found = energy_from_power(time, kilowatts * 1000.0, 900 * S)

    assert math.isclose(total["kWh_trapezoid_no_bridge"], found.joules / 3.6e6, rel_tol=1e-9)
