"""`dc-monitor record`: a fixture with the same readings and nobody's name in it, from whatever agent."""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import SnmpCollector, walk
from dc_monitor.cli import main
from dc_monitor.contract import Poll
from dc_monitor.errors import ConfigError
from support.snmp_agents import SmallAgent, small_agent, snmpsim, target
from support.snmp_v3_agent import user, v3_agent

DATA = Path(__file__).resolve().parent / "data" / "snmp"
MIB_2, VENDORS = "1.3.6.1.2.1", "1.3.6.1.4.1"
RECORDINGS = {  # recording: object → what its owner wrote there
    "apc-ap8959eu3": {
        f"{VENDORS}.318.1.1.12.1.6.0": "ZA0931012345",
        f"{VENDORS}.318.1.1.4.4.2.1.4.1": "Payroll server",
        f"{VENDORS}.318.2.1.2.1.3.1": "xyzzy-community",
    },
    "eaton-93ps": {f"{VENDORS}.705.1.1.7.0": "GA12B34567", f"{MIB_2}.33.1.1.6.0": "Payroll server, both feeds"},
    "cyberpower-ol2200": {f"{VENDORS}.3808.1.1.1.1.2.3.0": "CZ1HK2000123"},
    "hwg-poseidon4002": {f"{VENDORS}.21796.3.3.3.1.2.1": "Payroll corner"},
    "dell-idrac-r640": {f"{VENDORS}.674.10892.5.1.3.2.0": "7XK2JQ2"},
    "aruba-cx-6300m": {f"{MIB_2}.47.1.1.1.1.11.1": "JPE14080459", f"{MIB_2}.47.1.1.1.1.14.1": "Payroll uplink"},
}
OWNERS = {
    f"{MIB_2}.1.4.0": "Jeanne Martin <jeanne.martin@lycee-exemple.fr>, 02 31 00 11 22",
    f"{MIB_2}.1.5.0": "caen-a12.lycee-exemple.fr",
    f"{MIB_2}.1.6.0": "Caen, 12 rue des Lilas, local B112",
    f"{VENDORS}.318.9.1.0": "caen-a12 at 172.20.30.40, MAC 00:C0:B7:4D:11:02, ask jeanne.martin@lycee-exemple.fr",
}
PRIVATE = ("jeanne", "martin", "exemple", "02 31", "caen", "lilas", "b112", "172.20.30.40", "00:c0:b7:4d:11:02")
PRIVATE_OCTETS = (bytes.fromhex("00c0b74d1102"), bytes([172, 20, 30, 40]))


def owned(shared: Path, name: str, folder: Path) -> Path:
    """A recording as its device was in its owner's room."""
    lines = (shared / "devices" / "snmp" / f"{name}.snmprec").read_text(encoding="utf-8").splitlines()
    rows = dict(line.split("|", 1) for line in lines)
    rows |= {oid: f"4|{text}" for oid, text in {**OWNERS, **RECORDINGS[name]}.items()}
    rows |= {f"{VENDORS}.318.9.2.0": "64|172.20.30.40", f"{VENDORS}.318.9.3.0": "4x|00c0b74d1102"}
    rows[f"{VENDORS}.318.9.4.172.20.30.40"] = "2|1"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.snmprec"
    ordered = sorted(rows, key=lambda oid: [int(arc) for arc in oid.split(".")])
    file.write_text("".join(f"{oid}|{rows[oid]}\n" for oid in ordered), encoding="utf-8")
    return file


async def read(address: str, community: str) -> Poll:
    collector = SnmpCollector(target(address, community=community, deadline=5.0))
    try:
        await collector.open()
        return await collector.collect()
    finally:
        await collector.close()


def values(poll: Poll) -> set[tuple[str, str, float, str | None]]:
    """What was read, apart from names and times."""
    told = ((one.series, one.value, one.text) for one in poll.readings)
    return {(series.source, series.quantity, value, text) for series, value, text in told}


def from_json(document: dict[str, Any]) -> set[tuple[str, str, float, str | None]]:
    return {(one["source"], one["quantity"], one["value"], one.get("text")) for one in document["readings"]}


def types(recording: str) -> dict[str, str]:
    """OID → type, text or hex alike."""
    rows = (line.split("|") for line in recording.splitlines())
    return {oid: kind.rstrip("x") for oid, kind, *_ in rows}


def record(address: str, file: Path, *more: str) -> int:
    return main(["record", address, "-o", str(file), "--credentials", "owner", *more])


