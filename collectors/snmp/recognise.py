"""Who a device is: the profiles that fit it, and what it says of itself."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collectors.snmp.ask import SYS_DESCR, SYS_OBJECT_ID, Told
from collectors.snmp.profile import Profile
from collectors.snmp.values import below, number, text
from dc_monitor.contract import Rating

SYS_NAME = "1.3.6.1.2.1.1.5.0"
SYS_LOCATION = "1.3.6.1.2.1.1.6.0"
ENGINE_ID = "1.3.6.1.6.3.10.2.1.1.0"  # snmpEngineID, RFC 3411; some agents tell it to SNMPv2c too
SERIALS = ("1.3.6.1.2.1.47.1.1.1.1.11.1",)  # entPhysicalSerialNum of the whole, ENTITY-MIB
INTERFACES = tuple(f"1.3.6.1.2.1.2.2.1.6.{row}" for row in (1, 2, 3))  # ifPhysAddress; the first is often the loopback
OF_ITSELF = (SYS_NAME, SYS_LOCATION, ENGINE_ID, *SERIALS, *INTERFACES)
"""What tells a device from its twins, whatever its family."""
MOST_REASONS = 5
MAC = 6
"""Octets of a MAC address."""

VENDORS = "1.3.6.1.4.1"
TOOLKITS = ("1.3.6.1.4.1.8072",)
"""sysObjectIDs that say nothing of the device: whoever built the card left net-snmp's own."""


@dataclass(frozen=True, slots=True)
class Who:
    """What the device says of itself; `object_id` is "" when it names no vendor; see `DeviceInfo` for the rest."""

    object_id: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    rating: Rating = field(default_factory=Rating)
    name: str = ""
    location: str = ""
    marks: tuple[str, ...] = ()


def object_id(told: Mapping[str, Told]) -> str:
    """The sysObjectID when it names a vendor, else "": some say 0.0, garble it, or keep that of their toolkit."""
    written = text(told[SYS_OBJECT_ID].value).lstrip(".") if SYS_OBJECT_ID in told else ""
    return written if below(written, VENDORS) and not any(below(written, one) for one in TOOLKITS) else ""


def possible(profile: Profile, told: Mapping[str, Told]) -> bool:
    """Whether neither sysObjectID nor sysDescr denies it."""
    named = object_id(told)
    by_name = not named or not profile.match.sys_object_id or _by_name(profile, named)
    return by_name and re.search(profile.match.descr, _descr(told)) is not None


def answers(profile: Profile, told: Mapping[str, Told]) -> bool:
    """Whether one of its probes answers, or one of its tables has rows."""
    return any(at in told for at in (*profile.match.probe, *profile.match.column))


def fitting(profiles: Iterable[Profile], told: Mapping[str, Told]) -> list[Profile]:
    """The profiles this device speaks: something answers, and what it says of itself does not deny it."""
    return [profile for profile in profiles if possible(profile, told) and answers(profile, told)]


def reason(profiles: Sequence[Profile], told: Mapping[str, Told]) -> str:
    """Why we think so, in one sentence."""
    if not profiles:
        said = f"sysObjectID {text(told[SYS_OBJECT_ID].value)}" if SYS_OBJECT_ID in told else "no sysObjectID"
        return f'no profile fits: {said}, sysDescr "{_descr(told)[:80]}"'
    named = object_id(told)
    by_name = [profile.name for profile in profiles if _by_name(profile, named)]
    by_probe = [
        f"{next(at for at in (*profile.match.probe, *profile.match.column) if at in told)} answers as {profile.name}"
        for profile in profiles
        if profile.name not in by_name
    ]
    more = [f"so do objects of {len(by_probe) - MOST_REASONS} more"] if len(by_probe) > MOST_REASONS else []
    return "; ".join(
        [f"sysObjectID {named} is {' and '.join(by_name)}"] * bool(by_name) + by_probe[:MOST_REASONS] + more
    )


def _by_name(profile: Profile, named: str) -> bool:
    return any(below(named, prefix) for prefix in profile.match.sys_object_id)


def identity_oids(profiles: Iterable[Profile]) -> list[str]:
    """Every OID that may tell who the device is."""
    return [
        oid
        for profile in profiles
        for oids in (
            profile.identity.vendor,
            profile.identity.model,
            profile.identity.firmware,
            profile.identity.serial,
            profile.identity.rating_va,
            profile.identity.rating_w,
        )
        for oid in oids
    ]


def who(profiles: Sequence[Profile], told: Mapping[str, Told]) -> Who:
    """Vendor, model, firmware and rating: the first profile that knows, the first OID that answers."""
    known = Who(
        object_id(told),
        name=_text([SYS_NAME], told),
        location=_text([SYS_LOCATION], told),
        marks=_marks(profiles, told),
    )
    descr = _descr(told)
    for profile in profiles:
        asked = profile.identity
        known = replace(
            known,
            vendor=known.vendor or _text(asked.vendor, told) or profile.vendor,
            model=known.model or _text(asked.model, told) or _found(asked.descr_model, descr) or asked.family,
            firmware=known.firmware or _text(asked.firmware, told) or _found(asked.descr_firmware, descr),
            rating=Rating(
                va=known.rating.va or _positive(asked.rating_va, told),
                w=known.rating.w or _positive(asked.rating_w, told),
            ),
        )
    return known


def _marks(profiles: Iterable[Profile], told: Mapping[str, Told]) -> tuple[str, ...]:
    """Serial number, MAC address and SNMP engine, as far as they are told and no placeholders."""
    serials = [oid for profile in profiles for oid in profile.identity.serial]
    marks = []
    serial = _text([*serials, *SERIALS], told)
    if any(character.isdigit() and character != "0" for character in serial):
        marks.append(f"serial {serial}")
    octets = [told[oid].value for oid in INTERFACES if oid in told]
    mac = next((one for one in octets if isinstance(one, bytes) and len(one) == MAC and any(one)), None)
    if mac:
        marks.append(f"mac {mac.hex(':')}")
    engine = told[ENGINE_ID].value if ENGINE_ID in told else None
    if isinstance(engine, bytes) and engine:
        marks.append(f"engine {engine.hex()}")
    return tuple(marks)


def _descr(told: Mapping[str, Told]) -> str:
    return text(told[SYS_DESCR].value) if SYS_DESCR in told else ""


def _text(oids: Iterable[str], told: Mapping[str, Told]) -> str:
    return next((written for oid in oids if oid in told and (written := text(told[oid].value))), "")


def _positive(oids: Iterable[str], told: Mapping[str, Told]) -> float | None:
    return next((count for oid in oids if oid in told and (count := number(told[oid].value) or 0.0) > 0), None)


def _found(pattern: str, descr: str) -> str:
    found = re.search(pattern, descr) if pattern else None
    return found[1] if found else ""
