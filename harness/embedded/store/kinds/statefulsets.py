"""StatefulSet (apps/v1): defaults and rules.

Not here: volumeClaimTemplates and rollingUpdate.maxUnavailable, which are unknown fields to this server: there are no
persistent volumes, and updates go one pod after the other.
"""

from __future__ import annotations

from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.podspec import default_pod_spec
from harness.embedded.store.kinds.workloads import validate_lasting_template, validate_replicas, validate_selector
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
POLICIES = ("OrderedReady", "Parallel")
STRATEGIES = ("OnDelete", "RollingUpdate")
MAY_CHANGE = (
    "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
)
CHANGEABLE = frozenset(
    (
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    )
)


def _default(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", POLICIES[0])
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    kept = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for field in ("whenDeleted", "whenScaled"):
        kept.setdefault(field, "Retain")
    default_pod_spec(spec["template"]["spec"])


def _prepare(obj: Object) -> None:
    obj["status"] = {"replicas": 0, "availableReplicas": 0}


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if spec.get("podManagementPolicy") not in POLICIES:
        faults.unsupported("spec.podManagementPolicy", spec.get("podManagementPolicy"), POLICIES)
    _validate_strategy(spec["updateStrategy"], faults)
    start = (spec.get("ordinals") or {}).get("start", 0)
    if start < 0:
        faults.invalid("spec.ordinals.start", start, "must be greater than or equal to 0")
    for problem in names.subdomain(spec["serviceName"]) if spec.get("serviceName") else ():
        faults.invalid("spec.serviceName", spec["serviceName"], problem)
    validate_replicas(spec, faults)
    validate_selector(spec, faults, kind="statefulset")
    validate_lasting_template(obj, faults)


def _validate_strategy(strategy: Object, faults: Faults) -> None:
    sort = strategy.get("type")
    if sort not in STRATEGIES:
        faults.unsupported("spec.updateStrategy", sort, STRATEGIES)
    rolling = strategy.get("rollingUpdate")
    if sort == "OnDelete" and rolling is not None:
        faults.invalid("spec.updateStrategy.rollingUpdate", rolling, "only allowed for updateStrategy 'RollingUpdate'")
    partition = (rolling or {}).get("partition", 0)
    if partition < 0:
        faults.invalid("spec.updateStrategy.rollingUpdate.partition", partition, "must be greater than or equal to 0")


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    fresh, before = ({k: v for k, v in obj["spec"].items() if k not in CHANGEABLE} for obj in (new, old))
    if fresh != before:
        problem = f"updates to statefulset spec for fields other than {MAY_CHANGE} are forbidden"
        faults.forbidden("spec", problem)


STATEFUL_SET = Strategy(
    default=_default,
    prepare=_prepare,
    validate=_validate,
    validate_update=_validate_update,
    name_rule=names.label,
)
