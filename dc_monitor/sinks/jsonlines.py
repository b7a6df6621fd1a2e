"""Readings as lines of JSON, to a file or to standard output ("-"), for people and scripts.

Best effort, straight from the readings: it is no consumer of the spool and acknowledges nothing, so an agent may have
it as its only outlet and nothing piles up. A file that logrotate renames is begun again at the next line.
"""

import logging
import os
import queue
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from dc_monitor.clock import iso
from dc_monitor.readings import Reading

LOG = logging.getLogger(__name__)

POLLS_WAITING = 100
"""A reader slower than this many polls misses some."""

_CLOSE_SECONDS = 2.0


class JsonLines:
    """Writes on a thread of its own, because a pipe whose reader sleeps would stop whoever writes to it."""

    def __init__(self, target: str, site: str) -> None:
        self._path = None if target == "-" else Path(target).expanduser()
        self._name = str(self._path or "standard output")
        self._site = site
        self._file: BinaryIO | None = None
        self._waiting: queue.Queue[Sequence[Reading] | None] = queue.Queue(POLLS_WAITING)
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="jsonlines", daemon=True)
        self._thread.start()

    def take(self, readings: Sequence[Reading]) -> None:
        """Write these when there is time; never blocks."""
        try:
            self._waiting.put_nowait(readings)
        except queue.Full:
            self._told("its reader is too slow")

    def waiting(self) -> int:
        """Polls that are not written yet."""
        return self._waiting.unfinished_tasks

    def close(self) -> None:
        """Write what waits, if it can be written soon, and close the file."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_SECONDS)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while (readings := self._waiting.get()) is not None:
            try:
                self._write(b"".join(line(reading, self._site) for reading in readings))
            except Exception as error:  # whatever it is, this thread must not die of it
                self._told(getattr(error, "strerror", None) or str(error))
            else:
                if self._failing and self._waiting.qsize() < POLLS_WAITING // 2:
                    self._failing = False
                    LOG.info("jsonlines: %s is written again", self._name)
            self._waiting.task_done()
        if self._file is not None:
            self._file.close()

    def _write(self, lines: bytes) -> None:
        if self._path is None:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return
        if self._file is None or _renamed(self._path, self._file):
            if self._file is not None:
                self._file.close()
            self._file = self._path.open("ab", buffering=0)
        self._file.write(lines)

    def _told(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            LOG.warning("jsonlines: cannot write %s: %s; readings are missing there", self._name, reason)


def line(reading: Reading, site: str) -> bytes:
    """One reading as a line of JSON; `time` in UTC, ISO 8601, nanoseconds kept."""
    series = reading.series
    document: dict[str, str | float] = {
        "time": iso(reading.time),
        "site": site,
        "device": series.device,
        "point": series.point,
        "quantity": series.quantity,
        "value": reading.value,
        "unit": series.unit.symbol,
        "level": series.level,
        "method": series.method,
        "source": series.source,
    }
    document |= {
        key: value
        for key, value in (("text", reading.text), ("low", reading.low), ("high", reading.high))
        if value is not None
    }
    return msgspec.json.encode(document) + b"\n"


def _renamed(path: Path, file: BinaryIO) -> bool:
    try:
        return not os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return True
