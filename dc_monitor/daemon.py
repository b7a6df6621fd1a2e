"""What systemd and its journal want of a service; elsewhere `notify` does nothing and log lines carry their time."""

import logging
import os
import socket
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


def log_to_stderr() -> None:
    """Log lines for a person, or for the journal, which has its own clock and wants a priority (sd-daemon(3))."""
    journal = "JOURNAL_STREAM" in os.environ
    handler = logging.StreamHandler()
    handler.setFormatter(_JournalFormatter() if journal else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"
