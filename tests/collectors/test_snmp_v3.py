"""SNMPv3 by both engines: levels, algorithms, what a wrong secret looks like, agents that restart, lie or are cloned.

net-snmp's own agent and snmpsim are the witnesses; what they will not do on request, a small agent of ours does.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import usm
from collectors.snmp.ask import Asker
from collectors.snmp.endpoint import AUTH, PRIV, Community, UsmUser, endpoint
from collectors.snmp.pysnmp_session import PysnmpSession
from collectors.snmp.session import Answer, EngineSession, GufoSession, Silence
from dc_monitor.clock import SystemClock
from dc_monitor.errors import DcMonitorError, Malformed, Refused, Unreachable
from support.snmp_agents import snmpsim
from support.snmp_v3_agent import V3Agent, user, v3_agent

SNMPD = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_snmpd = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed; scripts/system-packages installs it")
DESCR, UPTIME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0"
RECORDING = [f"{DESCR}|4|a test", f"{UPTIME}|67|4711"]
SNMPD_NAMES = {
    "md5": "MD5",
    "sha": "SHA",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "des": "DES",
    "aes": "AES",
    "aes192": "AES-192",
    "aes256": "AES-256",
    "aes192c": "AES-192-C",
    "aes256c": "AES-256-C",
}
NO_PRIVACY = {"priv": "", "priv_password": ""}
NEITHER = {"auth": "", "auth_password": "", **NO_PRIVACY}

Engine = type[GufoSession] | type[PysnmpSession]


@pytest.fixture(params=[GufoSession, PysnmpSession], ids=["gufo", "pysnmp"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both must behave alike."""
    found: Engine = request.param
    return found


@contextmanager
def snmpd(port: int, folder: Path, configuration: Iterable[str]) -> Iterator[None]:
    """An agent whose community is "lab"; ready when this returns. Its boot count is kept in `folder`."""
    file = folder / "snmpd.conf"
    lines = [f"agentaddress udp:127.0.0.1:{port}", "rocommunity lab", "sysDescr a test", *configuration]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(SNMPD), "-f", "-C", "-c", str(file), "-r", "-Ln"]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "MIBS": ""}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **quiet) as process:
        try:
            deadline = time.monotonic() + 20
            while not asyncio.run(_is_up(port)):
                assert process.poll() is None, f"snmpd ended by itself with {process.returncode}"
                assert time.monotonic() < deadline, "snmpd does not answer after 20 s"
            yield
        finally:
            process.terminate()
            process.wait(10)


