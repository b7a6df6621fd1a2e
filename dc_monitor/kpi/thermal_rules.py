"""What thermal figures rest on that is a convention: ASHRAE's envelopes by edition and class, and our own rules.

An envelope is (edition, class), and the site picks one: editions moved the moisture limits, so a report of 2020 is
never recomputed with those of 2021. Each row says where its numbers come from and how well we know them; a figure
made with limits that nobody here read in the standard itself says so.
"""

from dataclasses import dataclass, replace
from math import inf

from dc_monitor.kernels.envelope import Moist
from dc_monitor.kernels.exposure import DryBulb
from dc_monitor.kpi.rules import HOUR, MINUTE

SECONDARY, UNCONFIRMED = "secondary", "unconfirmed"
"""Read in several secondary sources that agree; recalled, or sources disagree."""


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition of ASHRAE TC 9.9, Thermal Guidelines for Data Processing Environments."""

    id: str
    title: str
    valid_from: str
    valid_to: str | None = None


EDITIONS = {
    one.id: one
    for one in (
        Edition("2008", "ASHRAE TC 9.9, 2nd edition (2008)", "2008", "2011"),
        Edition("2011", "ASHRAE TC 9.9, 3rd edition (2011)", "2011", "2015"),
        Edition("2015", "ASHRAE TC 9.9, 4th edition (2015)", "2015", "2021"),
        Edition("2021", "ASHRAE TC 9.9, 5th edition (2021)", "2021"),
    )
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a class of equipment wants at its air inlet.

    Attributes
    ----------
    recommended, allowable : limits of dry-bulb [°C], dew point [°C] and relative humidity 0–1.
    metres_per_kelvin : climb above `derated_from` [m] that lowers the highest allowable temperature by 1 K.
    temperatures, moisture : how well we know the limits (`SECONDARY`, `UNCONFIRMED`).
    """

    edition: Edition
    name: str
    recommended: Moist
    allowable: Moist
    metres_per_kelvin: float
    derated_from: float = 900.0
    temperatures: str = SECONDARY
    moisture: str = UNCONFIRMED

    @property
    def title(self) -> str:
        """Edition and class, as a figure prints them."""
        return f"{self.edition.title}, class {self.name}"

    @property
    def dry_bulb(self) -> DryBulb:
        """The temperature limits alone."""
        (lowest, highest), (low, high) = self.allowable.dry_bulb, self.recommended.dry_bulb
        return DryBulb(lowest, low, high, highest)

    def at(self, altitude: float) -> "Envelope":
        """The envelope of the same class at an altitude [m]: thin air cools less.

        The highest allowable temperature falls; it never falls below the highest recommended one.
        """
        low, high = self.allowable.dry_bulb
        high -= max(altitude - self.derated_from, 0.0) / self.metres_per_kelvin
        high = max(high, self.recommended.dry_bulb[1])
        return replace(self, allowable=self.allowable._replace(dry_bulb=(low, high)))


_RECOMMENDED = {
    "2008": Moist((18.0, 27.0), (5.5, 15.0), (0.0, 0.60)),
    "2011": Moist((18.0, 27.0), (5.5, 15.0), (0.0, 0.60)),
    "2015": Moist((18.0, 27.0), (-9.0, 15.0), (0.0, 0.60)),
    "2021": Moist((18.0, 27.0), (-9.0, 15.0), (0.0, 0.70)),
}
"""Of classes A1 to A4. The 70 % of 2021 hold where air corrodes little (copper below 300, silver below 200 Å a month),
else 50 %."""

