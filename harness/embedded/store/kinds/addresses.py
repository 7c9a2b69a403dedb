"""ServiceCIDR and IPAddress (networking.k8s.io/v1): rules. Who makes and removes them is `allocation`'s business.

An IPAddress is named by its address in canonical form; its parent never changes. A ServiceCIDR may get a second family
once, and keeps what it has.
"""

from __future__ import annotations

from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]


def _address_name(name: str) -> list[str]:
    found = names.address(name)
    if found is None:
        return ["must be a valid IP address in canonical form"]
    return [] if str(found) == name else [f"must be in canonical form ({found})"]


def _validate_address(obj: Object, faults: Faults) -> None:
    parent = obj["spec"].get("parentRef")
    if parent is None:
        faults.required("spec.parentRef")
        return
    for field in ("resource", "name"):
        if not parent.get(field):
            faults.required(f"spec.parentRef.{field}")
    for problem in names.subdomain(parent["group"]) if parent.get("group") else ():
        faults.invalid("spec.parentRef.group", parent["group"], problem)
    for problem in names.label(parent["namespace"]) if parent.get("namespace") else ():
        faults.invalid("spec.parentRef.namespace", parent["namespace"], problem)


def _same_parent(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("spec.parentRef", new["spec"].get("parentRef"), old["spec"].get("parentRef"))


def _prepare_range(obj: Object) -> None:
    obj["status"] = {}


def _validate_range(obj: Object, faults: Faults) -> None:
    ranges = obj["spec"].get("cidrs") or []
    if not ranges:
        faults.required("spec.cidrs", "at least one CIDR required")
    if len(ranges) > 2:
        faults.invalid("spec.cidrs", ranges, "may only hold up to 2 values")
    for index, text in enumerate(ranges):
        if names.network(text) is None:
            faults.invalid(f"spec.cidrs[{index}]", text, names.CIDR_MESSAGE)
    known = [found.version for text in ranges if (found := names.network(text)) is not None]
    if len(set(known)) < len(known):
        faults.invalid(
            "spec.cidrs", ranges, "may specify no more than one IP for each IP family, i.e 1.2.3.0/24, 2001:db8::/64"
        )


def _keep_ranges(new: Object, old: Object, faults: Faults) -> None:
    before, after = old["spec"].get("cidrs") or [], new["spec"].get("cidrs") or []
    if after[: len(before)] != before or (len(after) != len(before) and len(before) != 1):
        faults.invalid("spec.cidrs", after, "field is immutable")


IP_ADDRESS = Strategy(validate=_validate_address, validate_update=_same_parent, name_rule=_address_name)
SERVICE_CIDR = Strategy(prepare=_prepare_range, validate=_validate_range, validate_update=_keep_ranges)
