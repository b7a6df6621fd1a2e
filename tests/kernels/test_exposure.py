import math
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.energy import LANES, energy_from_power
from dc_monitor.kernels.exposure import DryBulb, exposure, exposure_of_many
from kernels.air import GAP, START, S, covered, probes

A1 = DryBulb(15.0, 18.0, 27.0, 32.0)
MINUTE = 60 * S


def slow_side(t0, t1, d0, d1):
    """Time [ns] and kelvin-seconds of one straight interval beyond a limit; `d` is the distance beyond it."""
    if d0 <= 0 and d1 <= 0:
        return 0.0, 0.0
    if d0 > 0 and d1 > 0:
        return t1 - t0, (d0 + d1) / 2 * (t1 - t0) / 1e9
    outside = max(d0, d1)
    time = (t1 - t0) * outside / (abs(d0) + abs(d1))
    return time, outside / 2 * time / 1e9


def slow_exposure(time, celsius, limits):
    """The twin: one interval after the other, one limit after the other, as a person would."""
    known, beyond, excess = 0, [0.0] * 4, [0.0] * 4
    for t0, t1, [(v0, v1)] in covered(time, celsius):
        known += t1 - t0
        for k, (limit, sign) in enumerate(zip(limits, (-1, -1, 1, 1), strict=True)):
            time_beyond, kelvin = slow_side(t0, t1, sign * (v0 - limit), sign * (v1 - limit))
            beyond[k] += time_beyond
            excess[k] += kelvin
    return known, beyond, excess


def same(one, other):
    """Sums of the same numbers in another order."""
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-3)


@settings(deadline=None)
@given(probes())
def test_exposure_is_what_the_slow_twin_finds(one):
    """The same covered time, time beyond and kelvin-seconds, whatever the shape."""
    time, celsius = one
    known, beyond, excess = slow_exposure(time, celsius, A1)

    found = exposure(time, celsius, GAP, A1)

    assert known == found.known
    same(beyond, found.beyond)
    same(excess, found.excess)


@settings(deadline=None, max_examples=50)
@given(st.lists(probes(longest=3 * LANES), max_size=6))
def test_many_inlets_at_once_give_bit_for_bit_what_each_gives_alone(many):
    """Threads, neighbours and blocks that are only looked at change nothing."""
    time = np.concatenate([np.empty(0, np.int64), *(time for time, _ in many)])
    celsius = np.concatenate([np.empty(0), *(celsius for _, celsius in many)])
    offsets = np.cumsum([0, *(len(time) for time, _ in many)])

    found = exposure_of_many(time, celsius, offsets, GAP, A1)

    alone = [exposure(*one, GAP, A1) for one in many]
    assert [one.known for one in alone] == found.known.tolist()
    assert [one.beyond.tolist() for one in alone] == found.beyond.tolist()
    assert [one.excess.tolist() for one in alone] == found.excess.tolist()


