"""Requests about NetworkPolicies that the API server refuses or completes: what is asked, what has to come back. Data.

Source: NetworkPolicy v1 (networking.k8s.io), its defaults and validation; group A of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SELECTED: Mapping[str, Any] = {"matchLabels": {"pod": "b"}}


@dataclass(frozen=True)
class Asked:
    """A new policy of this spec. `refused` names the field a refusal has to name; otherwise it has to be accepted."""

    spec: Mapping[str, Any]
    refused: str = ""
    gives: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the object that would be stored."""
    name: str = "tried"

    def __str__(self) -> str:
        called = f" called {self.name}" if self.name != "tried" else ""
        return f"new policy{called} {dict(self.spec)}"


def _types(*types: str, refused: str = "") -> Asked:
    return Asked(
        {"podSelector": {}, "policyTypes": list(types)}, refused, {} if refused else {"spec.policyTypes": [*types]}
    )


def _port(entry: Mapping[str, Any], refused: str = "", gives: Mapping[str, Any] | None = None) -> Asked:
    where = f"spec.ingress[0].ports[0].{refused}" if refused else ""
    return Asked({"podSelector": {}, "ingress": [{"ports": [dict(entry)]}]}, where, gives or {})


def _peer(peer: Mapping[str, Any], refused: str = "", *, accepted: bool = False) -> Asked:
    where = "" if accepted else f"spec.ingress[0].from[0]{'.' if refused else ''}{refused}"
    return Asked({"podSelector": {}, "ingress": [{"from": [dict(peer)]}]}, where)


def _block(cidr: str, *excepted: str, refused: str = "", accepted: bool = False) -> Asked:
    block = {"cidr": cidr, **({"except": list(excepted)} if excepted else {})}
    return _peer({"ipBlock": block}, refused, accepted=accepted)


def _selector(expression: Mapping[str, Any], refused: str) -> tuple[Asked, ...]:
    """The same bad expression as target, as source and as destination."""
    bad = {"matchExpressions": [dict(expression)]}
    where = f"matchExpressions[0].{refused}"
    return (
        Asked({"podSelector": bad}, f"spec.podSelector.{where}"),
        Asked(
            {"podSelector": {}, "ingress": [{"from": [{"podSelector": bad}]}]},
            f"spec.ingress[0].from[0].podSelector.{where}",
        ),
        Asked(
            {"podSelector": {}, "egress": [{"to": [{"namespaceSelector": bad}]}]},
            f"spec.egress[0].to[0].namespaceSelector.{where}",
        ),
    )


TCP = "spec.ingress.0.ports.0.protocol"
ASKED: Mapping[str, Sequence[Asked]] = {
    "POL-002": (
        Asked({"podSelector": {}}, "metadata.name", name="A_b"),
        Asked({"podSelector": {}}, "metadata.name", name="a" * 254),
        Asked({"podSelector": {}}, name="a.b", gives={"metadata.name": "a.b"}),
    ),
    "POL-004": (Asked({}, gives={"spec.policyTypes": ["Ingress"], "spec.podSelector": None}),),
    "POL-005": (Asked({"podSelector": {}}, gives={"spec.policyTypes": ["Ingress"]}),),
    "POL-006": (Asked({"podSelector": {}, "egress": [{}]}, gives={"spec.policyTypes": ["Ingress", "Egress"]}),),
    "POL-007": (Asked({"podSelector": {}, "egress": []}, gives={"spec.policyTypes": ["Ingress"]}),),
    "POL-008": (_types("Egress"), _types("Egress", "Ingress"), _types("Ingress", "Ingress")),
    "POL-009": (
        _types("Ingress", "Egress", "Ingress", refused="spec.policyTypes"),
        _types("ingress", refused="spec.policyTypes[0]"),
        _types("Both", refused="spec.policyTypes[0]"),
    ),
    "POL-010": (_port({}, gives={TCP: "TCP"}), _port({"port": 80}, gives={TCP: "TCP"})),
    "POL-011": (
        _port({"protocol": "ICMP"}, "protocol"),
        _port({"protocol": "tcp"}, "protocol"),
        _port({"protocol": ""}, "protocol"),
    ),
    "POL-012": tuple(_port({"port": number}, "port") for number in (0, -1, 65536)),
    "POL-013": (
        *(_port({"port": name}, "port") for name in ("80", "-a", "a--b", "a" * 16)),
        _port({"port": "8080a"}, gives={"spec.ingress.0.ports.0.port": "8080a"}),
    ),
    "POL-014": (_port({"endPort": 90}, "endPort"), _port({"port": "http", "endPort": 90}, "endPort")),
    "POL-015": (
        _port({"port": 80, "endPort": 79}, "endPort"),
        _port({"port": 80, "endPort": 80}, gives={"spec.ingress.0.ports.0.endPort": 80}),
        _port({"port": 80, "endPort": 65536}, "endPort"),
    ),
    "POL-016": (_peer({}),),
    "POL-017": (
        _peer({"ipBlock": {"cidr": "10.0.0.0/24"}, "podSelector": SELECTED}),
        _peer({"ipBlock": {"cidr": "10.0.0.0/24"}, "namespaceSelector": SELECTED}),
    ),
    "POL-018": (
        _block("", refused="ipBlock.cidr"),
        _block("10.0.0.1", refused="ipBlock.cidr"),
        _block("fd00::/64", accepted=True),
    ),
    "POL-019": (
        _block("10.0.0.0/8", "10.0.0.0/8", refused="ipBlock.except[0]"),
        _block("10.0.0.0/8", "11.0.0.0/16", refused="ipBlock.except[0]"),
        _block("10.0.0.0/8", "10.1.0.0/16", accepted=True),
    ),
    "POL-021": (
        *_selector({"key": "pod", "operator": "Like", "values": ["a"]}, "operator"),
        *_selector({"key": "pod", "operator": "In"}, "values"),
        *_selector({"key": "pod", "operator": "Exists", "values": ["a"]}, "values"),
        *_selector({"key": "-pod", "operator": "Exists"}, "key"),
    ),
    "POL-022": (
        Asked({"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{}]}, gives={"spec.policyTypes": ["Ingress"]}),
    ),
}
"""What is asked for each requirement that single new policies decide."""
