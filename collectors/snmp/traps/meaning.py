"""What a notification means, as data: `traps.toml`, and what is made of a notification nobody has listed."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
from msgspec import Struct

from collectors.snmp.pysnmp_codec import Row
from collectors.snmp.traps.notification import Notification
from collectors.snmp.values import Value, below
from dc_monitor.names import EVENTS, OTHER_EVENT

LONGEST_VALUE = 200
LONGEST_TEXT = 300
"""In characters: what is longer is cut."""
_SYSTEM = "1.3.6.1.2.1.1"  # contact, name and location: in every notification of some, and no news


class Trap(Struct, frozen=True, forbid_unknown_fields=True):
    """One notification: `root` and `at`. Without a `severity` it has that of its word."""

    at: int
    name: str
    event: str
    severity: str = ""


class Told(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a MIB has one notification for many things: values of a column by the event or severity they mean."""

    at: tuple[str, ...]
    events: dict[str, str] = {}
    severities: dict[str, str] = {}


class Mib(Struct, frozen=True, forbid_unknown_fields=True):
    """The notifications of a MIB."""

    name: str
    root: str
    traps: tuple[Trap, ...]
    told: tuple[Told, ...] = ()


class Meaning(NamedTuple):
    """An event of `names.EVENTS`, one of `names.SEVERITIES`, a line for people, and all values by their OIDs."""

    event: str
    severity: str
    text: str
    details: Mapping[str, int | float | str | None]


@lru_cache(maxsize=1)
def mibs() -> tuple[Mib, ...]:
    """All that is known. Reads a file: not for the event loop."""
    raw = files("collectors.snmp.traps").joinpath("traps.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(raw)["mib"], tuple[Mib, ...], str_keys=True)


class Meanings:
    """Looks notifications up; making it reads a file."""

    def __init__(self) -> None:
        self._known = {f"{mib.root}.{trap.at}": (mib, trap) for mib in mibs() for trap in mib.traps}

    def of(self, said: Notification) -> Meaning:
        """What happened; never fails for want of knowledge."""
        found = self._known.get(said.name) or self._known.get(_other_form(said.name))
        name, event, severity = said.name, OTHER_EVENT, ""
        if found:
            mib, trap = found
            name, event, severity = trap.name, trap.event, trap.severity
            for told in mib.told:
                value = next((row[1] for row in said.rows if any(below(row[0], at) for at in told.at)), None)
                event = told.events.get(str(_shown(value)), event)
                severity = told.severities.get(str(_shown(value)), severity)
        details = {oid: _shown(value) for oid, value in said.rows}
        return Meaning(event, severity or EVENTS[event].severity, _text(name, said.rows), details)


def _other_form(name: str) -> str:
    """SNMPv1 puts a 0 between enterprise and number, which MIBs of SNMPv2 may do without (RFC 3584, 3)."""
    *root, number = name.split(".")
    return ".".join((*root[:-1], number) if root[-1:] == ["0"] else (*root, "0", number))


def _text(name: str, rows: Iterable[Row]) -> str:
    said = [_text_of(value) for oid, value in rows if isinstance(value, bytes) and not below(oid, _SYSTEM)]
    words = ", ".join(dict.fromkeys(filter(None, said)))
    return (f"{name}: {words}" if words else name)[:LONGEST_TEXT]


def _text_of(value: bytes) -> str:
    """Octets as text; "" when they are none."""
    try:
        written = " ".join(value.rstrip(b"\0").decode().split())
    except UnicodeDecodeError:
        return ""
    return written if written.isprintable() else ""


def _shown(value: Value) -> int | float | str | None:
    if isinstance(value, bytes):
        return (_text_of(value) or (f"0x{value.hex()}" if value else ""))[:LONGEST_VALUE]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return hex(value)[:LONGEST_VALUE]
    return value[:LONGEST_VALUE] if isinstance(value, str) else value
