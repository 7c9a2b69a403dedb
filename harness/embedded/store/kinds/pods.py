"""Pod: defaults, what admission adds, what may change, quality of service."""

from __future__ import annotations

import difflib
import json
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.clone import clone
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.podspec import all_containers, default_pod_only, default_pod_spec, validate_pod_spec
from harness.embedded.store.quantity import parse
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a mount path, not a secret
TOKEN_SECONDS = 3607
"""Lifetime asked for by the token volume that admission adds: an hour and a margin."""
NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
NODE_LOSS_SECONDS = 300
MAY_CHANGE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def _default(obj: Object) -> None:
    default_pod_spec(obj["spec"])
    default_pod_only(obj["spec"])


def admit(obj: Object, account: Object | None, suffix: str) -> None:
    """What the admission plugins of a kubeadm cluster add: account, token volume, tolerations, priority."""
    spec = obj["spec"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = (account or {}).get("automountServiceAccountToken", True)
    if wanted:
        _mount_token(spec, f"kube-api-access-{suffix}")
    if account is not None and account.get("imagePullSecrets") and "imagePullSecrets" not in spec:
        spec["imagePullSecrets"] = clone(account["imagePullSecrets"])
    tolerations = spec.setdefault("tolerations", [])
    for taint in NODE_TAINTS:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            tolerations.append(
                {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": NODE_LOSS_SECONDS}
            )
    system = {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}
    spec["priority"] = system.get(spec.get("priorityClassName", ""), 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _tolerates(toleration: Object, taint: str) -> bool:
    return (toleration.get("key", taint), toleration.get("effect", "NoExecute")) == (taint, "NoExecute")


def _mount_token(spec: Object, volume: str) -> None:
    """One projected volume for all containers that mount nothing there themselves."""
    used = False
    for container in all_containers(spec):
        mounts = container.setdefault("volumeMounts", [])
        if any(mount.get("mountPath") == TOKEN_PATH for mount in mounts):
            continue
        mounts.append({"name": volume, "readOnly": True, "mountPath": TOKEN_PATH})
        used = True
    if not used:
        return
    sources = [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    spec.setdefault("volumes", []).append({"name": volume, "projected": {"sources": sources, "defaultMode": 0o644}})


def quality(spec: Object) -> str:
    """The QoS class (docs: Pod Quality of Service Classes): cpu and memory of all containers decide."""
    asked = limited = False
    guaranteed = True
    for container in all_containers(spec):
        resources = container.get("resources") or {}
        requests, limits = _weights(resources.get("requests")), _weights(resources.get("limits"))
        asked, limited = asked or bool(requests), limited or bool(limits)
        if set(limits) != {"cpu", "memory"} or any(requests.get(sort, limits[sort]) != limits[sort] for sort in limits):
            guaranteed = False
    if not asked and not limited:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _weights(found: Object | None) -> dict[str, Any]:
    values = {sort: parse(str(value)) for sort, value in (found or {}).items() if sort in ("cpu", "memory")}
    return {sort: value for sort, value in values.items() if value}


def _prepare(obj: Object) -> None:
    obj["status"] = {"phase": "Pending", "qosClass": quality(obj["spec"])}
    if obj["spec"].get("schedulingGates"):
        obj["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "lastProbeTime": None,
                "lastTransitionTime": None,
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
        ]


def _validate(obj: Object, faults: Faults) -> None:
    validate_pod_spec(obj["spec"], "spec", faults)


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    fresh, before = new["spec"], old["spec"]
    if fresh == before:
        return
    for sort in ("containers", "initContainers"):
        if len(fresh.get(sort) or ()) != len(before.get(sort) or ()):
            faults.forbidden(f"spec.{sort}", "pod updates may not add or remove containers")
            return
    _validate_deadline(fresh, before, faults)
    _validate_gates(fresh, before, faults)
    munged = clone(fresh)
    for sort in ("containers", "initContainers"):
        for container, earlier in zip(munged.get(sort) or (), before.get(sort) or (), strict=True):
            container["image"] = earlier.get("image")
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        munged.pop(field, None)
        if field in before:
            munged[field] = before[field]
    if before.get("schedulingGates"):
        for field in ("nodeSelector", "affinity"):
            munged.pop(field, None)
            if field in before:
                munged[field] = before[field]
    if [t for t in before.get("tolerations") or () if t not in (fresh.get("tolerations") or ())]:
        faults.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
    if munged != before:
        faults.forbidden("spec", f"pod updates may not change fields other than {MAY_CHANGE}\n{_shown(before, munged)}")


def _validate_deadline(fresh: Object, before: Object, faults: Faults) -> None:
    new, old = fresh.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if new is None and old is not None:
        faults.invalid("spec.activeDeadlineSeconds", None, "must not update from a positive integer to nil value")
    elif new is not None and old is not None and new > old:
        faults.invalid("spec.activeDeadlineSeconds", new, "must be less than or equal to previous value")


def _validate_gates(fresh: Object, before: Object, faults: Faults) -> None:
    old = before.get("schedulingGates") or ()
    for index, gate in enumerate(fresh.get("schedulingGates") or ()):
        if gate not in old:
            faults.forbidden(
                f"spec.schedulingGates[{index}].name",
                f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'",
            )


def _shown(before: Object, after: Object) -> str:
    """The change as a unified diff."""
    old, new = (json.dumps(spec, indent=1, sort_keys=True).splitlines() for spec in (before, after))
    return "\n".join(list(difflib.unified_diff(old, new, lineterm=""))[2:]) + "\n"


POD = Strategy(
    default=_default,
    prepare=_prepare,
    validate=_validate,
    validate_update=_validate_update,
    name_rule=names.subdomain,
    returns_deleted=True,
)
