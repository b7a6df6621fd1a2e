"""Files of our own making, as dirty as they come: what is taken, repaired and refused, and that it is said."""

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dc_monitor.errors import DcMonitorError
from dc_monitor.history import files
from dc_monitor.history.imports import csvfile, importer
from dc_monitor.history.imports.days import distances
from support.imports import SITE, Brought, bring

POWER = "P=m/total power kW"
MEANS = "P=m/total power kW interval 30 min start"


@pytest.fixture
def given_file(tmp_path: Path) -> "GivenFile":
    return GivenFile(tmp_path)


class GivenFile:
    """Imports a text as a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "archive"

    def __call__(self, content: "str | bytes", *columns: str, name: str = "x.csv", **keys: object) -> Brought:
        file = self.folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if not {"layout", "series"} & keys.keys():
            columns = columns or (POWER,)
        zone = {} if "layout" in keys else {"timezone": "UTC"}
        return bring(file, self.archive, *columns, **{**zone, **keys})


def test_every_row_is_taken_left_out_repaired_or_refused_and_said(given_file):
    """One file with a bit of everything: counts, lines, and what to do."""
    found = given_file(
        "Meter 7 of the cellar\n\ntime;P;remark\n"
        "2024-01-01 00:00;1;\n"
        "2024-01-01 00:30;2;\n"
        "2024-01-01 00:15;3;late\n"
        "2024-01-01 00:45;-;no answer\n"
        "2024-01-01 01:00;;\n"
        "\n"
        "2024-01-01 01:15;5;\n"
        "2024-01-01 01:15;5;\n"
        "2024-01-01 01:30;six;\n"
        "2024-02-30 01:30;7;\n"
        "2024-01-01 24:00;8;\n"
        "Total;26;\n",
        separator=";",
        ignore=["^Total"],
        tolerate=0.5,
    )

    assert (None, 11, 5) == (found.result.problem, found.result.rows, found.result.taken)
    assert {
        ("left out", "without a value"): (2, [7, 8]),
        ("left out", "lines to ignore, as told"): (1, [15]),
        ("repaired", "rows out of order, sorted"): (1, [6]),
        ("repaired", "told again with the same value, kept once"): (1, [11]),
        ("repaired", "24:00 read as 00:00 of the next day"): (1, [14]),
        ("refused", '"six" and its like in P are no numbers'): (1, [12]),
        ("refused", 'the time "2024-02-30 01:30" and its like do not fit ISO 8601'): (1, [13]),
    } == found.reasons
    assert [
        ("2024-01-01 00:00+0000", 1000.0, 0.0),
        ("2024-01-01 00:15+0000", 3000.0, 0.0),
        ("2024-01-01 00:30+0000", 2000.0, 0.0),
        ("2024-01-01 01:15+0000", 5000.0, 0.0),
        ("2024-01-02 00:00+0000", 8000.0, 0.0),
    ] == found.rows()


def test_importing_twice_changes_nothing(given_file):
    """Not one byte of the archive, and it is said."""
    text = "time,P\n" + "".join(f"2024-01-0{day} {hour:02}:00,{hour}\n" for day in range(1, 6) for hour in range(24))
    first = given_file(text, MEANS.replace("30 min", "1 h"))
    before = {file: file.read_bytes() for file in given_file.archive.rglob("*.parquet")}

    second = given_file(text, MEANS.replace("30 min", "1 h"))

    assert (120, 0, 0) == (first.result.fresh, second.result.fresh, second.result.changed)
    assert before == {file: file.read_bytes() for file in given_file.archive.rglob("*.parquet")}


def test_a_corrected_file_replaces_what_it_corrects_and_nothing_else(given_file):
    """The supplier sends July again: the new value counts, the rest stays."""
    given_file("time,P\n2024-07-01 00:00,1\n2024-07-01 00:30,2\n", MEANS)

    found = given_file("time,P\n2024-07-01 00:30,9\n2024-07-01 01:00,3\n", MEANS)

    assert (1, 1, 2) == (found.result.fresh, found.result.changed, found.result.stored)
    assert [1000.0, 1000.0, 1000.0, 9000.0, 9000.0, 9000.0, 3000.0] == found.series().value[
        [0, 1, 2, 3, 4, 5, 6]
    ].tolist()


def test_a_dry_run_says_the_same_and_writes_nothing(given_file):
    """No folder, no file."""
    text = "time,P\n2024-01-01 00:00,1\n"
    dry = given_file(text, dry_run=True)

    assert (1, 1, False) == (dry.result.taken, dry.result.fresh, given_file.archive.exists())
    assert dry.result == given_file(text).result


SENTENCES = {
    "empty": (b"", {}, "is empty"),
    "a workbook": (
        b"PK\x03\x04....",
        {},
        "is a workbook or a packed folder; save the sheet as CSV, or unpack it first",
    ),
    "zeros": (bytes(5000), {}, 'line 1: holds zero bytes; is it damaged, or is it encoding = "utf-16"?'),
    "noise": (
        bytes(range(250, 128, -1)) * 9,
        {},
        'line 1: not utf-8; say how it is written, such as encoding = "cp1252"',
    ),
    "a column that is not there": (b"Date,Power\n1,2\n", {}, 'line 1: no column "time"; there are "Date", "Power"'),
    "the nearest column": (b"time,Pp\n2024-01-01,2\n", {}, 'line 1: no column "P"; did you mean "Pp"?'),
    "cut otherwise": (
        b"time;P\n2024-01-01;2\n",
        {},
        'line 1: the columns are there when it is cut at ";"; say separator = ";"',
    ),
    "a name twice": (
        b"time,P,P\n1,2,3\n",
        {},
        'line 1: 2 columns are called "P"; name all columns with columns = [...]',
    ),
    "times of another form": (
        b"time,P\n31/12/2024,2\n",
        {},
        'line 2: the time "31/12/2024" and its like do not fit ISO 8601; 1 of 1 values of m/total power cannot be '
        "taken, so nothing was imported; say how times are written with time_format",
    ),
    "seconds read as milliseconds": (
        b"time,P\n1700000000,2\n",
        {"time_format": "unix-ms"},
        "line 2: the time is not between 2000 and 2100",
    ),
    "a decimal comma": (
        b"time;P\n2024-01-01;2,5\n",
        {"separator": ";"},
        'line 2: "2,5" and its like in P are no numbers; 1 of 1 values of m/total power cannot be taken, so nothing '
        'was imported; say decimal = "," if that is the decimal mark',
    ),
    "thousands": (
        b"time;P\n2024-01-01;1.008,5\n",
        {"separator": ";", "decimal": ","},
        'if "." parts thousands, say thousands = "." and decimal = ","',
    ),
    "no row at all": (b"time,P\n", {}, "holds no value of m/total power; nothing was imported"),
    "nothing but blanks": (b"time,P\n2024-01-01,-\n", {}, "holds no value of m/total power; nothing was imported"),
    "rows of another width": (b"time,P\n" + b"2024-01-01,1,5\n" * 3, {}, "line 2: has 3 columns and not 2"),
    "a quote that stays open": (
        b'time,P,note\n2024-01-01,1,x\n2024-01-02,2,"y\n2024-01-03,3,z\n',
        {},
        'line 3: a quotation mark is opened and never closed; if it is none, say quote = ""',
    ),
    "a truncated gzip": (gzip.compress(b"time,P\n2024-01-01,1\n" * 9999)[:99], {}, "cannot be read to its end"),
    "a broken Parquet": (b"PAR1" + bytes(99), {}, "cannot be read as Parquet"),
}


@pytest.mark.parametrize(("content", "keys", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_a_file_that_is_not_what_the_map_says_is_one_sentence_and_nothing_comes_in(given_file, content, keys, sentence):
    """File and line, what is wrong, what to do."""
    found = given_file(content, **keys)

    assert found.result.problem.startswith(f"{given_file.folder / 'x.csv'}: ")
    assert sentence in found.result.problem
    assert "\n" not in found.result.problem
    assert [] == [*given_file.archive.glob("*")]


def test_mostly_good_is_imported_and_mostly_bad_is_not(given_file):
    """A tenth may be refused; beyond that the map is wrong, not the file. The map may say another share."""
    rows = "".join(f"2024-01-01 00:{minute:02},{'x' if minute % 10 == 0 else 1}\n" for minute in range(60))

    taken = given_file(f"time,P\n{rows}")
    one_more = given_file(f"time,P\n{rows}2024-01-01 01:00,x\n", name="y.csv", tolerate=0.1)
    all_the_same = given_file(f"time,P\n{rows}2024-01-01 01:00,x\n", name="z.csv", tolerate=0.2)

    assert (54, None, None) == (taken.result.taken, taken.result.problem, all_the_same.result.problem)
    assert "7 of 61 values of m/total power cannot be taken" in one_more.result.problem


def test_one_bad_column_of_several_keeps_the_file_out(given_file):
    """Half a file is worse than none: somebody would not look again."""
    found = given_file("time,P,T\n2024-01-01,1,warm\n2024-01-02,1,cold\n", POWER, "T=m/room temperature °C")

    assert "2 of 2 values of m/room temperature cannot be taken" in found.result.problem
    assert [] == found.archive.sites()


WRITTEN = {
    "UTF-8 with a mark": "utf-8-sig",
    "UTF-16": "utf-16",
    "Windows": "cp1252",
}


@pytest.mark.parametrize("encoding", WRITTEN.values(), ids=WRITTEN.keys())
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_ends_of_lines(given_file, encoding, end):
    """As spreadsheets save them."""
    text = f"time;Leistung (kW) für Gebäude{end}2024-01-01;1,5{end}2024-01-02;2,5"
    column = "Leistung (kW) fur gebaude=m/total power kW"

    found = given_file(text.encode(encoding), column, encoding=encoding.replace("-sig", ""), separator=";", decimal=",")

    assert (None, [1500.0, 2500.0]) == (found.result.problem, [value for _, value, _ in found.rows()])


@pytest.mark.parametrize("pack", [gzip.compress, __import__("bz2").compress], ids=["gzip", "bzip2"])
def test_compressed_files_are_read_as_they_are(given_file, pack):
    """By what they are, not by their name."""
    assert 1 == given_file(pack(b"time,P\n2024-01-01,1\n")).result.taken


def test_quotes_hold_separators_and_ends_of_lines_and_lines_stay_right(given_file):
    """A remark over three lines in quotes; the bad value below it is told with its line of the file."""
    found = given_file(
        'time,note,P\n2024-01-01,"a, ""b""\nc\nd",1\n2024-01-02,,x\n2024-01-03,"1,5",2\n', tolerate=0.5, missing=[]
    )

    assert ([1000.0, 2000.0], (1, [5])) == (
        [value for _, value, _ in found.rows()],
        found.reasons[("refused", '"x" and its like in P are no numbers')],
    )


def test_a_mark_that_is_no_quote(given_file):
    """Inches: the map says there are no quotes."""
    found = given_file('time,note,P\n2024-01-01,5" pipe,1\n2024-01-02,"6,2\n', quote="")

    assert [1000.0, 2000.0] == [value for _, value, _ in found.rows()]


def test_a_file_without_a_header_has_its_columns_named(given_file):
    """From the first line on."""
    found = given_file("2024-01-01 00:00,7,1\n2024-01-01 01:00,7,2\n", columns=["time", "meter", "P"])

    assert (2, [1000.0, 2000.0]) == (found.result.rows, [value for _, value, _ in found.rows()])


@pytest.mark.parametrize(("header", "row"), [("time;P;", "2024-01-01;1"), ("time;P", "2024-01-01;1;")])
def test_a_separator_at_the_end_of_header_or_rows_is_no_column(given_file, header, row):
    """Many exports have one, some only above or only below."""
    assert 1 == given_file(f"{header}\n{row}\n", separator=";").result.taken


def test_a_star_stands_for_what_changes_from_meter_to_meter(given_file):
    """Columns that carry the meter's name."""
    assert 1 == given_file("time,Cellar_P[kW],Cellar_T\n2024-01-01,1,2\n", "*_P[kW]=m/total power kW").result.taken


