import csv
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.counters import (
    KINDS,
    MEMORY,
    PROVEN,
    unwrap,
)
from dc_monitor.kernels.spans import length
from dc_monitor.kernels.witnesses import plausible_rate

S = 1_000_000_000


@dataclass
class Track:
    """A register as long as it behaves: what it shows since when, what was counted, how often it rose."""

    value: float
    moved: int
    counted: float = 0.0
    rises: int = 0
    broken_by: int = -1

    def reaches(self, value, time, max_rate, slack):
        """Whether this track may show `value` at `time`."""
        return -slack <= value - self.value <= max_rate / 1e9 * (time - self.moved) + slack


def slow_unwrap(time, register, max_rate, slack, moduli, starts):
    """The twin, for reading: tracks are objects, memory is a list."""
    total, kind = [math.nan] * len(time), ["missing"] * len(time)
    track, remembered, last = None, [], 0
    for i, (now, value) in enumerate(zip(time, register, strict=True)):
        if not math.isfinite(value):
            continue
        if track is None:
            track, last = Track(value, now, rises=PROVEN), now
            total[i], kind[i] = 0.0, "continues"
            continue
        started = [start for start in starts if last < start <= now]
        allowed = max_rate / 1e9 * (now - last) + slack
        rise = value - track.value
        fits = -slack <= rise <= allowed
        doubtful = not fits or (not track.rises and rise)
        known = [m for m in remembered if doubtful and m.reaches(value, now, max_rate, slack)]
        memory = min(known, key=lambda m: value - m.value, default=None)
        rounds = [rise + m for m in moduli if track.value < m and rise + m <= allowed]

        if fits:
            zero = Track(0.0, started[0]) if started else None
            if memory or (zero and value > slack and zero.reaches(value, now, max_rate, slack)):
                kind[i] = "ambiguous"
                remembered = remembered[: remembered.index(memory)] if memory else []
                track = Track(value, now, track.counted, rises=1)
            else:
                kind[i] = "continues" if rise >= 0 else "step back"
                track.counted += max(rise, 0.0)
                track.rises += rise > 0
                track.moved = now if rise else track.moved
                track.value = max(value, track.value)
                remembered = [] if track.rises == PROVEN else remembered
        elif memory:
            for j in range(memory.broken_by, i):
                if kind[j] != "missing":
                    total[j], kind[j] = math.nan, "glitch"
            kind[i] = "continues" if value >= memory.value else "step back"
            high = max(value, memory.value)
            remembered = remembered[: remembered.index(memory)]
            track = Track(high, now, memory.counted + high - memory.value, memory.rises)
        else:
            track.broken_by = i
            remembered = [*remembered, track][-MEMORY:]
            if rise < -slack and rounds and not started:
                kind[i] = "wrap"
                track = Track(value, now, track.counted + min(rounds), rises=1)
            elif rise > 0 and track.reaches(value, now, max_rate, slack):
                kind[i] = "catch-up"
                track = Track(value, now, track.counted + rise, rises=1)
            else:
                kind[i] = "jump" if rise > 0 else "restart" if started else "fall"
                track = Track(value, now, track.counted)
        last, total[i] = now, track.counted
    return total, kind


def told(unwrapped):
    """Kinds as words."""
    return [KINDS[code] for code in unwrapped.kind]


def seconds(count):
    """A sample each second."""
    return np.arange(count, dtype=np.int64) * S


@settings(deadline=None, max_examples=300)
@given(
    register=st.lists(
        st.sampled_from([0.0, 1.0, 50.0, 99.0, 4294967295.0, math.nan, math.inf]) | st.integers(0, 120).map(float),
        max_size=60,
    ),
    gaps=st.lists(st.sampled_from([1, 2, 30]), min_size=60, max_size=60),
    max_rate=st.sampled_from([0.5, 3.0, 40.0]),
    slack=st.sampled_from([0.0, 1.0]),
    moduli=st.sampled_from([(), (100.0,), (100.0, 1000.0)]),
    starts=st.lists(st.integers(0, 200).map(lambda second: second * S), max_size=4).map(sorted),
)
@example(  # more broken tracks than are remembered, then back to the newest and to one forgotten
    register=[float(120 - 10 * i) for i in range(MEMORY + 3)] + [21.0, 31.0, 121.0, 122.0],
    gaps=[1] * 60,
    max_rate=0.5,
    slack=0.0,
    moduli=(),
    starts=[],
)
def test_hostile_registers_are_read_as_the_slow_twin_reads_them(register, gaps, max_rate, slack, moduli, starts):
    """Nonsense of every kind: same count and same words, a count that never falls, spans without a gap in them."""
    time = np.cumsum(gaps[: len(register)], dtype=np.int64) * S

    found = unwrap(time, register, max_rate, slack, moduli, starts)

    total, kind = slow_unwrap(time.tolist(), register, max_rate, slack, moduli, starts)
    assert kind == told(found)
    assert np.allclose(total, found.total, rtol=1e-12, atol=1e-9, equal_nan=True)
    accepted = found.total[np.isfinite(found.total)]
    assert np.all(np.diff(accepted) >= 0)
    opened = [t for t, k in zip(time, kind, strict=True) if k in ("restart", "fall", "jump", "ambiguous")]
    assert not [t for t in opened for start, end in found.spans if start < t <= end]


