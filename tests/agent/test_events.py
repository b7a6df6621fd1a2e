"""What becomes of what devices say unasked: lines a site takes, counts, and a log that can be read."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from agent.virtual_time import NOON, VirtualClock, play
from dc_monitor.agent.events import HOLD_SECONDS, LOG_SECONDS, LONGEST_DETAILS, MOST_HELD, QUIET_SECONDS, Events
from dc_monitor.config.model import Device
from dc_monitor.contract import Notice
from dc_monitor.history.rows import from_lines, to_lines
from dc_monitor.names import EVENT_FIELDS, EVENT_MEASUREMENT, EVENT_TAGS
from dc_monitor.site.admission import Admission
from dc_monitor.wire import Line, parse_lines

UPS = Device(name="ups-a", address="snmp://10.0.0.12", room="hall 1", rack="r1")


class Lines:
    """A pipeline that keeps what it is given."""

    def __init__(self) -> None:
        self.body = b""

    def put(self, body: bytes, lines: int) -> None:
        assert lines == body.count(b"\n")
        self.body += body

    @property
    def lines(self) -> list[Line]:
        good, bad = parse_lines(self.body)
        assert [] == bad
        return good


def notice(text: str = "upsOnBattery: on", time: int = NOON, severity: str = "critical", **details: Any) -> Notice:
    return Notice("10.0.0.12", "", time, "on-battery", severity, text, details or {"1.3": 7})


class Scene:
    """Events in virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.pipeline = clock, Lines()
        self.events = Events("Caen-1", clock, self.pipeline)  # type: ignore[arg-type]
        self.running = asyncio.create_task(self.events.run())

    async def stop(self) -> list[Line]:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.events.flush()
        return self.pipeline.lines

    def metrics(self) -> dict[str, Mapping[tuple[str, ...], float]]:
        return {
            family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
            for family in self.events.collect()
        }


def test_a_notice_is_a_line_that_a_site_takes() -> None:
    """Tags and fields as the catalogue of names says, all values as JSON, and back out of it."""

    async def scene(clock: VirtualClock) -> list[Line]:
        one = Scene(clock)
        details = {"1.3.6": 'a "b" \\ c', "1.3.7": -1, "1.3.8": None}
        one.events.take(notice('"quoted", back\\slash', **details), UPS)
        return await one.stop()

    (line,) = play(scene)
    assert (EVENT_MEASUREMENT, NOON) == (line.measurement, line.time)
    assert dict(
        zip(EVENT_TAGS, ("Caen-1", "hall 1", "r1", "ups-a", "trap", "critical", "on-battery"), strict=True)
    ) == dict(line.tags)
    assert set(EVENT_FIELDS) == line.fields.keys()
    assert ('"quoted", back\\slash', 1.0) == (line.fields["text"], line.fields["count"])
    assert {"1.3.6": 'a "b" \\ c', "1.3.7": -1, "1.3.8": None} == json.loads(str(line.fields["varbinds"]))


def test_a_site_archives_the_longest_event() -> None:
    """What does not fit is left out, and how much that was is said."""

    async def scene(clock: VirtualClock) -> bytes:
        one = Scene(clock)
        one.events.take(notice("x" * 300, **{f"1.3.6.{n}": "x" * 200 for n in range(50)}), UPS)
        await one.stop()
        return one.pipeline.body

    admitted = Admission("Caen-1").admit(play(scene), "ns", NOON)
    assert [] == admitted.refused
    assert [line.fields for line in admitted.lines] == [
        line.fields for line in to_lines(from_lines(admitted.lines), "Caen-1")
    ]
    (line,) = admitted.lines
    details = json.loads(str(line.fields["varbinds"]))
    assert 50 == len(details) - 1 + details["left_out"]
    assert LONGEST_DETAILS / 2 < len(str(line.fields["varbinds"])) <= LONGEST_DETAILS


def test_what_is_said_again_word_for_word_is_counted() -> None:
    """The first at once, the others as a number ten seconds later, with the time of the last."""

    async def scene(clock: VirtualClock) -> list[Line]:
        one = Scene(clock)
        for _ in range(8):
            one.events.take(notice(time=clock.now()), UPS)
            assert 1 == len(one.pipeline.lines)
            await clock.sleep(1.0)
        await clock.sleep(HOLD_SECONDS)
        one.events.take(notice(time=clock.now()), UPS)
        return await one.stop()

    lines = play(scene)
    assert [1.0, 7.0, 1.0] == [line.fields["count"] for line in lines]
    assert [0, 7, 18] == [round((line.time - NOON) / 1e9) for line in lines]


