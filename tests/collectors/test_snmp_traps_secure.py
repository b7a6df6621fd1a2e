"""Time in notifications: what comes again, what is replayed, whose clock shows what (RFC 3414)."""

import asyncio
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import usm
from collectors.snmp.endpoint import UsmUser
from collectors.snmp.traps.engine import FILE, begin
from collectors.snmp.traps.hearing import Hearing, Lately
from collectors.snmp.traps.secure import WINDOW, Receiver
from dc_monitor.clock import ManualClock
from support.net_snmp import V2C, engine, needs_net_snmp, recorded, send, v3
from support.trap_listening import Heard, hearing, listening
from support.trap_messages import Sealed, pdu

NOT_IN_TIME = bytes.fromhex("2b060106030f01010200")  # usmStatsNotInTimeWindows
SIGNER = UsmUser("signer", "sha256", "authpass1234")


@needs_net_snmp
def test_an_inform_that_comes_again_is_answered_again_and_heard_once(tmp_path: Path) -> None:
    """Its sender did not get our answer; after a while, or from another source, it is another one."""
    inform, clock = recorded("snmpinform", V2C), ManualClock()
    one = hearing(tmp_path, clock)
    first, again, other = (one.hear(inform, source) for source in ("10.0.0.1", "10.0.0.1", "10.0.0.2"))
    clock.advance(200.0)
    later = one.hear(inform, "10.0.0.1")

    assert ["", "repeated", "", ""] == [heard.cause for heard in (first, again, other, later)]
    assert {first.reply} == {again.reply, other.reply, later.reply}
    assert first.reply


@needs_net_snmp
def test_a_trap_of_v2c_that_comes_again_is_heard_again(tmp_path: Path) -> None:
    """Simple cards number nothing: for all we know the mains failed twice."""
    trap, one = recorded("snmptrap", V2C), hearing(tmp_path)

    assert ["", ""] == [one.hear(trap, "10.0.0.1").cause for _ in range(2)]


@needs_net_snmp
def test_a_signed_trap_cannot_be_replayed(tmp_path: Path) -> None:
    """Within its 150 s it is known, whoever sends it; afterwards its clock is behind (RFC 3414, 3.2.7)."""
    clock = ManualClock()
    one = hearing(tmp_path, clock)
    first, second = (recorded("snmptrap", (*v3(), *engine(boots=7, time=time))) for time in (1_000, 1_100))

    assert ["", "", "repeated"] == [
        one.hear(trap, source).cause for trap, source in ((first, "a"), (second, "a"), (first, "b"))
    ]
    clock.advance(200.0)
    assert ["time", "time"] == [one.hear(trap, "a").cause for trap in (first, second)]


@needs_net_snmp
@pytest.mark.parametrize(
    ("boots", "time", "cause"),
    [(7, 1_100, ""), (7, 950, ""), (7, 840, "time"), (6, 99_999, "time"), (8, 0, ""), (2**31 - 1, 5_000, "time")],
    ids=["later", "a little late", "too late", "an earlier start", "a new start", "boots at their end"],
)
def test_a_senders_clock_only_goes_on(boots: int, time: int, cause: str, tmp_path: Path) -> None:
    """Once it has shown 7 starts and 1,000 s."""
    one = hearing(tmp_path)
    assert "" == one.hear(recorded("snmptrap", (*v3("signer", priv=""), *engine(7, 1_000))), "a").cause

    assert cause == one.hear(recorded("snmptrap", (*v3("signer", priv=""), *engine(boots, time))), "a").cause


@needs_net_snmp
def test_an_old_inform_is_not_heard_and_its_sender_is_told_the_time(tmp_path: Path) -> None:
    """What was recorded before we started is signed for another start."""

    async def scene() -> tuple[Heard, bytes, bytes]:
        async with listening(tmp_path) as heard:
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as between:
                inform = await _overheard(heard, between)
        async with listening(tmp_path) as heard:
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.settimeout(10)
                sender.sendto(inform, ("127.0.0.1", heard.port))
                report = await asyncio.to_thread(sender.recv, 65_535)
        return heard, inform, report

    heard, _, report = asyncio.run(scene())
    assert ([], {"time": 1}) == (heard.notices, dict(heard.dropped))
    assert NOT_IN_TIME in report


