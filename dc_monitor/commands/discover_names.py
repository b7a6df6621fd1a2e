"""What people wrote into a device, read for names, rooms, racks and feeds. Pure, and never sure of itself."""

import re
from collections.abc import Collection
from itertools import chain, count

FACTORY = {"apc", "default", "localhost", "none", "pdu", "raritan", "snmp", "sysname", "unknown", "ups"}
"""Names devices are sold with: they tell nobody from anybody."""
LONGEST = 64

_ID = r"\s*(?:n[°o]\.?\s*)?[:#=_-]?\s*([A-Za-z]{0,3}[-_.]?\d[\w.-]*|[A-Z]{1,2})\b"
_RACK = re.compile(rf"\b(?:[Rr]ack|RACK|[Bb]aie|BAIE|[Cc]abinet|[Aa]rmoire){_ID}")
_ROOM = re.compile(r"\b(?:room|salle|local|hall|lab|datacenter|data centre)\b", re.IGNORECASE)
_FEED = re.compile(
    r"\b(ups|onduleur|asi|feed|voie|chaine|chaîne|path|side|source)[ _-]?([a-z]|\d{1,2})\b", re.IGNORECASE
)


def device_name(told: str, model: str, address: str, taken: Collection[str]) -> str:
    """A name for the configuration: what the device is called, else its model and address; never one that is taken."""
    name = _plain(told.partition(".")[0] if re.search(r"[A-Za-z]", told.partition(".")[0]) else told)
    if not re.search(r"[A-Za-z]", name) or name.lower() in FACTORY:
        name = _plain(f"{model or 'device'}-{address}").replace(":", "-")
    return free(name.lower()[: LONGEST - 6].rstrip("-") or "device", taken)


def free(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    return next(one for one in chain([name], (f"{name}-{nth}" for nth in count(2))) if one not in taken)


def one_line(text: str) -> str:
    """Text from the network as it may stand in a comment: printable, and on one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def place(location: str) -> tuple[str, str]:
    """Room and rack, as far as a location says which is which.

    Examples
    --------
    >>> place("Building 3, room 12 / rack B4"), place("Salle serveurs, baie 7"), place("Unknown")
    (('room 12', 'B4'), ('Salle serveurs', '7'), ('', ''))
    """
    rack = _RACK.search(location)
    rest = location[: rack.start()] + "," + location[rack.end() :] if rack else location
    room = next((part for part in re.split(r"[,;|/>]| - ", rest) if _ROOM.search(part)), "")
    return room.strip(), rack[1] if rack else ""


def feeds(text: str) -> list[tuple[str, str]]:
    """Letters or numbers of feeds that a text names, and the words it does it with.

    Examples
    --------
    >>> feeds("pdu-b3, UPS A"), feeds("Voie 2")
    ([('a', 'UPS A')], [('2', 'Voie 2')])
    """
    return [(found[2].lower(), found[0]) for found in _FEED.finditer(text)]


def says(text: str, name: str) -> bool:
    """Whether a text holds a name as a word of its own."""
    return len(name) > 2 and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def _plain(told: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:+-]+", "-", told).strip("-_.:+")
