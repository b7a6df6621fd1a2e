"""Who listens for traps, whose a notice is, and what it sets going: an event, and a poll at once."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from dc_monitor.agent.events import Events
from dc_monitor.agent.plan import DevicePlan, TrapsPlan
from dc_monitor.agent.tasks import Task, Tasks, end
from dc_monitor.clock import Clock
from dc_monitor.config.model import Device
from dc_monitor.contract import Listener, Notice

LOOK_UP_EVERY, LOOK_UP_AGAIN = 600.0, 30.0
"""A device that is called by a name may move to another address; a name nobody knows may become known [s]."""
MOST_CALLED = 8
"""Of more devices behind one address, such as a gateway's, none is read at once: whose the notice is nobody knows."""


class Listening:
    """One listener, or none; `change` is the start as well. `call` is told which device to read at once."""

    def __init__(self, events: Events, call: Callable[[str], None], clock: Clock, tasks: Tasks) -> None:
        self._events = events
        self._call = call
        self._clock = clock
        self._tasks = tasks
        self._plan: TrapsPlan | None = None
        self._listener: Listener | None = None
        self._book = Book(())
        self._looking_up: list[Task] = []

    @property
    def port(self) -> int | None:
        """Where it listens; None when it does not."""
        return self._listener.port if self._listener else None

    async def change(self, plan: TrapsPlan | None, devices: Mapping[str, DevicePlan]) -> str:
        """Listen as planned, for these devices; what changed, in words, or "".

        Raises `ConfigError` when that cannot be, and nobody listens then.
        """
        before = self._plan
        if plan != before:
            self._close()
            if plan:
                await self._open(plan)
        await end(self._looking_up)
        self._book = Book(one.device for one in devices.values())
        self._allow()
        self._looking_up = [self._tasks.begin(self._look_up(self._book))] if self._listener else []
        if plan == before:
            return ""
        return "traps are heard" + (" otherwise" if before else "") if plan else "traps are not heard any more"

    async def stop(self) -> None:
        """Listen no more."""
        self._close()
        await end(self._looking_up)

    async def _open(self, plan: TrapsPlan) -> None:
        listener = plan.make()

        def dropped(cause: str, source: str, count: int) -> None:
            self._events.drop(cause, source, count, listener.causes)

        await listener.open(self._heard, dropped)
        self._listener, self._plan = listener, plan

    def _close(self) -> None:
        if self._listener:
            self._listener.close()
        self._listener = self._plan = None

    def _allow(self) -> None:
        if self._listener and self._plan:
            self._listener.allow(self._plan.traps.allow or self._book.addresses())

    async def _look_up(self, book: "Book") -> None:
        """One name after the other, for polls need the resolver too."""
        loop = asyncio.get_running_loop()
        while True:
            again = LOOK_UP_EVERY
            for host in book.names:
                try:
                    found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
                except (OSError, UnicodeError):  # the device's poll says so
                    again = LOOK_UP_AGAIN
                else:
                    book.put(host, {str(one[4][0]) for one in found})
                    self._allow()
            await self._clock.sleep(again)

    def _heard(self, notice: Notice) -> None:
        devices = self._book.at(notice.origin) or self._book.at(notice.source)
        self._events.take(notice, devices[0] if len(devices) == 1 else None)
        if len(devices) <= MOST_CALLED:
            for device in devices:
                self._call(device.name)


class Book:
    """Devices by the address they are read at.

    Attributes
    ----------
    names : hosts that are to be looked up.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self._hosts: dict[str, list[Device]] = {}
        self._addresses: dict[str, set[str]] = {}
        self.names: list[str] = []
        for device in devices:
            host = _host(device.address)
            if host:
                self._hosts.setdefault(host, []).append(device)
        for host in self._hosts:
            try:
                self.put(host, {str(ip_address(host))})
            except ValueError:
                self.names.append(host)

    def put(self, host: str, addresses: set[str]) -> None:
        """Where the host is, from now on."""
        self._addresses[host] = {address.partition("%")[0] for address in addresses}

    def addresses(self) -> set[str]:
        """Of all devices, as far as known."""
        return set().union(*self._addresses.values())

    def at(self, address: str) -> list[Device]:
        """Which devices are there; perhaps several, as behind a gateway."""
        hosts = (host for host, found in self._addresses.items() if address in found)
        return [device for host in hosts for device in self._hosts[host]]


def _host(address: str) -> str:
    """`10.0.0.12` of `snmp://10.0.0.12:161`; "" where an address has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
