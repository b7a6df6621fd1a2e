"""The last hours in memory: the same readings as the archive has, in bounded room."""

import logging
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.history.archive import Archive
from dc_monitor.site.recent import Recent
from dc_monitor.topology import Dated, Meter, Topology
from dc_monitor.wire import Line, parse_lines

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
WATTS = ("pdu-a", "total", "power")


def line(value: float, time: int, point: str = "total", quantity: str = "power watts") -> Line:
    measurement, word = quantity.split()
    text = f"{measurement},site=Caen-1,device=pdu-a,point={point},method=measured {word}={value!r} {time}"
    return parse_lines(text.encode())[0][0]


def values(recent: Recent) -> list[tuple[int, float]]:
    found = recent.read("Caen-1", 0, NOON * 2).get(WATTS)
    return [] if found is None else [*zip(found.time.tolist(), found.value.tolist(), strict=True)]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3)), max_size=300),
        max_size=4,
    )
)
def test_readings_in_any_order_come_back_as_from_the_archive(tmp_path_factory, groups):
    """Back-filled and repeated readings sort themselves in; the last written of an instant counts."""
    recent, archive = Recent(lambda: NOON), Archive(tmp_path_factory.mktemp("archive"))
    for group in groups:
        lines = [line(float(value), NOON - minute * MINUTE) for minute, value in group]
        recent.add(lines)
        if lines:
            archive.write(lines)
    kept, live = archive.read("Caen-1", 0, NOON + 1), recent.read("Caen-1", 0, NOON + 1)

    assert kept.keys() == live.keys()
    for key, samples in kept.items():
        for ours, theirs in zip(live[key], samples, strict=True):
            np.testing.assert_array_equal(theirs, ours)


def test_what_is_older_than_the_span_is_forgotten():
    """The longest day of the year fits, and the hour before it."""
    now = NOON
    recent = Recent(lambda: now)
    recent.add([line(1.0, NOON - 27 * HOUR), line(2.0, NOON - 26 * HOUR), line(3.0, NOON)])
    assert [(NOON - 26 * HOUR, 2.0), (NOON, 3.0)] == values(recent)
    now += 2 * HOUR

    assert [(NOON, 3.0)] == values(recent)


def test_memory_is_bounded_and_the_newest_readings_stay(caplog):
    """A flood shortens the view; it does not end the process, and it is said."""
    recent = Recent(lambda: NOON, limit=1000)
    with caplog.at_level(logging.WARNING):
        recent.add(line(float(second), NOON - second * 10**9) for second in range(5000))
    kept = values(recent)

    assert 500 < len(kept) <= 1000
    assert [(NOON - second * 10**9, float(second)) for second in reversed(range(len(kept)))] == kept
    assert "more than 1000 readings in memory" in caplog.text


def test_outlets_are_left_to_the_archive_unless_a_meter_reads_them():
    """Forty outlets of fifty strips are not what the page draws."""
    metered = Meter("it", (Dated("it"),), reads=("pdu-a", "outlet/7"))
    recent = Recent(lambda: NOON, {"Caen-1": Topology((metered,))})
    recent.add([line(1.0, NOON, point) for point in ("outlet/7", "outlet/8", "bank/1", "total", "output/l1")])

    assert ["outlet/7", "output/l1", "total"] == [point for _, point, _ in recent.keys("Caen-1")]


def test_series_that_fell_silent_leave_nothing_behind():
    """Names that come and go for years must not stay in memory."""
    now = NOON
    recent = Recent(lambda: now)
    recent.add([line(1.0, NOON)])
    now += 27 * HOUR

    assert [] == recent.keys("Caen-1")


def test_the_newest_reading_tells_its_usual_period_and_is_not_of_the_future():
    """A clock that is an hour ahead must not be the newest for an hour."""
    recent = Recent(lambda: NOON)
    recent.add(line(float(minute), NOON - minute * MINUTE) for minute in random.Random(1).sample(range(20), 20))
    recent.add([line(99.0, NOON + HOUR)])
    newest = recent.newest("Caen-1", WATTS, NOON)

    assert newest is not None
    assert (NOON, 0.0, MINUTE) == (newest.time, newest.value, newest.period)


@pytest.mark.parametrize(("readings", "period"), [(1, 0), (2, MINUTE)])
def test_a_period_needs_two_readings(readings, period):
    """One reading is no rhythm."""
    recent = Recent(lambda: NOON)
    recent.add(line(1.0, NOON - minute * MINUTE) for minute in range(readings))

    assert period == recent.newest("Caen-1", WATTS, NOON).period


def test_whole_series_of_the_archive_fill_it():
    """At start the archive gives columns, not lines."""
    other = Recent(lambda: NOON)
    other.add([line(1.0, NOON - MINUTE), line(2.0, NOON)])
    recent = Recent(lambda: NOON)
    recent.add([line(3.0, NOON)])
    recent.fill("Caen-1", other.read("Caen-1", 0, NOON * 2))

    assert [(NOON - MINUTE, 1.0), (NOON, 3.0)] == values(recent)
