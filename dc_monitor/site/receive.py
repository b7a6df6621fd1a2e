"""`POST /api/v2/write`: line protocol in, as any v2 server takes it.

204 means the lines are on disk. 400 names the bad lines; the good ones of the same body are on disk too.
503 with Retry-After means nothing was kept. Bodies are unpacked and read in one thread beside the event loop.
"""

import asyncio
import hmac
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web

from dc_monitor.clock import Clock
from dc_monitor.errors import DcMonitorError, Malformed
from dc_monitor.site.admission import Admission, Admitted, TooLarge, unpack
from dc_monitor.site.journal import Journal
from dc_monitor.wire import PRECISIONS, BadLine, Line

RETRY_AFTER_SECONDS = 10
MOST_ERRORS = 1000
"""So many bad lines are told one by one; the message counts them all."""


@dataclass(slots=True)
class Counts:
    """Since the process started."""

    lines: int = 0
    refused_lines: int = 0
    refused_requests: int = 0


class Receiver:
    """The write handler.

    `token` is what a writer must show, "" when none is asked for. `max_body` bounds a body as sent and as
    unpacked [bytes]. `kept` is called with lines once they are on disk.
    """

    def __init__(
        self,
        admission: Admission,
        journal: Journal,
        clock: Clock,
        token: str,
        max_body: int,
        kept: Callable[[Sequence[Line]], None],
    ) -> None:
        self._admission = admission
        self._journal = journal
        self._clock = clock
        self._token = token.encode()
        self._max_body = max_body
        self._kept = kept
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="receive")
        self.counts = Counts()

    async def write(self, request: web.Request) -> web.Response:
        """Answer one write."""
        answer = await self._answer(request)
        if answer.status != 204:
            self.counts.refused_requests += 1
        return answer

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _answer(self, request: web.Request) -> web.Response:
        if not self._authorised(request.headers.get("Authorization", "")):
            return refusal(401, "unauthorized", "the token is missing or wrong; send it as: Authorization: Token …")
        precision = request.query.get("precision", "ns")
        if precision not in PRECISIONS:
            return refusal(400, "invalid", f"precision {precision[:20]!r}: expected one of {', '.join(PRECISIONS)}")
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        loop = asyncio.get_running_loop()
        try:
            content = await request.read()
            admitted = await loop.run_in_executor(self._thread, self._admit, content, encoding, precision)
        except (TooLarge, web.HTTPRequestEntityTooLarge):
            return refusal(413, "request too large", f"at most {self._max_body} bytes, sent and unpacked; send less")
        except Malformed as error:
            return refusal(400, "invalid", str(error))
        if admitted.lines:
            try:
                await self._journal.append(admitted.body, len(admitted.lines))
            except DcMonitorError as error:
                answer = refusal(503, "unavailable", f"{error}; nothing of this body was kept, send it again")
                answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
                return answer
            await loop.run_in_executor(self._thread, self._kept, admitted.lines)
        self.counts.lines += len(admitted.lines)
        self.counts.refused_lines += len(admitted.refused)
        return partly(admitted) if admitted.refused else web.Response(status=204)

    def _authorised(self, header: str) -> bool:
        if not self._token:
            return True
        scheme, _, shown = header.partition(" ")
        return scheme.lower() in ("token", "bearer") and hmac.compare_digest(
            shown.strip().encode(errors="surrogateescape"), self._token
        )

    def _admit(self, content: bytes, encoding: str, precision: str) -> Admitted:
        body = unpack(content, encoding, self._max_body)
        return self._admission.admit(body, precision, self._clock.now())


def partly(admitted: Admitted) -> web.Response:
    """400 for a body with bad lines: how many, the first, and each with its reason."""
    refused, kept = admitted.refused, len(admitted.lines)
    first = refused[0]
    others = "; the other lines are kept" if kept else ""
    message = f"{len(refused)} of {len(refused) + kept} lines refused; first: line {first.line}: {first.reason}{others}"
    return refusal(400, "invalid", message, refused[:MOST_ERRORS])


def refusal(status: int, code: str, message: str, bad_lines: Iterable[BadLine] = ()) -> web.Response:
    """An error as v2 servers write it."""
    document: dict[str, object] = {"code": code, "message": message}
    if errors := [one._asdict() for one in bad_lines]:
        document["errors"] = errors
    return web.json_response(document, status=status)
