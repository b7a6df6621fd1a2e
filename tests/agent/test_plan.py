"""What a configuration asks for, and what makes it ask for something else."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.counting_agent import Counting
from dc_monitor.agent.plan import AT_A_START, Change, Plan, left_for_a_start
from dc_monitor.clock import ManualClock
from dc_monitor.config.load import parse
from dc_monitor.config.model import Agent
from dc_monitor.errors import ConfigError

FILE = """
[site]
name = "Caen-1"
[agent]
interval = "60 s"
[[device]]
name = "pdu-1"
address = "count://"
credentials = "room"
[[device]]
name = "pdu-2"
address = "count://"
interval = 10
[[send]]
name = "site"
url = "http://127.0.0.1:8427"
token = "site"
[[send]]
name = "influx"
url = "http://127.0.0.1:8086"
"""
SECRETS: dict[str, dict[str, Any]] = {"room": {"community": "s3cret"}, "site": {"token": "s3cret"}}


def plan(toml: str, secrets: Mapping[str, Mapping[str, Any]] = SECRETS) -> Plan:
    return Plan.of(
        parse(toml.encode()),
        lambda name: secrets[name] if name else {},
        lambda scheme: partial(Counting, first=0),
        ManualClock(),
    )


def differences(after: Plan, before: Plan | None = None) -> tuple[Change, Change]:
    before = before or plan(FILE)
    return Change.between(before.devices, after.devices), Change.between(before.sinks, after.sinks)


NOTHING = Change([], [], [])


def test_the_same_file_asks_for_nothing_new() -> None:
    """Read again without a change, no device and no server notices."""
    assert (NOTHING, NOTHING) == differences(plan(FILE))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('address = "count://"\ncred', 'address = "count://2"\ncred', ["pdu-1"]),
        ('credentials = "room"', 'credentials = "room"\nrack = "r1"', ["pdu-1"]),
        ('credentials = "room"', 'credentials = "room"\nprofile = "p"', ["pdu-1"]),
        ('credentials = "room"', 'credentials = "room"\nrating = { va = 3000 }', ["pdu-1"]),
        ("interval = 10\n", "interval = 20\n", ["pdu-2"]),
        ('interval = "60 s"', 'interval = "30 s"', ["pdu-1"]),
    ],
    ids=["address", "place", "profile", "rating", "its interval", "the default interval, where it has no own"],
)
def test_a_device_changes_with_whatever_a_poll_could_notice(old: str, new: str, changed: list[str]) -> None:
    """And no other device with it."""
    assert (NOTHING._replace(changed=changed), NOTHING) == differences(plan(FILE.replace(old, new)))


def test_devices_and_sinks_change_with_their_secrets() -> None:
    """A new community or token is taken up; who does not use it goes on."""
    secrets = {"room": {"community": "n3w"}, "site": {"token": "n3w"}}

    assert (
        NOTHING._replace(changed=["pdu-1"]),
        NOTHING._replace(changed=["site"]),
    ) == differences(plan(FILE, secrets))


def test_a_sink_changes_with_its_address_and_with_a_renewed_certificate(tmp_path: Path) -> None:
    """An authority's file keeps its name when it is renewed."""
    authority = tmp_path / "ca.pem"
    authority.write_bytes(b"old")
    toml = FILE.replace('8427"', f'8428"\nca_file = "{authority}"')
    before = plan(toml)
    authority.write_bytes(b"new")

    assert ["site"] == differences(before)[1].changed
    assert ["site"] == differences(plan(toml), before)[1].changed


def test_names_that_come_and_go_are_told_apart_from_those_that_change() -> None:
    """In the order of the files."""
    after = plan(FILE.replace('"pdu-2"', '"pdu-9"').replace('"influx"', '"central"').replace('"room"', '""'))

    assert (Change(["pdu-9"], ["pdu-1"], ["pdu-2"]), Change(["central"], [], ["influx"])) == differences(after)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change(), ""),
        (Change(["pdu-9"], ["a", "b"], ["c"]), "1 device added (pdu-9), 2 changed (a, b), 1 removed (c)"),
        (Change(removed=["a", "b"]), "2 devices removed (a, b)"),
        (
            Change(changed=[f"pdu-{number}" for number in range(2_000)]),
            "2,000 devices changed (pdu-0, pdu-1, pdu-2, pdu-3, pdu-4 and 1,995 more)",
        ),
    ],
    ids=["nothing", "all three", "one kind", "very many"],
)
def test_a_change_is_told_in_one_line(change: Change, told: str) -> None:
    """With names, as long as they are few."""
    assert told == change.told("device")


def test_every_key_of_the_agent_is_taken_up_or_named_with_its_reason() -> None:
    """Nobody waits for a change that never comes."""
    assert {"interval"} == set(Agent.__struct_fields__) - AT_A_START.keys()

    before = parse(FILE.encode())
    other = {"state": "elsewhere", "metrics": None, "jsonlines": "-", "spool_quota": 1}
    assert other.keys() == AT_A_START.keys()
    for key, value in other.items():
        after = msgspec.structs.replace(before, agent=msgspec.structs.replace(before.agent, **{key: value}))
        assert [f"[agent] {key} changes at a restart only: {AT_A_START[key]}"] == list(left_for_a_start(before, after))
    renamed = parse(FILE.replace("Caen-1", "Caen-2").encode())
    assert ["[site] name changes at a restart only: every series is called by it"] == list(
        left_for_a_start(before, renamed)
    )


def test_a_plan_shows_no_secret() -> None:
    """Whoever prints one for a fault report gives nothing away."""
    shown = repr(plan(FILE))

    assert "pdu-1" in shown
    assert "s3cret" not in shown


def test_a_table_of_credentials_is_read_once_for_all_who_use_it() -> None:
    """Two thousand devices of one community do not open the file two thousand times."""
    asked: list[str] = []

    def load(name: str) -> dict[str, Any]:
        asked.append(name)
        return SECRETS[name]

    devices = "".join(
        f'[[device]]\nname = "pdu-{number}"\naddress = "count://"\ncredentials = "room"\n' for number in range(50)
    )
    Plan.of(parse(devices.encode()), load, lambda _: partial(Counting, first=0), ManualClock())
    assert ["room"] == asked


def test_a_certificate_that_cannot_be_read_is_one_sentence() -> None:
    """With the table it belongs to."""
    with pytest.raises(ConfigError, match=r'\[send\] "site": cannot use ca_file /nowhere/ca.pem: No such file'):
        plan(FILE.replace('8427"', '8427"\nca_file = "/nowhere/ca.pem"'))
