"""What an agent tells of a TLS handshake: the name it showed, the certificate it saw. A real agent on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.model.outcome import Seen
from harness.probe.asks import Http
from harness.probe.session import Session
from harness.suite.certificates import Pair, certificate_for, same, told
from tests.contract.agent_carrier import running

HOST = "127.0.0.1"


class TlsServer:
    """Answers each request with the name shown in its handshake; has a certificate for each name it knows."""

    def __init__(self, folder: Path, pairs: dict[str, Pair]) -> None:
        self._contexts = {name: self._context(folder / name, pair) for name, pair in pairs.items()}
        first = next(iter(self._contexts.values()))
        first.sni_callback = self._choose
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._outer = first
        self._shown: str | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _context(place: Path, pair: Pair) -> ssl.SSLContext:
        place.write_bytes(pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place)
        return context

    def _choose(self, line: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> int | None:
        self._shown = name
        if name is not None and name not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        line.context = self._contexts.get(name or "", self._outer)
        return None

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._outer.wrap_socket(sock, server_side=True) as line:
                    line.recv(65536)
                    body = str(self._shown).encode()
                    line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            except OSError:
                sock.close()

    def close(self) -> None:
        self._listener.close()


PAIRS = {"a.io": certificate_for("a.io"), "b.io": certificate_for("b.io", "*.b.io")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path_factory.mktemp("tls"), PAIRS)
    yield server
    server.close()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    for agent in running(tmp_path_factory.mktemp("agent")):
        session = Session(agent.connect, "x/a")
        yield session
        session.close()


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_the_certificate_of_the_name_is_brought_back(session: Session, server: TlsServer, name: str) -> None:
    """The very one that the server has for it, though nobody vouches for it."""
    (result,) = session.ask([Http(HOST, server.port, tls=True, server_name=name)])
    assert result.seen is Seen.REACHED, result
    assert result.http is not None
    assert result.http.body.decode() == name
    assert [same(result.certificate, pair.certificate) for pair in PAIRS.values()] == [name == "a.io", name == "b.io"]
    assert told(result.certificate).startswith(name)


def test_without_a_name_none_is_shown(session: Session, server: TlsServer) -> None:
    """An empty name means none at all; plain HTTP brings no certificate."""
    (result,) = session.ask([Http(HOST, server.port, tls=True)])
    assert result.http is not None
    assert same(result.certificate, PAIRS["a.io"].certificate)
    (plain,) = session.ask([Http(HOST, server.port, timeout=0.5)])
    assert plain.certificate == b""


def test_a_refused_handshake_is_a_refusal(session: Session, server: TlsServer) -> None:
    """An alert is no silence, and says so."""
    (result,) = session.ask([Http(HOST, server.port, tls=True, server_name="nobody.io")])
    assert result.seen is Seen.REFUSED
    assert "TLS failed" in result.error
