import json
import math
from dataclasses import replace

import numpy as np
import pytest

from dc_monitor.kpi.air import AirSensor, Where, air_sensors
from dc_monitor.kpi.asked import Asked
from dc_monitor.kpi.compliance import inlet_figures
from dc_monitor.kpi.sentences import LANGUAGES
from dc_monitor.kpi.thermal import thermal
from dc_monitor.kpi.thermal_rules import ThermalRules, envelope
from kpi.rooms import DAY, HOUR, MINUTE, NOON, Memory, codes, every, samples, without

A1 = envelope("A1")
TIME = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
EXACT = ThermalRules(sensor_accuracy=0.0)
"""Sensors that never err, so that intervals are points."""


def asked(start=NOON, end=NOON + DAY, rules=EXACT, **more):
    """Twenty-four hours of a room."""
    return Asked("room", start, end, thermal=rules, **more)


def temperatures(**celsius):
    """A history: point of device `p` → temperature, each minute; `__` in a name is a slash."""
    return {("p", name.replace("__", "/"), "temperature"): samples(TIME, one) for name, one in celsius.items()}


def inlets(*celsius):
    """Inlet after inlet at a constant temperature."""
    return temperatures(**{f"probe__{k}": one for k, one in enumerate(celsius)})


def of(series, history=None, classed=A1, sensors=None, question=None, **more):
    """The figures by boundary and name, and the whole answer."""
    found = thermal(
        question or asked(),
        air_sensors(series, {"crac": "cooling"}, {}) if sensors is None else sensors,
        history or Memory(series),
        classed,
        **more,
    )
    return {(one.boundary, one.kpi): one for one in found.figures}, found


# What inlets get.


@pytest.mark.parametrize(
    ("celsius", "name", "high", "low"),
    [
        pytest.param([18.0, 22.5, 27.0], "A1", 1.0, 1.0, id="V-12"),
        pytest.param([24.0, 25.0, 26.0, 29.5], "A1", 0.875, 1.0, id="V-13"),
        pytest.param([20.0, 16.5], "A1", 1.0, 0.75, id="V-14"),
        pytest.param([45.0, 45.0], "A1", 0.0, 1.0, id="V-15"),
        pytest.param([30.0], "A2", 0.625, 1.0, id="V-16"),
    ],
)
def test_rack_cooling_index_of_a_day(celsius, name, high, low):
    """V-12 to V-16 as figures: a day at these temperatures."""
    figures, _ = of(inlets(*celsius), classed=envelope(name))

    assert math.isclose(high, figures["site", "rci_high"].value, abs_tol=1e-9)
    assert math.isclose(low, figures["site", "rci_low"].value, abs_tol=1e-9)
    assert f"ASHRAE TC 9.9, 5th edition (2021), class {name}" == figures["site", "rci_high"].edition
    assert [len(celsius)] == [
        one.values["count"] for one in figures["site", "rci_high"].notes if one.code == "inlets_counted"
    ]


def test_v13_is_told_as_poor():
    """V-13: 87.5 % is a poor index, 100 % a good one."""
    figures, _ = of(inlets(24.0, 25.0, 26.0, 29.5))

    assert "rci_poor" in codes(figures["site", "rci_high"].notes)
    assert "rci_good" in codes(figures["site", "rci_low"].notes)


def test_v17_without_inlets_there_is_no_index():
    """V-17: no value, and a sentence that says what to hang where."""
    figures, _ = of({})

    for kpi in ("rci_high", "rci_low", "recommended_share", "allowable_share", "recommended_moist_share"):
        assert (None, None, None, 0.0) == (
            figures["site", kpi].value,
            figures["site", kpi].low,
            figures["site", kpi].high,
            figures["site", kpi].coverage,
        )
        assert ["no_inlets"] == codes(figures["site", kpi].missing)


