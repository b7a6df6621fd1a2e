"""What systemd and its journal want of a service; elsewhere `notify` does nothing and log lines carry their time."""

import logging
import os
import resource
import socket
import time
from contextlib import suppress

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def notify(state: str) -> None:
    """Tell the service manager `READY=1`, `WATCHDOG=1` or `STOPPING=1`; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, suppress(OSError):
        channel.setblocking(False)
        channel.sendto(state.encode(), address)


def notify_reloading() -> None:
    """Tell that files are read again; `READY=1` says when that is over, whatever came of it."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}")


def allow_many_files() -> None:
    """Take all descriptors that may be had: 1,024 is the usual first offer, and each device needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def log_to_stderr() -> None:
    """Log lines for a person, or for the journal, which has its own clock and wants a priority (sd-daemon(3))."""
    journal = "JOURNAL_STREAM" in os.environ
    handler = logging.StreamHandler()
    handler.setFormatter(_JournalFormatter() if journal else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"
