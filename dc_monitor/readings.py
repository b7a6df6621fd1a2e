"""What a measured value is: a series, which stays, and a reading, which passes."""

from dataclasses import dataclass, field
from typing import NamedTuple

from dc_monitor.names import LEVELS, METHODS, QUANTITIES
from dc_monitor.units import Unit


@dataclass(frozen=True, slots=True)
class Series:
    """Where a value comes from and what it is; made once when a device is opened.

    Identity is device, point and quantity (the site is added by whoever sends). A point is a lower-case path of
    what the device calls it: `input/total`, `output/l1`, `outlet/7`, `probe/rack-3-top`.

    Attributes
    ----------
    level : where in the device the point sits (`names.LEVELS`), so that nothing sums a total with its outlets.
    method : how the value came to be (`names.METHODS`).
    source : numeric OID without leading dot, Redfish path#property, register, sensor name.
    label : what the device itself calls the point, for people; not identity.
    """

    device: str
    point: str
    quantity: str
    level: str
    source: str = ""
    method: str = "measured"
    label: str = ""
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        """Refuse names that the catalogue does not know: a typo here would be a new series for ever."""
        if self.quantity not in QUANTITIES:
            raise ValueError(f"{self.device}/{self.point}: unknown quantity {self.quantity!r}; see names.QUANTITIES")
        if self.level not in LEVELS:
            raise ValueError(f"{self.device}/{self.point}: unknown level {self.level!r}; one of {', '.join(LEVELS)}")
        if self.method not in METHODS:
            raise ValueError(f"{self.device}/{self.point}: unknown method {self.method!r}; one of {', '.join(METHODS)}")
        # Once, because every reading is looked up by its series.
        object.__setattr__(self, "_hash", hash((self.device, self.point, self.quantity, self.level, self.method)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def unit(self) -> Unit:
        """The unit of every value of this series."""
        return QUANTITIES[self.quantity].unit


class Reading(NamedTuple):
    """One value, when it was taken, and for a state its word.

    `time` is nanoseconds since 1970 UTC, the moment of this value's own answer. An estimated value carries the
    bounds between which the truth lies with 95 % confidence, in the same unit.
    """

    series: Series
    value: float
    time: int
    text: str | None = None
    low: float | None = None
    high: float | None = None