def test_hours_and_kelvin_hours_by_hand():
    """Six hours at 29 °C of twenty-four, all else at 22 °C: bands, kelvin-hours and shares."""
    hot = (TIME >= NOON + 6 * HOUR) & (TIME < NOON + 12 * HOUR)
    figures, found = of(inlets(np.where(hot, 29.0, 22.0)))
    inside = found.inlets[0].as_json(EXACT.changes)
    # Each edge is a minute's slope from 22 to 29 °C, of which 2/7 lie above 27 °C.
    outside = 6.0 - 1 / 60 + 2 * (2 / 7) / 60

    assert math.isclose(outside, inside["hours"]["allowable_high"], rel_tol=1e-9)
    assert math.isclose(24.0 - outside, inside["hours"]["recommended"], rel_tol=1e-9)
    assert 0.0 == inside["hours"]["above_allowable"]
    assert math.isclose(24.0, sum(inside["hours"].values()))
    assert math.isclose(2 * (6 - 1 / 60) + 2 * (2 / 7) / 60, inside["kelvin_hours"]["above_recommended"], rel_tol=1e-9)
    assert math.isclose(1.0 - outside / 24, figures["site", "recommended_share"].value)
    assert 1.0 == figures["site", "allowable_share"].value
    assert (22.0, 29.0) == (inside["lowest"], inside["highest"])
    assert ["worst_inlet"] == [code for code in codes(figures["site", "recommended_share"].notes) if "worst" in code]


def test_an_inlet_counts_with_the_time_it_is_known():
    """A probe at 29 °C that was silent for 18 of 24 hours weighs a quarter of one that was not."""
    series = inlets(22.0, 29.0)
    series["p", "probe/1", "temperature"] = without(series["p", "probe/1", "temperature"], NOON + 6 * HOUR, NOON + DAY)
    figures, _ = of(series)
    share = figures["site", "recommended_share"]

    assert math.isclose(0.625, share.coverage)
    assert math.isclose(0.8, share.value)
    assert ["inlets_partly"] == codes(share.missing)
    assert (18 * HOUR, "p/probe/1") == (share.missing[0].values["missing"], share.missing[0].values["sensor"])


def test_less_than_half_known_is_no_figure():
    """One probe of three speaks: absent, and the silent are named."""
    series = inlets(22.0)
    sensors = [*air_sensors(series, {}, {}), *(AirSensor("q", f"probe/{k}", "inlet") for k in (0, 1))]
    figures, _ = of(series, sensors=sensors)
    share = figures["site", "recommended_share"]

    assert share.value is None
    assert math.isclose(1 / 3, share.coverage)
    assert ["low_air_coverage", "inlets_silent"] == codes(share.missing)
    assert "q/probe/0, q/probe/1" == share.missing[1].values["names"]


def test_many_silent_inlets_are_counted_and_five_named():
    """A sentence stays a sentence in a hall of a thousand racks."""
    sensors = [AirSensor("q", f"probe/{k}", "inlet") for k in range(7)]
    figures, _ = of({}, sensors=sensors)
    silent = next(one for one in figures["site", "rci_high"].missing if one.code == "inlets_silent")

    assert (
        "Inlets that sent nothing in the period: 7 of 7 (q/probe/0, q/probe/1, q/probe/2, q/probe/3, q/probe/4, …)."
        == (silent.text())
    )


@pytest.mark.parametrize("celsius", [math.nan, math.inf])
def test_readings_without_a_value_are_silence(celsius):
    """A probe that answers without a number is known for no time."""
    figures, found = of(inlets(celsius))

    assert figures["site", "rci_high"].value is None
    assert 0.0 == figures["site", "rci_high"].coverage
    assert (None, None) == (found.inlets[0].lowest, found.inlets[0].highest)


def test_probe_read_once_an_hour_is_known_all_day():
    """The gap rule is that of energy: three periods, or a quarter of an hour if that is longer."""
    time = every(HOUR, NOON - DAY, NOON + 2 * DAY)
    figures, _ = of({("p", "probe/0", "temperature"): samples(time, 22.0)})

    assert (1.0, 1.0) == (figures["site", "rci_high"].value, figures["site", "rci_high"].coverage)


