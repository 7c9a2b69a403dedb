"""Two nodes, three pods and a machine outside, as bare network namespaces, for tests of rules on a real kernel.

Shaped like the embedded cluster's network (a bridge, a point-to-point link per pod), made without it, so that rules
can be tried while nothing else exists. Names are unique; everything goes with the namespaces.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.effects.run import run
from harness.embedded.netns import namespace
from harness.embedded.netns.fabric import NODE_SYSCTLS, POD_SYSCTLS
from harness.embedded.netns.namespace import NAMED, run_in
from harness.embedded.netns.sockets import family_of

SILENCE = 0.5  # seconds until an answer that must not come counts as silence; everything is on this machine
PATIENCE = 10.0  # seconds for an answer that must come, on a machine with much else to do
REFUSED, SILENT = "refused", "silent"


def can_make_namespaces() -> bool:
    """Whether this process may make network namespaces."""
    path = NAMED / f"try-{os.getpid()}"
    try:
        namespace.make(path)
    except (namespace.NamespaceError, OSError):
        return False
    namespace.remove(path)
    return True


class ScratchNetwork:
    """`addresses`: of every host by letter or name, (IPv4, IPv6). Pods are given with their node."""

    def __init__(
        self,
        *,
        outside: Sequence[str],
        nodes: dict[str, Sequence[str]],
        pods: dict[str, tuple[str, str, str]],
        gateways: dict[str, Sequence[str]],
        through_n1: Sequence[str] = (),
    ) -> None:
        self._mark = f"scratch{os.getpid()}"
        self.nodes, self.pods = nodes, pods
        self._outside, self._gateways, self._through_n1 = outside, gateways, through_n1
        self._stop = threading.Event()
        self._servers: list[threading.Thread] = []

    def path(self, host: str) -> Path:
        """The namespace of a host."""
        return NAMED / f"{self._mark}-{host}"

    def make(self) -> None:
        """Make all of it, and remove what a killed run left."""
        for path in NAMED.glob("scratch*-*"):
            if not Path(f"/proc/{path.name.partition('-')[0].removeprefix('scratch')}").exists():
                namespace.remove(path)
        for host in ("x", *self.nodes):
            namespace.make(self.path(host), sysctls=NODE_SYSCTLS)
        for pod in self.pods:
            namespace.make(self.path(pod), sysctls=POD_SYSCTLS)
        self._ip("x", [*_bridge(self._outside), *(line for node in self.nodes for line in self._cable(node))])
        for node in self.nodes:
            self._ip(node, self._node_lines(node))
        for pod, (node, *addresses) in self.pods.items():
            self._ip(node, self._pod_link(pod, node, addresses))
            self._ip(pod, self._pod_lines(node, addresses))
        routes = [f"route add {one} via {_same(self.nodes['n1'], one)}" for one in self._through_n1]
        self._ip("x", routes + self._pod_routes(but=""))

    def _cable(self, node: str) -> list[str]:
        return [
            f"link add {node} type veth peer name eth0 netns {self.path(node).name}",
            f"link set {node} master br0 up",
        ]

    def _node_lines(self, node: str) -> list[str]:
        lines = ["link set eth0 up"]
        for one, outside in zip(self.nodes[node], self._outside, strict=True):
            lines.append(f"addr add {one}/{64 if ':' in one else 16} dev eth0{' nodad' if ':' in one else ''}")
            lines.append(f"route add default via {outside}")
        return lines + self._pod_routes(but=node)

    def _pod_routes(self, *, but: str) -> list[str]:
        return [
            f"route add {one} via {_same(self.nodes[node], one)}"
            for node, *addresses in self.pods.values()
            if node != but
            for one in addresses
        ]

    def _pod_link(self, pod: str, node: str, addresses: Sequence[str]) -> list[str]:
        lines = [f"link add v{pod} type veth peer name eth0 netns {self.path(pod).name}", f"link set v{pod} up"]
        lines += [f"addr add {_alone(one)} dev v{pod}" for one in self._gateways[node]]
        return lines + [f"route add {one} dev v{pod}" for one in addresses]

    def _pod_lines(self, node: str, addresses: Sequence[str]) -> list[str]:
        lines = ["link set eth0 up"]
        for one, gateway in zip(addresses, self._gateways[node], strict=True):
            lines += [f"addr add {_alone(one)} dev eth0", f"route add default via {gateway} dev eth0 onlink"]
        return lines

    def _ip(self, host: str, lines: Sequence[str]) -> None:
        run(["ip", "-n", self.path(host).name, "-batch", "-"], stdin="\n".join(lines).encode())

    def remove(self) -> None:
        """Remove all of it, whatever was made."""
        self._stop.set()
        for thread in self._servers:
            thread.join()
        for host in ("x", *self.nodes, *self.pods):
            namespace.remove(self.path(host))

    def serve(self, host: str, port: int) -> None:
        """Answer on TCP and UDP, in both families, with the host's name and the client's address."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for wildcard in ("0.0.0.0", "::"):
                sock = run_in(self.path(host), lambda k=kind, w=wildcard: _bound(w, port, k))
                thread = threading.Thread(target=self._answer, args=(sock, host, kind), daemon=True)
                thread.start()
                self._servers.append(thread)

    def _answer(self, sock: socket.socket, host: str, kind: socket.SocketKind) -> None:
        with sock:
            while not self._stop.is_set():
                if not select.select([sock], [], [], 0.1)[0]:
                    continue
                with contextlib.suppress(OSError):
                    if kind is socket.SOCK_DGRAM:
                        _, peer = sock.recvfrom(100)
                        sock.sendto(f"{host} {peer[0]}".encode(), peer)
                    else:
                        connection, peer = sock.accept()
                        with connection:
                            connection.sendall(f"{host} {peer[0]}".encode())

    def dial(
        self,
        who: str,
        address: str,
        port: int,
        protocol: str = "tcp",
        *,
        source_port: int = 0,
        patience: float = PATIENCE,
    ) -> tuple[str, str]:
        """(who answered, the client's address as seen there), or (refused | silent, "")."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        sock = run_in(self.path(who), lambda: socket.socket(family_of(address), kind))
        with sock:
            sock.settimeout(patience)
            try:
                if source_port:
                    sock.bind(("", source_port))
                sock.connect((address, port))
                if protocol == "udp":
                    sock.send(b"?")
                answer, _, seen = sock.recv(100).decode().partition(" ")
            except ConnectionRefusedError:
                return REFUSED, ""
            except TimeoutError:
                return SILENT, ""
        return answer, seen


def _bridge(addresses: Sequence[str]) -> Iterator[str]:
    yield "link add br0 type bridge forward_delay 0"
    yield "link set br0 up"
    for one in addresses:
        yield f"addr add {one}/{64 if ':' in one else 16} dev br0{' nodad' if ':' in one else ''}"


def _alone(address: str) -> str:
    return f"{address}/128 nodad" if ":" in address else f"{address}/32"


def _same(addresses: Sequence[str], like: str) -> str:
    return next(one for one in addresses if (":" in one) == (":" in like))


def _bound(wildcard: str, port: int, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(family_of(wildcard), kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in wildcard:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((wildcard, port))
    if kind is socket.SOCK_STREAM:
        sock.listen(64)
    return sock
