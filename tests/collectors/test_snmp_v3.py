"""SNMPv3 against net-snmp's own agent: keys, what a wrong one looks like, and an agent that restarts."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.snmp.ask import Asker
from collectors.snmp.endpoint import credentials, endpoint
from collectors.snmp.session import GufoSession, Silence
from dc_monitor.clock import SystemClock
from dc_monitor.errors import Refused, Unreachable

SNMPD = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DESCR = "1.3.6.1.2.1.1.1.0"
GOOD = {
    "user": "monitor",
    "auth": "sha",
    "auth_password": "authpass1234",
    "priv": "aes",
    "priv_password": "privpass1234",
}

pytestmark = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed; scripts/system-packages installs it")


def session(port: int, deadline: float = 1.0, **changes: str) -> GufoSession:
    return GufoSession(
        endpoint(f"snmp://127.0.0.1:{port}"), credentials("dut", {**GOOD, **changes}), SystemClock(), deadline
    )


@contextmanager
def snmpd(port: int, folder: Path) -> Iterator[None]:
    """An agent with one user who may read with privacy only; ready when this returns."""
    configuration = folder / "snmpd.conf"
    configuration.write_text(
        f"agentaddress udp:127.0.0.1:{port}\n"
        "createUser monitor SHA authpass1234 AES privpass1234\n"
        "rouser monitor priv\n"
        "sysDescr a test\n",
        encoding="utf-8",
    )
    command = [str(SNMPD), "-f", "-C", "-c", str(configuration), "-r", "-Ln"]
    environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "MIBS": ""}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, **quiet) as process:
        try:
            deadline = time.monotonic() + 20
            while not asyncio.run(_is_up(port)):
                assert process.poll() is None, f"snmpd ended by itself with {process.returncode}"
                assert time.monotonic() < deadline, "snmpd does not answer after 20 s"
            yield
        finally:
            process.terminate()
            process.wait(10)


async def _is_up(port: int) -> bool:
    one = session(port, deadline=0.2)
    try:
        await one.open()
    except (Unreachable, Refused):
        await asyncio.sleep(0.05)
        return False
    finally:
        await one.close()
    return True


def test_a_user_with_the_right_keys_reads_and_wrong_ones_are_told(free_port: Callable[[], int], tmp_path: Path) -> None:
    """A wrong name or authentication is refused at once; a wrong privacy password is silence, and the hint says so."""
    port = free_port()

    async def ask(**changes: str) -> object:
        one = session(port, 0.5, **changes)
        await one.open()
        try:
            return (await one.get([DESCR])).values
        finally:
            await one.close()

    with snmpd(port, tmp_path):
        assert {DESCR: b"a test"} == asyncio.run(ask())
        for wrong in ({"user": "nobody"}, {"auth_password": "wrongpass1234"}, {"auth": "md5"}):
            with pytest.raises(Refused, match="refuses this user"):
                asyncio.run(ask(**wrong))
        with pytest.raises(Silence):
            asyncio.run(ask(priv_password="wrongpass1234"))
    assert "passwords" in session(port).hint


def test_an_agent_that_restarted_is_read_again_in_the_same_poll(free_port: Callable[[], int], tmp_path: Path) -> None:
    """Its boot count is new, so the first request is lost; the second begins anew, and nobody hears of it."""
    port = free_port()
    with asyncio.Runner() as runner:
        one = session(port)
        asker = Asker(one)
        with snmpd(port, tmp_path):
            runner.run(one.open())
            assert b"a test" == runner.run(asker.meet())[DESCR].value
        with snmpd(port, tmp_path):
            assert b"a test" == runner.run(asker.ask_all([DESCR])).told[DESCR].value
        runner.run(one.close())
