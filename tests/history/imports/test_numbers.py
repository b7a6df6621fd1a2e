"""Numbers as texts: in the notation that was told, or not at all."""

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc_monitor.history.imports.numbers import Notation

NOTATIONS = [(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'")]


def read(notation: Notation, *texts: str) -> "list[float | str | None]":
    found = notation.read(pa.array(texts, pa.string()))
    return [
        None if missing else "bad" if bad else value
        for value, missing, bad in zip(found.values.tolist(), found.missing, found.bad, strict=True)
    ]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-1e12, 1e12).map(lambda x: round(x, 3)), min_size=1), st.sampled_from(NOTATIONS))
def test_what_a_notation_writes_it_reads_back(values, marks):
    """To the last bit, grouped or not."""
    decimal, thousands = marks
    texts = [f"{value:,.3f}".replace(",", "t").replace(".", decimal).replace("t", thousands) for value in values]

    assert [float(f"{value:.3f}") for value in values] == read(Notation(decimal, thousands), *texts)


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from("0123456789.,-+eE '"), max_size=12), st.sampled_from(NOTATIONS))
def test_no_mark_changes_its_meaning_silently(text, marks):
    """A text that another notation would read as another number is this one's number or none: 1,5 is never 15."""
    decimal, thousands = marks
    (found,) = read(Notation(decimal, thousands), text)

    if isinstance(found, float):
        whole, _, rest = text.strip().lstrip("+-").lower().partition("e")[0].partition(decimal)
        groups = whole.split(thousands) if thousands else [whole]
        assert all(len(group) == 3 for group in groups[1:])
        assert {len(groups[0]) <= 3 or len(groups) == 1, rest.isdigit() or not rest} == {True}
        assert found == float(text.strip().replace(thousands or "\0", "").replace(decimal, "."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        (" - ", None),
        ("mq", None),
        ("0", 0.0),
        ("+5", 5.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1,008.60", "bad"),
        ("nan", "bad"),
        ("inf", "bad"),
        ("1e999", "bad"),
        ("0x10", "bad"),
        ("1 2", "bad"),
        ("--5", "bad"),
        (".", "bad"),
        ("12 kW", "bad"),
        ("١٢", "bad"),
    ],
)
def test_zero_is_a_number_blank_is_none_and_the_rest_is_bad(text, expected):
    """A meter that reads 0 is idle, one that reads nothing was not measured."""
    assert [expected] == read(Notation(missing=["-", "mq"]), text)


def test_typographers_spaces_part_thousands_like_plain_ones():
    """French exports hold no-break spaces."""
    assert [1234.5, 1234.5, 1234.5] == read(Notation(",", " "), "1 234,5", "1\u00a0234,5", "1\u202f234,5")


def test_columns_of_numbers_are_taken_as_they_are():
    """Parquet has types: null is missing, NaN is no number."""
    found = Notation().read(pa.array([1, None, math.nan], pa.float32()))

    assert ([False, True, False], [False, False, True]) == (found.missing.tolist(), found.bad.tolist())
    assert [7.0] == Notation().read(pa.array([7], pa.int64())).values.tolist()
