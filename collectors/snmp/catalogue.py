"""The catalogue: every profile there is, read and checked once.

A key nobody knows, a quantity outside the catalogue of names or a unit that does not fit it is an error when the
catalogue is loaded, so a profile that loads means what it says.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from collectors.snmp.profile import SPOKEN, Column, Factor, Only, Profile, Table, spoken
from dc_monitor.errors import ConfigError
from dc_monitor.names import LEVELS, QUANTITIES

KINDS = ("ups", "rectifier", "pdu", "ats", "meter", "environment", "cooling", "generator", "server", "switch")
FACTORS = ("digits", "divisor", "signed", "si")
_OID = re.compile(r"\d+(\.\d+)*")
_ROW = re.compile(r"(\d+|\*)(\.(\d+|\*))*")


@lru_cache(maxsize=1)
def catalogue() -> tuple[Profile, ...]:
    """All profiles in the order they are tried. Reads files: not for the event loop."""
    folder = files("collectors.snmp.profiles")
    found = [parse(one.read_bytes(), one.name) for one in folder.iterdir() if one.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda profile: (profile.rank, profile.name)))


def named(name: str, profiles: Sequence[Profile]) -> Profile:
    """The profile a person asked for. Raises `ConfigError` with the nearest name."""
    names = {profile.name: profile for profile in profiles}
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(sorted(names))}"
        raise ConfigError(f'profile = "{name}": no such SNMP profile; {cure}')
    return names[name]


def parse(raw: bytes, file: str) -> Profile:
    """One profile from its file's bytes. Raises `ConfigError`; the message begins with the file's name."""
    try:
        profile = msgspec.convert(_spelt_out(tomllib.loads(raw.decode())), Profile, str_keys=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from error
    for complaint in _complaints(profile, file):
        raise ConfigError(f"{file}: {complaint}")
    return profile


def _spelt_out(data: dict[str, Any]) -> dict[str, Any]:
    """The profile with the words of `[codes]` in the place of their names: tables of one MIB share their states."""
    codes = data.pop("codes", {})
    for group in (*data.get("scalar", ()), *data.get("table", ())):
        for column in group.get("columns", ()):
            if isinstance(column.get("states"), str):
                name = column["states"]
                if name not in codes:
                    raise msgspec.ValidationError(f'states = "{name}": no such row in [codes]')
                column["states"] = codes[name]
    return data


def _complaints(profile: Profile, file: str) -> Iterator[str]:
    if f"{profile.name}.toml" != file:
        yield f'name = "{profile.name}": expected the file\'s own name'
    if profile.kind not in KINDS:
        yield f'kind = "{profile.kind}": expected one of {", ".join(KINDS)}'
    if not profile.match.probe and not profile.match.column:
        yield "[match]: expected `probe` or `column`, by which the device is known"
    yield from _bad_pattern("[match] descr", profile.match.descr)
    for group in (*profile.scalar, *profile.table):
        everywhere = group.only if isinstance(group, Table) else ()
        points = [
            (column.point or group.point, column.quantity)
            for column in group.columns
            if not column.row and not column.only
        ]
        for point, quantity in {key for key in points if points.count(key) > 1}:
            yield f"{group.entry}: two columns give {point} a {quantity}"
        for column in group.columns:
            where = f"{group.entry}.{column.at}"
            yield from _odd_choice(where, column, everywhere, (*group.factors, *column.factors))
            if not _OID.fullmatch(where):
                yield f"{where}: expected numbers with dots"
            if column.quantity not in QUANTITIES:
                yield f'{where}: quantity = "{column.quantity}": see names.QUANTITIES'
                continue
            if column.unit not in ("", *SPOKEN) or spoken(column).unit is not QUANTITIES[column.quantity].unit:
                yield f'{where}: unit = "{column.unit}" does not fit {column.quantity}'
            if (column.level or group.level) not in LEVELS:
                yield f'{where}: level = "{column.level or group.level}": expected one of {", ".join(LEVELS)}'
            if column.counts < 1:
                yield f"{where}: counts = {column.counts}: expected counts per unit, 1 or more"
            if (column.quantity == "state") != bool(column.states or column.words):
                yield f"{where}: a state needs `states` or `words`, and nothing else has them"


def _odd_choice(where: str, column: Column, everywhere: Sequence[Only], factors: Sequence[Factor]) -> Iterator[str]:
    """What is wrong with the conditions and factors of a column."""
    if column.row and not _ROW.fullmatch(column.row):
        yield f'{where}: row = "{column.row}": expected numbers and * with dots'
    for factor in factors:
        if factor.means not in FACTORS:
            yield f'{where}: means = "{factor.means}": expected one of {", ".join(FACTORS)}'
    for only in (*everywhere, *column.only):
        if bool(only.at) == bool(only.oid):
            yield f"{where}: only: expected `at`, a column, or `oid`, a single object"
        if not (only.one_of or only.none_of or only.like or only.unlike):
            yield f"{where}: only: expected what the value must be: one_of, none_of, like or unlike"
        yield from _bad_pattern(f"{where}: like", only.like)
        yield from _bad_pattern(f"{where}: unlike", only.unlike)


def _bad_pattern(where: str, pattern: str) -> Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f'{where} = "{pattern}": {error}'
