"""The catalogue's topologies as API objects: nine pods x/a .. z/c, three namespaces, two nodes; and golden rows."""

from __future__ import annotations

import fnmatch
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.model.expectation import Want
from harness.oracle.policy import Cell, Lane
from harness.oracle.snapshot import Snapshot

NAMESPACES, PODS, PORTS, PROTOCOLS = "xyz", "abc", (80, 81), ("TCP", "UDP", "SCTP")
LANES = {f"{protocol[0]}{port}": Lane(port, protocol) for protocol in PROTOCOLS for port in PORTS}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the quick one where it was built
NAMES = [f"{namespace}/{pod}" for namespace in NAMESPACES for pod in PODS]


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, "ns": name, **labels}},
    }


def address(namespace: str, pod: str) -> str:
    """C(y) of the catalogue is 10.2.0.0/24, y/b is 10.2.0.2."""
    return f"10.{NAMESPACES.index(namespace) + 1}.0.{PODS.index(pod) + 1}"


def pod(namespace: str, name: str, **fields: Any) -> dict[str, Any]:
    ports = [
        {"name": f"serve-{port}-{protocol.lower()}", "containerPort": port, "protocol": protocol}
        for protocol in PROTOCOLS
        for port in PORTS
    ]
    ip = fields.pop("ip", None) or address(namespace, name)
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": fields.pop("labels", {"pod": name})},
        "spec": {
            "nodeName": fields.pop("node", "n1" if name == "a" else "n2"),
            "containers": [{"name": "c", "ports": ports + fields.pop("ports", [])}],
            **fields.pop("spec", {}),
        },
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": each} for each in [ip, *fields.pop("more_ips", [])]],
            **fields,
        },
    }


def policy(namespace: str, spec: dict[str, Any], name: str = "p") -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def node(name: str, *addresses: str) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {}},
        "spec": {},
        "status": {"addresses": [{"type": "InternalIP", "address": each} for each in addresses]},
    }


@functools.cache
def topology(variant: str = "") -> Snapshot:
    """T9; `tier` T9t, `tier0` T9t0, `web` T9w."""
    tiers = {"a": {"tier": "q"}, "b": {"tier": "r"}, "c": {"tier": ""} if variant == "tier0" else {}}
    teams: dict[str, dict[str, str]] = {"x": {}, "y": {"team": "t1"}, "z": {"team": ""}}
    with_tier = variant.startswith("tier")
    web = {"a": [{"name": "web", "containerPort": 80}], "b": [{"name": "web", "containerPort": 81}]}
    objects = [namespace(each, **(teams[each] if with_tier else {})) for each in NAMESPACES]
    for each in NAMESPACES:
        for name in PODS:
            labels = {"pod": name, **({"app": "w", **tiers[name]} if with_tier else {})}
            objects.append(pod(each, name, labels=labels, ports=web.get(name, []) if variant == "web" else []))
    return Snapshot.of([*objects, node("n1", "172.18.0.2"), node("n2", "172.18.0.3")])


@dataclass(frozen=True)
class Row:
    """A golden row."""

    id: str
    snapshot: Snapshot
    specs: tuple[tuple[str, dict[str, Any]], ...]
    table: dict[Cell, Want]
    n: dict[Lane, int]


def read_row(row_id: str, row: dict[str, Any]) -> Row:
    specs = tuple((each[0], each[1]) for each in row["policies"])
    policies = [policy(namespace, spec, f"p{index}") for index, (namespace, spec) in enumerate(specs)]
    by_lane = {lane: row["denied"].get(short, row["denied"]["*"]) for short, lane in LANES.items()}
    table = {
        Cell(source, destination, lane): _want(by_lane[lane], source, destination)
        for source in NAMES
        for destination in NAMES
        for lane in LANES.values()
    }
    n = {lane: row["n"].get(short, row["n"].get("*")) for short, lane in LANES.items()}
    return Row(row_id, topology(row.get("topology", "")).replacing(*policies), specs, table, n)


def _want(rules: dict[str, dict[str, list[str]]], source: str, destination: str) -> Want:
    if source == destination:
        return Want.ALLOW
    for side, ours, theirs in (("into", destination, source), ("out", source, destination)):
        for pattern, allowed in rules.get(side, {}).items():
            if fnmatch.fnmatch(ours, pattern) and not any(fnmatch.fnmatch(theirs, each) for each in allowed):
                return Want.DENY
    return Want.ALLOW


@functools.cache
def golden() -> dict[str, Row]:
    text = (Path(__file__).parent / "golden.yaml").read_text()
    return {row_id: read_row(row_id, row) for row_id, row in yaml.load(text, Loader=LOADER).items()}
