"""What the EndpointSlices of a Service must contain, given its pods; and every difference from what they do contain.

Only slices of the cluster's own controller are judged; hand-written ones of selector-less Services say what they say.
Source: discovery.k8s.io/v1 field comments; EndpointSlice controller contract (catalogue EPS-001..043).
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.model.difference import Difference
from harness.model.refs import Family
from harness.oracle.policy.endpoints import addresses_of, named_ports
from harness.oracle.policy.select import matches
from harness.oracle.snapshot import SERVICE_NAME_LABEL, Raw, Snapshot, labels_of, name_of, namespace_of

MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
HEADLESS_LABEL = "service.kubernetes.io/headless"
ZONE_LABEL = "topology.kubernetes.io/zone"
SAME_ZONE, SAME_NODE = frozenset({"PreferSameZone", "PreferClose"}), "PreferSameNode"
HINT_ANNOTATIONS = ("service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints")
MOST_ENDPOINTS = 100
"""The controller's default limit of endpoints per slice."""
RULE = "EndpointSlice controller"


@dataclass(frozen=True, order=True)
class SlicePort:
    """A port of a slice."""

    name: str
    protocol: str
    number: int
    app_protocol: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'} {self.number}/{self.protocol}"


@dataclass(frozen=True)
class SliceEndpoint:
    """One endpoint with all a slice says of it. Empty text: not said."""

    address: str
    ready: bool
    serving: bool
    terminating: bool
    pod: str = ""
    uid: str = ""
    node: str = ""
    zone: str = ""
    hostname: str = ""
    ports: frozenset[SlicePort] = frozenset()
    for_zones: frozenset[str] | None = None
    """Zones it is meant for; None: left to the controller."""
    for_nodes: frozenset[str] | None = None
    """Nodes it is meant for; None: left to the controller."""

    @property
    def family(self) -> Family:
        """Of its address."""
        return Family.of(self.address)


def expected_endpoints(snapshot: Snapshot, service: Raw) -> dict[str, SliceEndpoint]:
    """By address: an endpoint for each selected pod and family. Nothing for Services without selector, or ExternalName.

    Finished pods and pods without address are left out; terminating ones stay until they are gone.
    """
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return {}
    found: dict[str, SliceEndpoint] = {}
    for pod in snapshot.pods_in(namespace_of(service)):
        if matches({"matchLabels": spec["selector"]}, labels_of(pod)) and _is_endpoint(snapshot, service, pod):
            for address in addresses_of(pod):
                if Family.of(address) in families(service):
                    found[_canonical(address)] = _endpoint(snapshot, service, pod, address)
    return found


def families(service: Raw) -> tuple[Family, ...]:
    """spec.ipFamilies."""
    return tuple(Family(each) for each in service["spec"].get("ipFamilies") or (Family.V4,))


def is_ready(pod: Raw) -> bool:
    """The pod's Ready condition."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def target_port(port: Mapping[str, Any], pod: Raw) -> int | None:
    """The number a Service port leads to on a pod; a name is looked up with its protocol. None: it leads nowhere."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    protocol = port.get("protocol") or "TCP"
    return next((each.number for each in named_ports(pod) if (each.name, each.protocol) == (target, protocol)), None)


def _is_endpoint(snapshot: Snapshot, service: Raw, pod: Raw) -> bool:
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return False
    node = pod["spec"].get("nodeName")
    known = not snapshot.nodes or any(name_of(each) == node for each in snapshot.nodes)
    return known or bool(service["spec"].get("publishNotReadyAddresses"))


def _endpoint(snapshot: Snapshot, service: Raw, pod: Raw, address: str) -> SliceEndpoint:
    spec = pod["spec"]
    serving, terminating = is_ready(pod), bool(pod["metadata"].get("deletionTimestamp"))
    named = spec.get("hostname") and spec.get("subdomain") == name_of(service)
    zone = [labels_of(each).get(ZONE_LABEL, "") for each in snapshot.nodes if name_of(each) == spec.get("nodeName")]
    return SliceEndpoint(
        address=_canonical(address),
        ready=bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating),
        serving=serving,
        terminating=terminating,
        pod=f"{namespace_of(pod)}/{name_of(pod)}",
        uid=str(pod["metadata"].get("uid") or ""),
        node=str(spec.get("nodeName") or ""),
        zone=zone[0] if zone else "",
        hostname=str(spec["hostname"]) if named else "",
        ports=frozenset(_ports(service, pod)),
        **_meant(service, node=str(spec.get("nodeName") or ""), zone=zone[0] if zone else ""),
    )


