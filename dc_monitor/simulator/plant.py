"""What every part of the room draws, minute by minute over one period: the rack, the UPS, the cooling, the lights.

The formulas are the usual first-order ones of the trade; the constants describe one plausible room, not a product.
"""

from array import array
from collections.abc import Iterable
from random import Random

from dc_monitor.simulator import signals
from dc_monitor.simulator.signals import NODES, Curve

PDUS = ("pdu-a", "pdu-b")
LOADS = tuple(f"load-{number}" for number in range(1, 8))
"""What hangs on outlet 1, 2, … of both PDUs: three hosts, two storage shelves, a GPU server, the switches."""

# Idle and busy power [W].
HOSTS = ((560.0, 1080.0), (540.0, 1060.0), (550.0, 1120.0))
STORAGE = ((500.0, 610.0), (505.0, 620.0))
GPU_SERVER = (480.0, 1500.0)
SWITCHES = (220.0, 250.0)

PDU_OWN = 7.0
"""Controller and relays of one PDU [W]."""
CABLE_LOSS = 1e-6
"""Watts lost per watt squared between UPS and PDUs: 25 W at 5 kW."""

UPS_RATED = 10_000.0
"""Rated active power of the UPS [W]."""
UPS_NO_LOAD, UPS_PROPORTIONAL, UPS_QUADRATIC = 120.0, 0.022, 0.035
"""Loss of a double-conversion UPS: fixed [W], per watt, and per watt at rated load. 94 % efficient at half load."""

EVAPORATING, ABOVE_OUTDOOR, LEAST_CONDENSING = 9.0, 18.0, 25.0
"""Refrigerant [°C]: evaporates at, condenses above the outdoor air by, but never below (head pressure control)."""
CARNOT_SHARE, PART_LOAD_PENALTY, COOLING_RATED = 0.36, 0.25, 9_000.0
"""Share of the Carnot COP reached at rated load, what of it is lost towards no load, and the rated heat [W]."""
COOLING_FANS = 420.0
"""Fans of indoor and outdoor unit [W]."""
THERMAL_MASS = 15.0
"""Minutes for room and coil to follow the load."""

STANDING, LIGHTING = 95.0, 240.0
"""Loads outside the rack [W]: access control and cameras, always; lamps, while somebody is in the room."""


def curves(draw: Random) -> dict[str, Curve]:
    """Every part [W], the outdoor air `outdoor` [°C], and `heat`, the heat in the room as the coil sees it [W]."""
    parts = dict(zip(LOADS, _rack(draw), strict=True))
    it = _sum(*parts.values())
    cables = _curve(CABLE_LOSS * power * power for power in it)
    own = len(PDUS) * PDU_OWN
    losses = _curve(ups_loss(load + cable + own) for load, cable in zip(it, cables, strict=True))
    other = _curve(STANDING + LIGHTING * on for on in signals.weekly(signals.lights))
    heat = signals.lagged(_sum(it, cables, losses, other, _curve([own]) * NODES), THERMAL_MASS)
    air = signals.outdoor(draw)
    return parts | {
        "pdu-own": _curve([PDU_OWN]) * NODES,
        "cables": cables,
        "ups-loss": losses,
        "cooling": _curve(cooling_power(watts, outside) for watts, outside in zip(heat, air, strict=True)),
        "other": other,
        "outdoor": air,
        "heat": heat,
    }


def ups_loss(output: float) -> float:
    """Loss of the UPS [W] at an output [W]."""
    return UPS_NO_LOAD + UPS_PROPORTIONAL * output + UPS_QUADRATIC * output * output / UPS_RATED


def cop(heat: float, outdoor: float) -> float:
    """Coefficient of performance of the compressor at a heat load [W] and an outdoor temperature [°C]."""
    condensing = max(outdoor + ABOVE_OUTDOOR, LEAST_CONDENSING)
    carnot = (EVAPORATING + 273.15) / (condensing - EVAPORATING)
    return CARNOT_SHARE * carnot * (1 - PART_LOAD_PENALTY * (1 - heat / COOLING_RATED))


def cooling_power(heat: float, outdoor: float) -> float:
    """Electrical power of the cooling [W] that moves `heat` [W] outdoors."""
    return COOLING_FANS + heat / cop(heat, outdoor)


def _rack(draw: Random) -> Iterable[Curve]:
    """The loads in the order of `LOADS`: people by day, the backup at night, batch jobs at any time."""
    office, backup = signals.weekly(signals.office), signals.weekly(signals.backup)
    people = signals.noise(draw, 0.05, 180)
    for watts in HOSTS:
        own = signals.noise(draw, 0.06, 25)
        yield _load(watts, (0.1 + 0.72 * o + p + n for o, p, n in zip(office, people, own, strict=True)))
    for watts in STORAGE:
        own = signals.noise(draw, 0.08, 10)
        yield _load(watts, (0.2 + 0.3 * o + 0.6 * b + n for o, b, n in zip(office, backup, own, strict=True)))
    own = signals.noise(draw, 0.04, 5)
    yield _load(GPU_SERVER, (job + n for job, n in zip(signals.jobs(draw), own, strict=True)))
    yield _load(SWITCHES, (0.5 + n for n in signals.noise(draw, 0.15, 60)))


def _load(watts: tuple[float, float], utilisation: Iterable[float]) -> Curve:
    """Power between idle and busy; a machine is never less than idle nor more than busy."""
    idle, busy = watts
    return _curve(idle + (busy - idle) * min(max(share, 0.0), 1.0) for share in utilisation)


def _sum(*curves: Curve) -> Curve:
    return _curve(map(sum, zip(*curves, strict=True)))


def _curve(values: Iterable[float]) -> Curve:
    return array("d", values)
