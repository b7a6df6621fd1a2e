"""SNMP agents for tests: recordings served by snmpsim, and a small agent of our own that can misbehave.

`SmallAgent` speaks just enough SNMPv1/v2c (GET, GETNEXT, GETBULK) to answer from a recording, in the test's own event
loop, and does wrong what it is told to: garbage, silence, tooBig, half an answer, the same answer twice. `Snmpsim` is
the independent witness: somebody else's agent, somebody else's encoder.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from dc_monitor.clock import SystemClock
from dc_monitor.contract import Target

Oid = tuple[int, ...]
Value = tuple[int, bytes]  # BER tag and content

GET, GETNEXT, RESPONSE, GETBULK = 0xA0, 0xA1, 0xA2, 0xA5
NO_SUCH_INSTANCE, END_OF_MIB = (0x81, b""), (0x82, b"")
TOO_BIG, NO_SUCH_NAME, GEN_ERR = 1, 2, 5
TAGS = {
    "2": 0x02,
    "4": 0x04,
    "5": 0x05,
    "6": 0x06,
    "64": 0x40,
    "65": 0x41,
    "66": 0x42,
    "67": 0x43,
    "68": 0x44,
    "70": 0x46,
}


class SmallAgent(asyncio.DatagramProtocol):
    """Answers from `values`; its public attributes are the faults and what it has seen.

    Attributes
    ----------
    community : only this one is answered; another gets silence, as from a real agent.
    silent : answer nothing at all.
    garbage : send these bytes instead of an answer.
    most : more varbinds than this in a GET are refused with tooBig and no varbinds.
    longest : a GET of more varbinds is dropped without a word.
    cut : answer only the first so many varbinds of a GET.
    poison : a GET that names one of these OIDs fails as a whole with genErr.
    no_bulk : GETBULK is answered with genErr.
    lose : how many of the next requests get no answer.
    times : send every answer so often.
    late : answer the request before this one first (a stale answer), then this one.
    delay : seconds an answer takes; longer than the deadline, it comes when the next one is waited for.
    foreign : the answer carries the id of another request.
    requests : OIDs of each request, in order of arrival.
    """

    def __init__(self, values: dict[Oid, Value], community: str = "lab") -> None:
        self.values = values
        self.community = community
        self.silent = self.no_bulk = self.late = False
        self.garbage: bytes | None = None
        self.most = self.longest = self.cut = 10_000
        self.poison: set[str] = set()
        self.foreign = False
        self.times, self.lose, self.delay = 1, 0, 0.0
        self.requests: list[list[str]] = []
        self._previous: bytes | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self.garbage if self.garbage is not None else self.answer(data)
        if answer is None or self.silent:
            return
        if self.lose:
            self.lose -= 1
            return
        stale = [self._previous] if self.late and self._previous else []
        for datagram in (*stale, *[answer] * self.times):
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._transport.sendto, datagram, addr)
            else:
                self._transport.sendto(datagram, addr)
        self._previous = answer

    def answer(self, data: bytes) -> bytes | None:
        """What a request is answered with; None for silence."""
        version, community, (kind, pdu) = _children(_child(data)[1])
        (_, request_id), (_, a), (_, b), (_, varbinds) = _children(pdu)
        asked = [_oid(_child(content)[1]) for _, content in _children(varbinds)]
        self.requests.append([_dotted(oid) for oid in asked])
        if community[1].decode() != self.community:
            return None
        error, answered = self._look_up(kind, asked, _int(a), _int(b), v1=_int(version[1]) == 0)
        if error is None:
            return None
        body = b"".join(_tlv(0x30, _tlv(0x06, _encode_oid(oid)) + _tlv(*value)) for oid, value in answered)
        if self.foreign:
            request_id = encode_number(_int(request_id) ^ 1)
        pdu = _tlv(0x02, request_id) + _tlv(0x02, bytes([error])) + _tlv(0x02, b"\0") + _tlv(0x30, body)
        return _tlv(0x30, _tlv(*version) + _tlv(*community) + _tlv(RESPONSE, pdu))

    def _look_up(
        self, kind: int, asked: list[Oid], non_repeaters: int, repetitions: int, v1: bool
    ) -> tuple[int | None, list[tuple[Oid, Value]]]:
        if kind == GETBULK:
            if self.no_bulk:
                return GEN_ERR, []
            rows: list[tuple[Oid, Value]] = []
            last = asked[0]
            for _ in range(repetitions):
                last, value = self._next(last)
                rows.append((last, value))
                if value == END_OF_MIB:
                    break
            return 0, rows
        if kind == GETNEXT:
            rows = [self._next(oid) for oid in asked]
            return (NO_SUCH_NAME, []) if v1 and any(value == END_OF_MIB for _, value in rows) else (0, rows)
        if len(asked) > self.longest:
            return None, []
        if len(asked) > self.most:
            return TOO_BIG, []
        if self.poison & {_dotted(oid) for oid in asked}:
            return GEN_ERR, []
        if v1 and any(oid not in self.values for oid in asked):
            return NO_SUCH_NAME, []
        return 0, [(oid, self.values.get(oid, NO_SUCH_INSTANCE)) for oid in asked[: self.cut]]

    def _next(self, oid: Oid) -> tuple[Oid, Value]:
        known = sorted(self.values)
        at = bisect_right(known, oid)
        return (known[at], self.values[known[at]]) if at < len(known) else (oid, END_OF_MIB)

    def put(self, oid: str, value: int | str) -> None:
        """Change or add one object: a number becomes an INTEGER, a text an OCTET STRING."""
        encoded = (0x02, encode_number(value)) if isinstance(value, int) else (0x04, value.encode())
        self.values[oid_of(oid)] = encoded

    def remove(self, oid: str) -> None:
        """Forget an object, or everything below it."""
        root = oid_of(oid)
        self.values = {key: value for key, value in self.values.items() if key[: len(root)] != root}


@asynccontextmanager
async def small_agent(
    recording: Path | Iterable[str],
    community: str = "lab",
    host: str = "127.0.0.1",
    make: type[SmallAgent] = SmallAgent,
) -> AsyncIterator[tuple[SmallAgent, str]]:
    """A `SmallAgent` on a free loopback port: yields it and its address."""
    lines = recording.read_text(encoding="utf-8").splitlines() if isinstance(recording, Path) else recording
    agent = make(dict(parse_recording(lines)), community)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: agent, local_addr=(host, 0))
    try:
        shown = f"[{host}]" if ":" in host else host
        yield agent, f"snmp://{shown}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
        await asyncio.sleep(0)


def target(address: str, device: str = "ups-a", community: str = "lab", **more: Any) -> Target:
    """A target of the system's clock, usually; a short deadline, for loopback answers at once or never."""
    credentials = {"version": "2c", "community": community}
    usual = {"clock": SystemClock(), "credentials": credentials, "deadline": 0.3}
    return Target(device, address, **{**usual, **more})