_ROWS: tuple[tuple[str, str, Moist, float], ...] = (
    # Edition and class, allowable limits, metres per kelvin. 2008 called its two classes 1 and 2.
    ("2008", "A1", Moist((15.0, 32.0), (-inf, 17.0), (0.20, 0.80)), 300.0),
    ("2008", "A2", Moist((10.0, 35.0), (-inf, 21.0), (0.20, 0.80)), 300.0),
    ("2011", "A1", Moist((15.0, 32.0), (-inf, 17.0), (0.20, 0.80)), 300.0),
    ("2011", "A2", Moist((10.0, 35.0), (-inf, 21.0), (0.20, 0.80)), 300.0),
    ("2011", "A3", Moist((5.0, 40.0), (-12.0, 24.0), (0.08, 0.85)), 175.0),
    ("2011", "A4", Moist((5.0, 45.0), (-12.0, 24.0), (0.08, 0.90)), 125.0),
    ("2015", "A1", Moist((15.0, 32.0), (-12.0, 17.0), (0.08, 0.80)), 300.0),
    ("2015", "A2", Moist((10.0, 35.0), (-12.0, 21.0), (0.08, 0.80)), 300.0),
    ("2015", "A3", Moist((5.0, 40.0), (-12.0, 24.0), (0.08, 0.85)), 175.0),
    ("2015", "A4", Moist((5.0, 45.0), (-12.0, 24.0), (0.08, 0.90)), 125.0),
    ("2021", "A1", Moist((15.0, 32.0), (-12.0, 17.0), (0.08, 0.80)), 300.0),
    ("2021", "A2", Moist((10.0, 35.0), (-12.0, 21.0), (0.08, 0.80)), 300.0),
    ("2021", "A3", Moist((5.0, 40.0), (-12.0, 24.0), (0.08, 0.85)), 175.0),
    ("2021", "A4", Moist((5.0, 45.0), (-12.0, 24.0), (0.08, 0.90)), 125.0),
    ("2021", "H1", Moist((5.0, 25.0), (-12.0, 17.0), (0.08, 0.80)), 500.0),
)

_RECOMMENDED_H1 = Moist((18.0, 22.0), (-9.0, 15.0), (0.0, 0.70))
"""High-density air-cooled equipment."""


ENVELOPES = {
    (edition, name): Envelope(
        EDITIONS[edition],
        name,
        _RECOMMENDED_H1 if name == "H1" else _RECOMMENDED[edition],
        allowable,
        metres,
        temperatures=SECONDARY if edition == "2021" else UNCONFIRMED,
    )
    for edition, name, allowable, metres in _ROWS
}
"""(edition, class) → envelope."""

ASSUMED = ENVELOPES["2021", "A1"]
"""When nobody told a class: the newest edition and its strictest class for enterprise equipment."""


def envelope(name: str, edition: str = "2021") -> Envelope:
    """The envelope of a class.

    Raises
    ------
    ValueError
        If there is none; the message lists what there is.
    """
    found = ENVELOPES.get((edition, name.upper()))
    if found is None:
        known = ", ".join(f"{name} of {edition}" for edition, name in sorted(ENVELOPES))
        raise ValueError(f"no envelope of class {name!r} in the edition of {edition!r}; there are {known}")
    return found


@dataclass(frozen=True, slots=True)
class ThermalRules:
    """A versioned rule set of thermal figures. Times in nanoseconds, ratios 0–1, temperatures in °C and K."""

    id: str = "2026.1"

    sensor_accuracy: float = 1.0
    """How far a temperature sensor may lie off when nobody knows better [K], rectangular, each on its own. Product
    rule; no standard gives numbers."""

    rci_good: float = 0.96
    rci_acceptable: float = 0.91
    """Rating of a rack cooling index after Herrlin 2005, whose bands (91–95 acceptable, from 96 good) leave 90–91 and
    95–96 open. Product rule: from 0.96 good, from 0.91 acceptable, else poor."""

    rti_balanced: tuple[float, float] = (0.95, 1.05)
    """Return temperature index within which air handlers and equipment move the same air, after Herrlin 2007;
    secondary."""

    changes: tuple[tuple[int, float], ...] = ((15 * MINUTE, 5.0), (HOUR, 20.0))
    """Within which time the inlet may change by how much [K], classes A1 to A4, no tape in the room; with tape 5 K in
    an hour. ASHRAE TC 9.9, 2015 and 2021; unconfirmed."""

    degree_day_base: float = 21.0
    """Delegated Regulation (EU) 2024/1364, annex II, 1(n)."""

    degree_day_trigger: float = 24.0
    """Daily mean from which Eurostat counts a day; unconfirmed."""

    least_of_day: float = 0.5
    """Share of a day that must be known for its mean (CalTRACK 2.0)."""

    least_days: float = 0.90
    """Share of the days that must be known for a sum of degree days (CalTRACK 2.0: at most 37 of 365 missing)."""


THERMAL_RULES = ThermalRules()


def rating(index: float, rules: ThermalRules = THERMAL_RULES) -> str:
    """A rack cooling index 0–1 in a word: `good`, `acceptable` or `poor`.

    Examples
    --------
    >>> [rating(index) for index in (0.96, 0.959, 0.91, 0.909)]
    ['good', 'acceptable', 'acceptable', 'poor']
    """
    if index >= rules.rci_good:
        return "good"
    return "acceptable" if index >= rules.rci_acceptable else "poor"
