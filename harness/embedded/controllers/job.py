"""Runs the pods of Jobs (batch/v1) until enough have ended well, or too many badly.

Pods that ended stay and are what is counted; one that somebody deletes is counted no more (the real controller holds
them by a finalizer until it has written them down). A failed pod is followed by another after 10 s, 20 s, ….
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.effects.clock import rfc3339
from harness.embedded.controllers.backends import is_ready
from harness.embedded.controllers.changes import Change, Create, delete, patch_status
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("jobs.batch", "pods")
RESOURCE = "jobs.batch"
INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
FIRST_DELAY, LONGEST_DELAY = 10.0, 600.0


@dataclass(frozen=True)
class State:
    """A Job and its pods, sorted by what has become of them."""

    job: Obj
    active: Sequence[Obj]
    leaving: Sequence[Obj]
    succeeded: Sequence[Obj]
    failed: Sequence[Obj]

    @property
    def indexed(self) -> bool:
        """Whether each completion has a number."""
        return bool(self.job["spec"].get("completionMode") == "Indexed")

    @property
    def done(self) -> int:
        """Completions so far: pods that ended well, or indexes of which one did."""
        return len(_indexes(self.succeeded) & set(range(self.wanted or 0))) if self.indexed else len(self.succeeded)

    @property
    def wanted(self) -> int | None:
        """Completions wished for; None: the first one settles it."""
        count = self.job["spec"].get("completions")
        return None if count is None else int(count)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to run."""
        if self.wanted is None:
            return bool(self.succeeded) and not self.active
        return self.done >= self.wanted


def reconcile(snapshot: Snapshot) -> list[Change]:
    """Pods to make and to remove, and what to report."""
    changes: list[Change] = []
    for job in snapshot.all(RESOURCE):
        if is_leaving(job):
            continue
        if moment := _ended(job):
            changes += _forget(job, moment, snapshot.now)
            continue
        changes += _settle(_state(job, snapshot.owned_by("pods", job["metadata"]["uid"])), snapshot.now)
    return changes


def _state(job: Obj, pods: Iterable[Obj]) -> State:
    sorted_: dict[str, list[Obj]] = {"Succeeded": [], "Failed": [], "active": [], "leaving": []}
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase")
        sorted_[phase if phase in sorted_ else "leaving" if is_leaving(pod) else "active"].append(pod)
    return State(job, sorted_["active"], sorted_["leaving"], sorted_["Succeeded"], sorted_["Failed"])


