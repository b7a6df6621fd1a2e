"""`dc-monitor import` as a person meets it: maps, flags, exit codes, the text and the JSON."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dc_monitor.cli import main
from dc_monitor.commands import import_map
from dc_monitor.commands.import_sketch import sketch
from dc_monitor.errors import ConfigError, DcMonitorError
from dc_monitor.history.archive import Archive
from dc_monitor.history.imports.mapping import Plan

CSV = "Date;Power (kW);Index\n01/02/2024 00:00;1,5;100\n01/02/2024 00:30;2,5;101,5\n"
MAP = """
time = "Date"
time_format = "%d/%m/%Y %H:%M"
separator = ";"
decimal = ","
device = "main-meter"
point = "total"

[[series]]
column = "Power (kW)"
quantity = "power"
unit = "kW"
kind = "interval"
step = "30 min"
stamped = "start"

[[series]]
column = "Index"
quantity = "energy"
unit = "kWh"
kind = "counter"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV, its map and a site, in the folder one stands in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bms.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "bms.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "site.toml").write_text(
        '[site]\nname = "Caen-1"\ntimezone = "Europe/Paris"\n[receive]\ndata = "data"\n'
        '[[device]]\nname = "main-meter"\naddress = "snmp://10.0.0.1"\nroom = "r1"\nrack = "k2"\n',
        encoding="utf-8",
    )
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main(["import", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_map_and_a_site_are_all_it_takes(folder, capsys):
    """Values in the site's archive, in its time zone, with the room and the rack its configuration knows."""
    code, out, err = run(capsys, "bms.csv", "--map", "bms.toml", "-c", "site.toml")

    assert (0, "") == (code, err)
    assert [
        "History of site Caen-1, times in Europe/Paris, went into data/archive",
        "ok   bms.csv: 2 rows, 4 values taken on 1 day, all new",
        "       main-meter/total power: 2 means, 2024-02-01 00:00 to 2024-02-01 01:00, 2 kW on average, "
        "1.5 kW to 2.5 kW; 2.0 kWh in 100.00 % of the time",
        "       main-meter/total energy: 2 readings, 2024-02-01 00:00 to 2024-02-01 00:30, from 100.0 to 101.5 kWh",
    ] == out.splitlines()
    (first, *_) = Archive(folder / "data" / "archive").rows("Caen-1", "energy", 0, 2**62)
    assert {"room": "r1", "rack": "k2", "method": "measured", "level": "total"}.items() <= first.tags.items()


def test_one_column_needs_no_map(folder, capsys):
    """Everything on the command line, for a file one meets once."""
    code, out, _ = run(
        capsys,
        "bms.csv",
        "--column",
        "Power (kW)=main-meter/total power kW interval 30 min start",
        *("--set", "time=Date", "--set", "time_format=%d/%m/%Y %H:%M", "--set", "separator=;", "--set", "decimal=,"),
        *("--archive", "elsewhere", "--set", "method=manual"),
    )

    assert (0, True) == (code, "2.0 kWh in 100.00 % of the time" in out)
    assert "manual" == Archive(folder / "elsewhere").rows("site", "power", 0, 2**62)[0].tags["method"]


def test_what_was_refused_is_told_with_lines_and_cure_and_the_exit_code_says_so(folder, capsys):
    """1 is not for the faint: a script sees that somebody must look."""
    (folder / "bms.csv").write_text(CSV + "01/02/2024 01:00;x;102\n" + "01/02/2024 01:30;-;103\n", encoding="utf-8")

    code, out, err = run(capsys, "bms.csv", "--map", "bms.toml", "-c", "site.toml", "--set", "tolerate=0.5")

    assert (1, "") == (code, err)
    assert [
        "       left out         1  without a value: line 5",
        '       refused          1  "x" and its like in Power (kW) are no numbers: line 4',
        "                           words for a missing value are named with missing = [...]",
    ] == out.splitlines()[-3:]


def test_of_several_files_the_good_ones_come_in(folder, capsys):
    """A line each; the one that is not what the map says is a sentence on stderr."""
    (folder / "other.csv").write_text("When,What\n1,2\n", encoding="utf-8")

    code, out, err = run(capsys, "other.csv", "bms.csv", "nowhere.csv", "--map", "bms.toml", "-c", "site.toml")

    assert 1 == code
    assert ["FAIL other.csv: nothing was imported", "FAIL nowhere.csv: nothing was imported"] == [
        line for line in out.splitlines() if line.startswith("FAIL")
    ]
    assert [
        'dc-monitor import: other.csv: line 1: no column "Date"; there are "When,What"; is it separator = ","?',
        "dc-monitor import: nowhere.csv: cannot be imported: No such file or directory; nothing was",
    ] == err.splitlines()
    assert 2 == len(Archive(folder / "data" / "archive").rows("Caen-1", "power", 0, 2**62))


def test_json_holds_the_same_and_nothing_else_is_on_stdout(folder, capsys):
    """One document, for scripts."""
    code, out, _ = run(capsys, "bms.csv", "--map", "bms.toml", "-c", "site.toml", "--json", "--dry-run")
    told = json.loads(out)
    (file,) = told["files"]
    power = file["series"][0]

    assert (0, 1, True, True) == (code, told["format"], told["ok"], told["dry_run"])
    assert ("Caen-1", "Europe/Paris", "data/archive") == (told["site"], told["timezone"], told["archive"])
    assert (2, 4, 4, None, []) == (file["rows"], file["taken"], file["fresh"], file["problem"], file["reasons"])
    assert ("W", "interval", 2, 7.2e6, 3600.0) == tuple(
        power[key] for key in ("unit", "kind", "count", "joules", "known")
    )
    assert not (folder / "data").exists()


MISTAKES = {
    "no file": (["--map", "bms.toml"], "no file is named; --layouts lists the layouts that need no map"),
    "no map": (["bms.csv"], "the map: time: missing; name the column that holds the time"),
    "no series": (["bms.csv", "--set", "time=Date"], "the map: series: expected at least one [[series]], or --column"),
    "no such map": (["bms.csv", "--map", "no.toml"], "no.toml: cannot read the map: No such file or directory"),
    "a map that is no TOML": (["bms.csv", "--map", "bms.csv"], "bms.csv: not TOML"),
    "an unknown key": (["bms.csv", "--set", "tine=x"], 'the map: tine: unknown key; did you mean "time"?'),
    "an unknown layout": (["bms.csv", "--layout", "enedis"], 'layout "enedis": unknown; did you mean "enedis-c5"?'),
    "a flag without a value": (["bms.csv", "--set", "time"], '--set "time": expected KEY=VALUE, such as decimal=,'),
    "a column that says too little": (
        ["bms.csv", "--column", "P=m/total"],
        "expected COLUMN=DEVICE/POINT QUANTITY UNIT",
    ),
    "an unknown site": (["bms.csv", "--site", "Lyon"], '--site "Lyon": no such site; there are site'),
    "a filter without a text": (
        ["bms.csv", "--where", "x"],
        '--where "x": expected COLUMN=TEXT, such as numer_sta=07027',
    ),
}


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_command_that_cannot_be_used_is_one_sentence_and_exit_code_2(folder, capsys, arguments, sentence):
    """Before a file is opened; nothing is created."""
    before = {*folder.iterdir()}
    code, out, err = run(capsys, *arguments)

    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert sentence in err
    assert before == {*folder.iterdir()}


WRONG = {
    "kw": ('unit = "kW"', 'unit = "kw"', 'series[0].unit = "kw": unknown unit; did you mean "kW"?'),
    "an energy as a gauge": ('kind = "counter"', 'kind = "gauge"', 'series[1].kind = "gauge": energy counts up'),
    "an energy of no kind": ('kind = "counter"', "", 'series[1].kind: missing; a register that counts up is "counter"'),
    "no step": ('step = "30 min"', "", "series[0].step: missing; an interval needs it"),
    "no side": ('stamped = "start"', "", 'series[0].stamped: missing; an interval needs it: "start" or "end"'),
    "a step for a counter": (
        'kind = "counter"',
        'kind = "counter"\nstep = "1 h"',
        "series[1].step: only an interval has it",
    ),
    "a device nobody can be": ('"main-meter"', '"main meter"', 'series[0].device = "main meter": expected letters'),
    "a point in capitals": ('"total"', '"Total"', 'series[0].point = "Total": expected a lower-case path'),
    "a quantity": ('"power"', '"pover"', 'series[0].quantity = "pover": did you mean "power"?'),
    "a zone": ("device =", 'timezone = "Europe/Pari"\ndevice =', 'timezone = "Europe/Pari": unknown time zone'),
    "an encoding": ("device =", 'encoding = "utf-9"\ndevice =', 'encoding = "utf-9": unknown'),
    "a format": ("%d/%m/%Y", "%d/%m", "time_format = "),
    "marks": ('decimal = ","', 'decimal = ","\nthousands = ","', 'thousands = ",": the same as the decimal mark'),
    "a pattern": ("device =", 'ignore = ["("]\ndevice =', 'ignore = "(": no regular expression'),
    "a word": ("device =", 'doubled = "frist"\ndevice =', 'doubled = "frist": did you mean "first"?'),
    "a key of a series": ('unit = "kWh"', 'unti = "kWh"', 'series[1].unti: unknown key; did you mean "unit"?'),
    "a key that is missing": ('quantity = "energy"', "", "missing key"),
    "one series twice": (
        'quantity = "energy"\nunit = "kWh"\nkind = "counter"',
        'quantity = "power"\nunit = "kW"',
        "give one another point",
    ),
}


@pytest.mark.parametrize(("was", "now", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_in_a_map_is_told_with_its_place(folder, capsys, was, now, sentence):
    """File, key, what is wrong, what was expected: never a stack trace, never an import."""
    assert was in MAP
    (folder / "bms.toml").write_text(MAP.replace(was, now), encoding="utf-8")

    code, out, err = run(capsys, "bms.csv", "--map", "bms.toml", "-c", "site.toml")

    assert (2, "") == (code, out)
    assert err.startswith("dc-monitor import: bms.toml: ")
    assert sentence in err
    assert not (folder / "data").exists()


@pytest.mark.parametrize("name", import_map.layouts())
def test_every_layout_is_a_map_that_lacks_only_a_device(name):
    """And says in its first lines what it is for."""
    assert import_map.layout_text(name).startswith("# ")
    assert Plan.of(import_map.read(None, name, {"device": "m"}, []), "Europe/Paris").series
    with pytest.raises(ConfigError, match="device: missing"):
        Plan.of(import_map.read(None, name, {}, []), "Europe/Paris")


def test_a_map_may_begin_with_a_layout_and_change_it(tmp_path):
    """Key by key; the tables of texts are joined."""
    file = tmp_path / "mine.toml"
    file.write_text('layout = "enedis-sge-c5"\ndevice = "m"\nwhere = {"Identifiant PRM" = "1"}\n', encoding="utf-8")

    plan = Plan.of(import_map.read(file, "", {}, []), "UTC")

    assert ("m", "1", "CONS", "Europe/Paris") == (
        plan.series[0].device,
        plan.series[0].where["Identifiant PRM"],
        plan.series[0].where["Grandeur métier"],
        plan.zone.name,
    )


def test_layouts_are_listed_and_printed(capsys):
    """To be read before they are used, and to begin a map of one's own."""
    assert {"enedis-c5", "eco2mix", "synop"} < {*run(capsys, "--layouts")[1].split()}
    assert tomllib.loads(run(capsys, "--layouts", "--layout", "synop")[1])["missing"] == ["mq"]


def test_a_sketch_is_a_map_to_fill_in(folder, capsys):
    """What was seen is written, what must be said is empty; filled in, it imports."""
    (folder / "bms.csv").write_text("Cellar\n\n" + CSV, encoding="utf-8")
    code, out, _ = run(capsys, "bms.csv", "--sketch")
    drawn = tomllib.loads(out)

    assert (0, ";", ["Date", "Power (kW)", "Index"]) == (
        code,
        drawn["separator"],
        [one["column"] for one in drawn["series"]],
    )
    assert {""} == {one[key] for one in drawn["series"] for key in ("quantity", "unit", "point")} | {drawn["device"]}
    assert "# 1,5, 2,5" in out
    (folder / "drawn.toml").write_text(out, encoding="utf-8")
    assert 2 == run(capsys, "bms.csv", "--map", "drawn.toml")[0]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a"b\n"', b"PAR1", b"\x1f\x8b"])
def test_a_sketch_of_anything_is_a_map_or_a_sentence(tmp_path, content):
    """It is the first thing tried on a strange file."""
    file = tmp_path / "x"
    file.write_bytes(content)
    try:
        tomllib.loads(sketch(file))
    except DcMonitorError as error:
        told = str(error)
    else:
        told = ""
    assert told.startswith(f"{file}: cannot be read") or not told


def test_without_the_packages_of_a_site_it_says_what_to_install(folder):
    """An agent's machine has no pyarrow."""
    script = (
        "import sys; sys.modules['pyarrow'] = None; from dc_monitor.cli import main; sys.exit(main(['import', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (2, "") == (done.returncode, done.stdout)
    assert "the archive needs the package pyarrow; install it with: pip install 'dc-monitor[site]'" in done.stderr
