"""The spool on a thread of its own: the event loop waits for the disk, and never touches it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import NamedTuple, ParamSpec, TypeVar

from dc_monitor.errors import DcMonitorError, Malformed
from dc_monitor.spool import QUARANTINE_KEPT, Batch, Spool, SpoolStats

LOG = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class _Refused(NamedTuple):
    sink: str
    body: bytes
    reason: str
    when: int


class Store:
    """What the agent asks of its spool; every call raises `DcMonitorError` when the disk fails, to be tried again.

    A file that goes bad under way is set aside at the next call, which finds a new and sound one.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._damaged = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        # What a sink is done with and the disk does not know yet; touched on the thread only.
        self._settled: dict[str, set[int]] = {}
        self._refused: deque[_Refused] = deque(maxlen=QUARANTINE_KEPT)
        self._behind = False

    async def open(self) -> None:
        """Open the spool, and log what it has to say."""
        for sentence in await self._on_thread(self._spool.open):
            LOG.warning(sentence)
        self._damaged = False

    async def set_sinks(self, names: Sequence[str]) -> None:
        """Serve these sinks from now on, and log who came and went."""
        for sentence in await self._ask(self._set_sinks, names):
            LOG.warning(sentence)

    async def append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> None:
        """On disk when it returns."""
        await self._ask(self._spool.append, bodies, created)

    async def pending(self, sink: str, max_bytes: int, after: int | None = None) -> list[Batch]:
        """What `sink` is not done with, oldest first; `after` leaves out ids up to that one."""
        return await self._ask(self._pending, sink, max_bytes, after)

    async def newest(self) -> int:
        """The highest id so far: what comes later is higher."""
        return await self._ask(self._spool.newest)

    async def settle(self, sink: str, ids: Sequence[int], rejected: Sequence[tuple[bytes, str]], now: int) -> None:
        """`sink` is done with these batches; some of their lines it will never take.

        Holds also when the disk cannot write it down, which is tried again with every call: only a restart before that
        would send them again.
        """
        refused = [_Refused(sink, body, reason, now) for body, reason in rejected]
        await self._ask(self._settle, sink, ids, refused)

    async def stats(self) -> SpoolStats:
        """What waits and what was lost."""
        return await self._ask(self._spool.stats)

    async def close(self) -> None:
        """Close the file and end the thread."""
        await self._on_thread(self._close)
        self._thread.shutdown()

    def _set_sinks(self, names: Sequence[str]) -> list[str]:
        said = self._spool.set_sinks(names)
        for name in self._settled.keys() - set(names):
            del self._settled[name]
        return said

    def _pending(self, sink: str, max_bytes: int, after: int | None) -> list[Batch]:
        return self._spool.pending(sink, max_bytes, after, without=self._settled.get(sink, ()))

    def _settle(self, sink: str, ids: Sequence[int], refused: Sequence[_Refused]) -> None:
        self._settled.setdefault(sink, set()).update(ids)
        self._refused.extend(refused)
        self._write_down()

    def _write_down(self) -> None:
        """Tell the disk what is settled; one line when it cannot, one when it can again."""
        try:
            while self._refused:
                self._spool.quarantine(*self._refused[0])
                self._refused.popleft()
            for sink in list(self._settled):
                self._spool.acknowledge(sink, sorted(self._settled[sink]))
                del self._settled[sink]
        except Malformed:
            raise
        except DcMonitorError as error:
            if not self._behind:
                self._behind = True
                LOG.error("%s; what was delivered is remembered, and written down when it can be", error)
        else:
            if self._behind:
                self._behind = False
                LOG.info("the spool takes acknowledgements again; everything delivered is written down")

    def _close(self) -> None:
        with suppress(DcMonitorError):  # if it is damaged, the next start says so
            self._write_down()
        left = sum(map(len, self._settled.values()))
        if left:
            LOG.error("batches delivered and not written down as such: %d; they will be sent again, to no harm", left)
        self._spool.close()

    def _work(self, question: Callable[[], T]) -> T:
        self._write_down()
        return question()

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._damaged:
            await self.open()
        asked = partial(question, *args, **kwargs)
        try:
            return await self._on_thread(lambda: self._work(asked))
        except Malformed:
            self._damaged = True
            raise

    async def _on_thread(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)
