"""Traps and informs: what SNMP agents say unasked (SNMPv1, v2c, v3).

A datagram's way: `inlet` reads it, `gate` lets it pass, `community` or `secure` opens it, `notification` decodes it,
`meaning` (from `traps.toml`) says what happened. `listener` puts that together. pysnmp does the decoding and deciphers,
and is loaded by nobody who does not listen.
"""

from importlib import import_module
from importlib.util import find_spec

from collectors.snmp.endpoint import UsmUser, credentials
from dc_monitor.contract import Listener, ListenTarget
from dc_monitor.errors import ConfigError


def trap_listener(target: ListenTarget) -> Listener:
    """A listener, not open yet. Raises `ConfigError` for credentials of no use, and without pysnmp."""
    if not target.credentials:
        raise ConfigError(
            "[traps] credentials: name at least one table with `community` or `user`: nobody is heard without"
        )
    secrets = [credentials(f'[traps] credentials "{name}"', table) for name, table in target.credentials.items()]
    private = any(isinstance(secret, UsmUser) and secret.priv for secret in secrets)
    for package in ("pysnmp", "cryptography") if private else ("pysnmp",):
        if find_spec(package) is None:
            raise ConfigError(f"[traps] needs {package}, which is not installed: pip install 'dc-monitor[pysnmp]'")
    made: Listener = import_module("collectors.snmp.traps.listener").TrapListener(target, secrets)
    return made