def test_probe_read_every_three_hours_is_known_all_day():
    """Its neighbours outside the period are read from further away than an hour."""
    time = every(3 * HOUR, NOON - DAY - HOUR, NOON + 3 * DAY)
    figures, _ = of({("p", "probe/0", "temperature"): samples(time, 22.0)})

    assert (1.0, 1.0) == (figures["site", "rci_high"].value, figures["site", "rci_high"].coverage)


@pytest.mark.parametrize(
    ("celsius", "band"),
    [
        (14.0, "below_allowable"),
        (16.0, "allowable_low"),
        (22.0, "recommended"),
        (30.0, "allowable_high"),
        (33.0, "above_allowable"),
    ],
)
def test_each_hour_belongs_to_one_band(celsius, band):
    """A whole day, and no other band has any of it."""
    hours = of(inlets(celsius))[1].inlets[0].as_json(EXACT.changes)["hours"]

    assert {band: 24.0} == {name: time for name, time in hours.items() if time}


def test_wild_readings_are_no_temperatures():
    """A probe that tells 655.35 °C or −127 °C for nothing spoils no kelvin-hours and ends no computation."""
    wild = np.where(TIME < NOON + 3 * HOUR, 655.35, np.where(TIME < NOON + 6 * HOUR, -127.0, 22.0))
    figures, found = of(moist(wild, humidity=0.45))

    assert (1.0, 1.0) == (figures["site", "rci_high"].value, figures["site", "recommended_moist_share"].value)
    assert 0.74 < figures["site", "rci_high"].coverage < 0.76
    assert (22.0, 22.0) == (found.inlets[0].lowest, found.inlets[0].highest)


def test_rooms_and_rows_have_their_own_figures():
    """Two rows in one room, one hot; the row alone shows it fully. A row's name may return in another room."""
    series = inlets(22.0, 30.0, 22.0)
    where = {"p/probe/0": Where("A1", "A", "hall"), "p/probe/1": Where("B1", "B", "hall")}
    figures, found = of(series, sensors=air_sensors(series, {}, {}, where=where))
    values = {boundary: figures[boundary, "rci_high"].value for boundary in found.boundaries}

    assert {"site": 0.8, "room/hall": 0.7, "row/hall/A": 1.0, "row/hall/B": 0.4} == {
        boundary: round(value, 9) for boundary, value in values.items()
    }
    one_room = of(series, sensors=air_sensors(series, {}, {}, where={"p": Where("A1", "A", "hall")}))[1]
    assert ["site", "room/hall", "row/A"] == [*one_room.boundaries]


def test_worst_inlet_of_each_boundary_is_named():
    """By kelvin-hours beyond what is recommended; nobody when all keep to it."""
    _, found = of(inlets(22.0, 28.0, 16.5))
    told = found.as_json()["boundaries"][0]

    assert ("site", 3, "p/probe/2") == (told["boundary"], told["inlets"], told["worst"])
    assert math.isclose(24.0, told["kelvin_hours"]["above_recommended"])
    assert of(inlets(22.0))[1].as_json()["boundaries"][0]["worst"] is None


# Intervals.


def test_interval_of_a_share_by_hand():
    """26.5 °C with sensors of ±1 K: were it 1 K warmer it would be out all day, were it colder nothing changes."""
    figures, _ = of(inlets(26.5, 22.0), question=asked(rules=ThermalRules()))
    share = figures["site", "recommended_share"]

    assert 1.0 == share.value == share.high
    assert math.isclose(1.0 - 1.96 * 0.5 / math.sqrt(3.0), share.low)


def test_interval_of_an_index_by_hand():
    """Four inlets at 29 °C with sensors of ±1 K: each moves the sum by 1 K, independent of the others."""
    figures, _ = of(inlets(29.0, 29.0, 29.0, 29.0), question=asked(rules=ThermalRules()))
    index = figures["site", "rci_high"]
    half = 1.96 * 0.2 / math.sqrt(3.0) / 2.0

    assert math.isclose(0.6, index.value)
    assert math.isclose(0.6 - half, index.low)
    assert math.isclose(0.6 + half, index.high)
    assert "sensors_assumed" in codes(index.notes)


