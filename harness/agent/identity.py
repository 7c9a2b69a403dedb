"""Who this agent is, from the downward API's environment, and how it says so in an answer."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

KEPT = 4096
"""Questions remembered for `heard`: enough for a table from every pod of an arena, several times."""


def endpoint(address: tuple[Any, ...]) -> str:
    """`10.0.0.1:80`, `[fd00::1]:80`; an IPv4 address in IPv6 clothes is shown as what it is."""
    host, port = str(address[0]).partition("%")[0], address[1]
    if host.startswith("::ffff:") and "." in host:
        host = host[7:]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Identity:
    """This pod, and what its servers heard."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.pod = environment.get("POD_NAME") or socket.gethostname()
        self.namespace = environment.get("POD_NAMESPACE", "")
        self.node = environment.get("NODE_NAME", "")
        self.uid = environment.get("POD_UID", "")
        self.ips = [ip for ip in environment.get("POD_IPS", "").split(",") if ip]
        self.ready = True
        self.heard: deque[tuple[float, str, int, str, str]] = deque(maxlen=KEPT)
        self._fixed = json.dumps({"pod": self.pod, "namespace": self.namespace, "node": self.node})[:-1]

    def me(self) -> dict[str, Any]:
        """Everything, for the host's greeting."""
        about = {"pod": self.pod, "namespace": self.namespace, "node": self.node, "uid": self.uid, "ips": self.ips}
        return {**about, "pid": os.getpid(), "started": _STARTED}

    def answer(self, proto: str, nonce: str, peer: tuple[Any, ...], local: tuple[Any, ...], **extra: Any) -> str:
        """The answer to a question as JSON text; the question is remembered."""
        saw = endpoint(peer)
        self.heard.append((time.monotonic(), proto, local[1], nonce, saw))
        told = json.dumps({"nonce": nonce, "saw": saw, "local": endpoint(local), **extra})
        return f"{self._fixed}, {told[1:]}"

    def recall(self, *, nonce: str = "", client: str = "") -> list[dict[str, Any]]:
        """What was heard of a nonce (as a prefix) or a client's address."""
        names = ("at", "proto", "port", "nonce", "saw")
        return [
            dict(zip(names, entry, strict=True))
            for entry in self.heard
            if entry[3].startswith(nonce) and (not client or entry[4].rpartition(":")[0].strip("[]") == client)
        ]


_STARTED = time.monotonic()
