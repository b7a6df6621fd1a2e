"""Two engines, one meaning: what gufo-snmp and pysnmp make of the same agent, and which of them is asked."""

import asyncio
import gc
import os
import socket
from bisect import bisect_right
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import SnmpCollector, engines
from collectors.snmp.endpoint import Community, UsmUser, endpoint
from collectors.snmp.engines import session
from collectors.snmp.pysnmp_session import PysnmpSession
from collectors.snmp.session import EngineSession, GufoSession, Silence
from collectors.snmp.values import Value
from dc_monitor.clock import ManualClock
from dc_monitor.errors import ConfigError, DcMonitorError, Unreachable
from support.snmp_agents import SmallAgent, small_agent, target
from support.snmp_v3_agent import user, v3_agent

ENGINES = {"gufo": GufoSession, "pysnmp": PysnmpSession}
Engine = type[GufoSession] | type[PysnmpSession]
COMMUNITY = Community(2, "lab")
UPTIME = "1.3.6.1.2.1.1.3.0"
PRIVATE = {"user": "u", "auth": "sha", "auth_password": "aaaaaaaa", "priv": "aes", "priv_password": "pppppppp"}


def recordings() -> list[Path]:
    folder = Path(os.environ.get("DCMON_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    return sorted((folder / "devices" / "snmp").glob("*.snmprec"))


every_recording = pytest.mark.parametrize("recording", recordings(), ids=lambda path: path.stem)


def in_order_once(agent: SmallAgent) -> None:
    """The agent looks its objects' order up once: these recordings are long, and walked whole."""
    order = sorted(agent.values)

    def after(oid: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, bytes]]:
        at = bisect_right(order, oid)
        return (order[at], agent.values[order[at]]) if at < len(order) else (oid, (0x82, b""))

    agent._next = after  # type: ignore[method-assign]


@every_recording
def test_both_engines_give_identical_answers_for_every_object(recording: Path, shared: Path) -> None:
    """Values and their types by GET; the same rows, or the same complaint, by a walk of each branch."""

    async def told(one: EngineSession, oids: list[str]) -> list[object]:
        said: list[object] = []
        await one.open()
        for at in range(0, len(oids), 40):
            values = (await one.get(oids[at : at + 40])).values
            said.append({oid: (type(value), value) for oid, value in values.items()})
        for branch in dict.fromkeys(".".join(oid.split(".")[:9]) for oid in oids):
            try:
                said.append(list((await one.walk(branch)).values.items()))
            except DcMonitorError as error:
                said.append(str(error))
        await one.close()
        return said

    async def both() -> list[list[object]]:
        async with small_agent(recording) as (agent, address):
            in_order_once(agent)
            oids = [".".join(map(str, oid)) for oid in agent.values]
            sessions = [engine(endpoint(address), COMMUNITY, ManualClock()) for engine in ENGINES.values()]
            return [await told(one, oids) for one in sessions]

    by_gufo, by_pysnmp = asyncio.run(both())

    assert by_gufo == by_pysnmp


@every_recording
def test_both_engines_give_identical_readings(recording: Path, shared: Path) -> None:
    """Recognised as the same device, left out for the same reasons, read to the same values, words and bounds."""

    async def told(address: str, engine: str) -> object:
        collector = SnmpCollector(target(address, deadline=5.0, options={"engine": engine}))
        assert ENGINES[engine] is type(collector._session)
        try:
            info, poll = await collector.open(), await collector.collect()
        except DcMonitorError as error:
            return str(error)
        finally:
            await collector.close()
        return info, [reading._replace(time=0) for reading in poll.readings], poll.failures, poll.retries

    async def both() -> list[object]:
        async with small_agent(recording) as (agent, address):
            in_order_once(agent)
            return [await told(address, engine) for engine in ENGINES]

    by_gufo, by_pysnmp = asyncio.run(both())

    assert by_gufo == by_pysnmp


ODD_VALUES = {  # tag, content: what cards really send, and what it means
    "a Counter32 without its leading zero": (0x41, b"\xff\xff\xff\xfe", 4294967294),
    "a Gauge32 without its leading zero": (0x42, b"\x80\0\0\0", 2147483648),
    "TimeTicks without their leading zero": (0x43, b"\xf0\0\0\0", 4026531840),
    "a Counter64 without its leading zero": (0x46, b"\xff" * 8, 2**64 - 1),
    "a Counter64 at its end": (0x46, b"\0" + b"\xff" * 8, 2**64 - 1),
    "a Counter32 that did not wrap in time": (0x41, b"\x01\0\0\0\x05", 5),
    "an INTEGER below zero": (0x02, b"\xff", -1),
    "an INTEGER of eight bytes": (0x02, b"\x7f" + b"\xff" * 7, 2**63 - 1),
    "an INTEGER of no bytes": (0x02, b"", 0),
    "an UInteger32 of SNMPv2 before 1996": (0x47, b"\x05", 5),
    "an Opaque float of net-snmp": (0x44, b"\x9f\x78\x04\x42\xf6\0\0", b"\x9f\x78\x04\x42\xf6\0\0"),
    "an IpAddress": (0x40, b"\x0a\0\0\x0c", "10.0.0.12"),
    "octets that are no text": (0x04, bytes(range(256)), bytes(range(256))),
    "a zeroDotZero": (0x06, b"\0", "0.0"),
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize(("tag", "content", "expected"), ODD_VALUES.values(), ids=ODD_VALUES)
def test_a_value_is_understood_as_it_was_meant(engine: Engine, tag: int, content: bytes, expected: Value) -> None:
    """One odd value must not cost the whole answer."""
    oid = "1.3.6.1.4.1.99.1.0"

    async def ask() -> dict[str, Value]:
        async with small_agent([f"{oid}|2|0", "1.3.6.1.4.1.99.2.0|2|7"]) as (agent, address):
            agent.values[tuple(map(int, oid.split(".")))] = tag, content
            one = engine(endpoint(address), COMMUNITY, ManualClock())
            await one.open()
            values = (await one.get([oid, "1.3.6.1.4.1.99.2.0"])).values
            assert {oid: expected} == (await one.walk("1.3.6.1.4.1.99.1")).values
            await one.close()
            return values

    assert {oid: expected, "1.3.6.1.4.1.99.2.0": 7} == asyncio.run(ask())


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("secret", [COMMUNITY, user()], ids=["v2c", "v3"])
def test_many_sessions_leave_no_descriptor_behind(engine: Engine, secret: Community | UsmUser) -> None:
    """Opened, asked and closed, refused or met by silence, and at once: nothing waits for the garbage collector.

    SNMPv3 begins dearly, so fewer of those.
    """
    rounds = 1_000 if secret is COMMUNITY else 200

    async def one_life(address: str, error: type[DcMonitorError] | None = None) -> None:
        one = engine(endpoint(address), secret, ManualClock(), 1.0 if error is None else 0.01)
        with nullcontext() if error is None else pytest.raises(error):
            await one.open()
            await one.get([UPTIME])
        await one.close()

    async def run() -> None:
        recording = [f"{UPTIME}|67|1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            silent = f"snmp://127.0.0.1:{nobody.getsockname()[1]}"
            async with small_agent(recording) as (_, plain), v3_agent(recording) as (agent, private):
                address = plain if secret is COMMUNITY else private
                await one_life(address)
                await asyncio.sleep(0)
                before = descriptors()
                stays = engine(endpoint(address), secret, ManualClock(), 1.0)
                await stays.open()
                for _ in range(rounds):
                    await one_life(address)
                    await stays.get([UPTIME])
                for _ in range(20):
                    await one_life(silent, Silence)
                    await one_life("snmp://127.0.0.1:9", Unreachable)
                if secret is not COMMUNITY:  # begins anew after each loss
                    agent.mangle, stays.deadline = (lambda datagram: None), 0.01
                    for _ in range(20):
                        with pytest.raises(Silence):
                            await stays.get([UPTIME])
                await stays.close()
                await asyncio.sleep(0)
                assert before == descriptors()

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 # Path.iterdir holds one itself


CHOICES: dict[str, tuple[dict[str, Any], type[EngineSession]]] = {
    "a community": ({}, GufoSession),
    "a user": ({"credentials": PRIVATE}, GufoSession),
    "options ask for pysnmp": ({"options": {"engine": "pysnmp"}}, PysnmpSession),
    "options ask for gufo": ({"options": {"engine": "gufo"}}, GufoSession),
    "the address asks for pysnmp": ({"address": "snmp://10.0.0.12?engine=pysnmp"}, PysnmpSession),
    "options go before the address": (
        {"address": "snmp://10.0.0.12?engine=pysnmp", "options": {"engine": "gufo"}},
        GufoSession,
    ),
    "a context": ({"credentials": {**PRIVATE, "context": "ups-a"}}, PysnmpSession),
}


def chosen(**more: Any) -> EngineSession:
    made = session(target(**{"address": "snmp://10.0.0.12", "device": "pdu-3", **more}))
    assert isinstance(made, EngineSession)
    return made


@pytest.mark.parametrize(("wanted", "expected"), CHOICES.values(), ids=CHOICES)
def test_the_fast_engine_asks_unless_the_other_is_needed_or_wanted(
    wanted: dict[str, Any], expected: type[EngineSession]
) -> None:
    """gufo-snmp costs a tenth; pysnmp knows contexts."""
    assert expected is type(chosen(**wanted))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"options": {"engin": "pysnmp"}}, 'pdu-3: options.engin: unknown option; did you mean "engine"?'),
        ({"options": {"colour": "red"}}, "pdu-3: options.colour: unknown option; known: engine"),
        ({"options": {"engine": "pysnpm"}}, 'pdu-3: options.engine = "pysnpm": did you mean "pysnmp"?'),
        ({"address": "snmp://10.0.0.12?engine=curl"}, '12?engine=curl: engine = "curl": expected one of gufo, pysnmp'),
        (
            {"credentials": {**PRIVATE, "context": "ups-a"}, "options": {"engine": "gufo"}},
            "pdu-3: engine: gufo knows no context, and the credentials name one: leave it out",
        ),
    ],
)
def test_an_option_nobody_knows_is_refused_with_its_nearest_neighbour(wanted: dict[str, Any], sentence: str) -> None:
    """A typing error must not fall back to a default in silence."""
    with pytest.raises(ConfigError) as caught:
        chosen(**wanted)

    assert str(caught.value).endswith(sentence)


@pytest.mark.parametrize(
    ("wanted", "missing", "sentence"),
    [
        ({"options": {"engine": "pysnmp"}}, "pysnmp", "options.engine asks for pysnmp"),
        ({"credentials": {"user": "u", "context": "ups-a"}}, "pysnmp", "a context in the credentials asks for pysnmp"),
        ({"credentials": {**PRIVATE, "context": "ups-a"}}, "cryptography", "asks for cryptography"),
    ],
)
def test_an_engine_that_is_not_installed_is_named_with_its_cure(
    wanted: dict[str, Any], missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pysnmp is an optional part, and a part of it needs cryptography."""
    real = engines.find_spec
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(ConfigError) as caught:
        chosen(**wanted)

    assert sentence in str(caught.value)
    assert str(caught.value).endswith("which is not installed: pip install 'dc-monitor[pysnmp]'")
