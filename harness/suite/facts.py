"""What a cluster has, found out when a test asks: nodes, families, its DNS. The answers to a test's `needs`.

A need that is not met ends as SKIP naming what is missing and why we think so; the vocabulary is closed
(`harness.model.capability`). Unknown is not no: where running a test decides it, the test runs. A network plugin that
is declared to do something is held to it: what it is found not to do is not skipped.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from harness.clusters.declared import of_plugin
from harness.kube.client import Kube
from harness.kube.errors import KubeError, NotFound, WaitTimeout
from harness.kube.patience import Patience
from harness.model.capability import NEEDS, Fact, State, need
from harness.model.judgement import Judgement, NotApplicable, Unmeasured
from harness.model.refs import Family
from harness.oracle.ingress import default_class
from harness.suite.loadbalancer import NOBODY, PATIENCE, FirstLoadBalancer, has_address
from harness.world.capabilities import Detector, Reads, takes_pods
from harness.world.capabilities import addresses as families
from harness.world.capabilities.machines import ZONE
from harness.world.capabilities.reads import DNS_LABELS, SYSTEM
from harness.world.nodes import sample
from harness.world.ownership import is_ours

CHEAP = ("nodes2", "nodes3", "v4", "v6", "dual", "faults")
"""What `features` tells: what takes no probe."""


class Known(Protocol):
    """What was found out by probing, shared by everybody who works on one run."""

    def once(self, name: str, find: Callable[[], Fact]) -> Fact:
        """The fact of that name; found out by the first who asks, while the others wait."""
        ...

    def tell(self, name: str, fact: Fact) -> None:
        """Something came out by the way."""
        ...

    def told(self, name: str) -> Fact | None:
        """What somebody found out."""
        ...


BROKEN_LOOKS_ABSENT = frozenset({"network-policy"})
"""What leaves nothing behind when it fails: without its policy agent a plugin looks like one that never had any."""


class KnownHere:
    """The same for one process."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}

    def once(self, name: str, find: Callable[[], Fact]) -> Fact:
        """The fact of that name."""
        if name not in self._facts:
            self._facts[name] = find()
        return self._facts[name]

    def tell(self, name: str, fact: Fact) -> None:
        """Keep it."""
        self._facts[name] = fact

    def told(self, name: str) -> Fact | None:
        """What was found out."""
        return self._facts.get(name)


