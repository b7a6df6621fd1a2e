"""What belongs to people is taken out of a recording, everywhere and alike, and nothing that our reader needs."""

from collections.abc import Mapping
from typing import Any

import pytest

from collectors.snmp.catalogue import catalogue
from collectors.snmp.encoded import Encoded, response, written
from collectors.snmp.sanitise import Ours, Private, needed, remaining, sanitised
from support.snmp_agents import parse_recording

NAME, LOCATION, CONTACT = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0", "1.3.6.1.2.1.1.4.0"
SERIAL = "1.3.6.1.4.1.318.1.1.12.1.6.0"  # rPDUIdentSerialNumber
LABEL = "1.3.6.1.4.1.318.1.1.12.3.5.1.1.2.7"  # rPDUOutletStatusOutletName
MODEL = "1.3.6.1.4.1.318.1.1.12.1.5.0"
OTHER = "1.3.6.1.4.1.318.9.9.9"  # whatever a vendor keeps where nobody knows


def clean(told: Mapping[str, str | tuple[str, str]], private: Private | None = None, **more: Any) -> dict[str, str]:
    """OID → what is written of it; values are texts, or type and value as in a recording."""
    lines = [f"{oid}|{'|'.join(one if isinstance(one, tuple) else ('4', one))}" for oid, one in told.items()]
    before = {".".join(map(str, oid)): Encoded.of(tag, content) for oid, (tag, content) in parse_recording(lines)}
    after, _ = sanitised(before, private or Private(), more.pop("ours", Ours()), catalogue(), **more)
    return {oid: "|".join(written(value)).removeprefix("4|") for oid, value in after.items()}


def test_the_same_text_is_replaced_by_the_same_of_its_length_wherever_it_stands() -> None:
    told = clean({NAME: "pdu-lab-7", OTHER: "I am PDU-LAB-7!", f"{OTHER}.1": "pdu-lab-77"})

    assert {NAME: "name-0001", OTHER: "I am name-0001!", f"{OTHER}.1": "pdu-lab-77"} == told


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({NAME: "ups-a.school.example"}, "ups-a of school.example"),
        ({CONTACT: "Jeanne Martin <jeanne@school.example>, 0231000000"}, "call Jeanne Martin"),
        ({LOCATION: "Building 3, rack B4"}, "in rack B4"),
        ({SERIAL: "ZA0931012345"}, "SN=ZA0931012345;"),
        ({LABEL: "Mail server"}, "mail server"),
    ],
    ids=["host and domain", "a person", "a part of a place", "a serial number", "a label"],
)
def test_the_parts_of_a_private_text_are_looked_for_too(known: dict[str, str], text: str) -> None:
    """Whatever a vendor copies to where."""
    ((oid, secret),) = known.items()
    told = clean({**known, OTHER: text})
    said = " ".join(told.values()).casefold()

    assert [] == [
        word for word in ("ups-a", "school", "jeanne", "martin", "0231", "b4", "0931", "mail") if word in said
    ]
    assert len(secret) == len(told[oid])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail it@school.example now", "mail user1@example.org now"),
        ("MAC 00:C0:B7:4D:11:02", "MAC 02:00:00:00:00:01"),
        ("00-c0-b7-4d-11-02", "02-00-00-00-00-01"),
        ("gateway 10.20.30.40/24", "gateway 192.0.2.1/24"),
        ("dns fe80::2c0:b7ff:fe4d:1102", "dns 2001:db8::1"),
        ("http://nas.school.example:80/x", "http://name-0000000000001:80/x"),
        (
            "Card (MN:AP9617 HR:A10 SN: ZA0712345678 MD:07/11/2007)",
            "Card (MN:AP9617 HR:A10 SN: XX0000000001 MD:07/11/2007)",
        ),
        ("5A1712E04231", "0X0000X00001"),
        ("mask 255.255.255.0, none 0.0.0.0, self 127.0.0.1", "mask 255.255.255.0, none 0.0.0.0, self 127.0.0.1"),
        ("version 2.3.1.1, hw05 v6.8.2", "version 2.3.1.1, hw05 v6.8.2"),
        ("2017-08-21 10:11:12, 20170821", "2017-08-21 10:11:12, 20170821"),
        ("Outlet 7, 230V 16A, IEC320-C13", "Outlet 7, 230V 16A, IEC320-C13"),
    ],
)
def test_addresses_and_serial_numbers_are_known_by_their_looks(text: str, expected: str) -> None:
    """Wherever they stand; masks, versions, dates and ratings look otherwise."""
    assert expected == clean({OTHER: text})[OTHER]


def test_values_keep_their_types_and_numbers_are_not_touched() -> None:
    told = {
        f"{OTHER}.1": ("64", "10.20.30.40"),
        f"{OTHER}.2": ("4x", "00c0b74d1102"),
        f"{OTHER}.3": ("66", "10203040"),
        f"{OTHER}.4": ("2", "-5"),
        f"{OTHER}.5": ("6", "1.3.6.1.4.1.318.1.3.4.6"),
        f"{OTHER}.6": ("4x", "0a141e28ff00c0b74d1102"),
        f"{OTHER}.7": ("4x", "000102030405060708"),
        f"{OTHER}.8": "00c0b74d1102",
    }
    expected = {
        f"{OTHER}.1": "64|192.0.2.1",
        f"{OTHER}.2": "4x|020000000001",
        f"{OTHER}.3": "66|10203040",
        f"{OTHER}.4": "2|-5",
        f"{OTHER}.5": "6|1.3.6.1.4.1.318.1.3.4.6",
        f"{OTHER}.6": "4x|c0000201ff020000000001",
        f"{OTHER}.7": "4x|000102030405060708",
        f"{OTHER}.8": "020000000001",
    }
    assert expected == clean(told)


