"""Asking a container's probe: HTTP and TCP from the node's namespace, exec inside. The door of probes.

The socket is made in the node's namespace, so the pod sees the node's address, as with a real kubelet.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.embedded.kubelet.containers import Container, Crun
from harness.embedded.kubelet.probes import Method, Probe, path_of, port_of
from harness.embedded.netns.sockets import family_of, socket_in_async

USER_AGENT = "kube-probe/1.36"
BODY_LIMIT = 10 << 10


@dataclass(frozen=True)
class Answer:
    """What a probe found; the text goes into the event when it failed."""

    good: bool
    text: str = ""


@dataclass(frozen=True)
class Target:
    """The container a probe asks, and from where."""

    netns: Path
    address: str
    spec: dict[str, Any]
    container: Container


async def ask(crun: Crun, probe: Probe, target: Target) -> Answer:
    """Ask once, within the probe's timeout. Never raises for what the target does."""
    if probe.method is Method.EXEC:
        return await _ask_exec(crun, probe, target)
    if probe.method is Method.GRPC:
        return Answer(good=False, text="gRPC probes are not served by the embedded cluster")
    try:
        async with asyncio.timeout(probe.timeout):
            return await (_ask_http if probe.method is Method.HTTP else _ask_tcp)(probe, target)
    except TimeoutError:
        return Answer(good=False, text=f"{_spoken(probe)}: deadline exceeded after {probe.timeout:g} s")
    except (OSError, ValueError, EOFError) as error:
        return Answer(good=False, text=f"{_spoken(probe)}: {error}")


async def _ask_exec(crun: Crun, probe: Probe, target: Target) -> Answer:
    argv = probe.action.get("command") or []
    done = await crun.ask(target.container, argv, timeout=probe.timeout)
    if done is None:
        return Answer(good=False, text=f"command timed out: {argv} timed out after {probe.timeout:g}s")
    output = (done.out + done.err).decode(errors="replace").strip()
    return Answer(good=done.code == 0, text=output)


async def _ask_tcp(probe: Probe, target: Target) -> Answer:
    host = probe.action.get("host") or target.address
    with contextlib.closing(await _connected(target.netns, host, port_of(target.spec, probe.action["port"]))):
        return Answer(good=True)


async def _ask_http(probe: Probe, target: Target) -> Answer:
    status = await http_get(
        target.netns,
        str(probe.action.get("host") or target.address),
        port_of(target.spec, probe.action["port"]),
        path=path_of(probe.action.get("path") or "/"),
        headers={one["name"]: one["value"] for one in probe.action.get("httpHeaders") or ()},
        secure=probe.action.get("scheme") == "HTTPS",
    )
    return Answer(good=200 <= status < 400, text=f"HTTP probe failed with statuscode: {status}")


async def http_get(
    netns: Path, host: str, port: int, *, path: str, headers: Mapping[str, str], secure: bool = False
) -> int:
    """The status code of one GET from inside a namespace. Raises OSError, ValueError for what is not HTTP."""
    connection = await _connected(netns, host, port)
    reader, writer = await asyncio.open_connection(
        sock=connection, ssl=_trusting() if secure else None, server_hostname=host if secure else None
    )
    try:
        named = {"Host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "User-Agent": USER_AGENT}
        lines = {**named, "Accept": "*/*", "Connection": "close", **headers}
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{text}\r\n".encode())
        first = (await reader.readline()).split()
        if len(first) < 2 or not first[0].startswith(b"HTTP/"):
            raise ValueError("malformed HTTP response")
        # The rest is taken so that the server sees an orderly end and not a reset.
        await reader.read(BODY_LIMIT)
        return int(first[1])
    finally:
        writer.close()


async def _connected(netns: Path, host: str, port: int) -> socket.socket:
    connection = await socket_in_async(netns, family_of(host), socket.SOCK_STREAM)
    connection.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _trusting() -> ssl.SSLContext:
    """Probes verify no certificate: kubelets do not either."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _spoken(probe: Probe) -> str:
    return "Get failed" if probe.method is Method.HTTP else "dial failed"
