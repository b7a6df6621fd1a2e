"""Collectors by the scheme of an address, found through the entry points `dc_monitor.collectors`.

Finding costs a scan of everything installed, so it is done once; loading is done only for what is asked.
"""

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from dc_monitor.contract import CollectorFactory
from dc_monitor.errors import ConfigError

GROUP = "dc_monitor.collectors"


@cache
def factory(scheme: str) -> CollectorFactory:
    """What makes collectors for `scheme://…`; raises `ConfigError` when nothing installed does, or it cannot load."""
    known = _known()
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, 1, 0.6)
        hint = f'; did you mean "{near[0]}://"?' if near else ""
        raise ConfigError(f'no collector speaks "{scheme}://"; known: {", ".join(sorted(known)) or "none"}{hint}')
    found = {entry.value: entry for entry in known[scheme]}  # the same one may be seen twice, in a checkout
    if len(found) > 1:
        raise ConfigError(f'two collectors for "{scheme}://" are installed: {", ".join(sorted(found))}; remove one')
    (entry,) = found.values()
    try:
        made: CollectorFactory = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f'the collector for "{scheme}://" ({entry.value}) cannot be loaded: {error}') from error
    return made


@cache
def _known() -> dict[str, list[EntryPoint]]:
    known: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        known.setdefault(entry.name, []).append(entry)
    return known
