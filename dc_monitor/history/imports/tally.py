"""What became of the rows of a file, and why: nothing is left out, repaired or refused without being counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dc_monitor.errors import Malformed

LEFT_OUT, REPAIRED, REFUSED = FATES = ("left out", "repaired", "refused")
"""As the map says; taken after all; not taken, and a person should look."""
SHOWN = 5
"""Lines told of each reason."""
_ENOUGH = 1000
"""Rows after which a series that is mostly refused ends the reading."""


@dataclass(slots=True)
class Reason:
    """One reason: what befell (`FATES`), why, how many values or rows, the first lines, and what to do about it."""

    fate: str
    why: str
    count: int
    lines: list[int]
    cure: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of one file, whose series have `names`; `tolerate` is the share of a series that may be refused.

    `place` is what the numbers of lines count, `line` or `row`.
    """

    names: Sequence[str]
    tolerate: float
    place: str = "line"
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)
    asked: NDArray[np.int64] = field(init=False)
    refused: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = np.zeros(len(self.names), np.int64)
        self.refused = np.zeros(len(self.names), np.int64)

    def add(
        self,
        fate: str,
        why: str,
        lines: NDArray[np.int64],
        cure: str = "",
        count: int | None = None,
        kind: str = "",
    ) -> None:
        """Book `lines`, one a row or value, or some of the lines of `count`.

        `kind` is the same for reasons that differ in their example alone; the first is told.
        """
        if not lines.size:
            return
        reason = self.reasons.setdefault((fate, kind or why), Reason(fate, why, 0, [], cure))
        reason.count += lines.size if count is None else count
        some = np.partition(lines, SHOWN)[:SHOWN] if lines.size > SHOWN else lines
        reason.lines = sorted({*reason.lines, *some.tolist()})[:SHOWN]

    def refuse(self, series: int, why: str, lines: NDArray[np.int64], cure: str = "", kind: str = "") -> None:
        """Book values of one series that are not taken."""
        self.add(REFUSED, why, lines, cure, kind=kind and f"{kind} of series {series}")
        self.refused[series] += lines.size

    def refuse_rows(
        self,
        why: str,
        lines: NDArray[np.int64],
        cure: str = "",
        of_series: NDArray[np.int64] | None = None,
        kind: str = "",
    ) -> None:
        """Book whole rows; `of_series` is how many of them each series had asked for, None when nobody knows."""
        self.add(REFUSED, why, lines, cure, kind=kind)
        if of_series is None:
            self.asked += lines.size
        self.refused += lines.size if of_series is None else of_series

    def of(self, fate: str) -> list[Reason]:
        """Reasons, the most frequent first."""
        return sorted((one for one in self.reasons.values() if one.fate == fate), key=lambda one: -one.count)

    def check(self, finished: bool) -> None:
        """Raise `Malformed` when too much of a series is refused: then the file is not what the map says.

        Before the end a series is judged by its first thousand values.
        """
        enough = self.asked >= (1 if finished else _ENOUGH)
        bad = np.flatnonzero(enough & (self.refused > self.tolerate * self.asked))
        if bad.size:
            series, reason = int(bad[0]), self.of(REFUSED)[0]
            share = f"{self.refused[series]:,} of {self.asked[series]:,} values of {self.names[series]}"
            raise Malformed(
                f"{self.place} {reason.lines[0]}: {reason.why}; {share} cannot be taken, so nothing was imported; "
                f"{reason.cure or 'is the map right for this file?'}"
            )
