"""What the agent costs: resident memory and processor share of the real process, reading real SNMP agents.

The simulated server room (another process, pysnmp) plays the devices; `dc-monitor agent` reads `--devices` of them,
each `--interval` seconds, and sends to a server in this process. Goals: at most 40 MB and 1 % of a core with ten
devices of some forty values at 10 s.

    python benchmarks/agent_footprint.py [--seconds 60] [--devices 10] [--interval 10]
"""

import argparse
import gzip
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path

import psutil

from dc_monitor.simulator.process import Child, SimulatorProcess

MB_GOAL, SHARE_GOAL = 40.0, 0.01
SETTLE = 15.0
"""Seconds until every device is open and read once."""


class Counter(BaseHTTPRequestHandler):
    """Takes every line and counts it."""

    protocol_version = "HTTP/1.1"
    lines = requests = 0

    def do_POST(self) -> None:
        """As a v2 server."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        Counter.lines += body.count(b"\n")
        Counter.requests += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def configuration(folder: Path, room: SimulatorProcess, devices: int, interval: float, port: int) -> Path:
    """One file as a person would write it."""
    addresses = list(islice(cycle(room.addresses.items()), devices))
    tables = [
        f'[[device]]\nname = "{name}-{number}"\naddress = "{address}"\ncredentials = "room"\ninterval = {interval}\n'
        for number, (name, address) in enumerate(addresses)
    ]
    file = folder / "dc-monitor.toml"
    file.write_text(
        f'credentials_file = "credentials.toml"\n[agent]\nstate = "{folder}/state"\nmetrics = "127.0.0.1:0"\n'
        f'[send]\nurl = "http://127.0.0.1:{port}"\n' + "".join(tables)
    )
    secrets = folder / "credentials.toml"
    secrets.write_text(f'[room]\nversion = "2c"\ncommunity = "{room.community}"\n')
    secrets.chmod(0o600)
    return file


def measure(agent: Child, seconds: float) -> tuple[float, float]:
    """Highest resident memory [MB] and mean share of a core over so many seconds."""
    process = psutil.Process(agent.process.pid)
    times, began = process.cpu_times(), time.monotonic()
    highest = 0.0
    while time.monotonic() - began < seconds:
        agent.check()
        highest = max(highest, process.memory_info().rss / 1e6)
        time.sleep(1.0)
    after = process.cpu_times()
    return highest, (after.user + after.system - times.user - times.system) / (time.monotonic() - began)


def main() -> int:
    """Print both figures; 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--devices", type=int, default=10)
    options.add_argument("--interval", type=float, default=10.0)
    args = options.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        room = SimulatorProcess(folder / "simulator.log")
        try:
            room.wait()
            file = configuration(folder, room, args.devices, args.interval, server.server_port)
            agent = Child("agent", ["-m", "dc_monitor", "agent", "-c", str(file)], folder / "agent.log")
            try:
                time.sleep(SETTLE)
                before = Counter.lines
                memory, share = measure(agent, args.seconds)
            finally:
                agent.stop()
        finally:
            room.stop()
    polls = args.devices * args.seconds / args.interval
    print(f"{args.devices} devices every {args.interval:g} s, {(Counter.lines - before) / polls:.1f} lines a poll")
    print(f"resident memory  {memory:6.1f} MB   goal {MB_GOAL:g} MB")
    print(f"processor        {share:6.2%}      goal {SHARE_GOAL:.0%} of a core")
    return int(memory > MB_GOAL or share > SHARE_GOAL)


if __name__ == "__main__":
    sys.exit(main())
