"""Kinds with few rules of their own: ConfigMap, Secret, ServiceAccount, Namespace, Node, Event, Lease, Fault."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
DATA_BYTES = 1024 * 1024
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def _validate_config_map(obj: Object, faults: Faults) -> None:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in data:
        for problem in names.config_key(key):
            faults.invalid(f"data[{key}]", key, problem)
        if key in binary:
            faults.invalid(f"data[{key}]", key, f"duplicate of key present in binaryData: {key}")
    for key in binary:
        for problem in names.config_key(key):
            faults.invalid(f"binaryData[{key}]", key, problem)
    _check_bytes(binary, "binaryData", faults)
    if sum(map(len, data.values())) + sum(map(_decoded_size, binary.values())) > DATA_BYTES:
        faults.too_long("", DATA_BYTES)


def _decoded_size(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")


def _check_bytes(data: dict[str, str], path: str, faults: Faults) -> None:
    for key, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            faults.invalid(f"{path}[{key}]", value, "illegal base64 data")


def _immutable_data(new: Object, old: Object, faults: Faults) -> None:
    """`immutable: true` can be set and not unset, and freezes the data."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        faults.forbidden("immutable", "field is immutable when `immutable` is set")
    for field in ("data", "binaryData"):
        if new.get(field) != old.get(field):
            faults.forbidden(field, "field is immutable when `immutable` is set")


def _default_secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        data.update({key: base64.b64encode(value.encode()).decode() for key, value in plain.items()})


def _validate_secret(obj: Object, faults: Faults) -> None:
    data = obj.get("data") or {}
    for key in data:
        for problem in names.config_key(key):
            faults.invalid(f"data[{key}]", key, problem)
    _check_bytes(data, "data", faults)
    if sum(map(_decoded_size, data.values())) > DATA_BYTES:
        faults.too_long("data", DATA_BYTES)


def _validate_secret_update(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("type", new.get("type"), old.get("type"))
    _immutable_data(new, old, faults)


def _default_namespace(obj: Object) -> None:
    name = obj["metadata"].get("name")
    if name:
        obj["metadata"].setdefault("labels", {})[NAMESPACE_LABEL] = name
    obj["status"].setdefault("phase", "Active")


def _prepare_namespace(obj: Object) -> None:
    obj["metadata"].setdefault("labels", {})[NAMESPACE_LABEL] = obj["metadata"].get("name", "")
    obj["status"] = {"phase": "Active"}
    finalizers = obj["spec"].setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")


def _keep_namespace_finalizers(new: Object, old: Object) -> None:
    new["spec"] = old["spec"]


def _default_node(obj: Object) -> None:
    status = obj["status"]
    if "allocatable" not in status and "capacity" in status:
        status["allocatable"] = dict(status["capacity"])


def _validate_node(obj: Object, faults: Faults) -> None:
    blocks = obj["spec"].get("podCIDRs") or []
    for index, block in enumerate(blocks):
        if names.network(block) is None:
            faults.invalid(f"spec.podCIDRs[{index}]", block, names.CIDR_MESSAGE)
    if len(blocks) > 2:
        faults.invalid("spec.podCIDRs", blocks, "may specify no more than one CIDR for each IP family")


def _prepare_node(obj: Object) -> None:
    _same_pod_cidrs(obj)


def _same_pod_cidrs(obj: Object) -> None:
    """The singular and the plural field say the same."""
    spec = obj["spec"]
    if spec.get("podCIDRs"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    elif spec.get("podCIDR"):
        spec["podCIDRs"] = [spec["podCIDR"]]


def _prepare_node_update(new: Object, _old: Object) -> None:
    _same_pod_cidrs(new)


def _validate_node_update(new: Object, old: Object, faults: Faults) -> None:
    before, after = old["spec"].get("podCIDRs") or [], new["spec"].get("podCIDRs") or []
    if before and after != before:
        faults.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')


def _validate_lease(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if "leaseDurationSeconds" in spec and spec["leaseDurationSeconds"] <= 0:
        faults.invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0")
    if spec.get("leaseTransitions", 0) < 0:
        faults.invalid("spec.leaseTransitions", spec["leaseTransitions"], "must be greater than or equal to 0")
    if "holderIdentity" in spec and not spec["holderIdentity"]:
        faults.invalid("spec.holderIdentity", "", "must not be empty")


def _validate_event(obj: Object, faults: Faults) -> None:
    involved = obj.get("involvedObject") or {}
    space = involved.get("namespace", "")
    if space and space != obj["metadata"].get("namespace"):
        faults.invalid("involvedObject.namespace", space, "does not match event.namespace")


def _validate_fault(obj: Object, faults: Faults) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("id"):
        faults.required("spec.id", "the fault to plant, for example dns/F-03")
    if spec.get("ttlSeconds", 1) <= 0:
        faults.invalid("spec.ttlSeconds", spec["ttlSeconds"], "must be greater than 0")


CONFIG_MAP = Strategy(validate=_validate_config_map, validate_update=_immutable_data)
SECRET = Strategy(default=_default_secret, validate=_validate_secret, validate_update=_validate_secret_update)
SERVICE_ACCOUNT = Strategy(returns_deleted=True)
NAMESPACE = Strategy(
    default=_default_namespace,
    prepare=_prepare_namespace,
    prepare_update=_keep_namespace_finalizers,
    name_rule=names.label,
    returns_deleted=True,
)
NODE = Strategy(
    default=_default_node,
    prepare=_prepare_node,
    prepare_update=_prepare_node_update,
    validate=_validate_node,
    validate_update=_validate_node_update,
)
EVENT = Strategy(validate=_validate_event, create_on_update=True)
LEASE = Strategy(validate=_validate_lease, unconditional_update=False, create_on_update=True)
FAULT = Strategy(validate=_validate_fault)
