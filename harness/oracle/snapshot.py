"""Everything the oracle may look at: API objects at one moment, frozen, with the indexes its questions need.

Objects are raw dictionaries as in JSON, as read back from the API server (so defaulted and validated). Nothing here
interprets them beyond finding them; kinds the oracle has no use for are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Raw = Mapping[str, Any]
"""One API object. Never changed by the oracle."""

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
"""Joins an EndpointSlice to its Service (discovery.k8s.io/v1)."""

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label by which every namespace carries its own name (KEP-2161)."""

FIELDS = {
    "Namespace": "namespaces",
    "Pod": "pods",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "NetworkPolicy": "networkpolicies",
    "Node": "nodes",
    "Ingress": "ingresses",
    "IngressClass": "ingressclasses",
}

CLUSTER_SCOPED = frozenset({"Namespace", "Node", "IngressClass"})


def name_of(thing: Raw) -> str:
    """metadata.name"""
    return str(thing["metadata"]["name"])


def namespace_of(thing: Raw) -> str:
    """metadata.namespace; of a manifest that leaves it out, `default`."""
    return str(thing["metadata"].get("namespace") or "default")


def labels_of(thing: Raw) -> Mapping[str, str]:
    """metadata.labels, never None."""
    found: Mapping[str, str] = thing["metadata"].get("labels") or {}
    return found


@dataclass(frozen=True)
class Snapshot:
    """API objects by kind. Make one with `Snapshot.of`; missing kinds are empty."""

    namespaces: tuple[Raw, ...] = ()
    pods: tuple[Raw, ...] = ()
    services: tuple[Raw, ...] = ()
    endpointslices: tuple[Raw, ...] = ()
    networkpolicies: tuple[Raw, ...] = ()
    nodes: tuple[Raw, ...] = ()
    ingresses: tuple[Raw, ...] = ()
    ingressclasses: tuple[Raw, ...] = ()

    @classmethod
    def of(cls, objects: Iterable[Raw]) -> Snapshot:
        """Sort objects by kind. Raises ValueError for one without a kind: the items of a list have lost theirs."""
        by_field: dict[str, list[Raw]] = defaultdict(list)
        for each in objects:
            if not each.get("kind"):
                raise ValueError(f"an object without kind: {each.get('metadata', each)!r}")
            if (field := FIELDS.get(str(each["kind"]))) is not None:
                by_field[field].append(each)
        return cls(**{field: tuple(found) for field, found in by_field.items()})

    def objects(self) -> tuple[Raw, ...]:
        """All of them."""
        return (
            *self.namespaces,
            *self.pods,
            *self.services,
            *self.endpointslices,
            *self.networkpolicies,
            *self.nodes,
            *self.ingresses,
            *self.ingressclasses,
        )

    def replacing(self, *objects: Raw) -> Snapshot:
        """The same moment, with these objects in place of those of the same kind, namespace and name, or added."""
        merged = {_identity(each): each for each in self.objects()}
        merged.update({_identity(each): each for each in objects})
        return Snapshot.of(merged.values())

    def without(self, *objects: Raw) -> Snapshot:
        """The same moment without these objects (named by kind, namespace, name)."""
        gone = {_identity(each) for each in objects}
        return Snapshot.of(each for each in self.objects() if _identity(each) not in gone)

    @cached_property
    def _pods_by_name(self) -> dict[tuple[str, str], Raw]:
        return {(namespace_of(each), name_of(each)): each for each in self.pods}

    @cached_property
    def _services_by_name(self) -> dict[tuple[str, str], Raw]:
        return {(namespace_of(each), name_of(each)): each for each in self.services}

    @cached_property
    def _namespaces_by_name(self) -> dict[str, Raw]:
        return {name_of(each): each for each in self.namespaces}

    @cached_property
    def _nodes_by_name(self) -> dict[str, Raw]:
        return {name_of(each): each for each in self.nodes}

    @cached_property
    def _pods_by_namespace(self) -> dict[str, list[Raw]]:
        return _grouped(self.pods)

    @cached_property
    def _policies_by_namespace(self) -> dict[str, list[Raw]]:
        return _grouped(self.networkpolicies)

    @cached_property
    def _slices_by_service(self) -> dict[tuple[str, str], list[Raw]]:
        found: dict[tuple[str, str], list[Raw]] = defaultdict(list)
        for each in self.endpointslices:
            if owner := labels_of(each).get(SERVICE_NAME_LABEL):
                found[namespace_of(each), owner].append(each)
        return found

    def pod(self, namespace: str, name: str) -> Raw:
        """That pod. Raises KeyError."""
        return _must(self._pods_by_name, (namespace, name), "pod")

    def service(self, namespace: str, name: str) -> Raw:
        """That Service. Raises KeyError."""
        return _must(self._services_by_name, (namespace, name), "service")

    def find_service(self, namespace: str, name: str) -> Raw | None:
        """That Service, or None."""
        return self._services_by_name.get((namespace, name))

    def node(self, name: str) -> Raw:
        """That node. Raises KeyError."""
        return _must(self._nodes_by_name, name, "node")

    def has_namespace(self, name: str) -> bool:
        """Whether the namespace exists."""
        return name in self._namespaces_by_name

    def namespace_labels(self, name: str) -> Mapping[str, str]:
        """A namespace's labels, with the name label the API server adds to every one of them."""
        labels = labels_of(self._namespaces_by_name[name]) if name in self._namespaces_by_name else {}
        return {**labels, NAME_LABEL: name}

    def pods_in(self, namespace: str) -> list[Raw]:
        """The pods of a namespace."""
        return self._pods_by_namespace.get(namespace, [])

    def policies_in(self, namespace: str) -> list[Raw]:
        """The NetworkPolicies of a namespace."""
        return self._policies_by_namespace.get(namespace, [])

    def slices_of(self, namespace: str, service: str) -> list[Raw]:
        """The EndpointSlices joined to a Service by label, whoever wrote them."""
        return self._slices_by_service.get((namespace, service), [])


def _identity(thing: Raw) -> tuple[str, str, str]:
    namespaced = str(thing["kind"]) not in CLUSTER_SCOPED
    return (str(thing["kind"]), namespace_of(thing) if namespaced else "", name_of(thing))


def _grouped(things: Iterable[Raw]) -> dict[str, list[Raw]]:
    found: dict[str, list[Raw]] = defaultdict(list)
    for each in things:
        found[namespace_of(each)].append(each)
    return found


def _must(index: Mapping[Any, Raw], key: object, kind: str) -> Raw:
    try:
        return index[key]
    except KeyError:
        raise KeyError(f"no {kind} {key!r} in the snapshot; it has {sorted(map(str, index))[:20]}") from None
