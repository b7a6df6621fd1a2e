"""Recordings of real devices, served by snmpsim once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.snmp_agents import snmpsim


@pytest.fixture(scope="session")
def simulated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the simulator; the community is the recording's name."""
    recordings = sorted((shared / "devices" / "snmp").glob("*.snmprec"))
    with snmpsim(recordings, tmp_path_factory.mktemp("snmpsim")) as port:
        yield f"snmp://127.0.0.1:{port}"
