"""Where an SNMP agent listens, with what secret and through which engine: address and credentials, checked.

Nothing is guessed: no credentials is an error, never the community "public".
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dc_monitor.errors import ConfigError

PORT = 161
ENGINES = ("gufo", "pysnmp")
AUTH = ("md5", "sha", "sha224", "sha256", "sha384", "sha512")
PRIV = ("des", "aes", "aes192", "aes256", "aes192c", "aes256c")
"""AES-192 and AES-256 lengthen a short key as Blumenthal's draft says; with a `c`, as Reeder's and Cisco do."""
_VERSIONS = {"1": 1, "v1": 1, "2": 2, "2c": 2, "v2": 2, "v2c": 2, "3": 3, "v3": 3}
_ALSO = {"sha1": "sha", "aes128": "aes"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Host name or address, and UDP port; `engine` is one of `ENGINES`, "" where the address names none."""

    host: str
    port: int = PORT
    engine: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Community:
    """SNMPv1 (`version` 1) or SNMPv2c (2)."""

    version: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsmUser:
    """An SNMPv3 user; an algorithm of "" is none. `context` is whose objects are meant behind one agent."""

    name: str
    auth: str = ""
    auth_password: str = field(default="", repr=False)
    priv: str = ""
    priv_password: str = field(default="", repr=False)
    context: str = ""


def endpoint(address: str) -> Endpoint:
    """`snmp://host[:port][?engine=…]`, an IPv6 address in brackets. Raises `ConfigError`."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{address}: {error}; {_EXPECTED}") from None
    if parts.scheme != "snmp" or not host:
        raise ConfigError(f"{address}: {_EXPECTED}")
    if "@" in parts.netloc:
        raise ConfigError(f"snmp://…@{host}: an address holds no secret; name a table of the credentials file instead")
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.path.strip("/") or parts.fragment or asked.keys() - {"engine"}:
        raise ConfigError(f"{address}: nothing but ?engine= may follow the port; {_EXPECTED}")
    if port == 0 or any(character.isspace() for character in host):
        raise ConfigError(f"{address}: {_EXPECTED}")
    if "engine" in asked:
        known(f"{address}: engine", asked["engine"], ENGINES)
    return Endpoint(host, PORT if port is None else port, asked.get("engine", ""))


_EXPECTED = "expected snmp://host or snmp://host:port, an IPv6 address in brackets: snmp://[2001:db8::1]:161"


def known(what: str, written: str, words: Iterable[str]) -> None:
    """Raise `ConfigError` with the nearest neighbour for a word that is none of `words`."""
    words = list(words)
    if written not in words:
        near = difflib.get_close_matches(written, words, 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else f"expected one of {', '.join(words)}"
        raise ConfigError(f'{what} = "{written}": {cure}')


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
    if table.get("context"):
        raise ConfigError(f"{device}: credentials: context: only SNMPv3 has contexts")
    return Community(version, community)


def _user(device: str, table: Mapping[str, Any]) -> UsmUser:
    user = UsmUser(
        name=str(table.get("user", "")),
        auth=algorithm(str(table.get("auth", ""))),
        auth_password=str(table.get("auth_password", "")),
        priv=algorithm(str(table.get("priv", ""))),
        priv_password=str(table.get("priv_password", "")),
        context=str(table.get("context", "")),
    )
    if not user.name:
        raise ConfigError(f"{device}: credentials: SNMPv3 needs `user`")
    for key, written, password, words in (
        ("auth", user.auth, user.auth_password, AUTH),
        ("priv", user.priv, user.priv_password, PRIV),
    ):
        if written:
            known(f"{device}: credentials: {key}", written, words)
        if bool(written) != bool(password):
            raise ConfigError(f"{device}: credentials: {key} and {key}_password go together")
        if password and len(password) < 8:
            raise ConfigError(f"{device}: credentials: {key}_password: SNMPv3 wants 8 characters or more")
    if user.priv and not user.auth:
        raise ConfigError(f"{device}: credentials: priv needs auth; SNMPv3 knows no privacy without authentication")
    return user


def algorithm(written: str) -> str:
    """An algorithm as `AUTH` and `PRIV` spell it: "SHA-256" and "AES-128" are how cards write them."""
    plain = written.lower().replace("-", "").replace("_", "")
    return _ALSO.get(plain, plain)
