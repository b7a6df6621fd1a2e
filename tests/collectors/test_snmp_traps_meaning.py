"""What notifications mean: a table from the MIBs, and a fair account of what stands in none."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder
from pyasn1.type import univ
from pysnmp.proto.api import v1, v2c

from collectors.snmp.traps.meaning import LONGEST_TEXT, LONGEST_VALUE, Meaning, Meanings, mibs
from collectors.snmp.traps.notification import (
    MOST_VARBINDS,
    TRAP_COMMUNITY,
    NoNotification,
    Notification,
    acknowledgement,
    notification,
)
from dc_monitor.names import EVENTS, SEVERITIES
from support.trap_messages import Bound, pdu

E = "1.3.6.1.4.1"
ALARM = "1.3.6.1.2.1.33.1.6.2.1.2.7"
RARITAN = f"{E}.13742.6"


def meaning(name: str, rows: Mapping[str, int | str | bytes] | None = None) -> Meaning:
    return Meanings().of(Notification(False, name, "", list((rows or {}).items())))


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("1.3.6.1.6.3.1.1.5.3", {"1.3.6.1.2.1.2.2.1.2.4": b"eth3"}, ("link-down", "warning", "linkDown: eth3")),
        ("1.3.6.1.2.1.33.2.1", {"1.3.6.1.2.1.33.1.2.3.0": 9}, ("on-battery", "critical", "upsTrapOnBattery")),
        ("1.3.6.1.2.1.33.2.0.1", {}, ("on-battery", "critical", "upsTrapOnBattery")),
        (
            "1.3.6.1.2.1.33.2.3",
            {ALARM: "1.3.6.1.2.1.33.1.6.3.8"},
            ("overload", "critical", "upsTrapAlarmEntryAdded"),
        ),
        (
            "1.3.6.1.2.1.33.2.4",
            {ALARM: "1.3.6.1.2.1.33.1.6.3.2"},
            ("on-battery", "cleared", "upsTrapAlarmEntryRemoved"),
        ),
        ("1.3.6.1.2.1.33.2.3", {ALARM: f"{E}.5491.1.2"}, ("alarm", "warning", "upsTrapAlarmEntryAdded")),
        ("1.3.6.1.2.1.33.2.3", {}, ("alarm", "warning", "upsTrapAlarmEntryAdded")),
        (f"{E}.318.0.9", {}, ("utility-restored", "info", "powerRestored")),
        (f"{E}.318.0.33", {}, ("overload", "cleared", "upsOverloadCleared")),
        (f"{E}.534.1.11.4.1.0.4", {}, ("battery-low", "critical", "xupstdLowBattery")),
        (f"{E}.705.1.11.0.56", {}, ("temperature", "critical", "upsmgEnvironTemperatureHigh")),
        (
            f"{RARITAN}.0.61",
            {f"{RARITAN}.0.0.10.0": 1, f"{RARITAN}.5.2.3.1.3.1.1.1": 6},
            ("load", "critical", "inletSensorStateChange"),
        ),
        (
            f"{RARITAN}.0.65",
            {f"{RARITAN}.0.0.10.0": 15, f"{RARITAN}.5.3.3.1.3.1.2.15": 1},
            ("breaker-open", "cleared", "overCurrentProtectorSensorStateChange"),
        ),
        (
            f"{E}.1718.4.100.0.20",
            {f"{E}.1718.4.1.9.2.1.3.1.1": b"rack 7, top", f"{E}.1718.4.1.99.2.0": 1},
            ("temperature", "warning", "st4TempSensorEvent: rack 7, top"),
        ),
        (f"{E}.1718.4.100.0.20", {f"{E}.1718.4.1.99.2.0": 0}, ("temperature", "cleared", "st4TempSensorEvent")),
        (f"{E}.1718.3.100.0.3", {f"{E}.1718.3.99.2.0": 0}, ("load", "cleared", "infeedLoadEvent")),
        (f"{E}.99999.0.7", {f"{E}.99999.1.0": b"oh"}, ("other", "info", f"{E}.99999.0.7: oh")),
        ("0.0", {}, ("other", "info", "0.0")),
    ],
    ids=[
        "a link",
        "UPS-MIB",
        "its form of SNMPv1",
        "an alarm of the well-known ones",
        "the end of one",
        "a vendor's alarm",
        "an alarm without a name",
        "APC: the mains are back",
        "APC: the end of an overload",
        "Eaton",
        "MGE",
        "Raritan: the sensor tells what, its state how bad",
        "Raritan: a breaker is closed",
        "Sentry 4, with the sensor's name",
        "Sentry 4: the end of it",
        "Sentry 3: the end of it",
        "a trap nobody has listed",
        "hardly a name",
    ],
)
def test_a_notification_means(name: str, rows: Mapping[str, int | str | bytes], expected: tuple[str, str, str]) -> None:
    """Event, severity, and a line for people."""
    assert expected == meaning(name, rows)[:3]


def test_the_table_means_what_it_says() -> None:
    """Words of the catalogue, each notification once, columns and values that can be met."""
    names = Counter(f"{mib.root}.{trap.at}" for mib in mibs() for trap in mib.traps)
    titles = Counter((mib.name, trap.name) for mib in mibs() for trap in mib.traps)
    told = [one for mib in mibs() for one in mib.told]

    assert {1} == set(names.values()) == set(titles.values())
    assert {trap.event for mib in mibs() for trap in mib.traps} | {
        word for one in told for word in one.events.values()
    } <= EVENTS.keys()
    assert {trap.severity for mib in mibs() for trap in mib.traps} | {
        word for one in told for word in one.severities.values()
    } <= {"", *SEVERITIES}
    assert all(one.events or one.severities for one in told)
    assert all(part.isdecimal() for mib in mibs() for part in mib.root.split("."))


def test_what_cannot_be_read_is_kept_readable() -> None:
    """Octets that are no text, text with a line's end, numbers beyond every bound, nothing."""
    rows = {"1.1": b"\xff\x00", "1.2": b"two\r\nlines\0", "1.3": 2**70, "1.4": b"", "1.5": b"x" * 1_000, "1.6": "1.3.6"}
    told = meaning("1.3.6.1.4.1.99999.0.1", rows)

    assert {
        "1.1": "0xff00",
        "1.2": "two lines",
        "1.3": hex(2**70),
        "1.4": "",
        "1.5": "x" * LONGEST_VALUE,
        "1.6": "1.3.6",
    } == told.details
    assert told.text.startswith("1.3.6.1.4.1.99999.0.1: two lines, xxx")
    assert LONGEST_TEXT == len(told.text)


