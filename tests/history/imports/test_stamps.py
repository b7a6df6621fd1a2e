"""Times as texts: every one is read as the calendar has it, or not at all."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.history.imports.stamps import Clock, Stamps

FORMATS = (
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y%m%d%H%M%S",
    "%d-%b-%y %I:%M %p SGT",
    "%Y-%m-%d",
)


def read(formats: "str | list[str]", *texts: str) -> Stamps:
    return Clock.of([formats] if isinstance(formats, str) else formats).read(pa.array(texts, pa.string()))


def shown(stamps: Stamps) -> "list[str | None]":
    times = np.datetime_as_string(stamps.time.astype("M8[ns]"), unit="s").tolist()
    return [time if ok else None for time, ok in zip(times, stamps.ok, strict=True)]


def nanoseconds(when: dt.datetime) -> int:
    delta = when - dt.datetime(1970, 1, 1)
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2068, 12, 31)), min_size=1, max_size=30),
    st.sampled_from(FORMATS),
    st.booleans(),
)
def test_what_strftime_writes_is_read_back(moments, written, padded):
    """Every format, with or without zeros before single digits. Two digits of a year are of this century."""
    loose = written if padded or written == "%Y%m%d%H%M%S" else written.replace("%d", "%-d").replace("%I", "%-I")
    texts = [moment.strftime(loose) for moment in moments]

    found = read(written, *texts)

    assert found.ok.all()
    assert [nanoseconds(dt.datetime.strptime(text, written)) for text in texts] == found.time.tolist()


@settings(deadline=None, max_examples=100)
@given(st.integers(1990, 2110), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61))
def test_only_what_the_calendar_knows_is_a_time(year, month, day, hour, minute):
    """30 February, month 13 and 25 o'clock are no times, and never roll over into the next; 24:00 is the next day."""
    text = f"{day:02}/{month:02}/{year} {hour:02}:{minute:02}"
    try:
        expected = nanoseconds(dt.datetime(year, month, day, 0 if (hour, minute) == (24, 0) else hour, minute))
        expected += 86_400 * 10**9 if hour == 24 else 0
    except ValueError:
        expected = None

    found = read("%d/%m/%Y %H:%M", text)

    assert expected == (int(found.time[0]) if found.ok[0] else None)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(st.sampled_from("0123456789/-: TZ+.aAé\0"), max_size=25), max_size=20))
def test_no_text_raises(texts):
    """Whatever stands in the column: read, or not."""
    found = read(["iso", "%d/%m/%Y %H:%M", "unix"], *texts)

    assert len(texts) == found.ok.size


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "2021-04-01": "2021-04-01T00:00:00",
        "2021-04-01 00:30": "2021-04-01T00:30:00",
        "2021-04-01T00:30:15": "2021-04-01T00:30:15",
        "2021-04-01T00:30:15.987654321": "2021-04-01T00:30:15",
        "2021-04-01T00:30:00Z": "2021-04-01T00:30:00",
        "2021-04-01T00:30:00+02:00": "2021-03-31T22:30:00",
        "2021-04-01 00:30-0930": "2021-04-01T10:00:00",
        "2021-04-01T00:30+02": "2021-03-31T22:30:00",
        " 2021-04-01 ": "2021-04-01T00:00:00",
        "2021-04-01T00:30+2": None,
        "2021-04-01T00:30+02:": None,
        "2021-04-01T00:30*02:00": None,
        "2021-4-1x": None,
        "21-04-01": None,
        "2021-04-01T00:30:15.": None,
        "2021-02-29": None,
    }.items(),
)
def test_iso_8601_as_people_write_it(text, expected):
    """With a blank or a T, with or without seconds, fractions and an offset; nothing half-right."""
    assert [expected] == shown(read("iso", text))


def test_a_time_with_an_offset_is_utc_and_one_without_is_local():
    """Both may stand in one file."""
    found = read("iso", "2021-04-01T00:30:00+02:00", "2021-04-01T00:30:00")

    assert ([True, False], [True, True]) == (found.utc.tolist(), found.ok.tolist())


def test_of_several_formats_the_first_that_fits_counts():
    """A spreadsheet swapped day and month where it could: its stamps look otherwise than the rest."""
    formats = ["%Y-%d-%m %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"]

    found = read(formats, "2025-09-03 23:00:00", "03/13/2025 01:00:00 PM", "03/13/2025 13:00:00 PM")

    assert ["2025-03-09T23:00:00", "2025-03-13T13:00:00", None] == shown(found)


def test_counts_since_1970_keep_their_digits():
    """Nanoseconds do not go through a float."""
    assert [1_700_000_000_123_456_789] == read("unix-ns", "1700000000123456789").time.tolist()
    assert [1_700_000_000_500_000_000] == read("unix", "1700000000.5").time.tolist()
    assert [False, False] == read("unix", "9" * 19, "1e9").ok.tolist()


def test_columns_that_are_times_already_are_taken_as_they_are():
    """Parquet has types: with a zone it is UTC, without one it is local, a missing one is no time."""
    local = Clock.of(["iso"]).read(pa.array([0, None, 1_000], pa.timestamp("ms")))
    utc = Clock.of(["iso"]).read(pa.array([86_400], pa.timestamp("s", tz="Europe/Paris")))
    days = Clock.of(["iso"]).read(pa.array([1], pa.date32()))

    assert ([0, 0, 10**9], [True, False, True], False) == (local.time.tolist(), local.ok.tolist(), bool(local.utc[0]))
    assert ([86_400 * 10**9], True) == (utc.time.tolist(), bool(utc.utc[0]))
    assert [86_400 * 10**9] == days.time.tolist()


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("%d/%m", "expected year, month and day"),
        ("%d/%m/%Y %K", r"%K is not known here; known are %Y"),
        ("%d/%m/%Y %I:%M", "%I and %p go together"),
        ("%d/%m/%Y à %H", "à is not known"),
    ],
)
def test_a_format_that_tells_no_time_is_refused(written, complaint):
    """Before a file is opened."""
    with pytest.raises(ValueError, match=complaint):
        Clock.of([written])
