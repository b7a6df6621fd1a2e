"""Readings as JSON lines: complete, in order, and never at the agent's expense."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dc_monitor.readings import Reading, Series
from dc_monitor.sinks.jsonlines import JsonLines, line

POWER = Series("ups-a", "output/total", "power", "total", source="1.3.6.1.2.1.33.1.4.4.1.4.1")
STATE = Series("ups-a", "battery", "state", "sensor")
AT = 1_700_000_000_123_456_789


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def test_a_line_has_everything_a_reading_says() -> None:
    """Value, unit, place, origin, and the time to the nanosecond in UTC."""
    assert {
        "time": "2023-11-14T22:13:20.123456789Z",
        "site": "Caen-1",
        "device": "ups-a",
        "point": "output/total",
        "quantity": "power",
        "value": 0.0,
        "unit": "W",
        "level": "total",
        "method": "measured",
        "source": "1.3.6.1.2.1.33.1.4.4.1.4.1",
    } == json.loads(line(Reading(POWER, 0.0, AT), "Caen-1"))


def test_a_states_word_and_an_estimates_bounds_are_told() -> None:
    """Only where there are any."""
    state = json.loads(line(Reading(STATE, 2.0, AT, text="batteryNormal"), "s"))
    estimate = json.loads(line(Reading(POWER, 300.0, AT, low=250.0, high=350.0), "s"))

    assert ("batteryNormal", False) == (state["text"], "low" in state)
    assert (250.0, 350.0, False) == (estimate["low"], estimate["high"], "text" in estimate)


def test_readings_are_appended_in_order(tmp_path: Path) -> None:
    """A restart goes on in the same file."""
    target = tmp_path / "readings.jsonl"
    for start in (0, 50):
        out = JsonLines(str(target), "s")
        for number in range(start, start + 50):
            out.take([Reading(POWER, float(number), AT)])
        out.close()

    assert [float(number) for number in range(100)] == [
        json.loads(one)["value"] for one in target.read_text().splitlines()
    ]


def test_a_renamed_file_is_begun_again(tmp_path: Path) -> None:
    """What logrotate does needs no signal."""
    target, old = tmp_path / "readings.jsonl", tmp_path / "readings.jsonl.1"
    out = JsonLines(str(target), "s")
    out.take([Reading(POWER, 1.0, AT)])
    eventually(lambda: target.exists() and target.stat().st_size > 0)
    target.rename(old)
    out.take([Reading(POWER, 2.0, AT)])
    out.close()

    assert ([1.0], [2.0]) == tuple(
        [json.loads(one)["value"] for one in file.read_text().splitlines()] for file in (old, target)
    )


def test_a_target_that_cannot_be_written_is_told_once_and_healed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it begins, one when it is over."""
    caplog.set_level(logging.INFO)
    target = tmp_path / "none" / "readings.jsonl"
    out = JsonLines(str(target), "s")
    for _ in range(3):
        out.take([Reading(POWER, 1.0, AT)])
    eventually(lambda: not out.waiting())
    target.parent.mkdir()
    out.take([Reading(POWER, 2.0, AT)])
    out.close()

    assert [
        f"jsonlines: cannot write {target}: No such file or directory; readings are missing there",
        f"jsonlines: {target} is written again",
    ] == caplog.messages
    assert 2.0 == json.loads(target.read_text())["value"]


def test_a_reader_that_sleeps_blocks_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pipe nobody reads costs its own lines, not the agent."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    out = JsonLines(str(pipe), "s")
    began = time.monotonic()
    for _ in range(300):
        out.take([Reading(POWER, 1.0, AT)] * 50)
    took = time.monotonic() - began
    assert [f"jsonlines: cannot write {pipe}: its reader is too slow; readings are missing there"] == caplog.messages
    assert took < 1.0
    while out.waiting():  # the reader wakes up
        try:
            os.read(reader, 1 << 20)
        except BlockingIOError:
            time.sleep(0.001)
    os.close(reader)
    out.close()


def test_standard_output_is_a_target() -> None:
    """`jsonlines = "-"` feeds a script."""
    script = (
        "from dc_monitor.sinks.jsonlines import JsonLines\n"
        "from dc_monitor.readings import Reading, Series\n"
        "out = JsonLines('-', 's')\n"
        "out.take([Reading(Series('a', 'total', 'power', 'total'), 7.0, 0)])\n"
        "out.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)

    assert (7.0, "1970-01-01T00:00:00.000000000Z") == tuple(json.loads(done.stdout)[key] for key in ("value", "time"))
