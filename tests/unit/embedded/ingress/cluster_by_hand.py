"""A small cluster's objects for tests of the Ingress controller, and HAProxy itself to read what was compiled."""

from __future__ import annotations

from typing import Any

from harness.embedded.ingress.faults import INGRESSES, SECRETS, SERVICES, SLICES, Planted
from harness.embedded.ingress.model import CLASSES, CONTROLLER, Plan, View, plan

Object = dict[str, Any]


def to(name: str, port: int | str = 80) -> Object:
    return {"service": {"name": name, "port": {"number": port} if isinstance(port, int) else {"name": port}}}


def rule(host: str, *paths: tuple[str, str, Object]) -> Object:
    several = [{"pathType": sort, "path": path, "backend": backend} for sort, path, backend in paths]
    return {**({"host": host} if host else {}), "http": {"paths": several}}


def ingress(name: str, *rules: Object, made: int = 0, namespace: str = "x", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": f"2026-01-01T00:00:0{made}Z"}
    return {"metadata": metadata, "spec": {"ingressClassName": "haproxy", "rules": list(rules), **spec}}


def service(name: str, number: int) -> list[Object]:
    """A Service with two ports and one endpoint, and its slice."""
    meta = {"name": name, "namespace": "x"}
    ports = [{"name": "web", "port": 80, "protocol": "TCP"}, {"name": "more", "port": 81, "protocol": "TCP"}]
    labels = {"kubernetes.io/service-name": name}
    slice_ = {
        "metadata": {**meta, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [f"10.0.0.{number}"], "conditions": {"ready": True, "serving": True}}],
        "ports": [{"name": "web", "port": 8080}, {"name": "more", "port": 8081}],
    }
    return [{"metadata": meta, "spec": {"ports": ports, "ipFamilies": ["IPv4"]}}, slice_]


def objects(*ingresses: Object, secrets: tuple[Object, ...] = ()) -> dict[str, list[Object]]:
    """Services one, two, three, with an endpoint each, and empty without."""
    pairs = [service(name, number) for number, name in enumerate(("one", "two", "three"), start=1)]
    empty = service("empty", 9)
    empty[1]["endpoints"] = []
    classes = [
        {"metadata": {"name": "haproxy"}, "spec": {"controller": CONTROLLER}},
        {"metadata": {"name": "other"}, "spec": {"controller": "example.com/other"}},
    ]
    return {
        INGRESSES: list(ingresses),
        CLASSES: classes,
        SERVICES: [pair[0] for pair in [*pairs, empty]],
        SLICES: [pair[1] for pair in [*pairs, empty]],
        SECRETS: list(secrets),
    }


def fault(id_: str, *namespaces: str) -> Object:
    return {"metadata": {"name": "f"}, "spec": {"id": id_, "namespaces": list(namespaces)}}


def planned(*ingresses: Object, faults: tuple[Object, ...] = (), secrets: tuple[Object, ...] = ()) -> Plan:
    return plan(View(objects(*ingresses, secrets=secrets), Planted(faults)))
