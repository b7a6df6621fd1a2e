import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest

from dc_monitor.kpi.pue import DeviceFacts, pue
from dc_monitor.kpi.rules import RULES
from dc_monitor.topology import Dated, Meter, Span
from kpi.rooms import DAY, HOUR, KWH, MINUTE, NOON, Memory, S, codes, declared, every, meter, samples, tree, without

UTILITY = meter("utility", "total", "main/total")
IT = meter("it", "it", "pdu/total", fed_by=(Dated("utility"),))
ROOM = tree(UTILITY, IT)
FACTS = {"pdu": DeviceFacts("pdu"), "main": DeviceFacts("meter")}


def powers(time=None, **watts):
    """A history of powers by device, at `total`; 12:00 to 12:00, each minute, unless told."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR) if time is None else time
    return Memory({(device, "total", "power"): samples(time, one) for device, one in watts.items()})


def silent(history, device, start, end, point="total", quantity="power"):
    """The same history with a device silent for a while."""
    key = (device, point, quantity)
    return Memory({**history.series, key: without(history.series[key], start, end)})


def figure(history, topology=ROOM, start=NOON, end=NOON + DAY, facts=FACTS, **more):
    """The PUE of 24 hours."""
    return pue("room", topology, history, facts, start, end, **more)


def instant(*date):
    """A date as nanoseconds UTC."""
    return int(datetime(*date, tzinfo=UTC).timestamp()) * S


# The number.


def test_v01_a_year_of_registers():
    """V-01: 10 GWh in, 8 GWh for IT: 1.25, and with twelve full months it is annual."""
    start, end = instant(2025, 1, 1), instant(2026, 1, 1)
    days = every(DAY, start, end)
    share = (days - start) / (end - start)
    history = Memory(
        {
            ("main", "total", "energy"): samples(days, 10_000_000 * KWH * share),
            ("pdu", "total", "energy"): samples(days, 8_000_000 * KWH * share),
        }
    )

    found = figure(history, start=start, end=end, window="2025")

    assert math.isclose(1.25, found.value, rel_tol=1e-9)
    assert (1.0, "annual", 2, "2025") == (found.coverage, found.status, found.category, found.window)
    assert [10_000_000, 8_000_000] == [round(one.joules / KWH) for one in found.lineage]
    assert {"register"} == {one.source for one in found.lineage}


def test_v62_a_year_is_the_ratio_of_sums():
    """V-62: months of 100 and 300 MWh at 1.6 and 1.2 make 1.30, not the mean of ratios 1.40."""
    time = every(HOUR, NOON, NOON + 60 * DAY)
    first = time < NOON + 30 * DAY
    watts = {"main": np.where(first, 160.0, 360.0), "pdu": np.where(first, 100.0, 300.0)}
    registers = {
        (device, "total", "energy"): samples(time, np.concatenate(([0.0], np.cumsum(one[:-1] * 3600.0))))
        for device, one in watts.items()
    }

    found = figure(Memory(registers), start=NOON, end=NOON + 60 * DAY)

    assert math.isclose(1.30, found.value, rel_tol=1e-9)


def test_interval_of_two_classes_by_hand():
    """Classes of 0.5 % on either side of 1.5: 1.96 × 1.5 × 0.005 × √2 / √3 either way."""
    half = 1.96 * 1.5 * 0.005 * math.sqrt(2.0 / 3.0)

    found = figure(powers(main=1500.0, pdu=1000.0))

    assert math.isclose(1.5, found.value)
    assert math.isclose(1.5 - half, found.low)
    assert math.isclose(1.5 + half, found.high)
    assert ((), "interim", 2) == (found.notes, found.status, found.category)


def test_only_supplies_and_it_matter():
    """Cooling, lighting and the UPS lie between: their meters, silent or not, change nothing."""
    more = tree(UTILITY, IT, meter("chiller", "cooling", "chiller/total"), meter("ups", "ups", "ups/input"))

    assert figure(powers(main=1500.0, pdu=1000.0)) == figure(powers(main=1500.0, pdu=1000.0), more)


def test_all_supplies_and_all_it_are_added():
    """A feed that reads 0 W and a generator at rest are supplies like any other."""
    room = tree(
        UTILITY,
        meter("feed-b", "total", "feed-b/total"),
        meter("genset", "total", "genset/total", kind="generator"),
        IT,
        meter("it-b", "it", "pdu-b/total", fed_by=(Dated("utility"),)),
    )

    found = figure(powers(main=1500.0, **{"feed-b": 0.0}, genset=0.0, pdu=600.0, **{"pdu-b": 400.0}), room)

    assert math.isclose(1.5, found.value)
    assert 1.0 == found.coverage


def test_same_instants_on_both_sides():
    """IT silent while the site runs hot for six hours: those leave both sums, and coverage tells."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    hot = (time > NOON + 6 * HOUR) & (time < NOON + 12 * HOUR)
    history = silent(
        powers(time, main=np.where(hot, 9000.0, 1500.0), pdu=1000.0), "pdu", *(NOON + 6 * HOUR, NOON + 12 * HOUR)
    )

    found = figure(history)

    assert math.isclose(1.5, found.value)
    assert 0.75 == found.coverage
    assert ["hole"] == codes(found.missing)[:1]
    assert (6 * HOUR, "it") == (found.missing[0].values["missing"], found.missing[0].values["meter"])
    assert [1.0, 0.75] == [one.coverage for one in found.lineage]


