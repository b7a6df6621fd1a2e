"""What a search proposes: names, roles, the chain; nothing counted twice, and a guess never in force."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dc_monitor.commands.discover_known import Known, Match, marks, remembered
from dc_monitor.commands.discover_names import device_name, feeds, place
from dc_monitor.commands.discover_proposal import Proposal, propose
from dc_monitor.commands.discover_search import Device
from dc_monitor.config.load import parse
from dc_monitor.config.model import Config
from dc_monitor.contract import DeviceInfo
from dc_monitor.readings import Reading, Series

NOON = 1_795_518_000_000_000_000
METER = {"total": 9_000.0}
UPS = {"output/l1": 1_000.0, "output/l2": 1_100.0, "output/l3": 1_200.0}


def device(name: str, kind: str, watts: Mapping[str, float], ip: str = "", **more: Any) -> Device:
    """A device that answered: watts by point, `labels` by point."""
    device.count += 1  # type: ignore[attr-defined]
    ip = ip or f"10.0.0.{device.count}"  # type: ignore[attr-defined]
    labels = more.pop("labels", {})
    readings = [
        Reading(Series(ip, point, "power", _level(point), label=labels.get(point, "")), value, NOON)
        for point, value in watts.items()
    ]
    info = DeviceInfo(kind, "Acme", "M-1", "1.0", ("acme",), "it said so", name=name, **more)
    return Device(
        f"snmp://{ip}", ip, "ro", info, readings or [Reading(Series(ip, "t", "temperature", "sensor"), 20, NOON)]
    )


device.count = 0  # type: ignore[attr-defined]


def _level(point: str) -> str:
    last = point.rpartition("/")[2]
    return "outlet" if point.startswith("outlet") else "phase" if last in ("l1", "l2", "l3") else "total"


def proposed(*devices: Device, before: str = "", matches: Mapping[str, Match] | None = None) -> Proposal:
    config = parse(before.encode()) if before else Config()
    made = propose(devices, matches or {}, config, NOON)
    parse((before + made.tables).encode())  # whatever is proposed can be used
    return made


def roles(made: Proposal) -> dict[str, str]:
    """Meter → role in force, "" for none."""
    return {meter["reads"]: meter.get("role", "") for meter in tomllib.loads(made.tables).get("meter", [])}


def guesses(made: Proposal) -> list[str]:
    return [line.removeprefix("# guess: ") for line in made.tables.splitlines() if line.startswith("# guess: ")]


def test_a_meter_a_ups_and_its_pdus_make_a_pue_of_category_2() -> None:
    """The PDUs take what the UPS gives, so they are IT energy, and the UPS is in the chain and in no sum."""
    made = proposed(
        device("main", "meter", METER),
        device("ups-a", "ups", UPS),
        device("pdu-1", "pdu", {"total": 1_700.0, "phase/l1": 1_700.0, "outlet/1": 900.0}),
        device("pdu-2", "pdu", {"total": 1_500.0}),
        device("crac", "cooling", {"total": 2_000.0}),
        device("probe", "environment", {}),
    )

    assert {
        "main/total": "total",
        "ups-a/output": "ups",
        "pdu-1/total": "it",
        "pdu-2/total": "it",
        "crac/total": "cooling",
    } == roles(made)
    assert [] == guesses(made)


def test_pdus_that_take_a_part_only_leave_it_energy_to_the_ups() -> None:
    """A rack without a metered PDU would be missing in the sum; the PDUs stand as a guess, with the figures."""
    made = proposed(device("ups-a", "ups", UPS), device("pdu-1", "pdu", {"total": 1_000.0}))

    assert {"ups-a/output": "it", "pdu-1/total": ""} == roles(made)
    assert [
        'role = "it" # together the PDUs take 1,000 W of 3,300 W; once every rack\'s is here, they can be IT'
    ] == guesses(made)


def test_a_ups_alone_is_it_energy_of_category_1() -> None:
    assert {"ups-a/output": "it"} == roles(proposed(device("ups-a", "ups", UPS)))


def test_several_meters_are_no_total_until_a_person_says_which() -> None:
    """One may stand behind the other: then both as total would count twice."""
    made = proposed(device("Main panel", "meter", METER), device("sub-1", "meter", {"total": 300.0}))

    assert {"main-panel/total": "", "sub-1/total": ""} == roles(made)
    assert [
        'role = "total" # several meters answer, and this one\'s name says "main"',
        'role = "total" # several meters answer; which one is the supply?',
    ] == guesses(made)


def test_units_side_by_side_are_a_meter_each_and_two_trees_of_one_device_are_one() -> None:
    """Linked units share nothing; the older tree of an APC repeats the newer one's watts."""
    linked = {"unit/1/input/1/total": 1_700.0, "unit/2/input/1/total": 1_200.0, "unit/1/input/1/phase/l1": 400.0}
    twice = {"total": 270.0, "rpdu/total": 270.0}
    older = {"rpdu/total": 312.0}

    assert {"pair/unit/1/input/1/total": "it", "pair/unit/2/input/1/total": "it"} == roles(
        proposed(device("pair", "pdu", linked))
    )
    assert {"apc-1/total": "it"} == roles(proposed(device("apc-1", "pdu", twice)))
    assert {"apc-1/rpdu/total": "it"} == roles(proposed(device("apc-1", "pdu", older)))


