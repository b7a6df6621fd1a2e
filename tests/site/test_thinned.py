"""What a full spool made of readings, at the site: means are readings, and give the figures the readings would give."""

import math
from pathlib import Path

import numpy as np
import pytest

from dc_monitor.history.archive import Archive
from dc_monitor.history.columns import Key
from dc_monitor.kernels.spans import spans
from dc_monitor.kpi.rules import RULES
from dc_monitor.kpi.series import curve_of
from dc_monitor.readings import Reading, Series
from dc_monitor.site.admission import Admission
from dc_monitor.site.recent import Recent
from dc_monitor.thinning import thin
from dc_monitor.wire import Encoder, Line

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
SECOND = 10**9
MINUTE = 60 * SECOND
MEASURED = Series("pdu-a", "total", "power", "total")
ESTIMATED = Series("ups-a", "total", "power", "total", method="estimated")
KEYS: list[Key] = [("pdu-a", "total", "power"), ("ups-a", "total", "power")]


def two_hours() -> bytes:
    """A load that rises and falls, measured and estimated, each 10 s."""
    told = []
    for at in range(0, 7_200, 10):
        watts = round(2_000.0 + 300.0 * math.sin(at / 600) + at % 70, 1)
        told.append(Reading(MEASURED, watts, NOON + at * SECOND))
        told.append(Reading(ESTIMATED, watts, NOON + at * SECOND, low=watts - 200.0, high=watts + 100.0))
    return Encoder({"site": "Caen-1"}).encode(told)[0]


def admitted(body: bytes) -> list[Line]:
    taken = Admission("Caen-1").admit(body, "ns", NOON)
    assert [] == taken.refused
    return taken.lines


def test_means_are_readings_and_their_coverage_is_no_series(tmp_path: Path) -> None:
    """48 readings where there were 1,440, bounds included; the share that was measured is kept beside them."""
    lines = admitted(thin([two_hours()])[0])
    archive, recent = Archive(tmp_path), Recent(lambda: NOON + 120 * MINUTE)
    archive.write(lines)
    recent.add(lines)
    kept, live = (one.read("Caen-1", NOON, NOON + 120 * MINUTE) for one in (archive, recent))

    assert 48 == len(lines)
    assert KEYS == sorted(kept) == sorted(live)
    for key in KEYS:
        np.testing.assert_array_equal(NOON + np.arange(24) * 5 * MINUTE + 150 * SECOND, kept[key].time)
        for ours, theirs in zip(kept[key], live[key], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    guess = kept[KEYS[1]]
    np.testing.assert_allclose(guess.value - guess.low, 200.0)
    np.testing.assert_allclose(guess.high - guess.value, 100.0)
    assert {1.0} == {
        line.fields["watts_coverage"] for line in archive.rows("Caen-1", "power", NOON, NOON + 120 * MINUTE)
    }


@pytest.mark.parametrize("key", KEYS)
def test_the_energy_of_means_is_that_of_the_readings(tmp_path: Path, key: Key) -> None:
    """Covered without a hole, and alike within a thousandth: nothing reads a mean for less than it is."""
    raw, thinned = Archive(tmp_path / "raw"), Archive(tmp_path / "thinned")
    raw.write(admitted(two_hours()))
    thinned.write(admitted(thin([two_hours()])[0]))
    window = spans([(NOON + 5 * MINUTE, NOON + 115 * MINUTE)])
    first, second = (curve_of(one.read("Caen-1", NOON, NOON + 120 * MINUTE)[key], RULES) for one in (raw, thinned))

    assert [[NOON + 150 * SECOND, NOON + 117 * MINUTE + 30 * SECOND]] == second.spans.tolist()
    for ours, theirs in zip(first.bounds_over(window), second.bounds_over(window), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_the_past_may_come_after_the_present() -> None:
    """An agent that is behind sends what is new first: that stays the newest, and the curve is the same in the end."""
    lines = admitted(two_hours())
    in_order, behind = Recent(lambda: NOON + 120 * MINUTE), Recent(lambda: NOON + 120 * MINUTE)
    in_order.add(lines)
    newest = len(lines) - 4
    behind.add(lines[newest:])
    assert NOON + 7_190 * SECOND == _newest(behind)
    for at in range(0, newest, 100):
        behind.add(lines[at : min(at + 100, newest)])
        assert NOON + 7_190 * SECOND == _newest(behind)
    for key, samples in in_order.read("Caen-1", NOON, NOON + 120 * MINUTE).items():
        for ours, theirs in zip(samples, behind.read("Caen-1", NOON, NOON + 120 * MINUTE)[key], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def _newest(recent: Recent) -> int:
    found = recent.newest("Caen-1", KEYS[0], NOON + 120 * MINUTE)
    assert found is not None
    return found.time
