"""The archive: nothing written is lost, nothing is found twice, nothing leaves its folder."""

import datetime as dt
import logging
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dc_monitor.errors import DcMonitorError
from dc_monitor.history import archive as module
from dc_monitor.history import files, rows
from dc_monitor.history.archive import DAY, Archive, site_folder
from dc_monitor.wire import Line, parse_lines

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
MINUTE = 60 * 10**9
WATTS = ("pdu-a", "total", "power")


def lines(*texts: str) -> list[Line]:
    good, bad = parse_lines("\n".join(texts).encode())
    assert [] == bad
    return good


def watts(value: float, time: int, site: str = "Caen-1", device: str = "pdu-a") -> str:
    return f"power,site={site},device={device},point=total,method=measured watts={value} {time}"


def readings(archive: Archive, site: str = "Caen-1", key: tuple[str, str, str] = WATTS) -> list[tuple[int, float]]:
    """Every reading of a series as (minutes after noon, value)."""
    found = archive.read(site, NOON - 3 * DAY, NOON + 3 * DAY).get(key)
    return (
        []
        if found is None
        else [
            ((time - NOON) // MINUTE, value)
            for time, value in zip(found.time.tolist(), found.value.tolist(), strict=True)
        ]
    )


def day_folder(path: Path) -> Path:
    return path / "site=Caen-1" / "day=2026-11-25"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_reading_comes_back_with_its_time_bounds_and_method(archive):
    """To the nanosecond and to the last bit of the float."""
    archive.write(
        lines(
            f"power,site=Caen-1,device=ups-a,point=output,method=estimated,level=total "
            f"watts=0.1,watts_low=0.05,watts_high=0.30000000000000004 {NOON + 1}"
        )
    )

    found = archive.read("Caen-1", NOON, NOON + 2)[("ups-a", "output", "power")]

    assert (NOON + 1, 0.1, 0.05, 0.30000000000000004, 2) == tuple(column[0].item() for column in found)


def test_a_reading_without_bounds_has_none(archive):
    """A bound that nobody told is NaN, not the value and not 0."""
    archive.write(lines(watts(5.0, NOON)))

    found = archive.read("Caen-1", NOON, NOON + 1)[WATTS]

    assert (True, True) == (math.isnan(found.low[0]), math.isnan(found.high[0]))


def test_the_last_written_of_the_same_instant_counts_before_and_after_compaction(archive, tmp_path):
    """At least once on the way is exactly once at reading."""
    for value in (1.0, 2.0, 3.0):
        archive.write(lines(watts(9.0, NOON), watts(value, NOON)))

    before = readings(archive)
    archive.compact("Caen-1", dt.date(2026, 11, 25))

    assert ([(0, 3.0)], [(0, 3.0)], 1) == (before, readings(archive), len(files.in_order(day_folder(tmp_path))))


def test_what_was_compacted_still_loses_against_what_comes_later(archive):
    """A compacted file keeps its place in the order of writing."""
    archive.write(lines(watts(1.0, NOON)))
    archive.write(lines(watts(2.0, NOON)))
    archive.compact("Caen-1", dt.date(2026, 11, 25))
    archive.write(lines(watts(3.0, NOON)))

    assert [(0, 3.0)] == readings(archive)


def test_a_crowd_of_small_files_compacts_itself(archive, tmp_path):
    """A flush a minute makes 1,440 files a day; a reader must not open them all."""
    for minute in range(2 * module.CROWD + 3):
        archive.write(lines(watts(float(minute), NOON + minute * MINUTE)))

    assert [(minute, float(minute)) for minute in range(2 * module.CROWD + 3)] == readings(archive)
    assert len(files.in_order(day_folder(tmp_path))) <= module.CROWD


class PowerCut(BaseException):
    """Nothing of ours catches it."""


@pytest.mark.parametrize("steps", range(8))
def test_compaction_may_be_cut_at_any_moment(archive, tmp_path, monkeypatch, steps):
    """Before, between and after each change of a name: every reading is there once, and the next try finishes."""
    for minute in range(4):
        archive.write(lines(watts(0.0, NOON), watts(float(minute), NOON + minute * MINUTE)))
    written = readings(archive)
    left = iter(range(steps))

    def cut(change):
        def changed(*args, **kwargs):
            if next(left, None) is None:
                raise PowerCut
            return change(*args, **kwargs)

        return changed

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink"):
            patch.setattr(Path, name, cut(getattr(Path, name)))
        patch.setattr(os, "fsync", cut(os.fsync))
        with suppress(PowerCut):
            archive.compact("Caen-1", dt.date(2026, 11, 25))
    after_the_cut = readings(Archive(tmp_path))
    Archive(tmp_path).compact("Caen-1", dt.date(2026, 11, 25))

    assert (written, written) == (after_the_cut, readings(Archive(tmp_path)))
    assert 1 == len([*day_folder(tmp_path).iterdir()])


def test_a_big_file_is_left_alone_and_keeps_its_turn(archive, tmp_path, monkeypatch):
    """Only the small files after it merge: its own rows are older than theirs and newer than those before."""
    monkeypatch.setattr(module, "SMALL_FILE_ROWS", 3)
    archive.write(lines(watts(1.0, NOON)))
    archive.write(lines(*(watts(2.0, NOON + minute * MINUTE) for minute in range(3))))
    archive.write(lines(watts(3.0, NOON + MINUTE)))
    archive.write(lines(watts(4.0, NOON + 5 * MINUTE)))

    archive.compact("Caen-1", dt.date(2026, 11, 25))

    assert [(0, 2.0), (1, 3.0), (2, 2.0), (5, 4.0)] == readings(archive)
    assert [(1, 0), (2, 0), (4, 1)] == [files.number(file) for file in files.in_order(day_folder(tmp_path))]


def test_a_crowd_of_middling_files_is_merged_piece_by_piece(archive, tmp_path, monkeypatch):
    """What is in memory at once has a bound: after days away an agent fills whole files quickly."""
    monkeypatch.setattr(module, "SMALL_FILE_ROWS", 4)
    for value in range(5):
        archive.write(lines(*(watts(float(value), NOON + minute * MINUTE) for minute in (value, value + 1, 20))))

    archive.compact("Caen-1", dt.date(2026, 11, 25))

    assert [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 4.0), (20, 4.0)] == readings(archive)
    assert [(2, 1), (4, 1), (5, 0)] == [files.number(file) for file in files.in_order(day_folder(tmp_path))]


