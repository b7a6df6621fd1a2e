"""The write API over real HTTP, a real journal and a real archive."""

import asyncio
import gzip
import json
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from dc_monitor.clock import ManualClock
from dc_monitor.errors import DcMonitorError, Malformed
from dc_monitor.history.archive import Archive
from dc_monitor.site import journal as journal_module
from dc_monitor.site.admission import Admission
from dc_monitor.site.journal import SINK, Journal
from dc_monitor.site.receive import Receiver
from dc_monitor.site.web import application
from dc_monitor.spool import Spool
from dc_monitor.wire import Line

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
MINUTE = 60 * 10**9
QUOTA = 1 << 24


@dataclass
class Running:
    """A receiver that answers on loopback, with what stands behind it."""

    journal: Journal
    spool: Spool
    archive: Archive
    receiver: Receiver
    clock: ManualClock
    kept: list[Line]
    session: aiohttp.ClientSession
    url: str

    async def write(self, body: bytes | str, query: str = "precision=ns", **headers: str) -> tuple[int, dict]:
        """Status and JSON document ({} when there is none) of one write."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        body = body.encode() if isinstance(body, str) else body
        async with self.session.post(f"{self.url}?{query}", data=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    def minutes(self, device: str = "a") -> list[int]:
        """Minutes after noon of every reading of a device in the archive."""
        found = self.archive.read("Caen-1", 0, NOON * 2).get((device, "total", "power"))
        return [] if found is None else [(time - NOON) // MINUTE for time in found.time.tolist()]


@asynccontextmanager
async def running(
    path: Path, token: str = "", max_body: int = 1 << 20, quota: int = QUOTA, series_limit: int = 1000
) -> AsyncIterator[Running]:
    clock, kept = ManualClock(NOON), []
    spool, archive = Spool(path / "journal.sqlite", (SINK,), quota), Archive(path / "archive", "Caen-1")
    journal = Journal(spool, archive, clock, quota)
    admission = Admission("Caen-1", archive.sites(), series_limit)
    receiver = Receiver(admission, journal, clock, token, max_body, kept.extend)
    runner = web.AppRunner(
        application({("POST", "/api/v2/write"): receiver.write}, max_body), auto_decompress=False, access_log=None
    )
    await journal.open()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/api/v2/write"
            yield Running(journal, spool, archive, receiver, clock, kept, session, url)
    finally:
        await runner.cleanup()
        await journal.close()
        receiver.close()


def watts(*minutes: int, device: str = "a") -> str:
    return "\n".join(f"power,device={device} watts=1 {NOON + minute * MINUTE}" for minute in minutes)


def test_a_line_that_was_answered_204_is_in_the_archive_after_the_flush(tmp_path):
    """The whole way: HTTP, journal, Parquet."""

    async def story():
        async with running(tmp_path) as site:
            answer = await site.write(watts(0, 1))
            before, waiting = site.minutes(), site.journal.stats.lines
            await site.journal.flush()
            return answer, before, waiting, site.minutes(), site.journal.stats.lines, [x.time for x in site.kept]

    assert ((204, {}), [], 2, [0, 1], 0, [NOON, NOON + MINUTE]) == asyncio.run(story())


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Token s3cret", 204),
        ("Bearer s3cret", 204),
        ("token s3cret", 204),
        ("Token s3cre", 401),
        ("Token s3crett", 401),
        ("Basic s3cret", 401),
        ("Token", 401),
        ("Token é", 401),
        ("", 401),
    ],
)
def test_only_the_token_opens_the_door(tmp_path, header, status):
    """Both spellings of the v2 API; a wrong one is answered in JSON and keeps nothing."""

    async def story():
        async with running(tmp_path, token="s3cret") as site:
            headers = {"Authorization": header} if header else {}
            return await site.write(watts(0), **headers), len(site.kept)

    (found, document), kept = asyncio.run(story())

    assert (status, 1 if status == 204 else 0) == (found, kept)
    assert status == 204 or document["code"] == "unauthorized"
    assert "s3cret" not in json.dumps(document)


@pytest.mark.parametrize("precision", ["ns", "us", "ms", "s"])
def test_every_precision_means_the_same_instant(tmp_path, precision):
    """Agents send nanoseconds, scripts seconds."""
    time = NOON // {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}[precision]

    async def story():
        async with running(tmp_path) as site:
            await site.write(f"power,device=a watts=1 {time}", f"org=x&bucket=y&precision={precision}")
            await site.journal.flush()
            return site.minutes()

    assert [0] == asyncio.run(story())


def test_an_unknown_precision_is_refused_with_those_there_are(tmp_path):
    """`min` would be minutes to one and nothing to another."""

    async def story():
        async with running(tmp_path) as site:
            return await site.write(watts(0), "precision=min")

    status, document = asyncio.run(story())

    assert (400, "precision 'min': expected one of ns, us, u, ms, s, n") == (status, document["message"])


def test_a_partly_bad_batch_keeps_its_good_lines_and_names_the_bad_ones(tmp_path):
    """Agents put the named lines into quarantine and go on."""
    body = f"{watts(0)}\nnonsense\n{watts(1)}\npower,device=a watts=many {NOON}\n"

    async def story():
        async with running(tmp_path) as site:
            answer = await site.write(body)
            await site.journal.flush()
            return answer, site.minutes(), site.receiver.counts

    (status, document), minutes, counts = asyncio.run(story())

    assert (400, [0, 1]) == (status, minutes)
    assert "invalid" == document["code"]
    assert (
        "2 of 4 lines refused; first: line 2: expected `measurement,tags fields time`; the other lines are kept"
        == document["message"]
    )
    assert [
        (2, "nonsense"),
        (4, f"power,device=a watts=many {NOON}"),
    ] == [(one["line"], one["text"]) for one in document["errors"]]
    assert (2, 2, 1) == (counts.lines, counts.refused_lines, counts.refused_requests)


def test_the_bound_on_series_is_answered_like_any_bad_line(tmp_path):
    """Old series keep coming in."""

    async def story():
        async with running(tmp_path, series_limit=2) as site:
            return await site.write("\n".join(watts(0, device=name) for name in "abca"))

    status, document = asyncio.run(story())

    assert (400, [3]) == (status, [one["line"] for one in document["errors"]])


def packed(size: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(b"\n" * size) + packer.flush()


BODIES = {
    "gzip": (gzip.compress(watts(0).encode()), 204),
    "gzip of too much": (packed(3 << 20), 413),
    "not gzip": (b"hello", 400),
    "gzip cut off": (gzip.compress(watts(0).encode())[:-9], 400),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES.keys())
def test_gzip_is_unpacked_within_bounds(tmp_path, body, status):
    """3 MiB in 3 kB is refused like 3 MiB."""

    async def story():
        async with running(tmp_path) as site:
            return await site.write(body, Content_Encoding="gzip")

    assert status == asyncio.run(story())[0]


def test_a_body_that_is_too_large_is_413_and_says_how_much_may_come(tmp_path):
    """The agent's batches are far below; a script may send a file."""

    async def story():
        async with running(tmp_path, max_body=1000) as site:
            return await site.write(watts(*range(100))), len(site.kept)

    (status, document), kept = asyncio.run(story())

    assert (413, 0) == (status, kept)
    assert "at most 1000 bytes" in document["message"]


