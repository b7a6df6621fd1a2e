"""A storm of traps: ten thousand a second, from a device gone mad, at an agent that has work to do."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from support.processes import get, running
from support.snmp_agents import SmallAgent, small_agent
from support.trap_messages import COMMUNITY, message, pdu

STORM = Path(__file__).parent.parent / "support" / "trap_storm.py"
RATE, SECONDS = 10_000, 3.0
INTERVAL = 0.05
TRIES = 3
"""A machine that is busy with something else at this very moment gets another one."""
UPS = ["1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999", "1.3.6.1.2.1.1.3.0|67|100", "1.3.6.1.2.1.33.1.2.1.0|2|2"]
TRAPS = [
    message(pdu("1.3.6.1.4.1.318.0.5")),
    message(pdu("1.3.6.1.4.1.318.0.5"), community="wrong"),
    b"\x30\x82garbage",
]


class Storm:
    """A real agent that reads a small one every 50 ms, and the port where it hears traps."""

    def __init__(self, agent: SmallAgent, metrics: int, traps: int, log: Path) -> None:
        self.agent, self._metrics, self._traps, self._log = agent, metrics, traps, log

    async def blow(self) -> int:
        """Send for some seconds; how many."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(STORM),
            *map(str, (self._traps, RATE, SECONDS)),
            *(trap.hex() for trap in TRAPS),
            stdout=asyncio.subprocess.PIPE,
        )
        return int((await child.communicate())[0])

    async def told(self) -> Mapping[str, float]:
        """What the agent tells on `/metrics`: the sum of each family."""
        text = (await asyncio.to_thread(get, f"http://127.0.0.1:{self._metrics}/metrics")).decode()
        return {
            family.name: sum(sample.value for sample in family.samples)
            for family in text_string_to_metric_families(text)
        }

    async def until(self, least: float, *names: str) -> Mapping[str, float]:
        """What is told once the sum of these families is so large."""
        async with asyncio.timeout(30):
            while True:
                try:
                    told = await self.told()
                except OSError:
                    told = {}
                if sum(told.get(name, 0.0) for name in names) >= least:
                    return told
                await asyncio.sleep(0.1)

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines()


@asynccontextmanager
async def reading(folder: Path, free_port: Callable[[], int]) -> AsyncIterator[Storm]:
    folder.mkdir()
    metrics, traps = free_port(), free_port()
    async with small_agent(UPS, COMMUNITY) as (agent, address):
        (folder / "agent.toml").write_text(
            f'[agent]\nstate = "{folder}/state"\nmetrics = "127.0.0.1:{metrics}"\n'
            f'[[device]]\nname = "ups-a"\naddress = "{address}"\ncredentials = "room"\ninterval = {INTERVAL}\n'
            f'[traps]\nlisten = "127.0.0.1:{traps}"\ncredentials = ["room"]\n'
        )
        secrets = folder / "credentials.toml"
        secrets.touch(0o600)
        secrets.write_text(f'[room]\ncommunity = "{COMMUNITY}"\n')
        arguments = ("agent", "-c", str(folder / "agent.toml"), "--credentials-file", str(secrets))
        with running(*arguments, log=folder / "log") as process, first_served(process.pid, os.getpid()):
            yield Storm(agent, metrics, traps, folder / "log")


@contextmanager
def first_served(*processes: int) -> Iterator[None]:
    """Before whatever else this machine does, as far as we may: of 50 ms, others can take many."""
    before = {process: os.getpriority(os.PRIO_PROCESS, process) for process in processes}
    with suppress(PermissionError):
        for process in processes:
            os.setpriority(os.PRIO_PROCESS, process, -15)
    try:
        yield
    finally:
        for process, priority in before.items():
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process, priority)


def test_a_storm_of_traps_leaves_the_polling_alone(tmp_path: Path, free_port: Callable[[], int]) -> None:
    """No poll is missed, no memory grows, every datagram is accounted for, and the log says it in a few lines."""

    async def scene(folder: Path) -> tuple[Mapping[str, float], Mapping[str, float], int, int, list[str]]:
        async with reading(folder, free_port) as storm:
            before = await storm.until(40.0, "dcmon_readings")
            asked = len(storm.agent.requests)
            sent = await storm.blow()
            asked = len(storm.agent.requests) - asked
            after = await storm.until(sent, "dcmon_events", "dcmon_trap_dropped")
            return before, after, sent, asked, storm.log

    def disturbed() -> Iterator[str]:
        missed = after["dcmon_missed_polls"] - before["dcmon_missed_polls"]
        lag = after["dcmon_agent_loop_lag_seconds"]
        if missed:
            yield f"{missed:.0f} polls missed"
        if asked < 0.9 * SECONDS / INTERVAL:
            yield f"{asked} requests in {SECONDS} s"
        if lag >= INTERVAL:
            yield f"the loop was late by {lag:.3f} s"
        if sent < 0.9 * RATE * SECONDS:
            yield f"a storm of {sent} in {SECONDS} s"

    for number in range(TRIES):
        before, after, sent, asked, log = asyncio.run(scene(tmp_path / str(number)))
        if not list(disturbed()):
            break

    assert [] == list(disturbed())
    assert after["dcmon_agent_resident_memory_bytes"] - before["dcmon_agent_resident_memory_bytes"] < 4 << 20
    taken = after["dcmon_events"]
    assert sent == taken + after["dcmon_trap_dropped"]
    assert 10 <= taken <= 200
    assert 1 == sum("ups-a: on-battery" in line for line in log)
    assert sum("traps" in line for line in log) <= 5  # where they are heard, and three or four causes
