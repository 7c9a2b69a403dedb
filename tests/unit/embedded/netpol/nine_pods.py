"""Nine pods on two nodes (namespaces x y z, pods a b c; every c on n2) and their table of who reaches whom, traced.

The topology T9 of the catalogue with its variants. The table is made as packets would make it: the client's node
judges first, then the server's node if it is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.embedded.netpol.compile import compile_policies
from harness.embedded.netpol.model import Snapshot
from harness.embedded.nft.ruleset import Ruleset
from harness.embedded.nft.trace import Packet, Situation, Verdict, trace

NODES = ("n1", "n2")
NAMESPACES, LETTERS = "xyz", "abc"
PODS = [f"{namespace}/{letter}" for namespace in NAMESPACES for letter in LETTERS]
LANES = [(f"{protocol[0].upper()}{port}", protocol, port) for protocol in ("tcp", "udp", "sctp") for port in (80, 81)]


def address(pod: str, family: str = "IPv4") -> str:
    """x/a is 10.1.0.1 and fd00:1::1, y/b is 10.2.0.2 and so on."""
    namespace, letter = NAMESPACES.index(pod[0]) + 1, LETTERS.index(pod[2]) + 1
    return f"10.{namespace}.0.{letter}" if family == "IPv4" else f"fd00:{namespace}::{letter}"


def node_of(pod: str) -> str:
    """Every c lives on n2."""
    return "n2" if pod.endswith("c") else "n1"


def pod_object(pod: str, kind: str = "") -> dict[str, Any]:
    """A pod as the API would show it; `kind` is the variant of the topology: tier, tier0, web."""
    namespace, letter = pod.split("/")
    labels = {"pod": letter}
    if kind.startswith("tier"):
        labels["app"] = "w"
        tier = {"a": "q", "b": "r", "c": "" if kind == "tier0" else None}[letter]
        if tier is not None:
            labels["tier"] = tier
    ports = [
        {"name": f"serve-{port}-{protocol}", "containerPort": port, "protocol": protocol.upper()}
        for _, protocol, port in LANES
    ]
    if kind == "web" and letter in "ab":
        ports.append({"name": "web", "containerPort": 80 if letter == "a" else 81, "protocol": "TCP"})
    return {
        "metadata": {"namespace": namespace, "name": letter, "uid": f"uid-{pod}", "labels": labels},
        "spec": {"nodeName": node_of(pod), "containers": [{"name": "agent", "ports": ports}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address(pod)}, {"ip": address(pod, "IPv6")}]},
    }


def namespace_object(name: str, kind: str = "") -> dict[str, Any]:
    """A namespace with the label the API server adds."""
    labels = {"ns": name, "kubernetes.io/metadata.name": name}
    if kind.startswith("tier") and name != "x":
        labels["team"] = "t1" if name == "y" else ""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "labels": labels}}


def policy_object(namespace: str, spec: Mapping[str, Any], name: str = "p") -> dict[str, Any]:
    """A NetworkPolicy."""
    return {"metadata": {"namespace": namespace, "name": name, "uid": f"uid-{namespace}-{name}"}, "spec": dict(spec)}


def snapshot(
    node: str, policies: Sequence[Mapping[str, Any]], *, kind: str = "", faults: Sequence[Mapping[str, Any]] = ()
) -> Snapshot:
    """What the agent of a node sees."""
    return Snapshot(
        node=node,
        addresses=("172.18.0.2", "fc00::2"),
        pod_cidrs=(),
        pods=tuple(pod_object(pod, kind) for pod in PODS),
        namespaces=tuple(namespace_object(name, kind) for name in NAMESPACES),
        policies=tuple(dict(one) for one in policies),
        faults=tuple(dict(one) for one in faults),
    )


def fault(id: str, *, namespaces: Sequence[str] = (), nodes: Sequence[str] = (), **params: Any) -> dict[str, Any]:  # noqa: A002
    """A planted fault."""
    spec = {"id": id, "namespaces": list(namespaces), "nodes": list(nodes), "params": params}
    return {"metadata": {"name": "f"}, "spec": spec}


def rules(
    policies: Sequence[Mapping[str, Any]], *, kind: str = "", faults: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Ruleset]:
    """The rulesets of both nodes."""
    return {node: compile_policies(snapshot(node, policies, kind=kind, faults=faults)) for node in NODES}


def reaches(
    rulesets: Mapping[str, Ruleset], source: str, target: str, lane: tuple[str, str, int], family: str = "IPv4"
) -> bool:
    """Whether a connection gets through both nodes."""
    packet = Packet(address(source, family), address(target, family), lane[1], lane[2])
    path = dict.fromkeys((node_of(source), node_of(target)))
    return all(trace(rulesets[node], packet, Situation()).verdict is Verdict.ACCEPT for node in path)


def denied(rulesets: Mapping[str, Ruleset], lane: tuple[str, str, int], family: str = "IPv4") -> set[tuple[str, str]]:
    """The ordered pairs that cannot connect."""
    return {
        (source, target)
        for source in PODS
        for target in PODS
        if source != target and not reaches(rulesets, source, target, lane, family)
    }


def pods_in(text: str) -> set[str]:
    """`{x/b, y/*}` as pods."""
    found: set[str] = set()
    for pattern in filter(None, (part.strip() for part in text.strip("{}").split(","))):
        namespace, letter = pattern.split("/")
        found |= {
            pod for pod in PODS if pod[0] in (namespace, *("xyz" * (namespace == "*"))) and letter in (pod[2], "*")
        }
    return found


def spec_of(cases: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """The policies of a catalogue case, each under its own name."""
    return [policy_object(namespace, spec, f"p{number}") for number, (namespace, spec) in enumerate(cases)]
