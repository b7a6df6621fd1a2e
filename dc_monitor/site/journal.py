"""The promise behind a 204: lines are in the journal, on disk, before it is given, and end in the archive once.

    append   bodies that wait together share one commit of the journal
    flush    journal → Parquet files → acknowledge in the journal

A crash between the last two writes the same lines again, which the archive takes as the same lines. The journal
has its own thread and the archive another, so a long compaction does not hold up a commit.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError, Malformed
from dc_monitor.history.archive import DAY, Archive, day_of, site_folder
from dc_monitor.spool import Batch, Spool, SpoolStats
from dc_monitor.wire import Line, parse_lines

T = TypeVar("T")
SINK = "archive"
"""The journal's one reader, as the spool knows it."""
WAITING_BYTES = 64 << 20
"""So much may wait for a commit; more is refused until there is room."""
FLUSH_BYTES = 16 << 20
"""So much goes into the archive at a time: it bounds the memory of a flush."""

LOG = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    body: bytes
    lines: int
    kept: asyncio.Future[None]


class Journal:
    """Journal and archive of one site process; used on one event loop.

    `quota` is what the spool was made with [bytes]: nearly full it refuses new lines, which then wait at their
    agents, rather than drop old ones that were promised.
    """

    def __init__(self, spool: Spool, archive: Archive, clock: Clock, quota: int) -> None:
        self._spool = spool
        self._archive = archive
        self._clock = clock
        self._quota = quota
        self._journal_thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._archive_thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._committing: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()
        self._day = day_of(clock.now())
        self.stats: SpoolStats | None = None
        self.trouble: dict[str, str] = {}  # "journal" | "archive" → the sentence, while it lasts
        self.last_flush = clock.monotonic()

    async def open(self) -> None:
        """Open the journal and bring what a crash left there into the archive."""
        for sentence in await self._on_journal(self._spool.open):
            LOG.warning("%s", sentence)
        self.stats = await self._on_journal(self._spool.stats)
        await self.try_flush()

    async def append(self, body: bytes, lines: int) -> None:
        """Return when `body` is on disk.

        Raises `DcMonitorError` when the journal cannot take it now; then nothing of it is kept.
        """
        if self._waiting_bytes + len(body) > WAITING_BYTES:
            raise DcMonitorError(f"the journal is behind: {self._waiting_bytes >> 20} MiB wait for the disk")
        if self.stats and self.stats.bytes + self._waiting_bytes + len(body) > self._quota * 9 // 10:
            raise DcMonitorError(
                f"the journal is full: {self.stats.bytes >> 20} MiB of {self._quota >> 20} MiB wait for the archive"
                f" ({self.trouble.get('archive', 'which is behind')})"
            )
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(body, lines, kept))
        self._waiting_bytes += len(body)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit())
        await kept

    async def flush(self) -> None:
        """Bring everything in the journal into the archive. Raises `DcMonitorError` when a disk says no."""
        async with self._flushing:
            while batches := await self._on_journal(self._spool.pending, SINK, FLUSH_BYTES):
                lines, strange = await self._on_archive(_read_batches, batches)
                for batch, reason in strange:
                    LOG.error("batch %d of the journal is set aside: %s", batch.id, reason)
                    await self._on_journal(self._spool.quarantine, SINK, batch.body, reason, self._clock.now())
                await self._on_archive(self._archive.write, lines)
                await self._on_journal(self._spool.acknowledge, SINK, [batch.id for batch in batches])
                self.last_flush = self._clock.monotonic()
            self.last_flush = self._clock.monotonic()
            self.stats = await self._on_journal(self._spool.stats)
        await self._tidy()

    async def try_flush(self) -> None:
        """Flush; a failure is said once, until it is over, and `trouble` tells it meanwhile."""
        try:
            await self.flush()
        except Exception as error:  # whatever it is, the next flush tries again and /healthz says it
            self._say("archive", error)
        else:
            self._say("archive", None)

    async def keep_flushing(self, interval: float) -> None:
        """Flush every `interval` seconds until cancelled."""
        while True:
            await self._clock.sleep(interval)
            await self.try_flush()

    async def close(self) -> None:
        """Last commit, last flush, and the threads end."""
        if self._committing is not None:
            await self._committing
        await self.try_flush()
        await self._on_journal(self._spool.close)
        self._journal_thread.shutdown()
        self._archive_thread.shutdown()

    async def _commit(self) -> None:
        """Commit what waits, and what came meanwhile, until nothing waits."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            bodies = [(one.body, one.lines) for one in group]
            try:
                await self._on_journal(self._append, bodies, self._clock.now())
            except Exception as error:  # every caller must hear, whatever it was
                self._say("journal", error)
                for one in group:
                    if not one.kept.done():
                        one.kept.set_exception(error)
            else:
                self._say("journal", None)
                for one in group:
                    if not one.kept.done():  # its caller may have gone
                        one.kept.set_result(None)
            self._waiting_bytes -= sum(len(body) for body, _ in bodies)

    async def _tidy(self) -> None:
        """Once a day: the day that ended becomes one file."""
        today = day_of(self._clock.now())
        if today != self._day:
            ended, self._day = day_of(self._clock.now() - DAY), today
            for site in await self._on_archive(self._archive.sites):
                await self._on_archive(self._archive.compact, site, ended)

    def _say(self, what: str, error: Exception | None) -> None:
        """One line when trouble begins and one when it is over; `trouble` holds its newest sentence."""
        if error is None:
            if self.trouble.pop(what, None):
                LOG.info("the %s works again", what)
            return
        sentence = str(error) if isinstance(error, DcMonitorError) else f"unexpected {type(error).__name__}: {error}"
        if what not in self.trouble:
            LOG.error("%s; lines wait, next try soon", sentence)
        self.trouble[what] = sentence

    async def _on_journal(self, work: Callable[..., T], *args: object) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._journal_thread, work, *args)
        except Malformed as error:
            LOG.error("%s", error)
            for sentence in await loop.run_in_executor(self._journal_thread, self._spool.open):
                LOG.error("%s", sentence)
            raise

    def _append(self, bodies: Sequence[tuple[bytes, int]], created: int) -> None:
        self._spool.append(bodies, created)
        self.stats = self._spool.stats()

    async def _on_archive(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._archive_thread, work, *args)


def _read_batches(batches: Sequence[Batch]) -> tuple[list[Line], list[tuple[Batch, str]]]:
    """Lines of the batches, and the batches that are not what we write, with the reason."""
    lines: list[Line] = []
    strange: list[tuple[Batch, str]] = []
    for batch in batches:
        good, bad = parse_lines(batch.body)
        try:
            if bad:
                raise ValueError(f"line {bad[0].line}: {bad[0].reason}")
            for site in {line.tags.get("site", "") for line in good}:
                site_folder(site)
        except ValueError as error:
            strange.append((batch, str(error)))
        else:
            lines += good
    return lines, strange
