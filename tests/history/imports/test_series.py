"""Real files of real sites: every row is accounted for, and the totals are those of the reference answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dc_monitor.site.consumption import taken_in
from dc_monitor.topology import Dated, Meter, Span, Topology
from support.imports import ALWAYS, SITE, Brought, bring, months

HOUR = 3600 * 10**9


def expected(folder: Path) -> Any:
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))["results"]


def instant(iso: str) -> int:
    return int(np.datetime64(iso.rstrip("Z"), "ns").astype(np.int64))


CAMPUS = {
    "TotalCampusLoad": "load",
    "OnCampusGeneration": "generation",
    "SDG&E Import": "import",
    "AdjustedDemand": "demand",
}
UCSD = [
    ("DemandCharge.csv", "ucsd-demand", CAMPUS),
    ("EastCampus.csv", "ucsd-building", {"RealPower": "total"}),
    ("StudentServices.csv", "ucsd-building", {"RealPower": "total"}),
    ("BatteryStorage.csv", "ucsd-power", {"RealPower": "total"}),
    ("SDSC_PV.csv", "ucsd-power", {"RealPower": "total"}),
]


@pytest.fixture(scope="module")
def campus(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Brought:
    """The campus in an archive of its own: load, generation, import and the owner's figure."""
    into = tmp_path_factory.mktemp("campus")
    return bring(shared / "series" / "ucsd-microgrid" / "DemandCharge.csv", into, layout="ucsd-demand", device="m")


