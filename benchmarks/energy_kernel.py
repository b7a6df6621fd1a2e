"""The energy kernel against what one would otherwise use, on the same irregular series.

    python benchmarks/energy_kernel.py [--series 1000] [--samples 44640] [--runs 5]

1,000 series × 44,640 samples is a month of a thousand meters read each minute: 715 MB of times and powers. Polls
are late now and then, some are missing (NaN), some are far apart. Everybody computes the same: the energy and the
covered time of each series by trapezoid, where an interval of more than 15 minutes or with a missing end counts
nothing. Each is given the data in the form it likes best before the clock starts, may use all cores, and must come
to the same result (1e-9). Where several ways to say it exist the fastest counts. `read` only reads the two arrays:
no program that looks at every sample can be faster.
"""

import argparse
import time as clock
from collections.abc import Callable, Mapping

import duckdb
import numba
import numpy as np
import pandas as pd
import polars as pl
from numba import njit, prange
from numpy.typing import NDArray

from dc_monitor.kernels.energy import energy_of_many

S = 1_000_000_000
MAX_GAP = 900 * S

Result = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Energy [J] and covered time [ns] by series."""


class Data:
    """The series, one after another, and what each library wants to have made of them."""

    def __init__(self, series: int, samples: int) -> None:
        random = np.random.default_rng(1)
        self.offsets = np.arange(series + 1) * samples
        self.time = np.empty(series * samples, np.int64)
        self.power = np.empty(series * samples)
        for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            steps = 60 * S + random.integers(-2 * S, 2 * S, samples)
            late = random.random(samples)
            steps[late < 0.01] += 600 * S
            steps[late < 0.001] += 3600 * S
            self.time[start:end] = 1_700_000_000 * S + random.integers(0, 60 * S) + np.cumsum(steps)
            self.power[start:end] = random.uniform(100, 5000) + random.normal(0, 50, samples)
            self.power[start:end][random.random(samples) < 0.005] = np.nan
        self.series = np.repeat(np.arange(series, dtype=np.int32), samples)


@njit(parallel=True)
def _read(time: NDArray[np.int64], power: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.empty(offsets.size - 1, np.int64)
    for s in prange(offsets.size - 1):
        own_time, own_power = time[offsets[s] : offsets[s + 1]], power[offsets[s] : offsets[s + 1]]
        bits = 0
        for i in range(own_time.size):
            bits ^= own_time[i] ^ own_power[i]
        found[s] = bits
    return found


def of_numpy(data: Data) -> Callable[[], Result]:
    """Differences of whole columns; intervals between two series are made holes."""

    def run() -> Result:
        step = np.diff(data.time)
        twice = data.power[1:] + data.power[:-1]
        step[~((step <= MAX_GAP) & np.isfinite(twice))] = 0
        step[data.offsets[1:-1] - 1] = 0
        twice *= step
        np.nan_to_num(twice, copy=False)
        return np.add.reduceat(twice, data.offsets[:-1]) / (2 * S), np.add.reduceat(step, data.offsets[:-1])

    return run


def of_pandas(data: Data) -> Callable[[], Result]:
    """Shifted columns, grouped by series."""
    frame = pd.DataFrame({"series": data.series, "time": data.time, "power": data.power})

    def run() -> Result:
        step = frame["time"].diff()
        twice = frame["power"] + frame["power"].shift()
        covered = (step <= MAX_GAP) & twice.notna() & (frame["series"] == frame["series"].shift())
        step = step.where(covered, 0.0)
        parts = pd.DataFrame({"series": frame["series"], "twice": (twice * step).where(covered, 0.0), "step": step})
        sums = parts.groupby("series", sort=True).sum()
        return sums["twice"].to_numpy() / (2 * S), sums["step"].to_numpy().astype(np.int64)

    return run


def of_polars(data: Data, grouped: bool, engine: str) -> Callable[[], Result]:
    """A lazy query: shifts within each group, or over the whole column with a look at the series."""
    frame = pl.DataFrame({"series": data.series, "time": data.time, "power": data.power}).with_columns(
        pl.col("series").set_sorted()
    )
    step = pl.col("time") - pl.col("time").shift()
    twice = pl.col("power") + pl.col("power").shift()
    covered = (step <= MAX_GAP) & twice.is_finite()
    if grouped:
        energy = pl.when(covered).then(twice * step).otherwise(0.0).sum()
        query = (
            frame.lazy().group_by("series").agg(energy=energy, covered=pl.when(covered).then(step).otherwise(0).sum())
        )
    else:
        same = covered & (pl.col("series") == pl.col("series").shift())
        parts = frame.lazy().select(
            "series",
            energy=pl.when(same).then(twice * step).otherwise(0.0),
            covered=pl.when(same).then(step).otherwise(0),
        )
        query = parts.group_by("series").agg(pl.col("energy").sum(), pl.col("covered").sum())

    def run() -> Result:
        found = query.collect(engine=engine).sort("series")  # type: ignore[call-overload]
        return found["energy"].to_numpy() / (2 * S), found["covered"].to_numpy()

    return run


def of_duckdb(data: Data, partitioned: bool) -> Callable[[], Result]:
    """Window functions: `lead` within each series, or over the table as it lies with a look at the series."""
    frame = pl.DataFrame({"series": data.series, "time": data.time, "power": data.power})  # noqa: F841, read by name
    connection = duckdb.connect()
    connection.execute("CREATE TABLE samples AS SELECT * FROM frame")
    window = "(PARTITION BY series ORDER BY time)" if partitioned else "()"
    query = f"""
        SELECT series, sum((power + after) * (later - time)) / 2e9 AS joules, sum(later - time)::BIGINT AS covered
        FROM (SELECT series, time, power,
                     lead(time) OVER w AS later, lead(power) OVER w AS after, lead(series) OVER w AS next
              FROM samples WINDOW w AS {window})
        WHERE next = series AND later - time <= {MAX_GAP} AND isfinite(power + after)
        GROUP BY series ORDER BY series
    """

    def run() -> Result:
        found = connection.execute(query).fetchnumpy()
        return np.asarray(found["joules"]), np.asarray(found["covered"])

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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=44_640)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()

    data = Data(asked.series, asked.samples)
    gigabytes = (data.time.nbytes + data.power.nbytes) / 1e9
    print(f"{asked.series:,} series × {asked.samples:,} samples, {gigabytes:.3f} GB, {numba.get_num_threads()} threads")
    print(f"numpy {np.__version__}, numba {numba.__version__}, pandas {pd.__version__}, polars {pl.__version__}, "
          f"duckdb {duckdb.__version__}; best of {asked.runs}\n")  # fmt: skip

    def ours() -> Result:
        return energy_of_many(data.time, data.power, data.offsets, MAX_GAP)

    expected = ours()
    bits = data.power.view(np.int64)
    reading, kernel = best_of(4 * asked.runs, lambda: _read(data.time, bits, data.offsets), ours)
    rivals: Mapping[str, Mapping[str, Callable[[Data], Callable[[], Result]]]] = {
        "numpy": {"columns": of_numpy},
        "pandas": {"shift": of_pandas},
        "polars": {
            f"{how}, {engine}": lambda data, how=how, engine=engine: of_polars(data, how == "grouped", engine)
            for how in ("grouped", "shift")
            for engine in ("in-memory", "streaming")
        },
        "duckdb": {
            "lead by series": lambda data: of_duckdb(data, partitioned=True),
            "lead over all": lambda data: of_duckdb(data, partitioned=False),
        },
    }
    print(f"{'':28}{'seconds':>10}{'samples/s':>16}{'times ours':>12}")
    samples = data.time.size
    print(f"{'read only':28}{reading:10.4f}{samples / reading:16,.0f}{reading / kernel:12.2f}")
    print(f"{'dc-monitor':28}{kernel:10.4f}{samples / kernel:16,.0f}{1.0:12.2f}")
    shortest = {}
    for library, ways in rivals.items():
        for way, prepare in ways.items():
            run = prepare(data)
            joules, covered = run()
            np.testing.assert_allclose(joules, expected[0], rtol=1e-9)
            np.testing.assert_array_equal(covered, expected[1])
            [taken] = best_of(asked.runs, run)
            shortest[library] = min(taken, shortest.get(library, taken))
            print(f"{f'{library} ({way})':28}{taken:10.4f}{samples / taken:16,.0f}{taken / kernel:12.1f}")

    print(f"\nread bandwidth {gigabytes / reading:.1f} GB/s; dc-monitor reaches {reading / kernel:.0%} of it")
    for library, taken in shortest.items():
        print(f"{taken / kernel:6.1f} × {library}")


if __name__ == "__main__":
    main()
