"""What a collector is, for those who write one and for the agent that runs it.

A collector answers one question: what did the device say? It does not sleep, schedule, retry or write; its
caller gives it time and measures it. The agent finds collectors by the entry point group
`dc_monitor.collectors`: the name is the scheme of the address (`snmp`), the object a `CollectorFactory`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from dc_monitor.clock import Clock
from dc_monitor.readings import Reading


@dataclass(frozen=True, slots=True)
class Rating:
    """Nameplate of a device: apparent power [VA] and real power [W]; None where it is not known."""

    va: float | None = None
    w: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One device to read.

    `address` is what the person wrote (`snmp://10.0.0.12`, `snmp://[::1]:1161`); `credentials` the table of that
    name from the credentials file, never printed; `profile` a name from the catalogue, or "" to detect it.
    `deadline` is how long one answer may take before the request counts as lost [s].
    """

    device: str
    address: str
    clock: Clock
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    profile: str = ""
    rating: Rating = Rating()
    deadline: float = 2.0
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device turned out to be, and why we think so.

    `kind` is one of `ups rectifier pdu ats meter environment cooling generator server switch host unknown`; `why` is a
    sentence such as "sysObjectID 1.3.6.1.4.1.318.1.3.4.6 is apc-rpdu2"; `left_out` says what was seen and not taken,
    a sentence each; `interval` and `deadline` are what the profile advises [s], None where it has no opinion;
    `rating` is what the device tells of its nameplate; `accuracy` the profile's accuracy class [%], None when unknown.
    """

    kind: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    profiles: Sequence[str] = ()
    why: str = ""
    left_out: Sequence[str] = ()
    interval: float | None = None
    deadline: float | None = None
    rating: Rating = Rating()
    accuracy: float | None = None


class Poll(NamedTuple):
    """One round of questions: what was answered, and a sentence for each part that was not.

    A part that failed is counted, never skipped: half a table is not a total. `retries` are the questions that had to
    be asked again.
    """

    readings: list[Reading]
    failures: tuple[str, ...] = ()
    retries: int = 0


class Collector(Protocol):
    """One open device."""

    async def open(self) -> DeviceInfo:
        """Recognise the device and learn which values it has; raises `Unreachable`, `Refused` or `Malformed`."""
        ...

    async def collect(self) -> Poll:
        """Read every value once; raises when nothing at all was answered. A value the device has not is left out."""
        ...

    async def close(self) -> None:
        """Give back sockets and sessions; may be called twice."""
        ...


class CollectorFactory(Protocol):
    """Makes the collector of a target; opens nothing yet, raises `ConfigError` for an address it cannot use."""

    def __call__(self, target: Target) -> Collector:
        """Make the collector."""
        ...
