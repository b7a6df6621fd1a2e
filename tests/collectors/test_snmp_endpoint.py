"""Addresses and credentials: checked before anything is opened, and never guessed."""

from typing import Any

import pytest

from collectors.snmp import SnmpCollector
from collectors.snmp.endpoint import AUTH, PRIV, Community, Endpoint, UsmUser, credentials, endpoint
from collectors.snmp.gufo_client import AUTH_KEYS, PRIV_KEYS
from collectors.snmp.pysnmp_codec import CIPHERS
from dc_monitor.clock import SystemClock
from dc_monitor.contract import Target
from dc_monitor.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "expected", "shown"),
    [
        ("snmp://10.0.0.12", Endpoint("10.0.0.12", 161), "10.0.0.12:161"),
        ("snmp://pdu-3.lan:1161", Endpoint("pdu-3.lan", 1161), "pdu-3.lan:1161"),
        ("snmp://[2001:db8::1]", Endpoint("2001:db8::1", 161), "[2001:db8::1]:161"),
        ("snmp://[::1]:1161/", Endpoint("::1", 1161), "[::1]:1161"),
        ("snmp://10.0.0.12?engine=pysnmp", Endpoint("10.0.0.12", 161, "pysnmp"), "10.0.0.12:161"),
        ("snmp://[::1]:1161/?engine=gufo", Endpoint("::1", 1161, "gufo"), "[::1]:1161"),
    ],
)
def test_an_address_names_a_host_and_perhaps_a_port(written: str, expected: Endpoint, shown: str) -> None:
    """IPv6 stands in brackets, the port is 161 unless said; which engine asks is no part of what is shown."""
    assert expected == endpoint(written)
    assert shown == str(endpoint(written))


@pytest.mark.parametrize(
    "written",
    [
        "10.0.0.12",
        "snmp://",
        "snmp:///path",
        "http://10.0.0.12",
        "snmp://10.0.0.12:99999",
        "snmp://10.0.0.12:0",
        "snmp://10.0.0.12/1.3.6",
        "snmp://host?x=1",
        "snmp://host?engine=gufo&x=1",
        "snmp://host#engine=gufo",
        "snmp://[::1",
        "snmp://a b",
    ],
)
def test_a_bad_address_is_refused_with_the_form_expected(written: str) -> None:
    """The sentence quotes what was written and shows a good one."""
    with pytest.raises(ConfigError) as caught:
        endpoint(written)

    assert str(caught.value).startswith(written)
    assert "snmp://host" in str(caught.value)


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    """An address lands in logs and tags; a community there is a leak."""
    with pytest.raises(ConfigError) as caught:
        endpoint("snmp://s3cret@10.0.0.12")

    assert "s3cret" not in str(caught.value)


def test_no_credentials_is_an_error_and_public_is_never_tried() -> None:
    """A device that answers to a guess would be read by anybody's guess."""
    with pytest.raises(ConfigError, match="pdu-3: SNMP needs credentials, and none is guessed"):
        SnmpCollector(Target("pdu-3", "snmp://10.0.0.12", SystemClock()))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"community": "c"}, Community(2, "c")),
        ({"community": "c", "version": "2c"}, Community(2, "c")),
        ({"community": "c", "version": 2}, Community(2, "c")),
        ({"community": "c", "version": "v1"}, Community(1, "c")),
        ({"user": "u"}, UsmUser("u")),
        (
            {"user": "u", "auth": "sha", "auth_password": "aaaaaaaa", "priv": "aes", "priv_password": "pppppppp"},
            UsmUser("u", "sha", "aaaaaaaa", "aes", "pppppppp"),
        ),
        (
            {"user": "u", "auth": "SHA-256", "auth_password": "a" * 8, "priv": "AES-256-C", "priv_password": "p" * 8},
            UsmUser("u", "sha256", "aaaaaaaa", "aes256c", "pppppppp"),
        ),
        (
            {"user": "u", "auth": "SHA1", "auth_password": "a" * 8, "priv": "AES-128", "priv_password": "p" * 8},
            UsmUser("u", "sha", "aaaaaaaa", "aes", "pppppppp"),
        ),
        ({"user": "u", "context": "ups-a"}, UsmUser("u", context="ups-a")),
    ],
)
def test_credentials_say_the_version_or_are_understood(table: dict[str, Any], expected: object) -> None:
    """A community alone is SNMPv2c, a user alone SNMPv3; algorithms may be written as cards write them."""
    assert expected == credentials("pdu-3", table)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"community": ""}, "needs `community`"),
        ({"community": "hunter2", "version": "4"}, 'version = "4"'),
        ({"version": 3, "community": "hunter2"}, "needs `user`"),
        ({"user": "u", "auth": "rot13", "auth_password": "hunter2hunter2"}, 'auth = "rot13"'),
        ({"user": "u", "auth": "sha265", "auth_password": "hunter2hunter2"}, 'auth = "sha265": did you mean "sha256"?'),
        ({"user": "u", "auth": "sha"}, "auth and auth_password go together"),
        ({"user": "u", "auth": "sha", "auth_password": "hunter2"}, "8 characters or more"),
        ({"user": "u", "priv": "aes", "priv_password": "hunter2hunter2"}, "priv needs auth"),
        ({"community": "hunter2", "context": "ups-a"}, "only SNMPv3 has contexts"),
    ],
)
def test_credentials_that_cannot_work_are_named_by_key_never_by_value(table: dict[str, Any], reason: str) -> None:
    """The message ends in logs; the secret must not."""
    with pytest.raises(ConfigError) as caught:
        credentials("pdu-3", table)

    assert reason in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_in_no_repr() -> None:
    """Whatever prints a target or a secret object prints no password."""
    shown = repr((Community(2, "hunter2"), UsmUser("u", "sha", "hunter2", "aes", "hunter2")))

    assert "hunter2" not in shown


def test_every_algorithm_that_may_be_written_is_known_to_both_engines() -> None:
    """A name accepted here and unknown there would fail at night."""
    assert (AUTH, PRIV) == (tuple(AUTH_KEYS), tuple(PRIV_KEYS))
    assert tuple(CIPHERS) == PRIV
