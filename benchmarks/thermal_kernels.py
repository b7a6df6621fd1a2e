"""The rack cooling index of a hall against what one would otherwise use, on the same irregular series.

    python benchmarks/thermal_kernels.py [--inlets 10000] [--peers 1000] [--samples 44640] [--runs 5]

10,000 inlets × 44,640 samples is a month of minutes: 7.1 GB of times and temperatures. Polls are late now and then,
some are missing (NaN), some are far apart; most inlets are where they should be, one in twenty is hot, one in fifty
cold. Everybody computes the same by inlet: covered time, and kelvin-seconds above 27 °C and below 18 °C under the
straight lines between samples, which the index is made of. dc-monitor's kernel tells besides how long each inlet was
beyond those limits and beyond the allowable ones, and by how much.

What others keep between their steps does not fit into memory beside 10,000 inlets, so they get the first 1,000, in
the form they like best, on all cores, and must come to the same result (1e-9); compare samples a second. `read` only
reads the two arrays: no program that looks at every sample can be faster. `nothing recommended` is the same kernel
with limits that no inlet keeps for 64 samples in a row, its slowest case.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time as clock
from collections.abc import Callable, Mapping

import duckdb
import numba
import numpy as np
import pandas as pd
import polars as pl
from numba import njit, prange
from numpy.typing import NDArray

from dc_monitor.kernels.airflow import rci_over_time
from dc_monitor.kernels.exposure import ABOVE_RECOMMENDED, BELOW_RECOMMENDED, DryBulb, exposure_of_many

S = 1_000_000_000
MAX_GAP = 900 * S
A1 = DryBulb(15.0, 18.0, 27.0, 32.0)
NOBODY = DryBulb(15.0, 22.0, 22.0, 32.0)
LOW, HIGH = A1.recommended_low, A1.recommended_high

Floats = NDArray[np.float64]
Result = tuple[NDArray[np.int64], Floats, Floats]
"""Covered time [ns], kelvin-seconds below and above, by inlet."""

FIRST_CALL = """
import time
start = time.perf_counter()
import numpy as np
from dc_monitor.kernels.exposure import DryBulb, exposure, exposure_of_many
imported = time.perf_counter()
limits = DryBulb(15.0, 18.0, 27.0, 32.0)
exposure_of_many(np.arange(200) * 10**9, np.full(200, 28.0), [0, 100, 200], 10**10, limits)
print(imported - start, time.perf_counter() - imported)
"""


class Data:
    """Inlets one after another."""

    def __init__(self, inlets: int, samples: int) -> None:
        random = np.random.default_rng(1)
        self.offsets = np.arange(inlets + 1) * samples
        self.time = np.empty(inlets * samples, np.int64)
        self.celsius = np.empty(inlets * samples)
        day = np.sin(np.arange(samples) * (2 * np.pi / 1440))
        kind = random.random(inlets)
        mean = np.where(kind < 0.05, random.uniform(27, 30, inlets), random.uniform(20, 25, inlets))
        mean = np.where(kind > 0.98, random.uniform(16, 18, inlets), mean)
        for k in range(inlets):
            own = slice(self.offsets[k], self.offsets[k + 1])
            steps = 60 * S + random.integers(-2 * S, 2 * S, samples)
            late = random.random(samples)
            steps[late < 0.01] += 600 * S
            steps[late < 0.001] += 3600 * S
            self.time[own] = 1_700_000_000 * S + random.integers(0, 60 * S) + np.cumsum(steps)
            noise = random.standard_normal(samples, np.float32)
            self.celsius[own] = np.round(mean[k] + day + 0.2 * noise, 1)  # probes tell tenths
            self.celsius[own][random.random(samples, np.float32) < 0.005] = np.nan

    def first(self, inlets: int) -> "Data":
        """The same with fewer inlets."""
        fewer = object.__new__(Data)
        fewer.offsets = self.offsets[: inlets + 1]
        fewer.time, fewer.celsius = (column[: fewer.offsets[-1]] for column in (self.time, self.celsius))
        return fewer

    @property
    def inlet(self) -> NDArray[np.int32]:
        """Number of each sample's inlet."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))


