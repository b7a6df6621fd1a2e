"""Devices and agents: how they are, and since when."""

import pytest

from dc_monitor.site.roster import Roster, Seen
from dc_monitor.wire import parse_lines

NOON = 1_795_608_000 * 10**9
MINUTE = 60 * 10**9


def roster(*polls: tuple[int, str]) -> Roster:
    """A roster that saw polls of one device at (minute, reason or "")."""
    made = Roster()
    for minute, reason in polls:
        tag, up = (f",reason={reason}", 0) if reason else ("", 1)
        made.add(parse_lines(f"device,site=Caen-1,device=ups-a{tag} up={up} {NOON + minute * MINUTE}".encode())[0])
    return made


EVERY_MINUTE = [(minute, "") for minute in range(-9, 1)]


@pytest.mark.parametrize(
    ("polls", "age", "state"),
    [
        (EVERY_MINUTE, 0, "ok"),
        (EVERY_MINUTE, 3, "ok"),
        (EVERY_MINUTE, 4, "late"),
        (EVERY_MINUTE, 15, "late"),
        (EVERY_MINUTE, 16, "silent"),
        ([*EVERY_MINUTE, (1, "unreachable")], 1, "unreachable"),
        ([*EVERY_MINUTE, (1, "partial")], 1, "partial"),
        ([*EVERY_MINUTE, (1, "unreachable")], 8, "late"),
        ([(-30, ""), (-20, ""), (-10, ""), (0, "")], 29, "ok"),
        ([(-30, ""), (-20, ""), (-10, ""), (0, "")], 31, "late"),
        ([(0, "")], 14, "ok"),
        ([(0, "")], 51, "silent"),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
def test_a_device_is_as_its_last_poll_went_until_its_polls_stop(polls, age, state):
    """Late after three intervals of its own, silent after ten and at least a quarter of an hour."""
    assert state == roster(*polls).devices("Caen-1")["ups-a"].state(NOON + age * MINUTE)


def test_since_is_when_the_state_began_not_when_it_was_last_seen():
    """The page says how long a device has been away."""
    seen = roster((0, ""), (1, "unreachable"), (2, "unreachable"), (3, "unreachable")).devices("Caen-1")["ups-a"]

    assert (NOON + MINUTE, NOON + 3 * MINUTE) == (seen.since, seen.line.time)


def test_an_older_line_changes_nothing():
    """A spool that empties after an outage tells of the past."""
    seen = roster((5, ""), (2, "unreachable"), (5, "refused")).devices("Caen-1")["ups-a"]

    assert ("ok", NOON + 5 * MINUTE) == (seen.word, seen.line.time)


def test_failures_and_retries_of_24_hours_are_counted_by_reason_whatever_comes_late_or_again():
    """After an outage the newest lines come first, and a batch whose answer was lost comes again."""
    made = Roster()

    def tell(*lines: str) -> None:
        made.add(parse_lines("\n".join(lines).encode())[0])

    def poll(minute: int, reason: str = "", retries: int = 0) -> str:
        tag = f",reason={reason}" if reason else ""
        return f"device,site=Caen-1,device=ups-a{tag} up=1,retries={retries} {NOON + minute * MINUTE}"

    tell(poll(0))
    tell(poll(-9, "unreachable"), poll(-8, "unreachable", 2), poll(-7, "partial", 3), poll(-6))
    for _ in range(2):
        tell(poll(-9, "unreachable"), poll(-8, "unreachable", 2))
    tell(poll(-25 * 60, "unreachable"), poll(1, "made-up"))
    day = made.devices("Caen-1")["ups-a"].day

    assert {"unreachable": 2, "partial": 1, "retried": 2} == day.counts(NOON)
    assert {} == day.counts(NOON + 24 * 60 * MINUTE)


def agent(*lines: tuple[float, float, float]) -> Seen:
    """An agent that told (minute, cpu_seconds, missed_total)."""
    made = Roster()
    for minute, seconds, missed in lines:
        time = NOON + round(minute * MINUTE)
        body = f"agent,site=Caen-1,agent=pi cpu_seconds={seconds},missed_total={missed} {time}"
        made.add(parse_lines(body.encode())[0])
    return made.agents("Caen-1")["pi"]


def test_losses_of_24_hours_are_what_counters_grew_by():
    """What an agent had lost before it was first heard is old news; a restart begins at 0, not below."""
    told = agent((-1500, 1, 3), (-1480, 1, 20), (-20, 2, 20), (-10, 3, 27), (-5, 0.1, 2), (-5, 0.1, 2), (-30, 2, 20))

    assert {"missed": 9} == told.day.counts(NOON)
    assert {} == agent((0, 1, 12)).day.counts(NOON)


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        ([(0, 10, 0)], None),
        ([(0, 10, 0), (1, 13, 0)], 0.05),
        ([(0, 10, 0), (1, 10, 0)], 0.0),
        ([(0, 10, 0), (1, 13, 0), (2, 0.4, 0)], None),
        ([(0, 10, 0), (1, 13, 0), (2, 0.4, 0), (3, 1.0, 0)], 0.01),
        ([(0, 10, 0), (1, 13, 0), (1, 99, 0), (0.5, 11, 0)], 0.05),
    ],
    ids=["first line", "a minute", "idle", "restarted", "after a restart", "again and older"],
)
def test_a_rate_is_that_of_the_last_two_lines(lines, rate):
    """The share of a processor an agent takes now, not on average since spring."""
    assert rate == agent(*lines).rate("cpu_seconds")


def test_what_was_asked_for_does_not_change_while_lines_come_in():
    """The page is made on another thread than the one that takes lines."""
    made = roster(*EVERY_MINUTE)
    before = made.devices("Caen-1")["ups-a"]
    made.add(parse_lines(f"device,site=Caen-1,device=ups-a,reason=refused up=0 {NOON + MINUTE}".encode())[0])

    assert ("ok", NOON, NOON, {}) == (before.word, before.line.time, before.times[-1], before.day.counts(NOON))
    assert {"refused": 1} == made.devices("Caen-1")["ups-a"].day.counts(NOON)


def test_trouble_that_lasts_for_days_counts_those_24_hours():
    """An hour that is over makes room, and no other with it."""
    made = Roster()
    for hour in range(-40, 1):
        line = f"device,site=Caen-1,device=ups-a,reason=partial up=1 {NOON + hour * 60 * MINUTE}"
        made.add(parse_lines(line.encode())[0])

    assert {"partial": 24} == made.devices("Caen-1")["ups-a"].day.counts(NOON)