def test_nothing_is_answered_204_before_it_is_on_disk(tmp_path, monkeypatch):
    """A commit that fails is 503 with Retry-After, nothing is shown as kept, and the next try succeeds."""
    real = Spool.append

    def full(self, bodies, created):
        raise DcMonitorError("cannot write the spool: database or disk is full")

    async def story():
        async with running(tmp_path) as site:
            monkeypatch.setattr(Spool, "append", full)
            async with site.session.post(site.url, data=watts(0)) as answer:
                first = answer.status, answer.headers["Retry-After"], (await answer.json())["message"]
            trouble = dict(site.journal.trouble)
            monkeypatch.setattr(Spool, "append", real)
            second = await site.write(watts(1))
            await site.journal.flush()
            return first, trouble, second[0], dict(site.journal.trouble), site.minutes(), len(site.kept)

    first, trouble, second, after, minutes, kept = asyncio.run(story())

    assert (503, "10") == first[:2]
    assert first[2].endswith("database or disk is full; nothing of this body was kept, send it again")
    assert ({"journal"}, 204, {}, [1], 1) == (set(trouble), second, after, minutes, kept)


def test_requests_that_wait_together_share_one_commit(tmp_path, monkeypatch):
    """A commit costs a disk its rotation; ten agents at the full minute must not cost ten."""
    groups: list[int] = []
    real = Spool.append

    def counted(self, bodies, created):
        groups.append(len(bodies))
        return real(self, bodies, created)

    monkeypatch.setattr(Spool, "append", counted)

    async def story():
        async with running(tmp_path) as site:
            bodies = [(watts(0, device=f"d{n}").encode(), 1) for n in range(20)]
            await asyncio.gather(*(site.journal.append(*body) for body in bodies))
            return site.journal.stats.lines

    assert 20 == asyncio.run(story())
    assert [20] == groups