def test_a_pdu_that_feeds_others_is_not_counted_beside_them() -> None:
    """It tells an output; together with the rack PDUs behind it every watt would count twice."""
    made = proposed(device("floor", "pdu", {"output/total": 3_000.0}), device("pdu-1", "pdu", {"total": 1_500.0}))

    assert {"floor/output": "", "pdu-1/total": "it"} == roles(made)
    assert ['role = "it" # it tells what it gives, as PDUs do that feed others'] == guesses(made)


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("pdu-1", {"location": "Room 2, rack B3, UPS A"}, 'its location says "UPS A"'),
        ("pdu-1", {"location": "baie 3 voie a"}, 'its location says "voie a"'),
        ("pdu-1-feed-a", {}, 'its name says "feed-a"'),
        ("pdu behind ups-a", {}, 'its name says "pdu behind ups-a"'),
    ],
)
def test_who_feeds_a_pdu_is_guessed_where_a_name_says_so(name: str, more: dict[str, str], why: str) -> None:
    """Names, locations; in English and French."""
    made = proposed(
        device("ups-a", "ups", UPS), device("ups-b", "ups", {"output": 0.0}), device(name, "pdu", METER, **more)
    )

    assert [f'fed_by = ["ups-a"] # {why}'] == guesses(made)


def test_who_feeds_a_pdu_is_guessed_by_the_label_of_an_outlet() -> None:
    ups = device("left", "ups", {"output": 900.0, "outlet/2": 900.0}, labels={"outlet/2": "PDU-1 rack 3"})
    made = proposed(ups, device("pdu-1", "pdu", {"total": 900.0}))

    assert ['fed_by = ["left"] # left calls its outlet/2 "PDU-1 rack 3"'] == guesses(made)


def test_who_feeds_a_new_pdu_may_be_a_meter_that_is_written_already() -> None:
    """Under the name a person gave it."""
    before = BEFORE.replace("pdu-1", "ups-a").replace("rack 1", "left old")
    ups = device("ups-a", "ups", UPS, "10.0.0.101")
    made = propose(
        [ups, device("pdu-2", "pdu", METER, location="UPS A")],
        {ups.address: Match("ups-a")},
        parse(before.encode()),
        NOON,
    )

    assert 'fed_by = ["left old"] # its location says "UPS A"' in guesses(made)


def test_two_names_that_say_otherwise_are_no_guess() -> None:
    made = proposed(
        device("ups-a", "ups", UPS),
        device("ups-b", "ups", {"output": 1.0}),
        device("pdu", "pdu", METER, location="UPS A and UPS B"),
    )

    assert [] == guesses(made)


