"""Line protocol over HTTP to any server of the v2 write API: a dc-monitor site, InfluxDB 1.8+, 2 and 3.

Knows one connection and what each answer means; whoever calls it decides when to try again. Synchronous, for a thread
of its own. Sending the same lines twice is harmless: a point is its series and its time.
"""

import gzip
import http.client
import json
import logging
import re
import socket
import ssl
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from dc_monitor import __version__
from dc_monitor.errors import ConfigError, Refused, Unreachable

LOG = logging.getLogger(__name__)

LARGEST_BODY = 1 << 20
SMALLEST_BODY = 4_096
"""A server that finds this too large is not a server for us."""
_WORTH_PACKING = 1_024
_LONGEST_ANSWER = 1 << 20
_LONGEST_WAIT = 3_600.0
_DROPPED = re.compile(r"\bdropped=(\d+)\b")


class Busy(Unreachable):
    """The server is there and asks to be left alone for `retry_after` seconds."""

    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Rejected(NamedTuple):
    """Lines the server will never take, and why."""

    body: bytes
    reason: str


class _Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: str
    location: str

    @property
    def reason(self) -> str:
        """What the server says, in one line: its JSON message, else the beginning of its text."""
        said: object = self._document().get("message") or self._document().get("error")
        text = said if isinstance(said, str) else self.body[:400].decode(errors="replace")
        return " ".join(text.split())[:200] or http.client.responses.get(self.status, "no reason given")

    def by_line(self, lines: int) -> dict[int, str]:
        """Index from 0 → reason, from a server that names its bad lines, as our site and InfluxDB 3 do."""
        document = self._document()
        found: dict[int, str] = {}
        for errors, number, reason in (("errors", "line", "reason"), ("data", "line_number", "error_message")):
            told = document.get(errors)
            for error in told if isinstance(told, list) else []:
                if isinstance(error, dict) and isinstance(error.get(number), int) and 1 <= error[number] <= lines:
                    found[error[number] - 1] = str(error.get(reason, self.reason))
        return found

    def _document(self) -> dict[str, object]:
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