def test_contact_name_and_place_of_the_device_are_no_news() -> None:
    """Some send them with everything: they are kept, and not told."""
    rows = {"1.3.6.1.2.1.1.4.0": b"somebody", "1.3.6.1.2.1.1.5.0": b"pdu-7", f"{RARITAN}.3.2.2.1.13.1": b"my pdu"}
    told = meaning(f"{RARITAN}.0.1", rows)

    assert "systemStarted: my pdu" == told.text
    assert rows.keys() == told.details.keys()


def test_a_community_that_is_told_is_kept_to_ourselves() -> None:
    """A proxy passes on what it was shown (RFC 3584): a secret goes into no line, file or message."""
    said = notification(pdu("1.3.6.1.4.1.318.0.5", [(TRAP_COMMUNITY, v2c.OctetString("s3cret"))]))

    assert "s3cret" not in str(Meanings().of(said))


def test_the_address_a_notification_speaks_for_is_told() -> None:
    """Through a proxy, or a translation of addresses."""
    row = ("1.3.6.1.6.3.18.1.3.0", v2c.IpAddress("10.1.2.3"))

    assert "10.1.2.3" == notification(pdu("1.3.6.1.4.1.318.0.5", [row])).origin


def test_more_varbinds_than_anybody_needs_are_not_read() -> None:
    """Each costs time, and they come from outside."""
    rows = [(f"1.3.6.1.4.1.99999.1.{n}", v2c.Integer32(n)) for n in range(200)]
    said = notification(pdu("1.3.6.1.4.1.318.0.5", rows))

    assert MOST_VARBINDS == len(said.rows) + 1  # sysUpTime was one of them


def test_the_answer_to_an_inform_repeats_it() -> None:
    """Request-id and all values, as a response (RFC 3416, 4.2.7)."""
    inform = pdu("1.3.6.1.4.1.318.0.5", [("1.3.6.1.4.1.318.2.3.3.0", v2c.OctetString("on"))], inform=True)
    answer = acknowledgement(inform)

    assert notification(inform).confirmed
    assert (0xA2, inform[1:]) == (answer[0], answer[1:])


