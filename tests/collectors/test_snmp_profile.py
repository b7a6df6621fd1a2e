"""Profiles: a typo is an error when the catalogue is loaded, not a wrong number a year later."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    ("good", "bad", "line", "complaint"),
    [
        ("counts = 10", "count = 10", 12, 'count: unknown key; did you mean "counts"?'),
        ('level = "outlet"', 'level = "outlet"\nmultiply = 2', 11, "multiply: unknown key; expected one of absent"),
        ('kind = "pdu"', 'kind = "pdu"\nrating = 3', 5, "rating: unknown key"),
        ('vendor = "Noname"', "", 1, 'missing key "vendor"'),
        ('kind = "pdu"', 'kind = "toaster"', 4, 'kind = "toaster": expected one of'),
        ('kind = "pdu"', 'kind = "pud"', 4, 'kind = "pud": did you mean "pdu"?'),
        ('kind = "pdu"', 'kind = "pdu"\naccuracy = 0.0', 5, "accuracy = 0: expected a number above 0"),
        ('quantity = "power"', 'quantity = "watts"', 12, 'quantity = "watts": expected one of'),
        ('unit = "W"', 'unit = "kWh"', 12, 'unit = "kWh" does not fit power; expected "W", "kW"'),
        ('unit = "W"', 'unit = "horses"', 12, 'unit = "horses" does not fit power'),
        ('level = "outlet"', 'level = "outlets"', 10, 'level = "outlets": did you mean "outlet"?'),
        ("counts = 10", "counts = 0", 12, "counts = 0"),
        ("counts = 10", "counts = 0.1", 12, 'counts: expected "int", got "float"'),
        ("counts = 10", "modulus = 0", 12, "modulus = 0"),
        ('at = "3"', 'at = "3."', 12, 'at = "3.": expected numbers with dots'),
        (', states = { 1 = "on" }', "", 13, "a state needs `states`"),
        ('at = "4", quantity = "state", states = { 1 = "on" }', 'at = "4", quantity = "power"', 13, "two columns give"),
        ('states = { 1 = "on" }', 'states = "switch"', 13, 'states = "switch": no such row in [codes]'),
        ("counts = 10", 'row = "*.x"', 12, 'row = "*.x": expected numbers and * with dots'),
        ("counts = 10", 'only = [{ at = "5" }]', 12, "only: expected what the value must be"),
        ("counts = 10", "only = [{ one_of = [1] }]", 12, "only: expected `at`, a column, or `oid`, a single object"),
        ("counts = 10", 'only = [{ at = "5", like = "(" }]', 12, 'like = "(": missing )'),
        ("counts = 10", 'factors = [{ at = "5", means = "tens" }]', 12, 'means = "tens": expected one of digits'),
        ('name = "x"', 'name = "y"', 2, "expected the file's own name"),
        ('probe = ["1.3.6.1.4.1.99.1.0"]', "", 5, "expected `probe` or `column`"),
        ("1.3.6.1.4.1.99.1.0", "1.3.6.1.4.1.99.x.0", 6, 'probe = "1.3.6.1.4.1.99.x.0": expected numbers with dots'),
        ("1.3.6.1.4.1.99.1.0", ".1.3.6.1.4.1.99.1.0", 6, "expected numbers with dots, such as 1.3.6.1.4.1.318"),
        ("1.3.6.1.4.1.99.1.0", "1.3.6.1.4.1.99.4294967296.0", 6, "no number of an OID is above 4294967295"),
        ("1.3.6.1.4.1.99.1.0", "1.3.6.1.2.1.1.1.0", 6, "every agent answers that, whatever the device"),
        ("[match]", '[match]\nsys_object_id = ["1.3.6.1.4.1"]', 6, "too short to name a vendor"),
        ('entry = "1.3.6', 'entry = "1,3.6', 8, "entry = "),
        ("outlet/{0}", "outlet/{row}", 9, 'point = "outlet/{row}": {row} stands for nothing; known: {0}, {1}'),
        ("outlet/{0}", "outlet/{label}", 9, "{label} stands for nothing"),
        ("outlet/{0}", "outlet/{0", 9, "a brace without its partner"),
        ("outlet/{0}", "Outlet {0}", 9, "expected a path in small letters"),
        ("[match]", "[identity]\ndescr_model = 'AP.*'\n[match]", 6, "expected ( ) around what shall be taken"),
        ("[match]", '[identity]\nmodel = ["1.3.6.1.4.1.99."]\n[match]', 6, 'model = "1.3.6.1.4.1.99."'),
        ("[match]", "[match", 5, "not TOML: Expected"),
        ("},\n]\n", "}", 13, "not TOML: Unclosed array"),
    ],
)
def test_a_spoilt_profile_is_refused_with_its_line_and_the_fault(
    good: str, bad: str, line: int, complaint: str
) -> None:
    """Unknown keys, units that do not fit, OIDs that are none, places in a point that nothing fills."""
    spoilt = GOOD.replace(good, bad)
    assert spoilt != GOOD
    with pytest.raises(ConfigError) as caught:
        parse(spoilt.encode(), "x.toml")

    assert (f"x.toml:{line}", True) == (str(caught.value).partition(": ")[0], complaint in str(caught.value)), caught


@pytest.mark.parametrize("spoilt", [GOOD.replace("[[table]]", "[table]"), GOOD + "scalar = 3\n", "codes = 1\n" + GOOD])
def test_a_value_of_another_kind_is_a_sentence_and_no_fault_of_ours(spoilt: str) -> None:
    """A table where a list is expected, a number where a table is."""
    with pytest.raises(ConfigError, match=r"^x\.toml:\d+: |codes") as caught:
        parse(spoilt.replace('states = { 1 = "on" }', 'states = "on"').encode(), "x.toml")

    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_utf_8_are_told_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"^x\.toml:4: expected UTF-8, and found the byte 0xe9$"):
        parse(GOOD.encode().replace(b'"pdu"', b'"pdu" # r\xe9gie'), "x.toml")


TOKENS = [
    '"',
    "'",
    "[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "#",
    "-1",
    "0",
    "true",
    "[[table]]",
    "codes",
    "only",
    '"""',
    "é",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(TOKENS)), max_size=4))
def test_whatever_a_file_holds_it_is_a_profile_or_one_sentence(spoils: list[tuple[int, int, str]]) -> None:
    """Pieces cut out and put in anywhere: never a fault of our own."""
    text = GOOD
    for at, many, token in spoils:
        text = text[:at] + token + text[at + many :]
    told = ""
    try:
        parse(text.encode(), "x.toml")
    except ConfigError as error:
        told = str(error)

    assert not told or re.match(r"x\.toml:\d+: .", told)


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
