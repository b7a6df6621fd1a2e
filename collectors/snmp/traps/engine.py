"""Our own SNMPv3 engine: informs are signed for it, so its name and its count of starts must outlast us (RFC 3414)."""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from collectors.snmp.usm import LAST_BOOT

FILE = "snmp-engine.json"
_FIRST = bytes.fromhex("80004fb805")  # in the form of RFC 3411, under the enterprise number of pysnmp, our codec


class Engine(NamedTuple):
    """snmpEngineID, snmpEngineBoots, and the time on `monotonic` when this boot began [s]."""

    id: bytes
    boots: int
    began: float
    monotonic: Callable[[], float]

    @property
    def time(self) -> int:
        """snmpEngineTime: whole seconds since this boot."""
        return int(self.monotonic() - self.began)


def begin(folder: Path, monotonic: Callable[[], float]) -> Engine:
    """Start once more. Blocks on the disk.

    Where nothing can be kept it is a new engine each time, which senders find out by themselves.
    """
    file = folder / FILE
    name, boots = b"", 0
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_bytes())
        name, boots = bytes.fromhex(kept["engine_id"]), int(kept["boots"])
    if not (5 <= len(name) <= 32 and 0 <= boots < LAST_BOOT - 1):
        name, boots = _FIRST + secrets.token_bytes(8), 0
    engine = Engine(name, boots + 1, monotonic(), monotonic)
    try:
        _keep(file, engine)
    except OSError:
        return engine._replace(id=_FIRST + secrets.token_bytes(8), boots=1)
    return engine


def _keep(file: Path, engine: Engine) -> None:
    """All or nothing, also when the power fails: a count that began anew would let old messages in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as written:
        json.dump({"engine_id": engine.id.hex(), "boots": engine.boots}, written)
        written.flush()
        os.fsync(written.fileno())
    beside.replace(file)
