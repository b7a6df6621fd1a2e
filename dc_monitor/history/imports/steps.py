"""How long an interval lasts, as a person or a column says it."""

import re
from typing import NamedTuple

from dc_monitor.clock import NANOSECONDS

_WORDS = re.compile(r"(\d+)\s*([A-Za-z]+)")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}
_DAYS = ("d", "day", "days")
EXPECTED = '"30 min", "1 h", "1 day", "column NAME" or "neighbours"'


class Step(NamedTuple):
    """How long: a time [ns], a civil day (of 23 to 25 hours), what a column says, or the distance to the next row.

    `ns` and `day` are 0 and False for the latter two; `column` names the column, "" for the distance.
    """

    ns: int = 0
    day: bool = False
    column: str = ""

    @property
    def told(self) -> bool:
        """Whether it is known without looking at other rows."""
        return bool(self.ns or self.day)


def step(written: str) -> Step:
    """Read what a person wrote; raises `ValueError` with what was expected."""
    if written == "neighbours":
        return Step()
    if written.startswith("column "):
        return Step(column=written.removeprefix("column ").strip())
    found = duration(written)
    if found is None:
        raise ValueError(f'"{written}": expected a step of a second to a day, such as {EXPECTED}')
    return found


def duration(written: str) -> Step | None:
    """`PT30M`, `P1D`, `30 min`, `1 h`, `1 day`; None for anything else, and for more than a day.

    Examples
    --------
    >>> duration("PT30M") == duration("30 min"), duration("P1D"), duration("30")
    (True, Step(ns=0, day=True, column=''), None)
    """
    words, iso = _WORDS.fullmatch(written.strip()), _ISO.fullmatch(written.strip())
    if words and words[2] in (*_SECONDS, *_DAYS):
        days = int(words[1]) if words[2] in _DAYS else 0
        seconds = int(words[1]) * _SECONDS.get(words[2], 0)
    elif iso:
        days, hours, minutes, rest = (int(part or 0) for part in iso.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    else:
        return None
    if days == 1 and not seconds:
        return Step(day=True)
    return Step(seconds * NANOSECONDS) if not days and 0 < seconds <= 86_400 else None
