"""Recordings of real devices, served by snmpsim once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.snmp_agents import snmpsim

RECORDINGS = (
    "akcp-sensorprobe8",
    "apc-ap7900b",
    "apc-ap8641",
    "apc-ap8959eu3",
    "apc-smtl1000-nmc3",
    "janitza-umg604",
    "riello-netman204",
)


@pytest.fixture(scope="session")
def simulated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the simulator; the community is the recording's name."""
    recordings = [shared / "devices" / "snmp" / f"{name}.snmprec" for name in RECORDINGS]
    with snmpsim(recordings, tmp_path_factory.mktemp("snmpsim")) as port:
        yield f"snmp://127.0.0.1:{port}"
