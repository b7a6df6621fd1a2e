"""Columns by their names as people write them: case, accents and outer spaces do not count, `*` stands for anything."""

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

SEARCHED = 100
"""Lines within which a file has its header."""
SEPARATORS = {";": '";"', ",": '","', "\t": '"\\t"', "|": '"|"'}


class Header(NamedTuple):
    """Where the columns of a map stand, how many columns there are, and the number of the header's line (0: none)."""

    places: Mapping[str, int]
    width: int
    line: int


def find(wanted: Iterable[str], names: Sequence[str]) -> dict[str, int] | str:
    """The place of each column among `names`, or a sentence on the first that is not there once."""
    places = {}
    plain = [_plain(name) for name in names]
    for one in wanted:
        exact = [at for at, name in enumerate(names) if name.strip() == one.strip()]
        pattern = re.compile(".*".join(re.escape(part) for part in _plain(one).split("*")))
        found = exact or [at for at, name in enumerate(plain) if pattern.fullmatch(name)]
        if len(found) > 1:
            return f'{len(found)} columns are called "{one}"; name all columns with columns = [...], each differently'
        if not found:
            return f'no column "{one}"; {_near(one, names)}'
        places[one] = found[0]
    return places


def header(lines: Sequence[str], wanted: Sequence[str], separator: str, quote: str) -> Header | str:
    """The first of `lines` that names every column, or a sentence on what is missing where most are."""
    found = _search(lines, wanted, separator, quote)
    if isinstance(found, Header):
        return found
    for mark, written in SEPARATORS.items():
        other = _search(lines, wanted, mark, quote)
        if isinstance(other, Header):
            return f"line {other.line}: the columns are there when it is cut at {written}; say separator = {written}"
    first = next((line for line in lines if line.strip()), "")
    mark = max(SEPARATORS, key=lambda one: len(cells(first, one, quote)))
    if len(cells(first, separator, quote)) == 1 < len(cells(first, mark, quote)):
        return f"{found}; is it separator = {SEPARATORS[mark]}?"
    return found


def _search(lines: Sequence[str], wanted: Sequence[str], separator: str, quote: str) -> Header | str:
    most, at = -1, 1
    complaint = "is empty"
    for number, line in enumerate(lines[:SEARCHED], 1):
        names = cells(line, separator, quote)
        found = find(wanted, names)
        if not isinstance(found, str):
            return Header(found, len(names), number)
        known = sum(not isinstance(find([one], names), str) for one in wanted)
        if known > most and line.strip():
            most, at, complaint = known, number, found
    return f"line {at}: {complaint}"


def cells(line: str, separator: str, quote: str) -> list[str]:
    """A line of CSV as its cells, without outer spaces."""
    if not quote:
        return [cell.strip() for cell in line.split(separator)]
    try:
        rows = [*csv.reader([line.replace("\r", " ")], delimiter=separator, quotechar=quote)]
    except csv.Error:  # a cell longer than any name
        return [cell.strip() for cell in line.split(separator)]
    return [cell.strip() for cell in rows[0]] if rows else []


def contradiction(lines: Sequence[str], expected: Mapping[str, str], separator: str, quote: str) -> str | None:
    """What the lines above the header say otherwise than expected: names in one line, values in the next."""
    table = [cells(line, separator, quote) for line in lines]
    for number, (names, values) in enumerate(pairwise(table), 2):
        told = dict(zip((_plain(name) for name in names), values, strict=False))
        for name, value in expected.items():
            here = told.get(_plain(name))
            if here is not None and _plain(here) != _plain(value):
                return f'line {number}: {name} is "{shown(here)}", and this layout is about "{value}"'
    return None


def shown(text: str) -> str:
    """A text of the file as a message may hold it: short, and nothing that a terminal obeys."""
    text = text.strip()
    short = text[:40] + ("…" if len(text) > 40 else "")
    return "".join(letter if letter.isprintable() else "�" for letter in short)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _near(name: str, names: Sequence[str]) -> str:
    plain = {_plain(one): one for one in names if one.strip()}
    near = difflib.get_close_matches(_plain(name), plain, 1, 0.6)
    if near:
        return f'did you mean "{shown(plain[near[0]])}"?'
    some = ", ".join(f'"{shown(one)}"' for one in [*plain.values()][:12])
    return f"there are {some}{' and more' if len(plain) > 12 else ''}" if plain else "there are none"
