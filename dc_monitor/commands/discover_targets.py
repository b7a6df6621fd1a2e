"""Where to look: addresses, ranges, host names and lists of them, as a person writes them.

`10.0.0.12`, `10.0.0.0/24`, `10.0.0.5-40`, `10.0.0.250-10.0.1.20`, `ups-a.example.org`, `2001:db8::/120`, each with
`:port` behind it or a protocol before it (`snmp://10.0.0.12:1161`), and `@file` with one of these a line.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from pathlib import Path

from dc_monitor.errors import ConfigError

MOST = 65_536
"""Addresses in one run: an hour of looking, and as much as one can mean by naming a range."""

Address = IPv4Address | IPv6Address

_HOST = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")
_EXPECTED = "expected an address, 10.0.0.0/24, 10.0.0.5-40, a host name or @file"


@dataclass(frozen=True, slots=True)
class Place:
    """One host to look at: at one port only when `port` is given, for one protocol only when `protocol` is."""

    host: str
    port: int | None = None
    protocol: str = ""

    @property
    def shown(self) -> str:
        """As it stands in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def places(written: Sequence[str]) -> list[Place]:
    """Every host once, in the order of writing. Raises `ConfigError` for what is no target, and for too many."""
    found: dict[Place, None] = {}
    for one, said in _lines(written):
        try:
            many, hosts = _hosts(one)
        except ConfigError as error:
            raise ConfigError(f"{said}{error}") from error
        if many > MOST:
            raise ConfigError(f"{said}{_too_many(one, many)}")
        found.update(dict.fromkeys(hosts))
        if len(found) > MOST:
            raise ConfigError(
                f"{said}{one}: with this there are more than {MOST:,} addresses, the most of one run; search in several"
            )
    return list(found)


def _lines(written: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each target, and what an error's sentence begins with: the line of the list it comes from."""
    for one in written:
        if not one.startswith("@"):
            yield one, ""
            continue
        try:
            lines = Path(one[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "expected UTF-8"
            raise ConfigError(f"{one}: cannot read the list of hosts: {why}") from error
        for number, line in enumerate(lines, 1):
            target = line.partition("#")[0].strip()
            if target:
                yield target, f"{one[1:]}:{number}: "


def _hosts(written: str) -> tuple[int, Iterator[Place]]:
    """How many hosts a target names, and the hosts."""
    before, between, rest = written.rpartition("://")
    rest, port = _split_port(rest, written)
    many, hosts = _range(rest, written)
    return many, (Place(host, port, before if between else "") for host in hosts)


def _split_port(rest: str, written: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?", rest)
    host, port = bracketed.groups() if bracketed else (rest, None)
    if not bracketed and rest.count(":") == 1:
        host, _, port = rest.partition(":")
    if port is None:
        return host, None
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigError(f'{written}: "{port}" is no port; expected a number from 1 to 65535')
    return host, int(port)


def _range(rest: str, written: str) -> tuple[int, Iterator[str]]:
    if "/" in rest:
        try:
            network = ip_network(rest, strict=False)
        except ValueError as error:
            raise ConfigError(f"{written}: {error}; {_EXPECTED}") from None
        _refuse_nobody(network.network_address, written)
        return network.num_addresses, map(str, islice(network.hosts(), MOST))
    first, dash, last = rest.partition("-")
    start = _address(first)
    if dash and start is not None:
        end = _address(f"{first.rpartition('.')[0]}.{last}" if last.isdecimal() and start.version == 4 else last)
        if end is None or start.version != end.version:
            raise ConfigError(f'{written}: "{last}" is no end of a range; {_EXPECTED}')
        many = int(end) - int(start) + 1
        if many < 1:
            raise ConfigError(f"{written}: the range ends before it begins")
        _refuse_nobody(start, written)
        return many, (str(type(start)(int(start) + step)) for step in range(many))
    if start is None and not _HOST.fullmatch(rest):
        raise ConfigError(f"{written}: {_EXPECTED}")
    if start is not None:
        _refuse_nobody(start, written)
    return 1, iter([rest if start is None else str(start)])


def _refuse_nobody(address: Address, written: str) -> None:
    if address.is_multicast or address.is_unspecified:
        raise ConfigError(f"{written}: {address} is no host's own address")


def _address(written: str) -> Address | None:
    try:
        return ip_address(written)
    except ValueError:
        return None


def _too_many(written: str, many: int) -> str:
    said = f"{written}: {many:,} addresses, and {MOST:,} are the most of one run"
    if many >= 2**32:
        return f"{said}: in so many nothing is found by trying; name hosts, a /112 at most, or @file"
    try:
        network = ip_network(_split_port(written.rpartition("://")[2], written)[0], strict=False)
    except ValueError:
        return f"{said}: search it in parts"
    one, other = islice(network.subnets(new_prefix=network.max_prefixlen - 16), 2)
    return f"{said}: search it in parts, {one}, then {other} and so on, {many // MOST:,} in all"
