"""Units a reading may carry. SI inside; people's units only at the edges.

Each unit has a symbol (UCUM where it has one), as `dc-monitor read` prints it, and a word, the field key on
the wire. One quantity has one unit for ever: see `names`.
"""

from enum import Enum


class Unit(Enum):
    """A unit: its symbol for people and JSON, its word for the wire."""

    WATT = ("W", "watts")
    VOLT_AMPERE = ("VA", "volt_amperes")
    VAR = ("var", "vars")
    JOULE = ("J", "joules")
    AMPERE = ("A", "amperes")
    VOLT = ("V", "volts")
    HERTZ = ("Hz", "hertz")
    RATIO = ("1", "ratio")
    CELSIUS = ("Cel", "celsius")
    KELVIN = ("K", "kelvins")
    PASCAL = ("Pa", "pascals")
    CUBIC_METRE = ("m3", "cubic_metres")
    CUBIC_METRE_PER_SECOND = ("m3/s", "cubic_metres_per_second")
    RPM = ("rpm", "revolutions_per_minute")
    SECOND = ("s", "seconds")
    METRE = ("m", "metres")
    BYTE = ("By", "bytes")
    CODE = ("code", "code")
    """A state's raw number: not a measure, never averaged."""

    def __init__(self, symbol: str, word: str) -> None:
        self.symbol = symbol
        self.word = word


JOULES_PER_KWH = 3_600_000.0
SECONDS_PER_MINUTE = 60.0
KELVIN_AT_0_CELSIUS = 273.15
CUBIC_METRES_PER_SECOND_PER_CFM = 4.719474e-4
