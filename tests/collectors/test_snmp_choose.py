"""Rows that say themselves what they are and how they count."""

import asyncio
from collections.abc import Mapping

import pytest

from collectors.snmp.ask import Asker, Told
from collectors.snmp.catalogue import parse
from collectors.snmp.choose import captured, fits, listed, scaled, slug, spelled
from collectors.snmp.discover import Discovery, settle
from collectors.snmp.endpoint import Community, endpoint
from collectors.snmp.profile import Column, Factor, Only, Table
from collectors.snmp.recognise import Who
from collectors.snmp.session import GufoSession
from collectors.snmp.translate import translate
from collectors.snmp.values import Value
from dc_monitor.clock import SystemClock
from support.snmp_agents import small_agent

ENTRY = "1.3.6.1.4.1.99.2.1"


@pytest.mark.parametrize(
    ("row", "index", "fit"),
    [("", "1.2", True), ("*.5", "1.5", True), ("*.5", "1.6", False), ("*.5", "5", False), ("*.*.5", "1.2.5", True)],
)
def test_a_row_is_taken_by_its_index(row: str, index: str, fit: bool) -> None:
    """Where the index says what is measured, as in `inlet.sensor kind`."""
    assert fit == fits(Column(at="4", quantity="power", row=row), index)


@pytest.mark.parametrize(
    ("only", "value", "caught"),
    [
        (Only(at="2", one_of=(6,)), 6, ()),
        (Only(at="2", one_of=(6,)), b"6", ()),
        (Only(at="2", one_of=(6,)), 5, None),
        (Only(at="2", none_of=(6,)), 6, None),
        (Only(at="2", like=r"Phase (L\d)\.Power"), b"Phase L2.Power.Active", ("L2",)),
        (Only(at="2", like="Power"), b"Phase L2.Power.Active", None),
        (Only(at="2", like="Fan", unlike=".*status"), b"Fan 1 status", None),
        (Only(at="2", one_of=(6,)), None, None),
        (Only(at="2", one_of=(6,), or_missing=True), None, ()),
    ],
)
def test_a_row_is_taken_by_what_it_says_it_is(only: Only, value: Value, caught: tuple[str, ...] | None) -> None:
    """By a code or by a name; what the device does not say counts only where the profile allows it."""
    column = Column(at="4", quantity="power", only=(only,))
    table = Table(entry=ENTRY, point="x", level="sensor", columns=(column,))
    told = {} if value is None else {f"{ENTRY}.2.7": Told(value, 0)}

    assert caught == captured(table, column, "7", told)


@pytest.mark.parametrize(
    ("means", "count", "factor"),
    [
        ("digits", 2, (1, 100)),
        ("digits", 0, (1, 1)),
        ("digits", -2, (100, 1)),
        ("digits", 77, None),
        ("divisor", 10, (1, 10)),
        ("divisor", 0, None),
        ("signed", -100, (1, 100)),
        ("signed", 10, (10, 1)),
        ("signed", 0, (1, 1)),
        ("si", 9, (1, 1)),
        ("si", 8, (1, 1000)),
        ("si", 10, (1000, 1)),
        ("si", 0, None),
        ("divisor", None, None),
        ("digits", 0.5, None),
    ],
)
def test_how_a_row_counts_is_exact_or_unknown(means: str, count: float | None, factor: tuple[int, int] | None) -> None:
    """Powers of ten are whole numbers; nonsense is no factor, and then there is no value."""
    assert factor == scaled(Factor(at="7", means=means), count)


def test_a_name_becomes_a_part_of_a_point() -> None:
    """Small letters, digits, hyphens: it becomes a tag for ever."""
    assert ("rack-3-top", "", "p1-therm-ral") == (slug(" Rack 3 (top)"), slug("°"), slug("P1-Therm Ral"))


@pytest.mark.parametrize(
    ("index", "text"),
    [("7.3.65.66.49", "ab1"), ("3.65.66.49", "ab1"), ("1.2", ""), ("2.200.201", ""), ("12.48.49", ""), ("5", "")],
)
def test_an_index_may_spell_a_text(index: str, text: str) -> None:
    """Length first, then the characters: how SMIv2 puts a string into an index."""
    assert text == spelled(index.split("."))


