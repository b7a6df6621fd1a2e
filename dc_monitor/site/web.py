"""The site's HTTP: routes, the page's files, and the headers every answer carries.

Nothing on the page comes from elsewhere, and the browser is told to allow nothing else.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from pathlib import PurePath
from traceback import extract_tb

from aiohttp import web

from dc_monitor.site.receive import refusal

LOG = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_KINDS = {  # our own table: the machine's may call a script text/plain, which nosniff then refuses to run
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def application(routes: Mapping[tuple[str, str], Handler], max_body: int) -> web.Application:
    """The web application: `routes` by method and path, and the page's files; a body has at most `max_body` bytes."""
    app = web.Application(client_max_size=max_body, middlewares=[_say_errors])
    app.on_response_prepare.append(_add_headers)
    for (method, path), handler in routes.items():
        app.router.add_route(method, path, handler)
    for path, handler in page().items():
        app.router.add_get(path, handler)
    return app


def page() -> dict[str, Handler]:
    """The page's files by path, read once: they are few and small, and nothing touches the disk on the event loop."""
    served: dict[str, Handler] = {}
    for entry in resources.files("dc_monitor.site.page").iterdir():
        kind = _KINDS.get(PurePath(entry.name).suffix)
        if kind:
            served[f"/{entry.name}"] = _file(entry.read_bytes(), kind)
    if "/index.html" in served:
        served["/"] = served["/index.html"]
    return served


def _file(content: bytes, kind: str) -> Handler:
    etag = hashlib.sha256(content).hexdigest()[:32]

    async def serve(request: web.Request) -> web.Response:
        answer = web.Response(headers={"Cache-Control": "no-cache"})
        answer.etag = etag
        if any(known.value in (etag, "*") for known in request.if_none_match or ()):
            answer.set_status(304)
        else:
            answer.content_type, answer.charset, answer.body = kind, "utf-8", content
        return answer

    return serve


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


@web.middleware
async def _say_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors of the framework, and faults of our own, as JSON and without a stack trace."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = refusal(error.status, error.reason.lower(), f"{request.method} {request.path}: {error.reason}")
        if isinstance(error, web.HTTPMethodNotAllowed):
            answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return answer
    except (ConnectionError, web.RequestPayloadError):
        return refusal(400, "invalid", "the request ended before its body did")
    except Exception as error:
        at = extract_tb(error.__traceback__)[-1]
        LOG.error("cannot answer %s, by a fault of our own: %r at %s:%s", request.path, error, at.filename, at.lineno)
        return refusal(500, "internal error", "a fault of the site itself; its log says where")