@pytest.fixture
def community(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def put(text: str) -> None:
        monkeypatch.setenv("DCMON_CREDENTIAL_OWNER", f'{{version = "2c", community = "{text}"}}')

    put("lab")
    return put


@pytest.fixture(scope="module")
def rooms(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterable[str]:
    """Every device in its owner's room, behind snmpsim."""
    folder = tmp_path_factory.mktemp("owned")
    with snmpsim([owned(shared, name, folder / "rooms") for name in RECORDINGS], folder) as port:
        yield f"snmp://127.0.0.1:{port}"


def test_a_recording_reads_as_the_device_and_holds_nothing_private(
    rooms: str,
    shared: Path,
    tmp_path: Path,
    community: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Six devices of six makers: same readings from the fixture, same types, and nobody's name, number or address."""
    monkeypatch.setattr(walk, "LONGEST_PAUSE", 0.0)
    made = [tmp_path / f"{name}.snmprec" for name in RECORDINGS]
    for file in made:
        community(file.stem)
        assert 0 == record(rooms, file)
    shown = capsys.readouterr().out

    with snmpsim(made, tmp_path) as port:
        for file in made:
            device = asyncio.run(read(rooms, file.stem))
            fixture = asyncio.run(read(f"snmp://127.0.0.1:{port}", file.stem))
            expected = json.loads(file.with_suffix(".expected.json").read_text(encoding="utf-8"))

            assert values(device) == values(fixture), file.stem
            assert values(fixture) == from_json(expected), file.stem
            assert len(device.readings) == len(expected["readings"]) > 5

    before = types((shared / "devices/snmp/apc-ap8959eu3.snmprec").read_text(encoding="utf-8"))
    after = types((tmp_path / "apc-ap8959eu3.snmprec").read_text(encoding="utf-8"))
    assert [] == [oid for oid, kind in after.items() if before.get(oid, kind) != kind]

    for file in (*made, *(file.with_suffix(".expected.json") for file in made)):
        text = file.read_text(encoding="utf-8")
        words = [*PRIVATE, *(word for told in RECORDINGS.values() for word in told.values()), "payroll"]
        spelt = [".".join(map(str, octets)) for octets in PRIVATE_OCTETS] + [one.hex() for one in PRIVATE_OCTETS]
        texts = text.casefold() + "".join(
            bytes.fromhex(line.split("|")[2]).decode(errors="ignore").casefold()
            for line in text.splitlines()
            if "|4x|" in line
        )
        kept = [word for word in (*words, *spelt) if word.casefold() in texts]
        assert [] == [word for word in kept if word != "xyzzy-community"], file.name
    assert "Look through both files before you send them" in shown
    assert f"{VENDORS}.318.2.1.2.1.3.1 xyzzy-community" in shown, "what nobody can know is shown to look at"


def test_labels_are_kept_on_request(rooms: str, tmp_path: Path, community: Callable[[str], None]) -> None:
    """For a bug that lies in them; names, places and numbers are blanked all the same."""
    community("hwg-poseidon4002")
    assert 0 == record(rooms, tmp_path / "probe.snmprec", "--keep-labels")
    text = (tmp_path / "probe.snmprec").read_text(encoding="utf-8")

    assert "Payroll corner" in text
    assert [] == [word for word in PRIVATE if word in text.casefold()]


def recorded(
    fixture: str, file: Path, spoil: Callable[[SmallAgent], None] = lambda agent: None, *more: str
) -> tuple[int, list[str]]:
    """Record one of our own fixtures from a small agent; the exit code and the lines."""

    async def work() -> int:
        async with small_agent(DATA / f"{fixture}.snmprec") as (agent, address):
            spoil(agent)
            return await asyncio.to_thread(record, address, file, "--timeout", "0.2", *more)

    code = asyncio.run(work())
    return code, file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def fixture(name: str) -> list[str]:
    return (DATA / f"{name}.snmprec").read_text(encoding="utf-8").splitlines()


def no_bulk(agent: SmallAgent) -> None:
    agent.no_bulk = True


def lossy(agent: SmallAgent) -> None:
    agent.lose = 1


@pytest.mark.parametrize("spoil", [lambda agent: None, no_bulk, lossy], ids=["as it is", "no GETBULK", "a lost answer"])
def test_every_agent_is_recorded_whole(
    spoil: Callable[[SmallAgent], None], tmp_path: Path, community: Callable[[str], None]
) -> None:
    """Nothing private in it, so the lines are those it answers from."""
    asked: list[int] = []

    def count(agent: SmallAgent) -> None:
        spoil(agent)
        answer = agent.answer
        agent.answer = lambda data: (asked.append(1), answer(data))[1]  # type: ignore[method-assign]

    assert (0, fixture("main-meter")) == recorded("main-meter", tmp_path / "meter.snmprec", count)
    assert len(asked) < 1.5 * len(fixture("main-meter")) + 12, "what is not understood is not asked again and again"


def test_snmpv1_and_an_encrypted_user_are_recorded_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GETNEXT for the one, its own engine for the other."""
    monkeypatch.setenv("DCMON_CREDENTIAL_OWNER", '{version = "1", community = "lab"}')
    assert (0, fixture("main-meter")) == recorded("main-meter", tmp_path / "v1.snmprec")

    one = user()
    table = f'user = "{one.name}", auth = "{one.auth}", auth_password = "{one.auth_password}"'
    private = f'priv = "{one.priv}", priv_password = "{one.priv_password}"'
    monkeypatch.setenv("DCMON_CREDENTIAL_OWNER", f"{{{table}, {private}}}")

    async def work() -> int:
        async with v3_agent(fixture("main-meter"), one) as (_, address):
            return await asyncio.to_thread(record, address, tmp_path / "v3.snmprec")

    assert 0 == asyncio.run(work())
    assert fixture("main-meter") == (tmp_path / "v3.snmprec").read_text(encoding="utf-8").splitlines()


def test_a_walk_is_bounded_and_says_what_is_not_in_it(
    tmp_path: Path,
    community: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(walk, "MOST_ROWS", 12)
    code, lines = recorded("ups-three-phase", tmp_path / "ups.snmprec")

    assert (0, True) == (code, 12 <= len(lines) < len(fixture("ups-three-phase")))
    assert "  stopped after " in capsys.readouterr().out


def test_an_agent_that_falls_silent_leaves_what_it_said(
    tmp_path: Path, community: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a recording of a device that nobody could read is worth more than none."""

    def tire(agent: SmallAgent) -> None:
        answer = agent.answer
        agent.answer = lambda data: answer(data) if len(agent.requests) < 3 else None  # type: ignore[method-assign]

    code, lines = recorded("pdu-by-outlet", tmp_path / "pdu.snmprec", tire)

    assert (0, True) == (code, 0 < len(lines) < len(fixture("pdu-by-outlet")))
    assert "no answer in 0.2 s; what comes behind it is not in it" in capsys.readouterr().out


def test_an_agent_that_counts_in_circles_is_left(tmp_path: Path, community: Callable[[str], None]) -> None:
    def turn(agent: SmallAgent) -> None:
        following = agent._next
        first = min(oid for oid in agent.values if oid[:6] == (1, 3, 6, 1, 4, 1))
        agent._next = lambda oid: following(oid) if oid < max(agent.values) else (first, agent.values[first])  # type: ignore[method-assign]

    assert (0, fixture("main-meter")) == recorded("main-meter", tmp_path / "meter.snmprec", turn)


def test_processes_and_neighbours_are_not_recorded(tmp_path: Path, community: Callable[[str], None]) -> None:
    """What stands behind them is."""

    def put(agent: SmallAgent) -> None:
        for oid in (f"{VENDORS}.2021.2.1.2.1", f"{VENDORS}.8072.1.1.0", f"{MIB_2}.4.22.1.2.1.10.0.0.1"):
            agent.put(oid, "secret process")

    assert (0, fixture("main-meter")) == recorded("main-meter", tmp_path / "meter.snmprec", put)


def test_a_device_nobody_knows_is_recorded_for_whoever_writes_its_profile(
    tmp_path: Path, community: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """No profile fits: that is what the recording is for."""

    async def work() -> int:
        lines = [f"{MIB_2}.1.1.0|4|Acme thing", f"{MIB_2}.1.3.0|67|5", f"{VENDORS}.99999.1.1.0|66|230"]
        async with small_agent(lines) as (_, address):
            return await asyncio.to_thread(record, address, tmp_path / "thing")

    assert 0 == asyncio.run(work())
    assert f"{VENDORS}.99999.1.1.0|66|230" in (tmp_path / "thing.snmprec").read_text(encoding="utf-8")
    assert "no profile fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["10.0.0.1", "-o", "x"], "10.0.0.1: expected an address such as snmp://10.0.0.12"),
        (["host://", "-o", "x"], 'nothing installed for "host://"; known: snmp'),
        (["snmp://127.0.0.1", "-o", "/nowhere/x"], "/nowhere/x.snmprec: there is no folder /nowhere"),
        (["snmp://127.0.0.1", "-o", "x"], "SNMP needs credentials, and none is guessed"),
    ],
)
def test_what_cannot_be_recorded_is_one_sentence(
    argv: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert 2 == main(["record", *argv])
    assert sentence in capsys.readouterr().err
    assert [] == [*tmp_path.iterdir()]


def test_nothing_is_written_over(
    tmp_path: Path, community: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a recording nor what is expected of it: somebody may have mended them by hand."""
    (tmp_path / "meter.expected.json").write_text("mine", encoding="utf-8")

    assert 2 == record("snmp://127.0.0.1", tmp_path / "meter.snmprec")
    assert f"{tmp_path}/meter.expected.json: is there already" in capsys.readouterr().err


def test_a_silent_agent_is_one_sentence_with_its_likely_causes(
    tmp_path: Path, community: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def still(agent: SmallAgent) -> None:
        agent.silent = True

    assert (1, []) == recorded("probe", tmp_path / "probe.snmprec", still)
    said = capsys.readouterr().err
    assert "cannot record probe (127.0.0.1:" in said
    assert "no answer in 0.2 s; is the community right?" in said


def test_without_the_second_engine_it_says_how_to_get_it(
    tmp_path: Path, community: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.snmp.recording.find_spec", lambda name: None)
    from collectors.snmp.recording import SNMP

    with pytest.raises(ConfigError, match=r"to record takes pysnmp, which is not installed: pip install 'dc-monitor\["):
        asyncio.run(SNMP(target("snmp://127.0.0.1"), False, lambda so_far: None))
