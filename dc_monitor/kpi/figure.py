"""A figure: a number somebody may rest on, or the sentences that say why there is none."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dc_monitor.kpi.sentences import Sentence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one meter adds to a figure.

    Attributes
    ----------
    joules, low, high : energy within the counted time, and the bounds of its 95 % interval. [J]
    source : `power`, `register`, `mixed` (power, and the register where power was not known) or `declared`.
    method : the least direct of the methods of its readings (`names.METHODS`), or `declared`.
    accuracy : class [%]; `assumed` when nobody told it.
    coverage : share of the time it was asked for in which this meter alone is known.
    """

    meter: str
    role: str
    joules: float
    low: float
    high: float
    source: str
    method: str
    accuracy: float
    assumed: bool
    coverage: float


@dataclass(frozen=True, slots=True)
class Sensed:
    """What one sensor adds to a figure: `celsius` is its mean over the time it is known in."""

    sensor: str
    label: str
    place: str
    celsius: float | None
    method: str
    coverage: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A KPI of a period with everything that must be told beside it.

    Attributes
    ----------
    value, low, high : the figure and its 95 % interval; all None when it cannot be claimed.
    start, end : the period, nanoseconds UTC.
    coverage : share of the period for which every meter that matters is known.
    category : where IT energy is measured (1–3), None when it cannot be told.
    status : `interim`, `annual` or `estimated`.
    missing : why there is no value, then what would make the figure better.
    notes : what a reader must know to read the value.
    lineage : what it was made of.
    """

    kpi: str
    site: str
    boundary: str
    window: str
    start: int
    end: int
    value: float | None
    low: float | None
    high: float | None
    coverage: float
    category: int | None
    status: str
    edition: str
    missing: tuple[Sentence, ...] = ()
    notes: tuple[Sentence, ...] = ()
    lineage: tuple[Contribution | Sensed, ...] = ()

    def as_json(self, lang: str = "en") -> dict[str, Any]:
        """The figure as a JSON object, its sentences in `lang`."""
        return {
            "kpi": self.kpi,
            "site": self.site,
            "boundary": self.boundary,
            "window": self.window,
            "from": iso(self.start),
            "to": iso(self.end),
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "coverage": self.coverage,
            "category": self.category,
            "status": self.status,
            "edition": self.edition,
            "missing": _texts(self.missing, lang),
            "notes": _texts(self.notes, lang),
            "lineage": [asdict(one) for one in self.lineage],
        }


def iso(time: int) -> str:
    """Nanoseconds UTC as ISO 8601.

    Examples
    --------
    >>> iso(1_700_000_000_000_000_000)
    '2023-11-14T22:13:20Z'
    """
    return (_EPOCH + timedelta(microseconds=time // 1000)).isoformat().replace("+00:00", "Z")


def _texts(sentences: Sequence[Sentence], lang: str) -> list[str]:
    return [sentence.text(lang) for sentence in sentences]
