"""What the API server makes of Ingresses and their classes, with or without a controller.

Source: Ingress and IngressClass v1 (networking.k8s.io); catalogue group 1.4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.suite import (
    Arena,
    Check,
    Difference,
    Findings,
    Reply,
    Symptom,
    Verdict,
    default_class,
    exclusive,
    field_findings,
    ingress,
    refusal_findings,
    requirement,
    try_create,
    try_patch,
)
from suites.ingress.cases import to
from suites.ingress.requests import CASES, RequestCase

INGRESSES, CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
DEFAULT = {"ingressclass.kubernetes.io/is-default-class": "true"}
NOBODYS = "example.com/nobody"
"""A controller that nobody runs."""


def _param(case: RequestCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, promise=case.promise), id=case.name)


def _class(name: str, *, default: bool = False, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"annotations": DEFAULT} if default else {})}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    return {**kind, "metadata": metadata, "spec": {"controller": NOBODYS, **spec}}


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_request(arena: Arena, check: Check, case: RequestCase) -> None:
    """The API server takes and refuses Ingresses as documented."""
    found = []
    for spec, where in case.asked:
        manifest = ingress("tried", spec)
        if case.annotations:
            manifest["metadata"]["annotations"] = dict(case.annotations)
        reply, what = try_create(arena, manifest), f"new Ingress {dict(spec)}"
        found.append(refusal_findings(what, reply, where) if where else field_findings(what, reply, {}))
    check.now(Findings.joined(found))


def _wrong(found: list[Difference]) -> Findings:
    return Findings(tuple(found), frozenset({Symptom.API_ANSWER_WRONG} if found else ()))


def _same(what: str, wanted: object, seen: object) -> list[Difference]:
    return [] if wanted == seen else [Difference(what, str(wanted), str(seen), "networking.k8s.io/v1")]


def _operations(arena: Arena, resource: str, name: str, made: Mapping[str, Any], space: str | None) -> list[Difference]:
    """Get, list, watch, patch and update of an object that was made."""
    kube, found = arena.kube, []
    mark = {"metadata": {"annotations": {"harness.dev/tried": "patched"}}}
    got = kube.get(resource, name, namespace=space)
    found += _same("get", made["metadata"]["uid"], got["metadata"]["uid"])
    listing = kube.list(resource, namespace=space, fields=f"metadata.name={name}")
    found += _same("list", [name], [each["metadata"]["name"] for each in listing.items])
    patched = kube.patch(resource, name, mark, namespace=space)
    events = kube.watch(
        resource, since=listing.resource_version, timeout=arena.waits.service_program, namespace=space,
        fields=f"metadata.name={name}",
    )  # fmt: skip
    told = next((f"{each.kind} {each.object['metadata']['annotations']['harness.dev/tried']}" for each in events), "")
    found += _same("watch", "MODIFIED patched", told)
    patched["metadata"]["annotations"]["harness.dev/tried"] = "updated"
    kube.replace(patched)
    after = kube.get(resource, name, namespace=space)["metadata"].get("annotations") or {}
    return found + _same("update", "updated", after.get("harness.dev/tried"))


@requirement("ING-001")
def test_ingress_operations(arena: Arena, check: Check) -> None:
    """Ingresses are served with every operation, and their status apart."""
    kube, space = arena.kube, arena.namespace("x")
    spec = {"ingressClassName": "nobody.example", "defaultBackend": to("web")}
    (made,) = arena.apply(ingress("operated", spec))
    found = _operations(arena, INGRESSES, "operated", made, space)
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}}
    kube.patch(INGRESSES, "operated", status, namespace=space, subresource="status")
    seen = kube.get(INGRESSES, "operated", namespace=space)
    found += _same("status patched", status["status"], seen["status"])
    seen["status"]["loadBalancer"]["ingress"] = [{"hostname": "balancer.example"}]
    kube.replace(seen, subresource="status")
    told = kube.get(INGRESSES, "operated", namespace=space)
    found += _same("status updated", seen["status"], told["status"])
    kube.delete(INGRESSES, "operated", namespace=space)
    found += _same("deleted", None, kube.find(INGRESSES, "operated", namespace=space))
    several = [{**ingress(f"several-{number}", spec)} for number in range(2)]
    (first, *_) = arena.apply(*several)
    marks = ",".join(f"{key}={value}" for key, value in first["metadata"]["labels"].items())
    kube.delete_collection(INGRESSES, namespace=space, labels=marks)
    found += _same("deleted together", [], kube.list(INGRESSES, namespace=space, labels=marks).items)
    check.now(_wrong(found))


@requirement("ING-002", needs=("admin",))
def test_class_operations(arena: Arena, check: Check) -> None:
    """IngressClasses are served with every operation."""
    kube, name = arena.kube, f"{arena.namespace('x')}-operated"
    made = arena.add_outside_namespaces(_class(name))
    found = _operations(arena, CLASSES, name, made, None)
    kube.delete(CLASSES, name)
    found += _same("deleted", None, kube.find(CLASSES, name))
    arena.add_outside_namespaces(_class(name))
    marks = ",".join(f"{key}={value}" for key, value in made["metadata"]["labels"].items())
    kube.delete_collection(CLASSES, labels=marks)
    found += _same("deleted together", None, kube.find(CLASSES, name))
    check.now(_wrong(found))


@exclusive
@requirement("ING-011", "ING-012", needs=("admin",))
def test_default_class(arena: Arena, check: Check) -> None:
    """A new Ingress gets the default class: the newest of several, by name where they are as old, none without one."""
    kube, space = arena.kube, arena.namespace("x")
    found: list[Difference] = []
    made: list[str] = []
    for names in ((), ("b", "a"), ("z",)):
        if made:
            _await_another_second(arena, check, made[-1])
        for name in names:
            made.append(f"{space}-{name}")
            arena.add_outside_namespaces(_class(made[-1], default=True))
        wanted = default_class(kube.list(CLASSES).items)
        reply = try_create(arena, ingress("tried", {"defaultBackend": to("web")}))
        told = (reply.obj or {}).get("spec", {}).get("ingressClassName", str(reply) if reply.obj is None else None)
        found += _same(f"class of a new Ingress beside {len(made)} more defaults", wanted, told)
    check.now(_wrong(found))


def _await_another_second(arena: Arena, check: Check, name: str) -> None:
    """Wait until the API server's clock shows another second than when that class was made: it stamps whole ones."""
    stamp = arena.kube.get(CLASSES, name)["metadata"]["creationTimestamp"]
    clock = ingress("clock", {"defaultBackend": to("web"), "ingressClassName": name})

    def look() -> Findings:
        now = (try_create(arena, clock).obj or {}).get("metadata", {}).get("creationTimestamp", stamp)
        same = Difference("the API server's clock", f"past {stamp}", now, verdict=Verdict.UNKNOWN)
        return Findings((same,) if now == stamp else ())

    check.eventually("another second", look, within=check.waits.api_request)


@requirement("ING-013", "ING-014", needs=("admin",))
def test_class_rules(arena: Arena, check: Check) -> None:
    """Parameters of a class lie in a namespace where they say so, and its controller is for life."""
    name = f"{arena.namespace('x')}-ruled"
    namespaced = {"kind": "K", "name": "n", "scope": "Namespace"}
    made = arena.add_outside_namespaces(_class(name, parameters={**namespaced, "namespace": "default"}))
    found = [
        field_findings("class with parameters in a namespace", Reply(made), {"spec.parameters.scope": "Namespace"})
    ]
    lost = try_create(arena, _class(f"{name}-2", parameters=namespaced), namespace="")
    found.append(refusal_findings("parameters in no namespace", lost, "spec.parameters.namespace"))
    other = {"spec": {"controller": "example.com/other"}}
    found.append(refusal_findings("another controller", try_change(arena, name, other), "spec.controller"))
    check.now(Findings.joined(found))


def try_change(arena: Arena, name: str, patch: Mapping[str, Any]) -> Reply:
    """Change a class for show."""
    return try_patch(arena, CLASSES, name, patch, namespace="")
