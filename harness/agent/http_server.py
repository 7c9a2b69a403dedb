"""The HTTP half of the TCP servers: a few paths, HTTP/1.1 with keep-alive (RFC 9112), nothing else.

    /  /echo[/…]    identity with method, path, headers and size of the body, as JSON
    /hostname       the pod's name            /clientip    the client's address and port as seen here
    /headers        the request's headers as JSON
    /ready          200 or 503, as the agent was told     /healthz   200
    /slow?ms=N      as /echo, after N ms      /body?bytes=N   N bytes     /status?code=N   that status
Every response carries the identity in the header `x-harness-answer`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .identity import Identity

if TYPE_CHECKING:
    from .servers import Connection

NONCE = "x-harness-nonce"
LARGEST_BODY = 64 * 1024 * 1024
_BLOCK = b"0123456789abcdef" * 4096
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class Request:
    """A request whose body has been read."""

    def __init__(self, method: str, target: str, headers: list[tuple[str, str]]) -> None:
        self.method = method
        self.path, _, query = target.partition("?")
        self.target = target
        self.query = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        self.headers = headers
        self.body_size = 0

    def header(self, name: str) -> str:
        """The first header of that name (in lower case)."""
        return next((value for key, value in self.headers if key == name), "")

    def number(self, name: str) -> int:
        """A number of the query, 0 when there is none."""
        text = self.query.get(name, "")
        return int(text) if text.isdigit() else 0


async def speak_http(
    connection: Connection, line: bytes, identity: Identity, peer: tuple[Any, ...], local: tuple[Any, ...]
) -> None:
    """Answer requests on this connection until the client has enough."""
    while line and line != b" ":
        request = _parsed(line, await connection.head())
        if request is None:
            await connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            return
        size = request.header("content-length")
        if request.header("expect").lower() == "100-continue":
            await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in request.header("transfer-encoding").lower():
            request.body_size = await _swallow_chunks(connection)
        elif size.isdigit():
            request.body_size = await connection.swallow(min(int(size), LARGEST_BODY))
        stay = request.header("connection").lower() != "close" and b"HTTP/1.1" in line
        await _respond(connection, request, identity, (peer, local), stay=stay)
        if not stay:
            return
        line = await connection.line()


async def _swallow_chunks(connection: Connection) -> int:
    took = 0
    while True:
        line = await connection.line()
        size = int(line.split(b";")[0].strip() or b"0", 16)
        took += await connection.swallow(size)
        await connection.line()
        if size == 0:
            return took


def _parsed(line: bytes, head: list[bytes]) -> Request | None:
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3:
        return None
    pairs = (entry.decode("latin-1").partition(":") for entry in head)
    return Request(parts[0], parts[1], [(name.strip().lower(), value.strip()) for name, _, value in pairs])


async def _respond(
    connection: Connection,
    request: Request,
    identity: Identity,
    ends: tuple[tuple[Any, ...], tuple[Any, ...]],
    *,
    stay: bool,
) -> None:
    answer = identity.answer("http", request.header(NONCE), *ends, path=request.path)
    if request.path == "/slow":
        await connection.pause(request.number("ms") / 1000)
    status, kind, body, size = _content(request, identity, answer)
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'As Asked')}\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n"
        f"x-harness-answer: {answer}\r\nconnection: {'keep-alive' if stay else 'close'}\r\n\r\n"
    ).encode()
    if request.method == "HEAD":
        await connection.send(head)
        return
    await connection.send(head + body)
    left = size - len(body)
    while left:
        block = _BLOCK[:left]
        await connection.send(block)
        left -= len(block)


def _content(request: Request, identity: Identity, answer: str) -> tuple[int, str, bytes, int]:
    """Status, content type, body, and the size of the whole body (the rest is filler)."""
    told: dict[str, Any] = json.loads(answer)
    text, status = "", 200
    if request.path in ("/", "/echo", "/slow") or request.path.startswith("/echo/"):
        told |= {"method": request.method, "target": request.target, "body": request.body_size}
        text = json.dumps({**told, "headers": request.headers})
    elif request.path == "/headers":
        text = json.dumps(request.headers)
    elif request.path == "/hostname":
        text = identity.pod
    elif request.path == "/clientip":
        text = str(told["saw"])
    elif request.path == "/ready":
        status, text = (200, "ready\n") if identity.ready else (503, "not ready\n")
    elif request.path == "/healthz":
        text = "alive\n"
    elif request.path == "/body":
        return 200, "application/octet-stream", b"", min(request.number("bytes"), LARGEST_BODY)
    elif request.path == "/status":
        status = request.number("code") or 200
    else:
        status, text = 404, f"no {request.path} here\n"
    kind = "application/json" if text.startswith(("{", "[")) else "text/plain"
    return status, kind, text.encode(), len(text.encode())
