"""How much is asked at once: what an agent cannot bear is learnt, and learnt only downwards."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from collectors.snmp.ask import MOST_VARBINDS, SYS_UPTIME, Asker, Told
from collectors.snmp.session import Answer, Silence
from dc_monitor.errors import Malformed, Refused, Unreachable

VALUES: dict[str, int] = {f"1.3.6.1.4.1.99.1.{n}.0": n for n in range(100)}
OIDS = list(VALUES)


class ScriptedSession:
    """Answers from a table unless `fault` says otherwise for a request; notes how many OIDs each request held."""

    def __init__(self, fault: Callable[[Sequence[str]], Sequence[str]] = lambda oids: oids) -> None:
        self.fault = fault
        self.values: dict[str, int] = {SYS_UPTIME: 1, **VALUES}
        self.sizes: list[int] = []
        self.deadline, self.hint = 2.0, ""

    async def open(self) -> None: ...

    async def get(self, oids: Sequence[str]) -> Answer:
        self.sizes.append(len(oids))
        answered = self.fault(oids)
        return Answer({oid: self.values[oid] for oid in answered if oid in self.values}, 1000 + len(self.sizes))

    async def walk(self, column: str, repetitions: int = 10) -> Answer:
        return Answer({}, 0)

    async def close(self) -> None: ...


def met(session: ScriptedSession) -> Asker:
    asker = Asker(session)
    asker.witness = SYS_UPTIME
    return asker


def most(limit: int) -> Callable[[Sequence[str]], Sequence[str]]:
    """An agent that answers tooBig, here an empty answer, above `limit` varbinds."""
    return lambda oids: oids if len(oids) <= limit else []


def lost(limit: int) -> Callable[[Sequence[str]], Sequence[str]]:
    """An agent that is silent above `limit` varbinds."""

    def fault(oids: Sequence[str]) -> Sequence[str]:
        if len(oids) > limit:
            raise Silence("no answer in 2 s")
        return oids

    return fault


def test_every_value_carries_the_time_of_its_own_answer() -> None:
    """A hundred values are three answers, not one moment."""
    answered = asyncio.run(met(ScriptedSession()).ask(OIDS))

    assert {1001, 1002, 1003} == {told.time for told in answered.told.values()}
    assert {**VALUES, SYS_UPTIME: 1} == {oid: told.value for oid, told in answered.told.items()}


def test_requests_stay_short_and_carry_the_witness_last() -> None:
    """The witness of a request that was cut off is missing; at the front it would have been answered."""
    seen: list[Sequence[str]] = []
    session = ScriptedSession(lambda oids: seen.append(oids) or oids)
    long = [f"1.3.6.1.4.1.99.{'.'.join(['4294967295'] * 30)}.{n}" for n in range(40)]
    asyncio.run(met(session).ask(long))

    assert {SYS_UPTIME} == {oids[-1] for oids in seen}
    assert max(len(oids) for oids in seen) * (5 * 30 + 20) < 1_500


def test_an_object_the_agent_has_not_is_nowhere() -> None:
    """No answer for it is an answer: it is neither refused nor lost."""
    answered = asyncio.run(met(ScriptedSession()).ask([OIDS[0], "1.3.6.1.4.1.99.7.0"]))

    assert {OIDS[0], SYS_UPTIME} == set(answered.told)
    assert ([], [], "") == answered[1:]


@pytest.mark.parametrize("limit", [2, 5, 13, 40])
def test_too_much_is_halved_until_it_fits_and_remembered(limit: int) -> None:
    """Everything is read the first time; the second time nothing is refused."""
    session = ScriptedSession(most(limit))
    asker = met(session)
    first = asyncio.run(asker.ask(OIDS))
    session.sizes.clear()
    second = asyncio.run(asker.ask(OIDS))

    assert VALUES.keys() <= first.told.keys()
    assert VALUES.keys() <= second.told.keys()
    assert max(session.sizes) <= limit
    assert limit / 2 <= max(session.sizes)


def test_half_an_answer_is_completed_and_remembered() -> None:
    """Some agents answer the first ten varbinds and say nothing of the rest."""
    session = ScriptedSession(lambda oids: oids[:10])
    asker = met(session)
    assert VALUES.keys() <= asyncio.run(asker.ask(OIDS)).told.keys()

    session.sizes.clear()
    assert VALUES.keys() <= asyncio.run(asker.ask(OIDS)).told.keys()
    assert 10 == max(session.sizes)


def test_one_refused_object_is_found_and_costs_the_others_nothing() -> None:
    """GenErr for one object fails the whole request; that says nothing about its length."""
    poison = OIDS[17]
    session = ScriptedSession(lambda oids: [] if poison in oids else oids)
    asker = met(session)
    answered = asyncio.run(asker.ask(OIDS[:30]))

    assert [poison] == answered.refused
    assert {*OIDS[:30]} - {poison} <= answered.told.keys()
    assert MOST_VARBINDS == asker.most


def test_where_most_objects_are_missing_they_are_asked_for_one_by_one() -> None:
    """To SNMPv1 one missing object is the failure of the whole request; halving a request of nothing asks twice."""
    there = {SYS_UPTIME, *OIDS[::25]}
    session = ScriptedSession(lambda oids: oids if there.issuperset(oids) else [])
    answered = asyncio.run(met(session).ask(OIDS))

    assert there == answered.told.keys()
    assert {*OIDS} - there == {*answered.refused}
    assert len(session.sizes) <= 1.1 * len(OIDS)


def test_nothing_of_what_was_asked_being_there_is_no_refusal() -> None:
    """SNMPv1 again: the witness has nothing to say beside a missing object, and alone it answers."""
    session = ScriptedSession(lambda oids: oids if list(oids) == [SYS_UPTIME] else [])
    answered = asyncio.run(met(session).ask([OIDS[0]]))

    assert ({SYS_UPTIME}, [OIDS[0]]) == (answered.told.keys(), answered.refused)


def test_a_lost_request_is_asked_again_once_in_shorter_ones() -> None:
    """One datagram lost is no outage."""
    losses = iter([True])

    def fault(oids: Sequence[str]) -> Sequence[str]:
        if next(losses, False):
            raise Silence("no answer in 2 s")
        return oids

    asker = met(ScriptedSession(fault))
    answered = asyncio.run(asker.ask(OIDS))

    assert VALUES.keys() <= answered.told.keys()
    assert [] == answered.unanswered
    assert MOST_VARBINDS == asker.most


def test_long_requests_lost_in_two_rounds_running_make_requests_shorter() -> None:
    """A path or an agent that swallows long datagrams; once is bad luck, twice is a habit."""
    session = ScriptedSession(lost(16))
    asker = met(session)
    for _ in range(2):
        assert VALUES.keys() <= asyncio.run(asker.ask(OIDS)).told.keys()
    session.sizes.clear()
    assert VALUES.keys() <= asyncio.run(asker.ask(OIDS)).told.keys()

    assert max(session.sizes) <= 16


@pytest.mark.parametrize("error", [Silence("no answer in 2 s"), Malformed("an answer that is no SNMP")])
def test_nothing_answered_is_the_error_after_two_tries_and_no_more(error: Unreachable | Malformed) -> None:
    """A dead device costs two deadlines, however many values it had."""

    def fault(oids: Sequence[str]) -> Sequence[str]:
        raise error

    session = ScriptedSession(fault)
    with pytest.raises(type(error), match=f"{error}, 2 tries"):
        asyncio.run(met(session).ask(OIDS))

    assert 2 == len(session.sizes)


def test_a_device_that_dies_half_way_leaves_what_it_said_and_how_much_is_missing() -> None:
    """Half a table is counted as half a table."""
    answers = iter([True])

    def fault(oids: Sequence[str]) -> Sequence[str]:
        if not next(answers, False):
            raise Silence("no answer in 2 s")
        return oids

    answered = asyncio.run(met(ScriptedSession(fault)).ask(OIDS))

    assert MOST_VARBINDS == len(answered.told) - 1
    assert OIDS[MOST_VARBINDS:] == answered.unanswered
    assert "no answer in 2 s, 2 tries" == answered.trouble


def test_all_or_nothing_when_half_is_of_no_use() -> None:
    """What a device is must not depend on a lost packet."""
    answers = iter([True])

    def fault(oids: Sequence[str]) -> Sequence[str]:
        if not next(answers, False):
            raise Silence("no answer in 2 s")
        return oids

    with pytest.raises(Unreachable, match="2 tries"):
        asyncio.run(met(ScriptedSession(fault)).ask_all(OIDS))


def test_an_agent_that_answers_only_errors_is_refused() -> None:
    """It is there, so it is not unreachable; a person must look."""
    with pytest.raises(Refused, match="every question with an error"):
        asyncio.run(met(ScriptedSession(lambda oids: [])).ask(OIDS[:3]))
    with pytest.raises(Refused, match="every question with an error"):
        asyncio.run(Asker(ScriptedSession(lambda oids: [])).meet([OIDS[0]]))


@pytest.mark.parametrize(
    ("fault", "witness"),
    [
        (lambda oids: oids, SYS_UPTIME),
        (lambda oids: [oid for oid in oids if oid != SYS_UPTIME], "1.3.6.1.2.1.1.2.0"),
        (lambda oids: oids if len(oids) == 1 else [], SYS_UPTIME),
        (lambda oids: [oid for oid in oids if oid in VALUES], OIDS[3]),
    ],
    ids=["sysUpTime", "no sysUpTime", "one object at a time", "no system group"],
)
def test_the_witness_is_what_answers(fault: Callable[[Sequence[str]], Sequence[str]], witness: str) -> None:
    """SysUpTime best, for it tells a restart too; a rack PDU on record has none."""
    session = ScriptedSession(fault)
    session.values["1.3.6.1.2.1.1.2.0"] = 0
    asker = Asker(session)
    told = asyncio.run(asker.meet([OIDS[3]]))

    assert witness == asker.witness
    assert isinstance(told[witness], Told)


def test_an_agent_that_answers_one_object_at_a_time_is_asked_for_all_it_says_of_itself() -> None:
    """By its sysObjectID a device may count in tenths: half a first answer would make its volts ten times too many."""
    session = ScriptedSession(lambda oids: oids[:1])
    session.values |= {"1.3.6.1.2.1.1.2.0": 7, "1.3.6.1.2.1.1.1.0": 8}

    assert {SYS_UPTIME, "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.1.0"} == asyncio.run(Asker(session).meet([])).keys()
