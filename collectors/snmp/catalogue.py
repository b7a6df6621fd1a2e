"""The catalogue: every profile there is, read and checked once.

Ours come with the package; those of `$DCMON_PROFILES`, else of /etc/dc-monitor/profiles, are read beside them, and one
of the same name is read instead. A key nobody knows, an OID that is none or a unit that does not fit is an error when
the catalogue is loaded, with its line, so a profile that loads means what it says.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from collectors.snmp import lines
from collectors.snmp.profile import Profile
from collectors.snmp.sound import Flaw, flaws, misspelt, nearest_of
from collectors.snmp.values import below
from dc_monitor.errors import ConfigError

VARIABLE = "DCMON_PROFILES"
FOLDER = Path("/etc/dc-monitor/profiles")
LONGEST = 1_000
"""Characters of a complaint, which may quote what somebody wrote."""


class Loaded(NamedTuple):
    """All profiles in the order they are tried; `files` of those that are not ours, by name; names they replace."""

    profiles: tuple[Profile, ...]
    files: Mapping[str, Path]
    replaced: frozenset[str]


def catalogue() -> tuple[Profile, ...]:
    """All profiles in the order they are tried.

    Reads files the first time: not for the event loop. Raises `ConfigError` when one of them cannot be used; what was
    read stays until the process ends.
    """
    return _now().profiles


def remarks(profiles: Sequence[Profile]) -> list[str]:
    """What to say of a device's profiles that are not ours: where they are from, and whose order is left to chance."""
    loaded = _now()
    told = [
        f"{one.name} is {loaded.files[one.name]}"
        + (", instead of the one that comes with dc-monitor" if one.name in loaded.replaced else "")
        for one in profiles
        if one.name in loaded.files
    ]
    for one, other in combinations(profiles, 2):
        prefix = _shared(one, other) if one.rank == other.rank and {one.name, other.name} & loaded.files.keys() else ""
        if prefix:
            told.append(
                f"{one.name} and {other.name} both fit sysObjectID {prefix} with rank {one.rank}: {one.name} goes "
                "first; say which shall, with `rank`"
            )
    return told


def named(name: str, profiles: Sequence[Profile]) -> Profile:
    """The profile a person asked for. Raises `ConfigError` with the nearest name."""
    names = {profile.name: profile for profile in profiles}
    if name not in names:
        near = nearest_of(name, names).replace("expected one of", "known:")
        raise ConfigError(f'profile = "{name}": no such SNMP profile; {near}')
    return names[name]


def parse(raw: bytes, file: str) -> Profile:
    """One profile from its file's bytes. Raises `ConfigError`; the message begins with the file's name and the line."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: expected UTF-8, and found the byte {raw[error.start]:#04x}") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = _placed(str(error), text)
        raise ConfigError(f"{file}:{line}: not TOML: {what}") from error
    try:
        profile = msgspec.convert(_spelt_out(data), Profile, str_keys=True)
    except msgspec.ValidationError as error:
        raise _refused(file, text, misspelt(error)) from error
    except _Unspelt as error:
        raise _refused(file, text, error.flaw) from None
    for flaw in flaws(profile):
        raise _refused(file, text, flaw)
    if f"{profile.name}.toml" != Path(file).name:
        raise _refused(file, text, Flaw(("name",), f'name = "{profile.name}": expected the file\'s own name'))
    return profile


def _now() -> Loaded:
    asked = os.environ.get(VARIABLE)  # "" for none
    found = _loaded(str(FOLDER) if asked is None and FOLDER.is_dir() else asked or "")
    if isinstance(found, str):
        raise ConfigError(found)
    return found


@lru_cache(maxsize=4)
def _loaded(folder: str) -> Loaded | str:
    """Everything, or why it cannot be used: a thousand devices shall not read it a thousand times to learn that."""
    ours = [parse(one.read_bytes(), one.name) for one in files("collectors.snmp.profiles").iterdir() if _is_one(one)]
    theirs: dict[str, Profile] = {}
    paths: dict[str, Path] = {}
    try:
        for path in sorted(filter(_is_one, Path(folder).iterdir() if folder else ())):
            profile = parse(path.read_bytes(), str(path))
            theirs[profile.name], paths[profile.name] = profile, path
    except OSError as error:
        return f"{folder}: cannot read the profiles there: {error.strerror}"
    except ConfigError as error:
        return str(error)
    replaced = frozenset(one.name for one in ours if one.name in theirs)
    profiles = [*theirs.values(), *(one for one in ours if one.name not in theirs)]
    profiles.sort(key=lambda one: (one.rank, one.name not in theirs, one.name))
    return Loaded(tuple(profiles), paths, replaced)


def _is_one(path: Any) -> bool:
    return bool(path.name.endswith(".toml")) and not path.name.startswith(".")


def _shared(one: Profile, other: Profile) -> str:
    """The longer of two prefixes of which one holds the other; "" when no device can have both."""
    pairs = [(a, b) for a in one.match.sys_object_id for b in other.match.sys_object_id]
    return next((max(a, b, key=len) for a, b in pairs if below(a, b) or below(b, a)), "")


class _Unspelt(Exception):
    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw


def _spelt_out(data: dict[str, Any]) -> dict[str, Any]:
    """The profile with the words of `[codes]` in the place of their names: tables of one MIB share their states."""
    codes = data.pop("codes", {})
    for path, column in [*_columns(data)]:
        name = column.get("states")
        if isinstance(name, str):
            if not isinstance(codes, dict) or name not in codes:
                raise _Unspelt(Flaw((*path, "states"), f'states = "{name}": no such row in [codes]'))
            column["states"] = codes[name]
    return data


def _columns(data: dict[str, Any]) -> Iterator[tuple[lines.Path, dict[str, Any]]]:
    """Whatever stands where columns should, if it is a table at all."""
    for kind in ("scalar", "table"):
        for at, group in enumerate(_listed(data.get(kind))):
            for nth, column in enumerate(_listed(group.get("columns"))):
                yield (kind, at, "columns", nth), column


def _listed(written: object) -> list[dict[str, Any]]:
    return [one if isinstance(one, dict) else {} for one in written] if isinstance(written, list) else []


def _placed(said: str, text: str) -> tuple[str, int]:
    """What tomllib says without its place, and the line."""
    at = re.search(r" \(at line (\d+), column \d+\)$", said)
    if at:
        return said[: at.start()], int(at[1])
    return said.removesuffix(" (at end of document)"), text.count("\n") + (not text.endswith("\n"))


def _refused(file: str, text: str, flaw: Flaw) -> ConfigError:
    what = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in flaw.what[:LONGEST])
    return ConfigError(f"{file}:{lines.nearest(lines.lines(text), flaw.path)}: {what}")
