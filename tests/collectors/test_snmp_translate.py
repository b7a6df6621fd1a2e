"""From counts to readings: pure, so a row of a table is enough to test it."""

import pytest

from collectors.snmp.ask import Told
from collectors.snmp.discover import settle
from collectors.snmp.profile import Column, When, spoken
from collectors.snmp.translate import Cell, doubtful_zeros, translate
from collectors.snmp.values import Value, number, text
from dc_monitor.readings import Series

NOON = 1_700_000_000_000_000_000


def cell(
    column: Column, oid: str = "1.9", point: str = "output/l1", absent: tuple[int, ...] = (), **more: object
) -> Cell:
    series = Series("ups-a", point, column.quantity, "phase", oid)
    unit = spoken(column)
    scale = {"zero": unit.zero * column.counts, "multiply": unit.multiply, "divide": unit.divide * column.counts}
    return Cell(oid, "p", series, column, frozenset(absent), **{**scale, "words": column.states, **more})  # type: ignore[arg-type]


def told(**values: Value) -> dict[str, Told]:
    return {oid: Told(value, NOON) for oid, value in values.items()}


def value_of(column: Column, raw: Value, absent: tuple[int, ...] = ()) -> float | None:
    readings = translate([cell(column, absent=absent)], {"1.9": Told(raw, NOON)})
    return readings[0].value if readings else None


@pytest.mark.parametrize(
    ("quantity", "unit", "counts", "raw", "expected"),
    [
        ("current", "A", 10, 41, 4.1),
        ("current", "A", 1000, 41, 0.041),
        ("power", "kW", 100, 27, 270.0),
        ("energy", "kWh", 10, 19677, 7_083_720_000.0),
        ("energy", "Wh", 1, 3, 10_800.0),
        ("charge", "%", 1, 7, 0.07),
        ("load", "%", 10, 378, 0.378),
        ("runtime", "min", 1, 135, 8100.0),
        ("runtime", "ticks", 1, 152200, 1522.0),
        ("temperature", "degF", 10, 698, 21.0),
        ("temperature", "Cel", 10, -55, -5.5),
        ("power_factor", "1", 1000, -946, -0.946),
        ("flow", "l/min", 10, 53, 53 / 600_000),
    ],
)
def test_counts_per_unit_are_exact(quantity: str, unit: str, counts: int, raw: int, expected: float) -> None:
    """41 / 10 is 4.1 and 41 * 0.1 is not; a register must not lose a joule to rounding."""
    assert expected == value_of(Column(at="9", quantity=quantity, unit=unit, counts=counts), raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"54.01", 54.01), (b" 38% of maximum", 38.0), (b"-3", -3.0), (b"", None), (b"Normal", None), (None, None)],
)
def test_numbers_may_arrive_as_text(raw: Value, expected: float | None) -> None:
    """Parsed, not cast; a text without a number is no value."""
    assert expected == value_of(Column(at="9", quantity="power", unit="W"), raw)


def test_zero_is_a_reading_and_a_sentinel_is_none() -> None:
    """0 W is idle; -1 is "not available" where the profile says so, and only there."""
    watts = Column(at="9", quantity="power", unit="W")

    assert 0.0 == value_of(watts, 0, absent=(-1,))
    assert value_of(watts, -1, absent=(-1,)) is None
    assert -1.0 == value_of(watts, -1)


def test_a_missing_column_gives_no_reading() -> None:
    """The OID that was not answered was not measured."""
    assert [] == translate([cell(Column(at="9", quantity="power", unit="W"))], {})


@pytest.mark.parametrize(("raw", "expected"), [(41, 14_760_000.0), (-5, None), (2**31, None)])
def test_a_register_outside_its_modulus_is_no_count(raw: int, expected: float | None) -> None:
    """A signed register that came round shows negative counts; they are not energy."""
    column = Column(at="9", quantity="energy", unit="kWh", counts=10, modulus=2**31)

    assert expected == value_of(column, raw)