@settings(deadline=None)
@given(probes(), st.lists(st.integers(-50, 6000), min_size=1, max_size=6, unique=True))
def test_exposures_of_adjoining_periods_add_up_to_the_whole(one, cuts):
    """Cutting a period anywhere, between samples too, neither makes nor loses time."""
    time, celsius = one
    edges = [START - 3600 * S, *(START + cut * S // 3 for cut in sorted(cuts)), START + 10**6 * S]

    pieces = [exposure(time, celsius, GAP, A1, a, b) for a, b in pairwise(edges)]

    whole = exposure(time, celsius, GAP, A1)
    assert whole.known == sum(piece.known for piece in pieces)
    same(whole.beyond, sum(piece.beyond for piece in pieces))
    same(whole.excess, sum(piece.excess for piece in pieces))


@settings(deadline=None)
@given(probes())
def test_covered_time_is_that_of_energy(one):
    """A hole is a hole for every kernel."""
    time, celsius = one

    assert energy_from_power(time, celsius, GAP).covered == exposure(time, celsius, GAP, A1).known


@settings(deadline=None)
@given(probes())
def test_bands_share_out_the_covered_time(one):
    """Nothing is beyond an allowable limit that is not beyond the recommended one, and no band is longer than all."""
    known, beyond, excess = exposure(*one, GAP, A1)

    assert beyond[0] <= beyond[1] * (1 + 1e-12)
    assert beyond[3] <= beyond[2] * (1 + 1e-12)
    assert beyond[1] + beyond[2] <= known * (1 + 1e-12)
    assert np.all((beyond > 0.0) | (excess == 0.0))


def test_triangle_by_hand():
    """22 → 32 °C in ten minutes and back: half the time above 27 °C, by 2.5 K in the mean; never above 32."""
    found = exposure([0, 10 * MINUTE, 20 * MINUTE], [22.0, 32.0, 22.0], 10 * MINUTE, A1)

    assert 20 * MINUTE == found.known
    assert [0.0, 0.0, 10.0 * MINUTE, 0.0] == found.beyond.tolist()
    assert [0.0, 0.0, 1500.0, 0.0] == found.excess.tolist()


def test_a_fall_through_the_whole_envelope_by_hand():
    """42 → 5 °C in 37 minutes: a minute a kelvin, ten above allowable, fifteen above recommended, and so on down."""
    found = exposure([0, 37 * MINUTE], [42.0, 5.0], 37 * MINUTE, A1)

    np.testing.assert_allclose(np.array([10, 13, 15, 10]) * MINUTE, found.beyond, rtol=1e-12)
    np.testing.assert_allclose(np.array([50, 84.5, 112.5, 50]) * 60, found.excess, rtol=1e-12)


def test_a_temperature_on_a_limit_is_within_it():
    """27.0 °C is recommended, 32.0 °C allowed, for as long as it lasts."""
    for celsius in (18.0, 27.0):
        assert [0.0] * 4 == exposure([0, MINUTE], [celsius, celsius], GAP, A1).beyond.tolist()
    assert [0.0, 0.0, MINUTE, 0.0] == exposure([0, MINUTE], [32.0, 32.0], GAP, A1).beyond.tolist()


def test_period_that_no_sample_lies_in_is_known_from_those_around():
    """Half a minute between two samples, and a period that reaches beyond both."""
    time, celsius = [0, MINUTE], [27.0, 33.0]

    inside = exposure(time, celsius, GAP, A1, 30 * S, 60 * S)
    beyond = exposure(time, celsius, GAP, A1, -MINUTE, 5 * MINUTE)

    assert (30 * S, [0.0, 0.0, 30e9, 10e9]) == (inside.known, inside.beyond.round(3).tolist())
    np.testing.assert_allclose([0.0, 0.0, 135.0, 5.0], inside.excess)
    assert MINUTE == beyond.known
    np.testing.assert_allclose([0.0, 0.0, 180.0, 5.0], beyond.excess)
    assert 0 == exposure(time, celsius, GAP, A1, 2 * MINUTE, 5 * MINUTE).known


@pytest.mark.parametrize(
    ("time", "celsius"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([0], [40.0], id="one"),
        pytest.param([0, MINUTE, 2 * MINUTE], [math.nan] * 3, id="all NaN"),
        pytest.param([0, MINUTE, 2 * MINUTE], [40.0, math.nan, 40.0], id="every other NaN"),
        pytest.param([0, GAP + 1], [40.0, 40.0], id="a gap"),
    ],
)
def test_what_is_not_known_is_neither_inside_nor_outside(time, celsius):
    """No time, no excess; never a zero that looks like a perfect room of some length."""
    found = exposure(time, celsius, GAP, A1)

    assert (0, [0.0] * 4, [0.0] * 4) == (found.known, found.beyond.tolist(), found.excess.tolist())


def test_blocks_inside_the_envelope_add_time_and_nothing_else():
    """300 samples within, one excursion: the excursion is found wherever in its block it lies."""
    time = np.arange(300) * MINUTE
    for at in (1, LANES - 1, LANES, LANES + 1, 298):
        celsius = np.full(300, 22.0)
        celsius[at] = 28.0
        found = exposure(time, celsius, GAP, A1)

        assert 299 * MINUTE == found.known
        np.testing.assert_allclose([0.0, 0.0, 2 * MINUTE / 6, 0.0], found.beyond)
        np.testing.assert_allclose([0.0, 0.0, 2 * 60 / 12, 0.0], found.excess)


def test_lanes_keep_a_fixed_order_of_summation():
    """The documented order, bit for bit: interval i in lane i mod 64, lanes from the first to the last."""
    random = np.random.default_rng(1)
    time, celsius = np.cumsum(random.integers(1, GAP, 1000)), random.uniform(27.5, 31.5, 1000)
    lanes = [0.0] * LANES
    for i in range(999):
        twice = float(celsius[i] - 27.0) + float(celsius[i + 1] - 27.0)
        lanes[i % LANES] += twice * float(time[i + 1] - time[i])
    expected = 0.0
    for lane in lanes:
        expected += lane

    assert expected / 2e9 == exposure(time, celsius, GAP, A1).excess[2]


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        pytest.param([0, 5, 5], "time must increase: at index 2 5 ns follows 5 ns", id="duplicate"),
        pytest.param([0, 9, 4], "time must increase: at index 2 4 ns follows 9 ns", id="backwards"),
        pytest.param([0.0, 1.0, 2.0], "time must be integer nanoseconds, not float64", id="seconds"),
        pytest.param([0, 1], r"two columns of one length, not \(2,\) and \(3,\)", id="lengths"),
    ],
)
def test_columns_that_are_no_curve_are_refused(time, sentence):
    """With the words of every kernel."""
    with pytest.raises(ValueError, match=sentence):
        exposure(time, [20.0, 20.0, 20.0], GAP, A1)


