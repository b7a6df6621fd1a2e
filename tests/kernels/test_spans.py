import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.kernels.spans import intersect, length, spans, subtract, unite


@st.composite
def some_spans(draw: st.DrawFn) -> np.ndarray:
    """Any list of spans on a short line of integers; some touch."""
    edges = sorted(draw(st.sets(st.integers(0, 40), max_size=16)))
    apart = [[*pair] for pair in zip(edges[::2], edges[1::2], strict=False)]
    joined = [[edges[i], edges[i + 1]] for i in range(len(edges) - 1)]
    return spans(draw(st.sampled_from([apart, joined])))


def instants(listed: np.ndarray) -> set[int]:
    """The twin: a list of spans as the set of instants in it."""
    return {instant for start, end in listed.tolist() for instant in range(start, end)}


@settings(deadline=None)
@given(some_spans(), some_spans())
def test_lists_of_spans_behave_as_sets_of_instants(one, other):
    """Intersection, union, difference and length are those of the instants within, and stay lists of spans."""
    for operation, expected in (
        (intersect, instants(one) & instants(other)),
        (unite, instants(one) | instants(other)),
        (subtract, instants(one) - instants(other)),
    ):
        found = operation(one, other)

        assert expected == instants(spans(found)), operation.__name__
        assert len(expected) == length(found), operation.__name__


def test_spans_intersected_with_hours_are_cut_at_hours():
    """Edges of either list stay edges, so that energy can be told hour by hour."""
    hours = spans([(0, 60), (60, 120), (120, 180)])

    assert [[30, 60], [60, 120], [120, 130]] == intersect(spans([(30, 130)]), hours).tolist()


def test_union_joins_spans_that_touch():
    """Two spans that touch are one stretch without an edge between."""
    assert [[0, 20]] == unite(spans([(0, 10)]), spans([(10, 20)])).tolist()
    assert [[0, 20]] == unite(spans([(0, 10), (10, 20)]), spans([])).tolist()


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        pytest.param([(5, 5)], "span 0 is empty: 5 and 5", id="empty"),
        pytest.param([(0, 9), (8, 12)], "span 0 ends after the next one begins: 9 and 8", id="overlap"),
        pytest.param([(0, 1), (9, 4)], "span 1 is empty: 9 and 4", id="backwards"),
    ],
)
def test_spans_out_of_order_are_refused_with_both_times(pairs, sentence):
    """A list that is none says which span and both times."""
    with pytest.raises(ValueError, match=sentence):
        spans(pairs)