@pytest.mark.parametrize(("file", "layout", "points"), UCSD, ids=[case[0] for case in UCSD])
def test_quarter_hours_newest_first(shared, tmp_path, file, layout, points):
    """Hours told twice, stamps told again, hyphens, thousands in quotes, a hole of 58 days: count, totals and span."""
    reference = expected(shared / "series" / "ucsd-microgrid")[file]
    brought = bring(shared / "series" / "ucsd-microgrid" / file, tmp_path, layout=layout, device="m", dry_run=True)

    assert (None, reference["rows_in_file"], True) == (
        brought.result.problem,
        brought.result.rows,
        brought.result.newest_first,
    )
    assert 0 == brought.counts("refused")
    twice = sum(count for (_, why), (count, _) in brought.reasons.items() if "had twice, told by their order" in why)
    assert reference["rows_in_repeated_hours"] == twice / len(brought.result.series)
    for column, point in points.items():
        told = next(one for one in brought.result.series if (one.point, one.quantity) == (point, "power"))
        total = reference["columns"][column]["total"]
        assert (total["valid"], total["kWh_interval_rule"]) == (
            told.count,
            pytest.approx(told.joules / 3.6e6, rel=1e-9),
        )
        assert total["coverage_of_span"] == pytest.approx(told.known * 1e9 / (told.end - told.start), rel=1e-4)
    assert (reference["first_utc"], reference["last_utc"]) == tuple(
        f"{np.datetime64(time, 'ns').astype('M8[s]')}Z" for time in (told.start, told.end - HOUR // 4)
    )


def test_every_month_of_a_campus(shared, campus):
    """Months of 28 to 31 days, less an hour and more: energy and coverage from the archive, by the rules of figures."""
    reference = expected(shared / "series" / "ucsd-microgrid")["DemandCharge.csv"]["columns"]
    read = campus.archive.read(SITE, *ALWAYS)

    for column, point in CAMPUS.items():
        by_month = months(read["m", point, "power"], "America/Los_Angeles")
        assert {
            name: (
                pytest.approx(one["kWh_interval_rule"], rel=1e-9, abs=1e-6),
                pytest.approx(one["coverage"], rel=1e-9),
            )
            for name, one in reference[column]["months"].items()
        } == by_month


def test_a_meter_that_reads_imported_means_has_their_energy(shared, campus):
    """The site's own sum over the month with an hour twice: nothing in it knows of imports."""
    columns = expected(shared / "series" / "ucsd-microgrid")["DemandCharge.csv"]["columns"]
    reference = columns["SDG&E Import"]["months"]["2019-11"]
    meter = Meter("m", roles=(Dated("total", Span()),), reads=("m", "import"))
    start, end = instant("2019-11-01T07:00:00Z"), instant("2019-12-01T08:00:00Z")

    found = taken_in(SITE, Topology((meter,)), campus.archive, start, end)

    assert (reference["kWh_interval_rule"], reference["coverage"]) == (
        pytest.approx(found.joules / 3.6e6, rel=1e-9),
        pytest.approx(found.coverage, rel=1e-9),
    )


@pytest.mark.parametrize(("year", "kept"), [(2015, True), (2016, False), (2017, False), (2019, False)])
def test_the_load_of_france(shared, tmp_path, year, kept):
    """Quarter-hours blank by design, phantoms in March, an hour told once in October: as the reference reads them."""
    reference = expected(shared / "series" / "rte-load-france")[str(year)]
    brought = bring(
        shared / "series" / "rte-load-france" / f"rte_{year}.csv",
        tmp_path,
        layout="eco2mix",
        device="m",
        separator=";",
        dry_run=not kept,
    )
    (told,) = brought.result.series

    assert (None, 0) == (brought.result.problem, brought.counts("refused"))
    assert (reference["rows_in_file"], reference["real_rows"]) == (brought.result.rows, told.count)
    assert 4 == brought.reasons[("left out", "in an hour that Europe/Paris skipped, as told")][0]
    assert reference["TWh_real_rows"] == pytest.approx(told.joules / 3.6e15, rel=1e-9)
    if kept:
        by_month = months(brought.series(point="load"), "Europe/Paris")
        assert {
            name: (pytest.approx(one["MWh_real_rows"] * 1e3, rel=1e-9), pytest.approx(one["coverage"]))
            for name, one in reference["months"].items()
        } == by_month


def test_weather_of_caen(shared, tmp_path):
    """Late reports, stamps told again, `mq`, kelvins: the months of the reference, to the last observation."""
    reference = expected(shared / "series" / "synop-caen")
    file = shared / "series" / "synop-caen" / "synop_07027_2015-2018.csv"
    year = tmp_path / "2015.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    year.write_text("".join(line for line in lines if line.startswith(("numer_sta", "07027;2015"))), encoding="utf-8")

    all_of_it = bring(file, tmp_path, layout="synop", device="caen", dry_run=True)
    brought = bring(year, tmp_path / "archive", layout="synop", device="caen")
    found = brought.series("caen", "outdoor", "temperature")
    month = found.time.astype("M8[ns]").astype("M8[M]").astype(str)

    assert (reference["rows"], 0) == (all_of_it.result.rows, all_of_it.counts("refused"))
    again = all_of_it.reasons[("repaired", "told again with the same value, kept once")][0]
    assert 4 * len(reference["repeated_stamps"]) == again
    temperature = all_of_it.result.series[0]
    assert sum(one["obs_with_t"] for one in reference["years"].values()) == temperature.count
    assert {
        name: (one["obs_with_t"], one["mean_C"], one["min_C"], one["max_C"])
        for name, one in reference["months"].items()
        if name < "2016"
    } == {
        name: (
            int((month == name).sum()),
            pytest.approx(found.value[month == name].mean(), rel=1e-9),
            pytest.approx(found.value[month == name].min()),
            pytest.approx(found.value[month == name].max()),
        )
        for name in np.unique(month)
    }


def test_one_station_of_many(shared, tmp_path):
    """Nobody said which station: one stamp has fifty temperatures, nothing comes in, and the sentence says why."""
    file = shared / "series" / "synop-caen" / "synop_mainland_t_201702.csv"
    keys = {"layout": "synop", "device": "caen", "series": [{"column": "t", "quantity": "temperature", "unit": "K"}]}

    all_of_them = bring(file, tmp_path / "all", **keys)
    one = bring(file, tmp_path / "one", **keys, where={"numer_sta": "07027"})

    assert "told again with another value" in all_of_them.result.problem
    assert "does the file hold several devices? then say where = {...}" in all_of_them.result.problem
    assert [] == all_of_them.archive.sites()
    assert (None, 224) == (one.result.problem, one.result.taken)


@pytest.mark.parametrize("server", ["cbsugpu05", "cbsugpu08"])
def test_servers_with_a_footer_and_a_hole_of_half_a_year(shared, tmp_path, server):
    """Tabs, a mark at the beginning, two lines of an SQL client, one row for two hours in November."""
    reference = expected(shared / "series" / "biohpc-gpu-servers")[f"{server}_usage_stats.txt"]
    file = shared / "series" / "biohpc-gpu-servers" / f"{server}_usage_stats.txt"
    autumn = tmp_path / "autumn.txt"
    lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    autumn.write_text("".join(line for line in lines if "name" in line or "\t2024-1" in line), encoding="utf-8")

    brought = bring(file, tmp_path, layout="biohpc-gpu", device="m", dry_run=True)
    power, temperature, load = brought.result.series
    span = (power.end - power.start) / HOUR

    assert (reference["rows"], reference["rows"], 0) == (brought.result.rows, power.count, brought.counts("refused"))
    assert reference["kWh_sum_of_present_hours"] == pytest.approx(power.joules / 3.6e6, rel=1e-9)
    assert (reference["missing_hours"], reference["coverage_of_span"]) == (
        span - power.count,
        pytest.approx(power.count / span),
    )
    assert 2 == brought.reasons[("left out", "lines to ignore, as told")][0]
    assert max(one["max_temp_C"] or 0 for one in reference["months"].values()) >= temperature.high
    assert 0.0 <= load.low <= load.high <= 1.0

    kept = bring(autumn, tmp_path / "archive", layout="biohpc-gpu", device="m")
    by_month = months(kept.series(), "America/New_York")
    assert {
        name: (one["kWh"], one["coverage"]) for name, one in reference["months"].items() if name[:6] == "2024-1"
    } == {name: pytest.approx(one, rel=1e-9) for name, one in by_month.items()}


def test_temperature_of_a_region(shared, tmp_path):
    """Thirteen regions in no order of days; one day is missing and stays so."""
    reference = expected(shared / "series" / "odre-temperature-regions")
    brought = bring(
        shared / "series" / "odre-temperature-regions" / "temperature-quotidienne-regionale.csv",
        tmp_path,
        layout="odre-temperature",
        device="m",
        where={"region": "Normandie"},
        dry_run=True,
    )
    told = next(one for one in brought.result.series if one.point == "outdoor")

    assert (reference["rows"], reference["normandie"]["days"]) == (brought.result.rows, told.count)
    years = reference["normandie"]["years"]
    mean = sum(one["mean_tmoy"] * one["days"] for one in years.values()) / told.count
    assert mean == pytest.approx(told.mean, rel=1e-4)  # days of 23 and 25 hours weigh differently


@pytest.mark.parametrize(
    ("meter", "kept"), [("B5_MSB_AC", False), ("CH_B4_01", False), ("CH_B4_02", True), ("CH_B4_03", False)]
)
def test_registers_with_zeros_and_the_power_beside_them(shared, tmp_path, meter, kept):
    """A register comes in as it stands, zeros and all: what they mean is decided by whoever counts, later."""
    reference = expected(shared / "series" / "monash-meters")[f"{meter}_daily.csv"]
    file = shared / "series" / "monash-meters" / f"{meter}_daily.csv"
    brought = bring(file, tmp_path, layout="monash-meter", device="m", dry_run=not kept)
    register, power = brought.result.series[:2]

    assert (None, reference["days"], 0) == (brought.result.problem, brought.result.rows, brought.counts("refused"))
    assert (reference["register_first"], reference["register_last"]) == (
        pytest.approx(register.first / 3.6e6),
        pytest.approx(register.last / 3.6e6),
    )
    assert reference["power_days_x_24_kWh"] == pytest.approx(power.joules / 3.6e6, rel=1e-9)
    if kept:
        read = brought.archive.read(SITE, *ALWAYS)
        energy = read["m", "total", "energy"].value
        glitches = reference["glitch_days"]
        days = glitches["count"] if isinstance(glitches, dict) else len(glitches)
        assert days == int((energy < np.maximum.accumulate(energy) - 3.6e6).sum())
        by_month = months(read["m", "total", "power"], "Asia/Singapore")
        assert {name: one["power_days_x_24_kWh"] for name, one in reference["months"].items()} == {
            name: pytest.approx(by_month[name][0], rel=1e-9, abs=1e-6) for name in reference["months"]
        }


def test_stamps_that_a_spreadsheet_swapped(shared, tmp_path):
    """Two formats, told by the map: 2,089 of 5,562 hours come back to their month."""
    reference = expected(shared / "series" / "monash-meters")["chiller_1_hourly.csv"]
    brought = bring(
        shared / "series" / "monash-meters" / "chiller_1_hourly.csv",
        tmp_path,
        layout="monash-chiller-hourly",
        device="m",
    )
    power = next(one for one in brought.result.series if one.quantity == "power")

    assert (reference["rows"], reference["rows"], 0) == (brought.result.rows, power.count, brought.counts("refused"))
    assert reference["missing_hours"] == (power.end - power.start) / HOUR - power.count
    assert reference["max_kW"] * 1e3 == power.high
    assert reference["months"] == {
        name: pytest.approx(kwh, rel=1e-9) for name, (kwh, _) in months(brought.series(), "Asia/Singapore").items()
    }


def test_buildings_by_the_day_and_by_the_hour(shared, tmp_path):
    """Local days of 23 to 25 hours, hours stamped at their end, degrees Fahrenheit, blanks."""
    reference = expected(shared / "series" / "nmecr-baseline")
    folder = shared / "series" / "nmecr-baseline"
    daily = bring(folder / "building_daily.csv", tmp_path / "daily", layout="nmecr-daily", device="m", dry_run=True)
    hourly = bring(
        folder / "building2_hourly.csv", tmp_path / "hourly", layout="nmecr-hourly", device="m", dry_run=True
    )
    days, hours = daily.result.series[0], hourly.result.series[0]
    years = reference["totals_kWh_by_year_from_march"]

    assert (1095, 0, 0) == (days.count, daily.counts("refused"), hourly.counts("refused"))
    assert sum(years.values()) == pytest.approx(days.joules / 3.6e6, rel=1e-9)
    assert (reference["building2"]["hourly_rows"], reference["building2"]["hourly_temperatures_missing"]) == (
        hours.count,
        hourly.reasons[("left out", "without a value")][0],
    )
    assert reference["building2"]["sum_eload"] == pytest.approx(hours.joules / 3.6e6, rel=1e-9)
