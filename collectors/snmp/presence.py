"""Whether an SNMP agent listens at an address, and whether it takes the credentials one has.

Without credentials it is asked who it is by SNMPv3's own beginning (RFC 3414, 4), which needs no user: an engine that
speaks SNMPv3 tells its name, and in it who made it (RFC 3411, SnmpEngineID). SNMPv1 and v2c stay silent to strangers.
"""

import asyncio
import secrets
import socket
from collections.abc import Mapping
from typing import Any

from collectors.snmp import engines, usm
from collectors.snmp.ask import SYS_OBJECT_ID, SYS_UPTIME
from collectors.snmp.ber import SEQUENCE, element, integer
from collectors.snmp.catalogue import catalogue
from collectors.snmp.endpoint import PORT
from collectors.snmp.recognise import TOOLKITS, VENDORS
from collectors.snmp.session import NOT_THIS_USER
from dc_monitor.clock import SystemClock
from dc_monitor.contract import Target
from dc_monitor.errors import Absent, Malformed, Refused, Unreachable

GET = 0xA0


class SnmpPresence:
    """See `dc_monitor.contract.Presence`."""

    title = "SNMP"
    port = PORT
    packets = 1

    def suits(self, credentials: Mapping[str, Any]) -> bool:
        """With a community or a user, and without either."""
        return not credentials or "community" in credentials or "user" in credentials

    async def __call__(self, host: str, port: int, credentials: Mapping[str, Any], deadline: float) -> str:
        """Who made the engine, as far as it tells a stranger; "" for credentials that are taken."""
        if not credentials:
            return await _stranger(host, port, deadline)
        name = f"[{host}]" if ":" in host else host
        session = engines.session(Target(host, f"snmp://{name}:{port}", SystemClock(), credentials, deadline=deadline))
        try:
            await session.open()
            await session.get([SYS_OBJECT_ID, SYS_UPTIME])
        except Unreachable as error:
            if session.hint == NOT_THIS_USER:
                raise Refused(NOT_THIS_USER) from error
            raise _known(error) from error
        except Malformed as error:
            raise Absent(str(error)) from error
        finally:
            await session.close()
        return ""


def _known(error: Unreachable) -> Unreachable | Absent:
    """A closed port is an answer."""
    return Absent(str(error)) if isinstance(error.__cause__, ConnectionRefusedError) else error


async def _stranger(host: str, port: int, deadline: float) -> str:
    question = secrets.randbits(31)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        try:
            line.connect((host, port))  # an address: nothing is looked up, nothing sent
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(deadline):
                await loop.sock_sendall(line, _who_are_you(question))
                answer = await loop.sock_recv(line, 2048)
        except TimeoutError as error:
            raise Unreachable(f"no answer in {deadline:g} s") from error
        except ConnectionRefusedError as error:
            raise Absent(f"port {port} is closed") from error
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from error
    try:
        message = usm.parse(answer)
    except ValueError as error:
        raise Absent("no SNMPv3") from error
    if message.id != question:
        raise Absent("no SNMPv3")
    return " ".join(filter(None, ("version 3", _maker(message.engine_id))))


def _who_are_you(question: int) -> bytes:
    """An empty request to an engine of no name, which must answer with its own."""
    pdu = element(GET, integer(secrets.randbits(31)), integer(0), integer(0), element(SEQUENCE))
    return usm.envelope(
        message_id=question,
        flags=usm.REPORTABLE,
        engine_id=b"",
        boots=0,
        time=0,
        user=b"",
        salt=b"",
        scoped=usm.scope(b"", b"", pdu),
        key=b"",
        auth="",
    )


def _maker(engine_id: bytes) -> str:
    """The vendor whose enterprise number an engine's name begins with, when the catalogue knows it."""
    enterprise = f"{VENDORS}.{int.from_bytes(engine_id[:4], 'big') & 0x7FFFFFFF}"
    if enterprise in TOOLKITS:
        return ""
    vendors = {
        ".".join(prefix.split(".")[:7]): profile.vendor
        for profile in catalogue()
        for prefix in profile.match.sys_object_id
    }
    return vendors.get(enterprise, "")


SNMP = SnmpPresence()
