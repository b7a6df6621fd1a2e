"""Devices and agents: how they are, and since when."""

import pytest

from dc_monitor.site.roster import Roster
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
