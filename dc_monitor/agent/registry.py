"""Collectors by the scheme of an address, and listeners by protocol, found through entry points.

Finding costs a scan of everything installed, so it is done once; loading is done only for what is asked.
"""

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dc_monitor.contract import CollectorFactory, ListenerFactory
from dc_monitor.errors import ConfigError

GROUP = "dc_monitor.collectors"
LISTENERS = "dc_monitor.listeners"


@cache
def factory(scheme: str) -> CollectorFactory:
    """What makes collectors for `scheme://…`; raises `ConfigError` when nothing installed does, or it cannot load."""
    known = _known(GROUP)
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, 1, 0.6)
        hint = f'; did you mean "{near[0]}://"?' if near else ""
        raise ConfigError(f'no collector speaks "{scheme}://"; known: {", ".join(sorted(known)) or "none"}{hint}')
    made: CollectorFactory = _load(known[scheme], f'collector for "{scheme}://"', f'collectors for "{scheme}://"')
    return made


@cache
def listener(protocol: str) -> ListenerFactory:
    """What makes listeners for `protocol`; raises `ConfigError` like `factory`."""
    known = _known(LISTENERS)
    if protocol not in known:
        raise ConfigError(f"nothing that is installed listens for {protocol}; install dc-monitor again")
    made: ListenerFactory = _load(known[protocol], f"listener for {protocol}", f"listeners for {protocol}")
    return made


def _load(entries: Iterable[EntryPoint], one: str, several: str) -> Any:
    found = {entry.value: entry for entry in entries}  # the same one may be seen twice, in a checkout
    if len(found) > 1:
        raise ConfigError(f"two {several} are installed: {', '.join(sorted(found))}; remove one")
    (entry,) = found.values()
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the {one} ({entry.value}) cannot be loaded: {error}") from error


@cache
def _known(group: str) -> dict[str, list[EntryPoint]]:
    known: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=group):
        known.setdefault(entry.name, []).append(entry)
    return known