def test_a_device_may_list_the_words_of_a_state() -> None:
    """With or without a space before the code; what is no list has no words."""
    assert {0: "Primary", 1: "Startup Delay"} == listed("Primary (0),Startup Delay(1)")
    assert {} == listed("NA")


DIGITS = 'factors = [{ at = "5", means = "digits" }]'
SENSORS = f"""
name = "x"
vendor = "Noname"
kind = "environment"
[match]
probe = ["{ENTRY}.4.1"]
[[table]]
entry = "{ENTRY}"
point = "sensor/{{label}}"
level = "sensor"
label = "2"
only = [{{ at = "6", one_of = [1] }}]
columns = [
    {{ at = "4", quantity = "temperature", unit = "Cel", only = [{{ at = "3", one_of = [0] }}], {DIGITS} }},
    {{ at = "4", quantity = "temperature", unit = "degF", only = [{{ at = "3", one_of = [1] }}], {DIGITS} }},
    {{ at = "4", quantity = "humidity", unit = "%", only = [{{ at = "3", one_of = [3] }}], {DIGITS} }},
]
"""
"""Columns: 2 name, 3 unit code, 4 value, 5 digits, 6 in use."""


def sensors(*rows: tuple[str, int, int, int | None, int]) -> list[str]:
    said = []
    for row, (name, unit, value, digits, used) in enumerate(rows, 1):
        said += [f"{ENTRY}.2.{row}|4|{name}", f"{ENTRY}.3.{row}|2|{unit}", f"{ENTRY}.4.{row}|2|{value}"]
        said += [] if digits is None else [f"{ENTRY}.5.{row}|2|{digits}"]
        said.append(f"{ENTRY}.6.{row}|2|{used}")
    return ["1.3.6.1.2.1.1.3.0|67|100", *said]


def read(*rows: tuple[str, int, int, int | None, int]) -> tuple[Mapping[str, float], list[str]]:
    """Point and quantity → value, and what was left out."""

    async def ask() -> tuple[Mapping[str, float], list[str]]:
        async with small_agent(sensors(*rows)) as (_, address):
            session = GufoSession(endpoint(address), Community(2, "lab"), SystemClock())
            await session.open()
            asker = Asker(session)
            await asker.meet()
            discovery = Discovery(session, asker, "probe-1", Who())
            cells = await discovery.cells(parse(SENSORS.encode(), "x.toml"), "")
            told = (await asker.ask_all([cell.oid for cell in cells])).told
            kept, _ = settle(cells, told)
            await session.close()
            found = {f"{r.series.point} {r.series.quantity}": r.value for r in translate(kept, told)}
            return found, discovery.left_out

    return asyncio.run(ask())


def test_a_sensor_is_read_as_its_row_says() -> None:
    """Unit, digits and name from the device; a port that is not in use is none."""
    found, left_out = read(
        ("Rack 1", 0, 215, 1, 1), ("Rack 2", 1, 698, 1, 1), ("Hum", 3, 42, 0, 1), ("Free", 0, 0, 1, 0)
    )

    assert {"sensor/rack-1 temperature": 21.5, "sensor/rack-2 temperature": 21.0, "sensor/hum humidity": 0.42} == found
    assert [] == left_out


def test_a_row_that_does_not_say_how_it_counts_has_no_value() -> None:
    """215 without its digits is 215 °C or 21.5 °C: neither is told, and that is said."""
    found, left_out = read(("Rack 1", 0, 215, None, 1), ("Rack 2", 0, 215, 1, 1))

    assert {"sensor/rack-2 temperature": 21.5} == found
    assert [f"x: {ENTRY}.4.1 does not say how it counts"] == left_out


def test_two_sensors_of_one_name_are_both_read() -> None:
    """Nobody names forty probes with care; their index tells them apart."""
    found, _ = read(("Rack", 0, 215, 1, 1), ("Rack", 0, 225, 1, 1))

    assert {"sensor/rack-1 temperature": 21.5, "sensor/rack-2 temperature": 22.5} == found
