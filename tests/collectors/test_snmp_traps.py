"""Traps and informs as net-snmp sends them: heard, acknowledged, or refused with a reason."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.snmp.traps.listener import CAUSES
from dc_monitor.clock import ManualClock
from support.net_snmp import V1, V2C, engine, needs_net_snmp, recorded, send, v3
from support.trap_listening import Heard, hearing, listening, tried

TEXT = "upsOnBattery: UPS: On battery power"


@needs_net_snmp
@pytest.mark.parametrize(
    "options",
    [
        V1,
        V2C,
        (*v3("anybody", auth="", priv=""), *engine()),
        (*v3("signer", priv=""), *engine()),
        (*v3(), *engine()),
    ],
    ids=["v1", "v2c", "v3, open", "v3, signed", "v3, signed with SHA-256 and encrypted with AES"],
)
def test_a_trap_becomes_a_notice(options: Sequence[str], tmp_path: Path) -> None:
    """Whatever its version: the same event, with all it brought."""

    async def scene() -> Heard:
        async with listening(tmp_path) as heard:
            assert 0 == (await send("snmptrap", options, heard.port))[0]
            await heard.until(lambda: heard.notices)
            return heard

    heard = asyncio.run(scene())
    (notice,) = heard.notices
    assert ("127.0.0.1", "on-battery", "critical", TEXT) == (notice.source, *notice[3:6])
    assert "UPS: On battery power" == notice.details["1.3.6.1.4.1.318.2.3.3.0"]
    assert ("10.9.8.7" if options is V1 else "") == notice.origin
    assert not heard.dropped


@needs_net_snmp
@pytest.mark.parametrize(
    "options",
    [V2C, v3("anybody", auth="", priv=""), v3("signer", priv=""), v3()],
    ids=["v2c", "v3, open", "v3, signed", "v3, signed and encrypted"],
)
def test_an_inform_is_acknowledged(options: Sequence[str], tmp_path: Path) -> None:
    """Its sender asks for our engine's name and clock, where it needs them, and is content with our answer."""

    async def scene() -> Heard:
        async with listening(tmp_path) as heard:
            assert 0 == (await send("snmpinform", options, heard.port))[0]
            return heard

    heard = asyncio.run(scene())
    assert [TEXT] == [notice.text for notice in heard.notices]
    assert not heard.dropped


@needs_net_snmp
@pytest.mark.parametrize(
    ("options", "cause", "told"),
    [
        (v3("nobody"), "user", "Unknown user name"),
        (v3("signer", auth_password="another1234", priv=""), "digest", "Authentication failure"),
        (v3(priv_password="another1234"), "privacy", "Decryption error"),
        (v3("signer"), "security", "Unsupported security level"),
    ],
    ids=["unknown user", "wrong password", "wrong privacy password", "more than the user has"],
)
def test_a_sender_of_informs_is_told_what_is_wrong(
    options: Sequence[str], cause: str, told: str, tmp_path: Path
) -> None:
    """As an agent tells who asks it; nothing is heard of it."""

    async def scene() -> tuple[Heard, int, str]:
        async with listening(tmp_path) as heard:
            return heard, *await send("snmpinform", options, heard.port)

    heard, code, said = asyncio.run(scene())
    assert 1 == code
    assert told in said
    assert ([], {cause}) == (heard.notices, set(heard.dropped))


@needs_net_snmp
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("-v2c", "-c", "private"), "community"),
        (("-v1", "-c", "private"), "community"),
        ((*v3("nobody"), *engine()), "user"),
        ((*v3("signer", auth_password="another1234", priv=""), *engine()), "digest"),
        ((*v3("signer", auth="SHA", priv=""), *engine()), "digest"),
        ((*v3(priv_password="another1234"), *engine()), "privacy"),
        ((*v3(priv=""), *engine()), "security"),
        ((*v3(auth="", priv=""), *engine()), "security"),
    ],
    ids=[
        "a community nobody named",
        "the same of SNMPv1",
        "unknown user",
        "wrong password",
        "another algorithm",
        "wrong privacy password",
        "not encrypted",
        "not even signed",
    ],
)
def test_who_shows_no_secret_of_ours_is_not_heard(options: Sequence[str], cause: str, tmp_path: Path) -> None:
    assert cause == tried(recorded("snmptrap", options), tmp_path)


@needs_net_snmp
def test_a_request_is_no_notification(tmp_path: Path) -> None:
    """Somebody takes us for an agent."""
    inform = recorded("snmpinform", V2C)
    get = inform.replace(b"\xa6", b"\xa0", 1)

    assert ("", "kind") == (tried(inform, tmp_path), tried(get, tmp_path))


@needs_net_snmp
@pytest.mark.parametrize("options", [V1, V2C, (*v3(), *engine())], ids=["v1", "v2c", "v3"])
def test_what_is_cut_short_or_spoilt_is_dropped(options: Sequence[str], tmp_path: Path) -> None:
    """At every byte: it is dropped with a cause, or, where the byte does not matter, heard; never an exception."""
    datagram = recorded("snmptrap", options)
    clock = ManualClock()
    one = hearing(tmp_path, clock)

    assert "" == one.hear(datagram, "127.0.0.1").cause
    clock.advance(1_000.0)
    for end in range(len(datagram)):
        assert "malformed" == one.hear(datagram[:end], "127.0.0.1").cause
    for at in range(len(datagram)):
        for value in (0x00, 0x7F, 0x80, 0xFF):
            heard = one.hear(datagram[:at] + bytes([value]) + datagram[at + 1 :], "127.0.0.1")
            assert heard.cause in CAUSES or heard.notice or (heard.reply and not heard.cause)
