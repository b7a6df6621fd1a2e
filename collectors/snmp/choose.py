"""Which rows a column counts for, and how: conditions and factors that a device's own answers settle. Pure."""

import re
from collections.abc import Mapping, Sequence

from collectors.snmp.ask import Told
from collectors.snmp.profile import Column, Factor, Group, Only, Table, beside
from collectors.snmp.values import Value, number, text

MOST_DIGITS = 9
"""RFC 3433: a precision lies between -8 and 9."""
LONGEST_PART = 100
"""Characters of a name within a point; names of rows that begin alike are told apart by their index."""
SI_UNITS, SI_LEAST, SI_MOST = 9, 1, 17
"""RFC 3433: 9 is units, each step a thousand."""


def conditions(group: Group, column: Column) -> tuple[Only, ...]:
    """What must hold for a row of this column."""
    return (*group.only, *column.only) if isinstance(group, Table) else column.only


def asked(group: Group, only: Only, row: str) -> str:
    """The object that settles the condition for a row."""
    return only.oid or f"{beside(group, only.at)}.{row}"


def fits(column: Column, row: str) -> bool:
    """Whether a row's index looks as the column wants it: `*` stands for one number."""
    if not column.row:
        return True
    wanted, parts = column.row.split("."), row.split(".")
    return len(wanted) == len(parts) and all(one in ("*", part) for one, part in zip(wanted, parts, strict=True))


def decisive(table: Table) -> list[str]:
    """Columns without which no value of the table counts: a walk of one brings rows and what they are."""
    needed = [
        {
            only.at
            for only in conditions(table, column)
            if only.at and not only.or_missing and not only.at.startswith("1.3.6.1.")
        }
        for column in table.columns
    ]
    return sorted(set.intersection(*needed))[:1] if needed else []


def captured(
    group: Group, column: Column, row: str, told: Mapping[str, Told], most: int | None = None
) -> tuple[str, ...] | None:
    """What the patterns of the conditions, or of the first so many, caught; None when one does not hold."""
    caught: tuple[str, ...] = ()
    for only in conditions(group, column)[:most]:
        oid = asked(group, only, row)
        if oid not in told:
            if not only.or_missing:
                return None
            caught += ("",) * re.compile(only.like).groups
            continue
        more = _holds(only, told[oid].value)
        if more is None:
            return None
        caught += more
    return caught


def _holds(only: Only, value: Value) -> tuple[str, ...] | None:
    count, written = number(value), text(value)
    if (only.one_of and count not in only.one_of) or (only.none_of and count in only.none_of):
        return None
    if only.unlike and re.match(only.unlike, written):
        return None
    if not only.like:
        return ()
    found = re.match(only.like, written)
    return None if found is None else tuple(group or "" for group in found.groups())


def scaled(factor: Factor, count: float | None) -> tuple[int, int] | None:
    """How a row counts, as (multiply, divide); None when what it says makes no sense."""
    if count is None or count != int(count):
        return None
    whole = int(count)
    if factor.means == "digits":
        return _power(10, -whole) if abs(whole) <= MOST_DIGITS else None
    if factor.means == "si":
        return _power(1000, whole - SI_UNITS) if SI_LEAST <= whole <= SI_MOST else None
    if factor.means == "signed":
        return (1, -whole) if whole < 0 else (max(whole, 1), 1)
    return (1, whole) if whole > 0 else None


def _power(base: int, exponent: int) -> tuple[int, int]:
    return (base**exponent, 1) if exponent >= 0 else (1, base**-exponent)


def numbered(count: float | None) -> str:
    """The number a row gives itself, as a part of a point; "" for none."""
    return str(int(count)) if count is not None and count >= 0 and count == int(count) else ""


def slug(name: str) -> str:
    """A name as part of a point: small letters, digits and hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:LONGEST_PART].rstrip("-")


def spelled(index: Sequence[str]) -> str:
    """The text that ends an index as its length and the codes of its characters, as a part of a point; "" for none."""
    for at, length in enumerate(index):
        codes = [int(code) for code in index[at + 1 :]]
        if length == str(len(codes)) and len(codes) > 1 and all(0x20 < code < 0x7F for code in codes):
            return slug("".join(map(chr, codes)))
    return ""


def listed(words: str) -> dict[int, str]:
    """A device's own list of a state's codes, `Open(0),Closed(1)`, as code → word."""
    return {int(code): word.strip() for word, code in re.findall(r"([^,()]+)\((\d+)\)", words)}