async def _is_up(port: int) -> bool:
    one = GufoSession(endpoint(f"snmp://127.0.0.1:{port}"), Community(2, "lab"), SystemClock(), 0.2)
    await one.open()
    try:
        return bool((await one.get([DESCR])).values)
    except Unreachable:
        await asyncio.sleep(0.05)
        return False
    finally:
        await one.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an snmpd with a user for every pair of algorithms, and some for the levels."""
    created = [
        f"createUser {auth}-{priv} {SNMPD_NAMES[auth]} authpass1234 {SNMPD_NAMES[priv]} privpass1234"
        for auth in AUTH
        for priv in PRIV
    ]
    allowed = [f"rouser {auth}-{priv} priv" for auth in AUTH for priv in PRIV]
    levels = [
        "createUser open",
        "rouser open noauth",
        "createUser signed SHA-256 authpass1234",
        "rouser signed auth",
    ]
    port = _free_port()
    with snmpd(port, tmp_path_factory.mktemp("snmpd"), [*created, *allowed, *levels]):
        yield f"snmp://127.0.0.1:{port}"


def _free_port() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def read(engine: Engine, address: str, secret: UsmUser | Community, deadline: float = 0.3) -> dict[str, Any]:
    """Open, ask for sysDescr, close."""
    one = engine(endpoint(address), secret, SystemClock(), deadline)
    try:
        await one.open()
        return (await one.get([DESCR])).values
    finally:
        await one.close()


def with_agent(
    engine: Engine,
    steps: Callable[[V3Agent, EngineSession], Awaitable[None]],
    secret: UsmUser | None = None,
    **more: Any,
) -> None:
    """Run `steps` with a small agent and a session for it that is not open yet."""

    async def run() -> None:
        async with v3_agent(RECORDING, **more) as (agent, address):
            session = engine(endpoint(address), secret or user(), SystemClock(), 0.2)
            try:
                await steps(agent, session)
            finally:
                await session.close()

    asyncio.run(run())


async def value(session: EngineSession) -> Any:
    return (await session.get([DESCR])).values.get(DESCR)


@needs_snmpd
@pytest.mark.parametrize("auth", AUTH)
def test_every_pair_of_algorithms_reads_from_snmpd(engine: Engine, auth: str, agent: str) -> None:
    """RFC 3414, 3826 and 7860, and AES-192 and AES-256 with keys lengthened either way."""

    async def all_of_them() -> dict[str, Any]:
        return {
            priv: (await read(engine, agent, user(f"{auth}-{priv}", auth=auth, priv=priv), 1.0)).get(DESCR)
            for priv in PRIV
        }

    assert dict.fromkeys(PRIV, b"a test") == asyncio.run(all_of_them())


@needs_snmpd
@pytest.mark.parametrize(
    "secret",
    [
        Community(1, "lab"),
        Community(2, "lab"),
        user("open", **NEITHER),
        user("signed", **NO_PRIVACY),
        user("sha256-aes"),
    ],
    ids=["v1", "v2c", "noAuthNoPriv", "authNoPriv", "authPriv"],
)
def test_every_level_reads_from_snmpd(engine: Engine, secret: UsmUser | Community, agent: str) -> None:
    """From no secret at all to SHA-256 with AES-128."""
    assert {DESCR: b"a test"} == asyncio.run(read(engine, agent, secret, 1.0))


WRONG = {
    "user": ({"name": "nobody"}, "refuses this user: there is no such user"),
    "user, in the open": ({"name": "nobody", **NEITHER}, "there is no such user"),
    "authentication password": (
        {"auth_password": "wrongpass1234"},
        r"authentication password or its algorithm \(auth\)",
    ),
    "authentication algorithm": ({"auth": "md5"}, r"authentication password or its algorithm \(auth\) is not right"),
    "privacy password": ({"priv_password": "wrongpass1234"}, "are right, and nothing encrypted is answered"),
    "privacy algorithm": ({"priv": "des"}, r"are the privacy password and its algorithm \(priv\) right"),
    "a level above the user's": ({"name": "signed"}, "has no key at the agent to authenticate or encrypt with"),
    "a level below what the view wants": (NO_PRIVACY, "nothing may be read at this security level"),
    "no authentication where it is wanted": (NEITHER, "nothing may be read at this security level"),
}


@needs_snmpd
@pytest.mark.parametrize(("changes", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(engine: Engine, changes: dict[str, str], sentence: str, agent: str) -> None:
    """User, authentication and privacy apart; a wrong privacy password, which is silence, by asking without it."""
    with pytest.raises(Refused, match=sentence) as caught:
        asyncio.run(read(engine, agent, user(**{"name": "sha256-aes", **changes})))

    assert "pass1234" not in str(caught.value)


@needs_snmpd
def test_an_agent_that_restarted_is_read_again_in_the_same_poll(
    engine: Engine, free_port: Callable[[], int], tmp_path: Path
) -> None:
    """Its boot count is new: it says so, and the clocks are compared anew; nobody hears of it."""
    port = free_port()
    configuration = ["createUser monitor SHA-256 authpass1234 AES privpass1234", "rouser monitor priv"]
    with asyncio.Runner() as runner:
        one = engine(endpoint(f"snmp://127.0.0.1:{port}"), user(), SystemClock(), 1.0)
        asker = Asker(one)
        with snmpd(port, tmp_path, configuration):
            runner.run(one.open())
            assert b"a test" == runner.run(asker.meet())[DESCR].value
        with snmpd(port, tmp_path, configuration):
            assert b"a test" == runner.run(asker.ask_all([DESCR])).told[DESCR].value
        assert 0 == asker.retries
        runner.run(one.close())


def boots_again(agent: V3Agent) -> None:
    agent.boots += 1
    agent.time = 3


def jumps(agent: V3Agent) -> None:
    agent.time += 100_000


def becomes_another(agent: V3Agent) -> None:
    agent.engine_id = agent.engine_id[:-1] + b"X"
    agent.boots = 1


@pytest.mark.parametrize("event", [boots_again, jumps, becomes_another])
def test_an_agent_whose_clock_or_name_is_new_is_asked_again_at_once(
    engine: Engine, event: Callable[[V3Agent], None]
) -> None:
    """notInTimeWindows and unknownEngineIDs are no failure of a poll, by GET or in a walk."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        await session.open()
        event(agent)
        assert b"a test" == await value(session)
        event(agent)
        assert {DESCR: b"a test", UPTIME: 4711} == (await session.walk("1.3.6.1.2.1.1")).values

    with_agent(engine, steps, boots=5)


