"""What is wrong with a profile: everything that can be known before a device is asked.

Each flaw says where in the file it stands, as keys and positions, so that `catalogue` can name the line.
"""

import difflib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import Struct

from collectors.snmp.lines import Path
from collectors.snmp.profile import SPOKEN, Column, Factor, Group, Only, Profile, Table, spoken
from dc_monitor.names import LEVELS, QUANTITIES

KINDS = ("ups", "rectifier", "pdu", "ats", "meter", "environment", "cooling", "generator", "server", "switch")
FACTORS = ("digits", "divisor", "signed", "si")
MOST_ARC, MOST_ARCS = 2**32 - 1, 128
"""RFC 2578, 7.1.3 and 3.5."""
NONE = "-"
"""In the place of a path that need not be there."""
LONGEST = 255
"""Characters of a name or a word."""
NUMBERS = {"accuracy": 100, "interval": 86_400, "deadline": 600, "repetitions": 100}
"""Class [%] and times [s] of sense, and rows that an answer may hold."""
SYSTEM = "1.3.6.1.2.1.1"
"""What every agent has tells no family from another."""
VENDOR = 7
"""Numbers of the shortest sysObjectID that names a vendor: 1.3.6.1.4.1.318."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_OID = re.compile(r"1\.3\.6\.1(\.(0|[1-9]\d*))+")
_BELOW = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
_ROW = re.compile(r"(\d+|\*)(\.(\d+|\*))*")
_IN_BRACES = re.compile(r"\{([^{}]*)\}")
_PLACES = {"0", "1", "2", "3", "last", "text"}
_NAMED = {"label"}
_CAUGHT = set("abcdef")
_AT = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class Flaw(NamedTuple):
    """A sentence, and the keys and positions that lead to what it is about."""

    path: Path
    what: str


def misspelt(error: msgspec.ValidationError) -> Flaw:
    """A key nobody knows, a missing one or a value of another type, with the nearest key where there is one."""
    said = str(error)
    at = _AT.search(said)
    what = said[: at.start()] if at else said
    steps = _STEP.findall(at[1]) if at else []
    path: Path = tuple(key or int(position) for key, position in steps)
    unknown = re.search(r"unknown field `(.+)`", what)
    if not unknown:
        what = what.replace("Object missing required field", "missing key").replace("`", '"')
        key = next((step for step in reversed(path) if isinstance(step, str)), "")
        return Flaw(path, f"{key}: {what[0].lower()}{what[1:]}" if key else what)
    return Flaw((*path, unknown[1]), f"{unknown[1]}: unknown key; {nearest_of(unknown[1], _keys(path))}")


def nearest_of(written: str, known: Iterable[str]) -> str:
    """What to write instead."""
    known = sorted(known)
    near = difflib.get_close_matches(written, known, 1, 0.6)
    return f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(known)}"


def _keys(path: Path) -> list[str]:
    """The keys of the table a path leads to."""
    kind: Any = Profile
    for step in path:
        kind = get_args(kind)[0] if isinstance(step, int) else {one.name: one.type for one in _fields(kind)}[step]
    return [one.name for one in _fields(kind)]


def _fields(kind: type[Struct]) -> Sequence[msgspec.structs.FieldInfo]:
    return msgspec.structs.fields(kind)


def flaws(profile: Profile) -> Iterator[Flaw]:
    """All of them, in no order."""
    if not _NAME.fullmatch(profile.name):
        yield Flaw(("name",), f'name = "{profile.name}": expected small letters, digits and hyphens')
    if profile.kind not in KINDS:
        yield Flaw(("kind",), f'kind = "{profile.kind}": {nearest_of(profile.kind, KINDS)}')
    for key, most in NUMBERS.items():
        number = getattr(profile, key)
        if number is not None and not 0 < number <= most:
            yield Flaw((key,), f"{key} = {number:g}: expected a number above 0, and {most:,} at most")
    for key in ("vendor", "hint"):
        yield from _said((key,), getattr(profile, key))
    for key in ("root", "beside"):
        yield from _template((key,), getattr(profile, key) or NONE, set())
    yield from _match(profile)
    yield from _identity(profile)
    for kind in ("scalar", "table"):
        for at, group in enumerate(getattr(profile, kind)):
            yield from _group((kind, at), group)
    for at, scale in enumerate(profile.scale):
        path: Path = ("scale", at)
        yield from _oid((*path, "at"), scale.at)
        if scale.sys_object_id:
            yield from _oid((*path, "sys_object_id"), scale.sys_object_id)
        if scale.counts < 1:
            yield Flaw((*path, "counts"), f"counts = {scale.counts}: expected counts per unit, 1 or more")
        yield from _pattern((*path, "model"), scale.model)
        yield from _pattern((*path, "firmware"), scale.firmware)
    for at, estimate in enumerate(profile.estimate):
        for key in ("point", "side"):
            yield from _template(("estimate", at, key), getattr(estimate, key), set())


def _match(profile: Profile) -> Iterator[Flaw]:
    match = profile.match
    if not match.probe and not match.column:
        yield Flaw(("match",), "[match]: expected `probe` or `column`, by which the device is known")
    for key in ("sys_object_id", "probe", "column"):
        for at, oid in enumerate(getattr(match, key)):
            yield from _oid(("match", key, at), oid)
            if key != "sys_object_id" and f"{oid}.".startswith(f"{SYSTEM}."):
                yield Flaw(("match", key, at), f'{key} = "{oid}": every agent answers that, whatever the device')
            if key == "sys_object_id" and oid.count(".") + 1 < VENDOR:
                yield Flaw(("match", key, at), f'{key} = "{oid}": too short to name a vendor, as 1.3.6.1.4.1.318 does')
    yield from _pattern(("match", "descr"), match.descr)


def _identity(profile: Profile) -> Iterator[Flaw]:
    for one in msgspec.structs.fields(profile.identity):
        written = getattr(profile.identity, one.name)
        if isinstance(written, tuple):
            for at, oid in enumerate(written):
                yield from _oid(("identity", one.name, at), oid)
        elif one.name.startswith("descr_"):
            yield from _pattern(("identity", one.name), written, groups=1)
        else:
            yield from _said(("identity", one.name), written)


def _group(path: Path, group: Group) -> Iterator[Flaw]:
    yield from _oid((*path, "entry"), group.entry)
    if not group.columns:
        yield Flaw((*path, "columns"), f"{group.entry}: no columns, so nothing would be read")
    everywhere: tuple[Only, ...] = ()
    if isinstance(group, Table):
        everywhere = group.only
        for key in ("number", "label"):
            yield from _column((*path, key), getattr(group, key) or "0")
        yield from _template((*path, "many"), group.many or NONE, _PLACES)
        if group.unless:
            yield from _oid((*path, "unless"), group.unless)
        for at, when in enumerate(group.when):
            yield from _column((*path, "when", at, "column"), when.column)
        for at, only in enumerate(group.only):
            yield from _only((*path, "only", at), only)
    yield from _factors(path, group.factors)
    told: dict[tuple[str, str], int] = {}
    for at, column in enumerate(group.columns):
        here: Path = (*path, "columns", at)
        yield from _of_column(here, group, column, everywhere)
        point = column.point or group.point
        if not column.row and not column.only and told.setdefault((point, column.quantity), at) != at:
            yield Flaw(here, f"{group.entry}: two columns give {point} a {column.quantity}")


def _of_column(path: Path, group: Group, column: Column, everywhere: Sequence[Only]) -> Iterator[Flaw]:
    where = f"{group.entry}.{column.at}"
    if not _BELOW.fullmatch(column.at):
        yield Flaw((*path, "at"), f'{where}: at = "{column.at}": expected numbers with dots, below the entry')
    else:
        yield from _arcs((*path, "at"), column.at)
    for word in column.states.values():
        yield from _said((*path, "states"), word)
    if column.row and not _ROW.fullmatch(column.row):
        yield Flaw((*path, "row"), f'{where}: row = "{column.row}": expected numbers and * with dots')
    if column.nominal_volts:
        yield from _oid((*path, "nominal_volts"), column.nominal_volts)
    if column.words:
        yield from _column((*path, "words"), column.words)
    if column.counts < 1:
        yield Flaw((*path, "counts"), f"{where}: counts = {column.counts}: expected counts per unit, 1 or more")
    if column.modulus is not None and column.modulus < 1:
        yield Flaw((*path, "modulus"), f"{where}: modulus = {column.modulus}: expected where the register starts again")
    if (column.level or group.level) not in LEVELS:
        level = column.level or group.level
        yield Flaw(
            (*path, "level") if column.level else (*path[:-2], "level"),
            f'{where}: level = "{level}": {nearest_of(level, LEVELS)}',
        )
    if (column.quantity == "state") != bool(column.states or column.words):
        yield Flaw(path, f"{where}: a state needs `states` or `words`, and nothing else has them")
    if column.quantity not in QUANTITIES:
        near = nearest_of(column.quantity, QUANTITIES)
        yield Flaw((*path, "quantity"), f'{where}: quantity = "{column.quantity}": {near}')
    elif column.unit not in ("", *SPOKEN) or spoken(column).unit is not QUANTITIES[column.quantity].unit:
        fitting = ", ".join(f'"{unit}"' for unit in SPOKEN if SPOKEN[unit].unit is QUANTITIES[column.quantity].unit)
        cure = f"; expected {fitting}" if fitting else "; it has none"
        yield Flaw((*path, "unit"), f'{where}: unit = "{column.unit}" does not fit {column.quantity}{cure}')
    for at, only in enumerate(column.only):
        yield from _only((*path, "only", at), only)
    yield from _factors(path, column.factors)
    conditions = [*everywhere, *column.only]
    places = set(_PLACES) if isinstance(group, Table) else set()
    if isinstance(group, Table) and group.label:
        places |= _NAMED
    places |= set(sorted(_CAUGHT)[: _taken(conditions)])
    at_point: Path = (*path, "point") if column.point else (*path[:-2], "point")
    yield from _template(at_point, column.point or group.point, places)


def _only(path: Path, only: Only) -> Iterator[Flaw]:
    if bool(only.at) == bool(only.oid):
        yield Flaw(path, "only: expected `at`, a column, or `oid`, a single object")
    elif only.oid:
        yield from _oid((*path, "oid"), only.oid)
    else:
        yield from _column((*path, "at"), only.at)
    if not (only.one_of or only.none_of or only.like or only.unlike):
        yield Flaw(path, "only: expected what the value must be: one_of, none_of, like or unlike")
    yield from _pattern((*path, "like"), only.like)
    yield from _pattern((*path, "unlike"), only.unlike)


def _factors(path: Path, factors: Sequence[Factor]) -> Iterator[Flaw]:
    for at, factor in enumerate(factors):
        yield from _column((*path, "factors", at, "at"), factor.at)
        if factor.means not in FACTORS:
            yield Flaw(
                (*path, "factors", at, "means"), f'means = "{factor.means}": expected one of {", ".join(FACTORS)}'
            )


def _oid(path: Path, written: str) -> Iterator[Flaw]:
    key = next(step for step in reversed(path) if isinstance(step, str))
    if not _OID.fullmatch(written):
        yield Flaw(path, f'{key} = "{written}": expected numbers with dots, such as 1.3.6.1.4.1.318.1.1.12.1.16.0')
    else:
        yield from _arcs(path, written)


def _arcs(path: Path, written: str) -> Iterator[Flaw]:
    key = next(step for step in reversed(path) if isinstance(step, str))
    arcs = written.split(".")
    if len(arcs) > MOST_ARCS or any(len(arc) > len(str(MOST_ARC)) or int(arc) > MOST_ARC for arc in arcs):
        yield Flaw(
            path, f'{key} = "{written}": no number of an OID is above {MOST_ARC}, and no OID has more than {MOST_ARCS}'
        )


def _column(path: Path, written: str) -> Iterator[Flaw]:
    if not _BELOW.fullmatch(written):
        yield Flaw(path, f'{path[-1]} = "{written}": expected the number of a column, or a full OID')
    else:
        yield from _arcs(path, written)


def _said(path: Path, written: str) -> Iterator[Flaw]:
    """Words for people."""
    if len(written) > LONGEST or not written.isprintable():
        yield Flaw(path, f'{path[-1]} = "{written}": expected one line of {LONGEST} characters at most')


def _pattern(path: Path, pattern: str, groups: int = 0) -> Iterator[Flaw]:
    try:
        found = _groups(pattern)
    except (re.error, FutureWarning) as error:
        yield Flaw(path, f'{path[-1]} = "{pattern}": {error}')
        return
    if pattern and found < groups:
        yield Flaw(path, f"{path[-1]} = '{pattern}': expected ( ) around what shall be taken")


def _groups(pattern: str) -> int:
    """How many pieces a pattern takes; raises for what is no pattern, or may mean something else one day."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        return re.compile(pattern).groups


def _taken(conditions: Iterable[Only]) -> int:
    with suppress(re.error, FutureWarning):
        return sum(_groups(only.like) for only in conditions)
    return len(_CAUGHT)  # the pattern is told, so its pieces need not be


def _template(path: Path, written: str, places: set[str]) -> Iterator[Flaw]:
    """A point with places in braces that will be filled in."""
    if "{" in _IN_BRACES.sub("", written) or "}" in _IN_BRACES.sub("", written):
        yield Flaw(path, f'{path[-1]} = "{written}": a brace without its partner')
    for place in _IN_BRACES.findall(written):
        if place not in places:
            known = ", ".join(f"{{{one}}}" for one in sorted(places)) or "none here"
            yield Flaw(path, f'{path[-1]} = "{written}": {{{place}}} stands for nothing; known: {known}')
    plain = _IN_BRACES.sub("", written)
    if plain != plain.lower() or re.search(r"[^a-z0-9/_.{}-]", plain) or "" in written.split("/"):
        yield Flaw(path, f'{path[-1]} = "{written}": expected a path in small letters, such as outlet/{{0}}')
