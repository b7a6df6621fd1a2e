"""A small v2 write server on a loopback thread, that answers as it is told to and keeps what it took."""

import gzip
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    client: int


class WriteServer:
    """`rule` decides each answer from the lines of a request; lines answered 204 are in `taken`, counted."""

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.taken: Counter[bytes] = Counter()
        self.rule: Callable[[list[bytes]], Answer | None] = lambda lines: Answer()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.requests.append(Request(self.path, dict(self.headers), body, self.client_address[1]))
                lines = body.split(b"\n")[:-1]
                answer = outer.rule(lines)
                if answer is None:  # hang up without a word
                    self.close_connection = True
                    return
                if answer.status == 204:
                    outer.taken.update(lines)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def __init__(self, *args: Any) -> None:
                self.open_connections: set[socket.socket] = set()
                super().__init__(*args)

            def process_request(self, request: Any, client_address: Any) -> None:
                self.open_connections.add(request)
                super().process_request(request, client_address)

            def shutdown_request(self, request: Any) -> None:
                self.open_connections.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that distrusts us hangs up

        self._server = Server(("127.0.0.1", port), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Gone as after a power cut: also kept-alive connections end."""
        self._server.shutdown()
        for connection in list(self._server.open_connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()


@contextmanager
def write_server(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[WriteServer]:
    server = WriteServer(port, context)
    try:
        yield server
    finally:
        server.close()