def test_an_agent_that_never_agrees_with_its_own_clock_is_unreachable(engine: Engine) -> None:
    """Asked anew once, not for ever."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        await session.open()

        def again(datagram: bytes) -> bytes:
            boots_again(agent)
            return datagram

        boots_again(agent)
        agent.mangle = again
        with pytest.raises(Unreachable, match=r"not as it was \(notInTimeWindows\)"):
            await value(session)

    with_agent(engine, steps)


def test_a_boot_counter_at_its_end_is_told_with_the_cure(engine: Engine) -> None:
    """RFC 3414 wants every authenticated request refused then, and that looks like a clock that is never right."""

    async def steps(_: V3Agent, session: EngineSession) -> None:
        with pytest.raises(Refused, match=r"boot counter has reached 2147483647.*another engine ID"):
            await session.open()

    with_agent(engine, steps, boots=usm.LAST_BOOT)


def test_two_cards_cloned_from_one_image_are_read_side_by_side(engine: Engine) -> None:
    """One engine ID, one user's name, and other boots, clocks and passwords: nothing is shared between sessions."""

    async def run() -> None:
        other = user(auth_password="otherpass1234")
        async with v3_agent(RECORDING, boots=3) as (first, one), v3_agent(RECORDING, other, boots=900) as (second, two):
            sessions = [
                engine(endpoint(one), user(), SystemClock(), 0.3),
                engine(endpoint(two), other, SystemClock(), 0.3),
            ]
            for session in sessions:
                await session.open()
            first.seen.clear()
            second.seen.clear()
            for _ in range(5):
                assert [b"a test"] * 2 == await asyncio.gather(*map(value, sessions))
            for session in sessions:
                await session.close()
            assert [""] * 10 == first.seen + second.seen

    asyncio.run(run())


def test_a_user_known_to_one_engine_and_not_to_another_is_refused_by_that_one_only(engine: Engine) -> None:
    """What one agent said of a user says nothing of the next one."""

    async def run() -> None:
        async with (
            v3_agent(RECORDING) as (_, one),
            v3_agent(RECORDING, user("somebody"), engine_id=b"other" * 2) as (
                _,
                two,
            ),
        ):
            with pytest.raises(Refused, match="no such user"):
                await read(engine, two, user())
            assert {DESCR: b"a test"} == await read(engine, one, user())

    asyncio.run(run())


def flipped(datagram: bytes) -> bytes:
    message = usm.parse(datagram)
    at = message.mac.start
    return datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :] if message.flags else datagram


