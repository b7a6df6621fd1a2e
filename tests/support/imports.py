"""Files brought into an archive, as `dc-monitor import` does it, and what came of them."""

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from dc_monitor.commands.import_map import read
from dc_monitor.history.archive import Archive
from dc_monitor.history.columns import Samples
from dc_monitor.history.imports.importer import Destination, FileResult, Importer
from dc_monitor.history.imports.mapping import Plan
from dc_monitor.kernels.energy import energy_over

SITE = "Caen-1"
ALWAYS = (946_684_800 * 10**9, 4_102_444_800 * 10**9)
"""2000 to 2100, nanoseconds."""


class Brought(NamedTuple):
    """The result of one file, and the archive it went into."""

    result: FileResult
    archive: Archive

    @property
    def reasons(self) -> dict[tuple[str, str], tuple[int, list[int]]]:
        """Fate and why → how many, and the first lines."""
        return {(one.fate, one.why): (one.count, one.lines) for one in self.result.reasons}

    def counts(self, fate: str) -> int:
        """Values or rows of one fate."""
        return sum(one.count for one in self.result.reasons if one.fate == fate)

    def series(self, device: str = "m", point: str = "total", quantity: str = "power") -> Samples:
        """What the archive gives of it."""
        return self.archive.read(SITE, *ALWAYS)[(device, point, quantity)]

    def rows(self, quantity: str = "power", zone: str = "UTC") -> list[tuple[str, float, float]]:
        """Rows of the archive as (local time with its offset, value, minutes it holds)."""
        found = [
            (
                f"{dt.datetime.fromtimestamp(line.time / 1e9, ZoneInfo(zone)):%Y-%m-%d %H:%M%z}",
                next(iter(line.fields.values())),
                float(line.tags.get("step", 0)) / 60,
            )
            for line in self.archive.rows(SITE, quantity, *ALWAYS)
        ]
        return [(when, float(value), minutes) for when, value, minutes in found]


def plan(*columns: str, layout: str = "", timezone: str = "Europe/Paris", **keys: Any) -> Plan:
    """A map of flags alone."""
    flags = {"time": "time", **keys} if not layout else keys
    return Plan.of(read(None, layout, flags, [*columns]), timezone)


def bring(file: Path, into: Path, *columns: str, dry_run: bool = False, **keys: Any) -> Brought:
    """Import a file under a map of flags into the archive `into`."""
    archive = Archive(into, SITE)
    to = Destination(archive, into, SITE)
    importer = Importer(plan(*columns, **keys), to, lambda done, rows: None, dry_run)
    return Brought(importer.file(file), archive)


def months(samples: Samples, zone: str) -> dict[str, tuple[float, float]]:
    """Energy [kWh] and coverage of each local month that a power series touches, as the figures count them."""
    local = ZoneInfo(zone)
    when = dt.datetime.fromtimestamp(int(samples.time[0]) // 10**9, local).replace(day=1, hour=0, minute=0, second=0)
    edges = [when]
    while edges[-1].timestamp() * 1e9 < samples.time[-1]:
        last = edges[-1]
        edges.append(last.replace(year=last.year + last.month // 12, month=last.month % 12 + 1))
    seconds = np.array([round(edge.timestamp()) for edge in edges]) * 10**9
    windows = np.column_stack((seconds[:-1], seconds[1:]))
    found = energy_over(samples.time, samples.value, 45 * 60 * 10**9, windows)
    return {
        f"{edge:%Y-%m}": (joules / 3.6e6, covered / (end - start))
        for edge, joules, covered, (start, end) in zip(edges, found.joules, found.covered, windows, strict=False)
    }