def _meant(service: Raw, *, node: str, zone: str) -> dict[str, frozenset[str] | None]:
    """Whom `spec.trafficDistribution` means an endpoint for (KEP-4444, KEP-3015).

    The older annotation leaves hints to a heuristic of the controller's, PreferSameNode its second choice.
    """
    wish = service["spec"].get("trafficDistribution")
    if any(key in (service["metadata"].get("annotations") or {}) for key in HINT_ANNOTATIONS):
        return {}
    nobody: frozenset[str] = frozenset()
    if wish in SAME_ZONE:
        return {"for_zones": frozenset({zone}) if zone else nobody, "for_nodes": nobody}
    if wish == SAME_NODE:
        return {"for_nodes": frozenset({node}) if node else nobody}
    return {"for_zones": nobody, "for_nodes": nobody} if wish is None else {}


def _ports(service: Raw, pod: Raw) -> Iterator[SlicePort]:
    for port in service["spec"].get("ports") or ():
        number = target_port(port, pod)
        if number is not None:
            app = str(port.get("appProtocol") or "")
            yield SlicePort(port.get("name") or "", port.get("protocol") or "TCP", number, app)


def seen_endpoints(slices: Iterable[Raw]) -> Iterator[SliceEndpoint]:
    """What slices say, an endpoint for each address. Unset conditions count as ready, serving, staying (API)."""
    for each in slices:
        ports = frozenset(
            SlicePort(
                port.get("name") or "", port.get("protocol") or "TCP", int(port["port"]), port.get("appProtocol") or ""
            )
            for port in each.get("ports") or ()
            if port.get("port") is not None
        )
        for endpoint in each.get("endpoints") or ():
            for address in endpoint["addresses"]:
                yield _seen(endpoint, address, ports)


def _seen(endpoint: Mapping[str, Any], address: str, ports: frozenset[SlicePort]) -> SliceEndpoint:
    conditions, target = endpoint.get("conditions") or {}, endpoint.get("targetRef") or {}
    ready = conditions.get("ready")
    serving = conditions.get("serving")
    return SliceEndpoint(
        address=_canonical(address),
        ready=ready is not False,
        serving=ready is not False if serving is None else bool(serving),
        terminating=bool(conditions.get("terminating")),
        pod=f"{target.get('namespace', '')}/{target['name']}" if target.get("kind") == "Pod" else "",
        uid=str(target.get("uid") or ""),
        node=str(endpoint.get("nodeName") or ""),
        zone=str(endpoint.get("zone") or ""),
        hostname=str(endpoint.get("hostname") or ""),
        ports=ports,
        for_zones=_hinted(endpoint, "forZones"),
        for_nodes=_hinted(endpoint, "forNodes"),
    )


def _hinted(endpoint: Mapping[str, Any], kind: str) -> frozenset[str]:
    return frozenset(str(each["name"]) for each in (endpoint.get("hints") or {}).get(kind) or ())


def controller_slices(snapshot: Snapshot, service: Raw) -> list[Raw]:
    """The slices of a Service that the cluster's own controller keeps."""
    found = snapshot.slices_of(namespace_of(service), name_of(service))
    return [each for each in found if labels_of(each).get(MANAGED_BY_LABEL) == CONTROLLER]


def judge_slices(snapshot: Snapshot, service: Raw) -> list[Difference]:
    """All differences between a Service's controller slices and what its pods call for."""
    slices = controller_slices(snapshot, service)
    expected = expected_endpoints(snapshot, service)
    found: list[Difference] = []
    kept = bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"
    if not kept and slices:
        found.append(Difference("controller slices", "none", str(len(slices)), "EPS-018"))
    if kept and not slices:
        found.append(Difference("controller slices", "at least one, be it empty", "none", "EPS-001"))
    for each in slices:
        found += _judge_slice(service, each)
    return found + compare_endpoints(expected, seen_endpoints(slices))


