"""What the API server makes of Services before any packet flows: defaults, refusals, allocation, what a change drops.

Source: Service v1 (core), EndpointSlice v1 (discovery.k8s.io); catalogue groups 1.2.10 and 1.2.11.
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
    field_findings,
    field_of,
    refusal_findings,
    requirement,
    service,
    try_create,
    try_patch,
)
from suites.services.requests import CASES, SLICE_CASES, Asked, RequestCase, SliceCase

Made = Mapping[str, Mapping[str, Any]]


def _param(case: RequestCase | SliceCase) -> object:
    needs = getattr(case, "needs", ())
    return pytest.param(case, marks=requirement(*case.ids, needs=needs, promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_request(arena: Arena, check: Check, case: RequestCase) -> None:
    """The API server refuses and completes Services as documented."""
    stored = arena.apply(*(service(name, spec) for name, spec in case.made.items())) if case.made else []
    made = {str(each["metadata"]["name"]): each for each in stored}
    check.now(Findings.joined(_judged(asked, _reply(arena, asked, made), made) for asked in case.asked))


def _reply(arena: Arena, asked: Asked, made: Made) -> Reply:
    spec = _filled(asked.spec, made)
    if asked.status:
        return try_patch(arena, "services", asked.of, {"status": asked.status}, subresource="status")
    if asked.of:
        return try_patch(arena, "services", asked.of, {"spec": spec})
    return try_create(arena, service(asked.name, spec), real=asked.real)


def _judged(asked: Asked, reply: Reply, made: Made) -> Findings:
    if asked.refused:
        return refusal_findings(str(asked), reply, asked.refused)
    return field_findings(str(asked), reply, _filled(asked.gives, made))


def _filled(value: Any, made: Made) -> Any:
    """The same, with `=name:path` replaced by what that Service has there."""
    if isinstance(value, Mapping):
        return {key: _filled(each, made) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, made) for each in value]
    if isinstance(value, str) and value.startswith("="):
        name, _, path = value[1:].partition(":")
        return field_of(made[name], path)
    return value


@pytest.mark.parametrize("case", [_param(case) for case in SLICE_CASES])
def test_slice_request(arena: Arena, check: Check, case: SliceCase) -> None:
    """The API server refuses slices that cannot be, and takes the others."""
    found = []
    for what, body, where in case.asked:
        manifest = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "tried"},
            "addressType": "IPv4",
            "endpoints": [],
            "ports": [],
            **body,
        }
        reply = try_create(arena, manifest)
        found.append(refusal_findings(what, reply, where) if where else field_findings(what, reply, {}))
    check.now(Findings.joined(found))


@requirement("SVC-271", "SVC-279")
def test_addresses_and_node_ports_are_unique(arena: Arena, check: Check) -> None:
    """Services that name neither address nor nodePort get both, each its own."""
    made = arena.apply(*(service(f"svc-{n}", {"type": "NodePort", "ports": [{"port": 80}]}) for n in range(12)))
    found = []
    for path in ("spec.clusterIP", "spec.ports.0.nodePort"):
        given = [str(field_of(each, path)) for each in made]
        if len(set(given)) != len(given) or "None" in given:
            found.append(Difference(path, "each its own", ", ".join(sorted(given)), "allocation"))
    check.now(Findings(tuple(found), frozenset({Symptom.API_ANSWER_WRONG} if found else ())))


@requirement("SVC-272", "SVC-277")
def test_a_released_address_is_given_again(arena: Arena, check: Check) -> None:
    """The clusterIP of a deleted Service may be asked for, and is given to who asks."""
    (first,) = arena.apply(service("first", {"ports": [{"port": 80}]}))
    arena.delete("services", "first")
    wanted = str(first["spec"]["clusterIP"])

    def look() -> Findings:
        # The one that asked already has it: looks that follow only confirm that.
        reply = try_create(arena, service("second", {"clusterIP": wanted, "ports": [{"port": 80}]}), real=True)
        return field_findings(f"new Service with clusterIP {wanted}", reply, {"spec.clusterIP": wanted})

    check.eventually("address given again", look, within=check.waits.service_program)


@requirement("SVC-276")
def test_a_replacement_keeps_what_was_allocated(arena: Arena, check: Check) -> None:
    """A Service written whole without its clusterIP and nodePort keeps both."""
    spec = {"type": "NodePort", "selector": {"app": "agent"}, "ports": [{"port": 80}]}
    (made,) = arena.apply(service("svc", spec))
    bare = {"apiVersion": "v1", "kind": "Service", "metadata": dict(made["metadata"]), "spec": spec}
    bare["metadata"] = {key: made["metadata"][key] for key in ("name", "namespace", "labels", "resourceVersion")}
    after = Reply(arena.patient(lambda: arena.kube.replace(bare)))
    kept = {path: field_of(made, path) for path in ("spec.clusterIP", "spec.ports.0.nodePort")}
    check.now(field_findings("replacement", after, kept))
