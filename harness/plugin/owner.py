"""One owner of the cluster for all workers of a run.

The controller (or the only process, without xdist) makes the cluster when somebody first needs it and removes it at the
end. Workers ask over a loopback connection that both sides authenticate with a key of this run; it works on every
platform, leaves no file, and closes with its process.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from harness.clusters.provider import Access, ClusterError, Provider

TIE = "tie"
"""What a worker says to be told of its owner's end by the end of the line."""

SELECTED = "selected"
"""What a worker says to tell which tests of ours it was given."""

KNOWN = "known"
"""What a worker says to be told which promises are known to be broken on the cluster."""

Selected = Mapping[str, Mapping[str, Any]]
"""Tests by node id, and what each is about: who dies in one cannot say it any more."""

ORPHANED = 70
"""Exit code of a worker whose owner is gone; nobody is left to read it, but a process list shows it."""

BACKLOG = 128
"""Workers that may call at the same moment. Beyond it the kernel drops the last step of a handshake, and a caller that
waits to be spoken to waits for ever; the library's own default is one."""


class ClusterOwner:
    """Holds the provider; hands out access; destroys. Safe from many threads."""

    def __init__(
        self,
        provider: Provider,
        *,
        prepare: Callable[[Access], None],
        selected: Callable[[Selected], None] = lambda _: None,
        known: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.provider = provider
        self._prepare = prepare
        self._selected = selected
        self._known = known
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._refusal: ClusterError | None = None
        self._key = secrets.token_bytes(32)
        self._listener: Listener | None = None
        self._closed = threading.Event()

    def access(self) -> Access:
        """The cluster, made on the first call. Raises the same ClusterError for everybody when it cannot be had."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._access is None:
                try:
                    access = self.provider.create()
                    self._prepare(access)
                except ClusterError as refusal:
                    self._refusal = refusal
                    raise
                self._access = access
            return self._access

    @property
    def made(self) -> Access | None:
        """The cluster if somebody needed it."""
        return self._access

    @property
    def refusal(self) -> ClusterError | None:
        """Why there is no cluster, when it was refused."""
        return self._refusal

    def invitation(self) -> dict[str, Any]:
        """What a worker needs to reach this owner; begins to listen."""
        if self._listener is None:
            self._listener = Listener(("127.0.0.1", 0), authkey=self._key, backlog=BACKLOG)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
        return {"address": list(self._listener.address), "key": self._key.hex()}

    def close(self) -> None:
        """Stop listening and destroy the cluster."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._closed.set()
            with contextlib.suppress(OSError):
                # Closing a socket wakes nobody who waits on it; a caller who says nothing does.
                socket.create_connection(("127.0.0.1", int(listener.address[1])), timeout=1.0).close()
            listener.close()
        self.provider.destroy()

    def _serve(self, listener: Listener) -> None:
        while not self._closed.is_set():
            try:
                line = listener.accept()
            except Exception:  # noqa: BLE001, S112  # a stranger without the key must not stop the owner
                continue
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: Connection) -> None:
        with contextlib.closing(line), contextlib.suppress(EOFError, OSError):
            said = line.recv()
            if said == TIE:
                line.recv()  # never comes: the line lasts as long as the shorter of two lives
            if isinstance(said, tuple) and said[0] == SELECTED:
                self._selected(said[1])
                line.send(SELECTED)
                return
            if said == KNOWN:
                line.send(dict(self._known()))
                return
            try:
                line.send(("access", self.access()))
            except ClusterError as refusal:
                line.send(("refused", str(refusal)))


def tie_to(invitation: dict[str, Any]) -> None:
    """End this worker when its owner ends, by whatever means: who is killed must not leave workers behind.

    Raises ClusterError when the owner is gone already.
    """
    try:
        line = _called(invitation)
        line.send(TIE)
    except (OSError, EOFError) as error:
        raise ClusterError(f"the owner of the run is gone: {error}") from error
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()


def tell_selected(invitation: dict[str, Any], several: Selected) -> None:
    """Tell the owner which tests of ours there are to run, and wait until it knows. Raises ClusterError."""
    try:
        with contextlib.closing(_called(invitation)) as line:
            line.send((SELECTED, several))
            line.recv()
    except (OSError, EOFError) as error:
        raise ClusterError(f"the owner of the run is gone: {error}") from error


def known_from(invitation: dict[str, Any]) -> Mapping[str, str]:
    """What the owner knows to be broken, by promise; nothing when it is gone: nothing is excused then."""
    try:
        with contextlib.closing(_called(invitation)) as line:
            line.send(KNOWN)
            told = line.recv()
    except (OSError, EOFError):
        return {}
    return told if isinstance(told, dict) else {}


def _end_with(line: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        line.recv()
    os._exit(ORPHANED)


def _called(invitation: dict[str, Any]) -> Connection:
    host, port = invitation["address"]
    return Client((host, port), authkey=bytes.fromhex(invitation["key"]))


def access_from(invitation: dict[str, Any]) -> Access:
    """A worker's way to the owner's cluster. Raises ClusterError when it was refused or the owner is gone."""
    try:
        with contextlib.closing(_called(invitation)) as line:
            line.send("access")
            kind, said = line.recv()
    except (OSError, EOFError) as error:
        raise ClusterError(f"the owner of the cluster is gone: {error}") from error
    if kind == "refused":
        raise ClusterError(str(said))
    if not isinstance(said, Access):
        raise ClusterError(f"the owner of the cluster answered {type(said).__name__}")
    return said
