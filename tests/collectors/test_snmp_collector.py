"""The whole collector against a small agent: what a device turns out to be, what a poll brings, what goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import SnmpCollector
from dc_monitor.clock import ManualClock
from dc_monitor.contract import DeviceInfo, Poll, Rating
from dc_monitor.errors import ConfigError, Malformed, Unreachable
from dc_monitor.readings import Reading
from support.snmp_agents import SmallAgent, small_agent, target

DATA = Path(__file__).resolve().parent.parent / "data" / "snmp"
FIXTURES = sorted(path.stem for path in DATA.glob("*.snmprec"))
UPTIME = "1.3.6.1.2.1.1.3.0"
OUTLET_WATTS = "1.3.6.1.4.1.318.1.1.26.9.4.3.1.7"
Steps = Callable[[SmallAgent, SnmpCollector], Awaitable[None]]


def with_device(name: str, steps: Steps, **more: Any) -> None:
    """Run `steps` with a small agent that plays a fixture, and a collector for it that is not open yet."""

    async def run() -> None:
        async with small_agent(DATA / f"{name}.snmprec") as (agent, address):
            collector = SnmpCollector(target(address, **more))
            try:
                await steps(agent, collector)
            finally:
                await collector.close()
                await collector.close()

    asyncio.run(run())


def read(name: str, **more: Any) -> tuple[DeviceInfo, Poll]:
    """Open and one poll."""
    found: list[tuple[DeviceInfo, Poll]] = []

    async def steps(_: SmallAgent, collector: SnmpCollector) -> None:
        found.append((await collector.open(), await collector.collect()))

    with_device(name, steps, **more)
    return found[0]


def told(reading: Reading) -> str:
    """A reading as a line of a golden file."""
    series = reading.series
    how = "" if series.method == "measured" else series.method
    bounds = "" if reading.low is None else f"{reading.low:.6g}..{reading.high:.6g}"
    label = f'"{series.label}"' if series.label else ""
    parts = (series.point, series.quantity, repr(reading.value), series.unit.symbol, reading.text, how, bounds, label)
    return " ".join(part for part in parts if part)


def values(poll: Poll) -> dict[str, float]:
    return {f"{r.series.point} {r.series.quantity}": r.value for r in poll.readings}


@pytest.mark.parametrize("name", FIXTURES)
def test_a_device_says_what_its_golden_file_says(name: str) -> None:
    """Every reading with its unit, method, bounds and label; nothing twice, nothing missing."""
    poll = read(name)[1]

    expected = (DATA / f"{name}.golden").read_text(encoding="utf-8").splitlines()
    assert expected == sorted(map(told, poll.readings))
    assert () == poll.failures
    assert len(poll.readings) == len({(r.series.point, r.series.quantity) for r in poll.readings})


def test_a_device_is_recognised_and_says_why() -> None:
    """By sysObjectID where it names a vendor, by what answers where it does not."""
    pdu, ups = read("pdu-by-outlet")[0], read("ups-three-phase")[0]

    assert ("pdu", "APC", "AP8659", "6.9.6") == (pdu.kind, pdu.vendor, pdu.model, pdu.firmware)
    assert ("apc-rpdu2", "apc-rpdu") == pdu.profiles
    assert "sysObjectID 1.3.6.1.4.1.318.1.3.4.6 is apc-rpdu2 and apc-rpdu" == pdu.why
    assert ("ups", "Noname", "Tower 20", "1.07") == (ups.kind, ups.vendor, ups.model, ups.firmware)
    assert "1.3.6.1.2.1.33.1.2.1.0 answers as rfc1628" == ups.why


def test_what_was_seen_and_not_taken_is_said_once() -> None:
    """Not available, not in use, not believed, estimated: an operator need not guess."""
    assert (
        "rfc1628: not available: battery current, bypass/total frequency, input/l3 frequency, input/l3 current",
        "0 W at input/l1, input/l3 is not believed: amperes flow, and the card may never fill that column",
    ) == read("ups-three-phase")[0].left_out
    assert (
        "apc-uio: not in use by the device's own word: probe/2-1 temperature, probe/2-1 humidity",
        "power at output/total is estimated: the device tells none",
    ) == read("ups-without-watts")[0].left_out


def test_older_apc_watts_made_of_a_configured_voltage_are_not_called_measured() -> None:
    """A PDU with a voltage setting has no voltmeter; one without has."""
    made = next(r for r in read("pdu-without-voltmeter")[1].readings if r.series.quantity == "power")
    measured = next(r for r in read("pdu-by-outlet")[1].readings if r.series.point == "rpdu/total")

    assert ("estimated", True) == (made.series.method, made.low is not None)
    assert ("measured", None) == (measured.series.method, measured.low)


def test_the_standard_mib_beside_the_vendors_own_keeps_to_itself() -> None:
    """An APC card speaks UPS-MIB too: the same battery must not be told twice under one name."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        for at, value in (("2.1.0", 2), ("2.4.0", 98), ("4.4.1.2.1", 230), ("4.4.1.3.1", 8), ("4.4.1.4.1", 171)):
            agent.put(f"1.3.6.1.2.1.33.1.{at}", value)
        info = await collector.open()
        poll = await collector.collect()

        assert ("apc-smart-ups", "apc-uio", "rfc1628") == info.profiles
        assert 0.987 == values(poll)["battery charge"]
        assert 0.98 == values(poll)["ups-mib/battery charge"]
        assert 171.0 == values(poll)["ups-mib/output/l1 power"]
        assert "output/total power" not in values(poll), "one MIB tells the power, so the other need not guess"

    with_device("ups-without-watts", steps)


