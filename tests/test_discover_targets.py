"""Where to look: every way of writing it, and clear words for what cannot be meant."""

from pathlib import Path

import pytest

from dc_monitor.commands.discover_targets import MOST, Place, places
from dc_monitor.errors import ConfigError


def shown(*written: str) -> list[str]:
    return [place.shown for place in places(written)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.0.0.12", ["10.0.0.12"]),
        ("10.0.0.0/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.1/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.4/31", ["10.0.0.4", "10.0.0.5"]),
        ("10.0.0.5-7", ["10.0.0.5", "10.0.0.6", "10.0.0.7"]),
        ("10.0.0.254-10.0.1.1", ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]),
        ("10.0.0.5-6:1161", ["10.0.0.5:1161", "10.0.0.6:1161"]),
        ("10.0.0.0/30:1161", ["10.0.0.1:1161", "10.0.0.2:1161"]),
        ("ups-a", ["ups-a"]),
        ("ups-a.example.org:1161", ["ups-a.example.org:1161"]),
        ("2001:db8::1", ["[2001:db8::1]"]),
        ("2001:0db8::0001", ["[2001:db8::1]"]),
        ("[2001:db8::1]:161", ["[2001:db8::1]:161"]),
        ("2001:db8::/126", ["[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]"]),
        ("2001:db8::1-2001:db8::2", ["[2001:db8::1]", "[2001:db8::2]"]),
    ],
)
def test_a_target_is_written_as_people_write_it(written: str, expected: list[str]) -> None:
    """Addresses, networks without their own and their broadcast address, ranges, names, ports."""
    assert expected == shown(written)


def test_a_protocol_before_a_target_asks_for_that_one_only() -> None:
    assert [Place("10.0.0.1", 1161, "snmp")] == places(["snmp://10.0.0.1:1161"])


def test_a_host_is_looked_at_once_however_often_it_is_named() -> None:
    assert ["10.0.0.2", "10.0.0.1", "10.0.0.3"] == shown("10.0.0.2", "10.0.0.1-3", "10.0.0.3")


def test_a_list_of_hosts_is_read_from_a_file(tmp_path: Path) -> None:
    """One target a line; what is behind # is for people."""
    file = tmp_path / "hosts"
    file.write_text("# the room\n10.0.0.1-2\n\n  ups-a:1161   # left\n", encoding="utf-8")

    assert ["10.0.0.1", "10.0.0.2", "ups-a:1161"] == shown(f"@{file}")
    file.write_text("10.0.0.1\n10.0.0.1.1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^{file}:2: 10\.0\.0\.1\.1: expected an address"):
        places([f"@{file}"])


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("10.0.0.300", "10.0.0.300: expected an address, 10.0.0.0/24, 10.0.0.5-40, a host name or @file"),
        ("10.0.0.0/33", "10.0.0.0/33: "),
        ("10.0.0.9-5", "10.0.0.9-5: the range ends before it begins"),
        ("10.0.0.5-x", '10.0.0.5-x: "x" is no end of a range'),
        ("10.0.0.5-2001:db8::1", '"2001:db8::1" is no end of a range'),
        ("10.0.0.1:99999", '10.0.0.1:99999: "99999" is no port'),
        ("a b", "a b: expected an address"),
        ("", ": expected an address"),
        ("224.0.0.5", "224.0.0.5 is no host's own address"),
        ("0.0.0.0", "0.0.0.0 is no host's own address"),
        ("@/no/such/list", "@/no/such/list: cannot read the list of hosts: No such file or directory"),
    ],
)
def test_what_is_no_target_is_one_sentence(written: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        places([written])

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "10.0.0.0/12",
            "10.0.0.0/12: 1,048,576 addresses, and 65,536 are the most of one run: search it in parts, 10.0.0.0/16, "
            "then 10.1.0.0/16 and so on, 16 in all",
        ),
        ("10.0.0.0-10.1.0.0", "65,537 addresses, and 65,536 are the most of one run: search it in parts"),
        ("2001:db8::/108", "search it in parts, 2001:db8::/112, then 2001:db8::1:0/112 and so on, 16 in all"),
        ("2001:db8::/64", "in so many nothing is found by trying; name hosts, a /112 at most, or @file"),
    ],
)
def test_a_range_of_a_million_addresses_is_refused_at_once_with_how_to_split_it(written: str, sentence: str) -> None:
    """Before a list of them is made: the largest is 2 to the power of 64."""
    with pytest.raises(ConfigError) as caught:
        places([written])

    assert sentence in str(caught.value)


def test_the_most_is_the_most_of_all_targets_together() -> None:
    """65,536 addresses are searched; one more is one too many, however it is written."""
    assert MOST - 2 == len(places(["10.0.0.0/16"]))
    with pytest.raises(ConfigError, match=r"10\.1\.0\.0/24: with this there are more than 65,536 addresses"):
        places(["10.0.0.0/16", "10.1.0.0/24"])