HOSTILE = {
    "zero-filled": lambda good: bytes(len(good)),
    "truncated": lambda good: good[: len(good) // 2],
    "empty": lambda good: b"",
    "garbage": lambda good: bytes(range(256)) * 4,
    "one byte flipped in a page": lambda good: good[:60] + bytes([good[60] ^ 0x40]) + good[61:],
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_corrupt_file_is_set_aside_with_a_sentence_and_the_rest_is_read(archive, tmp_path, caplog, spoil):
    """One bad sector costs one file, and somebody is told which."""
    archive.write(lines(watts(1.0, NOON)))
    archive.write(lines(watts(2.0, NOON + MINUTE)))
    first = day_folder(tmp_path) / "00000001-0.parquet"
    first.write_bytes(spoil(first.read_bytes()))

    with caplog.at_level(logging.ERROR):
        found = readings(archive)

    assert [(1, 2.0)] == found
    assert ["00000001-0.parquet.corrupt", "00000002-0.parquet"] == sorted(
        f.name for f in day_folder(tmp_path).iterdir()
    )
    assert ["00000001-0.parquet.corrupt"] == [record.args[2] for record in caplog.records]


def test_compaction_sets_a_corrupt_file_aside_too(archive, tmp_path):
    """It must not stop the compaction of its day for ever, and it must not be deleted."""
    for minute in range(3):
        archive.write(lines(watts(float(minute), NOON + minute * MINUTE)))
    (day_folder(tmp_path) / "00000003-0.parquet").write_bytes(b"PAR1 not really PAR1")

    archive.compact("Caen-1", dt.date(2026, 11, 25))

    assert [(0, 0.0), (1, 1.0)] == readings(archive)
    assert ["00000003-0.parquet.corrupt", "00000003-1.parquet"] == sorted(
        file.name for file in day_folder(tmp_path).iterdir()
    )


def test_a_file_that_only_we_may_not_read_is_not_called_corrupt(archive, tmp_path, monkeypatch):
    """Rights and disks come back; a healthy file must not be renamed for them."""
    archive.write(lines(watts(1.0, NOON)))

    def no(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", no)
        with pytest.raises(DcMonitorError, match="Permission denied"):
            readings(archive)

    assert [(0, 1.0)] == readings(archive)


def test_a_file_compacted_away_while_it_is_read_is_found_again(archive, tmp_path, monkeypatch):
    """A report may run while the site compacts."""
    archive.write(lines(watts(1.0, NOON)))
    archive.write(lines(watts(2.0, NOON + MINUTE)))
    listed = files.in_order
    meanwhile: Iterator[None] = iter([None])

    def compacted_after_listing(folder: Path) -> list[Path]:
        found = listed(folder)
        if next(meanwhile, "done") is None:
            Archive(tmp_path).compact("Caen-1", dt.date(2026, 11, 25))
        return found

    monkeypatch.setattr(files, "in_order", compacted_after_listing)

    assert [(0, 1.0), (1, 2.0)] == readings(archive)


def test_a_newer_archive_is_refused_and_not_touched(tmp_path):
    """Downgrading must not mix two layouts."""
    (tmp_path / "FORMAT").write_text("2\n")

    with pytest.raises(DcMonitorError, match=r"FORMAT says '2', this dc-monitor knows 1"):
        Archive(tmp_path)


def test_reading_an_archive_that_does_not_exist_creates_nothing(tmp_path):
    """A wrong path in a report must not leave a folder behind."""
    archive = Archive(tmp_path / "nowhere")

    assert ({}, [], False) == (archive.read("Caen-1", 0, NOON), archive.sites(), (tmp_path / "nowhere").exists())


@pytest.mark.parametrize(
    "site", ["..", "../../etc", "/etc/passwd", "a/../../b", "%2e%2e%2f", "C:\\x", "a\x1b[31mb", "Caen 1", "école"]
)
def test_a_site_name_never_leaves_the_archive(tmp_path, site):
    """Names come from the outside: each stays one folder, and reads back as it was."""
    archive = Archive(tmp_path / "archive")
    line = Line("power", "power", {"site": site, "device": "d", "point": "p"}, {"watts": 1.0}, NOON)
    with suppress(ValueError):
        archive.write([line])

        assert [site] == archive.sites()
        assert [(0, 1.0)] == readings(archive, site, ("d", "p", "power"))
    assert {"archive"} >= {path.name for path in tmp_path.iterdir()}
    assert {2} >= {len(file.relative_to(tmp_path / "archive").parts) - 1 for file in tmp_path.rglob("*.parquet")}


@pytest.mark.parametrize("site", ["", "  ", "a\nb", "a\0b", "x" * 251, "あ" * 84, "/" * 84, "a\u202eb"])
def test_a_site_name_that_is_no_name_is_refused(site):
    """Empty, invisible or longer than a file system's names."""
    with pytest.raises(ValueError, match="site name"):
        site_folder(site)


def test_different_sites_never_share_a_folder():
    """Quoting is one to one."""
    names = ["a b", "a%20b", "a+b", "a/b", "a%2Fb", "A b"]

    assert len(names) == len({site_folder(name) for name in names})


def test_lines_without_a_site_belong_to_the_default_one(tmp_path):
    """Telegraf does not know our tag."""
    archive = Archive(tmp_path, default_site="Caen-1")
    archive.write(lines(f"power,device=pdu-a,point=total watts=4 {NOON}"))

    assert [(0, 4.0)] == readings(archive)


def test_days_are_cut_at_midnight_utc_and_read_across(archive, tmp_path):
    """One nanosecond before midnight is the day before."""
    midnight = NOON + DAY // 2
    archive.write(lines(watts(1.0, midnight - 1), watts(2.0, midnight)))

    assert ["day=2026-11-25", "day=2026-11-26"] == sorted(f.name for f in (tmp_path / "site=Caen-1").iterdir())
    assert [[1.0, 2.0], [1.0], [2.0]] == [
        archive.read("Caen-1", start, end)[WATTS].value.tolist()
        for start, end in ((NOON, NOON + DAY), (NOON, midnight), (midnight, midnight + 1))
    ]


def test_only_wanted_series_are_read(archive):
    """A mixture of wanted devices and points must not bring in their other combinations."""
    archive.write(
        lines(*(f"power,site=Caen-1,device={d},point={p} watts=1 {NOON}" for d in ("a", "b") for p in ("x", "y")))
    )
    wanted = [("a", "x", "power"), ("b", "y", "power"), ("b", "y", "energy")]

    assert (wanted[:2], []) == (
        sorted(archive.read("Caen-1", NOON, NOON + 1, wanted)),
        sorted(archive.read("Caen-1", NOON, NOON + 1, [])),
    )


def test_a_device_that_moved_to_another_rack_is_still_one_series(archive):
    """Room, rack, level and method tell about a reading; device, point and quantity are its identity."""
    archive.write(lines(f"power,site=Caen-1,device=pdu-a,point=total,rack=r1 watts=1 {NOON}"))
    archive.write(lines(f"power,site=Caen-1,device=pdu-a,point=total,rack=r2 watts=2 {NOON + MINUTE}"))

    assert [(0, 1.0), (1, 2.0)] == readings(archive)


def test_lines_that_are_no_readings_come_back_whole(archive):
    """Devices, agents and figures keep their tags, numbers and texts, those of other tools too."""
    written = lines(
        f'device,site=Caen-1,device=ups-a,reason=partial up=1,failures=2,kind="ups",message="a \\"b\\", c=d" {NOON}',
        f"device,site=Caen-1,device=ups-a up=1,failures=0 {NOON + MINUTE}",
        f"cpu,host=h1,cpu=cpu0,site=Caen-1 usage_idle=98.5,usage_high=3 {NOON}",
        f'state,site=Caen-1,device=ups-a,point=output code=3,text="onBattery" {NOON}',
    )
    archive.write(written)
    found = [line for name in ("device", "cpu", "state") for line in archive.rows("Caen-1", name, NOON, NOON + DAY)]

    assert [(one.measurement, one.tags, one.fields, one.time) for one in written] == [
        (one.measurement, one.tags, one.fields, one.time) for one in found
    ]


def test_of_many_lines_the_last_of_each_device_and_all_trouble_come_back(archive):
    """What a site reads at its start does not grow with how often devices were polled."""
    polls = [
        f"device,site=Caen-1,device={name} up=1,retries={int(n == 3)} {NOON + n}" for n in range(20) for name in "ab"
    ]
    silent = [f"device,site=Caen-1,device=a,reason=unreachable up=0,retries=0 {NOON + n}" for n in (7, 8)]
    for at in range(0, 40, 10):  # several files
        archive.write(lines(*polls[at : at + 10]))
    archive.write(lines(*silent))

    trouble = rows.tagged("reason", ("refused", "unreachable")) | rows.above_zero("retries")
    found = archive.newest("Caen-1", "device", NOON, NOON + DAY, 2, trouble)

    assert [(line.time - NOON, line.tags["device"], line.fields) for line in found] == [
        (3, "a", {"retries": 1.0}),
        (3, "b", {"retries": 1.0}),
        (7, "a", {"up": 0.0, "retries": 0.0}),
        (8, "a", {"up": 0.0, "retries": 0.0}),
        (18, "a", {"up": 1.0, "retries": 0.0}),
        (18, "b", {"up": 1.0, "retries": 0.0}),
        (19, "a", {"up": 1.0, "retries": 0.0}),
        (19, "b", {"up": 1.0, "retries": 0.0}),
    ]
    assert [19, 19] == [line.time - NOON for line in archive.newest("Caen-1", "device", NOON + 9, NOON + DAY, 1)]


def test_a_full_disk_is_a_sentence_and_writing_again_is_enough(archive, monkeypatch):
    """Nothing is acknowledged on the strength of a write that failed."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(DcMonitorError, match=r"cannot write to the archive .*No space left on device"):
            archive.write(lines(watts(1.0, NOON)))
    assert [] == readings(archive)
    archive.write(lines(watts(1.0, NOON)))

    assert [(0, 1.0)] == readings(archive)
