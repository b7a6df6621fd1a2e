"""Both engines' sessions against agents that misbehave: every outcome is an answer or one of our kinds of error."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from collectors.snmp.endpoint import Community, endpoint
from collectors.snmp.pysnmp_session import PysnmpSession
from collectors.snmp.session import Answer, EngineSession, GufoSession, Silence
from dc_monitor.clock import ManualClock
from dc_monitor.errors import Malformed, Unreachable
from support.snmp_agents import SmallAgent, small_agent
from support.snmp_v3_agent import user, v3_agent

DESCR, OBJECT_ID, UPTIME, ABSENT = (f"1.3.6.1.2.1.1.{n}.0" for n in (1, 2, 3, 9))
COLUMN = "1.3.6.1.4.1.99.1.1.2"
RECORDING = [
    f"{DESCR}|4|test agent",
    f"{OBJECT_ID}|6|1.3.6.1.4.1.99",
    f"{UPTIME}|67|4711",
    *(f"{COLUMN}.{row}|66|{row * 10}" for row in range(1, 26)),
    "1.3.6.1.4.1.99.1.1.3.1|2|-1",
]
Engine = type[GufoSession] | type[PysnmpSession]
Steps = Callable[[SmallAgent, EngineSession], Awaitable[None]]


@pytest.fixture(params=[GufoSession, PysnmpSession], ids=["gufo", "pysnmp"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both must behave alike."""
    found: Engine = request.param
    return found


def with_session(engine: Engine, steps: Steps, version: int = 2, deadline: float = 0.3, community: str = "lab") -> None:
    """Run `steps` with a small agent and an open session to it."""

    async def run() -> None:
        async with small_agent(RECORDING) as (agent, address):
            secret = Community(version, community)
            session = engine(endpoint(address), secret, ManualClock(now=42), deadline)
            await session.open()
            try:
                await steps(agent, session)
            finally:
                await session.close()
                await session.close()

    asyncio.run(run())


def test_an_answer_holds_what_was_asked_and_when_it_came(engine: Engine) -> None:
    """An object the agent has not is left out; the time is that of the answer, on the clock handed in."""

    async def steps(_: SmallAgent, session: EngineSession) -> None:
        expected = Answer({DESCR: b"test agent", OBJECT_ID: "1.3.6.1.4.1.99", UPTIME: 4711}, 42)
        assert expected == await session.get([DESCR, OBJECT_ID, UPTIME, ABSENT])

    with_session(engine, steps)


def test_an_oid_nobody_asked_for_is_dropped(engine: Engine) -> None:
    """Some agents answer more than the question."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        whole = agent.answer
        agent.answer = lambda data: whole(data).replace(
            b"\x2b\x06\x01\x02\x01\x01\x03\x00", b"\x2b\x06\x01\x02\x01\x01\x07\x00"
        )  # type: ignore[method-assign]
        assert {DESCR: b"test agent"} == (await session.get([DESCR, UPTIME])).values

    with_session(engine, steps)


@pytest.mark.parametrize("version", [1, 2])
def test_a_walk_brings_the_whole_column_and_nothing_of_the_next(engine: Engine, version: int) -> None:
    """More rows than one GETBULK holds, on a version that has GETBULK and one that has not."""

    async def steps(_: SmallAgent, session: EngineSession) -> None:
        walked = (await session.walk(COLUMN)).values
        assert {f"{COLUMN}.{row}": row * 10 for row in range(1, 26)} == walked
        assert {} == (await session.walk("1.3.6.1.4.1.99.1.1.9")).values

    with_session(engine, steps, version)


def test_an_agent_that_cannot_getbulk_is_walked_by_getnext_from_then_on(engine: Engine) -> None:
    """GETBULK is tried once, not at every table."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        agent.no_bulk = True
        assert 25 == len((await session.walk(COLUMN)).values)
        before = len(agent.requests)
        assert 25 == len((await session.walk(COLUMN)).values)
        assert 26 == len(agent.requests) - before

    with_session(engine, steps)


def test_a_walk_in_circles_ends(engine: Engine) -> None:
    """An agent whose rows do not grow would be walked for ever."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        first = next(iter(sorted(oid for oid in agent.values if len(oid) == 11)))
        agent._next = lambda oid: (first, agent.values[first])  # type: ignore[method-assign]
        with pytest.raises(Malformed, match="does not end"):
            await session.walk(COLUMN)

    with_session(engine, steps)


@pytest.mark.parametrize("version", [1, 2])
def test_an_error_status_is_an_empty_answer(engine: Engine, version: int) -> None:
    """TooBig, genErr and noSuchName look the same; `ask` makes sense of it."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        agent.most = 1
        assert {} == (await session.get([DESCR, UPTIME])).values

    with_session(engine, steps, version)


