"""What was read, on disk and found again by day: a file larger than memory is sorted so."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from dc_monitor.clock import NANOSECONDS

CELL = np.dtype([("series", "i4"), ("time", "i8"), ("value", "f8"), ("step", "i8"), ("line", "i8")])
"""One value: index of its series, time [ns UTC], value in our unit, how long it holds [ns], line of the file."""
Cells = NDArray[np.void]

DAY = 86_400 * NANOSECONDS


class Spill:
    """Cells in a nameless file under `folder`, which the system removes with the process."""

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._runs: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)  # day → where and how many
        self._size = 0

    def add(self, cells: Cells) -> None:
        """Keep cells, in any order. Raises `OSError` when the disk is full."""
        if not cells.size:
            return
        day = cells["time"] // DAY
        if np.any(day[1:] < day[:-1]):
            order = np.argsort(day, kind="stable")
            cells, day = cells[order], day[order]
        starts = np.flatnonzero(np.append(True, day[1:] != day[:-1]))
        for start, end in zip(starts, np.append(starts[1:], cells.size), strict=True):
            self._runs[int(day[start])].append((self._size + int(start), int(end - start)))
        self._file.seek(self._size * CELL.itemsize)
        self._file.write(cells.tobytes())
        self._size += cells.size

    def days(self) -> list[int]:
        """Days since 1970 that have cells, in their order."""
        return sorted(self._runs)

    def day(self, day: int) -> Cells:
        """Cells of a day, in the order they came."""
        parts = []
        for start, count in self._runs.get(day, ()):
            self._file.seek(start * CELL.itemsize)
            parts.append(np.frombuffer(self._file.read(count * CELL.itemsize), CELL))
        return np.concatenate(parts) if parts else np.empty(0, CELL)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()
