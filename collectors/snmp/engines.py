"""Which engine a device is asked with.

gufo-snmp, unless the credentials name a context, which it does not know, or address or options ask for pysnmp. That one
is an optional part, loaded for a device that wants it and never otherwise.
"""

import difflib
from importlib import import_module
from importlib.util import find_spec

from collectors.snmp.endpoint import ENGINES, UsmUser, credentials, endpoint, known
from collectors.snmp.session import GufoSession, Session
from dc_monitor.contract import Target
from dc_monitor.errors import ConfigError

OPTIONS = ("engine",)


def session(target: Target) -> Session:
    """A session for the device, not open yet. Raises `ConfigError` for an address, credentials or options of no use."""
    device, where, secret = target.device, endpoint(target.address), credentials(target.device, target.credentials)
    for option in target.options:
        if option not in OPTIONS:
            near = difflib.get_close_matches(option, OPTIONS, 1, 0.6)
            cure = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(OPTIONS)}"
            raise ConfigError(f"{device}: options.{option}: unknown option; {cure}")
    engine = target.options.get("engine", where.engine)
    if engine:
        known(f"{device}: options.engine", engine, ENGINES)
    user = secret if isinstance(secret, UsmUser) else None
    if user and user.context and engine == "gufo":
        raise ConfigError(f"{device}: engine: gufo knows no context, and the credentials name one: leave it out")
    if engine != "pysnmp" and not (user and user.context):
        return GufoSession(where, secret, target.clock, target.deadline)
    for package in ("pysnmp", "cryptography") if user and user.priv else ("pysnmp",):
        if find_spec(package) is None:
            why = "options.engine asks" if engine else "a context in the credentials asks"
            raise ConfigError(
                f"{device}: {why} for {package}, which is not installed: pip install 'dc-monitor[pysnmp]'"
            )
    made: Session = import_module("collectors.snmp.pysnmp_session").PysnmpSession(
        where, secret, target.clock, target.deadline
    )
    return made
