"""Small servers that speak Modbus/TCP, Redfish, IPMI and NUT just enough to be noticed, on loopback."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[bytes], bytes | None]
"""What a request is answered with; None to say nothing and keep the line open."""


@asynccontextmanager
async def tcp(
    answer: Answer, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers every piece it receives; yields its port and what it has received."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.read(4096):
                received.append(request)
                said = answer(request)
                if said is not None:
                    writer.write(said)
                    await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


@asynccontextmanager
async def udp(answer: Answer, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The same over datagrams."""
    received: list[bytes] = []

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            received.append(data)
            said = answer(data)
            if said is not None:
                self.transport.sendto(said, addr)  # type: ignore[attr-defined]

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=(host, port))
    try:
        yield transport.get_extra_info("sockname")[1], received
    finally:
        transport.close()
        await asyncio.sleep(0)


def modbus(request: bytes) -> bytes | None:
    """A power meter with vendor, product and revision; another function is refused."""
    if request[7] != 0x2B:
        return _mbap(request, bytes([request[7] | 0x80, 1]))
    objects = b"".join(bytes([number, len(text)]) + text for number, text in enumerate((b"Acme", b"PM-1", b"V2.5")))
    return _mbap(request, bytes.fromhex("2b 0e 01 01 00 00 03") + objects)


def modbus_without_identification(request: bytes) -> bytes | None:
    """Most of them: the function is refused by its exception."""
    return _mbap(request, bytes([request[7] | 0x80, 1]))


def _mbap(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


def redfish(request: bytes) -> bytes | None:
    """A service root, in chunks; whatever else is asked wants a login."""
    if not request.startswith(b"GET /redfish/v1/ "):
        return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    root = b'{"RedfishVersion": "1.6.0", "Vendor": "Acme", "Product": "Board 7", "UUID": "92384634"}'
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (root[:10], root[10:], b""))
    return b"HTTP/1.1 200 OK\r\nOData-Version: 4.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


def web_page(request: bytes) -> bytes | None:
    """Any web server."""
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"


def ipmi(request: bytes) -> bytes | None:
    """A BMC that speaks IPMI 2.0."""
    if request[:4] != bytes.fromhex("0600ff07") or request[19:20] != b"\x38":
        return None
    body = bytes.fromhex("81 1c 63 20 00 38 00 01 96 1c 03 000000 00")
    return request[:13] + bytes([len(body) + 1]) + body + bytes([-sum(body[3:]) & 0xFF])


def nut(request: bytes) -> bytes | None:
    """A NUT server with two UPSs."""
    if not request.startswith(b"LIST UPS\n"):
        return b"ERR UNKNOWN-COMMAND\n"
    return b'BEGIN LIST UPS\nUPS ups-a "left"\nUPS ups-b "right"\nEND LIST UPS\n'


def silent(request: bytes) -> bytes | None:
    """Accepts, and says nothing."""
    return None


def garbage(request: bytes) -> bytes | None:
    """Answers something."""
    return b"\x15\x03\x01\x00\x02\x02\x46 hello?\r\n" * 3


def tls(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that nobody has signed, as BMCs come."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + dt.timedelta(days=9_999))
    certificate = made.sign(key, hashes.SHA256())
    file = folder / "bmc.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
