"""What packages bring for the command line beside collectors, found by entry points; see `dc_monitor.contract`."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dc_monitor.errors import ConfigError

PRESENCE = "dc_monitor.presence"
RECORDERS = "dc_monitor.recorders"


def names(group: str) -> list[str]:
    """The schemes something is installed for."""
    return sorted(_known(group))


def load(group: str, name: str) -> Any:
    """What is installed under a name; raises `ConfigError` when nothing is, or it cannot be loaded."""
    known = _known(group)
    if name not in known:
        raise ConfigError(f'nothing installed for "{name}://"; known: {", ".join(sorted(known)) or "none"}')
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'"{name}://" ({known[name].value}) cannot be loaded: {error}') from error


@cache
def _known(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