def coded(text: str) -> str:
    return ".".join(map(str, (len(text), *text.encode())))


def test_a_row_that_is_called_by_something_private_gets_another_index() -> None:
    """Texts, MAC and IP addresses stand in the indexes of tables; the rows stay sorted."""
    told = clean(
        {
            f"{OTHER}.1.2.{coded('00:0E:D3:01:02:03')}.4": ("2", "7"),
            f"{OTHER}.1.3.0.14.211.1.2.3.1": ("2", "8"),
            f"{OTHER}.1.4.10.20.30.40": ("2", "9"),
            f"{OTHER}.1.5.1.1.1.1": ("2", "10"),
            f"{OTHER}.1.6.10.20.30.40.1": ("2", "11"),
        },
        Private(addresses={"10.20.30.40"}, macs={bytes.fromhex("000ed3010203")}),
    )

    assert [
        f"{OTHER}.1.2.{coded('02:00:00:00:00:01')}.4",
        f"{OTHER}.1.3.2.0.0.0.0.1.1",
        f"{OTHER}.1.4.192.0.2.1",
        f"{OTHER}.1.5.1.1.1.1",
        f"{OTHER}.1.6.10.20.30.40.1",
    ] == [*told], "four numbers within an OID may be anything; at its end they are an address that is known"


def test_our_own_secret_is_blanked_wherever_a_device_keeps_it() -> None:
    """In the list of trap receivers, of all places."""
    told = clean({f"{OTHER}.1": "hush-hush"}, Private({"hush-hush": "secret"}))

    assert {f"{OTHER}.1": "secret-01"} == told


def test_what_our_reader_makes_numbers_models_and_words_of_stays() -> None:
    """A model that looks like a serial number; a reading that comes as a text."""
    ours = needed(
        [one for one in catalogue() if one.name == "apc-rpdu"], [f"{OTHER}.1"], ["Acme", "AP8959-123456", "1.2.3"]
    )
    told = {
        MODEL: "AP8959-123456",
        f"{OTHER}.1": "000000123456",
        "1.3.6.1.2.1.1.1.0": "MN:AP8959-123456",
        OTHER: "1234-567-890",
        f"{OTHER}.2": "000000123456",
    }

    assert {**told, OTHER: "0000-000-001", f"{OTHER}.2": "000000000002"} == clean(told, ours=ours)


def test_labels_are_kept_on_request_and_the_makers_own_words_always() -> None:
    """`Outlet 7` is nobody's; `sensor/{label}` would be another point without its word."""
    told = {LABEL: "Mail server", f"{LABEL}8": "Outlet 78", "1.3.6.1.2.1.47.1.1.1.1.2.7": "Rear temp sensor"}

    assert told == clean(told, keep_labels=True)
    assert {**told, LABEL: "label-00001"} == clean(told)


def test_generic_names_blank_no_models() -> None:
    told = clean({NAME: "UPS", OTHER: "Smart-UPS 1000"})

    assert {NAME: "UPS", OTHER: "Smart-UPS 1000"} == told


def test_texts_that_stay_are_shown_to_look_at() -> None:
    """Once each; not numbers, not models, not what has been replaced."""
    before = {oid: Encoded.of(4, text.encode()) for oid, text in ((NAME, "lab"), (OTHER, "for Jeanne"), (MODEL, "AP1"))}
    after = {**before, NAME: Encoded.of(4, b"n-1"), f"{OTHER}.1": Encoded.of(4, b"for Jeanne")}

    assert [f"{OTHER} for Jeanne"] == remaining(before, after, {"AP1"})


@pytest.mark.parametrize(
    ("tag", "content", "plain", "told"),
    [
        (0x02, "ff", -1, ("2", "-1")),
        (0x41, "ffffffff", 2**32 - 1, ("65", "4294967295")),
        (0x42, "00ffffffff", 2**32 - 1, ("66", "4294967295")),
        (0x43, "0100", 256, ("67", "256")),
        (0x46, "00ffffffffffffffff", 2**64 - 1, ("70", "18446744073709551615")),
        (0x47, "05", 5, ("66", "5")),
        (0x06, "2b06010401823e", "1.3.6.1.4.1.318", ("6", "1.3.6.1.4.1.318")),
        (0x06, "", "0.0", ("6", "0.0")),
        (0x40, "c0000201", "192.0.2.1", ("64", "192.0.2.1")),
        (0x44, "9f780441200000", bytes.fromhex("9f780441200000"), ("68x", "9f780441200000")),
        (0x04, "6f6b", b"ok", ("4", "ok")),
        (0x04, "", b"", ("4", "")),
        (0x04, "617c62", b"a|b", ("4x", "617c62")),
        (0x04, "6b20", b"k ", ("4x", "6b20")),
        (0x04, "c3a9", "é".encode(), ("4x", "c3a9")),
    ],
)
def test_a_value_is_read_and_written_with_its_type(
    tag: int, content: str, plain: object, told: tuple[str, str]
) -> None:
    """As the engines give it, and as snmpsim reads it."""
    value = Encoded.of(tag, bytes.fromhex(content))

    assert (plain, told) == (value.plain, written(value))


@pytest.mark.parametrize("pdu", ["", "a2", "a203020101", "a20b0201010201000201003001", "300702010102010030 00"])
def test_what_is_no_response_is_a_value_error(pdu: str) -> None:
    with pytest.raises(ValueError):
        response(bytes.fromhex(pdu))