def test_a_rating_lets_load_become_power() -> None:
    """Without amperes, load times the rating a person gave."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.remove("1.3.6.1.4.1.318.1.1.1.4.3.4.0")
        left_out = (await collector.open()).left_out
        power = values(await collector.collect()).get("output/total power")
        found.append((power, left_out[-1]))

    found: list[tuple[float | None, str]] = []
    with_device("ups-without-watts", steps, rating=Rating(va=750.0))
    with_device("ups-without-watts", steps)

    assert 0.9 * 0.246 * 750 == pytest.approx(found[0][0])
    assert found[1][0] is None
    assert "with rating = { va = … } it can be estimated" in found[1][1]


def test_a_profile_asked_for_is_the_only_one_read() -> None:
    """A person who names a profile gets that one; an unknown name is their mistake."""
    info, poll = read("pdu-by-outlet", profile="apc-rpdu")

    assert (("apc-rpdu",), "profile apc-rpdu is configured") == (info.profiles, info.why)
    assert {"rpdu"} == {r.series.point.split("/")[0] for r in poll.readings}
    assert ("rfc1628: none of its values is there",) == read("pdu-by-outlet", profile="rfc1628")[0].left_out
    with pytest.raises(ConfigError, match="did you mean"):
        read("pdu-by-outlet", profile="apc-rpduu")


def test_an_unknown_device_says_what_it_is_not() -> None:
    """No profile is no error: the device is there, and the sentence says what to look up."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.remove("1.3.6.1.2.1.33")
        info = await collector.open()
        assert ("unknown", ()) == (info.kind, info.profiles)
        expected = 'no profile fits: sysObjectID 1.3.6.1.4.1.8072.3.2.10, sysDescr "UPS card of no make"'
        assert expected == info.why
        assert {"agent uptime": 3600.0} == values(await collector.collect())

    with_device("ups-three-phase", steps)


def test_a_poll_asks_only_for_what_the_device_has() -> None:
    """Discovery once, then exact OIDs: two requests for a PDU that took twenty to know."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.requests.clear()
        await collector.collect()
        assert len(agent.requests) <= 2
        assert {True} == {all(oid in known for oid in request) for request in agent.requests}

    known = {line.split("|")[0] for line in (DATA / "pdu-by-outlet.snmprec").read_text(encoding="utf-8").splitlines()}
    with_device("pdu-by-outlet", steps)


def test_a_value_that_went_away_is_missed_for_an_hour_and_then_no_longer_expected() -> None:
    """Every poll that misses it says so, until the device is taken for one that has not got it."""
    clock = ManualClock()

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.remove(f"{OUTLET_WATTS}.2")
        first, second = await collector.collect(), await collector.collect()
        clock.advance(3_600)
        third = await collector.collect()

        for poll in (first, second):
            assert 1 == len(poll.failures)
            assert "no longer there, outlet/2 power first" in poll.failures[0]
            assert "outlet/2 power" not in values(poll)
            assert 643.0 == values(poll)["outlet/1 power"]
        assert () == third.failures

    with_device("pdu-by-outlet", steps, clock=clock)


def test_rows_that_come_back_are_read_again() -> None:
    """A card that starts shows half its table, and the rest a moment later: nothing is forgotten for that."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        whole = dict(agent.values)
        before = values(await collector.collect())
        agent.remove(f"{OUTLET_WATTS}.2")
        for _ in range(3):
            assert "outlet/2 power" not in values(await collector.collect())
        agent.values = whole
        poll = await collector.collect()
        assert ((), before.keys()) == (poll.failures, values(poll).keys())

    with_device("pdu-by-outlet", steps)


