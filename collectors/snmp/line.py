"""A UDP socket to one agent: nobody else is heard on it, and a closed port is known at once."""

import asyncio
import socket
from collections.abc import Callable


class Line(asyncio.DatagramProtocol):
    """Hands every datagram of the agent to `heard`, and to `failed` what the network says against it.

    The socket is connected: the kernel drops what comes from elsewhere, and tells when nothing listens on the port.
    """

    def __init__(self, heard: Callable[[bytes], None], failed: Callable[[Exception], None]) -> None:
        self._heard, self._failed = heard, failed
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> None:
        """Connect to an address, which is no name: nothing is sent yet. Raises `OSError` where there is no route."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        loop = asyncio.get_running_loop()
        made = await loop.create_datagram_endpoint(lambda: self, family=family, remote_addr=(host, port))
        self._transport = made[0]

    def send(self, datagram: bytes) -> None:
        """Send to the agent; trouble is told to `failed`."""
        if self._transport is not None:
            self._transport.sendto(datagram)

    def close(self) -> None:
        """Give back the socket; may be called twice."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Pass on what the agent says."""
        self._heard(data)

    def error_received(self, exc: Exception) -> None:
        """Pass on what ICMP says."""
        self._failed(exc)