def test_two_columns_of_date_and_time(given_file):
    """Joined by a blank."""
    found = given_file("Date,Time,P\n31/12/2024,23:30,1\n", time=["Date", "Time"], time_format="%d/%m/%Y %H:%M")

    assert [("2024-12-31 23:30+0000", 1000.0, 0.0)] == found.rows()


def test_many_devices_in_one_file(given_file):
    """Long form: each series says which rows are its own."""
    found = given_file(
        "time,point,value\n2024-01-01,AHU.P,1\n2024-01-01,AHU.T,20\n2024-01-01,other,9\n",
        series=[
            {
                "column": "value",
                "device": "ahu",
                "point": "total",
                "quantity": "power",
                "unit": "kW",
                "where": {"point": "AHU.P"},
            },
            {
                "column": "value",
                "device": "ahu",
                "point": "supply",
                "quantity": "temperature",
                "unit": "°C",
                "where": {"point": "AHU.T"},
            },
        ],
    )

    assert ([1000.0], [20.0]) == (
        found.series("ahu").value.tolist(),
        found.series("ahu", "supply", "temperature").value.tolist(),
    )
    assert (1, [4]) == found.reasons[("left out", "rows of something else, as told")]


AUTUMN = "2024-10-27"


def autumn(*stamps: str) -> str:
    return "time,P\n" + "".join(f"{AUTUMN} {stamp},{at}\n" for at, stamp in enumerate(stamps))


