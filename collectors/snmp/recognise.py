"""Who a device is: the profiles that fit it, and what it says of itself."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.snmp.ask import SYS_DESCR, SYS_OBJECT_ID, Told
from collectors.snmp.profile import Profile
from collectors.snmp.values import below, number, text
from dc_monitor.contract import Rating

VENDORS = "1.3.6.1.4.1"
TOOLKITS = ("1.3.6.1.4.1.8072",)
"""sysObjectIDs that say nothing of the device: whoever built the card left net-snmp's own."""


@dataclass(frozen=True, slots=True)
class Who:
    """What the device says of itself; `object_id` is "" when it names no vendor."""

    object_id: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    rating: Rating = field(default_factory=Rating)


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
    return "; ".join([f"sysObjectID {named} is {' and '.join(by_name)}"] * bool(by_name) + by_probe)


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
            profile.identity.rating_va,
            profile.identity.rating_w,
        )
        for oid in oids
    ]


def who(profiles: Iterable[Profile], told: Mapping[str, Told]) -> Who:
    """Vendor, model, firmware and rating: the first profile that knows, the first OID that answers."""
    known = Who()
    descr = _descr(told)
    for profile in profiles:
        asked = profile.identity
        known = Who(
            object_id=object_id(told),
            vendor=known.vendor or _text(asked.vendor, told) or profile.vendor,
            model=known.model or _text(asked.model, told) or _found(asked.descr_model, descr) or asked.family,
            firmware=known.firmware or _text(asked.firmware, told) or _found(asked.descr_firmware, descr),
            rating=Rating(
                va=known.rating.va or _positive(asked.rating_va, told),
                w=known.rating.w or _positive(asked.rating_w, told),
            ),
        )
    return known


def _descr(told: Mapping[str, Told]) -> str:
    return text(told[SYS_DESCR].value) if SYS_DESCR in told else ""


def _text(oids: Iterable[str], told: Mapping[str, Told]) -> str:
    return next((written for oid in oids if oid in told and (written := text(told[oid].value))), "")


def _positive(oids: Iterable[str], told: Mapping[str, Told]) -> float | None:
    return next((count for oid in oids if oid in told and (count := number(told[oid].value) or 0.0) > 0), None)


def _found(pattern: str, descr: str) -> str:
    found = re.search(pattern, descr) if pattern else None
    return found[1] if found else ""
