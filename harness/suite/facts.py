"""What a cluster has, found out once per worker: nodes, families, its DNS. The answers to a test's `needs`.

A need that is not met ends as SKIP naming what is missing; the vocabulary is closed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from harness.kube.client import Kube
from harness.kube.errors import NotFound, WaitTimeout
from harness.kube.patience import Patience
from harness.model.judgement import NotApplicable, Unmeasured
from harness.model.refs import Family

DNS_LABELS = "k8s-app=kube-dns"
FEATURES = {
    "nodes2": "at least two schedulable Linux nodes",
    "nodes3": "at least three schedulable Linux nodes",
    "ipv4": "pods with IPv4 addresses",
    "ipv6": "pods with IPv6 addresses",
    "dual": "a dual-stack cluster",
    "lb": "an implementation of LoadBalancer Services",
    "faults": "a cluster that can be broken on request (the embedded one)",
}
"""Everything a test can need, and how a skip names it."""

NO_LOADBALANCER = f"needs {FEATURES['lb']}: no address was assigned"


class ClusterFacts:
    """Facts about the cluster under test, from its API only."""

    def __init__(self, kube: Kube, *, kind: str) -> None:
        self.kube = kube
        self.kind = kind
        self._loadbalancer: bool | None = None
        self._patient = Patience()

    @functools.cached_property
    def _ready_nodes(self) -> tuple[dict[str, Any], ...]:
        found = [node for node in self._patient(lambda: self.kube.list("nodes")).items if _is_ready_linux(node)]
        return tuple(sorted(found, key=lambda node: str(node["metadata"]["name"])))

    @functools.cached_property
    def nodes(self) -> tuple[dict[str, Any], ...]:
        """Ready Linux nodes that take ordinary pods, by name. Raises Unmeasured when there is none."""
        found = tuple(node for node in self._ready_nodes if _takes_pods(node))
        if not found:
            raise Unmeasured("the cluster has no Ready node that takes ordinary pods: kubectl get nodes")
        return found

    @property
    def every_node(self) -> list[str]:
        """Names of all Ready Linux nodes, also of those that take no ordinary pods."""
        return [str(node["metadata"]["name"]) for node in self._ready_nodes]

    @property
    def node_names(self) -> list[str]:
        """Their names."""
        return [str(node["metadata"]["name"]) for node in self.nodes]

    def node_address(self, name: str, family: Family) -> str:
        """A node's InternalIP of a family. Raises NotApplicable without one."""
        node = next(node for node in self.nodes if node["metadata"]["name"] == name)
        for each in node["status"]["addresses"]:
            if each["type"] == "InternalIP" and Family.of(each["address"]) is family:
                return str(each["address"])
        raise NotApplicable(f"node {name} has no {family} address")

    @functools.cached_property
    def families(self) -> tuple[Family, ...]:
        """The families Services get, in the cluster's order, as its own `kubernetes` Service and nodes tell."""
        cidrs = self.nodes[0]["spec"].get("podCIDRs") or []
        if cidrs:
            return tuple(dict.fromkeys(Family.of(cidr) for cidr in cidrs))
        service = self._patient(lambda: self.kube.get("services", "kubernetes", namespace="default"))
        return tuple(Family(each) for each in service["spec"].get("ipFamilies") or ["IPv4"])

    @functools.cached_property
    def dns_service(self) -> dict[str, Any]:
        """The Service of the cluster DNS. Raises Unmeasured when none carries the usual label."""
        try:
            found = self._patient(lambda: self.kube.list("services", namespace="kube-system", labels=DNS_LABELS)).items
        except NotFound:
            found = []
        if not found:
            raise Unmeasured(f"no Service labelled {DNS_LABELS} in kube-system: where is the cluster DNS?")
        return found[0]

    @property
    def dns_server(self) -> str:
        """The ClusterIP that pods ask."""
        return str(self.dns_service["spec"]["clusterIP"])

    def dns_endpoints(self) -> list[tuple[str, int]]:
        """Address and port of every ready endpoint behind the cluster DNS, over UDP, as its slices say now."""
        name = self.dns_service["metadata"]["name"]
        labels = f"kubernetes.io/service-name={name}"
        slices = self._patient(
            lambda: self.kube.list("endpointslices.discovery.k8s.io", namespace="kube-system", labels=labels)
        ).items
        return [
            (str(address), int(port["port"]))
            for each in slices
            for port in each.get("ports") or ()
            for endpoint in each.get("endpoints") or ()
            for address in endpoint["addresses"]
            if port.get("protocol") == "UDP" and (endpoint.get("conditions") or {}).get("ready") is not False
        ]

    zone = "cluster.local"
    """The cluster's DNS zone; `find_zone` corrects it from a pod's search list."""

    def find_zone(self, search: Iterable[str]) -> str:
        """Learn the zone from the search list of an ordinary pod (DET-01): `svc.<zone>` is always in it."""
        for domain in search:
            if domain.startswith("svc."):
                self.zone = domain.removeprefix("svc.").rstrip(".")
        return self.zone

    @functools.cached_property
    def features(self) -> frozenset[str]:
        """Which FEATURES are there; `lb` is left to `has_loadbalancer`, since finding out takes a Service."""
        found = {"nodes2"} if len(self.nodes) >= 2 else set()
        found |= {"nodes3"} if len(self.nodes) >= 3 else set()
        found |= {"ipv4"} if Family.V4 in self.families else set()
        found |= {"ipv6"} if Family.V6 in self.families else set()
        found |= {"dual"} if len(self.families) == 2 else set()
        found |= {"faults"} if self.kind == "embedded" else set()
        return frozenset(found)

    def await_loadbalancer(self, service: str, *, namespace: str, patience: float, timeout: float) -> None:
        """Wait until this LoadBalancer Service has an address.

        Raises NotApplicable when the cluster gave none to the first Service within `patience` seconds (remembered),
        Unmeasured when it gives addresses, but not to this one within `timeout`.
        """
        if self._loadbalancer is False:
            raise NotApplicable(NO_LOADBALANCER)
        try:
            self.kube.wait(
                "services",
                service,
                lambda found: bool(found and found.get("status", {}).get("loadBalancer", {}).get("ingress")),
                timeout=timeout if self._loadbalancer else patience,
                namespace=namespace,
            )
            self._loadbalancer = True
        except WaitTimeout as error:
            if self._loadbalancer:
                raise Unmeasured(
                    f"no LoadBalancer address within {timeout:g} s, though earlier Services got one"
                ) from error
            self._loadbalancer = False
            raise NotApplicable(NO_LOADBALANCER) from error

    def must_have(self, needs: Iterable[str]) -> None:
        """Raises NotApplicable naming everything that is missing. Raises ValueError for a need nobody knows."""
        wanted = set(needs)
        if unknown := wanted - set(FEATURES):
            raise ValueError(f"unknown needs {sorted(unknown)}; known: {sorted(FEATURES)}")
        missing = sorted(wanted - self.features - {"lb"})
        if missing:
            raise NotApplicable("needs " + "; ".join(FEATURES[each] for each in missing))


def _is_ready_linux(node: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in node.get("status", {}).get("conditions") or []}
    linux = (node["metadata"].get("labels") or {}).get("kubernetes.io/os", "linux") == "linux"
    return conditions.get("Ready") == "True" and linux


def _takes_pods(node: dict[str, Any]) -> bool:
    taints = [each for each in node["spec"].get("taints") or [] if each.get("effect") in {"NoSchedule", "NoExecute"}]
    return not taints and not node["spec"].get("unschedulable")
