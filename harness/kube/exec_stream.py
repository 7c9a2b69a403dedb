"""A command in a container over one WebSocket (v5.channel.k8s.io, else v4): bytes to its stdin, bytes from its stdout.

websocket-client makes the connection and the handshake; after that the socket is ours (`frames.py` says why).
One stream has one reader (`receive`) and any number of writers (`send`). TLS objects do not bear two threads at
once, so both take the same lock and the reader waits for data outside it.

Protocol: the first byte of a message is its channel; the error channel carries a Status when the command has ended.
Only v5 can close stdin (`kubernetes/enhancements` KEP-4006).
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import websocket

from harness.effects.clock import Clock
from harness.kube import errors
from harness.kube.frames import BINARY, CLOSE, PING, PONG, TEXT, FrameError, Message, Reader, encode
from harness.kube.transport import Transport, certificate_words, refusal

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, CLOSE_CHANNEL = 0, 1, 2, 3, 255

CHUNK = 32 * 1024
"""Bytes per message: API servers read exec messages into buffers of this size."""

READ = 256 * 1024
SEND_TIMEOUT = 20.0
"""Seconds a write may be stuck before the stream counts as dead: nobody reads at the other end."""

KEPT_STDERR = 16 * 1024


@dataclass(frozen=True)
class ExecOutcome:
    """A command that ended."""

    code: int
    out: bytes
    err: bytes


class ExecStream:
    """A running command. `receive` gives its stdout; what it says on stderr is kept in `stderr`."""

    def __init__(self, sock: socket.socket, *, protocol: str, what: str) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._reader = Reader()
        self._stdout: deque[bytes] = deque()
        self._ended: errors.StreamClosed | None = None
        self._status: Mapping[str, Any] | None = None
        self.protocol = protocol
        self.what = what
        self.stderr = b""
        self._sock.settimeout(SEND_TIMEOUT)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(self, data: bytes) -> None:
        """Bytes for the command's stdin. Raises StreamClosed."""
        view = memoryview(data)
        frames = b"".join(
            encode(BINARY, bytes((STDIN,)) + view[at : at + CHUNK].tobytes()) for at in range(0, len(data), CHUNK)
        )
        self._write(frames)

    def close_stdin(self) -> bool:
        """Half-close; False when the protocol (v4) cannot."""
        if self.protocol != V5:
            return False
        self._write(encode(BINARY, bytes((CLOSE_CHANNEL, STDIN))))
        return True

    def ping(self) -> None:
        """A WebSocket ping, so that nobody between takes the connection for idle."""
        self._write(encode(PING, b""))

    def receive(self, timeout: float) -> bytes:
        """What the command wrote, as soon as there is something; b"" after `timeout` seconds without.

        Raises StreamClosed, with the command's exit code when the server told it, after everything was read.
        """
        if self._stdout or self._take(timeout):
            data = b"".join(self._stdout)
            self._stdout.clear()
            return data
        if self._ended is not None:
            raise self._ended
        return b""

    def close(self) -> None:
        """Close the connection. The command gets the end of its stdin; a `receive` in another thread ends."""
        with contextlib.suppress(OSError, errors.StreamClosed, ValueError):
            self._write(encode(CLOSE, (1000).to_bytes(2, "big")))
        self._end("closed by us")
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sock.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _write(self, frames: bytes) -> None:
        if self._ended is not None:
            raise self._ended
        try:
            with self._lock:
                self._sock.sendall(frames)
        except (OSError, ValueError) as error:
            raise self._end(f"the connection broke while writing: {error}") from error

    def _take(self, timeout: float) -> bool:
        """Read once and sort it into channels; whether there is stdout now."""
        if self._ended is not None:
            return False
        try:
            data = self._read(timeout)
            if data is None:
                return False
            if not data:
                self._end("the connection was cut")
                return False
            for message in self._reader.feed(data):
                self._sort(message)
        except (OSError, ValueError, FrameError) as error:
            self._end(f"the connection broke: {error}")
        return bool(self._stdout)

    def _read(self, timeout: float) -> bytes | None:
        """Bytes that came, b"" at the end, None when nothing came in time."""
        pending = isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0
        if not pending and not self._poll.poll(timeout * 1000):
            return None
        with self._lock:
            self._sock.settimeout(0)
            try:
                data = self._sock.recv(READ)
                while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() and len(data) < READ:
                    data += self._sock.recv(READ)
                return data
            except (ssl.SSLWantReadError, BlockingIOError):
                return None
            finally:
                self._sock.settimeout(SEND_TIMEOUT)

    def _sort(self, message: Message) -> None:
        if message.opcode == PING:
            self._write(encode(PONG, message.payload))
        elif message.opcode == CLOSE:
            self._end("closed by the server")
        elif message.opcode in (BINARY, TEXT) and message.payload:
            channel, data = message.payload[0], message.payload[1:]
            if channel == STDOUT and data:
                self._stdout.append(data)
            elif channel == STDERR:
                self.stderr = (self.stderr + data)[-KEPT_STDERR:]
            elif channel == ERROR:
                self._finish(data)

    def _finish(self, data: bytes) -> None:
        try:
            status = json.loads(data)
        except ValueError:
            status = {"status": "Failure", "message": data.decode(errors="replace")}
        self._status = status
        self._end("the command ended")

    def _end(self, why: str) -> errors.StreamClosed:
        """Note the end, once; with the Status when one has come."""
        if self._ended is None:
            self._ended = _closed(self.what, why, self._status, self.stderr)
        return self._ended


