"""The API server as a way in: HTTP requests to pods and Services through its proxy subresources.

Source: pods/proxy and services/proxy (core v1). Plain HTTP only: the pods speak no TLS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from harness.suite import (
    Arena,
    Check,
    Difference,
    Findings,
    StatusError,
    Symptom,
    requirement,
    service,
    slice_findings,
)

PATH = "/echo?some=where&else"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SERVICES = ("svc:http", "svc:8080", "http:svc:8080")


@requirement("NET-059")
def test_pods_and_services_are_proxied(arena: Arena, check: Check) -> None:
    """The API server passes requests of every method on to a pod, or to an endpoint of a Service, path and all."""
    ports = [{"name": "http", "port": 8080, "targetPort": "web"}]
    arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": ports}))

    def look() -> Findings:
        slices = slice_findings(arena, "svc")
        found = tuple(_requests(arena)) if not slices.differences else ()
        return Findings.joined([slices, Findings(found, frozenset({Symptom.API_ANSWER_WRONG} if found else ()))])

    check.eventually("proxied", look, within=check.waits.endpoints_program)


def _requests(arena: Arena) -> Iterator[Difference]:
    for ref in ("x/a", "x/b"):
        pod = arena.pods[ref]
        for name in (f"{pod.name}:80", f"http:{pod.name}:81"):
            yield from _asked(arena, "pods", name, {pod.full})
    members = {pod.full for ref, pod in arena.pods.items() if ref in arena.table and ref.startswith("x/")}
    for name in SERVICES:
        yield from _asked(arena, "services", name, members)


def _asked(arena: Arena, resource: str, name: str, members: set[str]) -> Iterator[Difference]:
    """Each method once; who answered, and what reached it."""
    for method in METHODS:
        what = f"{method} {resource}/{name}/proxy{PATH}"
        try:
            body = json.loads(
                arena.kube.proxy(resource, name, PATH, namespace=arena.namespace("x"), method=method, timeout=10.0)
            )
        except (StatusError, ValueError) as problem:
            yield Difference(what, "an answer of the pod", str(problem), "NET-059")
            continue
        if f"{body['namespace']}/{body['pod']}" not in members:
            yield Difference(what, " or ".join(sorted(members)), f"{body['namespace']}/{body['pod']}", "NET-059")
        if (body["method"], body["target"]) != (method, PATH):
            yield Difference(what, f"{method} {PATH}", f"{body['method']} {body['target']}", "NET-059")
