"""Where an SNMP agent listens and with what secret: the address and the credentials of a target, checked.

Nothing is guessed: no credentials is an error, never the community "public".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from dc_monitor.errors import ConfigError

PORT = 161
AUTH = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIV = ("des", "aes", "aes192", "aes256")
_VERSIONS = {"1": 1, "v1": 1, "2": 2, "2c": 2, "v2": 2, "v2c": 2, "3": 3, "v3": 3}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host name or address, and UDP port."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Community:
    """SNMPv1 (`version` 1) or SNMPv2c (2)."""

    version: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsmUser:
    """An SNMPv3 user; an algorithm of "" is none."""

    name: str
    auth: str = ""
    auth_password: str = field(default="", repr=False)
    priv: str = ""
    priv_password: str = field(default="", repr=False)


def endpoint(address: str) -> Endpoint:
    """`snmp://host[:port]`, an IPv6 address in brackets. Raises `ConfigError`."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{address}: {error}; {_EXPECTED}") from None
    if parts.scheme != "snmp" or not host:
        raise ConfigError(f"{address}: {_EXPECTED}")
    if "@" in parts.netloc:
        raise ConfigError(f"snmp://…@{host}: an address holds no secret; name a table of the credentials file instead")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{address}: nothing may follow the port; {_EXPECTED}")
    if port == 0 or any(character.isspace() for character in host):
        raise ConfigError(f"{address}: {_EXPECTED}")
    return Endpoint(host, PORT if port is None else port)


_EXPECTED = "expected snmp://host or snmp://host:port, an IPv6 address in brackets: snmp://[2001:db8::1]:161"


def credentials(device: str, table: Mapping[str, Any]) -> Community | UsmUser:
    """The secret of a device from its credentials table. Raises `ConfigError`; the message names keys, not values."""
    if not table:
        raise ConfigError(
            f"{device}: SNMP needs credentials, and none is guessed: name a table with `community` or `user`"
        )
    written = str(table.get("version", 3 if "user" in table else 2)).lower()
    version = _VERSIONS.get(written)
    if version is None:
        raise ConfigError(f'{device}: credentials: version = "{written}": expected "1", "2c" or "3"')
    if version == 3:
        return _user(device, table)
    community = table.get("community")
    if not isinstance(community, str) or not community:
        raise ConfigError(f"{device}: credentials: SNMPv{'1' if version == 1 else '2c'} needs `community`, a text")
    return Community(version, community)


def _user(device: str, table: Mapping[str, Any]) -> UsmUser:
    if table.get("context"):
        raise ConfigError(f"{device}: credentials: context: not supported yet; only the default context can be read")
    user = UsmUser(*(str(table.get(key, "")) for key in ("user", "auth", "auth_password", "priv", "priv_password")))
    if not user.name:
        raise ConfigError(f"{device}: credentials: SNMPv3 needs `user`")
    for key, algorithm, password, known in (
        ("auth", user.auth, user.auth_password, AUTH),
        ("priv", user.priv, user.priv_password, PRIV),
    ):
        if algorithm and algorithm not in known:
            raise ConfigError(f'{device}: credentials: {key} = "{algorithm}": expected one of {", ".join(known)}')
        if bool(algorithm) != bool(password):
            raise ConfigError(f"{device}: credentials: {key} and {key}_password go together")
        if password and len(password) < 8:
            raise ConfigError(f"{device}: credentials: {key}_password: SNMPv3 wants 8 characters or more")
    if user.priv and not user.auth:
        raise ConfigError(f"{device}: credentials: priv needs auth; SNMPv3 knows no privacy without authentication")
    return user
