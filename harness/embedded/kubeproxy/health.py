"""The healthCheckNodePort of Services with externalTrafficPolicy Local: a load balancer asks each node whether it has
local endpoints. Source: KEP-2086's neighbour in kube-proxy (pkg/proxy/healthcheck); 200 with ready ones, else 503.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.embedded.kubeproxy.model import Snapshot, service_ports
from harness.embedded.netns.namespace import NamespaceError
from harness.embedded.netns.sockets import listener_in
from harness.embedded.nft.ruleset import Family

LOG = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds a client may take to send its request; one that never does must not hold a socket for good


@dataclass(frozen=True)
class Health:
    """What one port answers."""

    namespace: str
    name: str
    local_endpoints: int

    def response(self) -> bytes:
        """A whole HTTP/1.1 response."""
        status = "200 OK" if self.local_endpoints else "503 Service Unavailable"
        body = json.dumps(
            {
                "service": {"namespace": self.namespace, "name": self.name},
                "localEndpoints": self.local_endpoints,
                "serviceProxyHealthy": True,
            }
        ).encode()
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
            f"X-Load-Balancing-Endpoint-Weight: {self.local_endpoints}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


def health_ports(snapshot: Snapshot) -> dict[int, Health]:
    """The ports this node must answer on, and what. Terminating endpoints do not count: new traffic should go by."""
    ports = {
        service["spec"]["healthCheckNodePort"]: service["metadata"]
        for service in snapshot.services
        if service["spec"].get("healthCheckNodePort")
        and service["spec"].get("type") == "LoadBalancer"
        and service["spec"].get("externalTrafficPolicy") == "Local"
    }
    if not ports:
        return {}
    counts: dict[tuple[str, str], int] = {}
    for family in map(Family.of, snapshot.families):
        ready: dict[tuple[str, str], set[str]] = {}
        for port in service_ports(snapshot, family):
            here = {one.address for one in port.endpoints if one.is_local and one.is_ready}
            ready.setdefault((port.namespace, port.name), set()).update(here)
        # A dual-stack pod is one endpoint, however many addresses it has.
        for key, addresses in ready.items():
            counts[key] = max(counts.get(key, 0), len(addresses))
    return {
        number: Health(
            metadata["namespace"], metadata["name"], counts.get((metadata["namespace"], metadata["name"]), 0)
        )
        for number, metadata in ports.items()
    }


class HealthServers:
    """One small HTTP server per port and node address, in the node's namespace."""

    def __init__(self, netns: Path, addresses: Iterable[str]) -> None:
        self._netns = netns
        self._addresses = tuple(addresses)
        self._answers: dict[int, Health] = {}
        self._servers: dict[int, list[asyncio.Server]] = {}

    async def serve(self, answers: Mapping[int, Health]) -> None:
        """Answer exactly these ports from now on."""
        self._answers = dict(answers)
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
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
                writer.write(self._answers[port].response())
                await writer.drain()
            writer.close()

        return answer

    async def _close(self, port: int) -> None:
        for server in self._servers.pop(port):
            server.close()

    async def close(self) -> None:
        """Stop answering."""
        await self.serve({})