@pytest.mark.parametrize(
    ("generic", "specific", "name", "event"),
    [
        (0, 0, "1.3.6.1.6.3.1.1.5.1", "cold-start"),
        (2, 0, "1.3.6.1.6.3.1.1.5.3", "link-down"),
        (4, 7, "1.3.6.1.6.3.1.1.5.5", "authentication-failure"),
        (6, 5, "1.3.6.1.4.1.318.0.5", "on-battery"),
        (6, 200_000, "1.3.6.1.4.1.318.0.200000", "other"),
    ],
)
def test_a_trap_of_v1_is_told_as_its_successor(generic: int, specific: int, name: str, event: str) -> None:
    """Generic ones have names of their own, a vendor's are numbered below its enterprise (RFC 3584, 3.1)."""
    made = v1.TrapPDU()
    v1.apiTrapPDU.set_defaults(made)
    v1.apiTrapPDU.set_enterprise(made, (1, 3, 6, 1, 4, 1, 318))
    v1.apiTrapPDU.set_agent_address(made, "10.1.2.3")
    v1.apiTrapPDU.set_generic_trap(made, generic)
    v1.apiTrapPDU.set_specific_trap(made, specific)
    v1.apiTrapPDU.set_varbinds(made, [("1.3.6.1.4.1.318.2.3.3.0", v1.OctetString("oh"))])
    said = notification(bytes(encoder.encode(made)))

    assert (False, name, "10.1.2.3") == said[:3]
    assert ("1.3.6.1.4.1.318.2.3.3.0", b"oh") == said.rows[-1]
    assert event == Meanings().of(said).event


def test_a_number_that_no_oid_has_names_no_trap() -> None:
    """Of thousands of digits, or below zero."""
    for specific in (b"\x02\x82\x04\x00\x7f" + bytes(1023), b"\x02\x01\xff"):
        inside = bytes.fromhex("06032b06014004 0a010203 020106") + specific + bytes.fromhex("430101 3000")
        with pytest.raises(ValueError, match="a number that no OID has"):
            notification(b"\xa4\x82" + len(inside).to_bytes(2, "big") + inside)


@pytest.mark.parametrize("kind", [0xA0, 0xA1, 0xA2, 0xA3, 0xA5, 0xA8])
def test_another_pdu_is_no_notification(kind: int) -> None:
    with pytest.raises(NoNotification):
        notification(bytes([kind]) + pdu("1.3.6.1.4.1.318.0.5")[1:])


OIDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12).map(
    lambda rest: "1.3.6." + ".".join(map(str, rest))
)
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(v2c.Integer32),
    st.binary(max_size=300).map(v2c.OctetString),
    OIDS.map(v2c.ObjectIdentifier),
    st.ip_addresses(v=4).map(lambda one: v2c.IpAddress(str(one))),
    st.integers(0, 2**32 - 1).map(v2c.Counter32),
    st.integers(0, 2**32 - 1).map(v2c.Gauge32),
    st.integers(0, 2**32 - 1).map(v2c.TimeTicks),
    st.integers(0, 2**64 - 1).map(v2c.Counter64),
)


def plainly(value: univ.Integer | univ.OctetString | univ.ObjectIdentifier) -> int | str | bytes:
    """What pysnmp says the value is."""
    if isinstance(value, v2c.IpAddress):
        return str(value.prettyPrint())
    if isinstance(value, univ.Integer):
        return int(value)
    return str(value) if isinstance(value, univ.ObjectIdentifier) else bytes(value)


@given(OIDS, st.lists(st.tuples(OIDS, VALUES), max_size=10), st.booleans(), st.integers(-(2**31), 2**31 - 1))
def test_what_pysnmp_encodes_is_read_back(name: str, rows: Sequence[Bound], inform: bool, request_id: int) -> None:
    """Every kind of value, and names of any length: no value is wrong."""
    said = notification(pdu(name, rows, inform, request_id))

    assert (inform, name) == said[:2]
    assert [(oid, plainly(value)) for oid, value in rows] == list(said.rows)[1:]
