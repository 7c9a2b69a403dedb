"""The cluster's tie to its owner: end of owner, end of cluster.

A thread of its own waits for the owner's end of the socket pair to close, so that neither a busy event loop nor a
hanging component can outlive the owner. Ending this process is all there is to do: it is the first process of its
PID namespace, and the kernel removes what lived in its namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from typing import Any


class Lifeline:
    """One end of the owner's socket pair, or of the standing cluster's name."""

    def __init__(self, *, control_fd: int | None, name_fd: int | None) -> None:
        self._control = socket.socket(fileno=control_fd) if control_fd is not None else None
        self._standing = socket.socket(fileno=name_fd) if name_fd is not None else None
        self._said: dict[str, Any] | None = None
        self._spoke = threading.Event()

    def watch(self) -> None:
        """Begin to watch; returns at once."""
        if self._control is not None:
            threading.Thread(target=self._until_closed, args=(self._control,), daemon=True).start()
        if self._standing is not None:
            threading.Thread(target=self._answer, args=(self._standing,), daemon=True).start()

    def say(self, said: dict[str, Any]) -> None:
        """Tell the owner, or whoever asks for the status, that the cluster is ready (or why it is not)."""
        self._said = said
        self._spoke.set()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.sendall(json.dumps(said).encode() + b"\n")

    def _until_closed(self, control: socket.socket) -> None:
        with contextlib.closing(control), contextlib.suppress(OSError):
            while control.recv(1024):
                pass
        os._exit(0)

    def _answer(self, standing: socket.socket) -> None:
        while True:
            line, _ = standing.accept()
            threading.Thread(target=self._converse, args=(line,), daemon=True).start()

    def _converse(self, line: socket.socket) -> None:
        with contextlib.closing(line), contextlib.suppress(OSError):
            verb = line.makefile("rb").readline().strip()
            if verb == b"down":
                line.sendall(b"{}\n")
                os._exit(0)
            if verb.startswith(b"pid "):
                # Inside, this process is number 1; how the host numbers it only its maker knows.
                self._spoke.wait()
                self._said = {**(self._said or {}), "pid": int(verb[4:])}
            self._spoke.wait()
            line.sendall(json.dumps(self._said).encode() + b"\n")