def test_intervals_hold_their_value_and_stay_between_0_and_1():
    """Also where everything is far out."""
    for celsius in (-10.0, 15.2, 18.0, 26.9, 31.9, 60.0):
        figures, _ = of(inlets(celsius), question=asked(rules=ThermalRules()))
        for kpi in ("recommended_share", "allowable_share", "rci_high", "rci_low"):
            one = figures["site", kpi]
            assert 0.0 <= one.low <= one.value <= one.high <= 1.0


# Class, altitude, change.


def test_a_class_nobody_told_is_assumed_and_told():
    """A1 of the newest edition, the strictest of enterprise equipment."""
    figures, _ = of(inlets(22.0), classed=None)

    assert "class_assumed" in codes(figures["site", "rci_high"].notes)
    assert figures["site", "rci_high"].edition.endswith("(2021), class A1")
    assert "class_assumed" not in codes(of(inlets(22.0))[0]["site", "rci_high"].notes)


def test_altitude_lowers_what_is_allowable_and_leaves_the_index():
    """At 1500 m A1 ends at 30 °C: 31 °C is out; Herrlin's index keeps the class's own span."""
    low, _ = of(inlets(31.0))
    high, _ = of(inlets(31.0), altitude=1500.0)

    assert (1.0, 0.0) == (low["site", "allowable_share"].value, high["site", "allowable_share"].value)
    assert low["site", "rci_high"].value == high["site", "rci_high"].value
    assert [(1500.0, 30.0)] == [
        (one.values["altitude"], one.values["celsius"])
        for one in high["site", "allowable_share"].notes
        if one.code == "derated"
    ]


def test_an_old_edition_says_that_its_limits_were_not_read():
    """What nobody here read in the standard is marked wherever it is used."""
    figures, _ = of(inlets(22.0), classed=envelope("A1", "2011"))

    assert "temperatures_unconfirmed" in codes(figures["site", "rci_high"].notes)
    assert "temperatures_unconfirmed" not in codes(of(inlets(22.0))[0]["site", "rci_high"].notes)


def test_an_inlet_that_changes_too_fast_is_told():
    """6 K within a minute is more than 5 K in a quarter of an hour, and less than 20 K in an hour."""
    figures, found = of(inlets(np.where(TIME < NOON + HOUR, 20.0, 26.0), 22.0))
    fast = [one for one in figures["site", "allowable_share"].notes if one.code == "changed_fast"]
    changes = found.inlets[0].as_json(EXACT.changes)["changes"]

    assert [(15 * MINUTE, 1, "p/probe/0")] == [
        (one.values["span"], one.values["count"], one.values["sensor"]) for one in fast
    ]
    assert [(900, 6.0), (3600, 6.0)] == [(one["within_seconds"], one["kelvin"]) for one in changes]


# Moisture.


def moist(celsius=22.0, humidity=None, dew_point=None):
    """One inlet with humidity or a dew point, each minute, a second after the temperature."""
    series = inlets(celsius)
    for quantity, value in (("humidity", humidity), ("dew_point", dew_point)):
        if value is not None:
            series["p", "probe/0", quantity] = samples(TIME + 10**9, value)
    return series


@pytest.mark.parametrize(
    ("readings", "recommended", "allowable"),
    [
        pytest.param({"humidity": 0.45}, 1.0, 1.0, id="an ordinary room"),
        pytest.param({"humidity": 0.75}, 0.0, 0.0, id="75 % at 22 °C: dew point 17.4 °C"),
        pytest.param({"celsius": 19.0, "humidity": 0.75}, 0.0, 1.0, id="75 % at 19 °C: dew point 14.5 °C"),
        pytest.param({"dew_point": 16.0}, 0.0, 1.0, id="dew point 16 °C"),
        pytest.param({"dew_point": -10.0}, 0.0, 1.0, id="dew point −10 °C: 10.7 %"),
        pytest.param({"dew_point": -15.0}, 0.0, 0.0, id="dew point −15 °C"),
        pytest.param({"celsius": 29.0, "humidity": 0.40}, 0.0, 1.0, id="too warm, moisture recommended"),
    ],
)
def test_moisture_by_humidity_or_dew_point(readings, recommended, allowable):
    """Temperature and both limits of moisture together, class A1 of 2021."""
    figures, _ = of(moist(**readings))

    for kpi, expected in (("recommended_moist_share", recommended), ("allowable_moist_share", allowable)):
        figure = figures["site", kpi]
        assert (expected, None, None) == (figure.value, figure.low, figure.high)
        assert "moisture_unconfirmed" in codes(figure.notes)


