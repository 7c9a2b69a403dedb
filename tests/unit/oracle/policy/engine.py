"""A naive policy engine made to be broken: every decision is a small method a mutant can replace.

It shares no code with the oracle. Unbroken it must agree with the golden tables; each mutant must not.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from harness.oracle.policy import Lane

from .topology import Row

Spec = dict[str, Any]


class Pod:
    def __init__(self, raw: Any, namespace_labels: dict[str, str]) -> None:
        self.ns, self.name = raw["metadata"]["namespace"], raw["metadata"]["name"]
        self.labels, self.ns_labels = raw["metadata"]["labels"], namespace_labels
        self.ip = raw["status"]["podIPs"][0]["ip"]
        ports = raw["spec"]["containers"][0]["ports"]
        self.ports = [(each["name"], each.get("protocol", "TCP"), each["containerPort"]) for each in ports]


class Engine:
    """Right on purpose."""

    def __init__(self, row: Row) -> None:
        labels = {each["metadata"]["name"]: each["metadata"]["labels"] for each in row.snapshot.namespaces}
        self.pods = {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": Pod(
                each, labels[each["metadata"]["namespace"]]
            )
            for each in row.snapshot.pods
        }
        self.policies = [(ns, spec) for ns, spec in row.specs]

    # labels
    def match_labels(self, wanted: dict[str, str], labels: dict[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in wanted.items())

    def is_in(self, labels: dict[str, str], key: str, values: list[str]) -> bool:
        return key in labels and labels[key] in values

    def not_in(self, labels: dict[str, str], key: str, values: list[str]) -> bool:
        return key not in labels or labels[key] not in values

    def exists(self, labels: dict[str, str], key: str) -> bool:
        return key in labels

    def does_not_exist(self, labels: dict[str, str], key: str) -> bool:
        return key not in labels

    def expression(self, each: Spec, labels: dict[str, str]) -> bool:
        key, values = each["key"], each.get("values", [])
        match each["operator"]:
            case "In":
                return self.is_in(labels, key, values)
            case "NotIn":
                return self.not_in(labels, key, values)
            case "Exists":
                return self.exists(labels, key)
        return self.does_not_exist(labels, key)

    def expressions(self, several: list[Spec], labels: dict[str, str]) -> bool:
        return all(self.expression(each, labels) for each in several)

    def selector(self, selector: Spec, labels: dict[str, str]) -> bool:
        wanted = selector.get("matchLabels", {})
        return self.match_labels(wanted, labels) and self.expressions(selector.get("matchExpressions", []), labels)

    # policies
    def types(self, spec: Spec) -> set[str]:
        if "policyTypes" in spec:
            return set(spec["policyTypes"])
        return {"Ingress", "Egress"} if spec.get("egress") else {"Ingress"}

    def rules(self, spec: Spec, direction: str) -> list[Spec]:
        return list(spec.get(direction.lower()) or [])

    def selects(self, ns: str, spec: Spec, pod: Pod) -> bool:
        return ns == pod.ns and self.selector(spec.get("podSelector", {}), pod.labels)

    def isolating(self, direction: str, pod: Pod) -> list[tuple[str, Spec]]:
        return [
            (ns, spec) for ns, spec in self.policies if direction in self.types(spec) and self.selects(ns, spec, pod)
        ]

    # peers
    def block(self, block: Spec, pod: Pod) -> bool:
        return self.cidr(block["cidr"], pod.ip) and not any(self.cidr(each, pod.ip) for each in self.excepts(block))

    def cidr(self, cidr: str, ip: str) -> bool:
        return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr, strict=False)

    def excepts(self, block: Spec) -> list[str]:
        return list(block.get("except", []))

    def peer_pod(self, selector: Spec, pod: Pod) -> bool:
        return self.selector(selector, pod.labels)

    def peer_ns(self, selector: Spec, pod: Pod, ns: str) -> bool:
        return self.selector(selector, pod.ns_labels)

    def own_ns(self, ns: str, pod: Pod) -> bool:
        return ns == pod.ns

    def both(self, ns_matches: bool, pod_matches: bool) -> bool:
        return ns_matches and pod_matches

    def peer(self, ns: str, peer: Spec, pod: Pod) -> bool:
        if "ipBlock" in peer:
            return self.block(peer["ipBlock"], pod)
        if "namespaceSelector" not in peer:
            return self.own_ns(ns, pod) and self.peer_pod(peer["podSelector"], pod)
        if "podSelector" not in peer:
            return self.peer_ns(peer["namespaceSelector"], pod, ns)
        return self.both(self.peer_ns(peer["namespaceSelector"], pod, ns), self.peer_pod(peer["podSelector"], pod))

    def peers(self, ns: str, peers: list[Spec], pod: Pod) -> bool:
        return not peers or any(self.peer(ns, each, pod) for each in peers)

    # ports
    def protocol(self, entry: Spec) -> str:
        return str(entry.get("protocol", "TCP"))

    def named(self, name: str, lane: Lane, subject: Pod, destination: Pod) -> bool:
        return (name, lane.protocol, lane.port) in destination.ports

    def range(self, first: int, last: int, port: int) -> bool:
        return first <= port <= last

    def any_port(self, entry: Spec, lane: Lane) -> bool:
        return True

    def port(self, entry: Spec, lane: Lane, subject: Pod, destination: Pod) -> bool:
        if self.protocol(entry) != lane.protocol:
            return False
        port = entry.get("port")
        if port is None:
            return self.any_port(entry, lane)
        if isinstance(port, str):
            return self.named(port, lane, subject, destination)
        return self.range(port, entry["endPort"], lane.port) if "endPort" in entry else port == lane.port

    def ports(self, ports: list[Spec], lane: Lane, subject: Pod, destination: Pod) -> bool:
        return not ports or any(self.port(each, lane, subject, destination) for each in ports)

    # verdicts
    def rule(self, ns: str, rule: Spec, other: Pod, lane: Lane, subject: Pod, destination: Pod) -> bool:
        peers = rule.get("from", rule.get("to", []))
        return self.peers(ns, peers, other) and self.ports(rule.get("ports", []), lane, subject, destination)

    def policy(self, ns: str, spec: Spec, direction: str, subject: Pod, other: Pod, lane: Lane) -> bool:
        destination = subject if direction == "Ingress" else other
        rules = self.rules(spec, direction)
        return any(self.rule(ns, each, other, lane, subject, destination) for each in rules)

    def union(self, verdicts: list[bool]) -> bool:
        return any(verdicts)

    def side(self, direction: str, subject: Pod, other: Pod, lane: Lane) -> bool:
        several = self.isolating(direction, subject)
        if not several:
            return True
        return self.union([self.policy(ns, spec, direction, subject, other, lane) for ns, spec in several])

    def ends(self, egress: bool, ingress: bool, source: Pod, lane: Lane) -> bool:
        return egress and ingress

    def itself(self, source: Pod, lane: Lane) -> bool:
        return True

    def allowed(self, source: str, destination: str, lane: Lane) -> bool:
        ours, theirs = self.pods[source], self.pods[destination]
        if source == destination:
            return self.itself(ours, lane)
        egress = self.side("Egress", ours, theirs, lane)
        return self.ends(egress, self.side("Ingress", theirs, ours, lane), ours, lane)