@st.composite
def disturbed(draw: st.DrawFn):
    """A true count, and what a bad gateway makes of it: wraps at 1000, zeros, garbage and silence that pass."""
    rises = draw(st.lists(st.floats(0.5, 2.0), min_size=12, max_size=80))
    true = 960.0 + np.cumsum([0.0, *rises])
    shown = true % 1000.0
    at = 2
    while at + 6 < true.size:
        at += draw(st.integers(2, 6))
        what = draw(st.sampled_from(["zeros", "half", "too high", "silence", "nothing"]))
        for i in range(at, min(at + draw(st.integers(1, 4)), true.size - 1)):
            if what != "nothing":
                shown[i] = {"zeros": 0.0, "half": shown[i] / 2, "too high": 5e9, "silence": math.nan}[what]
            at = i + 1
    return true, shown


@settings(deadline=None, max_examples=300)
@given(disturbed())
def test_what_passes_leaves_the_count_exact(one):
    """Glitches that pass, silence and wraps lose no energy and open no gap, as long as wraps are not hidden."""
    true, shown = one
    if true[-1] > 1000.0:  # the instants around the wrap are left alone: hidden, it could not be told from a restart
        crossing = int(np.argmax(true >= 1000.0))
        shown[max(crossing - 2, 0) : crossing + 6] = true[max(crossing - 2, 0) : crossing + 6] % 1000.0

    found = unwrap(seconds(true.size), shown, max_rate=2.1, slack=0.1, moduli=[1000.0])

    assert math.isclose(true[-1] - true[0], found.total[-1], rel_tol=1e-9)
    assert [[0, (true.size - 1) * S]] == found.spans.tolist()


CASES = [
    pytest.param([97, 99, 1], {"moduli": [100]}, "wrap", 4.0, 2, id="passes its modulus"),
    pytest.param([97, 99, 50], {"moduli": [100]}, "fall", 2.0, 1, id="would have to run too fast to reach 50"),
    pytest.param([97, 99, 1], {}, "fall", 2.0, 1, id="no modulus known"),
    pytest.param([97, 99, 1], {"moduli": [100], "starts": [S + 1]}, "restart", 2.0, 1, id="started again"),
    pytest.param([97, 99, 1], {"moduli": [100], "starts": [S]}, "wrap", 4.0, 2, id="started before"),
    pytest.param([50, 52, 400], {}, "jump", 2.0, 1, id="up, and nobody knows why"),
    pytest.param([50, 52, 51.6], {}, "step back", 2.0, 2, id="back by less than the slack"),
    pytest.param([50, 52, math.nan], {}, "missing", 2.0, 1, id="no answer"),
    pytest.param([1, 2, 3], {"starts": [S + 1]}, "ambiguous", 1.0, 1, id="started again, or reached it anyway"),
    pytest.param([50, 52, 54], {"starts": [S + 1]}, "continues", 4.0, 2, id="started again and kept its count"),
]


@pytest.mark.parametrize(("register", "witnesses", "kind", "counted", "covered"), CASES)
def test_one_event_by_hand(register, witnesses, kind, counted, covered):
    """At most 3 a second, half a count of slack: what the last sample is, what is counted, for how long."""
    found = unwrap(seconds(3), register, 3.0, 0.5, **witnesses)

    assert kind == told(found)[-1]
    assert counted == np.nanmax(found.total)
    assert covered * S == length(found.spans)