def test_moisture_of_some_inlets_says_of_how_many():
    """A hall has one humid probe in twenty; the others are left out, and that is told."""
    series = moist(humidity=0.45) | {("p", "probe/1", "temperature"): samples(TIME, 40.0)}
    share = of(series)[0]["site", "allowable_moist_share"]

    assert (1.0, 1.0) == (share.value, share.coverage)
    assert [(1, 2)] == [(one.values["count"], one.values["all"]) for one in share.notes if one.code == "moist_inlets"]
    assert ["p/probe/0"] == [one.sensor for one in share.lineage]


def test_without_humidity_moisture_is_absent_and_the_rest_is_not():
    """Temperature alone tells the rack cooling index."""
    figures, _ = of(inlets(22.0))

    assert ["no_humidity"] == codes(figures["site", "recommended_moist_share"].missing)
    assert figures["site", "recommended_moist_share"].value is None
    assert 1.0 == figures["site", "rci_high"].value


def test_wild_readings_of_humidity_are_no_humidity():
    """A sensor that tells 655.35 for nothing does not end the computation."""
    figures, _ = of(moist(humidity=np.where(TIME < NOON + 6 * HOUR, 655.35, 0.45)))

    assert 1.0 == figures["site", "recommended_moist_share"].value
    assert 0.74 < figures["site", "recommended_moist_share"].coverage < 0.76


# Mixing.


def room(inlet=21.0, exhaust=33.0, supply=18.0, returned=30.0):
    """One rack and one air handler; None is a sensor that is not there."""
    series = temperatures(**{"probe__front": inlet} if inlet is not None else {})
    series |= temperatures(**{"probe__rear": exhaust} if exhaust is not None else {})
    for point, celsius in (("supply", supply), ("return", returned)):
        if celsius is not None:
            series["crac", point, "temperature"] = samples(TIME, celsius)
    return series


def test_v65_as_figures_of_a_room():
    """V-65 and V-24: everything that one rack and one air handler tell."""
    figures, found = of(room())
    values = {kpi: figures["site", kpi].value for kpi in ("rti", "shi", "rhi", "bypass", "flow_balance")}

    assert {"rti": 1.0, "shi": 0.2, "rhi": 0.8, "bypass": 0.2, "flow_balance": 1.0} == {
        kpi: round(value, 9) for kpi, value in values.items()
    }
    rack = found.as_json()["racks"][0]
    assert ("site", "p", 12.0, 24.0) == (
        rack["boundary"],
        rack["rack"],
        round(rack["rise"], 9),
        round(rack["hours"], 9),
    )
    assert (0.2, 0.25) == (round(rack["recirculation"], 9), round(rack["beta"], 9))
    assert {"inlet", "exhaust", "supply"} == {one.place for one in figures["site", "shi"].lineage}


@pytest.mark.parametrize(
    ("returned", "rti", "word"),
    [(33.0, 1.25, "rti_recirculation"), (27.0, 0.75, "rti_bypass"), (30.0, 1.0, "rti_balanced")],
    ids=["V-20 recirculation", "V-20 bypass", "V-19"],
)
def test_v19_v20_return_temperature_index_in_words(returned, rti, word):
    """V-19 and V-20: the number and what it means."""
    figure = of(room(returned=returned))[0]["site", "rti"]

    assert math.isclose(rti, figure.value, abs_tol=1e-9)
    assert word in codes(figure.notes)