class ClusterFacts:
    """Facts about the cluster under test."""

    def __init__(
        self,
        kube: Kube,
        *,
        kind: str,
        known: Known | None = None,
        declared: Mapping[str, str] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self.kube = kube
        self.kind = kind
        self.known = known or KnownHere()
        self.probes: dict[str, Callable[[], Fact]] = {}
        """How to find out what only packets tell, by the name of the fact."""
        self.notes = notes or {}
        """What its maker tells of it."""
        self._declared = declared
        self._patient = Patience()
        self._detector = Detector(Reads(kube, kind=kind, patience=self._patient))

    @functools.cached_property
    def nodes(self) -> tuple[dict[str, Any], ...]:
        """Ready Linux nodes that take ordinary pods, by name. Raises Unmeasured when there is none."""
        found = tuple(node for node in self._detector.reads.nodes if takes_pods(node))
        if not found:
            raise Unmeasured("the cluster has no Ready node that takes ordinary pods: kubectl get nodes")
        return found

    @property
    def every_node(self) -> list[str]:
        """Names of all Ready Linux nodes, also of those that take no ordinary pods."""
        return [str(node["metadata"]["name"]) for node in self._detector.reads.nodes]

    @property
    def node_names(self) -> list[str]:
        """Names of the Ready Linux nodes that take ordinary pods."""
        return [str(node["metadata"]["name"]) for node in self.nodes]

    @property
    def node_addresses(self) -> list[str]:
        """InternalIPs of the nodes that stand for all Ready Linux nodes."""
        chosen = frozenset(self.sample_everywhere)
        there = [node for node in self._detector.reads.nodes if node["metadata"]["name"] in chosen]
        several = [each for node in there for each in node["status"].get("addresses") or ()]
        return [str(each["address"]) for each in several if each["type"] == "InternalIP"]

    @property
    def sample(self) -> list[str]:
        """Of those, the ones that stand for every node where a promise is about each (`nodes.sample`)."""
        return sample(self.node_names)

    @property
    def sample_everywhere(self) -> list[str]:
        """The same, with nodes that take no ordinary pods among them."""
        ordinary = self.node_names
        return sample(ordinary, others=[name for name in self.every_node if name not in ordinary])

    def addresses_of(self, name: str) -> list[str]:
        """InternalIPs and ExternalIPs of a Ready Linux node."""
        node = next(node for node in self._detector.reads.nodes if node["metadata"]["name"] == name)
        several = node["status"].get("addresses") or ()
        return [str(each["address"]) for each in several if each["type"] in {"InternalIP", "ExternalIP"}]

    def node_address(self, name: str, family: Family) -> str:
        """A node's InternalIP of a family. Raises NotApplicable without one."""
        node = next(node for node in self.nodes if node["metadata"]["name"] == name)
        for each in node["status"]["addresses"]:
            if each["type"] == "InternalIP" and Family.of(each["address"]) is family:
                return str(each["address"])
        raise NotApplicable(f"node {name} has no {family} address")

    def node_zone(self, name: str) -> str:
        """The zone a node stands in; empty when its labels name none."""
        node = next(node for node in self.nodes if node["metadata"]["name"] == name)
        return str((node["metadata"].get("labels") or {}).get(ZONE, ""))

    @functools.cached_property
    def families(self) -> tuple[Family, ...]:
        """The families that Services and pods have, in the order Services get them."""
        return families.of_cluster(self._detector.reads)

    @functools.cached_property
    def dns_service(self) -> dict[str, Any]:
        """The Service of the cluster DNS. Raises Unmeasured when none carries the usual label."""
        try:
            found = self._patient(lambda: self.kube.list("services", namespace=SYSTEM, labels=DNS_LABELS)).items
        except NotFound:
            found = []
        if not found:
            raise Unmeasured(f"no Service labelled {DNS_LABELS} in {SYSTEM}: where is the cluster DNS?")
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
            lambda: self.kube.list("endpointslices.discovery.k8s.io", namespace=SYSTEM, labels=labels)
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

    def fact(self, name: str) -> Fact:
        """A fact by its name: as the API says; where that says nothing, as the run found out, or a probe tells now."""
        found = self._detector.fact(name)
        if found.state is not State.UNKNOWN:
            return found
        if name in self.probes:
            return self.known.once(name, self.probes[name])
        return self.known.told(name) or found

    @functools.cached_property
    def features(self) -> frozenset[str]:
        """Which of the CHEAP needs are met."""
        return frozenset(name for name in CHEAP if self.fact(name).state is State.YES)

    def must_have(self, needs: Iterable[str]) -> None:
        """Raises NotApplicable naming everything that is missing, Unmeasured for what nobody can tell.

        Raises ValueError for a need nobody knows.
        """
        wanted = list(dict.fromkeys(needs))
        if unknown := sorted(name for name in wanted if need(name) is None):
            raise ValueError(f"unknown needs {unknown}; known: {sorted(NEEDS)} and k8s>=X.Y")
        found = {name: self.fact(name) for name in wanted}
        missing = [name for name, fact in found.items() if fact.state is State.NO]
        if absent := sorted(name for name in missing if not self._is_held_to(name)):
            raise NotApplicable("needs " + "; ".join(f"{_words(name)}: {found[name].why}" for name in absent))
        for name in missing:
            if not _running_decides(name):
                raise _lacks(name, found[name])
        for name, fact in found.items():
            if fact.state is State.UNKNOWN and not _running_decides(name):
                raise Unmeasured(f"needs {_words(name)}, and nobody can tell whether it is there: {fact.why}")

    def _is_held_to(self, name: str) -> bool:
        """Whether its absence is a broken promise, and no skip: the cluster was made with it, or its plugin does it.

        Of what looks the same broken and absent, anything but a declaration that it is not done counts. Whoever gives
        load balancers their addresses is held to it where it is seen to run.
        """
        if name == "lb" and self._detector.fact("lb").value:
            return True
        if self._declared is None:
            self._declared = of_plugin({"cni": self.fact("cni")})
        told = self._declared.get(name)
        return told == "yes" or (name in BROKEN_LOOKS_ABSENT and told != "no")

    @functools.cached_property
    def ingress_class(self) -> str:
        """The IngressClass that tests use: the one the cluster was made with, else the default one, else the first.

        Raises NotApplicable without one.
        """
        if told := self.notes.get("ingress_class"):
            return told
        everybodys = self._patient(lambda: self.kube.list("ingressclasses.networking.k8s.io")).items
        classes = [each for each in everybodys if not is_ours(each)]
        if not classes:
            raise NotApplicable(f"needs {_words('ing')}: no IngressClass")
        return default_class(classes) or min(str(each["metadata"]["name"]) for each in classes)

    def await_ingress(self, ingress: str, *, namespace: str, patience: float, timeout: float) -> tuple[list[str], bool]:
        """Wait for the addresses of an Ingress, and whether they are meant for clients outside the cluster.

        Where the Ingress tells none, they are those of the Service behind which its controller is said to stand.

        Raises NotApplicable when the cluster's controller gave none to the first Ingress within `patience` seconds
        (remembered), Unmeasured when it gives addresses, or the cluster was made with it, but not to this one.
        """
        known, promised = self.fact("ing"), self._is_held_to("ing")
        if known.state is State.NO:
            raise _lacks("ing", known) if promised else NotApplicable(f"needs {_words('ing')}: {known.why}")
        behind, outside = self._ingress_service()
        sure = promised or known.state is State.YES
        try:
            found = self.kube.wait(
                "ingresses.networking.k8s.io",
                ingress,
                lambda each: bool(each and each.get("status", {}).get("loadBalancer", {}).get("ingress")),
                timeout=timeout if sure and (outside or not behind) else patience,
                namespace=namespace,
            )
        except WaitTimeout as error:
            if behind:
                return self._ingress_service()
            nobody = Fact.no(why=f"no address was given to the first Ingress of class {self.ingress_class}")
            self.known.tell("ing", nobody)
            raise _lacks("ing", nobody) if sure else NotApplicable(f"needs {_words('ing')}: {nobody.why}") from error
        self.known.tell("ing", Fact.yes(self.ingress_class, why="an Ingress got an address"))
        entries = (found or {})["status"]["loadBalancer"]["ingress"]
        return [str(each.get("ip") or each.get("hostname")) for each in entries], True

    def _ingress_service(self) -> tuple[list[str], bool]:
        """The addresses of the Service behind which the controller is said to stand, and whether a load balancer's."""
        space, _, name = self.notes.get("ingress_service", "").partition("/")
        found = self._patient(lambda: self.kube.find("services", name, namespace=space)) if name else None
        entries = (found or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or ()
        if given := [str(each.get("ip") or each.get("hostname")) for each in entries]:
            return given, True
        return [str(each) for each in (found or {}).get("spec", {}).get("clusterIPs") or ()], False

    def ask_for_loadbalancer(self, run: str, *, timeout: float) -> None:
        """Have the run's first LoadBalancer Service ask while other tests run, unless it is known what comes of it."""
        if self.fact("lb").state is not State.UNKNOWN:
            return
        first = FirstLoadBalancer(self.kube, run, patience=timeout if self._is_held_to("lb") else PATIENCE)
        with contextlib.suppress(KubeError):  # then the first test that needs one asks and waits itself
            self._patient(first.ask)
            self.probes["lb"] = first.fact

    def await_loadbalancer(self, service: str, *, namespace: str, timeout: float, patience: float = PATIENCE) -> None:
        """Wait until this LoadBalancer Service has an address.

        Raises NotApplicable when the cluster gave none to the first Service within `patience` seconds (remembered),
        Unmeasured when it gives addresses, or was made to give them, but not to this one within `timeout`.
        """
        known, promised = self.fact("lb"), self._is_held_to("lb")
        if known.state is State.NO:
            raise _no_address(known, promised=promised)
        try:
            self.kube.wait(
                "services",
                service,
                has_address,
                timeout=timeout if promised or known.state is State.YES else patience,
                namespace=namespace,
            )
        except WaitTimeout as error:
            if self.fact("lb").state is State.YES:
                raise Unmeasured(
                    f"no LoadBalancer address within {timeout:g} s, though earlier Services got one"
                ) from error
            nobody = Fact.no(why=f"{NOBODY} ({timeout if promised else patience:g} s)")
            self.known.tell("lb", nobody)
            told = self.fact("lb")
            # Another worker's Service may have got one in this very moment; then this one was not waited for.
            raise _no_address(
                told if told.state is State.NO else nobody, promised=promised or told != nobody
            ) from error
        if known.state is not State.YES:
            self.known.tell("lb", Fact.yes(why="a Service got an address"))


def _no_address(found: Fact, *, promised: bool) -> Judgement:
    """A cluster that has to give addresses and gives none was not measured; any other has nobody who would."""
    return _lacks("lb", found) if promised else NotApplicable(f"needs {_words('lb')}: {found.why}")


def _lacks(name: str, found: Fact) -> Unmeasured:
    """What a cluster was made with, or is seen to have, and does not show."""
    return Unmeasured(f"the cluster is supposed to have {_words(name)}: {found.why}")


def _words(name: str) -> str:
    found = need(name)
    return found.words if found else name


def _running_decides(name: str) -> bool:
    found = need(name)
    return found is not None and found.running_decides
