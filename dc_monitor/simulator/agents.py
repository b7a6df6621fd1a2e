"""The devices of the room as real SNMP agents: v1 and v2c, each on its own UDP port of the loopback interface.

pysnmp speaks the protocol; what is asked is looked up in a sorted table of OIDs. One engine serves all ports.
Nothing here needs rights: the ports are high ones.
"""

import asyncio
import socket
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from random import Random
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.api import verdec
from pysnmp.smi.instrum import AbstractMibInstrumController

from dc_monitor.clock import NANOSECONDS, Clock, SystemClock
from dc_monitor.simulator.devices import Cell, Device, Sight
from dc_monitor.simulator.physics import EPOCH, Room
from dc_monitor.simulator.tables import devices

LOOPBACK = "127.0.0.1"
COMMUNITY = "public"
COMMAND = ("device", "fault", "seconds", "table")
FAULTS = ("none", "silent", "slow", "reboot", "lose")
SLOW = 8.0
"""Seconds a slow agent takes to answer."""

Oid = tuple[int, ...]


class SnmpAgent:
    """One device that answers, or does not.

    Its registers count from `EPOCH` and its uptime from some weeks before `started`, until a reboot restarts both.
    """

    def __init__(self, device: Device, room: Room, clock: Clock, started: int) -> None:
        self.device = device
        self.silent = False
        self.delay = 0.0
        self._room, self._clock = room, clock
        weeks = Random(f"{device.name} uptime {room.seed}").uniform(2, 20)
        self._booted = started - round(weeks * 7 * 86_400) * NANOSECONDS
        self._since = EPOCH
        self._lay_out(device.cells)

    def get(self, oids: Sequence[Oid]) -> list[Any]:
        """The values of objects at this moment, as SMI values; noSuchInstance for those that are not there."""
        sight = self._sight()
        return [self._values[oid](sight) if oid in self._values else rfc1905.noSuchInstance for oid in oids]

    def after(self, oids: Sequence[Oid]) -> list[tuple[Oid, Any]]:
        """The objects that follow, and their values; endOfMibView for an OID behind which nothing comes."""
        sight = self._sight()
        return [self._next(oid, sight) for oid in oids]

    def fault(self, kind: str, seconds: float = SLOW, table: str = "") -> None:
        """Begin a fault, or with `none` end what goes on; `lose` takes away what lies under the OID `table`.

        Raises `ValueError` with a sentence for a fault nobody knows or a table the device has not.
        """
        if kind == "none":
            self.silent, self.delay = False, 0.0
            self._lay_out(self.device.cells)
        elif kind == "silent":
            self.silent = True
        elif kind == "slow":
            self.delay = seconds
        elif kind == "reboot":
            self._booted = self._since = self._clock.now()
        elif kind == "lose":
            kept = [cell for cell in self.device.cells if not f"{cell.oid}.".startswith(f"{table}.")]
            if len(kept) == len(self.device.cells):
                raise ValueError(f"{self.device.name} has nothing under the OID {table!r}")
            self._lay_out(kept)
        else:
            raise ValueError(f"unknown fault {kind!r}; one of {', '.join(FAULTS)}")

    def _lay_out(self, cells: Sequence[Cell]) -> None:
        self._values = {tuple(map(int, cell.oid.split("."))): _smi(cell) for cell in cells}
        self._order = sorted(self._values)

    def _next(self, oid: Oid, sight: Sight) -> tuple[Oid, Any]:
        at = bisect_right(self._order, oid)
        if at == len(self._order):
            return oid, rfc1905.endOfMibView
        found = self._order[at]
        return found, self._values[found](sight)

    def _sight(self) -> Sight:
        return self.device.sight(self._room, self._clock.now(), self._since, self._booted)


