import csv
import json
import math
from datetime import datetime

import numpy as np
import pytest

from dc_monitor.kernels.cooling import capacity_factor, cooling_degree_days, economiser_share

S = 1_000_000_000
HOUR = 3600 * S
DAYS = [20.9, 21.0, 23.9, 24.0, 26.5]


def test_v66_cooling_degree_days_by_both_methods():
    """V-66: 8.5 where days count from 24 °C on (Eurostat), 11.4 as the plain sum."""
    assert math.isclose(8.5, cooling_degree_days(DAYS, 21.0, 24.0).kelvin_days, abs_tol=1e-9)
    assert math.isclose(11.4, cooling_degree_days(DAYS, 21.0).kelvin_days, abs_tol=1e-9)


def test_a_day_that_is_not_known_adds_nothing_and_is_not_counted():
    """Coverage is told in days; nothing is scaled up."""
    assert (5.5, 2) == cooling_degree_days([26.5, math.nan, 20.0], 21.0, 24.0)
    assert (0.0, 0) == cooling_degree_days([], 21.0, 24.0)
    assert (0.0, 0) == cooling_degree_days([math.nan], 21.0, 24.0)


def test_a_trigger_below_the_base_is_refused():
    """Days would count negatively."""
    with pytest.raises(ValueError, match=r"trigger must not lie below the base, 18\.0 is less than 21\.0"):
        cooling_degree_days(DAYS, 21.0, 18.0)


def test_normandy_s_degree_days_are_those_of_other_code(shared):
    """Six years of regional daily means, in no order, one day missing: the sums of `expected.json` over 18 °C."""
    folder = shared / "series/odre-temperature-regions"
    expected = json.loads((folder / "expected.json").read_text())["results"]["normandie"]["years"]
    years: dict[str, list[float]] = {}
    with (folder / "temperature-quotidienne-regionale.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file, delimiter=";"):
            if row["code_insee_region"] == "28":
                years.setdefault(row["date"][:4], []).append(float(row["tmoy"]))

    found = {year: cooling_degree_days(means, 18.0) for year, means in years.items()}

    assert {year: one["days"] for year, one in expected.items()} == {year: one.days for year, one in found.items()}
    for year, one in expected.items():
        assert math.isclose(one["CDD18"], found[year].kelvin_days, rel_tol=1e-9)


def test_caen_s_degree_days_are_those_of_other_code(shared):
    """Four years of reports every three hours, some missing or twice: daily means of at least six, over 18 °C."""
    folder = shared / "series/synop-caen"
    expected = json.loads((folder / "expected.json").read_text())["results"]["years"]
    first: dict[str, float] = {}
    with (folder / "synop_07027_2015-2018.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file, delimiter=";"):
            if row["t"] != "mq":
                first.setdefault(row["date"], float(row["t"]) - 273.15)
    days: dict[str, list[float]] = {}
    for stamp, celsius in first.items():
        days.setdefault(datetime.strptime(stamp, "%Y%m%d%H%M%S").strftime("%Y-%m-%d"), []).append(celsius)
    means = {day: float(np.mean(values)) if len(values) >= 6 else math.nan for day, values in days.items()}

    for year, one in expected.items():
        found = cooling_degree_days([mean for day, mean in means.items() if day.startswith(year)], 18.0)
        assert one["valid_days"] == found.days
        assert math.isclose(one["CDD18"], found.kelvin_days, rel_tol=1e-9)


def test_capacity_factor_by_hand():
    """Twice 100 kW for 45 kW of IT is four times what is needed; without a load there is nothing to compare."""
    np.testing.assert_allclose([200.0 / 49.5, 1.2], capacity_factor([200.0, 132.0], [45.0, 100.0]))
    assert np.isnan(capacity_factor([100.0, 100.0, math.nan], [0.0, math.nan, 10.0])).all()


def test_economiser_share_by_hand():
    """Five hours with a load, two of them unknown, compressors off in one of the rest; the last has no load."""
    time = np.arange(7) * HOUR
    compressors = [4000.0, 30.0, 4000.0, math.nan, 4000.0, 0.0, 0.0]
    load = [9000.0, 9000.0, 9000.0, 9000.0, 9000.0, 0.0, 0.0]

    assert (1 / 3, 3 * HOUR) == economiser_share(time, compressors, load, HOUR, idle=50.0)


def test_economiser_share_of_nothing_is_absent():
    """No load, or nothing known, is no share."""
    for compressors, load in (([0.0, 0.0], [0.0, 0.0]), ([math.nan] * 2, [1.0] * 2), ([], [])):
        share, known = economiser_share(np.arange(len(load)) * HOUR, compressors, load, HOUR, idle=50.0)
        assert math.isnan(share)
        assert 0 == known
