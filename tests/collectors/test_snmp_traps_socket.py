"""Where traps arrive: who passes the gate, what the socket stands, and when it cannot be had."""

import asyncio
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collectors.snmp import traps
from collectors.snmp.traps import gate as gate_module
from collectors.snmp.traps.gate import BURST_SECONDS, MOST_SOURCES, SHARE, Gate, plain
from collectors.snmp.traps.inlet import MOST_BYTES
from dc_monitor.clock import SystemClock
from dc_monitor.contract import ListenTarget
from dc_monitor.errors import ConfigError
from support.trap_listening import SECRETS, Heard, listening, tried
from support.trap_messages import message, pdu


def test_a_source_has_a_share_of_the_rate_and_a_burst() -> None:
    """In the long run a fifth; what it did not use for ten seconds it may use at once."""
    gate = Gate(rate=50.0)
    gate.allow(["10.0.0.0/24"])

    def passed(source: str, now: float, times: int) -> int:
        return sum(not gate.judge(source, now) for _ in range(times))

    assert 50 / SHARE * BURST_SECONDS == passed("10.0.0.1", 0.0, 10_000)
    for second in range(1, 100):
        assert 50 / SHARE == passed("10.0.0.1", float(second), 1_000)
        assert 3 == passed("10.0.0.2", float(second), 3)


def test_all_sources_together_have_the_rate() -> None:
    """A whole network in a storm, perhaps one that somebody invents."""
    gate = Gate(rate=50.0)
    gate.allow(["10.0.0.0/8"])
    storm = [f"10.{a}.{b}.1" for a in range(10) for b in range(100)]
    passed = [sum(not gate.judge(source, float(second)) for source in storm) for second in range(20)]

    assert 50 * BURST_SECONDS == passed[0]
    assert {50} == set(passed[1:])


def test_strangers_are_not_heard_and_cost_nobody_anything() -> None:
    """However many there are; and a source that is no longer allowed is one of them."""
    gate = Gate(rate=1.0)
    gate.allow(["10.0.0.1", "2001:db8::/64"])

    assert {"source"} == {gate.judge(f"10.{n >> 8}.{n & 255}.7", 0.0) for n in range(2 * MOST_SOURCES)}
    assert ["", ""] == [gate.judge(source, 0.0) for source in ("10.0.0.1", "2001:db8::7")]
    assert "source" == gate.judge("10.0.0.2", 0.0)
    gate.allow(["10.0.0.2"])
    assert ["source", ""] == [gate.judge(source, 0.0) for source in ("10.0.0.1", "10.0.0.2")]
    with pytest.raises(ValueError, match="nonsense"):
        gate.allow(["nonsense"])


