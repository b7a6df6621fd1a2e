"""Child processes: started, watched, and ended by their own id whatever happens in between.

`start_simulator` is the simulated server room as one of them.
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dc_monitor.errors import DcMonitorError, Unreachable

PATIENCE = 10.0
"""Seconds a process may usually take to end when asked kindly."""
READY = 30.0
"""Seconds the simulator may take to draw its room and open its ports, on a slow machine."""


class Child:
    """A process of ours, running Python; what it says on stderr is kept in `log` for the day it dies.

    It is out of reach of our terminal's Ctrl-C, so that it ends when we say so and not in the middle of its work;
    `patience` is how long it may then take [s]. One that `talks` has pipes for its standard input and output.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], log: Path, talks: bool = False, patience: float = PATIENCE
    ) -> None:
        self.name, self._log, self._patience = name, log, patience
        pipe = subprocess.PIPE if talks else subprocess.DEVNULL
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(  # noqa: S603 # our own interpreter and arguments
                [sys.executable, *arguments], stdin=pipe, stdout=pipe, stderr=stderr, start_new_session=True
            )

    def check(self) -> None:
        """Raise `DcMonitorError` with its last words if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise DcMonitorError(f"the {self.name} ended (exit code {code}); its last words:\n{self.last_words()}")

    def last_words(self, lines: int = 8) -> str:
        """The end of what it said on stderr."""
        said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in said[-lines:]) or "  (none)"

    def stop(self) -> None:
        """End it: ask, wait, and only then insist. May be called twice."""
        self.process.terminate()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        try:
            self.process.wait(self._patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class SimulatorProcess(Child):
    """The simulated server room; `addresses` tells where each device answers, once `wait` has returned."""

    def __init__(self, log: Path, seed: int = 1) -> None:
        super().__init__("simulator", ["-m", "dc_monitor.simulator", "--seed", str(seed)], log, talks=True)
        self.addresses: Mapping[str, str] = {}
        self.community = ""

    def wait(self) -> None:
        """Wait until every device answers."""
        ready = self._hear()
        self.addresses = {device["name"]: device["address"] for device in ready["devices"]}
        self.community = ready["community"]

    def command(self, **wanted: object) -> None:
        """Begin or end a fault: `command(device="ups-a", fault="silent")`; returns when it is in force."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self.process.stdin.flush()
        answer = self._hear()
        if not answer["ok"]:
            raise DcMonitorError(f"the simulator refused {wanted}: {answer['error']}")

    def _hear(self) -> Any:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], READY)[0]:
            raise Unreachable(f"the simulator said nothing for {READY:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(self._patience)
            self.check()
        return json.loads(line)


@contextmanager
def start_simulator(log: Path, seed: int = 1) -> Iterator[SimulatorProcess]:
    """The simulated room in a process of its own, ready, and ended with the block."""
    simulator = SimulatorProcess(log, seed)
    try:
        simulator.wait()
        yield simulator
    finally:
        simulator.stop()
