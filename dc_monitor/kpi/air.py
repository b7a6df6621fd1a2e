"""Which temperature is measured where in the air's way: the one rule that tells an inlet from an exhaust.

A device says `probe/3` or `upper-return-temperature`, a person may say "Baie 12, arrière". The rule reads both, and
what it cannot place it leaves out: a sensor on a processor, in a battery or in chilled water is no air of the room.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dc_monitor.history.columns import Key

INLET, EXHAUST, SUPPLY, RETURN, OUTDOOR = PLACES = ("inlet", "exhaust", "supply", "return", "outdoor")
"""In front of equipment, behind it; as air handlers blow it and take it back; outside."""

_NO_AIR = re.compile(
    r"\b(batter\w*|water|fluid|coolant|glycol|refrigerant|evap\w*|cond|condens\w*|coil|compressor|suction"
    r"|discharge(?! air)|oil|cpu|dimm|eau|fluide|gaz)\b"
)
"""Liquids, refrigerant and the inside of devices."""

_NOT_ITSELF = re.compile(r"\b(min|max|minimum|maximum|average|mean|moyenne|moyen|group|delta|set ?point|consigne)\b")
"""Made of other sensors, which count themselves."""

_WORDS = {
    OUTDOOR: "outdoors?|outside|exterieure?|dehors",
    EXHAUST: r"exhausts?|rear|back|hot (aisle|row)|(allee|couloir) chaude?|arriere|server out|outlet (air|temp\w*)"
    "|sortie d air",
    INLET: "inlets?|intakes?|front|cold (aisle|row)|(allee|couloir) froide?|avant|server in|entree d air",
    RETURN: "return|reprise|retour",
    SUPPLY: "supply|soufflage|discharge air",
}
_SAID = {place: re.compile(rf"\b({words})\b") for place, words in _WORDS.items()}
"""What a name must hold to be a place; the first that fits. A cold aisle is what racks take in."""

_CLEAR = re.compile(r"\b(inlets?|intakes?|exhausts?|server (in|out)|outdoors?|outside)\b")
"""Words that mean the same on every device; others may mean boards, plugs and power supplies."""

_OF_COOLING = {"supply": SUPPLY, "output": SUPPLY, "return": RETURN, "input": RETURN}
"""First or last part of a point of an air handler."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a device or a point of it stands; what is not told is empty."""

    rack: str = ""
    row: str = ""
    room: str = ""


@dataclass(frozen=True, slots=True)
class AirSensor:
    """A temperature in the air's way.

    `place` is one of `PLACES`; `label` what people call it, "" when nobody gave it a name.
    """

    device: str
    point: str
    place: str
    label: str = ""
    where: Where = Where()

    @property
    def name(self) -> str:
        """Device and point."""
        return f"{self.device}/{self.point}"

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        return self.label or self.name

    @property
    def key(self) -> Key:
        """Its temperature."""
        return self.device, self.point, "temperature"

    @property
    def unit(self) -> str:
        """What stands between inlet and exhaust: the rack, or the device when no rack is told."""
        return self.where.rack or self.device


def place_of(point: str, kind: str = "unknown", label: str = "", outdoor: bool = False) -> str | None:
    """Where in the air's way a temperature is measured, one of `PLACES`; None when it is not, or nobody can tell.

    Parameters
    ----------
    point : as the device calls it, such as `probe/rack-3-rear`.
    kind : of the device (`contract.DeviceInfo`).
    label : as a person calls it; it decides when it names a place.
    outdoor : whether a person told that it hangs outside.

    Notes
    -----
    A probe of which nothing else is said hangs in front of a rack: that is where people are told to hang it.

    Examples
    --------
    >>> place_of("probe/2"), place_of("probe/2", label="Baie 12, arrière"), place_of("return", "cooling")
    ('inlet', 'exhaust', 'return')
    >>> place_of("cpu/1"), place_of("supply/1", "server")
    (None, None)
    """
    if outdoor:
        return OUTDOOR
    told, named = _plain(label), _plain(point)
    if any(words.search(text) for words in (_NO_AIR, _NOT_ITSELF) for text in (told, named)):
        return None
    by_person, by_device = _said(told), _said(named)
    if by_person or point.startswith("probe/"):
        return by_person or by_device or INLET
    if kind == "cooling":
        parts = point.split("/")
        return _OF_COOLING.get(parts[-1]) or _OF_COOLING.get(parts[0]) or by_device
    if kind in ("server", "host", "switch") and "outlet" in named.split():
        return EXHAUST
    return by_device if _CLEAR.search(named) and kind != "ups" else None


def air_sensors(
    keys: Iterable[Key],
    kinds: Mapping[str, str],
    labels: Mapping[str, str],
    outdoor: Collection[str] = (),
    where: Mapping[str, Where] | None = None,
) -> list[AirSensor]:
    """The sensors among the series of a site, in the order of their names.

    Parameters
    ----------
    keys : series of the site.
    kinds : device → its kind.
    labels : "device/point" → what people call it.
    outdoor : "device/point" that hang outside.
    where : "device/point" or device → where it stands; the point's own wins.
    """
    stands = where or {}
    found = []
    for device, point in sorted((device, point) for device, point, quantity in keys if quantity == "temperature"):
        name = f"{device}/{point}"
        label = labels.get(name, "")
        place = place_of(point, kinds.get(device, "unknown"), label, name in outdoor)
        if place:
            at = stands.get(name) or stands.get(device) or Where()
            found.append(AirSensor(device, point, place, label, at))
    return found


def _said(text: str) -> str | None:
    return next((place for place, words in _SAID.items() if words.search(text)), None)


def _plain(text: str) -> str:
    """Lower case, without accents, words apart by one space."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[^a-z0-9]+", " ", "".join(one for one in letters if not unicodedata.combining(one))).strip()
