"""The spool on a thread of its own: the event loop waits for the disk, and never touches it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from dc_monitor.errors import Malformed
from dc_monitor.spool import Batch, Spool, SpoolStats

LOG = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """What the agent asks of its spool; every call raises `DcMonitorError` when the disk fails, to be tried again.

    A file that goes bad under way is set aside at the next call, which finds a new and sound one.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._damaged = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def open(self) -> None:
        """Open the spool, and log what it has to say."""
        for sentence in await self._on_thread(self._spool.open):
            LOG.warning(sentence)
        self._damaged = False

    async def append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> None:
        """On disk when it returns."""
        await self._ask(self._spool.append, bodies, created)

    async def pending(self, sink: str, max_bytes: int) -> list[Batch]:
        """What `sink` has not acknowledged, oldest first."""
        return await self._ask(self._spool.pending, sink, max_bytes)

    async def settle(self, sink: str, ids: Sequence[int], rejected: Sequence[tuple[bytes, str]], now: int) -> None:
        """`sink` is done with these batches; some of their lines it will never take."""

        def both() -> None:
            for body, reason in rejected:
                self._spool.quarantine(sink, body, reason, now)
            self._spool.acknowledge(sink, ids)

        await self._ask(both)

    async def stats(self) -> SpoolStats:
        """What waits and what was lost."""
        return await self._ask(self._spool.stats)

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._on_thread(self._spool.close)
        self._thread.shutdown()

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._damaged:
            await self.open()
        try:
            return await self._on_thread(question, *args, **kwargs)
        except Malformed:
            self._damaged = True
            raise

    async def _on_thread(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(question, *args, **kwargs))
