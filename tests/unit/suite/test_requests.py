"""Requests tried for show: what a refusal proves, which fields are held against what, and what stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.kube.errors import Conflict, Forbidden, Invalid, ServerProblem, StatusError
from harness.kube.resources import Served
from harness.model.outcome import Verdict
from harness.suite.arena import Arena
from harness.suite.requests import (
    Filled,
    Reply,
    field_findings,
    field_of,
    refusal_findings,
    try_apply,
    try_create,
    try_patch,
)

PRESENT, ABSENT = Filled.YES, Filled.NO
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}
PORTS = {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}], "selector": {}}}


@dataclass
class Api:
    """Answers every request alike, and notes what was asked."""

    trouble: StatusError | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def served_kind(self, obj: Mapping[str, Any]) -> Served:
        return Served("", "v1", "things", str(obj.get("kind", "")))

    def create(self, obj: Mapping[str, Any], **how: Any) -> Mapping[str, Any]:
        self.asked.append({"namespace": obj["metadata"]["namespace"], **how})
        if self.trouble:
            raise self.trouble
        return obj

    def apply(self, obj: Mapping[str, Any], **how: Any) -> Mapping[str, Any]:
        self.asked.append({"applied": obj["metadata"]["name"], **how})
        if self.trouble:
            raise self.trouble
        return obj

    def patch(self, resource: str, name: str, patch: Any, **how: Any) -> Mapping[str, Any]:
        self.asked.append({"patched": (resource, name), **how})
        return {"patched": patch}


@dataclass
class Ground:
    """As much of an arena as requests need."""

    kube: Api
    applied: list[Mapping[str, Any]] = field(default_factory=list)

    def namespace(self, letter: str) -> str:
        return f"run-{letter}"

    def apply(self, obj: Mapping[str, Any], *, namespace: str) -> list[Mapping[str, Any]]:
        self.applied.append({**obj, "in": namespace})
        return [obj]


def ground(trouble: StatusError | None = None) -> tuple[Arena, Ground]:
    made = Ground(Api(trouble))
    return cast("Arena", made), made


def invalid(*fields: str) -> Invalid:
    causes = [{"field": each} for each in fields]
    return Invalid({"code": 422, "message": "no", "details": {"causes": causes}}, asked="try")


def test_requests_for_show_store_nothing() -> None:
    """Both sorts are dry runs, in the namespace that the letter stands for."""
    arena, made = ground()
    try_create(arena, SERVICE, namespace="y")
    try_patch(arena, "services", "s", {"spec": {}}, subresource="status")
    assert all(each["dry_run"] is True for each in made.kube.asked)
    assert [each["namespace"] for each in made.kube.asked] == ["run-y", "run-x"]
    assert made.kube.asked[1]["subresource"] == "status"


def test_a_real_change_is_not_for_show() -> None:
    """A change that is meant is stored; unknown fields are read as strictly as asked."""
    api = Api()
    arena = cast("Arena", Ground(api))
    try_patch(arena, "services", "s", {"spec": {}}, real=True)
    try_create(arena, SERVICE, validation="Strict")
    assert [(each.get("dry_run"), each.get("validation")) for each in api.asked] == [(False, None), (True, "Strict")]


def test_another_manager_applies_for_show() -> None:
    """It asks under its name, with or without force, stores nothing, and a conflict carries its code."""
    api = Api()
    arena = cast("Arena", Ground(api))
    assert try_apply(arena, SERVICE, manager="second", force=True).obj == SERVICE
    api.trouble = Conflict({"code": 409, "message": "owned by another"}, asked="PATCH")
    assert try_apply(arena, SERVICE, manager="second", force=False).code == 409
    assert [each["force"] for each in api.asked] == [True, False]
    assert all(each["dry_run"] and each["manager"] == "second" for each in api.asked)


def test_a_real_request_is_the_arenas() -> None:
    """What is not for show is applied by the arena, which takes it away again."""
    arena, made = ground()
    assert try_create(arena, SERVICE, real=True).obj == SERVICE
    assert [each["in"] for each in made.applied] == ["x"]
    assert not made.kube.asked


def test_an_allocator_refuses_as_an_internal_error() -> None:
    """A nodePort given twice is refused by allocators that speak before the validation does, with the code 500."""
    said = {"code": 500, "message": "duplicate nodePort: {TCP 30107}"}
    arena, _ = ground(ServerProblem(said, asked="try"))
    assert not refusal_findings("two", try_create(arena, SERVICE), "spec.ports").differences


def test_a_refusal_carries_its_fields() -> None:
    """422 names fields; other refusals name none; a server in trouble said nothing about the request."""
    arena, _ = ground(invalid("spec.type", "spec.ports[0].name"))
    assert try_create(arena, SERVICE).fields == ("spec.type", "spec.ports[0].name")
    arena, _ = ground(Forbidden({"code": 403, "message": "denied"}, asked="try"))
    assert try_create(arena, SERVICE).fields == ()
    arena, _ = ground(ServerProblem({"code": 500, "message": "etcd"}, asked="try"))
    with pytest.raises(ServerProblem):
        try_create(arena, SERVICE)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Reply(None, ("spec.clusterIPs[0]",), "422"), Verdict.PASS),
        (Reply(None, ("SPEC.ClusterIP",), "422"), Verdict.PASS),
        (Reply(None, ("metadata.name",), "422"), Verdict.UNKNOWN),
        (Reply(None, (), "403"), Verdict.UNKNOWN),
        (Reply({"spec": {}}), Verdict.FAIL),
    ],
)
def test_only_a_refusal_for_the_field_counts(reply: Reply, verdict: Verdict) -> None:
    """Accepted is broken; refused for another reason proves nothing either way."""
    assert refusal_findings("try", reply, "spec.clusterIP").verdict is verdict


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"spec.type": "NodePort", "spec.ports.0.nodePort": PRESENT, "spec.selector": ABSENT}, Verdict.PASS),
        ({"spec.ports.0.port": 80, "spec.ports.1.port": ABSENT}, Verdict.PASS),
        ({"spec.ports.0.port": 81}, Verdict.FAIL),
        ({"spec.ports.0.nodePort": ABSENT}, Verdict.FAIL),
        ({"spec.clusterIP": PRESENT}, Verdict.FAIL),
    ],
)
def test_fields_are_held_against_values(fields: dict[str, Any], verdict: Verdict) -> None:
    """A value has to be equal; empty lists and dictionaries count as not set."""
    assert field_findings("try", Reply(PORTS), fields).verdict is verdict


def test_an_unjust_refusal_is_told_from_another_reason() -> None:
    """A 422 where the request is right is broken; not being allowed to ask is unknown."""
    assert field_findings("try", Reply(None, ("spec",), "422"), {}).verdict is Verdict.FAIL
    assert field_findings("try", Reply(None, (), "403"), {}).verdict is Verdict.UNKNOWN


def test_paths_lead_through_lists() -> None:
    """Numbers are places in lists; what is not there is None."""
    assert field_of(PORTS, "spec.ports.0.nodePort") == 30001
    assert field_of(PORTS, "spec.ports.3.nodePort") is None
    assert field_of(PORTS, "status.loadBalancer") is None
