"""What the services will stand on: the servers they send to, the disk, the ports and the clock of this machine.

Nothing is left behind: no line at a server, no spool on the disk.
"""

import ctypes
import errno
import http.client
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from dc_monitor.agent.plan import SinkPlan
from dc_monitor.agent.words import size
from dc_monitor.clock import NANOSECONDS, Clock
from dc_monitor.commands.check_result import Part, SinkResult
from dc_monitor.config.model import Config
from dc_monitor.config.values import Listen
from dc_monitor.errors import DcMonitorError, Unreachable

EMPTY = re.compile(r"requires points|no (points|lines|data)|empty", re.IGNORECASE)
"""How a server says that an empty line holds nothing to keep."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANY = ("0.0.0.0", "::")  # noqa: S104 # not bound here
HTTP_SECONDS = 2.0
YEARS = range(2024, 2101)
"""A clock outside of them is not set."""
_TIME_ERROR = 5
_TIMEX_BYTES = 208
"""`struct timex` of adjtimex(2)."""


def try_sink(plan: SinkPlan, receive: Listen) -> SinkResult:
    """Send one empty line: address, certificate, token and bucket are all looked at before a server finds it empty.

    A site, InfluxDB 1.8, 2 and 3 answer 204 and keep nothing (3 makes the database, as the first reading would);
    others may complain of a body without points, which is as good. `receive` is where the site of this very file
    will listen: it need not run yet. Blocks for as long as the server takes.
    """
    sink, url = plan.sink, plan.send.url

    def result(ok: bool, told: str) -> SinkResult:
        return SinkResult(sink.name, url, ok, told)

    try:
        rejected = sink.send(b"\n")
    except Unreachable as error:
        if _same(url, receive) and _connects(receive) is None:
            return result(True, "this file's own site, not running yet")
        return result(False, str(error))
    except DcMonitorError as error:
        return result(False, str(error))
    finally:
        sink.close()
    if rejected and not EMPTY.search(rejected[0].reason):
        return result(False, f"answers 400 to an empty line: {rejected[0].reason}")
    return result(True, "takes data with this token" if plan.token else "takes data without a token")


def look_around(config: Config, agent: bool, site: bool, clock: Clock) -> Iterator[Part | str]:
    """Parts of this machine that `agent` and `site` need, and hints as plain sentences."""
    if agent and config.send:
        yield from _folder("spool", config.agent.state_path, "spool.db", config.agent.spool_quota, "[agent] state")
    metrics, page = config.agent.metrics, config.receive.listen
    if agent and metrics is not None:
        yield _port("metrics", metrics, "[agent] metrics", "an agent", metrics)
    if agent and config.traps:
        yield _port("traps", config.traps.listen, "[traps] listen", "an agent", metrics, socket.SOCK_DGRAM)
    if site:
        data = config.receive.data_path
        yield from _folder("archive", data, "journal.sqlite", config.receive.journal_quota, "[receive] data")
        yield _port("page", page, "[receive] listen", "a site", page)
    yield from _clock(clock)


def _folder(about: str, folder: Path, file: str, quota: int, key: str) -> Iterator[Part | str]:
    """Whether `folder` can be written, or made where it will lie, and has room for `quota` bytes."""
    try:
        existing = next(one for one in (folder, *folder.parents) if one.exists())
        if existing == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
        elif not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
            raise PermissionError(errno.EACCES, f"nothing can be made in {existing}")
        free = shutil.disk_usage(existing).free
        held = (folder / file).stat().st_size if (folder / file).exists() else 0
    except OSError as error:
        yield Part(about, False, f"{folder} cannot be written: {error.strerror}; write another folder: {key}")
        return
    shown = f"{folder} can be written, {size(free)} free"
    if folder.is_relative_to(Path.home()):
        shown += "; a service of systemd is given another folder"
    yield Part(about, True, shown)
    if free + held < quota:
        yield (
            f"{folder}: {size(free)} are free and the {about} may take {size(quota)}, so the disk may be full before "
            f"the quota drops what is oldest; make room, or lower the quota beside {key}"
        )


def _port(about: str, listen: Listen, key: str, who: str, shows: Listen | None, kind: int = socket.SOCK_STREAM) -> Part:
    """Whether `listen` is free, or taken by one of ours that runs already and `shows` its metrics."""
    try:
        _try_to_listen(listen, kind)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return Part(about, False, f"cannot listen on {listen}: {error.strerror}; write another one: {key}")
        if shows and b"dcmon_" in (_connects(shows) or b""):
            return Part(about, True, f"{who} listens on {listen} already")
        return Part(about, False, f"another program listens on {listen}; stop it, or write another one: {key}")
    return Part(about, True, f"{listen} is free")


def _try_to_listen(listen: Listen, kind: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        listen.host, listen.port, type=kind, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        if kind == socket.SOCK_DGRAM:
            probe.bind(address)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()


def _clock(clock: Clock) -> Iterator[Part | str]:
    now = datetime.fromtimestamp(clock.now() // NANOSECONDS, UTC)
    told = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now.year not in YEARS:
        yield Part("clock", False, f"{told}: that cannot be, and every reading would carry it; set the clock")
        return
    yield Part("clock", True, told)
    if not _synchronised():
        yield (
            "no time server keeps the clock of this machine right, and readings carry its time; with systemd: "
            "timedatectl set-ntp true"
        )


def _synchronised() -> bool:
    """What the kernel thinks; True where it cannot be asked."""
    try:
        told: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return True
    return told != _TIME_ERROR


def _connects(listen: Listen) -> bytes | None:
    """What `/metrics` answers there; None when nobody listens."""
    host = LOOPBACK[ANY.index(listen.host)] if listen.host in ANY else listen.host
    connection = http.client.HTTPConnection(host, listen.port, timeout=HTTP_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _same(url: str, listen: Listen) -> bool:
    parts = urlsplit(url)
    local = parts.hostname in LOOPBACK and listen.host in (*LOOPBACK, *ANY)
    return parts.port == listen.port and (local or parts.hostname == listen.host)
