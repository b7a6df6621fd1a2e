"""What belongs to people, taken out of a recording: names, places, contacts, serial numbers, addresses, secrets.

The same text is replaced by the same wherever it stands, in values and in the indexes of rows. What our own reader
makes numbers, models or words of is never touched.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from collectors.snmp.ber import OCTETS
from collectors.snmp.encoded import IP_ADDRESS, Encoded
from collectors.snmp.profile import Profile, Table, beside
from collectors.snmp.recognise import MAC, SERIALS, SYS_LOCATION, SYS_NAME
from collectors.snmp.standins import StandIns, is_nobodys
from collectors.snmp.values import text as plain

Rows = dict[str, Encoded]

SYS_CONTACT = "1.3.6.1.2.1.1.4.0"
PERSONAL = {  # object or column: what it holds
    SYS_CONTACT: "contact",
    SYS_NAME: "name",
    SYS_LOCATION: "location",
    "1.3.6.1.2.1.33.1.1.5": "name",  # upsIdentName
    "1.3.6.1.2.1.33.1.1.6": "label",  # upsIdentAttachedDevices
    "1.3.6.1.2.1.47.1.1.1.1.14": "label",  # entPhysicalAlias
    "1.3.6.1.2.1.47.1.1.1.1.15": "serial",  # entPhysicalAssetID
    "1.3.6.1.4.1.13742.6.3.5.3.1.3": "label",  # Raritan's outletName, which no profile of ours reads
}
MAKERS = ("1.3.6.1.2.1.47.1.1.1.1.2", "1.3.6.1.2.1.47.1.1.1.1.7")
"""entPhysicalDescr, entPhysicalName: labels that the maker gives."""
SHORTEST = 3
"""Shorter texts tell nothing of anybody, and stand everywhere."""
SHORTEST_PART = 5
"""Of a contact or a location, and of what may be looked for in an index."""
ANYWHERE = 10
"""A text so long is looked for within words, too."""
GENERIC = {
    "apc",
    "default",
    "localhost",
    "none",
    "outlet",
    "pdu",
    "private",
    "public",
    "rack",
    "snmp",
    "unknown",
    "ups",
}
"""What devices say of themselves: to blank it would blank models."""

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL_HOST = re.compile(r"(?<=://)[^/\s:@\[\]]+")
_SERIAL = re.compile(r"\b(?:S/?N|[Ss]erial(?: [Nn]umber| [Nn]o\.?)?)(?:\s*[:#=]\s*|\s+)([A-Za-z0-9][\w-]{3,})")
_LIKE_SERIAL = re.compile(r"\b(?=(?:[A-Za-z-]*\d){6})[A-Za-z0-9][A-Za-z0-9-]{7,}\b")
_DATE = re.compile(r"(?:19|20)\d\d-?\d\d-?\d\d|\d\d-\d\d-(?:19|20)\d\d")
_MAC = re.compile(r"\b[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}\b")
_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w.:])")


@dataclass
class Private:
    """What is known to be somebody's before the rows are looked at: texts with their kind, and addresses."""

    texts: dict[str, str] = field(default_factory=dict)
    macs: set[bytes] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


@dataclass
class Ours:
    """What our own reader needs as it is: objects, whole columns, and what the device was recognised as."""

    objects: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    words: Collection[str] = ()


def sanitised(
    rows: Mapping[str, Encoded], private: Private, ours: Ours, profiles: Iterable[Profile], keep_labels: bool = False
) -> tuple[Rows, list[str]]:
    """The rows without what is private, sorted by OID, and how many of what were blanked."""
    blanker = Blanker(private, ours, _columns(profiles, keep_labels))
    for oid, value in rows.items():
        blanker.learn(oid, value)
    clean: Rows = {}
    for oid, value in rows.items():
        there = blanker.index(oid)
        clean[oid if there in rows or there in clean else there] = blanker.value(oid, value)
    return dict(sorted(clean.items(), key=lambda row: _arcs(row[0]))), blanker.stand_ins.told


def needed(profiles: Iterable[Profile], sources: Iterable[str], words: Collection[str]) -> Ours:
    """What the reader of these profiles needs; `sources` are the objects its readings came from."""
    ours = Ours({*sources}, set(), [word for word in words if len(word) >= SHORTEST])
    for profile in profiles:
        who = profile.identity
        ours.objects |= {*who.vendor, *who.model, *who.firmware, *who.rating_va, *who.rating_w, *profile.match.probe}
        for group in (*profile.scalar, *profile.table):
            conditions = list(group.only) if isinstance(group, Table) else []
            for column in group.columns:
                factors = column.factors or group.factors
                read = [column.words, *(factor.at for factor in factors), *(only.at for only in column.only)]
                ours.columns |= {beside(group, at) for at in read if at}
            ours.columns |= {beside(group, only.at) for only in conditions if only.at}
    return ours