def racks(*pairs):
    """Racks r0, r1, … with inlet and exhaust, one air handler 18 → 30 °C, and where they stand."""
    series, where = room(inlet=None, exhaust=None), {}
    for k, (inlet, exhaust) in enumerate(pairs):
        series |= temperatures(**{f"probe__r{k}-front": inlet, f"probe__r{k}-rear": exhaust})
        where |= {f"p/probe/r{k}-{side}": Where(f"r{k}") for side in ("front", "rear")}
    return series, air_sensors(series, {"crac": "cooling"}, {}, where=where)


def test_v21_racks_weigh_by_their_airflow():
    """V-21: 1 kW over 10 K and 3 kW over 20 K make 16 K; return − supply is 12 K."""
    series, sensors = racks((20.0, 30.0), (20.0, 40.0))
    series |= {("pdu", f"rack/{k}", "power"): samples(TIME, watts) for k, watts in enumerate((1000.0, 3000.0))}
    loads = {f"r{k}": ("pdu", f"rack/{k}") for k in (0, 1)}
    figures, _ = of(series, sensors=sensors, loads=loads)

    assert math.isclose(12.0 / 16.0, figures["site", "rti"].value)
    assert math.isclose((100 * 2 + 150 * 2) / (100 * 12 + 150 * 22), figures["site", "shi"].value)
    assert "equal_flow" not in codes(figures["site", "rti"].notes)


def test_v22_without_every_power_all_racks_count_the_same():
    """V-22: one power missing, the plain mean of 15 K, and the figure says so."""
    series, sensors = racks((20.0, 30.0), (20.0, 40.0))
    series["pdu", "rack/1", "power"] = samples(TIME, 3000.0)
    figures, _ = of(series, sensors=sensors, loads={"r0": ("pdu", "rack/0"), "r1": ("pdu", "rack/1")})

    assert math.isclose(12.0 / 15.0, figures["site", "rti"].value)
    assert "equal_flow" in codes(figures["site", "rti"].notes)


def test_a_power_that_was_silent_for_a_while_still_weighs():
    """Racks are known where their power is: a quarter of the day is missing, and the weights are those of V-21."""
    series, sensors = racks((20.0, 30.0), (20.0, 40.0))
    series |= {("pdu", f"rack/{k}", "power"): samples(TIME, watts) for k, watts in enumerate((1000.0, 3000.0))}
    for k in (0, 1):
        key = ("pdu", f"rack/{k}", "power")
        series[key] = without(series[key], NOON + 6 * HOUR, NOON + 12 * HOUR)
    loads = {f"r{k}": ("pdu", f"rack/{k}") for k in (0, 1)}
    figure = of(series, sensors=sensors, loads=loads)[0]["site", "rti"]

    assert math.isclose(12.0 / 16.0, figure.value)
    assert 0.75 == figure.coverage


def test_v23_racks_that_warm_nothing_are_left_out_or_leave_nothing():
    """V-23: one of two is dropped and named; where no other is left there is no figure."""
    series, sensors = racks((20.0, 30.0), (20.0, 18.0))
    figures, _ = of(series, sensors=sensors)

    assert math.isclose(1.2, figures["site", "rti"].value)
    assert math.isclose(2 / 12, figures["site", "shi"].value)
    assert ["r1"] == [one.values["racks"] for one in figures["site", "rti"].notes if one.code == "no_rise_at"]

    series, sensors = racks((20.0, 18.0), (20.0, 20.0))
    figures, _ = of(series, sensors=sensors)
    assert [None] * 5 == [figures["site", kpi].value for kpi in ("rti", "shi", "rhi", "bypass", "flow_balance")]
    assert ["no_rise"] == codes(figures["site", "rti"].missing)