@njit(parallel=True)
def _read(time: NDArray[np.int64], celsius: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.empty(offsets.size - 1, np.int64)
    for s in prange(offsets.size - 1):
        own_time, own_celsius = time[offsets[s] : offsets[s + 1]], celsius[offsets[s] : offsets[s + 1]]
        bits = 0
        for i in range(own_time.size):
            bits ^= own_time[i] ^ own_celsius[i]
        found[s] = bits
    return found


def _columns(time: NDArray[np.int64], celsius: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Covered time, twice the kelvin-nanoseconds below and above, of each interval."""
    step = np.diff(time)
    before, after = celsius[:-1], celsius[1:]
    step[~((step <= MAX_GAP) & np.isfinite(before + after))] = 0
    sides = []
    for one, other in ((LOW - before, LOW - after), (before - HIGH, after - HIGH)):
        outside = np.maximum(one, 0.0) + np.maximum(other, 0.0)
        crosses = (one > 0.0) != (other > 0.0)
        np.divide(outside * outside, np.abs(one - other), out=outside, where=crosses)
        outside *= step
        sides.append(np.nan_to_num(outside, copy=False))
    return step, sides[0], sides[1]


def of_numpy_whole(data: Data) -> Callable[[], Result]:
    """Whole columns; intervals between two inlets are taken out afterwards."""
    starts, seams = data.offsets[:-1], data.offsets[1:-1] - 1

    def run() -> Result:
        columns = _columns(data.time, data.celsius)
        for one in columns:
            one[seams] = 0
        known, low, high = (np.add.reduceat(one, starts) for one in columns)
        return known, low / (2 * S), high / (2 * S)

    return run


def of_numpy_by_inlet(data: Data) -> Callable[[], Result]:
    """One inlet after another, which stays in the cache."""

    def run() -> Result:
        sums = []
        for start, end in zip(data.offsets[:-1], data.offsets[1:], strict=True):
            sums.append([one.sum() for one in _columns(data.time[start:end], data.celsius[start:end])])
        known, low, high = zip(*sums, strict=True)
        return np.array(known), np.array(low) / (2 * S), np.array(high) / (2 * S)

    return run


def of_pandas(data: Data) -> Callable[[], Result]:
    """Shifted columns, grouped by inlet."""
    frame = pd.DataFrame({"inlet": data.inlet, "time": data.time, "celsius": data.celsius})

    def run() -> Result:
        step = frame["time"].diff()
        before, after = frame["celsius"].shift(), frame["celsius"]
        covered = (step <= MAX_GAP) & (before + after).notna() & (frame["inlet"] == frame["inlet"].shift())
        parts = pd.DataFrame({"inlet": frame["inlet"], "known": step.where(covered, 0.0)})
        for name, one, other in (("low", LOW - before, LOW - after), ("high", before - HIGH, after - HIGH)):
            outside = one.clip(lower=0.0) + other.clip(lower=0.0)
            crosses = (one > 0.0) != (other > 0.0)
            outside = outside.where(~crosses, outside * outside / (one - other).abs())
            parts[name] = (outside * step).where(covered, 0.0)
        sums = parts.groupby("inlet", sort=True).sum()
        known = sums["known"].to_numpy().astype(np.int64)
        return known, sums["low"].to_numpy() / (2 * S), sums["high"].to_numpy() / (2 * S)

    return run


def of_polars(data: Data, engine: str) -> Callable[[], Result]:
    """A lazy query over the whole column, with a look at the inlet."""
    frame = pl.DataFrame({"inlet": data.inlet, "time": data.time, "celsius": data.celsius}).with_columns(
        pl.col("inlet").set_sorted()
    )
    step = pl.col("time") - pl.col("time").shift()
    before, after = pl.col("celsius").shift(), pl.col("celsius")
    same = pl.col("inlet") == pl.col("inlet").shift()
    covered = (step <= MAX_GAP) & (before + after).is_finite() & same

    def side(one: pl.Expr, other: pl.Expr) -> pl.Expr:
        outside = pl.max_horizontal(one, 0.0) + pl.max_horizontal(other, 0.0)
        crossing = outside * outside / (one - other).abs()
        twice = pl.when((one > 0.0) != (other > 0.0)).then(crossing).otherwise(outside)
        return pl.when(covered).then(twice * step).otherwise(0.0)

    parts = frame.lazy().select(
        "inlet",
        known=pl.when(covered).then(step).otherwise(0),
        low=side(LOW - before, LOW - after),
        high=side(before - HIGH, after - HIGH),
    )
    query = parts.group_by("inlet").agg(pl.col("known").sum(), pl.col("low").sum(), pl.col("high").sum())

    def run() -> Result:
        found = query.collect(engine=engine).sort("inlet")  # type: ignore[call-overload]
        return found["known"].to_numpy(), found["low"].to_numpy() / (2 * S), found["high"].to_numpy() / (2 * S)

    return run


def of_duckdb(data: Data) -> Callable[[], Result]:
    """A window over the table as it lies, with a look at the inlet."""
    frame = pl.DataFrame({"inlet": data.inlet, "time": data.time, "celsius": data.celsius})  # noqa: F841, by name
    connection = duckdb.connect()
    connection.execute("CREATE TABLE samples AS SELECT * FROM frame")

    def side(one: str, other: str) -> str:
        outside = f"(greatest({one}, 0) + greatest({other}, 0))"
        crossing = f"{outside} * {outside} / abs(({one}) - ({other}))"
        return f"sum(CASE WHEN ({one} > 0) <> ({other} > 0) THEN {crossing} ELSE {outside} END * (later - time)) / 2e9"

    query = f"""
        SELECT inlet, sum(later - time)::BIGINT AS known,
               {side(f"{LOW} - celsius", f"{LOW} - after")} AS low,
               {side(f"celsius - {HIGH}", f"after - {HIGH}")} AS high
        FROM (SELECT inlet, time, celsius,
                     lead(time) OVER () AS later, lead(celsius) OVER () AS after, lead(inlet) OVER () AS next
              FROM samples)
        WHERE next = inlet AND later - time <= {MAX_GAP} AND isfinite(celsius + after)
        GROUP BY inlet ORDER BY inlet
    """

    def run() -> Result:
        found = connection.execute(query).fetchnumpy()
        return np.asarray(found["known"]), np.asarray(found["low"]), np.asarray(found["high"])

    return run


def best_of(runs: int, *calls: Callable[[], object]) -> list[float]:
    """The shortest run of each [s], taken in turns; the first, which compiles and warms up, does not count."""
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(runs):
        for call, times in zip(calls, taken, strict=True):
            start = clock.perf_counter()
            call()
            times.append(clock.perf_counter() - start)
    return [min(times) for times in taken]


def first_calls() -> None:
    """How long a fresh process takes to its first result, without and with the machine code on disk."""
    print(f"\n{'first call in a fresh process':28}{'import s':>10}{'call s':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("compiling", "from the on-disk cache"):
            command, environment = [sys.executable, "-c", FIRST_CALL], {**os.environ, "NUMBA_CACHE_DIR": folder}
            said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            imported, called = (float(number) for number in said.split())
            print(f"{name:28}{imported:10.2f}{called:10.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inlets", type=int, default=10_000)
    parser.add_argument("--peers", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=44_640)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()

    data = Data(asked.inlets, asked.samples)
    samples, gigabytes = data.time.size, (data.time.nbytes + data.celsius.nbytes) / 1e9
    print(f"{asked.inlets:,} inlets × {asked.samples:,} samples, {gigabytes:.3f} GB, {numba.get_num_threads()} threads")
    print(f"numpy {np.__version__}, numba {numba.__version__}, pandas {pd.__version__}, polars {pl.__version__}, "
          f"duckdb {duckdb.__version__}; best of {asked.runs}\n")  # fmt: skip

    bits = data.celsius.view(np.int64)
    reading, kernel, worst = best_of(
        asked.runs,
        lambda: _read(data.time, bits, data.offsets),
        lambda: exposure_of_many(data.time, data.celsius, data.offsets, MAX_GAP, A1),
        lambda: exposure_of_many(data.time, data.celsius, data.offsets, MAX_GAP, NOBODY),
    )
    exposed = exposure_of_many(data.time, data.celsius, data.offsets, MAX_GAP, A1)
    outside = exposed.beyond[:, [BELOW_RECOMMENDED, ABOVE_RECOMMENDED]].sum() / exposed.known.sum(dtype=float)
    index = rci_over_time(exposed, A1)
    print(f"RCI HI {index.high:.4f}, LO {index.low:.4f}; {outside:.1%} of the time not recommended\n")
    print(f"{'':28}{'seconds':>10}{'samples/s':>16}{'times ours':>12}{'of reading':>12}")

    def line(name: str, seconds: float, count: int) -> None:
        own, rate = samples / kernel, count / seconds
        print(f"{name:28}{seconds:10.3f}{rate:16,.0f}{own / rate:12.1f}{rate * reading / samples:12.0%}")

    line("read only", reading, samples)
    line("dc-monitor", kernel, samples)
    line("  nothing recommended", worst, samples)

    few = data.first(min(asked.peers, asked.inlets))
    expected = exposure_of_many(few.time, few.celsius, few.offsets, MAX_GAP, A1)
    rivals: Mapping[str, Callable[[], Callable[[], Result]]] = {
        "numpy (columns)": lambda: of_numpy_whole(few),
        "numpy (by inlet)": lambda: of_numpy_by_inlet(few),
        "pandas (shift)": lambda: of_pandas(few),
        "polars (shift, in-memory)": lambda: of_polars(few, "in-memory"),
        "polars (shift, streaming)": lambda: of_polars(few, "streaming"),
        "duckdb (lead over all)": lambda: of_duckdb(few),
    }
    for name, prepare in rivals.items():
        run = prepare()
        known, low, high = run()
        np.testing.assert_array_equal(known, expected.known)
        np.testing.assert_allclose(low, expected.excess[:, BELOW_RECOMMENDED], rtol=1e-9, atol=1e-3)
        np.testing.assert_allclose(high, expected.excess[:, ABOVE_RECOMMENDED], rtol=1e-9, atol=1e-3)
        [taken] = best_of(asked.runs, run)
        line(name, taken, few.time.size)
        del run

    print(f"\nread bandwidth {gigabytes / reading:.1f} GB/s; dc-monitor reaches {reading / kernel:.0%} of it")
    first_calls()


if __name__ == "__main__":
    main()