async def _overheard(heard: Heard, between: socket.socket) -> bytes:
    """The inform of a whole exchange: what goes through a socket between the two."""
    between.bind(("127.0.0.1", 0))
    between.setblocking(False)
    loop = asyncio.get_running_loop()
    sending = asyncio.create_task(send("snmpinform", v3(), between.getsockname()[1]))
    sender: Any = None
    passed = b""
    while not sending.done():
        try:
            async with asyncio.timeout(0.05):
                datagram, source = await loop.sock_recvfrom(between, 65_535)
        except TimeoutError:
            continue
        if source[1] == heard.port:
            await loop.sock_sendto(between, datagram, sender)
        else:
            sender, passed = source, datagram
            await loop.sock_sendto(between, datagram, ("127.0.0.1", heard.port))
    assert 0 == (await sending)[0]
    assert 1 == len(heard.notices)
    return passed


def test_our_engine_keeps_its_name_and_counts_its_starts(tmp_path: Path) -> None:
    """Where nothing can be kept, or what was kept is spoilt or at its end, it is another engine."""
    clock = ManualClock()
    first, second = (begin(tmp_path / "state", clock.monotonic) for _ in range(2))
    clock.advance(61.5)

    assert (first.id, first.boots + 1, 61) == (second.id, second.boots, second.time)
    for spoilt in (b"{", b'{"engine_id": "00", "boots": 1}', b'{"engine_id": "%b", "boots": 2147483646}', b"[]", b""):
        (tmp_path / "state" / FILE).write_bytes(spoilt.replace(b"%b", first.id.hex().encode()))
        other = begin(tmp_path / "state", clock.monotonic)
        assert 1 == other.boots
        assert other.id != first.id
    (tmp_path / "file").touch()
    unkept = [begin(tmp_path / "file" / "state", clock.monotonic) for _ in range(2)]
    assert [1, 1] == [one.boots for one in unkept]
    assert unkept[0].id != unkept[1].id
    assert 5 <= len(first.id) <= 32


def informed(boots: int, time: int, at: float, tmp_path: Path) -> tuple[str, bytes]:
    """Why an inform that shows this clock is dropped, `at` seconds after our start, and what its sender is told."""
    clock = ManualClock()
    ours = begin(tmp_path, clock.monotonic)
    one = Hearing([], Receiver([SIGNER], ours), clock)
    clock.advance(at)
    inform = Sealed(SIGNER, ours.id, ours.boots + boots, time, usm.REPORTABLE)(pdu("1.3.6.1.4.1.318.0.5", inform=True))
    heard = one.hear(inform, "10.0.0.1")
    assert (heard.notice is None) == (NOT_IN_TIME in heard.reply)
    answer = usm.parse(heard.reply)
    key = usm.local_key(usm.master_key(b"authpass1234", "sha256"), ours.id, "sha256")
    assert (ours.id, ours.boots, int(at)) == (answer.engine_id, answer.boots, answer.time)
    assert answer.signed_by(key, "sha256")
    return heard.cause, heard.reply


@pytest.mark.parametrize(
    ("boots", "time", "cause"),
    [
        (0, 1_000, ""),
        (0, 1_000 - WINDOW, ""),
        (0, 1_000 + WINDOW, ""),
        (0, 999 - WINDOW, "time"),
        (0, 1_001 + WINDOW, "time"),
        (1, 1_000, "time"),
    ],
    ids=["right", "slow", "fast", "too slow", "too fast", "of another start"],
)
def test_an_inform_shows_our_clock_or_is_told_it(boots: int, time: int, cause: str, tmp_path: Path) -> None:
    """By an answer that is signed: nobody else can set its clock."""
    assert cause == informed(boots, time, 1_000.0, tmp_path)[0]


def test_a_sender_may_ask_for_our_clock(tmp_path: Path) -> None:
    """With zeros, as some do each time: it is told, and nothing is counted as wrong."""
    cause, told = informed(-1, 0, 1_000.0, tmp_path)

    assert "" == cause
    assert NOT_IN_TIME in told


def test_what_was_seen_is_forgotten_in_time() -> None:
    """By age and by number."""
    lately = Lately(seconds=10.0, most=3)

    assert [False, True] == [lately.knows(b"a", now) for now in (0.0, 10.0)]
    assert not lately.knows(b"a", 10.1)
    assert [False, False, False, False, False] == [lately.knows(one, 11.0) for one in (b"b", b"c", b"d", b"e", b"a")]
