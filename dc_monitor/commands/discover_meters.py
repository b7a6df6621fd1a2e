"""Which meters the devices found make: what each counts as, and who feeds it. Pure.

No watt shall be counted twice: of a UPS and the PDUs behind it one is IT energy, the other stands in the chain only.
What is more than a rule is a guess, and a guess is written as a comment.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dc_monitor.commands.check_meters import WATTS
from dc_monitor.commands.discover_names import feeds, free, says
from dc_monitor.contract import DeviceInfo
from dc_monitor.readings import Reading
from dc_monitor.topology import alternatives

SIDES = {  # kind of device → the side of it where what it gives or takes is read, best first
    "meter": ("total", "input", "output"),
    "ups": ("output",),
    "rectifier": ("output",),
    "pdu": ("total", "input", "output"),
    "cooling": ("total", "input"),
    "ats": ("output", "total"),
    "generator": ("total", "output"),
    "server": ("total", "input"),
}
SOURCES = ("ups", "rectifier")
"""What stands between the mains and the IT equipment."""
COVERED = 0.9
"""PDUs that take so much of what the UPSs give are all of them; the rest is cables and what the meters err."""
MAIN = ("main", "utility", "grid", "incomer", "mains", "general", "général", "tgbt", "arrivee", "arrivée", "edf")
"""Words for the meter everything passes, in English and French."""


@dataclass(frozen=True, slots=True)
class Known:
    """A device under the name it has or shall have; `new` when it is in no file yet."""

    name: str
    info: DeviceInfo
    readings: Sequence[Reading]
    new: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """A meter to propose; `role` is in force, `guess` are lines that are not, with the reason of each."""

    name: str
    device: str
    reads: str
    kind: str
    watts: float | None
    role: str = ""
    guess: tuple[tuple[str, str], ...] = ()


def drafts(devices: Sequence[Known], before: Mapping[str, Collection[str]], meters: Mapping[str, str]) -> list[Draft]:
    """Meters for the new devices, in their order.

    `before` are the devices that meters of each role read already, `meters` those meters and the device of each.
    """
    taken = {*meters}
    made = [draft for device in devices if device.new for draft in _of(device, taken)]
    kinds = {device.name: device.info.kind for device in devices}
    roled = {
        draft.name: draft
        for draft in (
            *_total(made, before.get("total", ()), devices),
            *_it(made, before.get("it", ()), kinds),
            *map(_other, made),
        )
        if draft.role or draft.guess or draft.kind == "ats"
    }
    reading = {device: name for name, device in meters.items()} | {draft.device: draft.name for draft in made}
    return [_fed(roled[draft.name], reading, devices) for draft in made if draft.name in roled]


def _of(device: Known, taken: set[str]) -> Iterator[Draft]:
    """One meter, or one for each of several units side by side, which share nothing."""
    here = [one for one in device.readings if one.series.quantity in WATTS]
    points = _points(SIDES.get(device.info.kind, ()), here)
    for point in points:
        name = device.name if len(points) == 1 else f"{device.name}-{point.removesuffix('/total').replace('/', '-')}"
        name = free(name, taken)
        taken.add(name)
        power = [one.value for one in served(point, here, "power")]
        yield Draft(name, device.name, f"{device.name}/{point}", device.info.kind, sum(power) if power else None)


def _points(sides: Sequence[str], here: Sequence[Reading]) -> list[str]:
    """The point of the best side; where it lies below another path, as in linked units, the points of each."""
    for side in sides:
        if any(served(side, here, quantity) for quantity in WATTS):
            return [side]
    at = sorted({one.series.point for one in here})
    for side in sides:
        roots = [*dict.fromkeys(root for point in at if (root := _root(point, side)))]
        if roots:
            return [root for root in roots if root.startswith("unit/")] or roots[:1]
    return []


def _root(point: str, side: str) -> str:
    """`unit/2/total` for a point of the second unit's total, "" for a point of another side."""
    parts = point.split("/")
    if side not in parts[:-1] and parts[-1] != side:
        return ""
    end = parts.index(side) + 1
    if parts[end : end + 1] and parts[end].isdecimal():  # unit/1/input/1
        end += 1
    return "/".join(parts[:end])


def served(point: str, here: Sequence[Reading], quantity: str) -> list[Reading]:
    """Where the site would look for the watts of a point."""
    for alternative in alternatives(point):
        found = [one for one in here if one.series.point in alternative and one.series.quantity == quantity]
        if found:
            return found
    return []