def test_disorder_in_one_of_many_inlets_names_it():
    """The index counts within the series, and time may fall from one series to the next."""
    with pytest.raises(ValueError, match="series 1: time must increase: at index 2 1 ns follows 2 ns"):
        exposure_of_many([7, 8, 9, 0, 2, 1], np.ones(6), [0, 3, 6], GAP, A1)


@pytest.mark.parametrize("offsets", [[0, 4], [1, 3], [0, 2, 1, 3], [], [[0, 3]], [0.0, 3.0]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    """Offsets rise from 0 to the number of samples."""
    with pytest.raises(ValueError, match="offsets must"):
        exposure_of_many([0, 1, 2], [20.0, 20.0, 20.0], offsets, GAP, A1)


def test_limits_in_another_order_are_refused():
    """Recommended before allowable is a slip that would make every room perfect."""
    with pytest.raises(ValueError, match=r"limits must rise.*not 18\.0, 15\.0, 27\.0, 32\.0"):
        exposure([0, 1], [20.0, 20.0], GAP, DryBulb(18.0, 15.0, 27.0, 32.0))


TWO_AT_ONCE = """
import threading
import numpy as np
from dc_monitor.kernels.energy import energy_of_many
from dc_monitor.kernels.exposure import DryBulb, exposure_of_many

time, values, offsets = np.arange(20_000) * 10**9, np.full(20_000, 28.0), np.arange(0, 20_001, 1_000)

def air():
    for _ in range(300):
        exposure_of_many(time, values, offsets, 10**10, DryBulb(15.0, 18.0, 27.0, 32.0))

def energy():
    for _ in range(300):
        energy_of_many(time, values, offsets, 10**10)

threads = [threading.Thread(target=work) for work in (air, energy, air)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""


def test_two_threads_may_ask_for_many_inlets_and_many_energies_at_once():
    """Figures of air and of energy in one process do not abort it: they share one lock.

    Where OpenMP or TBB are installed numba would bear it without; its own thread pool, which is always there, ends
    the process.
    """
    environment = {**os.environ, "NUMBA_THREADING_LAYER": "workqueue"}

    ended = subprocess.run([sys.executable, "-c", TWO_AT_ONCE], env=environment, capture_output=True, text=True)

    assert (0, "done") == (ended.returncode, ended.stdout.strip()), ended.stderr
