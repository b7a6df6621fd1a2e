"""What `dc-monitor check` found; as JSON its keys stay, and `FORMAT` rises when one changes its meaning."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class DeviceResult:
    """What one device said, or why it did not; `accuracy` is its profile's class [%]."""

    name: str
    address: str
    ok: bool
    kind: str = "unknown"
    what: str = ""
    why: str = ""
    readings: int = 0
    seconds: float = 0.0
    accuracy: float | None = None
    problems: Sequence[str] = ()
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class MeterResult:
    """Whether a meter of the power chain finds its watts [W]."""

    site: str
    name: str
    role: str
    reads: str
    ok: bool
    watts: float | None = None
    method: str = ""
    problem: str = ""


@dataclass(frozen=True)
class FigureResult:
    """Whether a figure becomes possible, how well, and what would make it possible or better."""

    site: str
    kpi: str
    possible: bool
    category: int | None = None
    status: str = ""
    missing: Sequence[str] = ()
    better: Sequence[str] = ()


@dataclass(frozen=True)
class SinkResult:
    """Whether a server takes our lines."""

    name: str
    url: str
    ok: bool
    told: str


@dataclass(frozen=True)
class Part:
    """Whether a part of this machine serves us: a folder, a port, the clock."""

    about: str
    ok: bool
    told: str


@dataclass(frozen=True)
class Result:
    """All of it.

    `problems` are why the configuration cannot be used at all: then nothing else was looked at. `hints` deserve a look
    and spoil nothing.
    """

    offline: bool
    problems: Sequence[str] = ()
    devices: Sequence[DeviceResult] = ()
    meters: Sequence[MeterResult] = ()
    figures: Sequence[FigureResult] = ()
    sinks: Sequence[SinkResult] = ()
    machine: Sequence[Part] = ()
    hints: Sequence[str] = ()

    @property
    def faults(self) -> int:
        """How many things are not well; a figure is one of them where meters are written for it."""
        parts = [one.ok for found in (self.devices, self.meters, self.sinks, self.machine) for one in found]
        metered = {meter.site for meter in self.meters}
        parts += [figure.possible for figure in self.figures if figure.site in metered]
        return parts.count(False)

    @property
    def exit_code(self) -> int:
        """0 all is well; 1 something did not answer or is not possible; 2 the configuration cannot be used."""
        return 2 if self.problems else 1 if self.faults else 0

    def document(self) -> dict[str, Any]:
        """One JSON document."""
        return {"format": FORMAT, "ok": self.exit_code == 0, **asdict(self)}
