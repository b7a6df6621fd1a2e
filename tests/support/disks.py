"""Disks that become full, and have room again."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

KINDS = ("a small disk", "files that may not grow")
SIZE = 6 << 20
"""Room for a spool and its log, which grows to 4 MiB before SQLite begins it anew [B]."""

Full = Callable[["subprocess.Popen[bytes]"], AbstractContextManager[None]]
"""While its block runs the process finds its disk full."""


@contextmanager
def disk(kind: str, folder: Path) -> Iterator[Full]:
    """A disk at `folder` that a test can make full: a small one, or, where only the superuser may, the next best."""
    if kind == "a small disk":
        with small_disk(folder):
            yield lambda _: filled(folder)
    else:
        yield no_room


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of `SIZE` at `folder` while the block runs; the test says so where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk here; run the tests as root, or in a container, for this one")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Another program's file takes the last byte of the disk while the block runs."""
    other = folder / "other"
    try:
        with suppress(OSError), other.open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass
        yield
    finally:
        other.unlink()


@contextmanager
def no_room(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """No file of the process may be written beyond 64 KiB while the block runs: a full disk that needs no root."""
    limits = psutil.Process(process.pid)
    limits.rlimit(psutil.RLIMIT_FSIZE, (1 << 16, psutil.RLIM_INFINITY))
    try:
        yield
    finally:
        limits.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