def test_what_is_plugged_in_later_is_found_within_a_day() -> None:
    """A new outlet of the table, without a restart of anything."""
    clock = ManualClock()

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.put(f"{OUTLET_WATTS}.9", 77)
        assert "outlet/9 power" not in values(await collector.collect())
        clock.advance(86_400)
        assert 77.0 == values(await collector.collect())["outlet/9 power"]

    with_device("pdu-by-outlet", steps, clock=clock)


def test_a_restart_in_mid_poll_gives_no_value_of_the_old_rows() -> None:
    """Rows renumbered by the restart would stand at each other's points."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.put("1.3.6.1.2.1.1.3.0", 10_000_000)
        await collector.open()
        agent.put(f"{OUTLET_WATTS}.1", 5)
        agent.put("1.3.6.1.2.1.1.3.0", 100)
        asked = len(agent.requests)
        poll = await collector.collect()
        assert 5.0 == values(poll)["outlet/1 power"]
        assert len(agent.requests) - asked > 10  # learnt anew before anything is told

    with_device("pdu-by-outlet", steps)


def test_a_restarted_agent_is_learnt_anew() -> None:
    """Rows may have moved; the uptime that fell is the witness."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.put("1.3.6.1.4.1.3854.1.2.2.1.18.1.3.1", 4)
        assert "switch/1 state" not in values(await collector.collect())
        agent.put(UPTIME, 100)
        assert 1.0 == values(await collector.collect())["agent uptime"]
        assert 4.0 == values(await collector.collect())["switch/1 state"]

    with_device("probe", steps)


def test_an_uptime_that_came_round_is_no_restart() -> None:
    """After 497 days sysUpTime begins again at 0; the device did not."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.put(UPTIME, 5)
        await collector.collect()
        agent.requests.clear()
        await collector.collect()
        assert 1 == len(agent.requests)

    with_device("main-meter", steps)


def test_a_probe_that_loses_contact_goes_silent_and_comes_back() -> None:
    """Its last value stays in the column; the state beside it tells."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        seen = []
        for state in (1, 2, 1):
            agent.put("1.3.6.1.4.1.3854.1.2.2.1.16.1.5.0", state)
            poll = await collector.collect()
            seen.append((values(poll).get("probe/0 temperature"), poll.failures))
        assert [(24.1, ()), (None, ()), (24.1, ())] == seen

    with_device("probe", steps)


@pytest.mark.parametrize("limit", [3, 8])
def test_an_agent_that_bears_little_is_read_in_full(limit: int) -> None:
    """TooBig above a few varbinds, from the first question on."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.most = limit
        await collector.open()
        poll = await collector.collect()
        assert whole == values(poll)
        assert () == poll.failures
        assert max(len(request) for request in agent.requests[-5:]) <= limit

    whole = values(read("pdu-by-outlet")[1])
    with_device("pdu-by-outlet", steps)


def test_an_agent_that_answers_half_and_cannot_getbulk_is_read_in_full() -> None:
    """Two faults at once, on the device that has no sysUpTime either."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.cut, agent.no_bulk = 7, True
        await collector.open()
        assert whole == values(await collector.collect())

    whole = values(read("pdu-by-outlet")[1])
    with_device("pdu-by-outlet", steps)


def test_snmp_version_1_reads_the_same() -> None:
    """One missing object fails a whole v1 request; everything else is read all the same."""
    community = {"version": "1", "community": "lab"}

    assert values(read("probe")[1]) == values(read("probe", credentials=community)[1])


def test_a_wrong_community_says_that_it_looks_like_silence() -> None:
    """The sentence names the device, its address, how long was waited, and asks the right question."""

    async def steps(_: SmallAgent, collector: SnmpCollector) -> None:
        with pytest.raises(Unreachable) as caught:
            await collector.open()
        port = collector._endpoint.port
        expected = (
            f"cannot read the system group from ups-a (127.0.0.1:{port}): "
            "no answer in 0.2 s, 2 tries; is the community right? SNMP switched off, a firewall, or a list of allowed"
            " addresses without this machine look the same"
        )
        assert expected == str(caught.value)

    with_device("probe", steps, community="hunter2", deadline=0.2)


def test_a_device_that_falls_silent_is_unreachable_and_comes_back_by_itself() -> None:
    """Two deadlines a poll, and no need to open it again."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.silent = True
        with pytest.raises(Unreachable, match=r"cannot read akcp-sensorprobe from ups-a \(.*\): no answer in 0\.1 s"):
            await collector.collect()
        agent.silent = False
        assert 24.1 == values(await collector.collect())["probe/0 temperature"]

    with_device("probe", steps, deadline=0.1)


def test_one_lost_datagram_costs_nothing() -> None:
    """Neither at opening nor at a poll; it is counted."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.lose = 1
        await collector.open()
        agent.lose = 1
        poll = await collector.collect()
        assert ((), 1) == (poll.failures, poll.retries)
        assert 0 == (await collector.collect()).retries

    with_device("probe", steps, deadline=0.1)