def _total(made: Iterable[Draft], before: Collection[str], devices: Sequence[Known]) -> Iterator[Draft]:
    """The one meter of the supply; several may stand side by side or one behind the other, and only a person knows."""
    meters = [draft for draft in made if draft.kind == "meter"]
    for draft in meters:
        info = next(device.info for device in devices if device.name == draft.device)
        word = next((word for word in MAIN if says(f"{info.name} {info.location}", word)), "")
        if len(meters) == 1 and not before:
            yield replace(draft, role="total")
        elif word and not before:
            yield _guessed(draft, "total", f'several meters answer, and this one\'s name says "{word}"')
        else:
            why = "there is a total already" if before else "several meters answer; which one is the supply?"
            yield _guessed(draft, "total", why)


def _it(made: Iterable[Draft], before: Collection[str], kinds: Mapping[str, str]) -> Iterator[Draft]:
    made = [*made]
    pdus = [draft for draft in made if draft.kind == "pdu"]
    sources = [draft for draft in made if draft.kind in SOURCES]
    servers = [draft for draft in made if draft.kind == "server"]
    if before:
        alike = {kinds.get(device) for device in before} == {"pdu"}
        why = "IT energy is read elsewhere already; these may be the same watts"
        yield from (replace(draft, role="it") if alike else _guessed(draft, "it", why) for draft in pdus)
        yield from (_source(draft) if alike else _guessed(draft, "it", why) for draft in sources)
        return
    taken, given = _watts(pdus), _watts(sources)
    if not pdus:
        yield from (replace(draft, role="it") for draft in sources)
        why = "no PDU and no UPS tells watts; these servers' own may be all there are"
        yield from (_guessed(draft, "it", why) for draft in servers if not sources)
    elif taken is not None and given is not None and taken < COVERED * given:
        why = f"together the PDUs take {taken:,.0f} W of {given:,.0f} W; once every rack's is here, they can be IT"
        yield from (replace(draft, role="it") for draft in sources)
        yield from (_guessed(draft, "it", why) for draft in pdus)
    else:
        why = "it tells what it gives, as PDUs do that feed others"
        behind = [draft for draft in pdus if len(pdus) > 1 and draft.reads.endswith("/output")]
        behind = behind if len(behind) < len(pdus) else []
        yield from (_guessed(draft, "it", why) if draft in behind else replace(draft, role="it") for draft in pdus)
        yield from map(_source, sources)


def _watts(made: Sequence[Draft]) -> float | None:
    """The sum of what all of them tell; None when one tells energy only, or there is none."""
    told = [draft.watts for draft in made if draft.watts is not None]
    return sum(told) if made and len(told) == len(made) else None


def _source(draft: Draft) -> Draft:
    """In the chain, and in no sum."""
    return replace(draft, role="ups")


def _other(draft: Draft) -> Draft:
    if draft.kind == "cooling":
        return replace(draft, role="cooling")
    if draft.kind == "generator":
        return _guessed(draft, "total", 'right when no total stands behind it, and with kind = "generator"')
    return draft


def _guessed(draft: Draft, role: str, why: str) -> Draft:
    return replace(draft, guess=(*draft.guess, (f'role = "{role}"', why)))


def _fed(draft: Draft, reading: Mapping[str, str], devices: Sequence[Known]) -> Draft:
    """With who feeds it, where exactly one name says so; `reading` is the meter of each device."""
    info = next(device.info for device in devices if device.name == draft.device)
    found: dict[str, str] = {}
    for other in devices:
        if other.name == draft.device:
            continue
        for one in other.readings:
            if says(one.series.label, draft.device) and one.series.level in ("outlet", "bank", "phase"):
                found.setdefault(other.name, f'{other.name} calls its {one.series.point} "{one.series.label}"')
        if other.info.kind not in SOURCES or draft.kind in (*SOURCES, "meter"):
            continue
        letters = {letter for letter, _ in feeds(f"{other.name} {other.info.name} {other.info.location}")}
        for what, text in (("name", info.name), ("location", info.location)):
            if says(text, other.name):
                found.setdefault(other.name, f'its {what} says "{text}"')
            for letter, words in feeds(text):
                if letter in letters:
                    found.setdefault(other.name, f'its {what} says "{words}"')
    if len(found) != 1:
        return draft
    ((name, why),) = found.items()
    if name not in reading:
        return draft
    return replace(draft, guess=(*draft.guess, (f"fed_by = {json.dumps([reading[name]], ensure_ascii=False)}", why)))