def test_zeros_that_pass_cost_nothing_and_zeros_that_stay_open_a_gap():
    """Memory of the high: seven weeks of zero are forgiven when the old count goes on."""
    passing = unwrap(seconds(6), [50, 52, 0, 0, 0, 60], 3.0)
    staying = unwrap(seconds(6), [50, 52, 0, 0, 0, 80], 3.0)

    assert ["continues", "continues", "glitch", "glitch", "glitch", "continues"] == told(passing)
    assert (10.0, [[0, 5 * S]]) == (passing.total[-1], passing.spans.tolist())
    assert ["continues", "continues", "fall", "continues", "continues", "jump"] == told(staying)
    assert 2.0 == staying.total[-1]


def test_lifetime_total_that_comes_back_is_not_booked_as_today():
    """After a restart that was real the register goes on from zero; the old 15 MWh never count again."""
    register = [15_000.0, 15_001.0, *np.arange(0.5, 20.0), 15_030.0]

    found = unwrap(seconds(len(register)), register, 3.0, starts=[S + 1])

    assert ["restart", "jump"] == [kind for kind in told(found) if kind != "continues"]
    assert 1.0 + 19.0 == found.total[-1]


@pytest.mark.parametrize(
    ("rises", "last", "counted"),
    [
        pytest.param(PROVEN - 1, "continues", 2.0 + 3.0, id="one rise short of proof: a glitch that moved"),
        pytest.param(PROVEN, "jump", 2.0 + PROVEN, id="proven: another register, the old one is forgotten"),
    ],
)
def test_track_that_rose_ten_times_is_real(rises, last, counted):
    """Then a value like the old one is no return."""
    found = unwrap(seconds(4 + rises), [500.0, 502.0, *np.arange(rises + 1.0), 505.0], 3.0)

    assert last == told(found)[-1]
    assert counted == found.total[-1]


def test_stuck_glitch_that_either_explanation_fits_is_a_gap():
    """Zero, then a long silence, then a value that a register from zero and the old one could both have reached."""
    time = np.array([0, 1, 2, 100]) * S

    found = unwrap(time, [100.0, 101.0, 0.0, 130.0], 3.0)

    assert "ambiguous" == told(found)[-1]
    assert 1.0 == found.total[-1]


def test_display_that_lags_catches_up_and_a_spike_after_idling_does_not_count():
    """A rise the plant could have made since the register last moved is energy, unless the register comes back."""
    late = unwrap(seconds(12), [*[10.0] * 10, 35.0, 36.0], 3.0)
    spike = unwrap(seconds(12), [*[10.0] * 10, 35.0, 10.0], 3.0)

    assert ("catch-up", 26.0) == (told(late)[10], late.total[-1])
    assert ("glitch", 0.0) == (told(spike)[10], spike.total[-1])


@pytest.mark.parametrize(("max_rate", "slack"), [(0.0, 0.0), (math.inf, 0.0), (math.nan, 0.0), (1.0, -1.0)])
def test_unwrapping_without_a_physical_limit_is_refused(max_rate, slack):
    """Without a finite rate everything is plausible, 15 MWh in one cycle too."""
    with pytest.raises(ValueError, match="max_rate must be positive"):
        unwrap([0, 1], [0.0, 1.0], max_rate, slack)


def test_register_with_time_out_of_order_is_refused():
    """The same words as every kernel."""
    with pytest.raises(ValueError, match="time must increase: at index 1 3 ns follows 5 ns"):
        unwrap([5, 3], [1.0, 2.0], 1.0)


@pytest.mark.parametrize("name", ["B5_MSB_AC", "CH_B4_01", "CH_B4_02", "CH_B4_03"])
def test_real_registers_of_a_university_give_their_net_count(shared, name):
    """Zeros for days, weeks and months, partial days, a frozen gateway, a step back: the net count all the same."""
    folder = shared / "series/monash-meters"
    expected = json.loads((folder / "expected.json").read_text())["results"][f"{name}_daily.csv"]
    with (folder / f"{name}_daily.csv").open() as file:
        rows = [*csv.DictReader(file)]
    column = next(column for column in rows[0] if "ENERGY" in column)
    epoch = datetime(1970, 1, 1)
    days = [datetime.strptime(row["Timestamp"][:9], "%d-%b-%y") - epoch for row in rows]
    time = np.array([day // timedelta(seconds=1) * S for day in days])
    register = np.array([float(row[column] or "nan") for row in rows])

    found = unwrap(time, register, plausible_rate(time, register), slack=0.5)

    assert math.isclose(expected["register_net"], found.total[-1], abs_tol=0.3)
    assert [[time[0], time[-1]]] == found.spans.tolist()
