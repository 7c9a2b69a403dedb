"""What a node's proxy answers over HTTP: health check node ports, and about itself.

The healthCheckNodePort of a Service with externalTrafficPolicy Local tells a load balancer whether the node has local
endpoints: 200 with ready ones, else 503. The proxy's own /healthz turns to 503 when its node is about to go, /livez
does not. Source: pkg/proxy/healthcheck of kube-proxy; KEP-3836.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.model import Snapshot, service_ports
from harness.embedded.netns.namespace import NamespaceError
from harness.embedded.netns.sockets import listener_in
from harness.embedded.nft.ruleset import Family

LOG = logging.getLogger(__name__)
PROXY_PORT = 10256
OK, UNAVAILABLE = "200 OK", "503 Service Unavailable"
LEAVING = "ToBeDeletedByClusterAutoscaler"
PATIENCE = 5.0  # seconds a client may take to send its request; one that never does must not hold a socket for good


@dataclass(frozen=True)
class Health:
    """What one port answers."""

    namespace: str
    name: str
    local_endpoints: int
    frozen: bool = False
    """services/F43: whatever is answered first stays."""

    def response(self, path: str) -> bytes:
        """A whole HTTP/1.1 response; the same at every path."""
        _ = path
        body = {
            "service": {"namespace": self.namespace, "name": self.name},
            "localEndpoints": self.local_endpoints,
            "serviceProxyHealthy": True,
        }
        return _http(
            OK if self.local_endpoints else UNAVAILABLE,
            body,
            f"X-Load-Balancing-Endpoint-Weight: {self.local_endpoints}\r\n",
        )


@dataclass(frozen=True)
class ProxyHealth:
    """What the proxy says of itself."""

    updated: str
    """When the rules were last in force, RFC 3339."""
    eligible: bool = True
    """Whether its node should get traffic at all."""

    def response(self, path: str) -> bytes:
        """A whole HTTP/1.1 response: /livez is about the proxy, /healthz also about its node."""
        body: dict[str, object] = {"lastUpdated": self.updated, "currentTime": self.updated}
        if path == "/livez":
            return _http(OK, body)
        return _http(OK if self.eligible else UNAVAILABLE, {**body, "nodeEligible": self.eligible})


class Answering(Protocol):
    """What a port answers."""

    def response(self, path: str) -> bytes:
        """A whole HTTP/1.1 response."""
        ...


def _http(status: str, body: dict[str, object], headers: str = "") -> bytes:
    text = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n{headers}"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + text


def is_eligible(node: Mapping[str, Any]) -> bool:
    """Whether a node should get traffic from load balancers: neither it nor its taints say that it is about to go."""
    taints = (node.get("spec") or {}).get("taints") or ()
    return not node["metadata"].get("deletionTimestamp") and not any(one.get("key") == LEAVING for one in taints)


def health_ports(snapshot: Snapshot) -> dict[int, Health]:
    """The ports this node must answer on, and what. Terminating endpoints do not count: new traffic should go by."""
    broken = Broken(snapshot.faults, node=snapshot.node)
    wrong = functools.partial(broken.params, faults.WRONG_HEALTH)
    ports = {
        service["spec"]["healthCheckNodePort"]: service["metadata"]
        for service in snapshot.services
        if service["spec"].get("healthCheckNodePort")
        and service["spec"].get("type") == "LoadBalancer"
        and service["spec"].get("externalTrafficPolicy") == "Local"
        and (wrong(service["metadata"]["namespace"]) or {}).get("all", wrong(service["metadata"]["namespace"]) is None)
    }
    if not ports:
        return {}
    counts: dict[tuple[str, str], int] = {}
    for family in map(Family.of, snapshot.families):
        ready: dict[tuple[str, str], set[str]] = {}
        for port in service_ports(snapshot, family):
            anywhere = bool((wrong(port.namespace) or {}).get("all"))
            here = {one.address for one in port.endpoints if (one.is_local or anywhere) and one.is_ready}
            ready.setdefault((port.namespace, port.name), set()).update(here)
        # A dual-stack pod is one endpoint, however many addresses it has.
        for key, addresses in ready.items():
            counts[key] = max(counts.get(key, 0), len(addresses))
    return {
        number: Health(
            metadata["namespace"],
            metadata["name"],
            counts.get((metadata["namespace"], metadata["name"]), 0),
            broken.here(faults.STALE_HEALTH, metadata["namespace"]),
        )
        for number, metadata in ports.items()
    }


class HealthServers:
    """One small HTTP server per port and node address, in the node's namespace."""

    def __init__(self, netns: Path, addresses: Iterable[str]) -> None:
        self._netns = netns
        self._addresses = tuple(addresses)
        self._answers: dict[int, Answering] = {}
        self._servers: dict[int, list[asyncio.Server]] = {}

    async def serve(self, answers: Mapping[int, Answering]) -> None:
        """Answer exactly these ports from now on."""
        before = self._answers
        self._answers = {
            port: before.get(port, one) if isinstance(one, Health) and one.frozen else one
            for port, one in answers.items()
        }
        for port in self._servers.keys() - answers.keys():
            await self._close(port)
        for port in answers.keys() - self._servers.keys():
            await self._open(port)

    async def _open(self, port: int) -> None:
        servers: list[asyncio.Server] = []
        self._servers[port] = servers
        for address in self._addresses:
            try:
                sock = await asyncio.to_thread(listener_in, self._netns, address, port)
            except (OSError, NamespaceError) as error:
                LOG.warning("health check port %s of %s: %s", port, address, error)
                await self._close(port)  # tried again at the next change
                return
            servers.append(await asyncio.start_server(self._answer(port), sock=sock))

    def _answer(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(
                OSError, TimeoutError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
                path = head.split(b" ", 2)[1].decode(errors="replace")
                writer.write(self._answers[port].response(path))
                await writer.drain()
            writer.close()

        return answer

    async def _close(self, port: int) -> None:
        for server in self._servers.pop(port):
            server.close()

    async def close(self) -> None:
        """Stop answering."""
        await self.serve({})