def test_holes_on_different_sides_add_up():
    """A quarter missing here and another there leave half, and just that is enough."""
    history = powers(main=1500.0, pdu=1000.0)
    history = silent(history, "main", NOON + 2 * HOUR, NOON + 8 * HOUR)
    history = silent(history, "pdu", NOON + 8 * HOUR, NOON + 14 * HOUR)

    found = figure(history)

    assert (0.5, ["hole", "hole"]) == (found.coverage, codes(found.missing)[:2])
    assert math.isclose(1.5, found.value)


def test_unknown_hours_widen_the_interval_by_how_much_hours_differ():
    """A PUE of 1.2 by night and 1.8 by day, a quarter unknown: far less certain than a steady one."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    swinging = np.where((time - NOON) % (2 * HOUR) < HOUR, 1200.0, 1800.0)
    steady, swings = (
        figure(silent(powers(time, main=main, pdu=1000.0), "pdu", NOON + 6 * HOUR, NOON + 12 * HOUR))
        for main in (1500.0, swinging)
    )

    assert swings.high - swings.low > 5 * (steady.high - steady.low)


def test_the_same_figure_twice_is_the_same_to_the_last_bit():
    """Reproducible, trials included."""
    room = tree(UTILITY, declared("lights", "total", 0.0, 50.0, 400.0), IT)

    assert figure(powers(main=1500.0, pdu=1000.0), room) == figure(powers(main=1500.0, pdu=1000.0), room)


# Dates.


def test_ratio_that_changes_in_mid_window_holds_for_its_own_part():
    """A transformer replaced at midnight: × 2 before, × 3 after, from readings of 500 W."""
    midnight = NOON + 12 * HOUR
    utility = meter(
        "utility",
        "total",
        "main/total",
        ratios=(Dated(2.0, Span(end=midnight)), Dated(3.0, Span(start=midnight))),
    )

    found = figure(powers(main=500.0, pdu=1000.0 / 2), tree(utility, IT))

    assert math.isclose(2.5, found.value)
    assert 1.0 == found.coverage


def test_time_without_a_ratio_is_left_out_and_said():
    """Nobody told the ratio of the first six hours: those have no scale."""
    utility = meter("utility", "total", "main/total", ratios=(Dated(1.0, Span(start=NOON + 6 * HOUR)),))

    found = figure(powers(main=1500.0, pdu=1000.0), tree(utility, IT))

    assert (0.75, ["no_ratio"]) == (found.coverage, codes(found.missing)[:1])
    assert math.isclose(1.5, found.value)


def test_meter_that_changes_its_role_is_counted_where_it_stood():
    """From midnight on the PDU is no longer IT but feeds the office, and another is IT."""
    midnight = NOON + 12 * HOUR
    old = Meter("old", (Dated("it", Span(end=midnight)), Dated("other", Span(start=midnight))), ("pdu", "total"))
    new = Meter("new", (Dated("it"),), ("pdu-b", "total"), span=Span(start=midnight))

    found = figure(powers(main=1500.0, pdu=1000.0, **{"pdu-b": 500.0}), tree(UTILITY, old, new))

    assert math.isclose(1500.0 / 750.0, found.value)
    assert [12.0, 6.0] == [round(one.joules / KWH, 9) for one in found.lineage[1:]]


@pytest.mark.parametrize(
    ("start", "end", "lost_days", "status"),
    [
        pytest.param(instant(2024, 12, 31, 23), instant(2025, 12, 31, 23), 0, "annual", id="a year of Paris"),
        pytest.param(instant(2025, 4, 1), instant(2026, 4, 1), 36, "annual", id="36 days lost"),
        pytest.param(instant(2025, 4, 1), instant(2026, 4, 1), 37, "interim", id="37 days lost"),
        pytest.param(instant(2025, 1, 15), instant(2026, 1, 15), 0, "interim", id="365 days, no full months"),
        pytest.param(instant(2025, 1, 1), instant(2025, 12, 1), 0, "interim", id="eleven months"),
    ],
)
def test_annual_is_twelve_full_months_with_nine_days_of_ten(start, end, lost_days, status):
    """Anything else is interim."""
    time = every(HOUR, start, end)
    history = powers(time, main=1500.0, pdu=1000.0)
    if lost_days:
        history = silent(history, "main", start + 10 * DAY, start + (10 + lost_days) * DAY)

    assert status == figure(history, start=start, end=end).status


# Reasons for none.

ABSENT = [
    pytest.param(tree(meter("it", "it", "pdu/total")), {"pdu": 1.0}, "no_total", id="no supply"),
    pytest.param(tree(UTILITY), {"main": 1.0}, "no_it", id="no IT"),
    pytest.param(ROOM, {"main": 1500.0}, "never", id="IT meter never heard"),
    pytest.param(ROOM, {"main": 1500.0, "pdu": math.nan}, "low_coverage", id="IT meter without a number"),
    pytest.param(ROOM, {"main": 1500.0, "pdu": 0.0}, "it_zero", id="IT at rest"),
    pytest.param(ROOM, {"main": 900.0, "pdu": 1000.0}, "it_exceeds_total", id="less in than out"),
    pytest.param(ROOM, {"main": 20_000.0, "pdu": 1000.0}, "above_range", id="twenty"),
    pytest.param(
        tree(UTILITY, meter("pv", "total", "roof/total", kind="pv"), IT), {"main": 1.5, "pdu": 1.0}, "never", id="roof"
    ),
    pytest.param(
        tree(meter("it", "it", "pdu/total", fed_by=(Dated("ghost"),))), {"pdu": 1.0}, "topology", id="broken tree"
    ),
]


@pytest.mark.parametrize(("room", "watts", "code"), ABSENT)
def test_figure_that_cannot_be_claimed_is_absent_and_says_why(room, watts, code):
    """Never 0 and never perfect: nothing, and a sentence."""
    found = figure(powers(**watts), room)

    assert (None, None, None) == (found.value, found.low, found.high)
    assert [code] == codes(found.missing)[:1]


def test_meter_that_fell_silent_is_named_with_its_last_word():
    """Last heard two days before the window: since then."""
    history = powers(main=1500.0, pdu=1000.0)
    history.series["pdu", "total", "power"] = samples(every(MINUTE, NOON - 3 * DAY, NOON - 2 * DAY), 1000.0)

    found = figure(history)

    assert "it has sent nothing since 2026-11-22 12:00 UTC." == found.missing[0].text()
    assert "it n’envoie plus rien depuis le 22/11/2026 à 12:00 UTC." == found.missing[0].text("fr")
    assert (None, 0.0) == (found.value, found.coverage)
    assert "hole" not in codes(found.missing)


def test_silent_supply_that_is_declared_leaves_a_figure():
    """A generator nobody can meter, declared at rest, likely and at most."""
    room = tree(UTILITY, declared("genset", "total", 0.0, 30.0, 120.0), IT)

    found = figure(powers(main=1500.0, pdu=1000.0), room)

    assert math.isclose(1.53, found.value)
    assert "estimated" == found.status
    assert found.high - found.value > found.value - found.low
    assert ("declared", "declared") == (found.lineage[1].source, found.lineage[1].method)
    assert ["declared"] == codes(found.notes)
    assert "meter_declared" in codes(found.missing)


def test_less_than_half_known_is_no_figure():
    """Coverage just under the minimum: the sentence says how much there was and how much it takes."""
    found = figure(silent(powers(main=1500.0, pdu=1000.0), "pdu", NOON + HOUR, NOON + 14 * HOUR))

    assert None is found.value
    assert ["low_coverage", "hole"] == codes(found.missing)[:2]
    assert "Only 46% of the period" in found.missing[0].text()
    assert math.isclose(11 / 24, found.coverage)


def test_dead_phase_is_not_taken_for_a_device_with_fewer_phases():
    """The third phase fell silent a week ago: the sum of two is not the IT energy."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    old = every(MINUTE, NOON - 8 * DAY, NOON - 7 * DAY)
    history = powers(time, main=1500.0)
    for phase in (1, 2, 3):
        history.series["pdu", f"l{phase}", "power"] = samples(time if phase < 3 else old, 300.0)

    assert None is figure(history).value


