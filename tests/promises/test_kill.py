"""Killed at any moment: what was promised is in the archive, once."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from support.counting import Room, missing, numbers
from support.processes import stop, wait_for
from support.witness import witness

KILLS = 50


def test_every_acknowledged_reading_is_archived_once_whatever_is_killed(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """Agent and site are killed fifty times at random moments, with thousands of readings a second on their way.

    A reading is acknowledged when its commit is on disk: whatever a dead agent's spool holds, and whatever an agent
    ever offered, for it came out of the spool. Afterwards every such reading is in the archive, none is there twice,
    and no agent's life has a hole.
    """
    chance = random.Random(20261124)
    port = free_port()
    with witness(port) as seen, Room(tmp_path, port, {"site": seen.port}, devices=10, points=30, interval=0.1) as room:
        agent, site, life = room.start_agent(0), room.start_site(), 0
        wait_for(lambda: seen.acknowledged, 60, "the first acknowledged batch")
        kept: list[bytes] = []
        for kill in range(KILLS):
            the_site = kill % 5 in (1, 3)
            time.sleep(chance.uniform(0.3, 2.2) if the_site else chance.uniform(0.0, 1.0))
            if the_site:
                site.kill()
                site.wait()
                site = room.start_site()
            else:
                agent.kill()
                agent.wait()
                kept += room.waiting()
                life += 1
                agent = room.start_agent(life)
        before = len(seen.acknowledged)
        wait_for(lambda: len(seen.acknowledged) > before, 60, "a batch after the last kill")
        stop(agent)
        kept += room.waiting()
        room.deliver(life + 1)
        stop(site)

    promised = numbers(kept + seen.offered)
    found = room.archived()
    assert 300 == len(found)
    assert sum(map(len, promised.values())) > 50_000
    for point, there in found.items():
        assert len(set(there)) == len(there)
        assert set() == promised[point] - set(there)
        assert [] == missing(there)