def test_a_caller_that_went_away_does_not_disturb_the_others(tmp_path):
    """A client may hang up while its body is being committed."""

    async def story():
        async with running(tmp_path) as site:
            gone = asyncio.create_task(site.journal.append(watts(0).encode(), 1))
            stays = asyncio.create_task(site.journal.append(watts(1).encode(), 1))
            await asyncio.sleep(0)
            gone.cancel()
            await stays
            return (await asyncio.gather(gone, return_exceptions=True))[0]

    assert isinstance(asyncio.run(story()), asyncio.CancelledError)


def test_an_archive_that_cannot_write_keeps_lines_in_the_journal_until_it_can(tmp_path, monkeypatch, caplog):
    """Said once when it begins and once when it is over."""
    real = Archive.write

    def full(self, lines):
        raise DcMonitorError("cannot write to the archive: No space left on device")

    async def story():
        async with running(tmp_path) as site:
            await site.write(watts(0))
            monkeypatch.setattr(Archive, "write", full)
            for _ in range(3):
                await site.journal.try_flush()
            during = dict(site.journal.trouble), site.journal.stats.lines
            monkeypatch.setattr(Archive, "write", real)
            await site.journal.try_flush()
            return during, dict(site.journal.trouble), site.minutes()

    with caplog.at_level("INFO"):
        during, after, minutes = asyncio.run(story())

    assert (({"archive": "cannot write to the archive: No space left on device"}, 1), {}, [0]) == (
        during,
        after,
        minutes,
    )
    assert [1, 1] == [
        sum(words in record.getMessage() for record in caplog.records) for words in ("No space", "works again")
    ]


def test_a_flush_that_is_repeated_after_a_crash_changes_nothing(tmp_path, monkeypatch):
    """Power fails between the Parquet file and the acknowledgement: the lines come again, and are found once."""
    real = Spool.acknowledge

    class PowerCut(Exception):
        pass

    def cut(self, sink, ids):
        raise PowerCut

    async def story():
        async with running(tmp_path) as site:
            await site.write(watts(0, 1, 2))
            monkeypatch.setattr(Spool, "acknowledge", cut)
            with pytest.raises(PowerCut):
                await site.journal.flush()
            monkeypatch.setattr(Spool, "acknowledge", real)
        async with running(tmp_path) as again:
            return again.minutes(), again.journal.stats.lines, again.archive.rows_written

    assert ([0, 1, 2], 0, 0) == asyncio.run(story())


