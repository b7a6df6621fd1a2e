"""The map of an import: a named layout, a TOML file, flags; the later wins key by key."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from dc_monitor.errors import ConfigError
from dc_monitor.history.imports.mapping import KINDS, STAMPED, Column, Map

_LAYOUTS = files("dc_monitor.history.imports") / "layouts"


def layouts() -> list[str]:
    """Names of the layouts that are known."""
    return sorted(file.name.removesuffix(".toml") for file in _LAYOUTS.iterdir() if file.name.endswith(".toml"))


def layout_text(name: str) -> str:
    """A layout as it is written; raises `ConfigError` with the nearest name."""
    known = layouts()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.5)
        raise ConfigError(
            f'layout "{name}": unknown; ' + (f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}")
        )
    return (_LAYOUTS / f"{name}.toml").read_text(encoding="utf-8")


def read(file: Path | None, layout: str, flags: Mapping[str, Any], columns: Sequence[str]) -> Map:
    """All of it as one map.

    `flags` are keys and values of the command line, `columns` series in the form of `column`. Raises `ConfigError`,
    whose message begins with the file's name where the file is to blame.
    """
    written = _file(file) if file else {}
    name = layout or written.get("layout", "")
    base = tomllib.loads(layout_text(name)) if name else {}
    table = {**base, **written, **flags}
    for key in ("where", "expect"):
        if key in base:
            table[key] = {**base[key], **written.get(key, {}), **flags.get(key, {})}
    if columns:
        table["series"] = [*table.get("series", []), *(column(one) for one in columns)]
    return _converted(table, file.name if file else "the map")


def flag(written: str) -> tuple[str, Any]:
    """`KEY=VALUE` of `--set`; the value is TOML, or a plain text where that is what it cannot be."""
    key, found, value = written.partition("=")
    if not found or not key:
        raise ConfigError(f'--set "{written}": expected KEY=VALUE, such as decimal=,')
    try:
        return key.strip(), tomllib.loads(f"it = {value}")["it"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def column(written: str) -> dict[str, Any]:
    """`COLUMN=DEVICE/POINT QUANTITY UNIT [counter | interval STEP start|end]` as a table.

    Examples
    --------
    >>> column("P (kW)=main-meter/total power kW interval 30 min end")["step"]
    '30 min'
    """
    name, _, rest = written.rpartition("=")
    words = rest.split()
    device, _, point = words[0].partition("/") if words else ("", "", "")
    kind, how = (words[3], words[4:]) if len(words) > 3 else ("", [])
    if not name or not point or len(words) < 3 or kind not in ("", *KINDS) or (how and kind != "interval"):
        raise ConfigError(
            f'--column "{written}": expected COLUMN=DEVICE/POINT QUANTITY UNIT, such as '
            '"Power (kW)=main-meter/total power kW", then counter or interval STEP start|end where it is one'
        )
    table = {"column": name, "device": device, "point": point, "quantity": words[1], "unit": words[2], "kind": kind}
    if kind == "interval":
        stamped = how[-1] if how and how[-1] in STAMPED else ""
        table |= {"step": " ".join(how[: len(how) - bool(stamped)]), "stamped": stamped}
    return table


def _file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the map: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name}: not TOML: {error}") from error


def _converted(table: dict[str, Any], name: str) -> Map:
    if isinstance(table.get("series"), dict):  # one table is a list of one
        table["series"] = [table["series"]]
    _refuse_unknown(table, [one.name for one in fields(Map)], name)
    for at, one in enumerate(table.get("series", [])):
        if isinstance(one, dict):
            _refuse_unknown(one, [known.name for known in fields(Column)], name, f"series[{at}].")
    try:
        return msgspec.convert(table, Map)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        what = what.replace("Object missing required field", "missing key").replace("`", '"')
        place = where.rstrip("`").lstrip(".")
        raise ConfigError(f"{name}: {place}: {what[:1].lower()}{what[1:]}") from None


def _refuse_unknown(table: Iterable[str], known: Sequence[str], name: str, place: str = "") -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.6)
            cure = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}"
            raise ConfigError(f"{name}: {place}{key}: unknown key; {cure}")