def compare_endpoints(expected: Mapping[str, SliceEndpoint], seen: Iterable[SliceEndpoint]) -> list[Difference]:
    """By address: missing, surplus, twice, and each field that differs."""
    by_address: dict[str, list[SliceEndpoint]] = defaultdict(list)
    for each in seen:
        by_address[each.address].append(each)
    found = [
        Difference(f"endpoint {address} ({each.pod})", "present", "missing", RULE)
        for address, each in sorted(expected.items())
        if address not in by_address
    ]
    for address, several in sorted(by_address.items()):
        if address not in expected:
            found.append(Difference(f"endpoint {address} ({several[0].pod or 'no pod'})", "absent", "present", RULE))
            continue
        if len(several) > 1:
            found.append(Difference(f"endpoint {address}", "once", f"{len(several)} times", RULE))
        for each in several:
            found += _fields(expected[address], each)
    return found


def _fields(expected: SliceEndpoint, seen: SliceEndpoint) -> list[Difference]:
    if not expected.uid or not seen.uid:  # a snapshot may come without uids
        expected, seen = replace(expected, uid=""), replace(seen, uid="")
    rows = {
        "ready": (str(expected.ready), str(seen.ready)),
        "serving": (str(expected.serving), str(seen.serving)),
        "terminating": (str(expected.terminating), str(seen.terminating)),
        "targetRef": (expected.pod, seen.pod),
        "uid": (expected.uid, seen.uid),
        "nodeName": (expected.node, seen.node),
        "zone": (expected.zone, seen.zone),
        "hostname": (expected.hostname, seen.hostname),
        "ports": (_text(expected.ports), _text(seen.ports)),
    }
    if expected.ready:  # others get no traffic by hints
        rows |= {
            f"hints for {kind}": (", ".join(sorted(want)), ", ".join(sorted(got or ())))
            for kind, want, got in (
                ("zones", expected.for_zones, seen.for_zones),
                ("nodes", expected.for_nodes, seen.for_nodes),
            )
            if want is not None
        }
    return [
        Difference(f"{field} of {expected.address} ({expected.pod})", want or "none", got or "none", RULE)
        for field, (want, got) in rows.items()
        if want != got
    ]


def _judge_slice(service: Raw, each: Raw) -> list[Difference]:
    """What every single slice must keep."""
    name, found = f"slice {name_of(each)}", []
    owners = each["metadata"].get("ownerReferences") or ()
    owned = any(
        one.get("kind") == "Service" and one.get("name") == name_of(service) and one.get("controller") for one in owners
    )
    if not owned:
        found.append(Difference(f"{name} owner", f"Service {name_of(service)}, controller", "not so", "EPS-015"))
    if (kind := each.get("addressType")) not in {str(family) for family in families(service)}:
        found.append(Difference(f"{name} addressType", " or ".join(families(service)), str(kind), "EPS-022"))
    if strange := [one.address for one in seen_endpoints([each]) if str(one.family) != kind]:
        found.append(Difference(f"{name} addresses", f"all {kind}", ", ".join(strange), "EPS-022"))
    if (count := len(each.get("endpoints") or ())) > MOST_ENDPOINTS:
        found.append(Difference(f"{name} endpoints", f"at most {MOST_ENDPOINTS}", str(count), "EPS-013"))
    headless = service["spec"].get("clusterIP") == "None"
    if headless != (HEADLESS_LABEL in labels_of(each)):
        want, got = ("present", "missing") if headless else ("absent", "present")
        found.append(Difference(f"{name} label {HEADLESS_LABEL}", want, got, "EPS-017"))
    labels = {
        key: value for key, value in labels_of(service).items() if key not in {SERVICE_NAME_LABEL, MANAGED_BY_LABEL}
    }
    for key, value in labels.items():
        if key != HEADLESS_LABEL and labels_of(each).get(key) != value:
            found.append(Difference(f"{name} label {key}", value, labels_of(each).get(key, "missing"), "EPS-016"))
    return found


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


def _text(ports: frozenset[SlicePort]) -> str:
    return ", ".join(map(str, sorted(ports)))
