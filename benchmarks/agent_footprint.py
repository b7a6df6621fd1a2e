"""What the agent costs: resident memory and processor share of the real process, reading real SNMP agents.

The simulated server room (another process, pysnmp) plays the devices; `dc-monitor agent` reads `--devices` of them,
each `--interval` seconds, and sends to a server in this process. Goals: at most 40 MB and 1 % of a core with ten
devices of some forty values at 10 s.

    python benchmarks/agent_footprint.py [--seconds 60] [--devices 10] [--interval 10]
"""

import argparse
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from support.agent import device, running_agent
from support.process import Watch, stay_on
from support.server import line_server

from dc_monitor.simulator.process import start_simulator

MB_GOAL, SHARE_GOAL = 40.0, 0.01
SETTLE = 15.0
"""Seconds until every device is open and read once."""


def main() -> int:
    """Print both figures; 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--devices", type=int, default=10)
    options.add_argument("--interval", type=float, default=10.0)
    args = options.parse_args()
    stay_on(1)
    with (
        tempfile.TemporaryDirectory() as name,
        line_server() as server,
        start_simulator(Path(name) / "simulator.log") as room,
    ):
        devices = [
            device(f"{one}-{number}", address, args.interval, credentials='"room"')
            for number, (one, address) in enumerate(islice(cycle(room.addresses.items()), args.devices))
        ]
        with running_agent(Path(name), devices, server.port, secrets={"room": room.community}) as agent:
            time.sleep(SETTLE)
            before = len(server.kept)
            watch = Watch(agent.process.pid)
            watch.start()
            time.sleep(args.seconds)
            watch.stop()
            agent.check()
        lines = sum(1 for _ in server.lines(before))
    polls = args.devices * args.seconds / args.interval
    print(f"{args.devices} devices every {args.interval:g} s, {lines / polls:.1f} lines a poll")
    print(f"resident memory  {watch.memory:6.1f} MB   goal {MB_GOAL:g} MB")
    print(f"processor        {watch.share:6.2%}      goal {SHARE_GOAL:.0%} of a core")
    return int(watch.memory > MB_GOAL or watch.share > SHARE_GOAL)


if __name__ == "__main__":
    sys.exit(main())
