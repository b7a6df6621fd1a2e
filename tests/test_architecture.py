"""The arrows of the house: who may import whom, read from the source itself."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
GROUND = {"units", "errors", "clock", "names", "readings", "contract", "topology"}
HEAVY = {"numpy", "numba", "pyarrow", "pandas", "aiohttp", "pydantic", "influxdb_client", "pysnmp"}
ON_REQUEST = {"collectors/snmp/pysnmp_codec.py"}
"""Loaded only for a device that asks for that engine; that nothing else loads it has a test of its own."""

# Room → rooms it may lean on, beside the ground floor and itself.
MAY_LEAN_ON: dict[str, set[str]] = {
    "wire": set(),
    "thinning": {"wire"},
    "spoolfile": set(),
    "spool": {"spoolfile"},
    "config": set(),
    "daemon": set(),
    "sinks": {"spool", "wire"},
    "agent": {"config", "daemon", "sinks", "spool", "thinning", "wire"},
    "kernels": set(),
    "history": {"wire"},
    "kpi": {"kernels", "history"},
    "site": {"config", "daemon", "history", "kpi", "spool", "wire"},
    "simulator": set(),
    "commands": {"agent", "config", "history", "kpi", "simulator", "sinks", "site", "spool", "wire"},
    "cli": {"commands"},
    "__main__": {"cli"},
}
LIGHT = GROUND | {"wire", "thinning", "spoolfile", "spool", "config", "daemon", "sinks", "agent", "cli", "collectors"}


def sources(folder: str) -> list[Path]:
    return sorted((HOME / folder).rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(HOME).with_suffix("").parts
    return "collectors" if parts[0] == "collectors" else parts[1]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; say where it comes from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "dc_monitor":
        return None
    known = (HOME / "dc_monitor" / parts[1]).is_dir() or (HOME / "dc_monitor" / f"{parts[1]}.py").is_file()
    return parts[1] if known else None  # the package itself holds the version and nothing else


@pytest.mark.parametrize("path", sources("dc_monitor"), ids=lambda path: str(path.relative_to(HOME)))
def test_a_room_leans_only_on_the_rooms_below_it(path: Path) -> None:
    """Data flows one way; an arrow that is not in the table above needs a decision, not an import."""
    here = room(path)
    leans_on = {target for module in imports(path) if (target := ours(module))} - GROUND - {here}

    assert set() == leans_on - MAY_LEAN_ON.get(here, set())


@pytest.mark.parametrize("path", sources("dc_monitor"), ids=lambda path: str(path.relative_to(HOME)))
def test_nothing_in_dc_monitor_imports_collectors(path: Path) -> None:
    """Collectors are found by entry point, so that a third party's is a first-class one."""
    assert [] == [module for module in imports(path) if module.split(".")[0] == "collectors"]


@pytest.mark.parametrize("path", sources("collectors"), ids=lambda path: str(path.relative_to(HOME)))
def test_collectors_lean_only_on_the_ground_floor(path: Path) -> None:
    """A collector knows devices, not spools, sinks or schedules."""
    assert set() == {target for module in imports(path) if (target := ours(module))} - GROUND


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sources("dc_monitor") + sources("collectors")
        if room(path) in LIGHT and str(path.relative_to(HOME)) not in ON_REQUEST
    ],
    ids=lambda path: str(path.relative_to(HOME)),
)
def test_the_agent_side_imports_nothing_heavy(path: Path) -> None:
    """The agent runs on a school's server: no numpy, no web framework, no second SNMP engine."""
    assert set() == {module.split(".")[0] for module in imports(path)} & HEAVY


READ_BY_SNMP = """
import asyncio, sys
from collectors.snmp import SnmpCollector
from dc_monitor.clock import SystemClock
from dc_monitor.contract import Target
from dc_monitor.errors import Unreachable

async def read(credentials):
    one = SnmpCollector(Target("d", sys.argv[1], SystemClock(), credentials, deadline=0.2))
    try:
        await one.open()
    except Unreachable:
        await one.close()

user = {"user": "u", "auth": "sha", "auth_password": "a" * 8, "priv": "aes", "priv_password": "p" * 8}
for credentials in ({"community": "c", "version": "1"}, {"community": "c"}, user):
    asyncio.run(read(credentials))
print(*sorted({"gufo", "pysnmp", "pyasn1", "cryptography"} & {name.split(".")[0] for name in sys.modules}))
"""


def test_reading_by_snmp_loads_no_second_engine(free_port: Callable[[], int]) -> None:
    """SNMPv1, v2c and v3, as far as a refused connection: pysnmp and its ciphers stay on disk until a device asks."""
    command = [sys.executable, "-c", READ_BY_SNMP, f"snmp://127.0.0.1:{free_port()}"]

    assert "gufo" == subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("path", sources("dc_monitor/kernels"), ids=lambda path: path.name)
def test_kernels_know_arrays_and_nothing_of_ours(path: Path) -> None:
    """A kernel can be lifted out and read alone."""
    assert [] == [module for module in imports(path) if ours(module) not in (None, "kernels")]


def test_the_ground_floor_has_no_circle() -> None:
    """Units lean on nothing, readings on names, names on units: never the other way round."""
    below = {
        path.stem: {ours(module) for module in imports(path)} & GROUND
        for path in sources("dc_monitor")
        if path.stem in GROUND and path.parent.name == "dc_monitor"
    }

    def reach(name: str, seen: tuple[str, ...]) -> None:
        assert name not in seen, f"circle: {' → '.join((*seen, name))}"
        for lower in below[name]:
            assert lower is not None
            reach(lower, (*seen, name))

    for name in below:
        reach(name, ())


def test_every_package_is_listed_for_the_wheel() -> None:
    """Automatic discovery refuses this layout, so a new folder is listed by hand or is missing from the wheel."""
    listed = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = {
        ".".join(path.parent.relative_to(HOME).parts)
        for path in sources("dc_monitor") + sources("collectors")
        if path.name == "__init__.py"
    }

    assert sorted(found) == sorted(listed)
