"""The socket traps arrive at, read in sips: a storm fills the kernel's buffer and not our time.

asyncio's own datagram transport takes one datagram a turn of the loop, 20 µs each: a fifth of a core at 10,000 a
second, and all of it at 50,000. In a sip of many one costs 5 µs, and the pause after it is for everybody else.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dc_monitor.errors import ConfigError

MOST_BYTES = 8_192
"""Longer than any notification of a sane agent; what is decoded is bounded by it. [B]"""
SIP = 100
PAUSE = 0.005
"""Together 20,000 datagrams a second, for a tenth of a core; what is more is dropped by the kernel. [s]"""
_BUFFER = 1 << 20
_SO_MEMINFO = getattr(socket, "SO_MEMINFO", 55)  # Linux: nine numbers of the socket, the last of them its drops
_MEMINFO = struct.Struct("9I")


class Inlet:
    """Hands every datagram, one byte longer than `MOST_BYTES` at most, and its sender's address to `took`.

    Attributes
    ----------
    port : where it listens, once open.
    """

    def __init__(self, took: Callable[[bytes, Any], None], overrun: Callable[[int], None]) -> None:
        self.port = 0
        self._took, self._overrun = took, overrun
        self._socket: socket.socket | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._lost = 0

    async def open(self, host: str, port: int) -> None:
        """Listen; raises `ConfigError` with what to do when that cannot be."""
        loop = asyncio.get_running_loop()
        try:
            family, kind, protocol, _, address = (
                await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # as much of it as the kernel grants
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._socket.bind(address)
        except OSError as error:
            self.close()
            raise ConfigError(_sentence(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", error)) from error
        self.port = self._socket.getsockname()[1]
        self._resume()

    def send(self, datagram: bytes, address: Any) -> None:
        """Send without waiting; what cannot be sent now is lost, as any datagram may be."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto(datagram, address)

    def close(self) -> None:
        """Give back the socket; may be called twice."""
        if self._pause is not None:
            self._pause.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _resume(self) -> None:
        assert self._socket is not None  # a pause ends with the socket
        lost = _lost(self._socket)
        if lost != self._lost:
            self._overrun((lost - self._lost) % 2**32)
            self._lost = lost
        asyncio.get_running_loop().add_reader(self._socket, self._sip, self._socket)

    def _sip(self, source: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(source)
        self._pause = loop.call_later(PAUSE, self._resume)
        with suppress(OSError):  # usually because there is no more
            for _ in range(SIP):
                self._took(*source.recvfrom(MOST_BYTES + 1))


def _lost(source: socket.socket) -> int:
    """Datagrams the kernel had no room for, since the socket is open; 0 where it does not tell."""
    with suppress(OSError):
        told = source.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        if len(told) == _MEMINFO.size:
            return int(_MEMINFO.unpack(told)[-1])
    return 0


def _sentence(where: str, error: OSError) -> str:
    why, cure = error.strerror or str(error), "write another address or port"
    if error.errno == errno.EADDRINUSE:
        why, cure = "address already in use", "stop the other trap receiver, or write another port"
    elif error.errno in (errno.EACCES, errno.EPERM):
        cure = "a port below 1024 needs a right of its own, see docs/traps.md; or write another port"
    return f"cannot listen on {where} for traps: {why}; {cure}: [traps] listen"
