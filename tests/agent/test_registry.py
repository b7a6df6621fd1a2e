"""Collectors are found by the scheme of an address, also those of third parties."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from dc_monitor.agent import registry
from dc_monitor.errors import ConfigError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """What seems to be installed."""
    entries: list[EntryPoint] = []
    monkeypatch.setattr(registry, "entry_points", lambda group: [one for one in entries if one.group == group])
    for found in (registry.factory, registry.listener, registry._known):
        found.cache_clear()
    yield entries
    for found in (registry.factory, registry.listener, registry._known):
        found.cache_clear()


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def test_the_collector_of_a_scheme_is_loaded(installed: list[EntryPoint]) -> None:
    """The same one seen twice, as in a checkout, is one."""
    installed += [entry("text", "string:Formatter"), entry("text", "string:Formatter"), entry("x", "no.such:Thing")]

    assert "Formatter" == registry.factory("text").__name__  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("scheme", "sentence"),
    [
        ("snpm", 'no collector speaks "snpm://"; known: broken, snmp, twice; did you mean "snmp://"?'),
        ("", 'no collector speaks "://"; known: broken, snmp, twice'),
        ("broken", "the collector for \"broken://\" (no.such:Thing) cannot be loaded: No module named 'no'"),
        ("twice", 'two collectors for "twice://" are installed: a:One, b:Two; remove one'),
    ],
)
def test_what_cannot_be_used_is_one_sentence(installed: list[EntryPoint], scheme: str, sentence: str) -> None:
    """With what is known, and the nearest of it."""
    installed += [
        entry("snmp", "string:Formatter"),
        entry("broken", "no.such:Thing"),
        entry("twice", "a:One"),
        entry("twice", "b:Two"),
    ]
    with pytest.raises(ConfigError) as caught:
        registry.factory(scheme)

    assert sentence == str(caught.value)


def test_the_listener_of_a_protocol_is_found_in_a_group_of_its_own(installed: list[EntryPoint]) -> None:
    """By the same rules; a collector is none."""
    installed += [EntryPoint("snmp", "string:Formatter", registry.LISTENERS), entry("other", "string:Template")]

    assert "Formatter" == registry.listener("snmp").__name__  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="nothing that is installed listens for other"):
        registry.listener("other")


def test_only_what_is_asked_is_loaded() -> None:
    """An agent that reads its own host pays for no SNMP engine."""
    script = (
        "import sys; from dc_monitor.agent.registry import factory; factory('host');"
        "print([name for name in sys.modules if name.startswith(('collectors.snmp', 'gufo'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
