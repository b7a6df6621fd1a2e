"""What every test may ask for."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and series beside the project; the test says so when it is not there."""
    folder = Path(os.environ.get("DCMON_SHARED") or HERE.parent.parent / "shared")
    if not (folder / "devices").is_dir():
        pytest.skip(f"no shared recordings at {folder}; set DCMON_SHARED to run the tests that need them")
    return folder


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A loopback port nobody listens on just now."""

    def take() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return take
