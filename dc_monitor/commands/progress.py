"""How far long work has come: a bar that is written over on a terminal, now and then a plain line elsewhere."""

import time
from typing import TextIO

from dc_monitor.agent.words import duration

SAID_EVERY = 5.0
"""Where nobody looks at a terminal, progress is a line this often [s]."""
DRAWN_EVERY = 0.1
"""A bar need not move faster than one can see [s]."""
WIDTH = 24


class Progress:
    """Counts things done, of `total` where that is known, 0 where it is not."""

    def __init__(self, total: int, what: str, stream: TextIO) -> None:
        self._total, self._what, self._stream = total, what, stream
        self._terminal = stream.isatty()
        self._began = self._said = time.monotonic()
        self._shown = False

    def at(self, done: int, more: str = "") -> None:
        """So many are done; `more` is what else there is to say."""
        now = time.monotonic()
        finished = 0 < self._total <= done
        if not finished and now - self._said < (DRAWN_EVERY if self._terminal else SAID_EVERY):
            return
        self._said = now
        line = f"{done:,} of {self._total:,} {self._what}" if self._total else f"{done:,} {self._what}"
        line += f", {more}" if more else ""
        if self._total and 0 < done < self._total:
            line += f", about {duration((now - self._began) / done * (self._total - done))} left"
        if self._terminal:
            filled = WIDTH * done // self._total if self._total else 0
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] " if self._total else ""
            self._stream.write(f"\r{bar}{line}\033[K")
            self._shown = True
        elif not finished:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave a clean line behind."""
        if self._shown:
            self._stream.write("\r\033[K")
            self._stream.flush()