def test_empty_period_is_refused():
    """A programming mistake, not a question of coverage."""
    with pytest.raises(ValueError, match="ends after it begins"):
        figure(powers(main=1.0), start=NOON, end=NOON)


# Alerts.


def test_value_below_one_within_the_error_is_told_as_it_is():
    """0.998 ± 0.8 %: readings are not bent, and the sentence says what to think of it."""
    found = figure(powers(main=998.0, pdu=1000.0))

    assert math.isclose(0.998, found.value)
    assert found.low < 0.998 < 1.0 < found.high
    assert ["below_one"] == codes(found.notes)


def test_interval_does_not_reach_below_what_physics_allows():
    """1.002 ± 0.8 %: the lower end is 1."""
    found = figure(powers(main=1002.0, pdu=1000.0))

    assert 1.0 == found.low
    assert math.isclose(1.002, found.value)


def test_value_above_three_is_told_with_a_warning():
    """Possible, and seldom."""
    found = figure(powers(main=3500.0, pdu=1000.0))

    assert math.isclose(3.5, found.value)
    assert ["alert_high"] == codes(found.notes)


# Classes, methods, category.


def test_class_is_the_persons_else_the_profiles_else_assumed():
    """The configuration wins over the profile; 5 % are assumed where neither speaks, and that is said."""
    silent_it = meter("it", "it", "pdu/total", accuracy=None)
    told = figure(powers(main=1500.0, pdu=1000.0), tree(UTILITY, silent_it), facts={"pdu": DeviceFacts("pdu", 1.0)})
    assumed = figure(powers(main=1500.0, pdu=1000.0), tree(UTILITY, silent_it))

    assert [(0.5, False), (1.0, False)] == [(one.accuracy, one.assumed) for one in told.lineage]
    assert [(0.5, False), (5.0, True)] == [(one.accuracy, one.assumed) for one in assumed.lineage]
    assert (["assumed"], True) == (codes(assumed.notes), "tell_class" in codes(assumed.missing))
    assert assumed.high - assumed.low > 3 * (told.high - told.low)


