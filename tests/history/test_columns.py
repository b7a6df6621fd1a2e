"""Columns: ordered, without duplicates, the last written wins."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dc_monitor.history.columns import Samples, between, empty, merge, ordered


def samples(*pairs: tuple[int, float]) -> Samples:
    time = np.array([time for time, _ in pairs], np.int64)
    value = np.array([value for _, value in pairs], np.float64)
    nothing = np.full(len(pairs), np.nan)
    return Samples(time, value, nothing, nothing, np.zeros(len(pairs), np.uint8))


def pairs(series: Samples) -> list[tuple[int, float]]:
    return [*zip(series.time.tolist(), series.value.tolist(), strict=True)]


SERIES = st.lists(st.tuples(st.integers(0, 9), st.floats(0, 9)), max_size=12)


@given(st.lists(SERIES, max_size=4))
def test_merging_is_writing_into_a_dictionary_one_after_the_other(stretches):
    """The slow twin: a dict keeps the last value of each instant."""
    twin = {}
    for stretch in stretches:
        twin.update(stretch)

    assert sorted(twin.items()) == pairs(merge(samples(*stretch) for stretch in stretches))


@given(SERIES)
def test_ordered_columns_stay_as_they_are(given_pairs):
    """Ordering once is ordering for ever."""
    once = ordered(samples(*given_pairs))

    assert once is ordered(once)


def test_a_stretch_has_its_start_and_not_its_end():
    """Two windows that touch never share a reading."""
    series = samples((1, 1.0), (2, 2.0), (3, 3.0))

    assert ([(1, 1.0)], [(2, 2.0), (3, 3.0)], []) == (
        pairs(between(series, 0, 2)),
        pairs(between(series, 2, 9)),
        pairs(between(empty(), 0, 9)),
    )