def test_the_hour_that_comes_twice_is_told_apart_by_the_order(given_file):
    """Up, down, up; newest first it is the same."""
    stamps = ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    expected = [
        f"{AUTUMN} {at}" for at in ("01:30+0200", "02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100", "03:00+0100")
    ]

    up = given_file(autumn(*stamps), MEANS, timezone="Europe/Paris")
    lines = autumn(*stamps).splitlines(keepends=True)
    down = given_file("".join([lines[0], *lines[:0:-1]]), MEANS, timezone="Europe/Paris", name="down.csv")

    assert list(zip(expected, [0.0, 1e3, 2e3, 3e3, 4e3, 5e3], [30.0] * 6, strict=True)) == up.rows(zone="Europe/Paris")
    assert (4, 0, 6) == (up.counts("repaired"), down.counts("refused"), down.result.stored)
    assert (0, 0, True) == (down.result.fresh, down.result.changed, down.result.newest_first)


@pytest.mark.parametrize(
    ("doubled", "taken"),
    [
        ("first", ["02:00+0200", "02:30+0200"]),
        ("second", ["02:00+0100", "02:30+0100"]),
        ("outer", ["02:00+0200", "02:30+0100"]),
    ],
)
def test_an_hour_told_once_is_taken_as_the_map_says(given_file, doubled, taken):
    """Nobody can know; whoever wrote the map says it, and it is told back."""
    found = given_file(autumn("01:30", "02:00", "02:30", "03:00"), MEANS, timezone="Europe/Paris", doubled=doubled)

    assert [f"{AUTUMN} {one}" for one in taken] == [when for when, *_ in found.rows(zone="Europe/Paris")][1:3]
    assert 2 == found.counts("repaired")


