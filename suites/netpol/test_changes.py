"""NetworkPolicies while something changes: policies edited and removed, labels of pods and namespaces gained and lost.

After every change the whole table of nine pods is judged again; each cell counts as denied only after it was open
before any policy came. Specification: NetworkPolicy v1 (networking.k8s.io); group I of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Cell,
    Check,
    ClusterFacts,
    Lane,
    Seen,
    judge_policies,
    open_control,
    policy,
    requirement,
)

pytestmark = requirement(needs=("network-policy",))

LANES = (Lane(80, "TCP"), Lane(81, "UDP"))
POLICIES = "networkpolicies.networking.k8s.io"

POD_A: Mapping[str, Any] = {"matchLabels": {"pod": "a"}}
DENY_X: Mapping[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def ingress_to_a(peer: Mapping[str, Any]) -> dict[str, Any]:
    """A spec that lets one peer into x/a."""
    return {"podSelector": POD_A, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]}


FROM_POD_B = ingress_to_a({"podSelector": {"matchLabels": {"pod": "b"}}})
FROM_Y = ingress_to_a({"namespaceSelector": {"matchLabels": {"ns": "y"}}})
FROM_NEW_TEAM = ingress_to_a({"namespaceSelector": {"matchLabels": {"team": "new"}}})
ISOLATE = {"podSelector": {"matchLabels": {"isolate": "yes"}}, "policyTypes": ["Ingress"]}


class Table:
    """The nine pods while policies change: open at first, judged after each step."""

    def __init__(self, arena: Arena, check: Check, cluster: ClusterFacts) -> None:
        self._arena, self._check, self._family = arena, check, cluster.families[0]
        self._control: dict[Cell, Seen] = open_control(arena, check, lanes=LANES, family=cluster.families[0])

    def judge(self, what: str) -> None:
        """Every cell has to become what the objects now call for."""
        judge_policies(self._arena, self._check, lanes=LANES, family=self._family, control=self._control, what=what)

    def put(self, spec: Mapping[str, Any], what: str) -> None:
        """Apply the one policy in x and judge."""
        self._arena.apply(policy("subject", spec))
        self.judge(what)

    def remove(self, what: str) -> None:
        """Delete it and judge."""
        self._arena.delete(POLICIES, "subject")
        self.judge(what)


@requirement("POL-129", "POL-451", "POL-452", "POL-651", "POL-679")
def test_removal_opens_again(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A policy takes effect when it is made; removing the last that isolates opens everything again."""
    table = Table(arena, check, cluster)
    table.put(DENY_X, "x closed")
    table.remove("x open again")


@requirement("POL-453", "POL-454", "POL-652")
def test_edit_narrows_and_widens(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Editing the rules of a policy narrows and widens what it admits."""
    table = Table(arena, check, cluster)
    table.put(FROM_Y, "y admitted")
    table.put({**FROM_Y, "ingress": []}, "nobody admitted")
    table.put({**FROM_Y, "ingress": [{}]}, "everybody admitted")


@requirement("POL-455")
def test_pod_selector_moves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing a policy's podSelector frees its old targets and takes new ones."""
    table = Table(arena, check, cluster)
    table.put({"podSelector": POD_A, "policyTypes": ["Ingress"]}, "x/a isolated")
    table.put({"podSelector": {"matchLabels": {"pod": "b"}}, "policyTypes": ["Ingress"]}, "x/b isolated, x/a free")


@requirement("POL-456", "POL-457")
def test_policy_types_change(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Taking Egress out of policyTypes opens egress again, and adding it closes egress."""
    table = Table(arena, check, cluster)
    table.put({"podSelector": POD_A, "policyTypes": ["Ingress", "Egress"]}, "both directions isolated")
    table.put({"podSelector": POD_A, "policyTypes": ["Ingress"]}, "egress open again")
    table.put({"podSelector": POD_A, "policyTypes": ["Ingress", "Egress"]}, "egress closed again")


@requirement("POL-458")
def test_ports_change(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing the number, the protocol and the name of a port moves what is open."""
    table = Table(arena, check, cluster)
    base = {"podSelector": POD_A, "policyTypes": ["Ingress"]}
    for port in ({"port": 80}, {"port": 81, "protocol": "UDP"}, {"port": "serve-80-tcp"}):
        table.put({**base, "ingress": [{"ports": [port]}]}, f"port {port['port']}")


@requirement("POL-460")
def test_successor_of_the_same_name(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A policy deleted and made again with another spec leaves nothing of the old one."""
    table = Table(arena, check, cluster)
    table.put(FROM_POD_B, "first policy")
    arena.delete(POLICIES, "subject")
    table.put(FROM_Y, "its successor")


@requirement("POL-462", "POL-463", "POL-490", "POL-653")
def test_pod_becomes_a_target(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that gains the selected label is isolated, and released when it loses it."""
    table = Table(arena, check, cluster)
    table.put(ISOLATE, "nobody selected")
    arena.label("x/b", {"isolate": "yes"})
    table.judge("x/b isolated")
    arena.label("x/b", {"isolate": None})
    table.judge("x/b released")


@requirement("POL-464", "POL-465")
def test_pod_becomes_a_peer(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that gains the label of a peer is admitted, and no longer when it loses it."""
    table = Table(arena, check, cluster)
    table.put(FROM_POD_B, "x/b admitted")
    arena.label("x/c", {"pod": "b"})
    table.judge("x/c admitted too")
    arena.label("x/b", {"pod": "z"})
    table.judge("x/b no longer")


@requirement("POL-466", "POL-467")
def test_namespace_becomes_a_peer(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A namespace that gains the label of a peer is admitted; changing or losing the label ends that."""
    table = Table(arena, check, cluster)
    table.put(FROM_NEW_TEAM, "no such team")
    for team, what in (("new", "y admitted"), ("other", "y of another team"), ("new", "y back"), (None, "no team")):
        arena.label_namespace("y", {"team": team})
        table.judge(what)
