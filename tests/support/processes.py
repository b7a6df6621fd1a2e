"""Real processes of ours, started as an operator would, ended by their own id."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def running(*arguments: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`dc-monitor ARGUMENTS…` while the block runs; its stderr goes to `log`."""
    with log.open("ab") as stderr:
        process = start(*arguments, stderr=stderr)
        try:
            yield process
        finally:
            stop(process)


def start(*arguments: str, stderr: IO[bytes], under: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """`dc-monitor ARGUMENTS…` in the background; `under` is the command of a tracer that runs it."""
    return start_python("-m", "dc_monitor", *arguments, stderr=stderr, under=under)


def start_python(*arguments: str, stderr: IO[bytes], under: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """This Python with ARGUMENTS… in the background."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "RUST_BACKTRACE": "0"}  # the latter as in our unit
    command = [*under, sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment)


def stop(process: "subprocess.Popen[bytes]", seconds: float = 20) -> None:
    """Ask to end, wait, then insist."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(true: Callable[[], object], seconds: float = 30, what: str = "") -> None:
    """Poll a condition until it holds, or fail after `seconds`; an error of the condition counts as not yet."""
    end = time.monotonic() + seconds
    problem: Exception | None = None
    while time.monotonic() < end:
        try:
            if true():
                return
        except (OSError, LookupError, ValueError) as error:
            problem = error
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what or true}") from problem


def get(url: str) -> bytes:
    """The body of a page of ours."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())