def _columns(profiles: Iterable[Profile], keep_labels: bool) -> dict[str, str]:
    """Object or column → what of people it holds. A label that makes a point is the maker's word and no person's."""
    found, makers = dict(PERSONAL), set(MAKERS)
    for profile in profiles:
        for oid in (*profile.identity.serial, *SERIALS):
            found[oid.rpartition(".")[0]] = "serial"
        for table in profile.table:
            label = beside(table, table.label) if table.label else ""
            if any("{label}" in point for point in (table.point, *(column.point for column in table.columns))):
                makers.add(label)
            elif label:
                found.setdefault(label, "label")
    return {oid: kind for oid, kind in found.items() if oid not in makers and not (kind == "label" and keep_labels)}


class Blanker:
    """Knows every private text, once it has learnt from all rows, and puts something else in its place."""

    def __init__(self, private: Private, ours: Ours, columns: Mapping[str, str]) -> None:
        self.stand_ins = StandIns()
        self._ours, self._columns = ours, columns
        self._texts: dict[str, str] = {}  # private text in small letters → its kind
        for text, kind in private.texts.items():
            self._know(text, kind)
        for mac in private.macs:
            self.stand_ins.mac(mac)
        for address in private.addresses:
            self.stand_ins.address(ip_address(address))

    def learn(self, oid: str, value: Encoded) -> None:
        """Take note of what is private in a row: a text is looked for everywhere once it is known from anywhere."""
        if value.tag == IP_ADDRESS and len(value) == 4:
            self.stand_ins.address(IPv4Address(bytes(value)))
        for _, text in _spelt(oid):
            self._learn_from(text)
        if value.tag != OCTETS or self._is_ours(oid):
            return
        if not _is_text(value):
            if len(value) == MAC:
                self.stand_ins.mac(bytes(value))
            return
        kind = self._kind(oid)
        if kind:
            self._know(plain(value), kind)
        self._learn_from(plain(value))

    def value(self, oid: str, value: Encoded) -> Encoded:
        """A value without what is private."""
        if value.tag == IP_ADDRESS and len(value) == 4:
            return Encoded.of(value.tag, self.stand_ins.address(IPv4Address(bytes(value))).packed)
        if value.tag != OCTETS or self._is_ours(oid):
            return value
        if not _is_text(value):
            octets = bytes(value)
            for before, after in self.stand_ins.octets.items():
                octets = octets.replace(before, after)
            return Encoded.of(value.tag, octets)
        kind, written = self._kind(oid), plain(value)
        if kind and not _says_nothing(written):
            return Encoded.of(value.tag, self.stand_ins.text(written, kind).encode())
        return Encoded.of(value.tag, self.text(value.decode()).encode())

    def text(self, text: str) -> str:
        """A text without what is private in it."""
        text = _EMAIL.sub(lambda found: self.stand_ins.text(found[0], "email"), text)
        text = _MAC.sub(lambda found: self.stand_ins.mac(_octets(found[0])).hex(found[1]), text)
        text = _IP.sub(
            lambda found: str(self.stand_ins.address(found_ip)) if (found_ip := _ip(found[0])) else found[0], text
        )
        text = _URL_HOST.sub(lambda found: found[0] if _ip(found[0]) else self.stand_ins.text(found[0], "name"), text)
        for before, after in self.stand_ins.octets.items():
            if len(before) == MAC and before.hex() in text.casefold():
                text = re.sub(before.hex(), after.hex(), text, flags=re.IGNORECASE)
        for known, kind in sorted(self._texts.items(), key=lambda one: -len(one[0])):
            small = text.casefold()
            if known not in small or (kind == "label" and small.strip() != known):
                continue
            escaped = re.escape(known)
            pattern = re.compile(escaped if len(known) >= ANYWHERE else rf"(?<!\w){escaped}(?!\w)", re.IGNORECASE)
            text = pattern.sub(lambda found, kind=kind: self.stand_ins.text(found[0], kind), text)  # type: ignore[misc]
        return text

    def index(self, oid: str) -> str:
        """An OID whose row is called by something private, told by other numbers."""
        for codes, text in _spelt(oid):
            clean = self.text(text)
            if clean != text:
                oid = oid.replace(codes, f".{len(clean)}.{_coded(clean.encode())}", 1)
        for before, after in self.stand_ins.octets.items():
            codes = f".{_coded(before)}"
            if len(before) == MAC and codes in oid:
                oid = oid.replace(codes, f".{_coded(after)}")
            elif oid.endswith(codes):
                oid = f"{oid.removesuffix(codes)}.{_coded(after)}"
        return oid

    def _learn_from(self, text: str) -> None:
        for found in _SERIAL.finditer(text):
            self._know(found[1], "serial")
        for found in _LIKE_SERIAL.finditer(text):
            if not _DATE.fullmatch(found[0]):
                self._know(found[0], "serial")
        for found in _MAC.finditer(text):
            self.stand_ins.mac(_octets(found[0]))
        for found in _IP.finditer(text):
            if address := _ip(found[0]):
                self.stand_ins.address(address)

    def _know(self, text: str, kind: str) -> None:
        """A private text, and the parts of one that is made of several."""
        parts = [text]
        if kind == "contact":
            parts += [part for part in re.split(r"[<>,;:/()|]+| - ", text) if len(part.strip()) >= SHORTEST_PART]
        elif kind == "location":
            parts += [part for part in re.split(r"[,;/|]", text) if re.search(r"\w\W+\w|\d", part.strip())]
        elif kind == "name" and not _ip(text):
            parts += [text.partition(".")[0], text.partition(".")[2]]
        for part in map(str.strip, parts):
            small = part.casefold()
            number = part.isdecimal() and (kind != "serial" or len(part) < SHORTEST_PART)
            model = any(small in word.casefold() for word in self._ours.words)
            if not (number or model or _says_nothing(part)):
                self._texts.setdefault(small, kind)

    def _is_ours(self, oid: str) -> bool:
        return oid in self._ours.objects or any(column in self._ours.columns for column in _above(oid))

    def _kind(self, oid: str) -> str:
        return next((self._columns[one] for one in (oid, *_above(oid)) if one in self._columns), "")