def test_an_hour_told_once_is_refused_when_the_map_says_nothing(given_file):
    """Never a silent guess."""
    text = autumn("01:30", "02:00", "02:30", "03:00")
    found = given_file(text, MEANS, timezone="Europe/Paris", tolerate=0.5)

    (reason,) = (one for one in found.result.reasons if one.fate == "refused")
    assert ("in the hour that 2024-10-27 had twice, and told once", [3, 4]) == (reason.why, reason.lines)
    assert 'say doubled = "first" or "second" to take them all the same' == reason.cure


def test_the_hour_that_never_was(given_file):
    """Rows of it show that the clock of the meter is not what the map says."""
    text = "time,P\n2024-03-31 01:30,1\n2024-03-31 02:00,2\n2024-03-31 02:30,3\n2024-03-31 03:00,4\n"
    refused = given_file(text, MEANS, timezone="Europe/Paris", tolerate=0.5)
    dropped = given_file(text, MEANS, timezone="Europe/Paris", skipped="drop", name="b.csv")
    winter = given_file(text, MEANS, timezone="+01:00", name="c.csv")

    (reason,) = (one for one in refused.result.reasons if one.fate == "refused")
    assert ("2024-03-31 02:00 and its like never were: Europe/Paris skipped that hour", 2) == (reason.why, reason.count)
    assert (
        'a clock that keeps winter time all year is a timezone such as "+01:00"; else skipped = "drop"' == reason.cure
    )
    assert (2, 0, 2) == (dropped.result.taken, dropped.counts("refused"), dropped.counts("left out"))
    assert (4, 0) == (winter.result.taken, winter.counts("refused"))


