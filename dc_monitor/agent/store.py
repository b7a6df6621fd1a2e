"""The spool on a thread of its own: the event loop waits for the disk, and never touches it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dc_monitor.errors import Malformed
from dc_monitor.spool import Batch, Spool, SpoolStats

LOG = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """What the agent asks of its spool; every call raises `DcMonitorError` when the disk fails, to be tried again."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    async def open(self) -> None:
        """Open the spool, and log what it has to say."""
        for sentence in await self._ask(self._spool.open):
            LOG.warning(sentence)

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
        await self._ask(self._spool.close)
        self._thread.shutdown()

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: question(*args, **kwargs))
        except Malformed:
            # The file went bad under us: what waited is set aside, and whoever asked may ask a sound one.
            for sentence in await loop.run_in_executor(self._thread, self._spool.open):
                LOG.error(sentence)
            raise
