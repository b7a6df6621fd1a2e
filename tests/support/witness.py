"""A relay between agent and site that remembers what was offered and acknowledged: the witness of a promise."""

import gzip
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Witness:
    """Relays POSTs to `127.0.0.1:upstream`.

    `offered` holds every body that came: an agent offers only what its spool has on disk. `acknowledged` those that
    were answered 204.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.offered: list[bytes] = []
        self.acknowledged: list[bytes] = []
        self.port = 0


@contextmanager
def witness(upstream: int) -> Iterator[Witness]:
    """A relay that listens while the block runs; a site that is dead is told as 502."""
    seen = Witness(upstream)

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed in the middle of it
                return
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            seen.offered.append(plain)
            connection = http.client.HTTPConnection("127.0.0.1", seen.upstream, timeout=10)
            try:
                connection.request("POST", self.path, body, dict(self.headers))
                answer = connection.getresponse()
                status, told = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                status, told = 502, str(error).encode()
            finally:
                connection.close()
            if status == 204:
                seen.acknowledged.append(plain)
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            if status != 204:
                self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    seen.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