def parse_recording(lines: Iterable[str]) -> Iterator[tuple[Oid, Value]]:
    """`OID|type|value` lines, as snmpsim reads them; a line that begins with # is a comment."""
    for line in lines:
        if line and not line.startswith("#"):
            oid, kind, text = line.split("|", 2)
            yield oid_of(oid), (TAGS[kind.rstrip("x")], _content(kind, text))


@contextmanager
def snmpsim(recordings: Iterable[Path], folder: Path, options: Iterable[str] = ()) -> Iterator[int]:
    """Serve copies of the recordings with snmpsim; yields the loopback port. The community is the file's stem."""
    data = folder / "data"
    data.mkdir()
    for recording in recordings:
        shutil.copy(recording, data)
    port = _free_udp_port()
    command = [
        str(Path(sys.executable).with_name("snmpsim-command-responder")),
        *options,
        f"--data-dir={data}",
        f"--cache-dir={folder / 'cache'}",
        f"--agent-udpv4-endpoint=127.0.0.1:{port}",
        "--logging-method=null",
        *(("--process-user=root", "--process-group=root") if os.geteuid() == 0 else ()),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while not _answers(port, next(data.iterdir()).stem):
                assert process.poll() is None, f"snmpsim ended by itself with {process.returncode}"
                assert time.monotonic() < deadline, "snmpsim does not answer after 60 s"
            yield port
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(port: int, community: str) -> bool:
    """Whether a GETNEXT of the root is answered."""
    varbind = _tlv(0x30, _tlv(0x30, _tlv(0x06, b"\x2b") + _tlv(0x05, b"")))
    pdu = _tlv(GETNEXT, _tlv(0x02, b"\1") + _tlv(0x02, b"\0") * 2 + varbind)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.settimeout(0.3)
        probe.sendto(_tlv(0x30, _tlv(0x02, b"\1") + _tlv(0x04, community.encode()) + pdu), ("127.0.0.1", port))
        return bool(probe.recv(2048))
    return False


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# BER, only what SNMP needs.


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _child(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and end of the element at `at`."""
    tag, size, at = data[at], data[at + 1], at + 2
    if size & 0x80:
        width = size & 0x7F
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    return tag, data[at : at + size], at + size


def _children(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        tag, content, at = _child(data, at)
        found.append((tag, content))
    return found


def _int(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


def encode_number(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def oid_of(dotted: str) -> Oid:
    return tuple(int(arc) for arc in dotted.split("."))


def _dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


def _encode_oid(oid: Oid) -> bytes:
    first, second, *rest = (*oid, 0) if len(oid) == 1 else oid
    encoded = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        encoded.extend(reversed(septets))
    return bytes(encoded)


def _oid(content: bytes) -> Oid:
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


def _content(kind: str, text: str) -> bytes:
    if kind.endswith("x"):
        return bytes.fromhex(text)
    if kind == "4":
        return text.encode()
    if kind == "6":
        return _encode_oid(oid_of(text.strip(".") or "0.0"))  # agents garble it
    if kind == "64":
        return bytes(int(part) for part in text.split("."))
    return encode_number(int(text))