def _ended(job: Obj) -> str:
    """When the Job came to its end, or ""."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return ""


def _forget(job: Obj, moment: str, now: float) -> list[Change]:
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None or _seconds(moment) + seconds > now:
        return []
    return [delete(RESOURCE, job)]


def _settle(state: State, now: float) -> list[Change]:
    if state.job["spec"].get("suspend"):
        halted = [delete("pods", pod) for pod in state.active]
        return halted + _report(state, now, {"type": "Suspended", "reason": "JobSuspended", "message": "Job suspended"})
    if reason := _failure(state, now):
        going = [delete("pods", pod) for pod in state.active]
        kind = "Failed" if not state.active and not state.leaving else "FailureTarget"
        return going + _report(state, now, {"type": kind, **reason})
    if state.is_complete:
        going = [delete("pods", pod) for pod in state.active]
        settled = not state.active and not state.leaving
        told = {"reason": "CompletionsReached", "message": "Reached expected number of succeeded pods"}
        return going + _report(state, now, {"type": "Complete" if settled else "SuccessCriteriaMet", **told})
    return _scale(state, now) + _report(state, now, None)


def _failure(state: State, now: float) -> Obj:
    """Why the Job has failed; empty while it has not. What was announced stays so, though its pods are gone."""
    for condition in (state.job.get("status") or {}).get("conditions") or ():
        if condition["type"] == "FailureTarget" and condition["status"] == "True":
            return {"reason": condition["reason"], "message": condition["message"]}
    spec = state.job["spec"]
    restarts = sum(_restarts(pod) for pod in state.active)
    if len(state.failed) + restarts > int(spec.get("backoffLimit", 6)):
        return {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
    begun, limit = (state.job.get("status") or {}).get("startTime"), spec.get("activeDeadlineSeconds")
    if limit is not None and begun and now - _seconds(begun) >= limit:
        return {"reason": "DeadlineExceeded", "message": "Job was active longer than specified deadline"}
    return {}


def _restarts(pod: Obj) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(each.get("restartCount") or 0) for each in statuses)


def _scale(state: State, now: float) -> list[Change]:
    spec = state.job["spec"]
    most = int(spec.get("parallelism", 1))
    if state.wanted is None:
        most = len(state.active) if state.succeeded else most
    else:
        most = min(most, state.wanted - state.done)
    if len(state.active) > most:
        return [delete("pods", pod) for pod in list(state.active)[most:]]
    room = most - len(state.active) - len(state.leaving)
    if room <= 0 or now < _not_before(state.failed):
        return []
    if not state.indexed:
        return [Create("pods", _pod(state.job, None)) for _ in range(room)]
    busy = _indexes((*state.active, *state.leaving, *state.succeeded))
    free = [index for index in range(state.wanted or 0) if index not in busy]
    return [Create("pods", _pod(state.job, index)) for index in free[:room]]


def _not_before(failed: Sequence[Obj]) -> float:
    """When the next pod may come after those that failed."""
    ends = [_seconds(end) for pod in failed for end in _ends(pod)]
    return max(ends) + min(FIRST_DELAY * 2 ** (len(failed) - 1), LONGEST_DELAY) if ends else 0.0


def _ends(pod: Obj) -> list[str]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    found = (((each.get("state") or {}).get("terminated") or {}).get("finishedAt") for each in statuses)
    return [str(end) for end in found if end]


def _indexes(pods: Iterable[Obj]) -> set[int]:
    found = ((pod["metadata"].get("annotations") or {}).get(INDEX) for pod in pods)
    return {int(index) for index in found if index is not None}


def _pod(job: Obj, index: int | None) -> Obj:
    meta, template = job["metadata"], job["spec"]["template"]
    own, spec = template.get("metadata") or {}, template["spec"]
    labels, annotations = dict(own.get("labels") or {}), dict(own.get("annotations") or {})
    prefix = f"{meta['name']}-"
    if index is not None:
        labels[INDEX] = annotations[INDEX] = str(index)
        spec = {**_numbered(spec), "hostname": f"{prefix}{index}"}
        prefix += f"{index}-"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": prefix,
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": controlled_by(job, kind="Job", api_version="batch/v1"),
        },
        "spec": spec,
    }


def _numbered(spec: Obj) -> Obj:
    """The wishes with the index in every container's environment."""
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    variable = {"name": INDEX_VARIABLE, "valueFrom": source}

    def told(container: Obj) -> Obj:
        known = container.get("env") or []
        return (
            container if any(v["name"] == INDEX_VARIABLE for v in known) else {**container, "env": [*known, variable]}
        )

    sorts = [sort for sort in ("initContainers", "containers") if spec.get(sort)]
    return {**spec, **{sort: [told(container) for container in spec[sort]] for sort in sorts}}


def _report(state: State, now: float, condition: Obj | None) -> list[Change]:
    """Counts, times, and the condition that holds now."""
    old = state.job.get("status") or {}
    suspended = condition is not None and condition["type"] == "Suspended"
    status: dict[str, Any] = {
        "active": len(state.active) or None,
        "succeeded": state.done if state.indexed else len(state.succeeded),
        "failed": len(state.failed) or None,
        "ready": sum(is_ready(pod) for pod in state.active),
        "terminating": len(state.leaving),
        "startTime": None if suspended else old.get("startTime") or rfc3339(now),
        "conditions": _conditions(old.get("conditions") or [], condition, now) or None,
    }
    status["succeeded"] = status["succeeded"] or None
    if state.indexed:
        status["completedIndexes"] = ranges(_indexes(state.succeeded)) or None
    if condition is not None and condition["type"] == "Complete":
        status["completionTime"] = rfc3339(now)
    if all(old.get(field) == value for field, value in status.items()):
        return []
    return [patch_status(RESOURCE, state.job, status)]


def _conditions(before: list[Obj], told: Obj | None, now: float) -> list[Obj]:
    """What was said stays; a Job that goes on after a pause says so; an end is announced before it is reached."""
    moment = rfc3339(now)
    said = {condition["type"]: condition for condition in before}
    times = {"lastProbeTime": moment, "lastTransitionTime": moment}
    if told is not None and (said.get(told["type"]) or {}).get("status") != "True":
        for kind in (_ANNOUNCED.get(told["type"]), told["type"]):
            if kind and (said.get(kind) or {}).get("status") != "True":
                said[kind] = {**told, "type": kind, "status": "True", **times}
    elif told is None and (said.get("Suspended") or {}).get("status") == "True":
        resumed = {"status": "False", "reason": "JobResumed", "message": "Job resumed"}
        said["Suspended"] = {**said["Suspended"], **resumed, **times}
    return list(said.values())


_ANNOUNCED = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}


def ranges(numbers: Iterable[int]) -> str:
    """Numbers as Jobs write them: `1,3-5,7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}{',' if b == a + 1 else '-'}{b}" for a, b in runs)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
