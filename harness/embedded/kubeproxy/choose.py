"""Which endpoints of a Service port take part on this node. Pure. Source: KEP-1669 (terminating endpoints), KEP-2086
(internalTrafficPolicy), KEP-2433 and KEP-3015 (topology hints, trafficDistribution), kube-proxy's topology rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.embedded.kubeproxy.model import Endpoint, ServicePort


@dataclass(frozen=True)
class Choice:
    """Endpoints for traffic under policy Cluster, under policy Local, and whether there is any usable one anywhere."""

    cluster: tuple[Endpoint, ...]
    local: tuple[Endpoint, ...]
    has_any: bool


def choose(port: ServicePort, *, node: str, zone: str) -> Choice:
    """Ready endpoints, or else those that still serve while they terminate."""
    cluster: tuple[Endpoint, ...] = ()
    if port.uses_cluster_endpoints:
        cluster = _near(port.endpoints, node=node, zone=zone) or _last_resort(port.endpoints)
    local: tuple[Endpoint, ...] = ()
    if port.uses_local_endpoints:
        here = tuple(endpoint for endpoint in port.endpoints if endpoint.is_local)
        local = _ready(here) or _last_resort(here)
    return Choice(cluster, local, has_any=bool(cluster or _ready(port.endpoints) or _last_resort(port.endpoints)))


def _ready(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    return tuple(endpoint for endpoint in endpoints if endpoint.is_ready)


def _last_resort(endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Better an endpoint on its way out than none; hints do not count here."""
    return tuple(endpoint for endpoint in endpoints if endpoint.is_serving and endpoint.is_terminating)


def _near(endpoints: Iterable[Endpoint], *, node: str, zone: str) -> tuple[Endpoint, ...]:
    """The ready endpoints hinted for this node, else for this zone, else all.

    Hints of a kind are used only when every ready endpoint has one and some endpoint is meant for us: with fewer, the
    slices are being rewritten, or we stand where nobody counted on.
    """
    ready = _ready(endpoints)
    return _hinted(ready, node, lambda endpoint: endpoint.node_hints) or (
        _hinted(ready, zone, lambda endpoint: endpoint.zone_hints) or ready
    )


def _hinted(
    ready: tuple[Endpoint, ...], place: str, hints: Callable[[Endpoint], frozenset[str]]
) -> tuple[Endpoint, ...]:
    if not place or not all(hints(endpoint) for endpoint in ready):
        return ()
    return tuple(endpoint for endpoint in ready if place in hints(endpoint))
