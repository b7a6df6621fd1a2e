"""Meters held against one round of readings: which figure becomes possible, and what stands in its way."""

from collections.abc import Iterable, Mapping

import pytest

from dc_monitor.commands.check_meters import judge
from dc_monitor.commands.check_result import DeviceResult, FigureResult, MeterResult
from dc_monitor.config.load import parse
from dc_monitor.readings import Reading, Series

NOON = 1_795_518_000_000_000_000
UTILITY = '[[meter]]\nname = "utility"\nreads = "main/total"\nrole = "total"\nclass = 0.5\n'
KINDS = {"main": "meter", "ups": "ups", "pdu": "pdu", "host": "host"}
WATTS = {
    "main/total": 5000.0,
    "ups/output/l1": 1000.0,
    "ups/output/l2": 1100.0,
    "ups/output/l3": 1200.0,
    "ups/input/total": 3600.0,
    "pdu/total": 3200.0,
    "pdu/bank/1": 1500.0,
    "pdu/outlet/1": 200.0,
    "pdu/outlet/2": 150.0,
    "host/total": 90.0,
}


def it(reads: str, more: str = "") -> str:
    return f'[[meter]]\nname = "it {reads.replace("/", " ")}"\nreads = "{reads}"\nrole = "it"\nclass = 1.0\n{more}\n'


def level(point: str) -> str:
    words = {"outlet": "outlet", "bank": "bank", "l1": "phase", "l2": "phase", "l3": "phase"}
    return next((words[part] for part in point.split("/") if part in words), "total")


def readings(watts: Mapping[str, float], method: str = "measured") -> list[Reading]:
    split = [(*place.partition("/"), value) for place, value in watts.items()]
    return [
        Reading(Series(device, point, "power", level(point), method=method), value, NOON)
        for device, _, point, value in split
    ]


def devices(kinds: Mapping[str, str] = KINDS, silent: Iterable[str] = ()) -> dict[str, DeviceResult]:
    return {
        name: DeviceResult(name, f"snmp://{name}", name not in silent, kind, readings=0 if name in silent else 9)
        for name, kind in kinds.items()
    }


def judged(
    text: str, watts: Mapping[str, float] = WATTS, silent: Iterable[str] = (), method: str = "measured"
) -> tuple[list[MeterResult], FigureResult, list[str]]:
    meters, (figure,), hints = judge(parse(text.encode()), devices(silent=silent), readings(watts, method), NOON)
    return meters, figure, hints


@pytest.mark.parametrize(
    ("reads", "category", "raised_by"),
    [
        pytest.param("ups/output", 1, "Meters in the rack PDUs would give category 2.", id="output of the UPS"),
        pytest.param("pdu/total", 2, "Measured outlets or server inputs would give category 3.", id="rack PDU"),
        pytest.param("pdu/outlet/1", 3, None, id="an outlet"),
        pytest.param("host/total", 3, None, id="input of a server"),
    ],
)
def test_category_follows_from_what_is_read_and_the_next_one_is_named(
    reads: str, category: int, raised_by: str | None
) -> None:
    _, figure, hints = judged(UTILITY + it(reads))

    assert [] == hints
    assert (True, category, "interim") == (figure.possible, figure.category, figure.status)
    assert (raised_by is None) == (figure.better == [])
    assert raised_by is None or any(raised_by in sentence for sentence in figure.better)


def test_devices_that_would_raise_the_category_are_named() -> None:
    """The person has them already: they answer, tell watts, and no meter reads them."""
    offer = "These answer and are read by no [[meter]] yet: pdu/total."
    racks = '[[meter]]\nname = "racks"\nreads = "pdu/total"\nfed_by = ["utility"]\n'
    offered, taken = (judged(UTILITY + it("ups/output") + more)[1].better for more in ("", racks))

    assert (True, False) == (offer in offered, offer in taken)


def test_without_meters_it_is_said_which_to_write() -> None:
    """Main meters for the whole, rack PDUs or the UPS for the IT equipment; phases are enough of a UPS."""
    meters, figure, _ = judged("")

    assert ([], False, None) == (meters, figure.possible, figure.category)
    assert 5 == len(figure.missing)
    whole, main, part, pdu, ups = figure.missing
    assert ("No meter tells what the whole site", "No meter tells what the IT") == (whole[:34], part[:26])
    assert ["main/total.", "pdu/total.", "ups/output."] == [one.rsplit(" ", 1)[1] for one in (main, pdu, ups)]


def test_watts_of_a_meter_are_its_phases_and_its_ratio() -> None:
    meters, _, _ = judged(UTILITY + it("ups/output", "ratio = 2.0"))

    assert [("utility", 5000.0), ("it ups output", 6600.0)] == [(one.name, one.watts) for one in meters]


