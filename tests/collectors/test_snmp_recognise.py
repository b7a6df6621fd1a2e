"""Who a device is: what it says of itself is believed only as far as it goes."""

import pytest

from collectors.snmp.ask import SYS_DESCR, SYS_OBJECT_ID, Told
from collectors.snmp.profile import Identity, Match, Profile
from collectors.snmp.recognise import fitting, object_id, reason, who
from collectors.snmp.values import Value
from dc_monitor.contract import Rating

ACME, PROBE = "1.3.6.1.4.1.99", "1.3.6.1.4.1.99.1.0"
VENDORS_OWN = Profile(name="own", vendor="Acme", kind="pdu", match=Match(sys_object_id=(f"{ACME}.7",), probe=(PROBE,)))
STANDARD = Profile(name="standard", vendor="", kind="ups", match=Match(probe=("1.3.6.1.2.1.33.1.2.1.0",)))


def told(**values: Value) -> dict[str, Told]:
    names = {"object_id": SYS_OBJECT_ID, "descr": SYS_DESCR, "probe": PROBE, "ups": "1.3.6.1.2.1.33.1.2.1.0"}
    return {names.get(name, name): Told(value, 0) for name, value in values.items()}


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        (f"{ACME}.7.1", f"{ACME}.7.1"),
        (b"1.3.6.1.4.1.99.7.1", f"{ACME}.7.1"),
        (f".{ACME}.7.1", f"{ACME}.7.1"),
        ("0.0", ""),
        ("0.10.43.6.1.4.1", ""),
        ("1.3.6.1.4.1.8072.3.2.10", ""),
        ("1.3.6.1.4.1.80721.1", "1.3.6.1.4.1.80721.1"),
        (None, ""),
    ],
)
def test_a_sysobjectid_counts_only_when_it_names_a_vendor(said: Value, believed: str) -> None:
    """Some say 0.0, some garble it, some leave that of the toolkit their card was built with."""
    assert believed == object_id(told(object_id=said))


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        (f"{ACME}.7", ["own"]),
        (f"{ACME}.7.3.1", ["own"]),
        (f"{ACME}.71", []),
        ("1.3.6.1.4.1.8072.3.2.10", ["own"]),
        ("0.0", ["own"]),
    ],
)
def test_a_profile_fits_when_a_probe_answers_and_sysobjectid_does_not_deny_it(said: str, fits: list[str]) -> None:
    """A prefix is of whole numbers: 7 is not the beginning of 71."""
    assert fits == [profile.name for profile in fitting([VENDORS_OWN], told(object_id=said, probe=1))]
    assert [] == fitting([VENDORS_OWN], told(object_id=said))


def test_a_device_may_speak_several_mibs_and_the_reason_names_each() -> None:
    """The vendor's own by name, the standard one because it answers."""
    answers = told(object_id=f"{ACME}.7", probe=1, ups=2)
    both = fitting([VENDORS_OWN, STANDARD], answers)

    assert ["own", "standard"] == [profile.name for profile in both]
    expected = "sysObjectID 1.3.6.1.4.1.99.7 is own; 1.3.6.1.2.1.33.1.2.1.0 answers as standard"
    assert expected == reason(both, answers)


def test_no_profile_is_a_sentence_with_what_to_look_up() -> None:
    """Even when the agent says nothing at all of itself."""
    assert 'no profile fits: no sysObjectID, sysDescr ""' == reason([], {})


def test_identity_comes_from_the_first_that_knows() -> None:
    """An OID before the description, the description before the family's name; a rating of 0 is none."""
    asked = Identity(
        model=("1.1", "1.2"), descr_model=r"MN:(\S+)", descr_firmware=r"AF1:v?(\S+)", family="Seven", rating_va=("1.3",)
    )
    profile = Profile(name="own", vendor="Acme", kind="pdu", match=Match(probe=(PROBE,)), identity=asked)

    def known(**values: Value) -> tuple[str, str, str, Rating]:
        found = who([profile], told(**values))
        return found.vendor, found.model, found.firmware, found.rating

    assert ("Acme", "A2", "6.4", Rating(va=3000)) == known(
        **{"1.1": b" ", "1.2": b"A2", "1.3": 3000}, descr=b"card (AF1:v6.4 MN:A1)"
    )
    assert ("Acme", "A1", "", Rating()) == known(**{"1.3": 0}, descr=b"MN:A1")
    assert ("Acme", "Seven", "", Rating()) == known()
