"""net-snmp's `snmptrap` and `snmpinform`: somebody else's senders, and what they put on the wire."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence

import pytest

needs_net_snmp = pytest.mark.skipif(
    not (shutil.which("snmptrap") and shutil.which("snmpinform")),
    reason="snmptrap and snmpinform are not installed (package snmp); scripts/system-packages installs them",
)
COMMUNITY = "public"
ENGINE_ID = "0x8000000001020304"
ON_BATTERY = ("1.3.6.1.4.1.318.0.5", "1.3.6.1.4.1.318.2.3.3.0", "s", "UPS: On battery power")
"""upsOnBattery of PowerNet-MIB, with its text."""

V1 = ("-v1", "-c", COMMUNITY)
V2C = ("-v2c", "-c", COMMUNITY)


def v3(
    user: str = "monitor",
    auth: str = "SHA-256",
    auth_password: str = "authpass1234",
    priv: str = "AES",
    priv_password: str = "privpass1234",
) -> tuple[str, ...]:
    """Options of a user; an algorithm of "" is none."""
    level = "authPriv" if priv else "authNoPriv" if auth else "noAuthNoPriv"
    options = ["-v3", "-u", user, "-l", level]
    options += ["-a", auth, "-A", auth_password] if auth else []
    options += ["-x", priv, "-X", priv_password] if priv else []
    return tuple(options)


def engine(boots: int = 1, time: int = 1_000) -> tuple[str, ...]:
    """Options of a sender's own engine, and what its clock shows."""
    return ("-e", ENGINE_ID, "-Z", f"{boots},{time}")


def command(tool: str, options: Sequence[str], port: int, what: Sequence[str] = ON_BATTERY) -> list[str]:
    """What `snmptrap` or `snmpinform` is called with; SNMPv1 has another form."""
    head = ["1.3.6.1.4.1.318", "10.9.8.7", "6", "5"] if options[0] == "-v1" else []
    tail = what[1:] if options[0] == "-v1" else what
    return [tool, *options, "-r", "1", "-t", "1", f"127.0.0.1:{port}", *head, "", *tail]


async def send(tool: str, options: Sequence[str], port: int, what: Sequence[str] = ON_BATTERY) -> tuple[int, str]:
    """Send one to us; exit code and what it says on stderr."""
    with tempfile.TemporaryDirectory() as kept:
        child = await asyncio.create_subprocess_exec(
            *command(tool, options, port, what), env=_environment(kept), stderr=asyncio.subprocess.PIPE
        )
        _, said = await child.communicate()
    return child.returncode or 0, said.decode()


def recorded(tool: str, options: Sequence[str], what: Sequence[str] = ON_BATTERY) -> bytes:
    """The first datagram it sends, which nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, tempfile.TemporaryDirectory() as kept:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        with subprocess.Popen(
            command(tool, options, receiver.getsockname()[1], what), env=_environment(kept), stderr=subprocess.DEVNULL
        ) as child:
            datagram = receiver.recv(65_535)
            child.kill()
    return datagram


def _environment(kept: str) -> dict[str, str]:
    """No MIB files are read, and what net-snmp keeps of its engine stays out of the home folder."""
    return {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": kept}
