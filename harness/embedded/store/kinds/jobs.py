"""Job (batch/v1): defaults and rules, and the selector and labels that every Job is given.

Not here, and unknown fields to this server: manual selectors' adoption, pod failure and success policies, a back-off
limit of each index.
"""

from __future__ import annotations

from typing import Any

from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.podspec import default_pod_spec
from harness.embedded.store.kinds.workloads import validate_selector, validate_template
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
MODES = ("Indexed", "NonIndexed")
COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
UID, NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
OLD_UID, OLD_NAME = "controller-uid", "job-name"
MOST_INDEXES = 100_000


def _default(obj: Object) -> None:
    spec = obj["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    default_pod_spec(spec["template"]["spec"])


def _prepare(obj: Object) -> None:
    obj["status"] = {}
    spec, place = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    spec["selector"] = {"matchLabels": {UID: place["uid"]}}
    own = spec["template"]["metadata"]
    given = {UID: place["uid"], OLD_UID: place["uid"], NAME: place["name"], OLD_NAME: place["name"]}
    own["labels"] = {**(own.get("labels") or {}), **given}


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    for field in COUNTS:
        if spec.get(field, 0) < 0:
            faults.invalid(f"spec.{field}", spec[field], "must be greater than or equal to 0")
    mode = spec.get("completionMode")
    if mode not in MODES:
        faults.unsupported("spec.completionMode", mode, MODES)
    elif mode == "Indexed":
        if "completions" not in spec:
            faults.required("spec.completions", "when completion mode is Indexed")
        elif spec.get("parallelism", 0) > MOST_INDEXES:
            problem = f"must be less than or equal to {MOST_INDEXES} when completion mode is Indexed"
            faults.invalid("spec.parallelism", spec["parallelism"], problem)
    validate_selector(spec, faults, kind="job")
    validate_template(spec, faults)
    restart = spec["template"]["spec"].get("restartPolicy")
    if restart not in ("OnFailure", "Never"):
        faults.required(
            "spec.template.spec.restartPolicy", f'valid values: "OnFailure", "Never"; {restart} is not one of them'
        )


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    fresh, before = new["spec"], old["spec"]
    elastic = before.get("completionMode") == "Indexed" and fresh.get("completions") == fresh.get("parallelism")
    fields = ("selector", "completionMode", *(() if elastic else ("completions",)))
    for field in fields:
        faults.immutable(f"spec.{field}", fresh.get(field), before.get(field))
    if not (before.get("suspend") and "startTime" not in old["status"]):
        faults.immutable("spec.template", fresh["template"], before["template"])


JOB = Strategy(default=_default, prepare=_prepare, validate=_validate, validate_update=_validate_update)
