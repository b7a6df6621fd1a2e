"""TOML → `Config`, or one sentence that says what is wrong, where, and what was expected."""

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from dc_monitor.config.model import FORMAT, Config
from dc_monitor.config.values import Duration, Listen, Moment, Network, Size
from dc_monitor.errors import ConfigError
from dc_monitor.topology import KINDS, MEASURED_AT, ROLES

_AT = re.compile(r" - at `\$\.?(.*)`$")


def load(path: Path) -> Config:
    """Read the file. Raises `ConfigError`; its message begins with the file's name."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    return parse(raw, path.name)


def parse(raw: bytes, name: str = "dc-monitor.toml") -> Config:
    """The same from bytes; `name` is what messages call the file."""
    try:
        data = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: not TOML: {error}") from error
    for key in ("site", "send"):  # one table is a list of one
        if isinstance(data.get(key), dict):
            data[key] = [data[key]]
    if data.get("format", FORMAT) != FORMAT:
        raise ConfigError(f"{name}: format = {data['format']}: this dc-monitor reads format {FORMAT}; upgrade it")
    for complaint in _unknown_keys(data, Config, ""):
        raise ConfigError(f"{name}: {complaint}")
    if isinstance(data.get("agent"), dict) and data["agent"].get("metrics") == "":
        data["agent"]["metrics"] = None
    try:
        config = msgspec.convert(data, Config, dec_hook=_with_unit)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_complaint(error)}") from error
    for complaint in _contradictions(config):
        raise ConfigError(f"{name}: {complaint}")
    return config


def _with_unit(kind: type[Duration | Size | Listen | Network | Moment], written: object) -> object:
    return kind.parse(written)


def _complaint(error: msgspec.ValidationError) -> str:
    text = str(error)
    at = _AT.search(text)
    where = at[1] if at else ""
    what = text[: at.start()] if at else text
    what = what.replace("Object missing required field", "missing key").replace("`", '"')
    if "matching regex" in what:
        what = "expected letters, digits and _ . : + - (at most 64, the first a letter or digit)"
    if where and what.startswith('"'):
        return f"{where} = {what}"
    return f"{where}: {what[:1].lower()}{what[1:]}" if where else what


def _unknown_keys(data: object, kind: object, path: str) -> Iterator[str]:
    """Keys no table knows, each with its nearest neighbour; msgspec names one without a cure."""
    tables = [one for one in _alternatives(kind) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    if isinstance(data, dict) and tables:
        fields = {one.encode_name: one.type for one in msgspec.structs.fields(tables[0])}
        for key, value in data.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                yield from _unknown_keys(value, fields[key], here)
            else:
                near = difflib.get_close_matches(key, fields, 1, 0.6)
                cure = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(sorted(fields))}"
                yield f"{here}: unknown key; {cure}"
    elif isinstance(data, list):
        inner = next((get_args(one)[0] for one in _alternatives(kind) if get_origin(one) is list), None)
        for at, value in enumerate(data):
            yield from _unknown_keys(value, inner, f"{path}[{at}]")


def _alternatives(kind: object) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _contradictions(config: Config) -> Iterator[str]:
    if not config.sites:
        yield "site: expected at least one [[site]]"
    for at, site in enumerate(config.sites):
        try:
            ZoneInfo(site.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            yield f'site[{at}].timezone = "{site.timezone}": unknown time zone; expected such as "Europe/Paris"'
            return
    for table, names in (
        ("site", [one.name for one in config.sites]),
        ("device", [one.name for one in config.device]),
        ("send", [one.name or one.url for one in config.send]),
    ):
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f'{table}: "{name}" is written {names.count(name)} times; a name is used once'
    for at, sink in enumerate(config.send):
        if not re.match(r"https?://[^/]", sink.url):
            yield f'send[{at}].url = "{sink.url}": expected http:// or https://, such as "http://127.0.0.1:8427"'
    yield from _meter_words(config)
    for site in config.sites:
        yield from config.topology(site.name).problems()


def _meter_words(config: Config) -> Iterator[str]:
    sites = [site.name for site in config.sites]
    devices = [device.name for device in config.device]
    for at, meter in enumerate(config.meter):
        roles = [meter.role] if isinstance(meter.role, str) else [one.role for one in meter.role]
        for key, word, known in (
            *(("role", role, ROLES) for role in roles),
            ("kind", meter.kind, KINDS),
            ("measured_at", meter.measured_at, ("", *MEASURED_AT)),
            ("site", meter.site, ("", *sites)),
        ):
            if word not in known:
                near = difflib.get_close_matches(word, known, 1, 0.6)
                cure = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(filter(None, known))}"
                yield f'meter[{at}].{key} = "{word}": {cure}'
        device = meter.reads.partition("/")[0]
        if device and devices and device not in devices:
            near = difflib.get_close_matches(device, devices, 1, 0.6)
            cure = f'did you mean "{near[0]}"?' if near else f"devices here: {', '.join(devices)}"
            yield f'meter[{at}].reads = "{meter.reads}": no [[device]] is named "{device}"; {cure}'
