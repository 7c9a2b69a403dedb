"""The cells of Jobs and DaemonSets that sum something up, as kubectl does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.embedded.apiserver.ages import since, span
from harness.embedded.apiserver.texts import labels

Object = Mapping[str, Any]


def node_selector(workload: Object, _now: float) -> str:
    """Labels of the nodes its pods are for."""
    template = ((workload.get("spec") or {}).get("template") or {}).get("spec") or {}
    return labels(template.get("nodeSelector"))


def job_status(job: Object, _now: float) -> str:
    """One word for what has become of it."""
    said = {one.get("type") for one in (job.get("status") or {}).get("conditions") or () if one.get("status") == "True"}
    for condition, word in _JOB_WORDS:
        if condition in said:
            return word
    return "Terminating" if job["metadata"].get("deletionTimestamp") else "Running"


_JOB_WORDS = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)


def completions(job: Object, _now: float) -> str:
    """Pods that ended well, of those wished for."""
    spec, done = job.get("spec") or {}, (job.get("status") or {}).get("succeeded", 0)
    if "completions" in spec:
        return f"{done}/{spec['completions']}"
    several = spec.get("parallelism", 0)
    return f"{done}/1 of {several}" if several > 1 else f"{done}/1"


def duration(job: Object, now: float) -> str:
    """How long it took, or has taken so far."""
    status = job.get("status") or {}
    begun = since(status.get("startTime"), now)
    if begun is None:
        return ""
    return span(max(0, int(begun - (since(status.get("completionTime"), now) or 0.0))))
