"""What an SNMP value can be, and how it is read."""

import re

Value = int | float | str | bytes | None
"""An engine's answer: OCTET STRING as bytes, OBJECT IDENTIFIER and IpAddress as text, everything else a number."""

LONGEST = 255
"""Characters of a name or a description (DisplayString, RFC 2579); a longer one is cut."""
LEAST, MOST = -(2**63), 2**64 - 1
"""Of SNMP's numbers; beyond lie only faults."""

# A text that begins with a number and has no digit behind it: "54.01", " 38% of maximum", and neither "21,5", which may
# be a fraction, nor a date, an address or the name of a port.
_NUMBER = re.compile(rb"\s*([-+]?\d+(?:\.\d+)?)[^\d\x00-\x1f]*+[\s\x00]*+")


def text(value: Value, longest: int = LONGEST) -> str:
    """A value as people read it: without control characters and octets that are no UTF-8."""
    written = value.decode(errors="ignore") if isinstance(value, bytes) else "" if value is None else str(value)
    return "".join(character for character in written if character.isprintable()).strip()[:longest]


def number(value: Value) -> float | None:
    """A count; numbers may arrive as text ("54.01", " 38% of maximum"). None for anything else."""
    if isinstance(value, (int, float)):  # a union would be built anew with every call
        return value if LEAST <= value <= MOST else None
    found = _NUMBER.fullmatch(value) if isinstance(value, bytes) else None
    return number(float(found[1])) if found else None


def below(oid: str, root: str) -> bool:
    """Whether `oid` is `root` or lies under it."""
    return oid == root or oid.startswith(f"{root}.")
