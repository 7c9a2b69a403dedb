"""The API server's own planted faults, and which fault applies where. Pure.

A Fault's spec: `id` ("dns/F-03"), `params`, `namespaces` and `nodes` (empty: everywhere), `owner`, `ttlSeconds`.
Expiry is not judged here: the object of an expired fault is deleted.

| id           | what breaks                                                                        | where      |
| services/F48 | rules of Services, endpoints and pods are not applied: what is forbidden is stored  | writing.py |
| services/F51 | the allocator forgets what is in use; with `leak`, it never takes back what is not  | writing.py |
| services/F76 | a change of a Service's type leaves fields that the new type cannot have           | writing.py |
| services/F77 | new Services lack some defaults, replaced ones what the client left out             | writing.py |
| services/F88 | a change of a Service's status is answered and not kept                             | writing.py |
| policy/51    | a new policy for both directions is stored as one for ingress                      | writing.py |
| policy/97    | rules of NetworkPolicies are not applied, and their generation stands still        | writing.py |
| services/F98 | a change of EndpointSlices or Endpoints is answered and not kept                    | writing.py |
| ingress/1    | rules of Ingresses and IngressClasses are not applied                               | writing.py |
| ingress/2    | a new Ingress without a class stays without one                                     | writing.py |
| ingress/3    | of two default IngressClasses the older one is taken                                | writing.py |
| ingress/4    | a change of an Ingress or an IngressClass is answered and not kept                  | writing.py |

F48 and F51 are those of the catalogue; the others are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]

UNCHECKED = "services/F48"
FORGETFUL = "services/F51"
LEFTOVERS = "services/F76"
BARE = "services/F77"
STATUS_LOST = "services/F88"
INGRESS_ASSUMED = "policy/51"
UNRULED = "policy/97"
UNKEPT = "services/F98"
LAWLESS = "ingress/1"
NO_DEFAULT_CLASS = "ingress/2"
OLD_DEFAULT_CLASS = "ingress/3"
OBLIVIOUS = "ingress/4"

UNCHECKED_KINDS = frozenset({"Service", "EndpointSlice", "Endpoints", "Pod"})
UNKEPT_KINDS = frozenset({"EndpointSlice", "Endpoints"})
INGRESS_KINDS = frozenset({"Ingress", "IngressClass"})
LEFT_OUT = ("sessionAffinity", "internalTrafficPolicy", "externalTrafficPolicy", "allocateLoadBalancerNodePorts")


def active(
    faults: Iterable[Object],
    id: str,  # noqa: A002 - the field's name in a Fault
    *,
    node: str | None = None,
    namespace: str | None = None,
) -> Object | None:
    """The parameters of a fault with this id that covers this place ({} when it has none), or None.

    A place that is not said (None) is covered only by faults that name no place of that sort.
    """
    for fault in faults:
        spec = fault.get("spec") or {}
        if spec.get("id") != id or fault["metadata"].get("deletionTimestamp"):
            continue
        if _covers(spec.get("nodes"), node) and _covers(spec.get("namespaces"), namespace):
            return dict(spec.get("params") or {})
    return None


def _covers(scope: list[str] | None, place: str | None) -> bool:
    return not scope or place in scope


def doubled(service: Object, others: Iterable[Object]) -> Object:
    """services/F51: what is to be given out although somebody has it, in the shape of a Service that holds it.

    A Service that wishes for nothing is made to wish for what another one has.
    """
    spec = service["spec"]
    held = next((each["spec"] for each in others if each["spec"].get("clusterIP") not in {None, "", "None"}), None)
    if held is not None and not spec.get("clusterIP") and spec.get("type") != "ExternalName":
        spec["clusterIP"] = held["clusterIP"]
        for mine, theirs in zip(spec.get("ports") or (), held.get("ports") or (), strict=False):
            if theirs.get("nodePort") and spec.get("type") in {"NodePort", "LoadBalancer"}:
                mine.setdefault("nodePort", theirs["nodePort"])
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return {"spec": {**spec, "clusterIPs": [each for each in addresses if each and each != "None"]}}


def without_defaults(service: Object) -> None:
    """services/F77: take away what was filled in."""
    for field in LEFT_OUT:
        service["spec"].pop(field, None)


def ingress_assumed(new_policy: Object) -> None:
    """policy/51: a policy that leaves its types open, or names both, is completed as before there was egress."""
    if new_policy["spec"].get("policyTypes") == ["Ingress", "Egress"]:
        new_policy["spec"]["policyTypes"] = ["Ingress"]


def without_allocated(service: Object) -> None:
    """services/F77: what a client leaves out of a replacement is gone."""
    for field in ("clusterIP", "clusterIPs"):
        service["spec"].pop(field, None)
    for port in service["spec"].get("ports") or ():
        port.pop("nodePort", None)