def test_what_differs_in_anything_is_its_own_line() -> None:
    """Another outlet, another severity, another device."""

    async def scene(clock: VirtualClock) -> list[Line]:
        one = Scene(clock)
        one.events.take(notice(outlet=1), UPS)
        one.events.take(notice(outlet=2), UPS)
        one.events.take(notice(outlet=2, severity="cleared"), UPS)
        one.events.take(notice(outlet=2), None)
        return await one.stop()

    lines = play(scene)
    assert [1.0] * 4 == [line.fields["count"] for line in lines]
    assert ["ups-a", "ups-a", "ups-a", "10.0.0.12"] == [line.tags["device"] for line in lines]


def test_two_notices_of_one_instant_are_two_points() -> None:
    """A point is its series and its time; a clock that is set back does not hold the others up."""

    async def scene(clock: VirtualClock) -> list[Line]:
        one = Scene(clock)
        for number, time in enumerate((NOON, NOON, NOON, NOON - 3_600 * 10**9)):
            one.events.take(notice(outlet=number, time=time), UPS)
        return await one.stop()

    assert [NOON, NOON + 1, NOON + 2, NOON - 3_600 * 10**9] == [line.time for line in play(scene)]


def test_a_storm_of_different_notices_is_bounded_in_memory() -> None:
    """Beyond so many at a time each is a line at once, and nothing is lost."""

    async def scene(clock: VirtualClock) -> tuple[int, list[Line]]:
        one = Scene(clock)
        for number in range(3 * MOST_HELD):
            one.events.take(notice(outlet=number), UPS)
        held = len(one.events._held)
        return held, await one.stop()

    held, lines = play(scene)
    assert (MOST_HELD, 3 * MOST_HELD) == (held, len(lines))


def test_metrics_count_by_device_and_by_cause() -> None:
    """Who is none of our devices is counted without a name: labels are bounded."""

    async def scene(clock: VirtualClock) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        one = Scene(clock)
        assert {} == one.metrics()
        for _ in range(3):
            one.events.take(notice(), UPS)
        one.events.take(notice()._replace(source="10.0.0.99"), None)
        one.events.drop("rate", "10.0.0.12", 41, {})
        one.events.drop("rate", "10.0.0.12", 1, {})
        await one.stop()
        return one.metrics()

    assert {
        "dcmon_events": {
            ("Caen-1", "hall 1", "r1", "ups-a", "critical", "on-battery"): 3,
            ("Caen-1", "", "", "", "critical", "on-battery"): 1,
        },
        "dcmon_trap_dropped": {("rate",): 42},
    } == play(scene)


def test_the_log_tells_an_event_of_a_device_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However often it comes; its end is another line."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock)
        for second in range(int(LOG_SECONDS) + 2):
            one.events.take(notice(outlet=second), UPS)
            await clock.sleep(1.0)
        one.events.take(notice(severity="cleared"), UPS)
        await one.stop()

    play(scene)
    told = "ups-a: on-battery, critical (upsOnBattery: on)"
    assert [told, told, "ups-a: on-battery, cleared (upsOnBattery: on)"] == caplog.messages
    assert ["WARNING", "WARNING", "INFO"] == [record.levelname for record in caplog.records]


def test_the_log_tells_the_beginning_and_the_end_of_drops(caplog: pytest.LogCaptureFixture) -> None:
    """One line each for a cause, however many there are between the two."""
    caplog.set_level(logging.INFO)

    async def scene(clock: VirtualClock) -> None:
        one = Scene(clock)
        for _ in range(60):
            one.events.drop("rate", "10.0.0.12", 10_000, {"rate": "they come too fast"})
            await clock.sleep(1.0)
        one.events.drop("overrun", "", 5, {"overrun": "it is a storm"})
        await clock.sleep(QUIET_SECONDS + 2.0)
        await one.stop()

    play(scene)
    assert [
        "traps from 10.0.0.12 are dropped: they come too fast",
        "traps are dropped: it is a storm",
        "no more traps dropped for the cause rate: 600,000 traps in 59 s",
        "no more traps dropped for the cause overrun: 5 traps in 0 s",
    ] == caplog.messages


def test_without_a_spool_events_are_counted_all_the_same() -> None:
    """Where nothing is sent, `/metrics` and the log tell."""

    async def scene(clock: VirtualClock) -> int:
        events = Events("Caen-1", clock, None)
        events.take(notice(), UPS)
        events.flush()
        return len(list(events.collect()))

    assert 1 == play(scene)
