"""What stands in a recording for what belongs to people: the same for the same, and of its kind and length."""

from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address

LOCAL = b"\x02\0\0\0"
"""Begins a MAC address that no maker has given out (IEEE 802, the local bit)."""
NAMES = {
    "contact": ("contact", "contacts"),
    "email": ("e-mail address", "e-mail addresses"),
    "ip": ("IP address", "IP addresses"),
    "label": ("label", "labels"),
    "location": ("location", "locations"),
    "mac": ("MAC address", "MAC addresses"),
    "name": ("name", "names"),
    "secret": ("secret", "secrets"),
    "serial": ("serial number", "serial numbers"),
}
"""Kinds, for one and for several."""


class StandIns:
    """Makes them, and counts how many of each kind it has made."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._macs: dict[bytes, bytes] = {}
        self._addresses: dict[bytes, bytes] = {}
        self._made: Counter[str] = Counter()

    @property
    def told(self) -> list[str]:
        """How many of each kind."""
        return [f"{many} {NAMES[kind][many > 1]}" for kind, many in sorted(self._made.items())]

    @property
    def octets(self) -> dict[bytes, bytes]:
        """MAC and IP addresses that have one, as octets, the longer first."""
        both = self._macs | self._addresses
        return dict(sorted(both.items(), key=lambda one: -len(one[0])))

    def text(self, text: str, kind: str) -> str:
        """For a text; large and small letters make no other."""
        key = kind, text.strip().casefold()
        if key not in self._texts:
            self._texts[key] = _masked(text.strip(), kind, self._next(kind))
        return self._texts[key]

    def mac(self, mac: bytes) -> bytes:
        """For a MAC address; all zeros stand for themselves."""
        if not any(mac) or mac in self._macs.values():
            return mac
        if mac not in self._macs:
            self._macs[mac] = LOCAL + self._next("mac").to_bytes(2, "big")
        return self._macs[mac]

    def address(self, address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
        """For an IP address, one of those for documentation (RFC 5737, RFC 3849)."""
        if is_nobodys(address):
            return address
        if address.packed not in self._addresses:
            nth = self._next("ip")
            four = f"192.0.2.{nth}" if nth < 255 else f"198.51.100.{nth % 255}"
            made = ip_address(four if address.version == 4 else f"2001:db8::{nth:x}")
            self._addresses[address.packed] = made.packed
        return ip_address(self._addresses[address.packed])

    def _next(self, kind: str) -> int:
        self._made[kind] += 1
        return self._made[kind]


def is_nobodys(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address says nothing: a mask, loopback, none at all, one for documentation."""
    packed = address.packed
    documentation = packed[:3] in (b"\xc0\x00\x02", b"\xc6\x33\x64") or packed[:4] == b"\x20\x01\x0d\xb8"
    mask = address.version == 4 and packed[0] == 255
    return address.is_loopback or address.is_unspecified or mask or documentation


def _masked(text: str, kind: str, nth: int) -> str:
    """Digits for digits and letters for letters in a serial number; a word and a number else."""
    size, number = len(text), str(nth)
    if kind == "email":
        return f"user{nth}@example.org"
    digits = sum(one.isdigit() for one in text)
    if kind == "serial" and digits >= len(number):
        filled = iter(number.zfill(digits))
        return "".join(next(filled) if one.isdigit() else "X" if one.isalpha() else one for one in text)
    if size > len(kind) + len(number):
        return f"{kind}-{number.zfill(size - len(kind) - 1)}"
    return number.rjust(size, "x")