class LineProtocolSink:
    """One server.

    `credentials` is the name of the table `token` came from, for sentences; `ca_file` a private authority's
    certificate; `timeout` how long the server may stay silent [s]. Raises `ConfigError` for what can never work.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        token: str = "",
        credentials: str = "",
        org: str = "",
        bucket: str = "",
        ca_file: str = "",
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self._credentials = credentials
        self._largest = LARGEST_BODY
        self._connection = _connection(name, url, ca_file, timeout)
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        path = f"{parts.path.rstrip('/').removesuffix('/api/v2/write')}/api/v2/write"
        self._target = f"{path}?{urlencode({'org': org, 'bucket': bucket, 'precision': 'ns'})}"
        self._headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": f"dc-monitor/{__version__}"}
        if token:
            if not (token.isascii() and token.isprintable()):
                raise ConfigError(f'credentials "{credentials}": the token holds characters that no header may carry')
            self._headers["Authorization"] = f"Token {token}"

    def send(self, body: bytes) -> list[Rejected]:
        """Deliver every line of `body`, except those the server will never take, which come back with its reason.

        Raises
        ------
        Unreachable
            No answer, or one that promises better times; `Busy` says when.
        Refused
            A person must act: token, certificate, address, bucket.
        """
        rejected: list[Rejected] = []
        todo = [body.split(b"\n")[:-1] if body.endswith(b"\n") else body.split(b"\n")]
        while todo:
            lines = todo.pop()
            size = sum(map(len, lines)) + len(lines)
            if size > self._largest and len(lines) > 1:
                todo += _halves(lines)
                continue
            answer = self._post(b"\n".join(lines) + b"\n")
            if answer.status == 204:
                continue
            if answer.status not in (400, 413, 422) or (answer.status == 413 and size <= SMALLEST_BODY):
                raise self._trouble(answer)
            if answer.status == 413 and len(lines) > 1:
                self._largest = max(size // 2, SMALLEST_BODY)
                LOG.info('sink "%s": takes no %d bytes at once; smaller requests from now on', self.name, size)
                todo.append(lines)
                continue
            named = answer.by_line(len(lines))
            if named:
                rejected += [Rejected(lines[at] + b"\n", reason) for at, reason in sorted(named.items())]
                # Sent again without them: nothing rests on the server having kept the others or named every bad one.
                rest = [line for at, line in enumerate(lines) if at not in named]
                todo += [rest] if rest else []
            elif len(lines) == 1 or _dropped(answer.reason) == len(lines):
                rejected += [Rejected(line + b"\n", answer.reason) for line in lines]
            else:
                todo += _halves(lines)
        return rejected

    def abort(self) -> None:
        """From another thread: end a request that still waits for its answer."""
        sock = self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; it opens again by itself when needed."""
        self._connection.close()

    def _post(self, body: bytes) -> _Answer:
        headers = self._headers
        if len(body) >= _WORTH_PACKING:
            body = gzip.compress(body, compresslevel=5)
            headers = headers | {"Content-Encoding": "gzip"}
        kept_alive = self._connection.sock is not None
        try:
            try:
                return self._exchange(body, headers)
            except ConnectionError:
                if not kept_alive:
                    raise
                # The server closed an idle connection, as it may: only a new one tells whether it is there.
                return self._exchange(body, headers)
        except ssl.SSLCertVerificationError as error:
            raise Refused(
                f"the certificate of {self._origin} cannot be trusted: {error.verify_message};"
                " if it is from your own authority, name that in ca_file"
            ) from error
        except OSError as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise Unreachable(f"{self._origin} is not reachable: {reason}") from error
        except http.client.HTTPException as error:
            raise Unreachable(f"{self._origin} does not answer in HTTP: {type(error).__name__}") from error

    def _exchange(self, body: bytes, headers: dict[str, str]) -> _Answer:
        try:
            self._connection.request("POST", self._target, body, headers)
            response = self._connection.getresponse()
            answer = _Answer(
                response.status,
                response.read(_LONGEST_ANSWER),
                response.headers.get("Retry-After", ""),
                response.headers.get("Location", ""),
            )
        except BaseException:
            self._connection.close()
            raise
        if not response.isclosed():  # an endless answer: what follows on this connection would be its rest
            self._connection.close()
        return answer

    def _trouble(self, answer: _Answer) -> Unreachable | Refused:
        status, origin = answer.status, self._origin
        if status in (401, 403):
            if self._credentials:
                return Refused(
                    f'token refused by {origin} ({status}): check the token of credentials "{self._credentials}"'
                )
            return Refused(f'{origin} asks for a token ({status}): name its credentials in [send] with token = "…"')
        if status in (408, 425, 429) or status >= 500:
            sentence = f"{origin} cannot take data now ({status}): {answer.reason}"
            wait = _seconds(answer.retry_after)
            return Unreachable(sentence) if wait is None else Busy(sentence, wait)
        if 300 <= status < 400:
            return Refused(f"{origin} points elsewhere ({status}): write {answer.location[:200]!r} as url in [send]")
        return Refused(
            f"{origin} does not take line protocol ({status}, expected 204): {answer.reason};"
            " check url, org and bucket in [send]"
        )


def _connection(name: str, url: str, ca_file: str, timeout: float) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f'[send] "{name}": {error}') from error
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f'[send] "{name}": expected url = "http://host:port" or "https://host"')
    if parts.username or parts.password:
        raise ConfigError(f'[send] "{name}": no password in an url; put a token into the credentials')
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f'[send] "{name}": cannot use ca_file {ca_file}: {error.strerror or error}') from error
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def _halves(lines: list[bytes]) -> list[list[bytes]]:
    """Both halves, the later one first: the list of what is to do is taken from its end."""
    middle = len(lines) // 2
    return [lines[middle:], lines[:middle]]


def _dropped(reason: str) -> int:
    """InfluxDB counts what it dropped ("partial write: … dropped=3"): all of it needs no bisecting."""
    match = _DROPPED.search(reason)
    return int(match[1]) if match else 0


def _seconds(retry_after: str) -> float | None:
    """`Retry-After` as seconds from now: a number or a date; an hour at most, None when it says nothing."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(1.0, seconds), _LONGEST_WAIT)