def test_a_state_keeps_its_code_and_gets_its_word() -> None:
    """A code the profile does not know is told as such, not dropped."""
    column = Column(at="9", quantity="state", states={1: "on", 2: "off"})
    readings = [translate([cell(column)], {"1.9": Told(code, NOON)})[0] for code in (2, 7)]

    assert [(2.0, "off"), (7.0, "code 7")] == [(reading.value, reading.text) for reading in readings]


@pytest.mark.parametrize(
    ("when", "state", "counts"),
    [
        (When(column="5", one_of=(1,)), 1, True),
        (When(column="5", one_of=(1,)), 2, False),
        (When(column="5", one_of=(1,)), None, False),
        (When(column="5", one_of=(1,), or_missing=True), None, True),
        (When(column="5", none_of=(7,)), 2, True),
        (When(column="5", none_of=(7,)), 7, False),
    ],
)
def test_a_row_counts_only_while_its_own_state_says_so(when: When, state: int | None, counts: bool) -> None:
    """An empty port keeps an old value in its column."""
    guarded = cell(Column(at="9", quantity="temperature", unit="Cel"), guards=(("1.5", when),))
    answered = {"1.9": Told(21, NOON)} | ({} if state is None else {"1.5": Told(state, NOON)})

    assert counts == bool(translate([guarded], answered))


def lines(whole: bool = True, **counts: int) -> set[str]:
    """Points whose 0 W is doubted; `w1=0, v1=230, a1=4` are watts, volts and amperes of line 1."""
    watts = Column(at="4", quantity="power", unit="W", doubt_zero=True)
    columns = {"w": watts, "v": Column(at="2", quantity="voltage"), "a": Column(at="3", quantity="current")}
    cells = [cell(columns[name[0]], name, f"output/l{name[1]}") for name in counts]
    return {series.point for series in doubtful_zeros(cells, translate(cells, told(**counts)), whole)}


def test_zero_watts_are_doubted_while_volts_and_amperes_flow() -> None:
    """Cards that never fill the power column; an idle line, or a column without an ammeter, is believed."""
    assert {"output/l1"} == lines(w1=0, v1=230, a1=4, w2=0, v2=230, a2=0)
    assert set() == lines(w1=0, v1=230, a1=0, w2=0, v2=0)
    assert set() == lines(w1=0, v1=230, w2=0, v2=230)


def test_a_column_once_proved_empty_is_not_believed_for_lines_without_an_ammeter() -> None:
    """Half of a column that is never filled would make a total of the other half."""
    assert {"output/l1", "output/l2"} == lines(w1=0, v1=230, a1=4, w2=0, v2=230)
    assert {"output/l1"} == lines(w1=0, v1=230, a1=4, w2=0, v2=230, w3=500)


def test_a_zero_whose_witness_was_lost_is_not_believed() -> None:
    """In a poll that is not whole the amperes may have been in the part that got no answer."""
    assert {"output/l1"} == lines(w1=0, v1=230, w2=0, v2=230, a2=0, whole=False)


def test_one_point_says_one_quantity_once() -> None:
    """The finer column goes first; when it has no value, the coarser one speaks."""
    fine = cell(Column(at="1", quantity="charge", unit="%", counts=10), "fine", "battery", absent=(-1,))
    coarse = cell(Column(at="2", quantity="charge", unit="%"), "coarse", "battery", absent=(-1,))

    assert ["fine"] == [kept.oid for kept in settle([fine, coarse], told(fine=987, coarse=99))[0]]
    assert ["coarse"] == [kept.oid for kept in settle([fine, coarse], told(fine=-1, coarse=99))[0]]
    assert ["coarse"] == [kept.oid for kept in settle([fine, coarse], told(coarse=99))[0]]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"rack 3\x00", "rack 3"), (b"\xff\xfeabc", "abc"), (b"caf\xc3\xa9", "café"), (b" x\r\n", "x"), (5, "5")],
)
def test_text_is_what_people_read(raw: Value, shown: str) -> None:
    """Labels come padded, in odd encodings, with control characters."""
    assert shown == text(raw)


def test_a_number_is_kept_as_it_came() -> None:
    """Integers stay integers, so that scaling is exact."""
    assert (2**63, int) == (number(2**63), type(number(2**63)))
