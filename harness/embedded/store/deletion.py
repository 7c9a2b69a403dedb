"""What a DELETE does to an object: removed at once, or marked and left to others (kubelet, finalizers).

Pure decisions; the store carries them out. Follows rest.BeforeDelete and the graceful deletion of pods.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.effects.clock import rfc3339
from harness.embedded.store import errors
from harness.embedded.store.clone import clone
from harness.embedded.store.resources import Resource

Object = dict[str, Any]
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass(frozen=True)
class Plan:
    """`marked`: the object's state before it may go, when that differs from now. `removed`: whether it goes at once."""

    marked: Object | None
    removed: bool


def check_preconditions(resource: Resource, obj: Object, options: Object) -> None:
    """Is it the object that was meant? Raises ApiError 409."""
    wanted = options.get("preconditions") or {}
    metadata = obj["metadata"]
    name = metadata["name"]
    if wanted.get("uid") and wanted["uid"] != metadata["uid"]:
        raise errors.precondition_failed(
            resource,
            name,
            f"the UID in the precondition ({wanted['uid']}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated",
        )
    version = wanted.get("resourceVersion")
    if version and version != metadata["resourceVersion"]:
        raise errors.precondition_failed(
            resource,
            name,
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({metadata['resourceVersion']}). The object might have been modified",
        )


def plan(resource: Resource, obj: Object, options: Object, now: float) -> Plan:
    """Decide. `now` is the wall clock."""
    marked = clone(obj)
    changed = _add_finalizers(marked, options)
    grace = None
    if resource.kind == "Pod":
        changed |= _mark_pod(marked, options, now)
        grace = marked["metadata"].get("deletionGracePeriodSeconds")
    waits = holds(resource, marked) or bool(grace)
    if waits and "deletionTimestamp" not in marked["metadata"]:
        _mark(marked, now)
        if resource.kind != "Namespace":
            marked["metadata"]["deletionGracePeriodSeconds"] = 0
        changed = True
    if resource.kind == "Namespace" and waits:
        changed |= marked["status"].get("phase") != "Terminating"
        marked["status"]["phase"] = "Terminating"
    return Plan(marked if changed else None, not waits)


def holds(resource: Resource, obj: Object) -> bool:
    """Whether finalizers keep the object."""
    if obj["metadata"].get("finalizers"):
        return True
    return resource.kind == "Namespace" and bool(obj["spec"].get("finalizers"))


def is_finished(resource: Resource, obj: Object) -> bool:
    """Whether a marked object has nothing left to wait for."""
    metadata = obj["metadata"]
    return (
        "deletionTimestamp" in metadata and not metadata.get("deletionGracePeriodSeconds") and not holds(resource, obj)
    )


def _mark(obj: Object, moment: float) -> None:
    metadata = obj["metadata"]
    metadata["deletionTimestamp"] = rfc3339(moment)
    if metadata.get("generation"):
        metadata["generation"] += 1


def _add_finalizers(obj: Object, options: Object) -> bool:
    """Foreground and orphan deletion are finalizers that the garbage collector takes off again."""
    policy = options.get("propagationPolicy")
    if policy is None and options.get("orphanDependents") is not None:
        policy = "Orphan" if options["orphanDependents"] else "Background"
    if policy is None:
        return False
    metadata = obj["metadata"]
    before = list(metadata.get("finalizers") or ())
    after = [item for item in before if item not in (FOREGROUND, ORPHAN)]
    if policy == "Foreground":
        after.append(FOREGROUND)
    elif policy == "Orphan":
        after.append(ORPHAN)
    if after:
        metadata["finalizers"] = after
    else:
        metadata.pop("finalizers", None)
    return after != before


def _mark_pod(pod: Object, options: Object, now: float) -> bool:
    """Graceful deletion: a first mark, or a shorter time for one that is marked. Returns whether anything changed."""
    metadata = pod["metadata"]
    asked = _grace_of(pod, options)
    if "deletionTimestamp" not in metadata:
        _mark(pod, now + asked)
        metadata["deletionGracePeriodSeconds"] = asked
        return True
    current = metadata.get("deletionGracePeriodSeconds", 0)
    if options.get("gracePeriodSeconds") is None or asked >= current:
        return False
    marked = datetime.strptime(metadata["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    metadata["deletionTimestamp"] = rfc3339(marked - current + asked)
    metadata["deletionGracePeriodSeconds"] = asked
    return True


def _grace_of(pod: Object, options: Object) -> int:
    """Seconds the pod is given; none where no kubelet has to act."""
    spec = pod["spec"]
    asked = options.get("gracePeriodSeconds")
    seconds = int(spec.get("terminationGracePeriodSeconds", 0) if asked is None else asked)
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    if not spec.get("nodeName") or ended:
        return 0
    return max(seconds, 1) if seconds < 0 else seconds
