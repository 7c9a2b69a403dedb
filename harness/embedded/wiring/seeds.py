"""What stands in a cluster before anybody asks for anything: its namespaces and the Service of its API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
API_PORT = 6443
"""Where the API server listens on the control-plane node, behind `kubernetes.default`."""


def namespace(name: str) -> dict[str, Any]:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def service_cidr(blocks: Sequence[str]) -> dict[str, Any]:
    """The ServiceCIDR `kubernetes`: where Services get their addresses from."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": list(blocks)},
    }


def api_service(address: str) -> dict[str, Any]:
    """The Service `kubernetes`, which has no selector: the API server keeps its slice itself."""
    labels = {"component": "apiserver", "provider": "kubernetes"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "labels": labels},
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": API_PORT}],
            "type": "ClusterIP",
        },
    }


def api_slice(addresses: Sequence[str]) -> dict[str, Any]:
    """Where the API server really listens."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": list(addresses), "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
    }


def api_endpoints(addresses: Sequence[str]) -> dict[str, Any]:
    """The same for readers of the older Endpoints."""
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [
            {
                "addresses": [{"ip": address} for address in addresses],
                "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
            }
        ],
    }