def test_estimated_readings_make_the_figure_estimated_and_name_the_meter():
    """A UPS that tells only load percent: bounds of its own, no class on top."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    history = powers(time, main=1500.0)
    history.series["pdu", "total", "power"] = samples(time, 1000.0, 800.0, 1100.0, method="estimated")

    found = figure(history)

    assert "estimated" == found.status
    assert ["it does not measure real power; its energy is estimated."] == [one.text() for one in found.notes]
    assert "measure_estimated" in codes(found.missing)
    assert math.isclose(1500 / 800, found.high, rel_tol=0.02)
    assert math.isclose(1500 / 1100, found.low, rel_tol=0.02)
    assert ("estimated", 19.2, 26.4) == (
        found.lineage[1].method,
        round(found.lineage[1].low / KWH, 2),
        round(found.lineage[1].high / KWH, 2),
    )


def test_simulated_readings_are_told():
    """A demonstration is no site."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    history = powers(time, main=1500.0)
    history.series["pdu", "total", "power"] = samples(time, 1000.0, method="simulated")

    assert (["simulated"], "simulated") == (codes(figure(history).notes), figure(history).lineage[1].method)


CATEGORIES = [
    pytest.param("ups", "ups/output", "", 1, id="UPS output"),
    pytest.param("ups", "ups/input/total", "", None, id="UPS input is upstream of it"),
    pytest.param("pdu", "pdu/total", "", 2, id="PDU"),
    pytest.param("pdu", "pdu/l1", "", 2, id="PDU phase"),
    pytest.param("pdu", "pdu/bank/2", "", 2, id="PDU bank"),
    pytest.param("pdu", "pdu/outlet/7", "", 3, id="PDU outlet"),
    pytest.param("server", "bmc/input", "", 3, id="server input"),
    pytest.param("host", "host/package/0", "", None, id="a processor is not its server"),
    pytest.param("meter", "meter/total", "", None, id="a meter might be anywhere"),
    pytest.param("meter", "meter/total", "pdu-output", 2, id="unless told"),
    pytest.param("pdu", "pdu/total", "it-input", 3, id="the person knows better"),
]


