"""Is a protocol spoken there? One harmless question, no login, and an answer that cannot be another protocol's."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.presence import IPMI, MODBUS, NUT, PROBES, REDFISH, Probe
from collectors.snmp.presence import SNMP
from dc_monitor.contract import Presence
from dc_monitor.errors import Absent, Refused, Unreachable
from support import strangers
from support.snmp_agents import small_agent
from support.snmp_v3_agent import user, v3_agent

DATA = Path(__file__).resolve().parent.parent / "data" / "snmp"
PROBE = (DATA / "probe.snmprec").read_text(encoding="utf-8").splitlines()
LAB = {"community": "lab", "version": "2c"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback answers at once or never."""
    monkeypatch.setattr("collectors.presence.PATIENCE", 0.3)


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """Sockets left open become errors here and not in somebody else's test."""
    yield
    gc.collect()


def ask(probe: Presence, answer: strangers.Answer, folder: Path | None = None) -> tuple[str, list[bytes]]:
    """What a probe makes of a server, and what that server was asked."""

    async def run() -> tuple[str, list[bytes]]:
        context = strangers.tls(folder) if probe is REDFISH and folder else None
        serve = strangers.udp(answer) if probe is IPMI else strangers.tcp(answer, context=context)
        async with serve as (port, received):
            return await probe("127.0.0.1", port, {}, 0.5), received

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("probe", "answer", "says"),
    [
        (MODBUS, strangers.modbus, "Acme PM-1 V2.5"),
        (MODBUS, strangers.modbus_without_identification, ""),
        (REDFISH, strangers.redfish, "Acme Board 7"),
        (IPMI, strangers.ipmi, "version 2.0"),
        (NUT, strangers.nut, "ups-a, ups-b"),
    ],
)
def test_a_protocol_is_noticed_by_its_own_answer(
    probe: Probe, answer: strangers.Answer, says: str, tmp_path: Path
) -> None:
    """And by one question."""
    told, received = ask(probe, answer, tmp_path)

    assert (says, 1) == (told, len(received))


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.title)
@pytest.mark.parametrize("answer", [strangers.web_page, strangers.garbage, strangers.nut, strangers.modbus])
def test_another_protocol_is_not_taken_for_it(probe: Probe, answer: strangers.Answer, tmp_path: Path) -> None:
    """Whatever listens on the port says something else."""
    if answer.__name__ in probe.title.lower():
        return
    with pytest.raises(Absent):
        ask(probe, answer, tmp_path)


@pytest.mark.parametrize(
    ("probe", "answer"),
    [
        (MODBUS, lambda request: b"\xff" + strangers.modbus(request)[1:] if request[0] != 0xFF else b""),
        (MODBUS, lambda request: request[:2] + b"\0\1" + strangers.modbus(request)[4:]),
        (REDFISH, lambda request: b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"Vendor": 1}'),
        (IPMI, lambda request: strangers.ipmi(request)[:19] + b"\x37" + strangers.ipmi(request)[20:]),
    ],
    ids=["another transaction", "another protocol", "any JSON", "another command"],
)
def test_an_answer_that_is_nearly_one_is_none(probe: Probe, answer: strangers.Answer, tmp_path: Path) -> None:
    with pytest.raises(Absent):
        ask(probe, answer, tmp_path)


def test_a_web_server_without_tls_is_no_redfish() -> None:
    with pytest.raises(Absent):
        ask(REDFISH, strangers.web_page)


@pytest.mark.parametrize("probe", [MODBUS, NUT, REDFISH], ids=lambda probe: probe.title)
def test_who_accepts_and_says_nothing_has_answered(probe: Probe, tmp_path: Path) -> None:
    """It need not be asked again; the time for the answer is bounded."""
    with pytest.raises(Absent):
        ask(probe, strangers.silent, tmp_path)


def test_a_closed_port_has_answered_too() -> None:
    async def run(probe: Presence) -> None:
        kind = socket.SOCK_DGRAM if probe.port in (161, 623) else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        with pytest.raises(Absent):
            await probe("127.0.0.1", port, {}, 0.5)

    for probe in (*PROBES, SNMP):
        asyncio.run(run(probe))


def test_silence_is_told_apart_so_that_it_is_asked_again() -> None:
    async def run() -> None:
        async with strangers.udp(strangers.silent) as (port, _):
            for probe in (IPMI, SNMP):
                with pytest.raises(Unreachable):
                    await probe("127.0.0.1", port, {}, 0.1)

    asyncio.run(run())


def test_words_of_a_device_are_one_short_line() -> None:
    """They go to a terminal and into a file."""
    long = b"A\x1b[31m\nB" + b"x" * 300
    told = ask(NUT, lambda request: b"BEGIN LIST UPS\nUPS " + long.replace(b"\n", b"") + b' "x"\nEND LIST UPS\n')[0]

    assert told.isprintable()
    assert len(told) <= 80


def test_an_snmpv3_engine_tells_a_stranger_who_made_it() -> None:
    """No user, no community: RFC 3414's own beginning. The maker stands in the engine's name."""

    async def run() -> list[str]:
        told = []
        for engine in (bytes.fromhex("8000013e0300c0b7000001"), bytes.fromhex("80001f8804aa")):
            async with v3_agent(PROBE, user()) as (agent, address):
                agent.engine_id = engine
                told.append(await SNMP("127.0.0.1", int(address.rpartition(":")[2]), {}, 0.5))
        return told

    assert ["version 3 APC", "version 3"] == asyncio.run(run())


def test_credentials_are_taken_or_refused_with_the_reason() -> None:
    """A community that is not known looks like nobody; a user who is not known is told."""
    wrong = {"user": "nobody", "auth": "sha256", "auth_password": "authpass1234"}

    async def run() -> str:
        async with small_agent(PROBE) as (_, address):
            port = int(address.rpartition(":")[2])
            assert "" == await SNMP("127.0.0.1", port, LAB, 0.5)
            with pytest.raises(Unreachable):
                await SNMP("127.0.0.1", port, LAB | {"community": "other"}, 0.1)
        async with v3_agent(PROBE, user()) as (_, address):
            with pytest.raises(Refused) as caught:
                await SNMP("127.0.0.1", int(address.rpartition(":")[2]), wrong, 0.5)
        return str(caught.value)

    assert "there is no such user" in asyncio.run(run())
