"""The listener: what arrives at the socket, and whose turn it is.

Whatever arrives is looked at in this order, the cheap before the dear: who sends it, how much of it there is, how long
it is, whether it shows a secret we know, what it says.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from collectors.snmp.endpoint import Community, UsmUser
from collectors.snmp.traps.engine import begin
from collectors.snmp.traps.gate import Gate, plain
from collectors.snmp.traps.hearing import Hearing
from collectors.snmp.traps.inlet import MOST_BYTES, Inlet
from collectors.snmp.traps.secure import Receiver
from dc_monitor.contract import ListenTarget, Notice

MOST_WAITING = 1_000
"""Datagrams that passed the gate and are not looked at yet."""

CAUSES = {
    "source": "their address is none of a device's and not in [traps] allow",
    "rate": "they come faster than [traps] rate, for all or for one source; the rest is counted",
    "overrun": "they come faster than they can be looked at: a storm, perhaps of a device gone mad",
    "oversized": f"they are longer than {MOST_BYTES} bytes",
    "malformed": "they are no SNMP message",
    "community": "their community is none of [traps] credentials",
    "user": "their SNMPv3 user is none of [traps] credentials",
    "security": "their SNMPv3 user is to authenticate or encrypt as its credentials say, and does not",
    "digest": "the authentication password or its algorithm (auth) is not that of the credentials",
    "privacy": "the privacy password or its algorithm (priv) is not that of the credentials",
    "time": "their SNMPv3 clock is behind what it was: replayed, or of a card that forgets its count of starts",
    "repeated": "they were heard before: sent again because an answer was lost, or replayed",
    "kind": "they are requests, and nothing here answers any",
}


class TrapListener:
    """SNMP notifications for these communities and users; see `dc_monitor.contract.Listener`."""

    causes = CAUSES

    def __init__(self, target: ListenTarget, secrets: Sequence[Community | UsmUser]) -> None:
        self._target = target
        self._secrets = secrets
        self._gate = Gate(target.rate)
        self._inlet = Inlet(self._arrived, self._overrun)
        self._hearing = Hearing((), None, target.clock)
        self._waiting: deque[tuple[bytes, Any, str]] = deque()
        self._heard: Callable[[Notice], None] = lambda _: None
        self._dropped: Callable[[str, str, int], None] = lambda *_: None

    @property
    def port(self) -> int:
        """Where it listens, once it is open."""
        return self._inlet.port

    async def open(self, heard: Callable[[Notice], None], dropped: Callable[[str, str, int], None]) -> None:
        """Listen from now on; raises `ConfigError` when that cannot be."""
        self._heard, self._dropped = heard, dropped
        self._hearing = await asyncio.get_running_loop().run_in_executor(None, self._begin)
        await self._inlet.open(self._target.host, self._target.port)

    def allow(self, sources: Iterable[str]) -> None:
        """Hear these addresses and networks, and nobody else."""
        self._gate.allow(sources)

    def close(self) -> None:
        """Give back the socket; may be called twice."""
        self._inlet.close()
        self._waiting.clear()

    def _begin(self) -> Hearing:
        """Reads and writes files, and makes keys: off the loop."""
        clock = self._target.clock
        users = [secret for secret in self._secrets if isinstance(secret, UsmUser)]
        receiver = Receiver(users, begin(self._target.state, clock.monotonic)) if users else None
        return Hearing(self._secrets, receiver, clock)

    def _overrun(self, count: int) -> None:
        self._dropped("overrun", "", count)

    def _arrived(self, datagram: bytes, address: Any) -> None:
        source = plain(address[0])
        cause = self._gate.judge(source, self._target.clock.monotonic())
        if not cause and len(datagram) > MOST_BYTES:
            cause = "oversized"
        elif not cause and len(self._waiting) >= MOST_WAITING:
            cause = "rate"
        if cause:
            self._dropped(cause, source, 1)
            return
        self._waiting.append((datagram, address, source))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Look at one, which may take a millisecond or two; then it is everybody else's turn."""
        if not self._waiting:
            return  # closed meanwhile
        datagram, address, source = self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        notice, reply, cause = self._hearing.hear(datagram, source)
        if reply:
            self._inlet.send(reply, address)
        if cause:
            self._dropped(cause, source, 1)
        if notice:
            self._heard(notice)