@pytest.mark.parametrize(
    "stamps",
    [("02:00", "03:00", "03:00", "04:00"), ("02:00", "02:00", "03:00", "04:00")],
    ids=["by the clock before it", "by the clock after it"],
)
def test_hours_stamped_at_their_end_through_the_change(given_file, stamps):
    """Some write the end of the hour as the clock showed it before it was put back, some as after it."""
    found = given_file(autumn(*stamps), "P=m/total power kWh interval 1 h end", timezone="Europe/Paris")

    starts = ["01:00+0200", "02:00+0200", "02:00+0100", "03:00+0100"]
    assert 0 == found.counts("refused")
    assert [f"{AUTUMN} {at}" for at in starts] == [when for when, *_ in found.rows(zone="Europe/Paris")]


def test_civil_days_have_their_hours(given_file):
    """kWh of a day of 25 and of one of 23 hours: the energy is exact, the mean power is that of its hours."""
    found = given_file(
        "time,P\n2024-03-30,24\n2024-03-31,24\n2024-10-27,24\n",
        "P=m/total power kWh interval 1 day start",
        timezone="Europe/Paris",
    )

    energies = sum(value * minutes * 60 for _, value, minutes in found.rows())
    assert 3 * 24 * 3.6e6 == pytest.approx(energies, rel=1e-15)
    assert [1000.0, pytest.approx(24_000 / 23), 960.0] == sorted(
        {value for _, value, _ in found.rows()}, key=[1000.0, 24_000 / 23, 960.0].index
    )


def test_an_interval_over_midnight_is_known_on_both_days(given_file):
    """Each day's folder knows its whole day; whoever reads one of them needs not the other."""
    found = given_file("time,P\n2024-01-01 23:30,6\n", "P=m/total power kW interval 1 h start")
    midnight = 1_704_153_600 * 10**9

    later = found.archive.read(SITE, midnight + 60 * 10**9, midnight + 3600 * 10**9)["m", "total", "power"]

    assert [("2024-01-01 23:30+0000", 6000.0, 30.0), ("2024-01-02 00:00+0000", 6000.0, 30.0)] == found.rows()
    assert (6000.0, midnight + 1800 * 10**9) == (later.value[0], later.time[-1])


C5 = (
    "Identifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Grandeur metier;Etape metier;Unite;"
    "Pas en minutes\n"
    "00000000000000;Courbe de charge;01/02/2024;02/02/2024;Energie active;Consommation;Comptage Brut;W;\n"
    "\n"
    "Horodate;Valeur\n"
)


