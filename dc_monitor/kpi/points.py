"""Which series of a device a meter reads.

A meter is written as a place, such as `ups-a/output`, and devices spell places differently: a total may be called
`output` or `output/total`, and many UPSs (RFC 1628) give no total at all but one value per phase. Where the
device gives no total the site makes one, as a virtual point, of the phases of that place. Outlets and banks are
not added up: nobody knows whether all of them are metered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dc_monitor.history.columns import Key, Samples
from dc_monitor.topology import alternatives

UPTIME_POINTS = ("agent", "host")
"""Where a device tells how long it has been up: the witness of a register that fell."""


@dataclass(frozen=True, slots=True)
class Found:
    """The series of a meter: point → samples; several points are phases, which are added.

    A device may give power per phase and one register for all, so the two are chosen independently. `partial` says
    that fewer than three phases were seen: a single-phase device, or one of which a phase is silent.
    """

    power: Mapping[str, Samples]
    register: Mapping[str, Samples]
    partial: bool = False

    @property
    def all(self) -> tuple[Samples, ...]:
        """Every series."""
        return (*self.power.values(), *self.register.values())


def wanted(device: str, point: str) -> set[Key]:
    """Every series that may serve a meter of `point`, and the witness."""
    points = [one for alternative in alternatives(point) for one in alternative]
    return {(device, one, quantity) for one in points for quantity in ("power", "energy")} | uptime_keys(device)


def uptime_keys(device: str) -> set[Key]:
    """Series that tell how long a device has been up."""
    return {(device, point, "uptime") for point in UPTIME_POINTS}


def find(read: Mapping[Key, Samples], device: str, point: str) -> Found:
    """The series that serve a meter of `point`.

    Phases count as one place only together: a phase seen at any time in `read` belongs to the sum, and where it
    is silent the sum is not known. Read far enough back, or a dead phase looks like none.
    """
    power, all_phases = _first(read, device, point, "power")
    register, all_registers = _first(read, device, point, "energy")
    return Found(power, register, not (all_phases and all_registers))


def _first(read: Mapping[Key, Samples], device: str, point: str, quantity: str) -> tuple[dict[str, Samples], bool]:
    """The best alternative of which anything was seen, and whether all of it was."""
    for alternative in alternatives(point):
        keys = {one: (device, one, quantity) for one in alternative}
        there = {one: read[key] for one, key in keys.items() if key in read and len(read[key].time)}
        if there:
            return there, len(there) == len(alternative)
    return {}, True
