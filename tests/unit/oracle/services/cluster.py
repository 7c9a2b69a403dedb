"""A small cluster as API objects: nodes A, B, C in zones 1, 1, 2; pods and slices on demand."""

from __future__ import annotations

from typing import Any

from harness.oracle.snapshot import Snapshot

ADDRESSES = {"A": "172.18.0.2", "B": "172.18.0.3", "C": "172.18.0.4"}
ZONES = {"A": "1", "B": "1", "C": "2"}


def node(name: str) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": ZONES[name]}},
        "spec": {"podCIDRs": [f"10.244.{'ABC'.index(name)}.0/24", f"fd00:10:244:{'ABC'.index(name)}::/64"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": ADDRESSES[name]},
                {"type": "InternalIP", "address": f"fc00::{'ABC'.index(name) + 2}"},
                {"type": "Hostname", "address": name},
            ]
        },
    }


def pod(
    name: str, where: str = "A", *, ready: bool = True, labels: dict[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    """x/<name>; the last letter's number makes the address: `e1` on A is 10.244.0.1."""
    host = int("".join(each for each in name if each.isdigit()) or 99)
    status = {
        "phase": fields.pop("phase", "Running"),
        "podIPs": [{"ip": f"10.244.{'ABC'.index(where)}.{host}"}, {"ip": f"fd00:10:244:{'ABC'.index(where)}::{host}"}],
        "conditions": [{"type": "Ready", "status": str(ready)}],
    }
    status.update(fields.pop("status", {}))
    meta = {"namespace": "x", "name": name, "uid": f"uid-{name}", "labels": labels or {"app": "e"}}
    meta.update(fields.pop("metadata", {}))
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": where, "containers": [], **fields}, "status": status}


def service(**spec: Any) -> dict[str, Any]:
    ports = spec.pop("ports", [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}])
    metadata = {"namespace": "x", "name": "web", "labels": spec.pop("labels", {})}
    status = spec.pop("status", {})
    made = {"selector": {"app": "e"}, "ports": ports, "ipFamilies": ["IPv4"], "clusterIP": "10.96.0.7", **spec}
    return {"kind": "Service", "metadata": metadata, "spec": made, "status": status}


def endpoint(name: str, where: str = "A", *, family: str = "IPv4", **fields: Any) -> dict[str, Any]:
    """The slice endpoint of pod x/<name> on a node; conditions as keywords, ready unless said otherwise."""
    conditions = {key: fields.pop(key) for key in ("ready", "serving", "terminating") if key in fields}
    addresses = [each["ip"] for each in pod(name, where)["status"]["podIPs"]]
    return {
        "addresses": [addresses[0 if family == "IPv4" else 1]],
        "conditions": conditions or {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "x", "name": name, "uid": f"uid-{name}"},
        "nodeName": where,
        "zone": ZONES[where],
        **fields,
    }


def slice_of(*endpoints: dict[str, Any], family: str = "IPv4", name: str = "web-1", **fields: Any) -> dict[str, Any]:
    labels = {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        **fields.pop("labels", {}),
    }
    owner = {"kind": "Service", "name": "web", "controller": True}
    return {
        "kind": "EndpointSlice",
        "metadata": {"namespace": "x", "name": name, "labels": labels, "ownerReferences": [owner]},
        "addressType": family,
        "endpoints": list(endpoints),
        "ports": fields.pop("ports", [{"name": "http", "port": 8080, "protocol": "TCP"}]),
        **fields,
    }


def cluster(*objects: dict[str, Any]) -> Snapshot:
    return Snapshot.of([*map(node, "ABC"), *objects])
