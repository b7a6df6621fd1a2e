"""What an SNMP value can be, and how it is read."""

import re

Value = int | float | str | bytes | None
"""An engine's answer: OCTET STRING as bytes, OBJECT IDENTIFIER and IpAddress as text, everything else a number."""

_NUMBER = re.compile(r"\s*([-+]?\d+(\.\d+)?)")


def text(value: Value) -> str:
    """A value as people read it: without control characters and octets that are no UTF-8."""
    written = value.decode(errors="ignore") if isinstance(value, bytes) else "" if value is None else str(value)
    return "".join(character for character in written if character.isprintable()).strip()


def number(value: Value) -> float | None:
    """A count; numbers may arrive as text ("54.01", " 38% of maximum"). None for anything else."""
    if isinstance(value, (int, float)):  # a union would be built anew with every call
        return value
    found = _NUMBER.match(text(value))
    return float(found[1]) if found else None


def below(oid: str, root: str) -> bool:
    """Whether `oid` is `root` or lies under it."""
    return oid == root or oid.startswith(f"{root}.")