def remaining(rows: Mapping[str, Encoded], clean: Mapping[str, Encoded], known: Collection[str]) -> list[str]:
    """Texts that stayed as they are, each with where it stands first; `known` are words of makers and of ours."""
    found: dict[str, str] = {}
    for oid, value in clean.items():
        text = plain(value) if value.tag == OCTETS and value == rows.get(oid) and _is_text(value) else ""
        if sum(one.isalpha() for one in text) >= SHORTEST and text not in known:
            found.setdefault(text, oid)
    return [f"{oid} {text}" for text, oid in found.items()]


def _says_nothing(text: str) -> bool:
    """Whether a text is too short, a word devices say of themselves (numbered or not), or a placeholder."""
    word = text.casefold().strip("0123456789 -_#.:")
    return len(text) < SHORTEST or word in GENERIC or not text.strip("0Xx -.*")


def _above(oid: str) -> Iterator[str]:
    """The columns a row may belong to, the nearest first."""
    while oid.count(".") > 7:
        oid = oid.rpartition(".")[0]
        yield oid


def _spelt(oid: str) -> list[tuple[str, str]]:
    """Texts that an index spells as their length and the codes of their characters: the numbers, and the text."""
    arcs = oid.split(".")
    for at in range(8, len(arcs) - SHORTEST_PART):
        size = int(arcs[at])
        codes = [int(arc) for arc in arcs[at + 1 : at + 1 + size]]
        if SHORTEST_PART <= size == len(codes) and all(0x20 < code < 0x7F for code in codes):
            return [("." + ".".join(arcs[at : at + 1 + size]), "".join(map(chr, codes)))]
    return []


def _ip(written: str) -> IPv4Address | IPv6Address | None:
    """An address that is somebody's. Four small numbers are a version; nobody's network begins so."""
    try:
        address = ip_address(written)
    except ValueError:
        return None
    version = address.version == 4 and not address.is_private and max(address.packed) < 32
    return None if version or is_nobodys(address) else address


def _octets(mac: str) -> bytes:
    return bytes.fromhex(re.sub("[:-]", "", mac))


def _is_text(value: bytes) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return all(one.isprintable() or one in "\r\n\t\0" for one in text)


def _coded(octets: bytes) -> str:
    return ".".join(map(str, octets))


def _arcs(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