def test_a_journal_that_is_nearly_full_refuses_new_lines_rather_than_drop_promised_ones(tmp_path):
    """They wait at their agents, who have a spool for that."""

    async def story():
        async with running(tmp_path, quota=20_000) as site:
            answers = [await site.write(watts(*range(n * 50, n * 50 + 50))) for n in range(10)]
            held = site.journal.stats
            await site.journal.flush()
            return [status for status, _ in answers], answers[-1][1]["message"], held, len(site.minutes())

    statuses, message, held, minutes = asyncio.run(story())
    taken = statuses.count(204)

    assert ([204] * taken + [503] * (10 - taken), 0, taken * 50) == (statuses, held.dropped_lines, minutes)
    assert 0 < taken < 10
    assert message.startswith("the journal is full")


def test_a_batch_that_is_not_ours_is_set_aside_and_does_not_hold_up_the_others(tmp_path):
    """A journal of another version, a flipped bit: its reason is kept with it."""

    async def story():
        async with running(tmp_path) as site:
            await site.journal.append(b"\x00garbage", 1)
            await site.journal.append(f"power,site=a\x07,device=a watts=1 {NOON}".encode(), 1)
            await site.write(watts(0))
            await site.journal.flush()
            return site.minutes(), site.journal.stats

    minutes, stats = asyncio.run(story())

    assert ([0], 0, 2) == (minutes, stats.lines, stats.quarantined_lines)


def test_a_damaged_journal_begins_anew_and_says_so(tmp_path, monkeypatch, caplog):
    """The caller hears 503 and sends again; the process needs no person."""
    real = Spool.append
    damage = iter([Malformed("spool journal.sqlite: it is damaged; a new one begins")])

    def damaged(self, bodies, created):
        for error in damage:
            raise error
        return real(self, bodies, created)

    monkeypatch.setattr(Spool, "append", damaged)

    async def story():
        async with running(tmp_path) as site:
            return (await site.write(watts(0)))[0], (await site.write(watts(0)))[0]

    assert (503, 204) == asyncio.run(story())
    assert "it is damaged" in caplog.text


def test_the_day_that_ended_becomes_one_file(tmp_path):
    """A flush a minute leaves small files; at the first flush of a new day the old one is tidied."""

    async def story():
        async with running(tmp_path) as site:
            for minute in range(3):
                await site.write(watts(minute))
                await site.journal.flush()
            files = [*(tmp_path / "archive").rglob("*.parquet")]
            site.clock.advance(86_400)
            await site.journal.flush()
            return len(files), len([*(tmp_path / "archive").rglob("*.parquet")]), site.minutes()

    assert (3, 1, [0, 1, 2]) == asyncio.run(story())


def test_the_journal_is_on_disk_when_append_returns(tmp_path):
    """Another connection to the same file, as after a crash, finds the body."""
    body = watts(0).encode()

    async def story():
        async with running(tmp_path) as site:
            await site.journal.append(body, 1)
            copies = {
                name: (tmp_path / name).read_bytes()
                for name in ("journal.sqlite", "journal.sqlite-wal")
                if (tmp_path / name).exists()
            }
            for name, content in copies.items():
                (tmp_path / f"copy-{name}").write_bytes(content)

    asyncio.run(story())
    with sqlite3.connect(tmp_path / "copy-journal.sqlite") as copy:
        found = [bytes(row[0]) for row in copy.execute("SELECT body FROM batch")]
    copy.close()

    assert [body] == found


def test_more_than_may_wait_for_the_disk_is_refused(tmp_path, monkeypatch):
    """Memory is bounded when the disk is slower than the writers."""
    monkeypatch.setattr(journal_module, "WAITING_BYTES", 1000)

    async def story():
        async with running(tmp_path) as site:
            append: Callable = site.journal.append
            results = await asyncio.gather(*(append(b"#" * 400, 1) for _ in range(5)), return_exceptions=True)
            return [isinstance(one, DcMonitorError) for one in results]

    assert [False, False, True, True, True] == asyncio.run(story())
