"""Spoilt notifications by the thousand, in front of their security and behind it: dropped or heard, and nothing else.

`DCMON_FUZZ_CASES=1000000 pytest tests/collectors/test_snmp_traps_fuzz.py` looks longer.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysnmp.proto.api import v2c

from collectors.snmp import usm
from collectors.snmp.endpoint import Community, UsmUser
from collectors.snmp.traps.engine import Engine, begin
from collectors.snmp.traps.hearing import Hearing
from collectors.snmp.traps.inlet import MOST_BYTES
from collectors.snmp.traps.listener import CAUSES
from collectors.snmp.traps.meaning import LONGEST_TEXT, LONGEST_VALUE
from collectors.snmp.traps.secure import Receiver
from dc_monitor.clock import ManualClock
from dc_monitor.names import EVENTS, SEVERITIES
from support.trap_messages import COMMUNITY, SENDER, Sealed, message, pdu

CASES = int(os.environ.get("DCMON_FUZZ_CASES", "3000"))
SLOWEST = 2.0
"""More of the processor is a hang; a collection of garbage may fall into any case. [s]"""
USERS = [
    UsmUser("open"),
    UsmUser("signer", "sha", "authpass1234"),
    UsmUser("monitor", "sha256", "authpass1234", "aes", "privpass1234"),
    UsmUser("old", "md5", "authpass1234", "des", "privpass1234"),
]
ROWS = [
    ("1.3.6.1.4.1.318.2.3.3.0", v2c.OctetString("UPS: On battery power")),
    ("1.3.6.1.2.1.33.1.6.2.1.2.7", v2c.ObjectIdentifier("1.3.6.1.2.1.33.1.6.3.8")),
    ("1.3.6.1.6.3.18.1.3.0", v2c.IpAddress("10.1.2.3")),
    ("1.3.6.1.4.1.99.1.0", v2c.Counter64(2**64 - 1)),
    ("1.3.6.1.4.1.99.2.0", v2c.Opaque(bytes.fromhex("9f780442f60000"))),
    ("1.3.6.1.4.1.99.3.0", v2c.Integer32(-1)),
]
PDUS = [
    pdu("1.3.6.1.4.1.318.0.5", ROWS),
    pdu("1.3.6.1.2.1.33.2.3", ROWS, inform=True, request_id=-7),
    pdu("0.0"),
    bytes.fromhex("a427 06072b06010401823e 40040a010203 020106 020105 43021267 300e 300c 06072b0601040182 3e0201 05"),
]


class Scene(NamedTuple):
    """Somebody who hears, and messages he would take."""

    hearing: Hearing
    seals: Sequence[Callable[[bytes], bytes]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    clock = ManualClock()
    with TemporaryDirectory() as state:
        engine: Engine = begin(Path(state), clock.monotonic)
    hearing = Hearing([Community(2, COMMUNITY)], Receiver(USERS, engine), clock)
    return Scene(
        hearing,
        [
            message,
            partial(message, version=0),
            *(Sealed(user, SENDER, 1, 1_000) for user in USERS),
            *(Sealed(user, engine.id, engine.boots, 0, usm.REPORTABLE) for user in USERS),
            Sealed(USERS[0], b"", 0, 0, usm.REPORTABLE),
            *(Sealed(UsmUser(name), SENDER, 1, 1_000) for name in ("monitor", "nobody")),
        ],
    )


def edited(data: bytes, edits: bytes) -> bytes:
    """The data, spoilt by edits of four bytes each: what to do, where (of 65,536), and with which byte."""
    for how, high, low, value in zip(*(edits[at::4] for at in range(4)), strict=False):
        at, new = (high << 8 | low) * len(data) >> 16, bytes([value])
        if how < 0x60:
            data = data[:at] + new + data[at + 1 :]
        elif how < 0x90:
            data = data[:at] + new + data[at:]
        elif how < 0xC0:
            data = data[:at] + data[at + 1 :]
        elif how < 0xF0:
            data = data[:at] + data[at : at + value] + data[at:]
        else:
            data = data[:at]
    return data[:MOST_BYTES]


def test_whatever_arrives_is_heard_or_dropped_with_a_cause(scene: Scene) -> None:
    """No exception, no wait, no word or value that could not be written; and not everything is refused at the door."""
    found: Counter[str] = Counter()

    @settings(max_examples=CASES, deadline=None)
    @given(st.binary(min_size=3, max_size=40))
    def look(case: bytes) -> None:
        seal, inside, behind, *_ = case
        behind = 3 + 4 * (behind % 8)
        datagram = edited(PDUS[inside % len(PDUS)], case[3:behind])
        datagram = edited(scene.seals[seal % len(scene.seals)](datagram), case[behind:]) if seal < 250 else case
        began = time.thread_time()
        heard = scene.hearing.hear(datagram, "10.0.0.1")
        took = time.thread_time() - began

        assert took < SLOWEST
        assert heard.cause in ("", *CAUSES)
        assert heard.notice or heard.cause or heard.reply
        found[heard.cause or ("heard" if heard.notice else "told")] += 1
        if heard.notice:
            assert heard.notice.event in EVENTS
            assert heard.notice.severity in SEVERITIES
            assert len(heard.notice.text) <= LONGEST_TEXT
            assert heard.notice.text.isprintable()
            assert all(len(str(value)) <= LONGEST_VALUE for value in heard.notice.details.values())
            msgspec.json.encode(heard.notice.details)

    look()
    assert {"heard", "told", "malformed", "community", "kind", "digest", "security", "user", "repeated"} <= found.keys()
    assert found["heard"] > CASES / 50


def _element(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


HEAD = bytes.fromhex("300d06082b06010201010300430101 3017060a2b060106030101040100 06092b06010401823e0005")


@pytest.mark.parametrize(
    "varbind",
    [
        _element(0x30, _element(0x06, b"\x2b\x06" + b"\xff" * 7_900 + b"\x01"), b"\x05\x00"),
        _element(0x30, _element(0x06, b"\x2b" + b"\x01" * 7_900), b"\x05\x00"),
        _element(0x30, _element(0x06, b"\x2b\x06"), _element(0x02, b"\x7f" * 7_900)),
        _element(0x30, _element(0x06, b"\x2b\x06"), _element(0x24, b"\x04\x01a" * 2_600)),
        _element(0x30, _element(0x06, b"\x2b\x06"), b"\x24\x80" * 3_900),
        b"\x30\x80" * 3_900,
        b"\x30\x06\x06\x02\x2b\x06\x05\x00" * 980,
    ],
    ids=["one endless number", "endless numbers", "a huge number", "crumbs", "deep octets", "deep lists", "varbinds"],
)
def test_the_worst_that_fits_in_a_datagram_is_no_hang(scene: Scene, varbind: bytes) -> None:
    """Numbers, lists and lengths that a decoder could choke on: work does not grow as a square."""
    zeros = b"\x02\x01\x00" * 3
    datagram = message(_element(0xA7, zeros, _element(0x30, HEAD, varbind)))
    assert len(datagram) <= MOST_BYTES
    began = time.thread_time()
    scene.hearing.hear(datagram, "10.0.0.1")

    assert time.thread_time() - began < 2.0
