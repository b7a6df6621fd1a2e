"""`python -m dc_monitor.simulator`: the server room as a process of its own.

Prints one JSON line with the addresses when it is ready, and serves until SIGTERM. A line of JSON on its standard
input is a command (see `Simulator.command`); each is answered by a line.
"""

import argparse
import asyncio
import json
import signal
import sys
import threading
from typing import Any

from dc_monitor.simulator.agents import COMMUNITY, Simulator
from dc_monitor.simulator.physics import Room


async def serve(seed: int, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Simulator(Room(seed), port=port) as simulator:
        devices = [
            {"name": name, "address": simulator.addresses[name], "profile": agent.device.profile}
            for name, agent in simulator.agents.items()
        ]
        _say({"seed": seed, "community": COMMUNITY, "devices": devices})

        def obey(line: bytes) -> None:
            try:
                simulator.command(json.loads(line))
            except (ValueError, TypeError) as error:
                _say({"ok": False, "error": str(error)})
            else:
                _say({"ok": True})

        # A thread, because standard input may be a file or a terminal; unbuffered, so that it may die at any time.
        def listen() -> None:
            with open(0, "rb", buffering=0, closefd=False) as lines:
                for line in lines:
                    loop.call_soon_threadsafe(obey, line)

        threading.Thread(target=listen, daemon=True).start()
        await stopped.wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m dc_monitor.simulator", description="a small server room, over SNMP"
    )
    parser.add_argument("--ports", type=int, default=0, metavar="N", help="first UDP port, 0 for free ones (default)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which room (default 1)")
    args = parser.parse_args()
    try:
        asyncio.run(serve(args.seed, args.ports))
    except OSError as error:
        sys.exit(f"simulator: cannot open UDP ports from {args.ports} on: {error.strerror}")


def _say(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


main()