def test_an_agent_that_dies_during_a_poll_leaves_what_it_said() -> None:
    """What was read is kept, what was not is counted."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.most = 8
        await collector.open()
        answer, left = agent.answer, iter([True])
        agent.answer = lambda data: answer(data) if next(left, False) else None  # type: ignore[method-assign]
        poll = await collector.collect()
        assert 0 < len(poll.readings)
        assert 1 == len(poll.failures)
        assert "values of ups-a (127.0.0.1:" in poll.failures[0]
        assert "no answer in 0.1 s, 2 tries" in poll.failures[0]

    with_device("probe", steps, deadline=0.1)


def test_half_a_poll_is_not_estimated_from() -> None:
    """Amperes answered and watts lost must not become an estimate; nor two lines of three a total."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.remove("1.3.6.1.4.1.318.1.1.1.4.3.2.0")
        first, _ = await collector.collect(), await collector.collect()
        clock.advance(3_600)
        second = await collector.collect()
        assert (1, 0) == (len(first.failures), len(second.failures))
        assert "output/total power" not in values(first)
        assert "output/total power" in values(second)

    clock = ManualClock()
    with_device("ups-without-watts", steps, clock=clock)


@pytest.mark.parametrize("garbage", [b"\xff" * 1500, b"nonsense"], ids=["panic", "nonsense"])
def test_garbage_is_one_sentence(garbage: bytes) -> None:
    """No traceback reaches an operator."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.garbage = garbage
        with pytest.raises(Malformed, match=r"cannot read akcp-sensorprobe from ups-a .*: an answer that is no SNMP"):
            await collector.collect()

    with_device("probe", steps)


def test_one_object_that_always_fails_does_not_hide_the_others() -> None:
    """GenErr on one row: it is left out and said, the table is read."""
    poison = f"{OUTLET_WATTS}.2"

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.poison = {poison}
        info = await collector.open()
        poll = await collector.collect()
        assert f"answered with an error: {poison}" in info.left_out
        assert 643.0 == values(poll)["outlet/1 power"]
        assert () == poll.failures

    with_device("pdu-by-outlet", steps)


def test_two_tables_of_the_same_switches_are_read_once() -> None:
    """The oldest APC tree repeats the older one; 24 outlets polled twice are 24 objects too many."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.put("1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.1", 2)
        info = await collector.open()
        states = [r for r in (await collector.collect()).readings if r.series.point.startswith("rpdu/outlet")]
        assert [("rpdu/outlet/1", "off")] == [(r.series.point, r.text) for r in states]
        assert "apc-rpdu: 1.3.6.1.4.1.318.1.1.4.4.2.1 is not read" in " ".join(info.left_out)

    with_device("pdu-by-outlet", steps)


@pytest.mark.parametrize(
    ("sys_object_id", "count"), [("1.3.6.1.4.1.705.1.2", 2303), ("1.3.6.1.4.1.705.1", 230), ("0.0", 230)]
)
def test_a_device_that_counts_otherwise_is_a_row_of_its_profile(sys_object_id: str, count: int) -> None:
    """Galaxy 7000 says volts in tenths where RFC 1628 says volts; its siblings do not."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.put("1.3.6.1.2.1.1.2.0", sys_object_id)
        agent.put("1.3.6.1.2.1.33.1.4.4.1.2.1", count)
        await collector.open()
        assert 230.3 == pytest.approx(values(await collector.collect())["output/l1 voltage"], abs=0.5)

    with_device("ups-three-phase", steps)


def test_linked_units_get_a_name_each() -> None:
    """`total` of two linked PDUs would be a total of one of them."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        agent.put("1.3.6.1.4.1.318.1.1.26.4.3.1.5.2", 40)
        await collector.open()
        found = values(await collector.collect())
        assert (650.0, 400.0) == (found["unit/1/total power"], found["unit/2/total power"])
        assert "total power" not in found

    with_device("pdu-by-outlet", steps)


def test_a_value_against_physics_is_no_reading_and_is_said() -> None:
    """Firmware that begins to count volts in tenths must not become a mains of 2,302 V."""

    async def steps(agent: SmallAgent, collector: SnmpCollector) -> None:
        await collector.open()
        agent.put("1.3.6.1.2.1.33.1.4.4.1.2.1", 2302)
        poll = await collector.collect()
        assert "output/l1 voltage" not in values(poll)
        assert ("ups-a: output/l1 voltage is not believed: 2,302 V is outside 60 to 800",) == poll.failures
        assert "output/l1 current" in values(poll)

    with_device("ups-three-phase", steps)
