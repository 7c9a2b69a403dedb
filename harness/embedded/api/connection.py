"""One HTTPS connection for one request, that another thread can end at any moment. Standard library only.

What http.client leaves open matters here: a TLS handshake with a server that is going away may never be answered, and
a thread stuck in it holds up the end of its whole process. So connecting has a short limit of its own, a peer that
vanishes is noticed by keep-alives, and the socket is closed on every path.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
from typing import Any

CONNECT_SECONDS = 4.0
"""For the TCP connection, and for each step of the TLS handshake: far beyond what a living server takes."""
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 4), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))
"""A peer without a word for ten seconds, not even an acknowledgement, is gone (tcp(7))."""


class TlsSocket(ssl.SSLSocket):
    """Closed when the peer is gone before the handshake; the ssl module would leave it to the garbage collector."""

    def getpeername(self) -> Any:
        """The peer's address. The ssl module asks for it first of all."""
        try:
            return super().getpeername()
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the peer went away before the TLS handshake") from error


def tls_context(ca: str) -> ssl.SSLContext:
    """A context that trusts this authority only."""
    context = ssl.create_default_context(cafile=ca)
    context.sslsocket_class = TlsSocket
    return context


class Connection(http.client.HTTPSConnection):
    """A connection whose socket is known from before the handshake until the answer has been read."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls = context
        self._seconds = timeout
        self._line: ssl.SSLSocket | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._ended = False

    def connect(self) -> None:
        """Connect and shake hands. Raises OSError."""
        raw = socket.create_connection((self.host, self.port), min(CONNECT_SECONDS, self._seconds))
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEP_ALIVE:
                raw.setsockopt(socket.IPPROTO_TCP, option, value)
            line = self._tls.wrap_socket(raw, server_hostname=self.host, do_handshake_on_connect=False)
        except BaseException:
            raw.close()  # nothing is left of it where the TLS socket has taken its place
            raise
        self.sock = self._line = line
        if self._ended:
            raise ConnectionAbortedError("the call was cancelled")
        line.do_handshake()
        line.settimeout(self._seconds)

    def getresponse(self) -> http.client.HTTPResponse:
        """The answer; it is closed with the connection."""
        self._answer = super().getresponse()
        return self._answer

    def patience(self, seconds: float) -> None:
        """From now on, wait this long for each piece of the answer."""
        if self._line is not None:
            self._line.settimeout(seconds)

    def cut(self) -> None:
        """End it from another thread: whoever waits on it gets an OSError or the end of the answer at once."""
        self._ended = True
        if (line := self._line) is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which takes the TLS state away from under the reading thread.
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def finish(self) -> None:
        """Close the answer, the connection and its socket. `close` alone leaves an answer that is still being read."""
        if self._answer is not None:
            self._answer.close()
        self.close()
        if self._line is not None:
            self._line.close()