@pytest.mark.parametrize(("kind", "reads", "measured_at", "category"), CATEGORIES)
def test_category_is_where_it_is_measured(kind, reads, measured_at, category):
    """By the device's kind and the side of it that is read, or as told."""
    device, _, point = reads.partition("/")
    history = powers(main=1500.0)
    history.series[device, point, "power"] = samples(every(MINUTE, NOON - HOUR, NOON + DAY + HOUR), 1000.0)

    found = figure(
        history, tree(UTILITY, meter("it", "it", reads, measured_at=measured_at)), facts={device: DeviceFacts(kind)}
    )

    assert category == found.category
    raising = {None: ["category_unknown"], 1: ["category_1"], 2: ["category_2"], 3: []}
    assert raising[category] == [code for code in codes(found.missing) if code.startswith("category")]


def test_category_is_the_lowest_among_the_it_meters():
    """One rack behind a measured PDU and one at its outlets: category 2; one nobody can place: none."""
    three = meter("three", "it", "pdu-b/outlet/1")
    unknown = meter("unknown", "it", "x/total")
    history = powers(main=1500.0, pdu=500.0, x=100.0)
    history.series["pdu-b", "outlet/1", "power"] = history.series["x", "total", "power"]
    facts = {**FACTS, "pdu-b": DeviceFacts("pdu")}

    assert 2 == figure(history, tree(UTILITY, IT, three), facts=facts).category
    assert None is figure(history, tree(UTILITY, IT, three, unknown), facts=facts).category


# Registers, reading, telling.