BEFORE = """
[[device]]
name = "pdu-1"
address = "snmp://10.0.0.101"
[[meter]]
name = "rack 1"
reads = "pdu-1/total"
role = "it"
"""


def test_beside_meters_that_are_written_already_only_the_like_is_counted() -> None:
    """One more PDU beside PDUs is one more; a UPS beside them would be the same watts once more."""
    known = device("pdu-1", "pdu", METER, "10.0.0.101")
    matches = {known.address: Match("pdu-1")}
    made = proposed(known, device("pdu-2", "pdu", METER), device("ups-a", "ups", UPS), before=BEFORE, matches=matches)

    assert {"pdu-2/total": "it", "ups-a/output": "ups"} == roles(made)
    made = proposed(device("pdu-2", "pdu", METER), device("main", "meter", METER), before=BEFORE)
    assert {"pdu-2/total": "", "main/total": "total"} == roles(made)
    assert ['role = "it" # IT energy is read elsewhere already; these may be the same watts'] == guesses(made)


def test_a_device_that_only_tells_how_long_it_is_up_is_not_proposed() -> None:
    up = device("server", "unknown", {})
    up.readings[:] = [Reading(Series("server", "agent", "uptime", "sensor"), 3.0, NOON)]  # type: ignore[index]

    assert "" == proposed(up).tables


def test_what_a_device_says_of_itself_stays_text() -> None:
    """Quotes, brackets, line ends: nothing a device is called becomes a key or a table."""
    evil = 'x"\n[agent]\nstate = "/\x1b[2J'
    made = proposed(
        device(
            evil,
            "pdu",
            {"total": 1.0, "outlet/1": 1.0},
            location=evil + "\n[[meter]] rack \n",
            labels={"outlet/1": evil},
        )
    )
    data = tomllib.loads(made.tables)

    assert {"device", "meter"} == data.keys()
    assert (1, 1) == (len(data["device"]), len(data["meter"]))
    assert all(line.isprintable() for line in made.tables.splitlines())


@pytest.mark.parametrize(
    ("told", "model", "expected"),
    [
        ("pdu-b3.school.example", "AP8959", "pdu-b3"),
        ("Onduleur Salle 2", "", "onduleur-salle-2"),
        ("apc", "AP8959EU3", "ap8959eu3-10.0.0.9"),
        ("", "", "device-10.0.0.9"),
        ("10.0.0.9", "M 1", "m-1-10.0.0.9"),
        ("ups-a", "", "ups-a-2"),
        ("é" * 80, "M", "m-10.0.0.9"),
    ],
)
def test_a_name_is_what_the_device_is_called_else_its_model_and_address(told: str, model: str, expected: str) -> None:
    """Never one that is taken, never what it was sold with, and always one the configuration allows."""
    name = device_name(told, model, "10.0.0.9", {"ups-a"})

    assert expected == name
    parse(f'[[device]]\nname = "{name}"\naddress = "snmp://x"\n'.encode())


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("Building 3, room 12 / rack B4", ("room 12", "B4")),
        ("Salle serveurs, baie 7", ("Salle serveurs", "7")),
        ("Salle informatique - Baie A", ("Salle informatique", "A")),
        ("Baie n°12 salle 2", ("salle 2", "12")),
        ("rack: 3", ("", "3")),
        ("Server room", ("Server room", "")),
        ("rack top", ("", "")),
        ("Unknown", ("", "")),
        ("", ("", "")),
    ],
)
def test_room_and_rack_are_read_where_a_location_says_which_is_which(location: str, expected: tuple[str, str]) -> None:
    assert expected == place(location)


def test_a_feed_is_a_word_and_a_letter() -> None:
    assert [("a", "UPS A")] == feeds("pdu-b3, UPS A")
    assert [] == feeds("upstairs, sideboard 3000")


# What is known already.

SERIAL = ("serial 5A1712E04231", "mac 00:c0:b7:4d:11:02")


