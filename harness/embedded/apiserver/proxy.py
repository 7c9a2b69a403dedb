"""The proxy subresource of pods and Services: an HTTP request through the API server to a pod.

A Service's name may carry scheme and port (`https:web:443`, `web:http`); one of its ready endpoints is drawn, as its
EndpointSlices say. Follows the behaviour of `pkg/registry/core` and of the apiserver's upgrade-aware proxy handler.
Not here: protocol upgrades, rewriting of links and locations in answers, nodes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from harness.embedded.apiserver.call import Call
from harness.embedded.store.errors import ApiError, bad_request, failure
from harness.embedded.store.resources import by_name

SLICES = by_name("endpointslices.discovery.k8s.io")
SEGMENTS = len(("", "api", "v1", "namespaces", "space", "resource", "name", "proxy"))
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host")
)
KEPT_BACK = HOP_BY_HOP | {"authorization", "content-length"}
PATIENCE = aiohttp.ClientTimeout(total=60.0, sock_connect=30.0)
"""A real server dials for 30 s at most, and ends requests after 60 s."""


@dataclass(frozen=True)
class Target:
    """Where a request goes."""

    scheme: str
    host: str
    port: int

    def url(self, path: str, query: str) -> URL:
        """The URL asked there."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return URL(f"{self.scheme}://{host}:{self.port}{path}{'?' + query if query else ''}", encoded=True)


async def forward(call: Call) -> web.StreamResponse:
    """Pass a request on, and its answer back. Raises ApiError."""
    request = call.request
    path = below(request.rel_url.raw_path)
    target = _target(call)
    if not path and request.method in ("GET", "HEAD"):
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        return web.Response(status=301, headers={"Location": f"{request.rel_url.raw_path}/{query}"})
    url = target.url(path or "/", request.rel_url.raw_query_string)
    connector = aiohttp.TCPConnector(
        force_close=True, ssl=False, socket_factory=lambda info: call.server.reach(info[0]), use_dns_cache=False
    )
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE, auto_decompress=False) as session:
        try:
            answered = await session.request(
                request.method, url, headers=_asked(request), data=await call.raw() or None, allow_redirects=False
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unreachable(str(error) or type(error).__name__) from error
        async with answered:
            return await _pass_back(request, answered)


async def _pass_back(request: web.Request, answered: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = CIMultiDict((k, v) for k, v in answered.headers.items() if k.lower() not in HOP_BY_HOP)
    response = web.StreamResponse(status=answered.status, reason=answered.reason, headers=headers)
    await response.prepare(request)
    async for piece in answered.content.iter_any():
        await response.write(piece)
    await response.write_eof()
    return response


def below(raw_path: str) -> str:
    """What follows `/proxy` in a path, as it was written; "" when not even a slash does."""
    parts = raw_path.split("/")
    return "/" + "/".join(parts[SEGMENTS:]) if len(parts) > SEGMENTS else ""


def _asked(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in KEPT_BACK)
    headers["X-Forwarded-Uri"] = request.rel_url.raw_path
    headers["X-Forwarded-For"] = ", ".join(filter(None, (headers.get("X-Forwarded-For"), request.remote)))
    return headers


def _target(call: Call) -> Target:
    scheme, name, port = split(call.name, call.resource.singular)
    found = call.server.store.get(call.resource, name, namespace=call.namespace)
    if call.resource.kind == "Pod":
        return pod_target(found, scheme, port)
    labels = f"kubernetes.io/service-name={name}"
    slices = call.server.store.list(SLICES, namespace=call.namespace, label_selector=labels).items
    targets = list(service_targets(found, slices, scheme, port))
    if not targets:
        raise failure(503, "ServiceUnavailable", f'no endpoints available for service "{call.name}"', {})
    return random.choice(targets)  # noqa: S311  # no secret: any endpoint is as good as another


def split(text: str, kind: str) -> tuple[str, str, str]:
    """Scheme, name and port of `name`, `name:port` or `scheme:name:port`. Raises ApiError 400."""
    parts = text.split(":")
    scheme, name, port = {1: ("", *parts, ""), 2: ("", *parts)}.get(len(parts), (*parts, "", "", ""))[:3]
    if len(parts) > 3 or scheme not in ("", "http", "https") or not name:
        raise bad_request(f'invalid {kind} request "{text}"')
    return scheme or "http", name, port


def pod_target(pod: Mapping[str, Any], scheme: str, port: str) -> Target:
    """A pod's address, and the port asked for or the first it declares. Raises ApiError."""
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        raise unreachable(f"pod {pod['metadata']['name']} has no address")
    declared = [p["containerPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
    if not port:
        return Target(scheme, address, int(declared[0]) if declared else {"http": 80, "https": 443}[scheme])
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise unreachable(f"dial tcp: address {address}:{port}: unknown port")
    return Target(scheme, address, int(port))


def service_targets(
    service: Mapping[str, Any], slices: list[dict[str, Any]], scheme: str, port: str
) -> Iterator[Target]:
    """Every ready endpoint behind the port asked for, by its name or number. Raises ApiError 503 for no such port."""
    ports = service["spec"].get("ports") or []
    wanted = port
    if port.isdigit():
        named = [p.get("name", "") for p in ports if p["port"] == int(port)]
        if not named:
            name = service["metadata"]["name"]
            raise failure(503, "ServiceUnavailable", f'no service port {port} found for service "{name}"', {})
        wanted = named[0]
    elif not port and len(ports) == 1:
        wanted = ports[0].get("name", "")
    for each in slices:
        numbers = [p["port"] for p in each.get("ports") or () if (p.get("name") or "") == wanted and p.get("port")]
        for endpoint in each.get("endpoints") or ():
            if numbers and (endpoint.get("conditions") or {}).get("ready") is not False:
                yield Target(scheme, endpoint["addresses"][0], int(numbers[0]))


def unreachable(why: str) -> ApiError:
    """The refusal when a pod cannot be talked to."""
    return failure(503, "ServiceUnavailable", f"error trying to reach service: {why}", {})
