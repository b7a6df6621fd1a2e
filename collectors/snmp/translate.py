"""What the answers mean: cells and counts become readings. Pure: a recorded answer is enough to test it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from collectors.snmp.ask import Told
from collectors.snmp.estimate import of_nominal_volts
from collectors.snmp.profile import Column, When
from collectors.snmp.values import number
from dc_monitor.readings import Reading, Series


@dataclass(frozen=True, slots=True)
class Cell:
    """One OID to poll and what its count means: value = (count - zero) * multiply / divide.

    `guards` are OIDs of the same row with the condition each must fulfil for the row to count; `nominal` says that the
    device has multiplied by a configured voltage, not a measured one; `words` are those of a state's codes.
    """

    oid: str
    profile: str
    series: Series
    column: Column
    absent: frozenset[float]
    zero: float
    multiply: float
    divide: float
    words: Mapping[int, str] = field(default_factory=dict)
    nominal: bool = False
    guards: tuple[tuple[str, When], ...] = ()

    @property
    def name(self) -> str:
        """Point and quantity, for a sentence."""
        return f"{self.series.point} {self.series.quantity}"


def count(cell: Cell, told: Mapping[str, Told]) -> float | None:
    """The cell's raw count; None when the agent says "not available", or the row's own state says it does not count."""
    found = number(told[cell.oid].value)
    if found is None or found in cell.absent or (cell.guards and not holds(cell, told)):
        return None
    if cell.column.modulus is not None and not 0 <= found < cell.column.modulus:
        return None
    return None if cell.series.quantity == "state" and found != int(found) else found


def holds(cell: Cell, told: Mapping[str, Told]) -> bool:
    """Whether the row's own state says that it counts."""
    for oid, when in cell.guards:
        if oid not in told:
            if not when.or_missing:
                return False
            continue
        state = number(told[oid].value)
        if state is None or state in when.none_of or (when.one_of and state not in when.one_of):
            return False
    return True


def translate(cells: Sequence[Cell], told: Mapping[str, Told]) -> list[Reading]:
    """Every cell that has a value, as a reading stamped with its own answer's time."""
    readings = []
    for cell in cells:
        if cell.oid not in told:
            continue
        counted = count(cell, told)
        if counted is None:
            continue
        time = told[cell.oid].time
        if cell.series.quantity == "state":
            code = int(counted)
            readings.append(Reading(cell.series, float(code), time, cell.words.get(code, f"code {code}")))
            continue
        value = (counted - cell.zero) * cell.multiply / cell.divide
        low, high = of_nominal_volts(value) if cell.nominal else (None, None)
        readings.append(Reading(cell.series, value, time, None, low, high))
    return readings


def doubtful_zeros(cells: Sequence[Cell], readings: Sequence[Reading], whole: bool = True) -> set[Series]:
    """Zeros of power columns that cards leave empty: 0 W while volts and amperes are above 0 at the same point.

    A column proved empty on one line, and filled on none, is not believed on a line without an ammeter either. In a
    poll that is not `whole` the amperes that would prove it may be missing: then only 0 A makes 0 W credible.
    """
    zeros = {r.series.point for r in readings if r.value == 0 and r.series.quantity == "power"}
    if not zeros:
        return set()
    doubted = [cell for cell in cells if cell.column.doubt_zero and cell.series.point in zeros]
    told = {(r.series.point, r.series.quantity): r.value for r in readings}

    def amount(cell: Cell, quantity: str) -> float | None:
        return told.get((cell.series.point, quantity))

    proved = {cell.series for cell in doubted if amount(cell, "voltage") and amount(cell, "current")}
    empty = {id(cell.column) for cell in doubted if cell.series in proved}
    empty -= {id(cell.column) for cell in cells if cell.column.doubt_zero and amount(cell, "power")}
    return proved | {
        cell.series for cell in doubted if amount(cell, "current") is None and (not whole or id(cell.column) in empty)
    }
