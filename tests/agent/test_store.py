"""The spool on its thread: what a server has is not sent again, even while the disk cannot write that down."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.virtual_time import NOON, VirtualClock, play
from dc_monitor.agent.store import Store
from dc_monitor.errors import DcMonitorError
from dc_monitor.spool import Spool
from support.disks import filled, small_disk

EVERYTHING = 1 << 40


class FullDisk(Spool):
    """While `full` nothing is acknowledged or put into quarantine."""

    full = False

    def acknowledge(self, sink: str, ids: Sequence[int]) -> None:
        self._need_room()
        super().acknowledge(sink, ids)

    def quarantine(self, sink: str, body: bytes, reason: str, when: int) -> None:
        self._need_room()
        super().quarantine(sink, body, reason, when)

    def _need_room(self) -> None:
        if self.full:
            raise DcMonitorError("cannot write the spool x: database or disk is full")


def scene(spool: Spool, play_it: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    """Open a store with two batches in it, and close it afterwards."""

    async def played(_: VirtualClock) -> None:
        store = Store(spool)
        await store.open()
        try:
            await store.append([(b"a 1\n", 1), (b"b 2\n", 1)], NOON)
            await play_it(store)
        finally:
            await store.close()

    play(played)


async def bodies(store: Store) -> list[bytes]:
    return [batch.body for batch in await store.pending("site", EVERYTHING)]


def test_what_cannot_be_acknowledged_is_remembered_and_written_down_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk must not turn each delivery into a thousand; two lines in the log."""
    caplog.set_level(logging.INFO)
    spool = FullDisk(tmp_path / "spool.db", ["site"])

    async def played(store: Store) -> None:
        first, _ = await store.pending("site", EVERYTHING)
        spool.full = True
        await store.settle("site", [first.id], [(b"bad 1\n", "type conflict"), (b"bad 2\n", "type conflict")], NOON)
        for _ in range(3):
            assert [b"b 2\n"] == await bodies(store)
        assert 2 == (await store.stats()).batches
        spool.full = False
        stats = await store.stats()

        assert (1, 2) == (stats.batches, stats.quarantined_lines)
        assert [b"b 2\n"] == await bodies(store)

    scene(spool, played)
    assert [
        "cannot write the spool x: database or disk is full; what was delivered is remembered, and written down when it"
        " can be",
        "the spool takes acknowledgements again; everything delivered is written down",
    ] == caplog.messages


def test_a_restart_before_that_sends_again_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Twice is harmless, a surprise is not."""
    spool = FullDisk(tmp_path / "spool.db", ["site"])

    async def played(store: Store) -> None:
        spool.full = True
        await store.settle("site", [batch.id for batch in await store.pending("site", EVERYTHING)], [], NOON)

    scene(spool, played)
    assert (
        "batches delivered and not written down as such: 2; they will be sent again, to no harm" == caplog.messages[-1]
    )
    with closing(Spool(tmp_path / "spool.db", ["site"])) as after:
        after.open()
        assert [b"a 1\n", b"b 2\n"] == [batch.body for batch in after.pending("site", EVERYTHING)]


def test_a_sink_that_leaves_meanwhile_is_forgotten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reload on a full disk: nobody waits for a name that is gone."""
    spool = FullDisk(tmp_path / "spool.db", ["site", "influx"])

    async def played(store: Store) -> None:
        spool.full = True
        await store.settle("influx", [batch.id for batch in await store.pending("influx", EVERYTHING)], [], NOON)
        await store.set_sinks(["site"])
        spool.full = False

        assert [b"a 1\n", b"b 2\n"] == await bodies(store)

    scene(spool, played)
    assert (
        'spool: sink "influx" is no longer configured and loses its position; lines that waited for it: 2'
        == caplog.messages[-1]
    )


def test_what_was_settled_in_a_damaged_file_is_not_taken_for_settled_in_the_next(tmp_path: Path) -> None:
    """Ids go on from one file to the next, so those of the old one mean nothing there."""
    path = tmp_path / "spool.db"
    spool = FullDisk(path, ["site"])

    async def played(store: Store) -> None:
        spool.full = True
        await store.settle("site", [batch.id for batch in await store.pending("site", EVERYTHING)], [], NOON)
        await store._on_thread(spool.close)
        path.write_bytes(b"nonsense " * 1_000)
        await store.open()
        spool.full = False
        await store.append([(b"c 3\n", 1), (b"d 4\n", 1)], NOON)

        assert [b"c 3\n", b"d 4\n"] == await bodies(store)

    scene(spool, played)


def test_on_a_disk_that_is_full_each_batch_is_handed_out_once(tmp_path: Path) -> None:
    """A real disk, full to the last byte, with a server that takes everything; with room again the spool is empty."""
    folder = tmp_path / "disk"
    with small_disk(folder):
        taken: list[bytes] = []

        async def played(store: Store) -> None:
            await store.append([(b"%d 1\n" % number, 1) for number in range(50)], NOON)
            with filled(folder):
                with pytest.raises(DcMonitorError, match="disk"):
                    await store.append([(bytes(100_000), 1)], NOON)
                while batches := await store.pending("site", 30):
                    taken.extend(batch.body for batch in batches)
                    await store.settle("site", [batch.id for batch in batches], [], NOON)
                assert (await store.stats()).batches
            assert 0 == (await store.stats()).batches

        scene(Spool(folder / "spool.db", ["site"]), played)

    assert [b"a 1\n", b"b 2\n", *(b"%d 1\n" % number for number in range(50))] == taken
