"""SNMPv3 on the wire: the RFC's own examples, and bytes that are no message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.snmp import usm
from collectors.snmp.endpoint import AUTH

ENGINE_ID = bytes(11) + b"\x02"
KEY = usm.local_key(usm.master_key(b"maplesyrup", "sha256"), ENGINE_ID, "sha256")
PDU = bytes.fromhex("a2 0b 0201 05 0201 00 0201 00 3000")  # a response to request 5, without varbinds


def message(flags: int = usm.AUTHENTICATED, pdu: bytes = PDU, message_id: int = 7) -> bytes:
    return usm.envelope(
        message_id=message_id,
        flags=flags,
        engine_id=ENGINE_ID,
        boots=3,
        time=200,
        user=b"monitor",
        salt=b"",
        scoped=usm.scope(ENGINE_ID, b"ups-a", pdu),
        key=KEY,
        auth="sha256",
    )


@pytest.mark.parametrize(
    ("auth", "master", "local"),
    [
        ("md5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        ("sha", "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
    ],
)
def test_keys_are_those_of_the_rfc(auth: str, master: str, local: str) -> None:
    """RFC 3414, A.3.1 and A.3.2: the password is maplesyrup."""
    key = usm.master_key(b"maplesyrup", auth)

    assert (master, local) == (key.hex(), usm.local_key(key, ENGINE_ID, auth).hex())


def test_a_key_grows_only_as_far_as_the_cipher_wants_and_in_two_ways() -> None:
    """The first bytes are the localised key itself; where the hash is long enough the two ways are one."""
    short = usm.local_key(usm.master_key(b"maplesyrup", "md5"), ENGINE_ID, "md5")
    blumenthal, reeder = (usm.longer_key(short, ENGINE_ID, "md5", 32, reeder=way) for way in (False, True))

    assert (32, short, 32, short) == (len(blumenthal), blumenthal[:16], len(reeder), reeder[:16])
    assert blumenthal != reeder
    assert usm.longer_key(KEY, ENGINE_ID, "sha256", 32, reeder=True) == KEY


def test_every_protocol_that_may_be_written_has_a_hash() -> None:
    """A name accepted in the credentials and unknown here would fail at night."""
    assert AUTH == tuple(usm.AUTH)


def test_a_message_is_read_as_it_was_written() -> None:
    """Numbers, names and the scoped PDU; its signature is that of its key and of no other."""
    read = usm.parse(message() + b"trailing bytes")

    assert (7, usm.AUTHENTICATED, ENGINE_ID, 3, 200, b"monitor") == read[1:7]
    assert PDU == usm.pdu(read.scoped)
    assert message() == read.whole
    assert read.signed_by(KEY, "sha256")
    assert not read.signed_by(KEY[::-1], "sha256")
    assert not read.signed_by(KEY, "sha512")


@pytest.mark.parametrize("at", range(0, len(message()), 3))
def test_no_byte_of_a_signed_message_can_be_changed(at: int) -> None:
    """Header, clock, user and PDU are all under the signature."""
    whole = message()
    changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    guard = usm.Guard("sha256", "maplesyrup")
    assert guard.admits(message(flags=0, message_id=1), question=1)

    assert guard.admits(changed, question=7) is None
    assert guard.admits(whole, question=7)


def test_an_answer_to_another_question_is_passed_over_and_is_no_lie() -> None:
    """Late answers are the network's doing, forged ones somebody's."""
    guard = usm.Guard("sha256", "maplesyrup")
    guard.admits(message(flags=0, message_id=1), question=1)

    assert guard.admits(message(), question=8) is None
    assert 0 == guard.dropped
    assert guard.admits(message(flags=0), question=7) is None
    assert 1 == guard.dropped


@given(st.binary(max_size=200))
def test_random_bytes_are_no_message(data: bytes) -> None:
    """ValueError and nothing else, whatever comes."""
    for read in (usm.parse, usm.report, usm.pdu):
        with pytest.raises(ValueError):
            read(data)


@given(st.integers(0, len(message()) - 1), st.binary(min_size=1, max_size=4), st.integers(0, 4))
def test_a_damaged_message_is_read_or_refused(at: int, put: bytes, cut: int) -> None:
    """Lengths that lie lead nowhere outside the datagram."""
    damaged = message()[:at] + put + message()[at + cut :]
    try:
        read = usm.parse(damaged)
        usm.report(read.scoped)
    except ValueError:
        return
    assert len(read.whole) <= len(damaged)
