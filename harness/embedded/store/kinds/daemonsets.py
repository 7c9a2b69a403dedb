"""DaemonSet (apps/v1): defaults and rules. Updates that put a second pod on a node first (maxSurge) are refused."""

from __future__ import annotations

from typing import Any

from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.podspec import default_pod_spec
from harness.embedded.store.kinds.workloads import validate_lasting_template, validate_selector
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
STRATEGIES = ("RollingUpdate", "OnDelete")


def _default(obj: Object) -> None:
    spec = obj["spec"]
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    default_pod_spec(spec["template"]["spec"])


def _prepare(obj: Object) -> None:
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
    obj["status"] = dict.fromkeys(counts, 0)


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    validate_selector(spec, faults, kind="daemonset")
    validate_lasting_template(obj, faults)
    strategy = spec["updateStrategy"]
    if strategy.get("type") not in STRATEGIES:
        faults.unsupported("spec.updateStrategy.type", strategy.get("type"), STRATEGIES)
    rolling = strategy.get("rollingUpdate") or {}
    path = "spec.updateStrategy.rollingUpdate"
    if rolling.get("maxSurge", 0) not in (0, "0%"):
        faults.forbidden(f"{path}.maxSurge", "no second pod is put on a node by this server: use maxUnavailable")
    elif strategy.get("type") == "RollingUpdate" and rolling.get("maxUnavailable") in (0, "0%"):
        faults.invalid(f"{path}.maxUnavailable", rolling["maxUnavailable"], "cannot be 0 when maxSurge is 0")


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    faults.immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))


DAEMON_SET = Strategy(default=_default, prepare=_prepare, validate=_validate, validate_update=_validate_update)
