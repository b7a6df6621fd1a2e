"""What a collector is, for those who write one and for the agent that runs it.

A collector answers one question: what did the device say? It does not sleep, schedule, retry or write; its
caller gives it time and measures it. The agent finds collectors by the entry point group
`dc_monitor.collectors`: the name is the scheme of the address (`snmp`), the object a `CollectorFactory`.

Two more groups serve the command line, under the same names: `dc_monitor.presence`, with a `Presence`, lets `discover`
find a protocol, and `dc_monitor.recorders`, with a `Recorder`, lets `record` keep what a device said.

`dc_monitor.listeners`, with a `ListenerFactory` under the name of the protocol, is for what devices say unasked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
    `name` and `location` are what people wrote into it; `marks` tell this very device from its twins and stay when its
    address changes, such as `serial 5A1712E04231` or `mac 00:c0:b7:4d:11:02`.
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
    name: str = ""
    location: str = ""
    marks: Sequence[str] = ()


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


class Presence(Protocol):
    """Whether a protocol is spoken at an address: one question, one answer, no login.

    Attributes
    ----------
    title : the protocol's name for people.
    port : where it usually listens.
    packets : most datagrams or connections that one question costs.
    """

    title: str
    port: int
    packets: int

    def suits(self, credentials: Mapping[str, Any]) -> bool:
        """Whether it can ask with these credentials; the empty table stands for none."""
        ...

    async def __call__(self, host: str, port: int, credentials: Mapping[str, Any], deadline: float) -> str:
        """What is there, in a few words, or "" when it has none for itself.

        `host` is an address, no name; `deadline` the time for the answer [s]. Raises `Unreachable` when nothing
        answered, which may be asked again; `Absent` when what answered does not speak the protocol; `Refused` when it
        does and does not take these credentials.
        """
        ...


class Recording(NamedTuple):
    """What a device said, line by line in the form of the protocol's fixtures, without what belongs to people.

    `info` and `poll` are what our own collector makes of these very lines. `blanked` says what was replaced,
    `remaining` are texts that were not, for a person to look at; `remarks` what went wrong.
    """

    lines: Sequence[str]
    info: DeviceInfo
    poll: Poll
    blanked: Sequence[str]
    remaining: Sequence[str]
    remarks: Sequence[str]


class Recorder(Protocol):
    """Records one device.

    Attributes
    ----------
    suffix : of the files it makes, such as `.snmprec`.
    """

    suffix: str

    async def __call__(self, target: Target, keep_labels: bool, progress: Callable[[int], None]) -> Recording:
        """Ask for everything that may matter, politely; `progress` is told how many values there are so far.

        Raises `ConfigError`, `Unreachable`, `Refused` or `Malformed` when there is nothing to keep.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListenTarget:
    """Where to listen, and for whom.

    `credentials` are tables of the credentials file by their names; who shows none of them is not heard. `rate` is how
    many notices a second are taken. `state` is a folder, perhaps not there yet, for what must outlast a restart.
    """

    host: str
    port: int
    clock: Clock
    rate: float
    state: Path
    credentials: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)


class Notice(NamedTuple):
    """What a device said unasked.

    `source` is the address it came from, `origin` the one it speaks for ("" when it names none), `time` when it came
    [ns UTC]. `event` is one of `names.EVENTS`, `severity` one of `names.SEVERITIES`; `text` says it to people, and
    `details` are all values it brought.
    """

    source: str
    origin: str
    time: int
    event: str
    severity: str
    text: str
    details: Mapping[str, int | float | str | None]


class Listener(Protocol):
    """Hears what devices say unasked, and stands whatever else arrives there.

    Attributes
    ----------
    causes : why something may be dropped, by a word each: what is wrong, and what to do.
    """

    causes: Mapping[str, str]

    @property
    def port(self) -> int:
        """Where it listens, once it is open."""
        ...

    async def open(self, heard: Callable[[Notice], None], dropped: Callable[[str, str, int], None]) -> None:
        """Listen from now on; raises `ConfigError` when that cannot be.

        Every notice is given to `heard`; `dropped` is told cause, source and number of what is not.
        """
        ...

    def allow(self, sources: Iterable[str]) -> None:
        """Hear these addresses and networks, and nobody else; until then nobody at all."""
        ...

    def close(self) -> None:
        """Give back the socket; may be called twice."""
        ...


class ListenerFactory(Protocol):
    """Makes a listener; opens nothing yet, raises `ConfigError` when it could not listen so."""

    def __call__(self, target: ListenTarget) -> Listener:
        """Make the listener."""
        ...
