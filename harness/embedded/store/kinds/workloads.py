"""Deployment and ReplicaSet (apps/v1): defaults and rules; and what every kind with a pod template has in common."""

from __future__ import annotations

from typing import Any

from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.podspec import default_pod_spec, validate_pod_spec
from harness.embedded.store.metadata import labels, selector
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]


def _default_replica_set(obj: Object) -> None:
    obj["spec"].setdefault("replicas", 1)
    default_pod_spec(obj["spec"]["template"]["spec"])


def _default_deployment(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    default_pod_spec(spec["template"]["spec"])
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _prepare(obj: Object) -> None:
    obj["status"] = {"replicas": 0} if obj["kind"] == "ReplicaSet" else {}


def _validate(obj: Object, faults: Faults) -> None:
    validate_replicas(obj["spec"], faults)
    validate_selector(obj["spec"], faults)
    validate_lasting_template(obj, faults)


def validate_replicas(spec: Object, faults: Faults) -> None:
    """A count of pods."""
    if spec.get("replicas", 0) < 0:
        faults.invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0")


def validate_template(spec: Object, faults: Faults) -> None:
    """The pod template by itself."""
    template = spec["template"]
    labels(template["metadata"].get("labels") or {}, "spec.template.labels", faults)
    validate_pod_spec(template["spec"], "spec.template.spec", faults)


def validate_lasting_template(obj: Object, faults: Faults) -> None:
    """The template of pods that are meant to run for ever."""
    validate_template(obj["spec"], faults)
    pod = obj["spec"]["template"]["spec"]
    if pod.get("restartPolicy") != "Always":
        faults.unsupported("spec.template.spec.restartPolicy", pod.get("restartPolicy"), ("Always",))
    if "activeDeadlineSeconds" in pod:
        faults.forbidden(
            "spec.template.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {obj['kind']} is not Supported"
        )


def validate_selector(spec: Object, faults: Faults, *, kind: str = "deployment") -> None:
    """The selector is there, and selects the template's pods."""
    wanted = spec.get("selector")
    if wanted is None:
        faults.required("spec.selector")
        wanted = {}
    selector(wanted, "spec.selector", faults)
    if not wanted.get("matchLabels") and not wanted.get("matchExpressions"):
        faults.invalid("spec.selector", wanted, f"empty selector is invalid for {kind}")
        return
    found = spec["template"]["metadata"].get("labels") or {}
    if not _selects(wanted, found):
        faults.invalid("spec.template.metadata.labels", found, "`selector` does not match template `labels`")


def _selects(wanted: Object, found: dict[str, str]) -> bool:
    """Whether a LabelSelector selects a label set; malformed terms select nothing."""
    if any(found.get(key) != value for key, value in (wanted.get("matchLabels") or {}).items()):
        return False
    return all(_term_holds(term, found) for term in wanted.get("matchExpressions") or ())


def _term_holds(term: Object, found: dict[str, str]) -> bool:
    value = found.get(term.get("key", ""))
    match term.get("operator"):
        case "In":
            return value in (term.get("values") or ())
        case "NotIn":
            return value not in (term.get("values") or ())
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def _validate_deployment(obj: Object, faults: Faults) -> None:
    _validate(obj, faults)
    spec = obj["spec"]
    strategy = spec["strategy"]
    sort = strategy.get("type")
    if sort not in ("Recreate", "RollingUpdate"):
        faults.unsupported("spec.strategy.type", sort, ("Recreate", "RollingUpdate"))
    elif sort == "Recreate" and "rollingUpdate" in strategy:
        faults.forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif sort == "RollingUpdate":
        _validate_rolling(strategy.get("rollingUpdate") or {}, faults)
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline is not None and deadline <= ready:
        faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _validate_rolling(rolling: Object, faults: Faults) -> None:
    if rolling.get("maxUnavailable") in (0, "0%") and rolling.get("maxSurge") in (0, "0%"):
        faults.invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            rolling["maxUnavailable"],
            "may not be 0 when `maxSurge` is 0",
        )


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))


REPLICA_SET = Strategy(
    default=_default_replica_set,
    prepare=_prepare,
    validate=_validate,
    validate_update=_validate_update,
)
DEPLOYMENT = Strategy(
    wishes_in_annotations=True,
    default=_default_deployment,
    prepare=_prepare,
    validate=_validate_deployment,
    validate_update=_validate_update,
)