class Simulator:
    """All devices of the room, answering while the block lasts: `async with Simulator(Room(1)) as simulator:`.

    `port` is the first device's port, the others follow; 0 takes free ones. Raises `OSError` for a port that is taken.
    """

    def __init__(self, room: Room, clock: Clock | None = None, port: int = 0) -> None:
        clock = clock or SystemClock()
        started = clock.now()
        self.agents = {device.name: SnmpAgent(device, room, clock, started) for device in devices()}
        self.addresses: dict[str, str] = {}
        self._port = port

    async def __aenter__(self) -> "Simulator":
        """Bind every port; from then on questions are answered."""
        ports = range(self._port, self._port + len(self.agents)) if self._port else [0] * len(self.agents)
        endpoints = _bind(ports)
        self._engine = SnmpEngine()
        by_domain: dict[Oid, SnmpAgent] = {}
        for number, (endpoint, agent) in enumerate(zip(endpoints, self.agents.values(), strict=True), 1):
            self.addresses[agent.device.name] = f"snmp://{LOOPBACK}:{endpoint.getsockname()[1]}"
            domain = (*udp.DOMAIN_NAME, number)
            by_domain[domain] = agent
            config.add_transport(self._engine, domain, _Wire(agent).open_server_mode(sock=endpoint))
        config.add_v1_system(self._engine, "readers", COMMUNITY)
        for security_model in (1, 2):
            config.add_vacm_user(self._engine, security_model, "readers", "noAuthNoPriv", (1,))
        objects = context.SnmpContext(self._engine)
        objects.unregister_context_name(b"")
        objects.register_context_name(b"", _Objects(self._engine, by_domain))
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
            cmdrsp.SetCommandResponder,
        ):
            responder(self._engine, objects)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every port."""
        self._engine.close_dispatcher()
        await asyncio.sleep(0)  # transports close on the loop's next turn

    def command(self, wanted: Mapping[str, Any]) -> None:
        """Do what a test asks: `{"device": "pdu-a", "fault": "lose", "table": "1.3.6.1.4.1.318.1.1.26.9"}`.

        Raises `ValueError` with a sentence when it makes no sense.
        """
        if not isinstance(wanted, Mapping) or not {"device", "fault"} <= wanted.keys() <= {*COMMAND}:
            raise ValueError(f"expected an object with device and fault, and no keys but {', '.join(COMMAND)}")
        agent = self.agents.get(wanted["device"])
        if agent is None:
            raise ValueError(f"no device {wanted['device']!r}; one of {', '.join(self.agents)}")
        agent.fault(wanted["fault"], float(wanted.get("seconds", SLOW)), str(wanted.get("table", "")))


class _Objects(AbstractMibInstrumController):  # type: ignore[misc]
    """What pysnmp asks for values; the port a question came in by says which device is meant."""

    def __init__(self, engine: Any, agents: Mapping[Oid, SnmpAgent]) -> None:
        self._engine, self._agents = engine, agents

    def read_variables(self, *asked: Any, **_: Any) -> list[tuple[Any, Any]]:
        names = [name for name, _ in asked]
        return list(zip(names, self._agent().get([tuple(name) for name in names]), strict=True))

    def read_next_variables(self, *asked: Any, **_: Any) -> list[tuple[Any, Any]]:
        found = self._agent().after([tuple(name) for name, _ in asked])
        return [(rfc1902.ObjectName(oid), value) for oid, value in found]

    def _agent(self) -> SnmpAgent:
        request = self._engine.observer.get_execution_context("rfc3412.receiveMessage:request")
        return self._agents[tuple(request["transportDomain"])]


class _Wire(udp.UdpAsyncioTransport):  # type: ignore[misc]
    """A UDP port that loses or delays questions when its device is told to."""

    def __init__(self, agent: SnmpAgent) -> None:
        super().__init__()
        self._agent = agent

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        if self._agent.delay:
            self.loop.call_later(self._agent.delay, self._receive, datagram, address)
        elif not self._agent.silent:
            self._receive(datagram, address)

    def _receive(self, datagram: bytes, address: Any) -> None:
        if not self.transport.is_closing() and _is_snmp(datagram):
            super().datagram_received(datagram, address)


def _bind(ports: Iterable[int]) -> list[socket.socket]:
    """UDP sockets on the loopback interface; all of them or, with an `OSError`, none."""
    with ExitStack() as until_all_are_there:
        bound = []
        for port in ports:
            endpoint = until_all_are_there.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            endpoint.setblocking(False)
            endpoint.bind((LOOPBACK, port))
            bound.append(endpoint)
        until_all_are_there.pop_all()
        return bound


def _smi(cell: Cell) -> Callable[[Sight], Any]:
    """What a cell says, as a value of its SMI syntax."""
    syntax = getattr(rfc1902, cell.syntax)
    return lambda sight: syntax(cell.says(sight))


def _is_snmp(datagram: bytes) -> bool:
    """Whether it begins as a message: pysnmp trips over anything else, where a device says nothing."""
    try:
        verdec.decode_message_version(datagram)
    except Exception:  # whatever the decoder makes of garbage
        return False
    return True