@pytest.mark.parametrize(
    ("gone", "absent", "code"),
    [
        ("supply", {"rti", "shi", "rhi", "bypass", "flow_balance"}, "no_supply_air"),
        ("returned", {"rti", "bypass", "flow_balance"}, "no_return_air"),
        ("exhaust", {"rti", "shi", "rhi", "bypass", "flow_balance"}, "no_exhaust_air"),
        ("inlet", {"rti", "shi", "rhi", "bypass", "flow_balance"}, "no_inlets"),
    ],
)
def test_each_figure_names_the_sensor_it_misses(gone, absent, code):
    """And those that do not need it are there."""
    figures, _ = of(room(**{gone: None}))
    mixing = {kpi: figures["site", kpi] for kpi in ("rti", "shi", "rhi", "bypass", "flow_balance")}

    assert absent == {kpi for kpi, figure in mixing.items() if figure.value is None}
    assert all([code] == codes(mixing[kpi].missing) for kpi in absent)
    assert all(() == mixing[kpi].missing for kpi in set(mixing) - absent)


def test_a_silent_air_handler_is_named():
    """It is there and told nothing: another sentence than one that is missing."""
    series = room()
    for point in ("supply", "return"):
        key = ("crac", point, "temperature")
        series[key] = without(series[key], NOON + HOUR, NOON + DAY)
    figures, _ = of(series)

    assert ["air_silent", "air_silent"] == codes(figures["site", "rti"].missing)
    assert "Less than half of the period is known for crac/supply." == figures["site", "shi"].missing[0].text()


def test_one_dead_probe_of_several_is_left_out_and_named():
    """The rack is compared by the probes that speak."""
    series = room() | temperatures(**{"probe__front-low": 60.0})
    key = ("p", "probe/front-low", "temperature")
    series[key] = without(series[key], NOON + HOUR, NOON + DAY)
    figure = of(series)[0]["site", "shi"]

    assert math.isclose(0.2, figure.value)
    assert ["p/probe/front-low"] == [one.values["names"] for one in figure.missing if one.code == "air_silent"]


def test_front_and_rear_of_different_racks_are_no_pair():
    """What leaves one rack did not enter another."""
    series = room()
    where = {"p/probe/front": Where("r1"), "p/probe/rear": Where("r2")}
    figures, _ = of(series, sensors=air_sensors(series, {"crac": "cooling"}, {}, where=where))

    assert ["no_pair"] == codes(figures["site", "shi"].missing)


def test_means_are_of_the_same_instants():
    """The rack is silent while the air handler runs hot: those hours leave every side."""
    hot = (TIME > NOON + 6 * HOUR) & (TIME < NOON + 12 * HOUR)
    series = room(supply=np.where(hot, 26.0, 18.0))
    for point in ("probe/front", "probe/rear"):
        key = ("p", point, "temperature")
        series[key] = without(series[key], NOON + 6 * HOUR, NOON + 12 * HOUR)
    figures, _ = of(series)

    assert math.isclose(0.2, figures["site", "shi"].value)
    assert 0.75 == figures["site", "shi"].coverage


def test_rooms_are_compared_with_their_own_air_handlers():
    """Two rooms at 18 and 24 °C: each heat index is of its own supply, and there is none of the mixture."""
    series, where = {}, {}
    for name, supply in (("a", 18.0), ("b", 24.0)):
        for device, point, celsius in ((f"p{name}", "probe/front", supply + 3), (f"p{name}", "probe/rear", supply + 15),
                                       (f"crac-{name}", "supply", supply)):  # fmt: skip
            series[device, point, "temperature"] = samples(TIME, celsius)
            where[device] = Where(room=name)
    kinds = {"crac-a": "cooling", "crac-b": "cooling"}
    figures, _ = of(series, sensors=air_sensors(series, kinds, {}, where=where))

    assert [0.2, 0.2] == [round(figures[f"room/{name}", "shi"].value, 9) for name in "ab"]
    assert ("site", "shi") not in figures


def test_an_inlet_colder_than_the_supply_within_error_is_told_and_beyond_it_is_none():
    """Readings are not bent: −0.02 stands with its interval, −0.5 is a sensor with a wrong name."""
    within = of(room(inlet=17.7), question=asked(rules=ThermalRules()))[0]["site", "shi"]
    beyond = of(room(inlet=12.0), question=asked(rules=ThermalRules()))[0]

    assert math.isclose(-0.02, within.value)
    assert within.low < -0.02 < 0.0 < within.high
    for kpi in ("shi", "rhi"):
        assert beyond["site", kpi].value is None
        assert ["air_contradicts"] == codes(beyond["site", kpi].missing)


