"""Local times as instants, against the library that knows one at a time; and the hour that comes twice."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.history.imports.twice import passes
from dc_monitor.history.imports.zones import Zone

SECOND = 10**9
ZONES = [
    "Europe/Paris",
    "America/Los_Angeles",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Tokyo",
]
ZONE = {name: Zone(name) for name in ZONES}


def ns(*parts: int) -> int:
    """A clock's face as nanoseconds, as if it were UTC."""
    return int(dt.datetime(*parts, tzinfo=dt.UTC).timestamp()) * SECOND


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(ZONES),
    st.one_of(
        st.datetimes(dt.datetime(2000, 1, 2), dt.datetime(2099, 12, 30)),
        st.builds(
            lambda year, month, day, minute: dt.datetime(year, month, day) + dt.timedelta(minutes=minute),
            st.integers(2000, 2037),
            st.sampled_from([3, 4, 10, 11]),
            st.integers(1, 30),
            st.integers(0, 300),
        ),
    ),
)
def test_every_local_time_is_what_the_library_says(name, moment):
    """Sure times are the same instant; doubled ones give both; missing ones are known to be none."""
    moment = moment.replace(microsecond=0)
    zone, library = ZONE[name], ZoneInfo(name)
    early, late = moment.replace(tzinfo=library, fold=0), moment.replace(tzinfo=library, fold=1)
    back = early.astimezone(dt.UTC).astimezone(library).replace(tzinfo=None)
    local = np.array([ns(*moment.timetuple()[:6])])

    found = zone.resolve(local)

    assert (back != moment) == bool(found.missing[0])
    assert (back == moment and early.utcoffset() != late.utcoffset()) == bool(found.doubled[0])
    if found.doubled[0]:
        one, other = zone.passes(local, found.change)
        assert [early.timestamp(), late.timestamp()] == [one[0] / SECOND, other[0] / SECOND]
    elif not found.missing[0]:
        assert early.timestamp() == found.utc[0] / SECOND
        assert local.tolist() == zone.local(found.utc).tolist()


def test_a_clock_that_never_changes_doubles_and_skips_nothing():
    """A meter on winter time all year."""
    local = np.array([ns(2024, 3, 31, 2, 30), ns(2024, 10, 27, 2, 30)])

    found = Zone("+01:00").resolve(local)

    assert ((local - 3600 * SECOND).tolist(), False) == (
        found.utc.tolist(),
        bool((found.doubled | found.missing).any()),
    )


def test_a_stamp_that_ends_an_interval_may_be_the_instant_of_the_change():
    """01:00 to 02:00 on the day that has no 02:30: its end is called 02:00 by some and 03:00 by others."""
    local = np.array([ns(2024, 3, 31, 2, 0), ns(2024, 3, 31, 3, 0), ns(2024, 3, 31, 2, 30)])

    found = ZONE["Europe/Paris"].resolve(local, at_end=True)

    assert ([ns(2024, 3, 31, 1, 0)] * 2, [False, False, True]) == (found.utc[:2].tolist(), found.missing.tolist())


@pytest.mark.parametrize("name", ["Europe/Pari", "", "+25:xx", "../etc/passwd"])
def test_an_unknown_zone_is_refused(name):
    """With what was expected."""
    with pytest.raises(ValueError, match='unknown time zone; expected such as "Europe/Paris"'):
        Zone(name)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([5, 10, 15, 20, 30, 60]), st.booleans(), st.data())
def test_the_second_pass_begins_where_the_stamps_fall(minutes, at_end, data):
    """Rows may be missing in either pass; as long as the stamps fall once, each row is told apart."""
    grid = np.arange(minutes if at_end else 0, 60 + (minutes if at_end else 0), minutes)
    first = data.draw(st.sets(st.sampled_from(grid.tolist()), min_size=1)) | {int(grid[-1])}
    second = data.draw(st.sets(st.sampled_from(grid.tolist()), min_size=1)) | {int(grid[0])}
    local = np.array([*sorted(first), *sorted(second)])
    if grid[0] == grid[-1]:  # an hour a row: told twice, and nothing falls
        local = np.array([grid[0], grid[0]])

    late, told = passes(local, 0, 60, at_end)

    assert np.all(told)
    assert [False] * (len(local) - len(second)) + [True] * len(second) == late.tolist()


def test_pairs_are_told_apart_in_their_order():
    """A file sorted by its stamps: each comes twice in a row."""
    late, told = passes(np.array([0, 0, 15, 15, 30]), 0, 60)

    assert ([False, True, False, True], [True] * 4 + [False]) == (late[:4].tolist(), told.tolist())
