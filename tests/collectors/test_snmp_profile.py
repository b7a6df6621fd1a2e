"""Profiles: a typo is an error when the catalogue is loaded, not a wrong number a year later."""

import pytest

from collectors.snmp.catalogue import catalogue, named, parse
from collectors.snmp.profile import SPOKEN
from dc_monitor.errors import ConfigError
from dc_monitor.names import QUANTITIES

GOOD = """
name = "x"
vendor = "Noname"
kind = "pdu"
[match]
probe = ["1.3.6.1.4.1.99.1.0"]
[[table]]
entry = "1.3.6.1.4.1.99.2.1"
point = "outlet/{0}"
level = "outlet"
columns = [
    { at = "3", quantity = "power", unit = "W", counts = 10 },
    { at = "4", quantity = "state", states = { 1 = "on" } },
]
"""


def test_the_catalogue_loads_and_every_name_is_its_files() -> None:
    """The profiles of the first slice are there, the finer before the coarser."""
    names = [profile.name for profile in catalogue()]

    assert {
        "akcp-sensorprobe",
        "apc-rpdu",
        "apc-rpdu2",
        "apc-smart-ups",
        "apc-uio",
        "janitza-umg604",
        "rfc1628",
    } <= set(names)
    assert names.index("apc-rpdu2") < names.index("apc-rpdu")
    assert names.index("apc-smart-ups") < names.index("rfc1628")


def test_a_good_profile_is_read() -> None:
    """The text below is the one the next test spoils."""
    assert "x" == parse(GOOD.encode(), "x.toml").name


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("counts = 10", "count = 10", "unknown field `count`"),
        ('level = "outlet"', 'level = "outlet"\nmultiply = 2', "unknown field `multiply`"),
        ('kind = "pdu"', 'kind = "pdu"\nrating = 3', "unknown field `rating`"),
        ('kind = "pdu"', 'kind = "toaster"', 'kind = "toaster"'),
        ('quantity = "power"', 'quantity = "watts"', 'quantity = "watts"'),
        ('unit = "W"', 'unit = "kWh"', 'unit = "kWh" does not fit power'),
        ('unit = "W"', 'unit = "horses"', 'unit = "horses" does not fit power'),
        ('level = "outlet"', 'level = "socket"', 'level = "socket"'),
        ("counts = 10", "counts = 0", "counts = 0"),
        ("counts = 10", "counts = 0.1", "Expected `int`, got `float`"),
        ('at = "3"', 'at = "3."', "expected numbers with dots"),
        (', states = { 1 = "on" }', "", "a state needs `states`"),
        ('at = "4", quantity = "state", states = { 1 = "on" }', 'at = "4", quantity = "power"', "two columns give"),
        ('states = { 1 = "on" }', 'states = "switch"', 'states = "switch": no such row in [codes]'),
        ("counts = 10", 'row = "*.x"', 'row = "*.x": expected numbers and * with dots'),
        ("counts = 10", 'only = [{ at = "5" }]', "only: expected what the value must be"),
        ("counts = 10", "only = [{ one_of = [1] }]", "only: expected `at`, a column, or `oid`, a single object"),
        ("counts = 10", 'only = [{ at = "5", like = "(" }]', 'like = "(": missing )'),
        ("counts = 10", 'factors = [{ at = "5", means = "tens" }]', 'means = "tens": expected one of digits, divisor'),
        ('name = "x"', 'name = "y"', "expected the file's own name"),
        ('probe = ["1.3.6.1.4.1.99.1.0"]', "", "expected `probe` or `column`"),
        ("[match]", "[match", "Expected"),
    ],
)
def test_a_spoilt_profile_is_refused_with_its_file_and_the_fault(good: str, bad: str, complaint: str) -> None:
    """Unknown keys, units that do not fit, levels nobody knows."""
    spoilt = GOOD.replace(good, bad)
    assert spoilt != GOOD
    with pytest.raises(ConfigError) as caught:
        parse(spoilt.encode(), "x.toml")

    assert str(caught.value).startswith("x.toml: ")
    assert complaint in str(caught.value)


def test_a_profile_asked_for_by_a_wrong_name_is_refused_with_the_nearest() -> None:
    """The person who types a profile's name gets it back corrected."""
    with pytest.raises(
        ConfigError, match='profile = "janitza-umg640": no such SNMP profile; did you mean "janitza-umg604"'
    ):
        named("janitza-umg640", catalogue())
    with pytest.raises(ConfigError, match=r"known: akcp-sensorprobe, apc-airfm"):
        named("zzz", catalogue())


def test_every_spoken_unit_leads_to_a_unit_some_quantity_has() -> None:
    """A row nobody can use is a row nobody has tried."""
    assert set() == {spoken.unit for spoken in SPOKEN.values()} - {one.unit for one in QUANTITIES.values()}


def test_no_profile_reads_another_layout_of_janitza() -> None:
    """The UMG 96 answers the same OIDs with another meaning; only sysObjectID tells."""
    umg = named("janitza-umg604", catalogue())

    assert ("1.3.6.1.4.1.34278.10",) == umg.match.sys_object_id
