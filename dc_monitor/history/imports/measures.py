"""Units that people and devices write, as counts of ours.

A value is `(written - zero) * times / per`, in the unit of its quantity. Counts per unit where a unit is smaller than
ours, because `41 / 10` is 4.1 and `41 * 0.1` is 4.1000000000000005.
"""

import difflib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dc_monitor.names import QUANTITIES
from dc_monitor.units import CUBIC_METRES_PER_SECOND_PER_CFM, JOULES_PER_KWH, KELVIN_AT_0_CELSIUS, Unit


class Measure(NamedTuple):
    """A unit somebody writes; `amount` says that it is one of ours times seconds, such as kWh."""

    unit: Unit
    times: float = 1.0
    per: float = 1.0
    zero: float = 0.0
    amount: bool = False

    def values(self, written: NDArray[np.float64]) -> NDArray[np.float64]:
        """In our unit."""
        return (written - self.zero) * self.times / self.per


_FAHRENHEIT_PER_KELVIN = 1.8  # NIST SP 811, appendix B.8
_LITRES = 1000.0
_MINUTE, _HOUR = 60.0, 3600.0
_WH = JOULES_PER_KWH / 1000.0


def _energies(base: Unit, hours: str, names: str) -> dict[str, Measure]:
    """`kWh`, `MWh` and so on, as amounts of power; `names` is what stands before `hours`."""
    powers = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
    return {f"{power}{names}{hours}": Measure(base, times * _WH, amount=True) for power, times in powers.items()}


UNITS: dict[str, Measure] = {
    **{f"{prefix}W": Measure(Unit.WATT, times) for prefix, times in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9))},
    "mW": Measure(Unit.WATT, per=1e3),
    "VA": Measure(Unit.VOLT_AMPERE),
    "kVA": Measure(Unit.VOLT_AMPERE, 1e3),
    "MVA": Measure(Unit.VOLT_AMPERE, 1e6),
    "var": Measure(Unit.VAR),
    "kvar": Measure(Unit.VAR, 1e3),
    "Mvar": Measure(Unit.VAR, 1e6),
    **_energies(Unit.WATT, "h", "W"),
    **_energies(Unit.VOLT_AMPERE, "h", "VA"),
    **_energies(Unit.VAR, "h", "var"),
    **{f"{prefix}J": Measure(Unit.WATT, times, amount=True) for prefix, times in (("k", 1e3), ("M", 1e6), ("G", 1e9))},
    "J": Measure(Unit.WATT, amount=True),
    "A": Measure(Unit.AMPERE),
    "mA": Measure(Unit.AMPERE, per=1e3),
    "V": Measure(Unit.VOLT),
    "kV": Measure(Unit.VOLT, 1e3),
    "Hz": Measure(Unit.HERTZ),
    "1": Measure(Unit.RATIO),
    "%": Measure(Unit.RATIO, per=100.0),
    "°C": Measure(Unit.CELSIUS),
    "°F": Measure(Unit.CELSIUS, per=_FAHRENHEIT_PER_KELVIN, zero=32.0),
    "K": Measure(Unit.CELSIUS, zero=KELVIN_AT_0_CELSIUS),
    "Pa": Measure(Unit.PASCAL),
    "hPa": Measure(Unit.PASCAL, 1e2),
    "kPa": Measure(Unit.PASCAL, 1e3),
    "mbar": Measure(Unit.PASCAL, 1e2),
    "bar": Measure(Unit.PASCAL, 1e5),
    "rpm": Measure(Unit.RPM),
    "m3/s": Measure(Unit.CUBIC_METRE_PER_SECOND),
    "m3/h": Measure(Unit.CUBIC_METRE_PER_SECOND, per=_HOUR),
    "l/s": Measure(Unit.CUBIC_METRE_PER_SECOND, per=_LITRES),
    "l/min": Measure(Unit.CUBIC_METRE_PER_SECOND, per=_LITRES * _MINUTE),
    "l/h": Measure(Unit.CUBIC_METRE_PER_SECOND, per=_LITRES * _HOUR),
    "CFM": Measure(Unit.CUBIC_METRE_PER_SECOND, CUBIC_METRES_PER_SECOND_PER_CFM),
    "m3": Measure(Unit.CUBIC_METRE_PER_SECOND, amount=True),
    "l": Measure(Unit.CUBIC_METRE_PER_SECOND, per=_LITRES, amount=True),
    "s": Measure(Unit.SECOND),
    "min": Measure(Unit.SECOND, _MINUTE),
    "h": Measure(Unit.SECOND, _HOUR),
    "By": Measure(Unit.BYTE),
    "MiB": Measure(Unit.BYTE, 2.0**20),
    "GiB": Measure(Unit.BYTE, 2.0**30),
    "code": Measure(Unit.CODE),
}

_OTHER_NAMES = {"Cel": "°C", "C": "°C", "F": "°F", "ratio": "1", "m³": "m3", "m³/h": "m3/h", "m³/s": "m3/s", "L": "l"}
_REGISTERS = {Unit.JOULE: Unit.WATT, Unit.CUBIC_METRE: Unit.CUBIC_METRE_PER_SECOND}
"""What a register counts, as amount of what."""


def measure(written: str, quantity: str, interval: bool) -> Measure:
    """The unit `written` for a quantity, or for the amount of it in an interval.

    Raises `ValueError` with what is wrong and what was expected.
    """
    name = _OTHER_NAMES.get(written, written)
    if name not in UNITS:
        near = _near(name)
        raise ValueError(f'"{written}": unknown unit; {f"did you mean {near}?" if near else _of(quantity)}')
    found, ours = UNITS[name], QUANTITIES[quantity].unit
    if found.amount and interval and found.unit is ours:
        return found
    if found.amount and _REGISTERS.get(ours) is found.unit:
        return found
    if not found.amount and found.unit is ours:
        return found
    hint = ' (an amount in each step: say kind = "interval")' if found.amount and found.unit is ours else ""
    raise ValueError(f'"{written}" is no unit of {quantity}{hint}; {_of(quantity)}')


def _near(name: str) -> str:
    """Units spelt alike, quoted; case alone may be what differs, and mW is not MW."""
    alike = [unit for unit in UNITS if unit.lower() == name.lower()]
    alike = alike or difflib.get_close_matches(name, UNITS, 1, 0.6)
    return " or ".join(f'"{unit}"' for unit in alike)


def _of(quantity: str) -> str:
    ours = QUANTITIES[quantity].unit
    counted = _REGISTERS.get(ours)
    fits = [name for name, one in UNITS.items() if (one.unit is (counted or ours)) and one.amount == bool(counted)]
    return f"expected one of {', '.join(fits)}"