def test_the_same_answer_twice_or_late_is_not_taken_for_the_next(engine: Engine) -> None:
    """Datagrams are duplicated and delayed; request ids tell them apart."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        agent.times, agent.late = 2, True
        for oid, value in ((DESCR, b"test agent"), (UPTIME, 4711), (OBJECT_ID, "1.3.6.1.4.1.99")):
            assert {oid: value} == (await session.get([oid])).values

    with_session(engine, steps)


def test_stray_datagrams_do_not_stretch_the_deadline(engine: Engine) -> None:
    """An agent that sends old answers for ever has still not answered."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        await session.get([DESCR])
        stale = agent._previous
        agent.garbage = stale
        agent.times = 50
        with pytest.raises(Silence, match=r"no answer in 0\.3 s"):
            await session.get([UPTIME])

    with_session(engine, steps)


GARBAGE = {
    "one byte": b"\0",
    "text": b"HTTP/1.1 400 Bad Request",
    "cut short": b"\x30\x82\xff\xff\x02",
    "all bytes": bytes(range(256)),
    "a length of lengths, which makes the engine panic": b"\xff" * 1500,
    "nothing but a sequence": b"\x30\x03\x02\x01\x01",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_malformed_and_the_session_lives_on(engine: Engine, garbage: bytes) -> None:
    """No traceback, no panic past the session; the next question is answered."""

    async def steps(agent: SmallAgent, session: EngineSession) -> None:
        agent.garbage = garbage
        with pytest.raises(Malformed, match="no SNMP"):
            await session.get([DESCR])
        agent.garbage = None
        assert {DESCR: b"test agent"} == (await session.get([DESCR])).values

    with_session(engine, steps)


def test_a_wrong_community_is_silence(engine: Engine) -> None:
    """It cannot be told from a dead host, so the hint asks for both."""

    async def steps(_: SmallAgent, session: EngineSession) -> None:
        asked = asyncio.get_running_loop().time()
        with pytest.raises(Silence, match=r"^no answer in 0\.2 s$"):
            await session.get([DESCR])
        assert 0.2 <= asyncio.get_running_loop().time() - asked < 2
        assert "community" in session.hint

    with_session(engine, steps, deadline=0.2, community="wrong")


def test_a_closed_port_and_an_unknown_name_are_told_from_silence(engine: Engine) -> None:
    """Both are known at once; waiting for the deadline would hide the cause."""

    async def steps() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        session = engine(endpoint(f"snmp://127.0.0.1:{port}"), Community(2, "lab"), ManualClock())
        await session.open()
        with pytest.raises(Unreachable, match="nothing listens on that port"):
            await session.get([DESCR])
        await session.close()
        session = engine(endpoint("snmp://no-such-host.invalid"), Community(2, "lab"), ManualClock())
        with pytest.raises(Unreachable, match=r"no way to no-such-host\.invalid"):
            await session.open()

    asyncio.run(steps())


def test_an_address_without_a_way_there_is_unreachable_and_tried_again(engine: Engine) -> None:
    """At the beginning and later, when a network goes down under an open session; never an error of the system."""

    async def steps() -> None:
        async with small_agent(RECORDING) as (_, address), v3_agent(RECORDING) as (_, private):
            for secret, there in ((Community(2, "lab"), address), (user(), private)):
                session = engine(endpoint("snmp://255.255.255.255"), secret, ManualClock(), 0.3)
                with pytest.raises(Unreachable, match=r"no way to 255\.255\.255\.255"):
                    await session.open()
                session = engine(endpoint(there), secret, ManualClock(), 0.3)
                await session.open()
                here, session._host = session._host, "255.255.255.255"
                session._drop()
                with pytest.raises(Unreachable, match=r"no way to 127\.0\.0\.1: "):
                    await session.get([UPTIME])
                session._host = here
                assert {UPTIME: 4711} == (await session.get([UPTIME])).values
                await session.close()

    asyncio.run(steps())


@pytest.mark.parametrize(
    ("bound", "written"), [("::1", "[::1]"), ("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1")]
)
def test_hosts_are_reached_by_address_and_by_name(engine: Engine, bound: str, written: str) -> None:
    """IPv6 in brackets; a name that has both families is asked over IPv4."""

    async def steps() -> None:
        async with small_agent(RECORDING, host=bound) as (_, address):
            port = address.rpartition(":")[2]
            session = engine(endpoint(f"snmp://{written}:{port}"), Community(2, "lab"), ManualClock())
            await session.open()
            assert {UPTIME: 4711} == (await session.get([UPTIME])).values
            await session.close()

    try:
        socket.create_server((bound, 0), family=socket.AF_INET6 if ":" in bound else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {bound}")
    asyncio.run(steps())


def test_a_closed_session_says_so(engine: Engine) -> None:
    """Asking after close is our own mistake, and still no traceback."""

    async def steps(_: SmallAgent, session: EngineSession) -> None:
        await session.close()
        with pytest.raises(Unreachable, match="closed"):
            await session.get([DESCR])

    with_session(engine, steps)
