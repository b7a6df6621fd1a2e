"""Means over a step: what lies between boundaries of steps is exact, and a hole stays a hole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.history import means, rows
from dc_monitor.history.archive import DAY, Archive
from dc_monitor.history.columns import Samples
from dc_monitor.kernels.energy import covered_spans, energy_over
from dc_monitor.kpi.rules import RULES
from dc_monitor.kpi.series import curve_of, period
from dc_monitor.wire import Line, parse_lines

SECOND = 10**9
MINUTE = 60 * SECOND
NOON = 1_795_608_000 * SECOND  # 2026-11-25T12:00:00Z
KEY = ("meter", "total", "power")


def mean(watts: float, start: int, minutes: float, more: str = "") -> str:
    return f"power,site=s,device=meter,point=total,method=measured,step={minutes * 60:g}{more} watts={watts} {start}"


def moment(watts: float, time: int) -> str:
    return f"power,site=s,device=meter,point=total,method=measured watts={watts} {time}"


def lines(*texts: str) -> "list[Line]":
    good, bad = parse_lines("\n".join(texts).encode())
    assert [] == bad
    return good


def samples(values: "list[float]", starts: "list[int]") -> Samples:
    nothing = np.full(len(values), np.nan)
    return Samples(
        np.array(starts, np.int64), np.array(values, np.float64), nothing, nothing, np.zeros(len(values), np.uint8)
    )


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path, "s")


STEPS = st.lists(
    st.tuples(st.sampled_from([1, 5, 10, 15, 30, 60, 240]), st.booleans(), st.floats(-1e6, 1e6)), min_size=1
)


@settings(deadline=None, max_examples=200)
@given(STEPS, st.data())
def test_energy_between_boundaries_is_exact_and_holes_add_nothing(steps, data):
    """Whatever the steps are and however they change: to the rounding of a sum, with the rules of every figure."""
    edges = np.cumsum([0, *(minutes * MINUTE for minutes, _, _ in steps)]).tolist()
    known = [at for at, (_, there, _) in enumerate(steps) if there]
    own = samples([steps[at][2] for at in known], [edges[at] for at in known])
    first, last = sorted(data.draw(st.lists(st.sampled_from(range(len(edges))), min_size=2, max_size=2)))
    window = np.array([[edges[first], edges[last]]])

    curve = curve_of(means.stairs([(own, np.array([steps[at][0] * MINUTE for at in known], np.int64))]), RULES)
    found = energy_over(curve.samples.time, curve.samples.value, curve.gap, window)

    inside = [at for at in known if first <= at < last]
    joules = sum(steps[at][0] * 60.0 * steps[at][2] for at in inside)
    scale = max((abs(steps[at][2]) for at in known), default=0.0)
    assert joules == pytest.approx(found.joules[0], rel=1e-12, abs=1e-7 * scale)
    assert abs(sum(steps[at][0] for at in inside) * MINUTE - int(found.covered[0])) <= 2 * len(steps)


def test_a_hole_is_never_bridged_whatever_the_pace_of_the_rest(archive):
    """One quarter of an hour is missing among quarters of an hour, which a sampled curve would bridge."""
    quarters = [at for at in range(40) if at != 17]
    archive.write(lines(*(mean(1000.0, NOON + at * 15 * MINUTE, 15) for at in quarters)))

    found = archive.read("s", NOON, NOON + DAY)[KEY]

    spans = covered_spans(found.time, found.value, 3 * period(found) + 15 * MINUTE)
    minutes = [((start - NOON) / MINUTE, (end - NOON) / MINUTE) for start, end in spans.tolist()]
    assert [(0.0, 17 * 15.0), (18 * 15.0, 40 * 15.0)] == minutes


def test_a_window_that_begins_within_a_step_knows_it(archive):
    """The mean stands at 12:00 and holds until 13:00: whoever asks from 12:40 on knows it, and nothing beyond."""
    archive.write(lines(mean(700.0, NOON, 60)))

    found = archive.read("s", NOON + 40 * MINUTE, NOON + DAY)[KEY]

    assert ([700.0] * 3, 60 * MINUTE) == (found.value.tolist(), found.time[-1] - NOON)
    assert 1 == len(archive.read("s", NOON + 60 * MINUTE, NOON + DAY)[KEY].time)
    assert {} == archive.read("s", NOON + 60 * MINUTE + 1, NOON + DAY)


def test_means_and_moments_of_one_series_are_one_curve(archive):
    """History from the supplier, then a meter that is polled: where both tell of an instant the poll counts."""
    archive.write(lines(mean(100.0, NOON, 30), moment(90.0, NOON + 30 * MINUTE), moment(95.0, NOON + 31 * MINUTE)))

    found = archive.read("s", NOON, NOON + DAY)[KEY]

    assert ([100.0, 100.0, 100.0, 90.0, 95.0], False) == (found.value.tolist(), np.isnan(found.value).any())


def test_of_two_steps_from_one_instant_the_later_written_counts(archive):
    """A supplier sends half-hours first and ten minutes later on; nothing is counted twice."""
    archive.write(lines(mean(100.0, NOON, 30)))
    archive.write(lines(*(mean(200.0, NOON + at * 10 * MINUTE, 10) for at in range(3))))

    found = archive.read("s", NOON, NOON + DAY)[KEY]

    assert 200.0 * 1800 == pytest.approx(
        energy_over(found.time, found.value, 15 * MINUTE, [[NOON, NOON + DAY]]).joules[0]
    )


def test_a_mean_ends_where_the_next_begins(archive):
    """Half an hour with a mean of ten minutes inside: no instant counts twice, and what follows is unknown."""
    archive.write(lines(mean(100.0, NOON, 30), mean(200.0, NOON + 10 * MINUTE, 10)))

    found = archive.read("s", NOON, NOON + DAY)[KEY]

    energy = energy_over(found.time, found.value, 15 * MINUTE, np.array([[NOON, NOON + DAY]]))
    assert (100.0 * 600 + 200.0 * 600) == pytest.approx(energy.joules[0])


def test_the_last_mean_has_no_sample_without_a_value_behind_it(archive):
    """What is newest is shown: it must be a number."""
    archive.write(lines(mean(100.0, NOON, 30), mean(50.0, NOON + 60 * MINUTE, 30)))

    assert 50.0 == archive.read("s", NOON, NOON + DAY)[KEY].value[-1]


@pytest.mark.parametrize("step", ["0", "-5", "nan", "abc", "1e400", "inf"])
def test_a_step_that_makes_no_sense_is_none(archive, step):
    """Anybody may write lines; the reading stays a reading."""
    archive.write(lines(f"power,site=s,device=meter,point=total,step={step} watts=5 {NOON}"))

    assert [5.0] == archive.read("s", NOON, NOON + 1)[KEY].value.tolist()


def test_a_series_keeps_its_other_tags_and_its_step(archive):
    """The step is one tag among those of a writer."""
    archive.write(lines(mean(5.0, NOON, 30, more=",feeder=7")))

    (line,) = archive.rows("s", "power", NOON, NOON + 1)

    assert ("1800", "7") == (line.tags["step"], line.tags["feeder"])
    assert [0, 15 * MINUTE, 30 * MINUTE - 1, 30 * MINUTE] == (
        archive.read("s", NOON, NOON + DAY)[KEY].time - NOON
    ).tolist()


def test_finer_means_inside_a_new_one_are_told():
    """They would hide part of it, and nothing in the archive is ever deleted."""
    there = rows.from_lines(lines(*(mean(1.0, NOON + at * 10 * MINUTE, 10) for at in range(6))))
    same = rows.from_lines(lines(mean(9.0, NOON + 10 * MINUTE, 10)))
    coarse = rows.from_lines(lines(mean(9.0, NOON, 30)))

    assert (None, None) == (means.clash(there, same), means.clash(coarse, there))
    assert (
        "meter/total power: the archive holds means over 10 min from 2026-11-25T12:10Z, and this file one over 30 min "
        "around them; give it another point"
    ) == means.clash(there, coarse)
