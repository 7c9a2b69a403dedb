"""Planted faults of the Ingress controller: every way in which it can be broken on purpose.

`Quirks` say how the Ingresses of a namespace are misread and misrouted; `Lag` says which state of a namespace is seen.
Ids F64 and F65 are those of the catalogue of Service faults; the others are ours:

| ingress/10 | of equal paths Prefix is taken before Exact     |
| ingress/11 | paths are tried in the order in which they stand |
| ingress/12 | the first label of a host is not looked at      |
| ingress/13 | wildcards are tried before whole names          |
| ingress/14 | hosts are compared as they are sent             |
| ingress/15 | rules without a host are left out               |
| ingress/16 | default backends are left out                   |
| ingress/17 | Ingresses of every class are served             |
| ingress/18 | routes of deleted Ingresses stay                |
| ingress/19 | endpoints are those of when the fault came      |
| ingress/20 | every TLS host gets the first certificate       |
| ingress/21 | certificates are those of when the fault came   |
| ingress/22 | a missing Service takes its namespace along     |
| ingress/23 | no address is written into the status           |
| ingress/24 | path and query are not handed on                |
| ingress/25 | hosts with TLS are redirected to it             |
| ingress/26 | one endpoint gets everything                    |
| ingress/27 | every port is the Service's first one           |
| ingress/28 | HAProxy is stopped and started for changes      |
| ingress/30 | a host belongs to one Ingress alone             |
| ingress/31 | paths are compared in any case                  |
| ingress/32 | the name in the TLS handshake chooses           |
| ingress/33 | without endpoints somebody else answers         |
| ingress/34 | certificates for wildcards are left out         |
| ingress/35 | bodies above 64 KiB are refused                 |
| ingress/36 | nobody listens on IPv6                          |
| ingress/37 | an unknown host gets the first backend          |
| ingress/38 | Exact is read as Prefix, and Prefix as Exact    |
| ingress/39 | a Secret that is none hides all certificates    |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from harness.embedded.api.faults import RESOURCE, active

__all__ = ["RESOURCE", "Lag", "Planted", "Quirks"]

Obj = dict[str, Any]
INGRESSES, SERVICES = "ingresses.networking.k8s.io", "services"
SLICES, SECRETS = "endpointslices.discovery.k8s.io", "secrets"

IDS = {
    "string_prefixes": "services/F65",
    "deep_wildcards": "services/F64",
    "prefix_first": "ingress/10",
    "as_written": "ingress/11",
    "first_label_open": "ingress/12",
    "wildcards_first": "ingress/13",
    "hosts_as_sent": "ingress/14",
    "no_open_hosts": "ingress/15",
    "no_defaults": "ingress/16",
    "any_class": "ingress/17",
    "one_certificate": "ingress/20",
    "fragile": "ingress/22",
    "unpublished": "ingress/23",
    "rewritten": "ingress/24",
    "redirected": "ingress/25",
    "one_endpoint": "ingress/26",
    "first_port": "ingress/27",
    "one_owner": "ingress/30",
    "any_case": "ingress/31",
    "by_handshake": "ingress/32",
    "borrowed": "ingress/33",
    "no_wildcard_certificates": "ingress/34",
    "small_bodies": "ingress/35",
    "strangers_welcome": "ingress/37",
    "types_swapped": "ingress/38",
    "certificates_together": "ingress/39",
}


@dataclass(frozen=True)
class Quirks:
    """How the Ingresses of one namespace are mistreated; nothing by default."""

    string_prefixes: bool = False
    deep_wildcards: bool = False
    prefix_first: bool = False
    as_written: bool = False
    first_label_open: bool = False
    wildcards_first: bool = False
    hosts_as_sent: bool = False
    no_open_hosts: bool = False
    no_defaults: bool = False
    any_class: bool = False
    one_certificate: bool = False
    fragile: bool = False
    unpublished: bool = False
    rewritten: bool = False
    redirected: bool = False
    one_endpoint: bool = False
    first_port: bool = False
    one_owner: bool = False
    any_case: bool = False
    by_handshake: bool = False
    borrowed: bool = False
    no_wildcard_certificates: bool = False
    small_bodies: bool = False
    strangers_welcome: bool = False
    types_swapped: bool = False
    certificates_together: bool = False


HEALTHY = Quirks()


@dataclass(frozen=True)
class Planted:
    """The faults planted now."""

    objects: Sequence[Obj] = ()

    def on(self, fault: str, namespace: str | None = None) -> bool:
        """Whether a fault is active for a namespace."""
        return bool(self.objects) and active(self.objects, fault, namespace=namespace) is not None

    def quirks(self, namespace: str) -> Quirks:
        """How the Ingresses of a namespace are mistreated."""
        if not self.objects:
            return HEALTHY
        return Quirks(**{each.name: self.on(IDS[each.name], namespace) for each in fields(Quirks)})

    @property
    def restarts(self) -> bool:
        """ingress/28: HAProxy is stopped and started for every change."""
        return self.on("ingress/28")

    @property
    def deaf_to_v6(self) -> bool:
        """ingress/36: nobody listens on IPv6."""
        return self.on("ingress/36")


FROZEN = {"ingress/19": (SERVICES, SLICES), "ingress/21": (SECRETS,)}
"""What goes on being seen as it was when the fault came."""


@dataclass
class Lag:
    """What is seen of the cluster while its watch is broken, per fault and namespace."""

    _frozen: dict[tuple[str, str, str], list[Obj]] = field(default_factory=dict)
    _kept: dict[str, dict[str, Obj]] = field(default_factory=dict)

    def apply(self, objects: Mapping[str, Sequence[Obj]], planted: Planted) -> Mapping[str, Sequence[Obj]]:
        """The objects as seen: frozen (19, 21), or with every Ingress that was ever there (18)."""
        spaces = {space for resource in objects for space in _spaces(objects[resource])}
        wanted = {
            (fault, resource, space)
            for fault, resources in FROZEN.items()
            for space in spaces | {key[2] for key in self._frozen}
            for resource in resources
            if planted.on(fault, space)
        }
        for key in self._frozen.keys() - wanted:
            del self._frozen[key]
        for fault, resource, space in wanted:
            self._frozen.setdefault((fault, resource, space), _inside(objects[resource], space))
        seen = {resource: self._thawed(resource, objects[resource]) for resource in objects}
        return seen | {INGRESSES: self._hoarded(seen[INGRESSES], planted)}

    def _thawed(self, resource: str, items: Sequence[Obj]) -> Sequence[Obj]:
        old = {space: kept for (_, frozen, space), kept in self._frozen.items() if frozen == resource}
        if not old:
            return items
        fresh = [item for item in items if item["metadata"]["namespace"] not in old]
        return [*fresh, *(item for space in sorted(old) for item in old[space])]

    def _hoarded(self, items: Sequence[Obj], planted: Planted) -> Sequence[Obj]:
        spaces = {space for space in _spaces(items) | self._kept.keys() if planted.on("ingress/18", space)}
        self._kept = {space: self._kept.get(space, {}) for space in spaces}
        for item in items:
            if item["metadata"]["namespace"] in spaces:
                self._kept[item["metadata"]["namespace"]][item["metadata"]["name"]] = item
        fresh = [item for item in items if item["metadata"]["namespace"] not in spaces]
        return [*fresh, *(item for space in sorted(spaces) for item in self._kept[space].values())]


def _spaces(items: Iterable[Obj]) -> set[str]:
    return {str(item["metadata"].get("namespace") or "") for item in items}


def _inside(items: Iterable[Obj], space: str) -> list[Obj]:
    return [item for item in items if item["metadata"].get("namespace") == space]