def known(at: Mapping[str, str], **told: Sequence[str]) -> Known:
    """Devices by name, at addresses, with what they are known by."""
    return Known(
        {("snmp", ip, 161): name for name, ip in at.items()},
        {name.replace("_", "-"): frozenset(one) for name, one in told.items()},
        {"snmp": 161},
    )


def told(known: Known, *devices: Device, searched: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    found = known.matches(devices, searched)
    return {address.removeprefix("snmp://"): (match.name, match.how) for address, match in found.items()}


def test_a_device_is_known_by_its_address() -> None:
    assert {"10.0.0.1": ("ups-a", "")} == told(known({"ups-a": "10.0.0.1"}), device("", "ups", UPS, "10.0.0.1"))


def test_a_device_that_moved_is_told_and_not_added() -> None:
    """Known by its serial number, its MAC address, or its engine together with its name."""
    for mark in (*SERIAL, "engine 8000013e03"):
        moved = device("pdu-1", "pdu", METER, "10.0.0.7", marks=(mark,))
        memory = known({"pdu-1": "10.0.0.1"}, pdu_1=("sysName pdu-1", mark))

        assert {"10.0.0.7": ("pdu-1", "pdu-1 is now at snmp://10.0.0.7: change its address")} == told(memory, moved)


def test_clones_of_one_image_are_two_devices() -> None:
    """They share an engine, and the name they were sold with."""
    memory = known({"pdu-1": "10.0.0.1"}, pdu_1=("sysName pdu-1", "engine 8000013e03"))
    clone = device("pdu-2", "pdu", METER, "10.0.0.7", marks=("engine 8000013e03",))
    namesake = device("pdu-1", "pdu", METER, "10.0.0.8", marks=("engine 80009999",))

    assert {} == told(memory, clone)
    assert {} == told(memory, namesake), "its known address was not looked at"


def test_a_name_alone_is_believed_where_the_known_one_is_silent_and_nobody_else_has_it() -> None:
    memory = known({"pdu-1": "10.0.0.1"}, pdu_1=("sysName pdu-1",))
    moved, other = device("pdu-1", "pdu", METER, "10.0.0.8"), device("pdu-1", "pdu", METER, "10.0.0.9")

    assert ["10.0.0.8"] == [*told(memory, moved, searched=["10.0.0.1"])]
    assert {} == told(memory, moved, other, searched=["10.0.0.1"])
    assert ["10.0.0.1"] == [*told(memory, device("x", "pdu", METER, "10.0.0.1"), moved, searched=["10.0.0.1"])]


def test_another_device_at_a_known_address_is_told() -> None:
    memory = known({"pdu-1": "10.0.0.1"}, pdu_1=("serial A100",))
    now = device("pdu-1", "pdu", METER, "10.0.0.1", marks=("serial B200",))

    sentence = "pdu-1 at snmp://10.0.0.1 is another device now: serial B200, before serial A100"
    assert {"10.0.0.1": ("pdu-1", sentence)} == told(memory, now)


def test_a_device_with_two_addresses_is_one() -> None:
    """New or known: its watts are the same watts."""
    one, other = (device("pdu", "pdu", METER, f"10.0.0.{n}", marks=SERIAL) for n in (1, 2))

    assert {"10.0.0.2": ("", "snmp://10.0.0.2 is a second address of snmp://10.0.0.1")} == told(known({}), one, other)
    memory = known({"pdu-1": "10.0.0.1"}, pdu_1=SERIAL)
    sentence = "snmp://10.0.0.2 is a second address of pdu-1"
    assert {"10.0.0.1": ("pdu-1", ""), "10.0.0.2": ("pdu-1", sentence)} == told(memory, one, other)


def test_what_a_proposal_remembers_is_read_again() -> None:
    """Whatever the device is called then; a comma in a mark does not split it."""
    made = device("pdu, left", "pdu", METER, marks=SERIAL)
    text = proposed(made).tables.replace('name = "pdu-left"', 'name = "mine"')

    assert {"mine": frozenset(marks(made.info))} == remembered(text)