def test_memory_of_sources_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who invents addresses of an allowed network wins nothing by it but a new burst."""
    monkeypatch.setattr(gate_module, "MOST_SOURCES", 10)
    gate = Gate(rate=500.0)
    gate.allow(["10.0.0.0/16"])
    for n in range(1_000):
        gate.judge(f"10.0.{n >> 8}.{n & 255}", 0.0)

    assert len(gate._buckets) <= 10


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_is_written_in_one_way(told: str, written: str) -> None:
    assert written == plain(told)


def test_what_arrives_at_the_socket_and_is_nothing_is_counted_by_cause(tmp_path: Path) -> None:
    """Garbage, nothing at all, and more than any notification has; a stranger is dropped unread."""

    async def scene() -> Heard:
        async with listening(tmp_path) as heard:
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                for datagram in (b"", b"\x30", b"GET / HTTP/1.1\r\n\r\n", bytes(60_000), b"\x30" * MOST_BYTES):
                    sender.sendto(datagram, ("127.0.0.1", heard.port))
            await heard.until(lambda: 5 == heard.dropped.total())
            return heard

    heard = asyncio.run(scene())
    assert ({"malformed": 4, "oversized": 1}, []) == (dict(heard.dropped), heard.notices)


def test_one_source_in_a_storm_shuts_out_nobody(tmp_path: Path) -> None:
    """Another one is heard in the midst of it, and what it costs is counted."""
    trap = message(pdu("1.3.6.1.4.1.318.0.5"))

    async def scene() -> Heard:
        async with listening(tmp_path, rate=5.0) as heard:
            with closing(_from("127.0.0.2")) as storm, closing(_from("127.0.0.3")) as other:
                for _ in range(20):
                    for _ in range(100):
                        storm.sendto(trap, ("127.0.0.1", heard.port))
                    await asyncio.sleep(0)
                other.sendto(trap, ("127.0.0.1", heard.port))
                await heard.until(lambda: any(notice.source == "127.0.0.3" for notice in heard.notices))
            return heard

    heard = asyncio.run(scene())
    sources = Counter(notice.source for notice in heard.notices)
    assert 5 / SHARE * BURST_SECONDS <= sources["127.0.0.2"] <= 5 / SHARE * BURST_SECONDS + 5
    assert {"rate", "overrun"} >= set(heard.dropped)
    assert heard.dropped["rate"] > 100


def _from(address: str) -> socket.socket:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((address, 0))
    return sender


def test_what_the_kernel_has_no_room_for_is_counted(tmp_path: Path) -> None:
    """While the loop is busy with something else."""

    async def scene() -> Heard:
        async with listening(tmp_path, rate=500.0) as heard:
            with closing(_from("127.0.0.2")) as storm:
                for _ in range(20_000):
                    storm.sendto(b"storm" * 20, ("127.0.0.1", heard.port))
            await heard.until(lambda: 20_000 == heard.dropped.total())
            return heard

    assert asyncio.run(scene()).dropped["overrun"] > 1_000


def test_ipv6_and_ipv4_come_to_one_socket(tmp_path: Path) -> None:
    """A socket for all of IPv6 hears both, and calls each by its own kind of address."""

    async def scene() -> Heard:
        async with listening(tmp_path, host="::") as heard:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with closing(socket.socket(family, socket.SOCK_DGRAM)) as sender:
                    sender.sendto(b"x", (address, heard.port))
            await heard.until(lambda: 2 == heard.dropped.total())
            return heard

    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    assert {"malformed": 2} == dict(asyncio.run(scene()).dropped)


def test_a_port_that_cannot_be_had_is_one_sentence_with_the_cure(tmp_path: Path) -> None:
    async def scene(host: str, port: int) -> None:
        one = traps.trap_listener(ListenTarget(host, port, SystemClock(), 50.0, tmp_path, {"room": {"community": "c"}}))
        await one.open(lambda _: None, lambda *_: None)

    with closing(_from("127.0.0.1")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port} for traps: address already in use"):
            asyncio.run(scene("127.0.0.1", port))
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:1162 for traps: .*write another address"):
        asyncio.run(scene("192.0.2.1", 1162))


@pytest.mark.parametrize(
    ("secrets", "sentence"),
    [
        ({}, "name at least one table with `community` or `user`: nobody is heard without"),
        ({"x": {"token": "t"}}, 'traps] credentials "x": credentials: SNMPv2c needs `community`, a text'),
        ({"x": {"user": "u", "auth": "sha3"}}, 'traps] credentials "x": credentials: auth = "sha3": did you mean "sha'),
    ],
    ids=["none", "of something else", "of no use"],
)
def test_credentials_of_no_use_are_refused(secrets: Mapping[str, Any], sentence: str, tmp_path: Path) -> None:
    """Before anything is opened; nothing is guessed, not even "public"."""
    with pytest.raises(ConfigError) as caught:
        traps.trap_listener(ListenTarget("127.0.0.1", 0, SystemClock(), 50.0, tmp_path, secrets))

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "table", "named"),
    [
        ({"pysnmp"}, SECRETS["room"], "pysnmp"),
        ({"cryptography"}, SECRETS["private"], "cryptography"),
        ({"cryptography"}, SECRETS["signed"], None),
    ],
    ids=["pysnmp", "ciphers that are needed", "ciphers nobody needs"],
)
def test_what_is_not_installed_is_told_with_its_cure(
    missing: set[str], table: Mapping[str, Any], named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traps, "find_spec", lambda package: None if package in missing else object())

    def make() -> None:
        traps.trap_listener(ListenTarget("127.0.0.1", 0, SystemClock(), 50.0, tmp_path, {"x": table}))

    if named is None:
        make()
        return
    with pytest.raises(ConfigError) as caught:
        make()
    assert f"[traps] needs {named}, which is not installed: pip install 'dc-monitor[pysnmp]'" == str(caught.value)


def test_a_version_nobody_knows_is_no_message(tmp_path: Path) -> None:
    """Not even with a community we know."""
    known = pdu("1.3.6.1.4.1.318.0.5")

    assert ["", "", "malformed"] == [tried(message(known, version=version), tmp_path) for version in (0, 1, 2)]
