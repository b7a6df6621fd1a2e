"""Readings ↔ line protocol: what we write can be read back, and what others write is understood or told by line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc_monitor.readings import Reading, Series
from dc_monitor.wire import Encoder, Parser, encode_line, parse_lines

NOON = 1_780_000_000_123_456_789
WHERE = {"site": "Caen-1", "room": "", "rack": "A 1"}
SERIES = Series("ups-a", "output/total", "power", "total")

words = st.text(min_size=1, max_size=12).filter(lambda s: s.strip() == s and not set(s) & set("\n\r\x00"))
finite = st.floats(allow_nan=False, allow_infinity=False)


def test_a_reading_is_one_line_with_where_in_the_tags_and_the_unit_as_field() -> None:
    body, count = Encoder(WHERE).encode([Reading(SERIES, 270.0, NOON)])

    assert (
        rb"power,site=Caen-1,rack=A\ 1,device=ups-a,point=output/total,level=total,method=measured "
        b"watts=270.0 1780000000123456789\n",
        1,
    ) == (body, count)


def test_zero_is_a_value_and_what_is_not_finite_is_none() -> None:
    body, count = Encoder(WHERE).encode([Reading(SERIES, v, NOON) for v in (0.0, math.nan, math.inf, -math.inf)])

    assert 1 == count
    assert b" watts=0.0 " in body


def test_an_estimate_carries_its_bounds() -> None:
    estimate = Series("ups-a", "output/total", "power", "total", method="estimated")
    line = parse_lines(Encoder(WHERE).encode([Reading(estimate, 319.0, NOON, low=212.0, high=354.0)])[0])[0][0]

    assert {"watts": 319.0, "watts_low": 212.0, "watts_high": 354.0} == line.fields


def test_a_state_is_its_code_and_its_word() -> None:
    state = Series("ups-a", "output", "state", "sensor")
    line = parse_lines(Encoder({}).encode([Reading(state, 3, NOON, text='on "battery", 50 %')])[0])[0][0]

    assert {"code": 3.0, "text": 'on "battery", 50 %'} == line.fields


@given(tags=st.dictionaries(words, words, max_size=4), fields=st.dictionaries(words, finite | words, min_size=1))
def test_whatever_is_written_is_read_back(tags: dict[str, str], fields: dict[str, float | str]) -> None:
    """Commas, equals signs, spaces and quotes in names included; a backslash in a name becomes a slash."""
    tags = {key.replace("\\", "/"): value.replace("\\", "/") for key, value in tags.items()}
    fields = {key.replace("\\", "/"): value for key, value in fields.items()}

    lines, bad = parse_lines(encode_line("m", tags, fields, NOON))

    assert ([], 1) == (bad, len(lines))
    assert (tags, fields, NOON) == (dict(lines[0].tags), lines[0].fields, lines[0].time)


def test_telegraf_integers_and_booleans_become_floats() -> None:
    """A field is a float for ever."""
    lines, bad = parse_lines(b'cpu,host=a usage=12i,free=7u,ok=t,bad=F,text="a b,c=d" 5\n')

    assert ([], {"usage": 12.0, "free": 7.0, "ok": 1.0, "bad": 0.0, "text": "a b,c=d"}) == (bad, lines[0].fields)


@pytest.mark.parametrize(("precision", "expected"), [("ns", 5), ("us", 5_000), ("ms", 5_000_000), ("s", 5_000_000_000)])
def test_times_become_nanoseconds(precision: str, expected: int) -> None:
    assert expected == parse_lines(b"m v=1 5", precision)[0][0].time


def test_a_line_without_a_time_is_stamped_now_and_comments_are_none() -> None:
    lines, bad = parse_lines(b"# a comment\n\nm v=1\r\n", now=NOON)

    assert ([], [NOON]) == (bad, [line.time for line in lines])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"power", "expected `measurement,tags fields time`"),
        (b"power watts=1 2 3", "expected `measurement,tags fields time`"),
        (b"power watts 1", "field 'watts': expected key=value"),
        (b"power watts=abc 1", "field watts: 'abc' is neither a number nor a quoted text"),
        (b"power watts=NaN 1", "field watts: NaN is not a finite number"),
        (b'power text="abc 1', "text without its closing quote"),
        (b"power,site watts=1 1", "tag 'site': expected key=value"),
        (b"power,site= watts=1 1", "tag 'site=': expected key=value"),
        (b",site=a watts=1 1", "no measurement name"),
        (b"power watts=1 noon", "time 'noon' is not an integer"),
        (
            b"power watts=1 99999999999999999999",
            "time 99999999999999999999 is outside 1677 to 2262; is the precision right?",
        ),
        (b"power watts=\xff 1", "not UTF-8"),
    ],
    ids=lambda value: value.decode("latin1") if isinstance(value, bytes) else "",
)
def test_a_bad_line_is_told_by_number_and_the_good_ones_stay(line: bytes, reason: str) -> None:
    good, bad = Parser().parse(b"m v=1 1\n" + line + b"\nm v=2 2\n")

    assert [(2, reason)] == [(one.line, one.reason) for one in bad]
    assert [1.0, 2.0] == [one.fields["v"] for one in good]


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    good, bad = parse_lines(body)

    assert len(good) + len(bad) <= body.count(b"\n") + 1
