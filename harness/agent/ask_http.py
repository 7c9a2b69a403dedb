"""Asks over HTTP/1.1, with or without TLS, with or without reuse of the connection (RFC 9112)."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

from .identity import endpoint
from .loop import READ, WRITE
from .outcome import REACHED, REFUSED, Entry, Failed, entry, of_errno, silent
from .protocol import new_nonce
from .sockets import SO_RST_ON_CLOSE, Context, connected

HEAD_LIMIT = 65536
ANSWER_HEADER = "x-harness-answer"
NONCE_HEADER = "x-harness-nonce"


class _Plain:
    """A connection without TLS."""

    def __init__(self, context: Context, sock: socket.socket) -> None:
        self.context, self.sock = context, sock
        self.certificate = b""
        """What the server showed in its TLS handshake (DER)."""

    async def send(self, data: bytes) -> None:
        while data:
            sent = await self._attempt(lambda block=data: self.sock.send(block), WRITE)
            data = data[sent:]

    async def receive(self) -> bytes:
        data: bytes = await self._attempt(lambda: self.sock.recv(65536), READ)
        return data

    async def _attempt(self, action: Any, events: int) -> Any:
        """Do it, waiting for the socket as often as needed. TLS may want to read in order to write."""
        while True:
            try:
                return action()
            except BlockingIOError:
                wanted = events
            except OSError as problem:
                wanted = _tls_wants(problem)
                if not wanted:
                    raise _explained(problem) from None
            if not await self.context.loop.wait(self.sock.fileno(), wanted, self.context.deadline):
                raise silent("connected, but no whole answer", self.context.timeout)


class _Tls(_Plain):
    """A connection with TLS. Nothing is verified: who answers is proved by the answer."""

    async def shake_hands(self, server_name: str) -> None:
        import ssl  # noqa: PLC0415 - costs more to import than all else, and is rarely needed

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        self.sock = tls.wrap_socket(self.sock, server_hostname=server_name or None, do_handshake_on_connect=False)
        await self._attempt(self.sock.do_handshake, READ)
        self.certificate = self.sock.getpeercert(binary_form=True) or b""


def _tls_wants(problem: OSError) -> int:
    name = type(problem).__name__
    return READ if name == "SSLWantReadError" else WRITE if name == "SSLWantWriteError" else 0


def _explained(problem: OSError) -> Failed:
    if type(problem).__name__.startswith(("SSL", "CERT")):
        return Failed(REFUSED, f"connected, but TLS failed: {problem}")
    return of_errno(problem.errno or 0, "connected, then")


async def ask_http(context: Context, ask: dict[str, Any]) -> Entry:
    """One request, or several over the same connection; the last response is told."""
    sock = await connected(context, ask, socket.SOCK_STREAM)
    local = endpoint(sock.getsockname())
    sock.setsockopt(*SO_RST_ON_CLOSE)
    line = _Plain(context, sock)
    try:
        if ask.get("tls"):
            line = _Tls(context, sock)
            await line.shake_hands(ask.get("server_name", ""))
        replies = []
        nonce = new_nonce()
        for _ in range(ask["requests"]):
            await line.send(_request(ask, nonce))
            replies.append(await _response(line, ask))
        return _told(context, replies, local, line.certificate)
    except Failed as problem:
        problem.fields.setdefault("local", local)
        raise
    finally:
        context.loop.close(line.sock)


def _request(ask: dict[str, Any], nonce: str) -> bytes:
    host = f"[{ask['host']}]" if ":" in ask["host"] else ask["host"]
    usual = 443 if ask.get("tls") else 80
    headers = {
        "host": ask.get("host_header") or (host if ask["port"] == usual else f"{host}:{ask['port']}"),
        "user-agent": "harness-agent",
        "accept": "*/*",
        NONCE_HEADER: nonce,
    }
    headers.update({name.lower(): value for name, value in ask.get("headers", {}).items()})
    body = base64.b64decode(ask.get("body", ""))
    if "transfer-encoding" not in headers and (body or ask["method"] in ("POST", "PUT", "PATCH")):
        headers.setdefault("content-length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{ask['method']} {ask['path']} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + body


class _Reply:
    """A response while it is read."""

    def __init__(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = headers
        self.body = b""
        self.size = 0

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


async def _response(line: _Plain, ask: dict[str, Any]) -> _Reply:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            more = await line.receive()
            if not more:
                raise Failed(REFUSED, f"connected, then closed after {len(buffer)} bytes of a response")
            buffer += more
            if len(buffer) > HEAD_LIMIT:
                raise Failed(REACHED, f"answered, but not with HTTP: {buffer[:60]!r}")
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        reply = _head(head)
        if reply.status >= 200 or reply.status == 101:
            break
    await _body(line, reply, buffer, ask)
    return reply


def _head(head: bytes) -> _Reply:
    first, *rest = head.decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    if not first.startswith("HTTP/") or len(parts) < 2 or not parts[1].isdigit():
        raise Failed(REACHED, f"answered, but not with HTTP: {head[:60]!r}")
    pairs = (line.partition(":") for line in rest)
    return _Reply(int(parts[1]), [(name.strip().lower(), value.strip()) for name, _, value in pairs])


async def _body(line: _Plain, reply: _Reply, buffer: bytes, ask: dict[str, Any]) -> None:
    if ask["method"] == "HEAD" or reply.status in (204, 304):
        return
    limit = ask["limit"]
    if "chunked" in reply.header("transfer-encoding").lower():
        await _chunks(line, reply, buffer, limit)
        return
    length = int(reply.header("content-length")) if reply.header("content-length").isdigit() else None
    _take(reply, buffer, limit)
    while length is None or reply.size < length:
        more = await line.receive()
        if not more:
            if length is not None:
                raise Failed(REFUSED, f"closed after {reply.size} of {length} bytes of the body")
            return
        _take(reply, more, limit)


async def _chunks(line: _Plain, reply: _Reply, buffer: bytes, limit: int) -> None:
    while True:
        while b"\r\n" not in buffer:
            buffer += await _more(line, reply)
        size_line, _, buffer = buffer.partition(b"\r\n")
        size = int(size_line.split(b";")[0] or b"0", 16)
        while len(buffer) < size + 2:
            buffer += await _more(line, reply)
        _take(reply, buffer[:size], limit)
        buffer = buffer[size + 2 :]
        if size == 0:
            return


async def _more(line: _Plain, reply: _Reply) -> bytes:
    more = await line.receive()
    if not more:
        raise Failed(REFUSED, f"closed after {reply.size} bytes of the body, before its end")
    return more


def _take(reply: _Reply, data: bytes, limit: int) -> None:
    reply.size += len(data)
    if len(reply.body) < limit:
        reply.body += data[: limit - len(reply.body)]


def _told(context: Context, replies: list[_Reply], local: str, certificate: bytes) -> Entry:
    last = replies[-1]
    http = {"status": last.status, "headers": last.headers, "body": base64.b64encode(last.body).decode()}
    answers = [json.loads(text) for reply in replies if (text := reply.header(ANSWER_HEADER)).startswith("{")]
    told = entry(REACHED, context.began, local=local, http=http, details={"size": last.size})
    if certificate:
        told["certificate"] = base64.b64encode(certificate).decode()
    if answers:
        told["answer"] = answers[-1]
    if len(replies) > 1:
        told["replies"] = answers
    return told
