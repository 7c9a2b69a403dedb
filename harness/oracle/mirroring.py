"""What the mirrored EndpointSlices of a Service must contain, given its Endpoints; and every difference from it.

Source: KEP-752 (endpointslicemirroring controller), catalogue EPS-028..032. Endpoints in the API's older form are read
here and nowhere else in the oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.model.difference import Difference
from harness.oracle.snapshot import Raw, labels_of, name_of

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MIRROR = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
OWN_ANNOTATIONS = frozenset(
    {"endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"}
)
RULE = "KEP-752"

Row = tuple[str, str, bool, str, str, int]
"""Family, address, ready, port name, protocol, number."""


def is_mirrored(endpoints: Raw | None, service: Raw | None) -> bool:
    """Whether there have to be slices: Endpoints without a skip label or a leader, for a Service without selector."""
    if endpoints is None or service is None or service["spec"].get("selector"):
        return False
    annotations = endpoints["metadata"].get("annotations") or {}
    return labels_of(endpoints).get(SKIP) != "true" and LEADER not in annotations


def expected_rows(endpoints: Raw) -> frozenset[Row]:
    """Every address with every port of its subset."""
    return frozenset(
        _row(address["ip"], ready, port)
        for subset in endpoints.get("subsets") or ()
        for field, ready in (("addresses", True), ("notReadyAddresses", False))
        for address in subset.get(field) or ()
        for port in subset.get("ports") or ()
    )


def seen_rows(slices: Iterable[Raw]) -> Iterator[Row]:
    """The same of slices."""
    for each in slices:
        for endpoint in each.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint["addresses"]:
                for port in each.get("ports") or ():
                    yield _row(address, ready, port)


def _row(address: str, ready: bool, port: Any) -> Row:
    family = "IPv6" if ":" in address else "IPv4"
    return family, address, ready, port.get("name") or "", port.get("protocol") or "TCP", int(port["port"])


def judge_mirror(endpoints: Raw | None, service: Raw | None, slices: Iterable[Raw]) -> list[Difference]:
    """All differences between the mirrored slices of a Service and what its Endpoints call for."""
    mine = [each for each in slices if labels_of(each).get(MANAGED_BY) == MIRROR]
    if endpoints is None or not is_mirrored(endpoints, service):
        return [Difference("mirrored slices", "none", str(len(mine)), RULE)] if mine else []
    wanted, seen = expected_rows(endpoints), list(seen_rows(mine))
    found = [Difference(_text(row), "mirrored", "missing", RULE) for row in sorted(wanted - set(seen))]
    found += [Difference(_text(row), "not mirrored", "present", RULE) for row in sorted(set(seen) - wanted)]
    found += [
        Difference(_text(row), "once", "more often", RULE) for row in sorted({r for r in seen if seen.count(r) > 1})
    ]
    for each in mine:
        found += _told(endpoints, each)
    return found


def _told(endpoints: Raw, each: Raw) -> Iterator[Difference]:
    """Labels, annotations and family of one slice."""
    name = f"slice {name_of(each)}"
    for key, value in labels_of(endpoints).items():
        if labels_of(each).get(key) != value:
            yield Difference(f"{name} label {key}", value, labels_of(each).get(key, "missing"), "EPS-032")
    annotations = each["metadata"].get("annotations") or {}
    for key, value in (endpoints["metadata"].get("annotations") or {}).items():
        if key not in OWN_ANNOTATIONS and annotations.get(key) != value:
            yield Difference(f"{name} annotation {key}", value, annotations.get(key, "missing"), "EPS-032")
    for key in OWN_ANNOTATIONS & annotations.keys():
        yield Difference(f"{name} annotation {key}", "not copied", "copied", "EPS-032")
    if strange := [a for e in each.get("endpoints") or () for a in e["addresses"] if _family(a) != each["addressType"]]:
        yield Difference(f"{name} addresses", f"all {each['addressType']}", ", ".join(strange), "EPS-030")


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def _text(row: Row) -> str:
    _, address, ready, name, protocol, number = row
    return f"{address} {name or 'unnamed'} {number}/{protocol} {'ready' if ready else 'not ready'}"