def test_a_load_curve_whose_step_changes_and_has_holes(given_file):
    """Segment C5: stamped at the end, steps of 60 and then 30 min, a blank, a line that is missing."""
    stamps = ["01:00", "02:00", "03:00", "03:30", "04:00", "05:30", "06:00", "06:30"]
    values = ["1000", "2000", "", "400", "500", "600", "700", "800"]
    text = C5 + "".join(f"2024-02-01T{at}:00+01:00;{value}\n" for at, value in zip(stamps, values, strict=True))

    found = given_file(text, layout="enedis-c5", device="m")

    assert (None, 0) == (found.result.problem, found.counts("refused"))
    assert [
        ("2024-02-01 00:00+0100", 1000.0, 60.0),
        ("2024-02-01 01:00+0100", 2000.0, 60.0),
        ("2024-02-01 03:00+0100", 400.0, 30.0),
        ("2024-02-01 03:30+0100", 500.0, 30.0),
        ("2024-02-01 05:00+0100", 600.0, 30.0),
        ("2024-02-01 05:30+0100", 700.0, 30.0),
        ("2024-02-01 06:00+0100", 800.0, 30.0),
    ] == found.rows(zone="Europe/Paris")


def test_a_load_curve_of_a_larger_connection_is_stamped_at_the_start(given_file):
    """Segment C1 to C4: the last row of a file has its step from the row before."""
    text = C5 + "".join(f"2024-02-01T00:{minute:02}:00+01:00;{minute}\n" for minute in range(0, 60, 10))

    found = given_file(text, layout="enedis-c1-c4", device="m")

    assert [(f"2024-02-01 00:{minute:02}+0100", float(minute), 10.0) for minute in range(0, 60, 10)] == found.rows(
        zone="Europe/Paris"
    )


@pytest.mark.parametrize(
    ("was", "told", "sentence"),
    [
        (
            "Courbe de charge",
            "Index",
            'line 2: Type de donnees is "Index", and this layout is about "Courbe de charge"',
        ),
        ("Consommation", "Production", 'Grandeur metier is "Production", and this layout is about "Consommation"'),
        (";W;", ";Wh;", 'Unite is "Wh", and this layout is about "W"'),
    ],
)
def test_a_file_of_the_same_portal_about_something_else_is_refused(given_file, was, told, sentence):
    """An index, a production or another unit has the same two columns."""
    text = C5.replace(was, told) + "2024-02-01T00:30:00+01:00;1\n"

    assert sentence in given_file(text, layout="enedis-c5", device="m").result.problem


def test_a_table_for_professionals_says_its_steps_itself(given_file):
    """One column tells each row's step; another connection and the other direction in the same file stay out."""
    head = "Identifiant PRM;Grandeur physique;Grandeur metier;Unite;Horodate;Valeur;Nature;Pas\n"
    row = "{};PA;{};W;2024-02-01 {}:00;{};B;{}\n".format
    found = given_file(
        head
        + row("1", "CONS", "00:10", 100, "PT10M")
        + row("1", "CONS", "00:40", 200, "PT30M")
        + row("1", "PROD", "00:40", 999, "PT30M")
        + row("2", "CONS", "00:40", 888, "PT30M"),
        layout="enedis-sge-c5",
        device="m",
        where={"Identifiant PRM": "1"},
    )

    assert [("2024-02-01 00:00+0100", 100.0, 10.0), ("2024-02-01 00:10+0100", 200.0, 30.0)] == found.rows(
        zone="Europe/Paris"
    )
    assert 2 == found.counts("left out")


def test_a_step_that_is_too_long_for_the_file_keeps_it_out(given_file):
    """Half-hours said to be hours would count everything twice."""
    text = "time,P\n" + "".join(f"2024-01-01 {at // 2:02}:{at % 2 * 30:02},1\n" for at in range(20))

    found = given_file(text, MEANS.replace("30 min", "1 h"))

    assert "line 3: begins inside the interval before it" in found.result.problem


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from([10, 30, 60]), st.integers(3, 8), st.sets(st.integers(1, 6))), min_size=1, max_size=4
    )
)
def test_steps_from_row_to_row_are_right_or_unknown(runs):
    """Runs of steps with rows missing inside: no row is ever given a step longer than its own when a hole is before it,
    and a complete run is known in full."""
    times, steps = [0], [runs[0][0]]
    for step, count, missing in runs:
        for at in range(1, count + 1):
            times.append(times[-1] + step)
            steps.append(step)
            if at in missing and 1 < at < count - 2 and steps[-2] == step:
                times.pop()
                steps.pop()
                times[-1] += 0
                times.append(times[-1] + 2 * step)
                steps.append(step)

    found = distances(np.array(times))

    wrong = [at for at, (one, true) in enumerate(zip(found.tolist(), steps, strict=True)) if one not in (0, true)]
    for at in wrong:  # two holes of one length in a row look like a longer step, and nobody can tell
        way = times[at] - times[at - 1]
        assert found[at] == way
        assert way in (times[at - 1] - times[at - 2], (times[at + 1] - times[at]) if at + 1 < len(times) else way)
    if not any(missing for *_, missing in runs):
        assert steps == found.tolist()


