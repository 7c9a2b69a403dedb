"""What the API server makes of NetworkPolicies before any packet flows: defaults, refusals, what changes.

Nearly all of it is asked for show. Source: NetworkPolicy v1 (networking.k8s.io); group A of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.suite import (
    Arena,
    Check,
    Difference,
    Findings,
    Symptom,
    field_findings,
    policy,
    refusal_findings,
    requirement,
    try_apply,
    try_create,
    try_patch,
)
from suites.netpol import cases
from suites.netpol.requests import ASKED, SELECTED, Asked

POLICIES = "networkpolicies.networking.k8s.io"
GROUP = "/apis/networking.k8s.io"
FROM_B: Mapping[str, Any] = {"from": [{"podSelector": SELECTED}]}


def _answered(arena: Arena, asked: Asked) -> Findings:
    reply = try_create(arena, policy(asked.name, asked.spec))
    if asked.refused:
        return refusal_findings(str(asked), reply, asked.refused)
    return field_findings(str(asked), reply, asked.gives)


@requirement(*ASKED)
def test_new_policies(arena: Arena, check: Check) -> None:
    """The API server refuses malformed policies, takes the others, and fills in what they leave out."""
    found = {id_: Findings.joined(_answered(arena, one) for one in several) for id_, several in ASKED.items()}
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


def _held(what: str, expected: object, seen: object) -> Findings:
    """The difference between what came back and what had to."""
    if seen == expected:
        return Findings()
    return Findings((Difference(what, str(expected), str(seen)),), frozenset({Symptom.API_ANSWER_WRONG}))


def _served(arena: Arena) -> Findings:
    """Only networking.k8s.io/v1 has NetworkPolicies."""
    versions = [each["groupVersion"] for each in arena.kube.raw("GET", GROUP).json()["versions"]]
    having = [
        version
        for version in versions
        if any(
            each["name"] == "networkpolicies" for each in arena.kube.raw("GET", f"/apis/{version}").json()["resources"]
        )
    ]
    groups = [each["name"] for each in arena.kube.raw("GET", "/apis").json()["groups"] if each["name"] == "extensions"]
    return _held("versions with NetworkPolicies", ["networking.k8s.io/v1"], [*having, *groups])


def _generations(arena: Arena) -> Findings:
    """The generation of a stored policy rises with its spec, and with nothing else."""
    (made,) = arena.apply(policy("aged", {"podSelector": {}, "ingress": []}))
    now = int(made["metadata"]["generation"])
    patches = (({"metadata": {"labels": {"edited": "yes"}}}, now), ({"spec": {"ingress": [FROM_B]}}, now + 1))
    replies = ((try_patch(arena, POLICIES, "aged", patch), patch, want) for patch, want in patches)
    return Findings.joined(
        field_findings(f"change {patch}", reply, {"metadata.generation": want}) for reply, patch, want in replies
    )


def _statusless(arena: Arena) -> Findings:
    """A written status is dropped."""
    reply = try_create(arena, {**policy("told", {"podSelector": {}}), "status": {"conditions": [{"type": "Accepted"}]}})
    return field_findings("new policy with a status", reply, {"status": None})


def _atomic(arena: Arena) -> Findings:
    """A second manager of the list of rules conflicts, or replaces it whole."""
    (made,) = arena.apply(policy("shared", {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}))
    place = {"name": "shared", "namespace": made["metadata"]["namespace"]}
    second = {**policy("shared", {"podSelector": {}, "ingress": [FROM_B]}), "metadata": place}
    refused = try_apply(arena, second, manager="second", force=False)
    taken = try_apply(arena, second, manager="second", force=True)
    return Findings.joined(
        [
            _held("the same list applied by another manager", CONFLICT, refused.code),
            field_findings("the list after another manager's force", taken, {"spec.ingress": [FROM_B]}),
        ]
    )


MISSPELT: Sequence[Mapping[str, Any]] = (
    {"podSelector": {}, "ingres": [{}]},
    {"podSelector": {}, "ingress": [{"from": [{"namespaceselector": {}}]}]},
)
BAD_REQUEST, CONFLICT = 400, 409


def _strict(arena: Arena) -> Findings:
    """Misspelt fields are an error where unknown fields are."""
    replies = [(spec, try_create(arena, policy("misspelt", spec), validation="Strict")) for spec in MISSPELT]
    return Findings.joined(_held(f"new policy {spec}", BAD_REQUEST, reply.code) for spec, reply in replies)


LOOKS: Mapping[str, Callable[[Arena], Findings]] = {
    "POL-003": _served,
    "POL-023": _generations,
    "POL-025": _statusless,
    "POL-026": _atomic,
    "POL-027": _strict,
}


@requirement(*LOOKS)
def test_stored_policies(arena: Arena, check: Check) -> None:
    """Policies have one version, a generation, no status, whole lists, and no unknown fields."""
    found = {id_: look(arena) for id_, look in LOOKS.items()}
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})