def test_interval_of_a_return_temperature_index_by_hand():
    """±1 K on each of four sensors, rectangular: 12/12 ± 1.96 · √(2 · 1/3 + 2 · 1/3) / 12."""
    figure = of(room(), question=asked(rules=ThermalRules()))[0]["site", "rti"]
    # To first order; inlet and exhaust are raised by their uncertainty, 1/√3 K, and not infinitesimally.
    half = 1.96 * math.sqrt(4.0 / 3.0) / 12.0

    assert math.isclose(1.0 - half, figure.low, abs_tol=0.01)
    assert math.isclose(1.0 + half, figure.high, abs_tol=0.01)


# Everything.


def test_the_answer_is_json_in_every_language():
    """One document, numbers that are numbers, sentences in the language asked for."""
    _, found = of(room() | moist(humidity=0.45), classed=None)

    for lang in LANGUAGES:
        told = json.loads(json.dumps(found.as_json(lang), allow_nan=False))
        assert {"figures", "boundaries", "inlets", "racks"} == told.keys()
    assert "A1 est supposée" in " ".join(told["figures"][0]["notes"])


def test_simulated_air_is_told():
    """A demo is no room."""
    series = {key: samples(TIME, 22.0, method="simulated") for key in inlets(22.0)}

    assert "simulated" in codes(of(series)[0]["site", "rci_high"].notes)


def test_estimates_make_the_status():
    """And twelve full months make it annual, when nine days in ten are known."""
    series = {key: samples(TIME, 22.0, method="estimated") for key in inlets(22.0)}

    assert "estimated" == of(series)[0]["site", "rci_high"].status
    assert ("interim", "24h") == (
        of(inlets(22.0))[0]["site", "rci_high"].status,
        of(inlets(22.0))[0]["site", "rci_high"].window,
    )
    new_year = 1_767_225_600 * 10**9  # 2026-01-01
    time = every(6 * HOUR, new_year - DAY, new_year + 366 * DAY)
    year = Asked("room", new_year, new_year + 365 * DAY, "2026", thermal=EXACT)
    figures, _ = of({("p", "probe/0", "temperature"): samples(time, 22.0)}, question=year)
    assert ("annual", "2026") == (figures["site", "rci_high"].status, figures["site", "rci_high"].window)
    figures, _ = of({("p", "probe/0", "temperature"): samples(time[: len(time) * 3 // 4], 22.0)}, question=year)
    assert "interim" == figures["site", "rci_high"].status


def test_a_period_that_is_none_is_refused():
    """One sentence with both ends."""
    with pytest.raises(ValueError, match="a period ends after it begins, not 5 to 5"):
        Asked("room", 5, 5)


def test_a_hall_over_a_year_does_not_overflow():
    """300 inlets × a year are more nanoseconds than 64 bits hold."""
    year = Asked("room", NOON, NOON + 365 * DAY, thermal=EXACT)
    one = of(inlets(22.0, 29.5), question=year)[1].inlets
    whole = [replace(inlet, exposure=inlet.exposure._replace(known=365 * DAY)) for inlet in one] * 300
    share, *_ = inlet_figures(year, "site", whole, A1, ())

    assert math.isclose(1.0, share.coverage)
    assert 0.99 < share.value <= 1.0


def test_many_sensors_are_read_in_batches():
    """A hall of 600 probes is not asked for at once, and every one of them counts."""
    time = every(10 * MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    series = {("p", f"probe/{k}", "temperature"): samples(time, 22.0 if k % 2 else 29.5) for k in range(600)}
    history = Memory(series)
    figures, found = of(series, history)

    assert 600 == len(found.inlets)
    assert math.isclose(0.75, figures["site", "rci_high"].value)
    assert 3 <= len(history.asked)
    assert max(len(wanted) for _, _, wanted in history.asked) <= 3 * 256
