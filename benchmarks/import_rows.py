"""How fast history comes in, beside what one would otherwise read the same CSV with.

    python benchmarks/import_rows.py [--rows 3000000] [--runs 3] [--folder DIR]

A CSV as a building's system exports it: local times of Paris as day, month and year, four columns with decimal commas,
a row each 10 s (3,000,000 rows are 347 days and 121 MiB). `dc-monitor import` reads it, tells doubled and missing hours
apart, counts what it does, sorts, and writes an archive of days, compressed, synced to the disk; `--dry-run` is all of
that but the writing, `again` finds that everything is there. pandas and polars do the part they have: numbers and times
of the whole file in memory, the times in UTC. Each run is a process of its own with all cores; the fastest of the runs
counts, without what imports of Python take; memory is the peak of the process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

PARIS = ZoneInfo("Europe/Paris")
COLUMNS = ("P1", "P2", "T", "E")
MAP = """
time = "Date"
time_format = "%d/%m/%Y %H:%M:%S"
timezone = "Europe/Paris"
separator = ";"
decimal = ","
device = "bms"

[[series]]
column = "P1"
point = "one"
quantity = "power"
unit = "kW"

[[series]]
column = "P2"
point = "two"
quantity = "power"
unit = "kW"

[[series]]
column = "T"
point = "room"
quantity = "temperature"
unit = "°C"

[[series]]
column = "E"
point = "one"
quantity = "energy"
unit = "kWh"
kind = "counter"
"""

OURS = """
import sys
from dc_monitor.cli import main
begin()
assert main(["import", file, "--map", map, "--archive", archive, "--json", *more]) == 0
"""
PANDAS = """
import pandas as pd
begin()
table = pd.read_csv(file, sep=";", decimal=",")
"""
PANDAS_TIMES = (
    PANDAS
    + """
table["Date"] = (
    pd.to_datetime(table["Date"], format="%d/%m/%Y %H:%M:%S")
    .dt.tz_localize("Europe/Paris", ambiguous="NaT").dt.tz_convert("UTC")
)
"""
)
POLARS = """
import polars as pl
begin()
table = pl.read_csv(file, separator=";", decimal_comma=True)
"""
POLARS_TIMES = (
    POLARS
    + """
table = table.with_columns(
    pl.col("Date").str.to_datetime("%d/%m/%Y %H:%M:%S")
    .dt.replace_time_zone("Europe/Paris", ambiguous="null").dt.convert_time_zone("UTC")
)
"""
)
PROGRAMS = {
    "dc-monitor import": OURS,
    "dc-monitor import, again": OURS,
    "dc-monitor import --dry-run": OURS,
    "pandas.read_csv": PANDAS,
    "pandas.read_csv, times in UTC": PANDAS_TIMES,
    "polars.read_csv": POLARS,
    "polars.read_csv, times in UTC": POLARS_TIMES,
}

FRAME = """
import resource, sys, time
file, map, archive, *more = sys.argv[1:]
def begin():
    global started
    started = time.perf_counter()
{program}
took = time.perf_counter() - started
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
"""


class Run(NamedTuple):
    """Time after the imports [s], and the peak of the process [MiB]."""

    seconds: float
    peak: float


def main() -> int:
    """Print a line a program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--folder", type=Path, help="where the file and the archive lie (default: a temporary folder)")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as temporary:
        folder = Path(temporary)
        file = folder / "bms.csv"
        write(file, args.rows)
        (folder / "map.toml").write_text(MAP, encoding="utf-8")
        size = file.stat().st_size
        print(
            f"{args.rows:,} rows of {len(COLUMNS)} values, {size >> 20} MiB, {os.cpu_count()} cores, {args.runs} runs\n"
        )
        print(f"{'':32}{'seconds':>9}{'rows/s':>12}{'MiB/s':>8}{'peak MiB':>10}")
        for name, program in PROGRAMS.items():
            best = min(once(folder, name, program, at) for at in range(args.runs))
            speed = args.rows / best.seconds
            print(f"{name:32}{best.seconds:9.2f}{speed:12,.0f}{size / best.seconds / 2**20:8.0f}{best.peak:10.0f}")
        archive = sum(one.stat().st_size for one in (folder / "archive-0").rglob("*.parquet"))
        print(f"\nthe archive takes {archive >> 20} MiB")
    return 0


def once(folder: Path, name: str, program: str, at: int) -> Run:
    """One process, with an archive of its own."""
    dry_run = name.endswith("--dry-run")
    archive = folder / ("none" if dry_run else f"archive-{at}")
    done = subprocess.run(
        [
            *(sys.executable, "-c", FRAME.replace("{program}", program)),
            *(folder / "bms.csv", folder / "map.toml", archive),
            *(["--dry-run"] if dry_run else []),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return Run(*(float(part) for part in done.stderr.split()[-2:]))


def write(file: Path, rows: int) -> None:
    """The file: ten seconds a row from the first of January 2024, Paris; the hour that comes twice is left out."""
    random = np.random.default_rng(1)
    with file.open("w", encoding="utf-8") as stream:
        stream.write("Date;" + ";".join(COLUMNS) + "\n")
        begin = round(datetime(2024, 1, 1, tzinfo=PARIS).timestamp())
        for first in range(0, rows, 100_000):
            count = min(100_000, rows - first)
            times = begin + (first + np.arange(count)) * 10
            before, now, after = (offsets(times + shift) for shift in (-3600, 0, 3600))
            stamps = np.datetime_as_string((times + now).astype("M8[s]")).tolist()
            once_only = ((now >= before) & (now <= after)).tolist()
            values = random.uniform(10.0, 90.0, (3, count)).tolist()
            for at, (when, kept, p, q, t) in enumerate(zip(stamps, once_only, *values, strict=True)):
                if kept:
                    date = f"{when[8:10]}/{when[5:7]}/{when[:4]} {when[11:]}"
                    stream.write(f"{date};{p:.2f};{q:.2f};{t:.1f};{(first + at) // 36}\n".replace(".", ","))


def offsets(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far the clock of Paris is ahead at each time [s]."""
    hours, which = np.unique(times // 3600, return_inverse=True)
    ahead = [datetime.fromtimestamp(hour * 3600, PARIS).utcoffset() for hour in hours.tolist()]
    return np.array([int(one.total_seconds()) for one in ahead if one], np.int64)[which]


if __name__ == "__main__":
    sys.exit(main())