def test_restarted_register_is_told():
    """What it counted across the start is not known; the rest stands."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    counted = 1e9 + 1500.0 * (time - time[0]) / S
    counted[time >= NOON + HOUR] -= counted[time == NOON + HOUR]
    uptime = np.where(time < NOON + HOUR, 1e6, 0.0) + (time - time[0]) / S
    history = powers(time, pdu=1000.0)
    history.series["main", "total", "energy"] = samples(time, counted)
    history.series["main", "agent", "uptime"] = samples(
        time, np.where(time < NOON + HOUR, uptime, (time - NOON - HOUR) / S)
    )

    found = figure(history)

    assert ["register_restart"] == codes(found.notes)
    assert NOON + HOUR == found.notes[0].values["time"]
    assert math.isclose(1 - 1 / 1440, found.coverage)
    assert math.isclose(1.5, found.value)


def test_what_is_not_there_yet_is_no_hole():
    """A live window ends now, the last sample is a minute old: coverage tells, no sentence complains."""
    found = figure(powers(every(MINUTE, NOON - HOUR, NOON + DAY - MINUTE), main=1500.0, pdu=1000.0))

    assert math.isclose(1 - 1 / 1440, found.coverage)
    assert ["category_2"] == codes(found.missing)


def test_history_is_read_once_and_only_what_is_needed():
    """A healthy room costs one reading of the window and an hour around it."""
    history = powers(main=1500.0, pdu=1000.0, noise=1.0)

    figure(history)

    [(start, end, wanted)] = history.asked
    assert (NOON - HOUR, NOON + DAY + HOUR) == (start, end)
    assert {"main", "pdu"} == {device for device, _, _ in wanted}


def test_register_read_once_a_week_is_found_beyond_the_window():
    """A hand-read meter has no sample within a day; two of them around it are enough for a figure."""
    history = powers(pdu=1000.0)
    weeks = every(7 * DAY, NOON - 14 * DAY, NOON + 14 * DAY)
    history.series["main", "total", "energy"] = samples(weeks, 1500.0 * (weeks - weeks[0]) / S, method="manual")

    found = figure(history)

    assert math.isclose(1.5, found.value)
    assert (1.0, "manual") == (found.coverage, found.lineage[0].method)
    assert found.high - found.low > 1.0  # nobody knows on which day of the week it flowed


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_figure_is_json_in_either_language(lang):
    """Every value plain, times in ISO 8601, sentences as text; an absent value is null."""
    found = figure(powers(main=1500.0, pdu=1000.0)).as_json(lang)
    absent = figure(powers(main=1500.0)).as_json(lang)

    assert found == json.loads(json.dumps(found))
    assert ("2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z", "24h") == (found["from"], found["to"], found["window"])
    assert "ISO/IEC 30134-2:2026" == found["edition"]
    assert (None, 0.0) == (absent["value"], absent["coverage"])
    assert all(isinstance(text, str) for text in absent["missing"])


# The promise of the interval.


def synthetic(random):
    """A room with a known truth: true powers, and what meters, polls, registers and outages make of them."""
    time = every(MINUTE, NOON - HOUR, NOON + DAY + HOUR)
    inside = (time >= NOON) & (time <= NOON + DAY)
    hours = (time - NOON) / HOUR
    loads = [
        random.uniform(300, 3000) * (1 + random.uniform(0, 0.2) * np.sin(hours / 24 * 2 * np.pi)) for _ in range(2)
    ]
    loads = [load + random.normal(0, 20, time.size) for load in loads]
    overhead = sum(loads) * (random.uniform(0.1, 0.8) + random.uniform(0, 0.2) * np.cos(hours / 24 * 2 * np.pi))
    truths = {"main": sum(loads) + overhead, "pdu": loads[0], "pdu-b": loads[1]}
    classes = {device: float(random.choice([0.5, 1.0, 2.0, 5.0])) for device in truths}
    true = np.trapezoid(truths["main"][inside]) / np.trapezoid((loads[0] + loads[1])[inside])

    series = {}
    for device, watts in truths.items():
        shown = watts * (1 + random.uniform(-1, 1) * classes[device] / 100)
        kind = random.choice(["power", "register", "both"])
        poll = slice(random.integers(0, 5), None, random.integers(1, 6))
        if kind != "register":
            series[device, "total", "power"] = samples(time[poll], shown[poll])
        if kind != "power":
            counted = np.concatenate(([0.0], np.cumsum((shown[1:] + shown[:-1]) / 2 * 60.0))) + random.uniform(0, 1e9)
            series[device, "total", "energy"] = samples(time[poll], counted[poll] // 36_000 * 36_000)
    for _ in range(random.integers(0, 3)):
        device, start = random.choice([*truths]), NOON + int(random.integers(0, 20)) * HOUR
        for quantity in ("power", "energy"):
            if (key := (device, "total", quantity)) in series:
                series[key] = without(series[key], start, start + int(random.integers(1, 4)) * HOUR)
    room = tree(
        meter("utility", "total", "main/total", accuracy=classes["main"]),
        meter("it", "it", "pdu/total", accuracy=classes["pdu"], fed_by=(Dated("utility"),)),
        meter("it-b", "it", "pdu-b/total", accuracy=classes["pdu-b"], fed_by=(Dated("utility"),)),
    )
    return Memory(series), room, true


def test_interval_holds_the_truth_in_nineteen_rooms_of_twenty():
    """300 rooms whose truth is known, all kinds of meters and outages: the 95 % interval holds it in 93 % or more."""
    random = np.random.default_rng(20260116)
    held, widths = 0, []
    for _ in range(300):
        history, room, true = synthetic(random)
        found = figure(history, room)
        assert found.value is not None
        held += found.low <= true <= found.high
        widths.append((found.high - found.low) / found.value)

    assert held >= 0.93 * 300
    assert np.median(widths) < 0.10  # an interval that holds everything tells nothing


def test_rules_are_a_dated_set():
    """Another edition is another set, never a changed constant."""
    assert ("2026.1", "ISO/IEC 30134-2:2026", "2026-01-16") == (RULES.id, RULES.edition, RULES.valid_from)