FORGERIES: dict[str, Callable[[V3Agent], None]] = {
    "a wrong signature": lambda agent: setattr(agent, "mangle", flipped),
    "no signature": lambda agent: setattr(agent, "keeps", 0),
    "no encryption": lambda agent: setattr(agent, "keeps", usm.AUTHENTICATED),
    "a changed value": lambda agent: setattr(agent, "mangle", lambda datagram: datagram[:-1] + b"!"),
    "garbage": lambda agent: setattr(agent, "mangle", lambda datagram: b"HTTP/1.1 400 Bad Request"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_an_answer_the_agent_cannot_have_signed_is_not_believed(
    engine: Engine, forge: Callable[[V3Agent], None]
) -> None:
    """Whoever sits on the way could invent watts; gufo-snmp by itself believes them."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        await session.open()
        forge(agent)
        with pytest.raises(Malformed, match="none that this agent could have signed"):
            await value(session)
        agent.mangle, agent.keeps = (lambda datagram: datagram), usm.AUTHENTICATED | usm.ENCRYPTED
        assert b"a test" == await value(session)

    with_agent(engine, steps)


def test_an_old_answer_is_not_taken_for_a_new_one_and_opens_no_door_for_a_lie(engine: Engine) -> None:
    """A true answer that comes again says nothing, and what follows it is looked at as closely."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        await session.open()
        recorded: list[bytes] = []
        agent.mangle = lambda datagram: recorded.append(datagram) or datagram  # type: ignore[func-returns-value]
        await value(session)

        def old_then_forged(datagram: bytes) -> bytes:
            agent._transport.sendto(recorded[0], session._client._line._transport.get_extra_info("sockname"))  # type: ignore[union-attr]
            return flipped(datagram)

        agent.mangle = old_then_forged
        with pytest.raises(Malformed, match="1 answers"):
            await value(session)

    with_agent(engine, steps)


def test_a_lost_datagram_at_the_beginning_is_not_taken_for_a_wrong_password(engine: Engine) -> None:
    """The question without privacy is answered, and then the encrypted one is put again."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        answers = iter([True, False])
        agent.mangle = lambda datagram: datagram if next(answers, True) else None
        await session.open()
        assert b"a test" == await value(session)

    with_agent(engine, steps)


@pytest.mark.parametrize(
    ("secret", "silent"),
    [
        (user("nobody"), "unknownUserNames"),
        (user("nobody", **NO_PRIVACY), "unknownUserNames"),
        (user(auth_password="wrongpass1234"), "wrongDigests"),
    ],
    ids=["user", "user without privacy", "authentication"],
)
def test_an_agent_that_hides_why_is_known_to_speak_snmpv3(engine: Engine, secret: UsmUser, silent: str) -> None:
    """Some cards send no Reports for bad users; that they told their name is the best clue there is."""

    async def steps(_: V3Agent, session: EngineSession) -> None:
        with pytest.raises(Silence):
            await session.open()
        assert "says nothing to this user: are user and passwords right?" in session.hint

    with_agent(engine, steps, secret, silent={silent})


def test_a_first_silence_names_its_likely_causes_and_a_later_one_others(engine: Engine) -> None:
    """An agent never heard may be switched off, blocked or shy; one that answered before had none of that."""

    async def steps(agent: V3Agent, session: EngineSession) -> None:
        assert "is SNMPv3 switched on there?" in session.hint
        for cause in ("SNMP switched off", "firewall", "allowed addresses"):
            assert cause in session.hint
        await session.open()
        agent.mangle = lambda datagram: None
        with pytest.raises(Silence):
            await value(session)
        assert "it answered before" in session.hint

    with_agent(engine, steps)


def test_contexts_are_told_apart_and_an_unknown_one_is_named() -> None:
    """One agent, several devices behind it; an engine that knows no contexts is not asked."""

    async def run() -> None:
        recordings = {name: [f"{DESCR}|4|{name}"] for name in ("ups-a", "ups-b")}
        async with v3_agent(recordings) as (_, address):
            for name in recordings:
                assert {DESCR: name.encode()} == await read(PysnmpSession, address, user(context=name))
            with pytest.raises(Refused, match="there is no such context"):
                await read(PysnmpSession, address, user(context="ups-c"))

    asyncio.run(run())


def test_snmpsim_answers_by_context_with_privacy(shared: Path, tmp_path: Path) -> None:
    """Somebody else's SNMPv3, on somebody else's devices: SHA-256, AES-128, the recording's name as context."""
    names = ("akcp-sensorprobe8", "riello-netman204")
    recordings = [shared / "devices" / "snmp" / f"{name}.snmprec" for name in names]
    options = [
        "--v3-engine-id=auto",
        "--v3-user=monitor",
        *("--v3-auth-proto=SHA256", "--v3-auth-key=authpass1234"),
        *("--v3-priv-proto=AES", "--v3-priv-key=privpass1234"),
    ]

    async def told(address: str) -> list[Answer]:
        answers = []
        for name in names:
            one = PysnmpSession(endpoint(address), user(context=name), SystemClock(), 5.0)
            await one.open()
            answers += [await one.get([DESCR]), await one.walk("1.3.6.1.2.1.1")]
            await one.close()
        return answers

    with snmpsim(recordings, tmp_path, options) as port:
        one, walk_one, two, walk_two = asyncio.run(told(f"snmp://127.0.0.1:{port}"))

    expected = [line.split("|") for path in recordings for line in path.read_text().splitlines() if f"{DESCR}|" in line]
    assert [row[2].encode() for row in expected] == [one.values[DESCR], two.values[DESCR]]
    assert min(len(walk_one.values), len(walk_two.values)) > 5


def test_a_secret_is_in_no_error(engine: Engine) -> None:
    """Whatever went wrong, the sentence may stand in a log."""

    async def steps(_: V3Agent, session: EngineSession) -> None:
        with pytest.raises(DcMonitorError) as caught:
            await session.open()
        error: BaseException | None = caught.value
        while error is not None:
            assert "hunter2" not in repr(error) + str(error)
            error = error.__cause__
        assert "hunter2" not in session.hint

    for changes in ({"auth_password": "hunter2hunter2"}, {"priv_password": "hunter2hunter2"}):
        with_agent(engine, steps, user(**changes))
