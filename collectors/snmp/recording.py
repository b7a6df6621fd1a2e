"""Everything an SNMP agent says that a profile might read, as a fixture without what belongs to people.

Asks    GETBULK from object to object, GETNEXT where that is not understood, one request at a time, with a pause as
        long as each answer took; addresses, neighbours and processes are never asked.
Yields  lines as snmpsim reads them, and what our own collector makes of these very lines.
Needs   what the collector needs, and pysnmp: gufo-snmp loses the types of values.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from collectors.snmp.endpoint import UsmUser, credentials, endpoint
from dc_monitor.contract import Recording, Target
from dc_monitor.errors import ConfigError


class SnmpRecorder:
    """See `dc_monitor.contract.Recorder`."""

    suffix = ".snmprec"

    async def __call__(self, target: Target, keep_labels: bool, progress: Callable[[int], None]) -> Recording:
        """Walk, blank, read again; raises `ConfigError`, `Unreachable`, `Refused` or `Malformed`."""
        user = credentials(target.device, target.credentials)
        endpoint(target.address)
        for package in ("pysnmp", "cryptography") if isinstance(user, UsmUser) and user.priv else ("pysnmp",):
            if find_spec(package) is None:
                raise ConfigError(
                    f"to record takes {package}, which is not installed: pip install 'dc-monitor[pysnmp]'"
                )
        made: Recording = await import_module("collectors.snmp.walk").record(target, keep_labels, progress)
        return made


SNMP = SnmpRecorder()