def test_a_declared_branch_and_an_estimate_make_the_figure_estimated() -> None:
    declared = '[[meter]]\nname = "losses"\nrole = "total"\ndeclared = {low = 100, likely = 200, high = 300}\n'
    _, with_branch, _ = judged(UTILITY + declared + it("ups/output"))
    _, from_load, _ = judged(UTILITY + it("ups/output"), method="estimated")

    assert ("estimated", "estimated") == (with_branch.status, from_load.status)
    assert "Put a meter on losses: so far its power is only declared." in with_branch.better
    assert any("Measure the real power of utility" in sentence for sentence in from_load.better)


def test_a_class_nobody_tells_is_asked_for_unless_the_profile_knows_it() -> None:
    text = UTILITY.replace("class = 0.5\n", "") + it("ups/output")
    config, told = parse(text.encode()), devices()
    known = told | {"main": DeviceResult("main", "snmp://main", True, "meter", readings=9, accuracy=0.5)}
    asked = [judge(config, those, readings(WATTS), NOON)[1][0].better for those in (told, known)]

    assert [True, False] == [any("accuracy class of utility" in one for one in better) for better in asked]


def test_a_meter_without_watts_stands_in_the_way_and_says_where_there_are_some() -> None:
    meters, figure, _ = judged(UTILITY + it("ups/outptu"))

    wanted = '"ups" has no power or energy at "outptu"; it has watts at: input/total, output/l1, output/l2, output/l3'
    assert (False, wanted) == (meters[1].ok, meters[1].problem)
    assert (False, [f'meter "it ups outptu": {wanted}']) == (figure.possible, figure.missing)


def test_a_meter_of_a_silent_device_is_told_by_its_silence() -> None:
    meters, figure, _ = judged(UTILITY + it("ups/output"), {"main/total": 1.0}, silent=["ups"])

    assert '"ups" did not answer' == meters[1].problem
    assert not figure.possible


def test_meters_of_devices_that_are_not_asked_here_are_taken_on_trust() -> None:
    """A site's own file has no devices; which category will come, its agents' devices decide."""
    meters, (figure,), hints = judge(parse((UTILITY + it("ups/output")).encode()), {}, [], NOON)

    assert ["not asked here"] * 2 == [one.method for one in meters]
    assert (True, None, [], []) == (figure.possible, figure.category, figure.better, hints)


def test_a_written_measuring_point_needs_no_device() -> None:
    _, (figure,), _ = judge(parse((UTILITY + it("x/y", 'measured_at = "pdu-output"')).encode()), {}, [], NOON)

    assert (True, 2) == (figure.possible, figure.category)


@pytest.mark.parametrize(
    ("one", "other", "hinted"),
    [
        pytest.param("pdu/bank/1", "pdu/outlet/1", True, id="an outlet hangs on a bank"),
        pytest.param("ups/input", "ups/output", True, id="what comes out has come in"),
        pytest.param("pdu/outlet/1", "pdu/outlet/2", False, id="two outlets"),
        pytest.param("ups/output/l1", "ups/output/l2", False, id="two phases"),
        pytest.param("pdu/bank/1", "ups/output", False, id="two devices"),
    ],
)
def test_two_meters_on_the_way_of_the_same_energy_are_hinted_at(one: str, other: str, hinted: bool) -> None:
    _, _, hints = judged(UTILITY + it(one) + it(other))

    assert hinted == any("may be the same energy on its way through" in hint for hint in hints)


def test_two_sites_that_read_the_same_watts_are_hinted_at() -> None:
    """Within one site it is refused; between two it may be meant."""
    sites = '[[site]]\nname = "A"\n[[site]]\nname = "B"\n'
    whole = UTILITY + UTILITY.replace('"utility"', '"b"').replace("main/total", "main") + 'site = "B"\n'
    _, figures, hints = judge(parse((sites + whole).encode()), {}, [], NOON)

    assert ["A", "B"] == [figure.site for figure in figures]
    assert ['meter "utility" of A and meter "b" of B read the same watts: main/total and main/total'] == hints


def test_one_address_under_two_names_is_hinted_at() -> None:
    text = "".join(f'[[device]]\nname = "{name}"\naddress = "snmp://10.0.0.{at}"\n' for name, at in ("a1", "b2", "c1"))
    _, _, hints = judged(text)

    assert ['devices "a" and "c" have the same address snmp://10.0.0.1: their watts are the same watts'] == hints


def test_a_whole_below_its_part_is_hinted_at_and_no_verdict() -> None:
    few = WATTS | {"main/total": 3000.0}
    _, figure, hints = judged(UTILITY + it("ups/output"), few)
    without = {place: watts for place, watts in few.items() if not place.startswith("main")}
    energy = [Reading(Series("main", "total", "energy", "total"), 7.2e9, NOON)]
    unknown = judge(parse((UTILITY + it("ups/output")).encode()), devices(), readings(without) + energy, NOON)[2]

    assert (True, []) == (figure.possible, unknown)
    assert ["at this instant site takes 3000 W and its IT equipment 3300 W, more than the whole"] == [
        hint.split(";")[0] for hint in hints
    ]
