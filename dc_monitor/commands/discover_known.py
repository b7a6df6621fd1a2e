"""What a configuration knows already, so that a second search only adds.

A device is known by its address. Behind `# known by` stands, in its table, what stays when the address changes: that is
how a device which moved is told and not added again. It is a comment, so nothing but this search depends on it.
"""

import asyncio
import re
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from dc_monitor.commands.discover_names import one_line
from dc_monitor.commands.discover_search import Device
from dc_monitor.config.model import Config
from dc_monitor.contract import DeviceInfo

KNOWN_BY = "# known by "
_NAME = re.compile(r"""^name\s*=\s*["']([^"']+)["']""")

Endpoint = tuple[str, str, int | None]
"""Protocol, address and port."""


@dataclass(frozen=True, slots=True)
class Match:
    """Who a found device is among the known ones; `how` is a sentence when there is something to tell."""

    name: str
    how: str = ""


def marks(info: DeviceInfo) -> list[str]:
    """What tells a device from its twins; a comma would end a mark."""
    named = [f"sysName {info.name}"] if info.name else []
    return [one_line(mark.replace(",", " ")) for mark in (*named, *info.marks)]


def remembered(text: str) -> dict[str, frozenset[str]]:
    """Marks by the name of the device in whose table they stand."""
    found: dict[str, frozenset[str]] = {}
    name, told, inside = "", frozenset[str](), False
    for line in [*text.splitlines(), "[end]"]:
        line = line.strip()
        if line.startswith("["):
            if name and told:
                found[name] = told
            name, told, inside = "", frozenset(), line.startswith("[[device]]")
        elif inside and line.startswith(KNOWN_BY):
            told |= {mark.strip() for mark in line.removeprefix(KNOWN_BY).split(",")}
        elif inside and (written := _NAME.match(line)):
            name = written[1]
    return found


async def endpoints(config: Config, usual: Mapping[str, int]) -> dict[Endpoint, str]:
    """Devices by where they are, names looked up; `usual` is the port of each protocol.

    One whose name nobody knows just now stays under it.
    """
    found: dict[Endpoint, str] = {}
    for device in config.device:
        protocol, host, port = _endpoint(device.address, usual)
        with suppress(OSError, UnicodeError):
            told = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
            found |= {(protocol, str(one[4][0]), port): device.name for one in told}
        found[protocol, host, port] = device.name
    return found


class Known:
    """The devices of a configuration, by where they are and by their marks."""

    def __init__(
        self, at: Mapping[Endpoint, str], marks_of: Mapping[str, frozenset[str]], usual: Mapping[str, int]
    ) -> None:
        self._at, self._usual = at, usual
        self._marks = {name: told for name, told in marks_of.items() if name in at.values()}

    def matches(self, devices: Sequence[Device], searched: Collection[str]) -> dict[str, Match]:
        """Address of each found device that is no new one → who it is.

        `searched` are the addresses that were looked at: only there a silence says something.
        """
        found: dict[str, Match] = {}
        met: dict[str, str] = {}  # a mark that is somebody's own → what we call who bears it, in this very run
        at_home: set[str] = set()
        for device in devices:
            protocol, _, port = _endpoint(device.address, self._usual)
            name = self._at.get((protocol, device.ip, port), "")
            if name and name not in at_home:
                at_home.add(name)
                found[device.address] = Match(name, self._another(name, device))
                met |= dict.fromkeys(_own(marks(device.info)), name)
        for device in devices:
            if device.address in found:
                continue
            own = _own(marks(device.info))
            twin = next((met[mark] for mark in own if mark in met), "")
            name = self._moved(device, own, devices, {*searched}, at_home)
            if twin or name in at_home:
                found[device.address] = Match(name, f"{device.address} is a second address of {twin or name}")
            elif name:
                found[device.address] = Match(name, f"{name} is now at {device.address}: change its address")
            met |= dict.fromkeys(own, name or device.address)
        return found

    def _moved(
        self, device: Device, own: set[str], devices: Sequence[Device], searched: set[str], at_home: set[str]
    ) -> str:
        """Which known device this is, by a mark of its own; by its sysName where nobody else has it and one is gone."""
        for name, told in self._marks.items():
            if own & _own(told):
                return name
        if not device.info.name or [one for one in devices if one.info.name == device.info.name] != [device]:
            return ""
        gone = {name for (_, ip, _), name in self._at.items() if ip in searched} - at_home
        bearers = [name for name in gone if f"sysName {device.info.name}" in self._marks.get(name, ())]
        return bearers[0] if len(bearers) == 1 else ""

    def _another(self, name: str, device: Device) -> str:
        """What to say when somebody else answers at a known address."""
        before, now = self._marks.get(name, ()), marks(device.info)
        for kind in ("serial ", "mac "):
            old, new = (next((one for one in told if one.startswith(kind)), "") for told in (before, now))
            if old and new:
                return "" if old == new else f"{name} at {device.address} is another device now: {new}, before {old}"
        return ""


def _own(told: Iterable[str]) -> set[str]:
    """Marks no two devices share. Images are cloned with their engine, so an engine counts with its sysName only."""
    told = [*told]
    own = {mark for mark in told if mark.startswith(("serial ", "mac "))}
    named = next((mark for mark in told if mark.startswith("sysName ")), "")
    engine = next((mark for mark in told if mark.startswith("engine ")), "")
    return own | ({f"{named}, {engine}"} if named and engine else set())


def _endpoint(address: str, usual: Mapping[str, int]) -> Endpoint:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", parts.port or usual.get(parts.scheme)
    except ValueError:
        return "", address, None
