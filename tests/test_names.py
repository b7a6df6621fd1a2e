"""The catalogue of names: one quantity, one unit, one Prometheus family, for ever."""

import re

import pytest

from dc_monitor.names import AGENT_FIELDS, QUANTITIES, AgentField, Quantity
from dc_monitor.readings import Series

rows = pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)


@rows
def test_a_prometheus_name_ends_in_its_base_unit(quantity: Quantity) -> None:
    """Base unit, plural, `_ratio`, `_total` for what only grows; no kWh, no percent."""
    assert re.fullmatch(r"dcmon_[a-z_]+", quantity.prometheus)
    suffix = {"revolutions_per_minute": "rpm"}.get(quantity.unit.word, quantity.unit.word)
    assert quantity.prometheus.removesuffix("_total").endswith(f"_{suffix}")
    assert quantity.counter == quantity.prometheus.endswith("_total")


@pytest.mark.parametrize("field", AGENT_FIELDS.values(), ids=AGENT_FIELDS)
def test_what_an_agent_tells_has_the_same_unit_on_the_wire_and_in_prometheus(field: AgentField) -> None:
    """Nobody converts between the two; a counter on the wire is one in Prometheus."""
    assert re.fullmatch(r"dcmon_[a-z_]+", field.prometheus)
    for word in ("bytes", "seconds", "joules"):
        assert (word in field.name) == (word in field.prometheus)
    assert field.name.endswith("_total") <= field.prometheus.endswith("_total")


def test_no_two_names_share_a_family() -> None:
    """Two meanings under one name would be added up by somebody."""
    families = [row.prometheus for row in (*QUANTITIES.values(), *AGENT_FIELDS.values())]

    assert sorted(set(families)) == sorted(families)


@pytest.mark.parametrize("field", ["quantity", "level", "method"])
def test_a_name_the_catalogue_does_not_know_is_refused(field: str) -> None:
    """A typo here would be a new series for ever."""
    known = {"quantity": "power", "level": "total", "method": "measured"}

    with pytest.raises(ValueError, match=rf"ups-a/output: unknown {field} 'watt'"):
        Series("ups-a", "output", **known | {field: "watt"})