def test_history_joins_an_archive_while_a_site_writes_and_compacts_there(given_file):
    """Two processes on one day: every reading of both is there, whatever comes first."""
    from dc_monitor.history.archive import Archive
    from dc_monitor.wire import parse_lines

    day = 1_704_067_200  # 2024-01-01T00:00:00Z
    live = Archive(given_file.archive, SITE)
    done = threading.Event()

    def site() -> None:
        for minute in range(120):
            when = (day + minute * 60) * 10**9
            live.write(parse_lines(f"power,site={SITE},device=live,point=total watts={minute} {when}".encode())[0])
        done.set()

    writer = threading.Thread(target=site)
    writer.start()
    imports = 0
    while not done.is_set() and imports < 1000:
        result = given_file(f"time,P\n2024-01-01 {imports % 24:02}:{imports // 24 % 60:02},{imports}\n").result
        assert (None, 1) == (result.problem, result.fresh)
        imports += 1
    writer.join()

    found = live.read(SITE, day * 10**9, (day + 86_400) * 10**9)
    assert list(range(120)) == found[("live", "total", "power")].value.tolist()
    assert imports == found[("m", "total", "power")].time.size


def test_what_an_import_left_that_was_killed_is_swept_by_the_next(given_file):
    """The folder of one that still runs stays."""
    given_file.archive.mkdir()
    dead = given_file.archive / ".import-dead"
    dead.mkdir()
    (dead / "lock").touch()
    with importer._staging(given_file.archive, dry_run=False) as alive:
        given_file("time,P\n2024-01-01,1\n")
        assert (False, True) == (dead.exists(), alive.exists())
    assert [] == [*given_file.archive.glob(".import-*")]


def test_a_disk_that_is_full_leaves_nothing_half_done(given_file, monkeypatch):
    """While files are staged nothing of them is in the archive; the sentence says what happened."""

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "encoded", full)
        found = given_file("time,P\n2024-01-01,1\n")

    assert (
        f"{given_file.folder / 'x.csv'}: cannot be imported: No space left on device; nothing was"
        == found.result.problem
    )
    assert ([], [file.name for file in given_file.archive.glob("*")]) == (found.archive.sites(), [])
    assert 1 == given_file("time,P\n2024-01-01,1\n").result.fresh


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can act for somebody else")
def test_root_leaves_files_to_the_owner_of_the_archive(given_file):
    """The service must be able to write and compact where an operator imported with sudo."""
    given_file.archive.mkdir()
    os.chown(given_file.archive, 12345, 54321)
    given_file("time,P\n2024-01-01,1\n")

    owners = {(path.stat().st_uid, path.stat().st_gid) for path in given_file.archive.rglob("*")}
    assert {(12345, 54321)} == owners


def test_a_newer_archive_is_not_touched(given_file):
    """Two layouts must not mix."""
    given_file.archive.mkdir()
    (given_file.archive / "FORMAT").write_text("2\n")

    with pytest.raises(DcMonitorError, match="FORMAT says '2'"):
        given_file("time,P\n2024-01-01,1\n")


def test_finer_history_that_is_there_is_not_hidden(given_file):
    """Ten minutes first, half-hours later: refused, with what to do, before anything is written."""
    given_file("time,P\n2024-01-01 00:00,1\n2024-01-01 00:10,2\n", MEANS.replace("30 min", "10 min"))

    found = given_file("time,P\n2024-01-01 00:00,1\n2024-01-02 00:00,2\n", MEANS)

    assert (
        "the archive holds means over 10 min from 2024-01-01T00:10Z, and this file one over 30 min"
        in found.result.problem
    )
    assert 2 == len(found.rows())


