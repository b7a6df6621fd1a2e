"""A listener for traps in a test, and its ears without a socket."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from collectors.snmp import traps
from collectors.snmp.endpoint import UsmUser, credentials
from collectors.snmp.traps.engine import begin
from collectors.snmp.traps.hearing import Hearing
from collectors.snmp.traps.secure import Receiver
from dc_monitor.clock import ManualClock, SystemClock
from dc_monitor.contract import ListenTarget, Notice
from support.net_snmp import COMMUNITY

MONITOR = {"user": "monitor", "auth": "sha256", "auth_password": "authpass1234"}
SECRETS: dict[str, dict[str, Any]] = {
    "room": {"community": COMMUNITY},
    "private": {**MONITOR, "priv": "aes", "priv_password": "privpass1234"},
    "signed": {**MONITOR, "user": "signer"},
    "open": {"user": "anybody"},
}


class Heard:
    """What a listener tells."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.dropped: Counter[str] = Counter()
        self.port = 0

    def drop(self, cause: str, source: str, count: int) -> None:
        self.dropped[cause] += count

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(
    state: Path, secrets: Mapping[str, Mapping[str, Any]] = SECRETS, rate: float = 50.0, host: str = "127.0.0.1"
) -> AsyncIterator[Heard]:
    heard = Heard()
    one = traps.trap_listener(ListenTarget(host, 0, SystemClock(), rate, state, secrets))
    await one.open(heard.notices.append, heard.drop)
    one.allow(["127.0.0.0/8", "::1"])
    heard.port = one.port
    try:
        yield heard
    finally:
        one.close()
        one.close()


def hearing(state: Path, clock: ManualClock | None = None) -> Hearing:
    """The same without a socket, and with a clock that stands still."""
    clock = clock or ManualClock()
    known = [credentials(name, table) for name, table in SECRETS.items()]
    users = [one for one in known if isinstance(one, UsmUser)]
    return Hearing(known, Receiver(users, begin(state, clock.monotonic)), clock)


def tried(datagram: bytes, state: Path) -> str:
    """Why the datagram is dropped; "" when it is heard."""
    heard = hearing(state).hear(datagram, "127.0.0.1")
    assert (heard.notice is None) == bool(heard.cause)
    return heard.cause
