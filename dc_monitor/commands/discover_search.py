"""Looking at many hosts for what we can read, politely: few at once, few packets a second, one try and one more.

A host is asked for every protocol at the same time, and for SNMP with one credentials table after the other, SNMPv3
first. A device that takes them is opened with its collector and read once, as the agent would.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from dc_monitor.clock import Clock
from dc_monitor.commands.discover_targets import Place
from dc_monitor.contract import CollectorFactory, DeviceInfo, Poll, Presence, Target
from dc_monitor.errors import Absent, DcMonitorError, Refused, Unreachable
from dc_monitor.readings import Reading

TRIES = 2
AT_ONCE = 100
"""Hosts that are waited for at the same time: nearly all of a range are not there."""
OPEN_AT_ONCE = 16
"""Devices that are read at the same time."""
RATE = 200.0
"""Packets a second: a thousandth of what a small switch forwards, and bearable for whoever must look for hosts that are
not there (ARP)."""
LEAST_PATIENCE = 2.0
"""A device that has answered may take so long for an answer [s], as in the configuration."""

Tables = Mapping[str, Mapping[str, Any]]
"""Credentials by the name of their table."""


@dataclass(frozen=True, slots=True)
class Device:
    """One that answered and was read; `ip` is what `address` means, `credentials` the name of the table it takes."""

    address: str
    ip: str
    credentials: str
    info: DeviceInfo
    readings: Sequence[Reading]
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """A protocol that is spoken somewhere, and what it says of itself to strangers."""

    place: str
    protocol: str
    title: str
    says: str = ""


@dataclass
class Findings:
    """What there is so far: it may be looked at when the search was stopped."""

    total: int
    searched: int = 0
    devices: list[Device] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    """Addresses without their ports, where one was looked at, and where anything answered."""


class Pace:
    """Holds back whoever would send too soon."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self._clock, self._rate = clock, rate
        self._next = clock.monotonic()

    async def turn(self, packets: int) -> None:
        """Wait for the turn of so many packets."""
        now = self._clock.monotonic()
        at = max(now, self._next)
        self._next = at + packets / self._rate
        if at > now:
            await self._clock.sleep(at - now)


class Search:
    """One search; `probes` and `factories` by protocol, `tables` in the order they are tried."""

    def __init__(
        self,
        probes: Mapping[str, Presence],
        factories: Mapping[str, CollectorFactory],
        tables: Tables,
        clock: Clock,
        timeout: float = 1.0,
        rate: float = RATE,
    ) -> None:
        self._probes, self._factories, self._clock, self._timeout = probes, factories, clock, timeout
        self._tables = {name: list(_suited(probe, tables)) for name, probe in probes.items()}
        self._pace, self._rate = Pace(clock, rate), rate
        self._opening = asyncio.Semaphore(OPEN_AT_ONCE)

    def seconds(self, places: Sequence[Place]) -> float:
        """About how long it takes when hardly anybody is there [s]."""
        packets = waiting = 0.0
        for place in places:
            asked = [name for name in self._probes if place.protocol in ("", name)]
            packets += sum(TRIES * len(self._tables[name]) * self._probes[name].packets for name in asked)
            waiting += max((TRIES * len(self._tables[name]) * self._timeout for name in asked), default=0.0)
        return max(packets / self._rate, waiting / min(AT_ONCE, max(len(places), 1)))

    async def run(self, places: Sequence[Place], findings: Findings, step: Callable[[Findings], None]) -> None:
        """Look at every place; `findings` grows, and `step` is called after each place."""
        waiting = iter(places)

        async def look_on() -> None:
            for place in waiting:
                await self._look(place, findings)
                findings.searched += 1
                step(findings)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(AT_ONCE, len(places))):
                workers.create_task(look_on())

    async def _look(self, place: Place, findings: Findings) -> None:
        try:
            ip = await _ip(place.host)
        except OSError as error:
            findings.troubles.append(f"{place.host}: no such host ({error.strerror or error})")
            return
        findings.looked_at.add(ip)
        asked = [name for name in self._probes if place.protocol in ("", name)]
        told = await asyncio.gather(*(self._ask(place, ip, name, findings) for name in asked), return_exceptions=True)
        for fault in told:
            if isinstance(fault, Exception):  # one host's odd answer shall not end the search of all others
                kind = type(fault).__name__
                findings.troubles.append(f"{place.shown}: a fault of our own: {kind}: {fault}; please report it")

    async def _ask(self, place: Place, ip: str, protocol: str, findings: Findings) -> None:
        probe = self._probes[protocol]
        port = place.port or probe.port
        where = Place(place.host, None if port == probe.port else port).shown
        refusals = []
        for name, table in self._tables[protocol]:
            try:
                says = await self._notice(probe, ip, port, table)
            except Absent:
                break
            except Refused as error:
                findings.answered.add(ip)
                refusals.append(f"{where} speaks {probe.title}, and does not take {name}: {error}")
            except DcMonitorError:
                continue
            else:
                findings.answered.add(ip)
                if protocol in self._factories and table:
                    await self._read(f"{protocol}://{where}", ip, protocol, name, table, findings)
                else:
                    findings.heard.append(Heard(where, protocol, probe.title, says))
                return
        findings.troubles += refusals

    async def _notice(self, probe: Presence, ip: str, port: int, table: Mapping[str, Any]) -> str:
        for left in reversed(range(TRIES)):
            await self._pace.turn(probe.packets)
            try:
                return await probe(ip, port, table, self._timeout)
            except Unreachable:
                if not left:
                    raise
        raise AssertionError("no try")

    async def _read(
        self, address: str, ip: str, protocol: str, name: str, table: Mapping[str, Any], findings: Findings
    ) -> None:
        """Open and read once, as `dc-monitor read` does."""
        deadline = max(self._timeout, LEAST_PATIENCE)
        target = Target(address.partition("://")[2], address, self._clock, table, deadline=deadline)
        async with self._opening:
            collector = self._factories[protocol](target)
            info, poll = DeviceInfo("unknown"), Poll([])
            try:
                info = await collector.open()
                poll = await collector.collect()
            except DcMonitorError as error:
                poll = Poll([], (str(error),))
            finally:
                await collector.close()
        findings.devices.append(Device(address, ip, name, info, poll.readings, poll.failures))


def _suited(probe: Presence, tables: Tables) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Users of SNMPv3 first; then communities, which are sent for all to read; without any of either as a stranger."""
    fit = {name: table for name, table in tables.items() if probe.suits(table)}
    yield from sorted(fit.items(), key=lambda one: "user" not in one[1])
    if not any("user" in table for table in fit.values()):
        yield "", {}


async def _ip(host: str) -> str:
    """The address of a host; IPv4 first, where management cards listen. Raises `OSError`."""
    try:
        return str(ip_address(host))
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    found.sort(key=lambda one: one[0] is not socket.AF_INET)
    return str(found[0][4][0])
