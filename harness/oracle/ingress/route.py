"""Who has to answer a request: hosts first, then the longest path, Exact before Prefix, then default backends.

Source: Ingress v1 (IngressSpec, IngressRule, HTTPIngressPath), and "Path types", "Multiple matches" and "Hostname
wildcards" of its documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.oracle.ingress.classes import serves
from harness.oracle.ingress.values import Request, Route, Rule, either, elements
from harness.oracle.services import Backend
from harness.oracle.snapshot import Raw, Snapshot, name_of, namespace_of

FREE = "ImplementationSpecific"


def route(snapshot: Snapshot, request: Request, *, ingress_class: str) -> Route:
    """The expectation for one request to the controller of a class."""
    asked = [(each, serves(snapshot.ingressclasses, ingress_class, each)) for each in snapshot.ingresses]
    ours = [each for each, served in asked if served]
    doubtful = [each for each, served in asked if served is None]
    if any(_concerns(each, request) for each in doubtful):
        return Route(undefined="an Ingress without ingressClassName is served by whom its controller chooses")
    tiers = [[rule for rule in _rules(ours) if rule.host == host] for host in _hosts(ours, request)]
    for place, tier in enumerate(tiers):
        if any(rule.sort == FREE for rule in tier):
            return Route(undefined=f"a path of type {FREE} is matched as the controller likes")
        if best := _best(tier, request):
            if place:
                return Route(undefined="a more exact host has no such path: whether a wider one is tried is not said")
            return _led_to(snapshot, best)
    return _unmatched(snapshot, ours, request)


def _concerns(ingress: Raw, request: Request) -> bool:
    """Whether an Ingress could have to do with a request."""
    return "defaultBackend" in ingress["spec"] or bool(list(_hosts([ingress], request)))


def _rules(ingresses: Iterable[Raw]) -> Iterator[Rule]:
    for each in ingresses:
        space, name = namespace_of(each), name_of(each)
        for rule in each["spec"].get("rules") or ():
            for path in (rule.get("http") or {}).get("paths") or ():
                text = str(path.get("path") or "/")
                yield Rule(str(rule.get("host", "")), path["pathType"], text, f"{space}/{name}", space, path["backend"])


def _hosts(ingresses: Iterable[Raw], request: Request) -> list[str]:
    """The hosts of rules that match a request's, the most exact first: itself, one wildcard, none."""
    known = {str(rule.get("host", "")) for each in ingresses for rule in each["spec"].get("rules") or ()}
    _, _, parent = request.name.partition(".")
    return [host for host in (request.name, f"*.{parent}", "") if host in known]


def matches(rule: Rule, path: str) -> bool:
    """Whether a path of type Exact or Prefix matches: Prefix element by element, both in their own case."""
    if rule.sort == "Exact":
        return rule.path == path
    wanted = elements(rule.path)
    return elements(path)[: len(wanted)] == wanted


def _best(tier: Iterable[Rule], request: Request) -> list[Rule]:
    """The rules that come first: the longest paths that match, Exact before Prefix; more than one is a tie."""
    found = [rule for rule in tier if matches(rule, request.path)]
    ranks = {id(rule): _rank(rule) for rule in found}
    best = max(ranks.values(), default=None)
    return [rule for rule in found if ranks[id(rule)] == best]


def _rank(rule: Rule) -> tuple[int, bool]:
    exact = rule.sort == "Exact"
    return len(rule.path if exact else rule.path.rstrip("/")), exact


def _led_to(snapshot: Snapshot, best: Sequence[Rule]) -> Route:
    """Where rules of one rank lead; where they differ, nobody says which counts."""
    ends = [_behind(snapshot, rule.namespace, rule.backend, str(rule)) for rule in best]
    if len({(each.backends, each.undefined) for each in ends}) > 1:
        told = " and ".join(map(str, best))
        return Route(either(ends).backends, undefined=f"{told} say different things of one host and path")
    return ends[0]


def _unmatched(snapshot: Snapshot, ours: Sequence[Raw], request: Request) -> Route:
    """What no path matches: default backends. A rule without a host claims none for its Ingress."""
    with_default = [each for each in ours if "defaultBackend" in each["spec"]]
    of_host = [each for each in with_default if any(_hosts([each], request))]
    if any(_hosts(ours, request)) and not of_host and with_default:
        return Route(undefined="the host is one Ingress's and the default backend another's")
    ends = [
        _behind(snapshot, namespace_of(each), each["spec"]["defaultBackend"], f"{_full(each)}: defaultBackend")
        for each in of_host or with_default
    ]
    if not ends:
        return Route(why=(f"no Ingress has a rule for {request}, and none a default backend",))
    if len({each.backends for each in ends}) > 1:
        return Route(either(ends).backends, undefined="several Ingresses have default backends")
    return ends[0]


def _full(ingress: Raw) -> str:
    return f"Ingress {namespace_of(ingress)}/{name_of(ingress)}"


def _behind(snapshot: Snapshot, space: str, backend: Mapping[str, Any], why: str) -> Route:
    """Who stands behind a backend: the ready endpoints of the Service's port."""
    if "service" not in backend:
        return Route(undefined="a backend that is a resource means what the controller makes of it")
    name, wanted = str(backend["service"]["name"]), backend["service"]["port"]
    service = snapshot.find_service(space, name)
    if service is None:
        return Route(why=(why, f"there is no Service {space}/{name}"))
    if service["spec"].get("type") == "ExternalName":
        return Route(undefined="a Service of type ExternalName may be refused by the controller")
    port = next((each for each in service["spec"].get("ports") or () if _is(each, wanted)), None)
    if port is None:
        return Route(why=(why, f"Service {space}/{name} has no port {wanted.get('name') or wanted.get('number')}"))
    found = frozenset(_ready(snapshot, space, name, port))
    return Route(found, (why, f"Service {space}/{name} port {port['port']} has {len(found)} ready endpoints"))


def _is(port: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if wanted.get("name"):
        return bool(port.get("name") == wanted["name"])
    return bool(port["port"] == wanted.get("number"))


def _ready(snapshot: Snapshot, space: str, service: str, port: Mapping[str, Any]) -> Iterator[Backend]:
    owners = {str(ip["ip"]): each for each in snapshot.pods for ip in each.get("status", {}).get("podIPs") or ()}
    for each in snapshot.slices_of(space, service):
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for one in each.get("ports") or ():
                if (one.get("name") or "") == (port.get("name") or ""):
                    for address in endpoint["addresses"]:
                        pod = owners.get(str(address))
                        who = f"{namespace_of(pod)}/{name_of(pod)}" if pod else ""
                        yield Backend(str(address), int(one["port"]), who, str(endpoint.get("nodeName") or ""))