def _closed(what: str, why: str, status: Mapping[str, Any] | None, stderr: bytes) -> errors.StreamClosed:
    if status is None:
        return errors.StreamClosed(f"{what}: {why}")
    code = exit_code(status)
    said = stderr.decode(errors="replace").strip().splitlines()
    told = f"exit code {code}" if code is not None else str(status.get("message", ""))
    return errors.StreamClosed(f"{what}: {why}: {told}" + (f" ({said[-1]})" if said else ""), code=code, status=status)


def exit_code(status: Mapping[str, Any]) -> int | None:
    """The exit code in a Status of the error channel; None when it tells of something else."""
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    return None


def open_exec(
    transport: Transport, path: str, argv: Sequence[str], *, container: str, stdin: bool, timeout: float
) -> ExecStream:
    """Start a command. Raises StreamRefused: with the server's own sentence when it gave one."""
    access = transport.access
    query: list[tuple[str, str]] = [("command", word) for word in argv]
    query += [("stdin", str(stdin).lower()), ("stdout", "true"), ("stderr", "true"), ("tty", "false")]
    query += [("container", container)] if container else []
    url = access.server.replace("http", "ws", 1) + f"{path}?{urlencode(query)}"
    what = "exec " + "/".join(path.split("/")[4:7:2])
    context = access.tls()
    ssl_options: dict[str, Any] = {"context": context} if context else {}
    if access.server_name:
        ssl_options["server_hostname"] = access.server_name
    try:
        connection = websocket.create_connection(
            url,
            timeout=timeout,
            subprotocols=[V5, V4],
            header=[f"{key}: {value}" for key, value in transport.headers().items()],
            sslopt=ssl_options,
            suppress_origin=True,
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            **_proxy(access.proxy),
        )
    except websocket.WebSocketBadStatusException as error:
        status = refusal(error.status_code, error.resp_body or b"", asked=what)
        raise errors.StreamRefused(f"{what}: {error.status_code} {status.message}", http=error.status_code) from error
    except ssl.SSLError as error:
        raise errors.StreamRefused(f"{what}: TLS failed: {certificate_words(error)}") from error
    except (OSError, websocket.WebSocketException) as error:
        raise errors.StreamRefused(f"{what}: no connection: {error}") from error
    protocol = connection.subprotocol
    if protocol not in (V5, V4) or connection.sock is None:
        connection.close(timeout=0)
        raise errors.StreamRefused(f"{what}: the server speaks neither {V5} nor {V4}, but {protocol!r}")
    return ExecStream(connection.sock, protocol=protocol, what=what)


def _proxy(url: str | None) -> dict[str, Any]:
    """The kubeconfig's proxy; without one the environment's is kept away."""
    if not url:
        return {"http_no_proxy": ["*"]}
    parts = urlsplit(url)
    options: dict[str, Any] = {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port, "http_no_proxy": [""]}
    options["proxy_type"] = parts.scheme if parts.scheme.startswith("socks") else "http"
    if parts.username:
        options["http_proxy_auth"] = (parts.username, parts.password or "")
    return options


def collect(stream: ExecStream, *, stdin: bytes, deadline: float, clock: Clock) -> ExecOutcome:
    """Run to the end. Raises TimedOut, and StreamClosed when the end came without an exit code."""
    out: list[bytes] = []
    try:
        if stdin:
            stream.send(stdin)
            stream.close_stdin()
        while (left := deadline - clock.now()) > 0:
            out.append(stream.receive(left))
    except errors.StreamClosed as end:
        if end.code is None:
            raise
        return ExecOutcome(end.code, b"".join(out), stream.stderr)
    finally:
        stream.close()
    raise errors.TimedOut(f"{stream.what}: the command is still running")
