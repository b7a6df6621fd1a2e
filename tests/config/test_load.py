"""The file a person writes: what it may say, and the one sentence when it cannot be used."""

import datetime as dt
from pathlib import Path

import pytest

from dc_monitor.config.load import load, parse
from dc_monitor.config.model import Config
from dc_monitor.errors import ConfigError

NANOSECONDS = 1_000_000_000
MINIMAL = '[[device]]\nname = "ups-a"\naddress = "snmp://10.0.0.12"\n'


def text(toml: str) -> Config:
    return parse(toml.encode())


def sentence(toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        text(toml)
    return str(caught.value)


def test_the_file_of_the_readme_needs_only_names_and_addresses() -> None:
    """Everything not said has a default that is safe: loopback, 60 s, 1 GiB."""
    config = text(MINIMAL)

    assert ("ups-a", 60.0, "127.0.0.1:8427", 1 << 30) == (
        config.device[0].name,
        config.agent.interval,
        config.receive.listen,
        config.agent.spool_quota,
    )


def test_durations_and_sizes_are_written_as_people_say_them() -> None:
    config = text(MINIMAL + 'interval = "5 min"\n[agent]\nspool_quota = "512 MiB"\ninterval = 10\n')

    assert (300.0, 512 << 20, 10.0) == (config.device[0].interval, config.agent.spool_quota, config.agent.interval)


def test_one_table_or_several_of_site_and_send() -> None:
    one = text('[site]\nname = "Caen-1"\n[send]\nurl = "http://127.0.0.1:8427"\n')
    two = text('[[site]]\nname = "Caen-1"\n[[site]]\nname = "Rouen"\n')

    assert (["Caen-1"], ["http://127.0.0.1:8427"]) == ([s.name for s in one.sites], [s.url for s in one.send])
    assert ["Caen-1", "Rouen"] == [s.name for s in two.sites]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        pytest.param(
            MINIMAL + "inteval = 3",
            'dc-monitor.toml: device[0].inteval: unknown key; did you mean "interval"?',
            id="unknown key, nearest named",
        ),
        pytest.param(
            "format = 2",
            "dc-monitor.toml: format = 2: this dc-monitor reads format 1; upgrade it",
            id="a later format",
        ),
        pytest.param(
            '[agent]\nspool_quota = "5 parsecs"',
            'dc-monitor.toml: agent.spool_quota = "5 parsecs": expected bytes, such as "512 MiB"',
            id="not a size",
        ),
        pytest.param(
            MINIMAL + "interval = 0",
            'dc-monitor.toml: device[0].interval = "0": expected a duration above 0, such as 60 or "5 min"',
            id="no time at all",
        ),
        pytest.param(
            '[[device]]\naddress = "snmp://10.0.0.12"',
            'dc-monitor.toml: device[0]: missing key "name"',
            id="no name",
        ),
        pytest.param(
            '[receive]\nlisten = "8427"',
            'dc-monitor.toml: receive.listen = "8427": expected "host:port", such as "127.0.0.1:8427"',
            id="port without host",
        ),
        pytest.param(
            '[site]\ntimezone = "Paris"',
            'dc-monitor.toml: site[0].timezone = "Paris": unknown time zone; expected such as "Europe/Paris"',
            id="time zone",
        ),
        pytest.param(
            MINIMAL + MINIMAL,
            'dc-monitor.toml: device: "ups-a" is written 2 times; a name is used once',
            id="a name twice",
        ),
        pytest.param(
            '[send]\nurl = "127.0.0.1:8427"',
            'dc-monitor.toml: send[0].url = "127.0.0.1:8427": expected http:// or https://, '
            'such as "http://127.0.0.1:8427"',
            id="address without scheme",
        ),
        pytest.param(
            '[[meter]]\nname = "utility"\nrole = "totl"\nreads = "ups-a/input"',
            'dc-monitor.toml: meter[0].role = "totl": did you mean "total"?',
            id="role",
        ),
        pytest.param(
            MINIMAL + '[[meter]]\nname = "utility"\nrole = "total"\nreads = "ups-b/input"',
            'dc-monitor.toml: meter[0].reads = "ups-b/input": no [[device]] is named "ups-b"; did you mean "ups-a"?',
            id="meter of no device",
        ),
        pytest.param(
            '[[meter]]\nname = "utility"\nrole = "total"',
            'dc-monitor.toml: meter "utility" needs either reads = "device/point" or declared = {low, likely, high}',
            id="meter of nothing",
        ),
        pytest.param(
            "[[meter]]\nname = 'u'\nreads = 'a/b'\nfrom = 'June'",
            'dc-monitor.toml: meter[0].from = "June": expected a day or a time, '
            "such as 2026-06-01 or 2026-06-01T08:00:00+02:00",
            id="not a day",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_place_and_cure(toml: str, expected: str) -> None:
    assert expected == sentence(toml)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"site\.toml: cannot read the configuration: No such file"):
        load(tmp_path / "site.toml")


def test_counting_the_same_energy_twice_is_refused() -> None:
    """The UPS feeds the PDU: both as IT would count every joule of the PDU twice."""
    chain = (
        '[[meter]]\nname = "ups"\nreads = "ups-a/output"\nrole = "it"\n'
        '[[meter]]\nname = "pdu"\nreads = "pdu-a/total"\nrole = "it"\nfed_by = ["ups"]\n'
    )

    assert (
        'dc-monitor.toml: meter "pdu" is fed by "ups" and both have the role it: '
        "IT energy would count the same energy twice; keep the role on one of them"
    ) == sentence(chain)


def test_a_day_begins_at_local_midnight() -> None:
    """1 June in Caen begins at 22:00 UTC of 31 May."""
    config = text('[[meter]]\nname = "u"\nreads = "a/b"\nrole = "total"\nfrom = 2026-06-01\n')

    start = config.topology().meters[0].span.start
    assert dt.datetime(2026, 5, 31, 22, tzinfo=dt.UTC).timestamp() * NANOSECONDS == start


def test_roles_edges_and_ratios_carry_dates() -> None:
    config = text(
        '[site]\ntimezone = "UTC"\n'
        '[[meter]]\nname = "u"\nreads = "a/total"\nrole = "total"\n'
        "ratio = [{ratio = 40, to = 2026-06-01}, {ratio = 50, from = 2026-06-01}]\n"
        '[[meter]]\nname = "i"\nreads = "b/total"\n'
        'role = [{role = "other", to = 2026-06-01}, {role = "it", from = 2026-06-01}]\n'
        'fed_by = ["u", {meter = "u", from = 2026-07-01}]\n'
    )
    upper, lower = config.topology().meters
    may, june = (round(dt.datetime(2026, m, 15, tzinfo=dt.UTC).timestamp()) * NANOSECONDS for m in (5, 6))

    assert (40, 50) == (upper.ratio(may), upper.ratio(june))
    assert ("other", "it") == (lower.role(may), lower.role(june))


def test_every_site_has_its_own_tree() -> None:
    config = text(
        '[[site]]\nname = "Caen-1"\n[[site]]\nname = "Rouen"\n'
        '[[meter]]\nname = "u"\nreads = "a/total"\nrole = "total"\n'
        '[[meter]]\nname = "v"\nreads = "b/total"\nrole = "total"\nsite = "Rouen"\n'
    )

    assert (["u"], ["v"]) == (
        [meter.name for meter in config.topology("Caen-1").meters],
        [meter.name for meter in config.topology("Rouen").meters],
    )
