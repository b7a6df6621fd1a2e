"""Whether Modbus, Redfish, IPMI or NUT is spoken at an address.

Asks    one harmless question of the protocol itself, without login: who are you, and nothing else.
Yields  that it is there, and what it says of itself.
Needs   no rights; nothing is changed at the device, and no secret is sent.
"""

import asyncio
import json
import re
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dc_monitor.errors import Absent, Unreachable

MOST_BYTES = 65_536
"""An answer longer than this is not read further."""
PATIENCE = 5.0
"""Who has accepted a connection may take so many deadlines for an answer: a BMC's TLS is slow."""

MODBUS_WHO = bytes.fromhex("0000 0005 ff 2b 0e 01 00")
"""Read Device Identification, basic objects, from unit 255, which is the TCP device itself (Modbus V1.1b3, 6.21)."""
MODBUS_HEADER = 7
REDFISH_ROOT = "/redfish/v1/"
"""The one resource a Redfish service shows without login (DSP0266, 13.2)."""
IPMI_WHO = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 81 00 38 8e 04 b5")
"""RMCP around Get Channel Authentication Capabilities, which is asked before any session (IPMI 2.0, 22.13)."""
IPMI_ANSWER = bytes.fromhex("0600ff07 00 00000000 00000000")
IPMI_COMMAND, IPMI_EXTENDED = 19, 24
"""Where in the answer the command stands, and the byte that tells version 2.0."""
NUT_WHO = b"LIST UPS\nLOGOUT\n"


@dataclass(frozen=True, slots=True)
class Probe:
    """A protocol's question; see `dc_monitor.contract.Presence`."""

    title: str
    port: int
    packets: int
    ask: Callable[[str, int, float], Awaitable[str]]

    def suits(self, credentials: Mapping[str, Any]) -> bool:
        """Asked without credentials only."""
        return not credentials

    async def __call__(self, host: str, port: int, credentials: Mapping[str, Any], deadline: float) -> str:
        """What it says of itself; raises `Unreachable` or `Absent`."""
        try:
            return await self.ask(host, port, deadline)
        except TimeoutError as error:
            raise Unreachable(f"no answer in {deadline:g} s") from error
        except (ConnectionError, ssl.SSLError) as error:
            raise Absent(f"port {port} is closed, or speaks something else") from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from error


async def modbus(host: str, port: int, deadline: float) -> str:
    """Vendor, product and revision as a Modbus/TCP server tells them; "" when it has no such function."""
    transaction = secrets.token_bytes(2)
    answer = await _over_tcp(host, port, deadline, transaction + MODBUS_WHO, _whole_modbus)
    if len(answer) <= MODBUS_HEADER or answer[:4] != transaction + b"\0\0" or answer[7] & 0x7F != MODBUS_WHO[5]:
        raise Absent("no Modbus")
    objects, told = answer[14:] if answer[7] == MODBUS_WHO[5] else b"", []
    while len(objects) >= 2:
        told.append(_plain(objects[2 : 2 + objects[1]]))
        objects = objects[2 + objects[1] :]
    return " ".join(filter(None, told))


def _whole_modbus(answer: bytes) -> bool:
    return len(answer) >= 6 and len(answer) >= 6 + int.from_bytes(answer[4:6], "big")


async def redfish(host: str, port: int, deadline: float) -> str:
    """Vendor and product as the service root tells them; its certificate is not looked at, for nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the keys of older BMCs are short
    name = f"[{host}]" if ":" in host else host
    question = f"GET {REDFISH_ROOT} HTTP/1.1\r\nHost: {name}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    answer = await _over_tcp(host, port, deadline, question.encode(), _whole_http, context)
    head, _, body = answer.partition(b"\r\n\r\n")
    if re.search(rb"^transfer-encoding:\s*chunked", head, re.IGNORECASE | re.MULTILINE):
        body = _joined(body)
    root: object = None
    with suppress(ValueError):
        root = json.loads(body)
    if isinstance(root, dict) and "RedfishVersion" in root:
        told = [root.get(key) for key in ("Vendor", "Product")]
        return " ".join(_plain(one.encode()) for one in told if isinstance(one, str))
    if re.search(rb"^odata-version:", head, re.IGNORECASE | re.MULTILINE):  # some want a login even here
        return ""
    raise Absent("no Redfish")


def _whole_http(answer: bytes) -> bool:
    """Where it says its length, so that a server which keeps the connection is not waited for."""
    head, there, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"^content-length:\s*(\d+)", head, re.IGNORECASE | re.MULTILINE)
    return bool(there) and (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n"))


def _joined(body: bytes) -> bytes:
    """A chunked body in one piece."""
    pieces = []
    while size := re.match(rb"([0-9a-fA-F]+)[^\r\n]*\r\n", body):
        end = size.end() + int(size[1], 16)
        pieces.append(body[size.end() : end])
        body = body[end + 2 :]
    return b"".join(pieces)


async def ipmi(host: str, port: int, deadline: float) -> str:
    """The version of IPMI over LAN."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.connect((host, port))  # an address: nothing is looked up, nothing sent
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(deadline):
            await loop.sock_sendall(line, IPMI_WHO)
            answer = await loop.sock_recv(line, 1024)
    if not answer.startswith(IPMI_ANSWER) or len(answer) <= IPMI_EXTENDED or answer[IPMI_COMMAND] != 0x38:
        raise Absent("no IPMI")
    return "version 2.0" if answer[IPMI_EXTENDED] & 0x02 else "version 1.5"


async def nut(host: str, port: int, deadline: float) -> str:
    """The UPSs a NUT server knows."""
    answer = await _over_tcp(
        host, port, deadline, NUT_WHO, lambda answer: b"END LIST UPS" in answer or b"ERR" in answer
    )
    if not answer.startswith((b"BEGIN LIST UPS", b"ERR ")):
        raise Absent("no NUT")
    return ", ".join(_plain(name) for name in re.findall(rb"^UPS (\S+)", answer, re.MULTILINE))


async def _over_tcp(
    host: str,
    port: int,
    deadline: float,
    question: bytes,
    whole: Callable[[bytes], bool],
    context: ssl.SSLContext | None = None,
) -> bytes:
    """What is answered until it is `whole`; silence after the connection stands is an answer too, an empty one."""
    async with asyncio.timeout(deadline):
        reader, writer = await asyncio.open_connection(host, port)
    answer = b""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE * deadline):
                if context:
                    await writer.start_tls(context)
                writer.write(question)
                while not whole(answer) and len(answer) < MOST_BYTES and (part := await reader.read(4096)):
                    answer += part
    finally:
        writer.transport.abort()  # `wait_closed` would wait for ever where the handshake was given up
        await asyncio.sleep(0)
    return answer


def _plain(octets: bytes) -> str:
    """Text for a person, whatever a device says: one line, and not long."""
    return " ".join("".join(one if one.isprintable() else " " for one in octets.decode(errors="ignore")).split())[:80]


MODBUS = Probe("Modbus/TCP", 502, 1, modbus)
REDFISH = Probe("Redfish", 443, 1, redfish)
IPMI = Probe("IPMI", 623, 1, ipmi)
NUT = Probe("NUT", 3493, 1, nut)
PROBES = (IPMI, MODBUS, NUT, REDFISH)