def test_parquet_with_types(given_file, tmp_path):
    """Times with a zone, numbers of any kind, dictionaries, nulls; places are rows."""
    table = pa.table(
        {
            "time": pa.array([0, 1800, 3600, 5400], pa.timestamp("s", tz="Europe/Paris")).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "meter": pa.array(["a", "a", "b", "a"]).dictionary_encode(),
            "P": pa.array([1, None, 3, 4], pa.int16()),
        }
    )
    table = table.set_column(
        0, "time", pa.array([1_704_067_200 + at * 1800 for at in range(4)], pa.timestamp("s", tz="UTC"))
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=2)

    found = bring(tmp_path / "x.parquet", tmp_path / "archive", POWER, where={"meter": "a"})

    assert ("row", [("2024-01-01 00:00+0000", 1000.0, 0.0), ("2024-01-01 01:30+0000", 4000.0, 0.0)]) == (
        found.result.place,
        found.rows(),
    )
    assert (1, [2]) == found.reasons[("left out", "without a value")]


def test_a_file_is_read_in_blocks_and_the_cuts_do_not_show(given_file, monkeypatch):
    """Rows, quotes, doubled hours and order that lie across the end of a block."""
    rows = [
        f'2024-10-27 {hour:02}:{minute:02},"{hour}",note\n' for hour in (0, 1, 2, 2, 3, 4) for minute in range(0, 60, 5)
    ]
    rows.insert(30, '2024-10-27 02:30,"x\n","over two lines"\n')
    text = "time,P,note\n" + "".join(rows)
    whole = given_file(text, timezone="Europe/Paris", tolerate=0.5)
    monkeypatch.setattr(csvfile, "BLOCK", 300)
    monkeypatch.setattr(csvfile, "SEARCHED", 2)

    cut = given_file(text, timezone="Europe/Paris", tolerate=0.5, name="cut.csv")

    assert (72, 0, 0) == (whole.result.taken, cut.result.fresh, cut.result.changed)
    assert whole.reasons == cut.reasons


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise(given_file, content, headed):
    """Whatever a file holds it is a sentence, or readings."""
    found = given_file((b"time,P\n" if headed else b"") + content, dry_run=True)

    assert found.result.problem is None or found.result.problem.startswith(str(given_file.folder))


def test_reasons_that_differ_in_their_example_are_one(given_file, monkeypatch):
    """A thousand blocks with a bad number each are one line for a person, with the first example."""
    monkeypatch.setattr(csvfile, "BLOCK", 200)
    monkeypatch.setattr(csvfile, "SEARCHED", 2)
    rows = [f"2024-01-01 {at // 60:02}:{at % 60:02},{'bad' * (at % 5 == 3)}{at}\n" for at in range(100)]

    found = given_file("time,P\n" + "".join(rows), tolerate=0.5)

    assert {("refused", '"bad3" and its like in P are no numbers'): (20, [5, 10, 15, 20, 25])} == found.reasons


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Four times the rows in the same memory."""
    small, large = (_peak(tmp_path, rows) for rows in (100_000, 400_000))

    assert large < small + 60


def _peak(folder: Path, rows: int) -> float:
    """Peak resident memory [MiB] of an import of so many rows of a second each."""
    file = folder / f"{rows}.csv"
    times = (np.arange(rows) + 1_704_067_200).astype("M8[s]")
    file.write_text("time,P\n" + "".join(f"{time},{at % 977}\n" for at, time in enumerate(times.tolist())))
    script = (
        "import resource, sys; from dc_monitor.cli import main;"
        f"code = main(['import', {str(file)!r}, '--column', 'P=m/total power kW',"
        f" '--set', 'time=time', '--archive', {str(folder / str(rows))!r}]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    peak, code = done.stdout.split()[-2:]
    assert "0" == code
    return float(peak)
