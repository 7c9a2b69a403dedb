"""Rolls Deployments out (apps/v1): one ReplicaSet per pod template, scaled within maxSurge and maxUnavailable.

Enough for `kubectl rollout status|restart`, `scale`, `set image` and `wait`. Not here: proportional scaling of several
old sets (the newest takes the change), rollback by `undo` beyond writing an old template back.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from typing import Any

from harness.effects.clock import rfc3339
from harness.embedded.controllers.changes import Change, Create, Patch, delete, patch_status
from harness.embedded.controllers.replicaset import zero_as_absent
from harness.embedded.controllers.snapshot import Obj, Snapshot, controlled_by, is_leaving

READS = ("deployments.apps", "replicasets.apps")
RESOURCE = "deployments.apps"
SETS = "replicasets.apps"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks like another: names that spell no words."""


def reconcile(snapshot: Snapshot) -> list[Change]:
    """ReplicaSets to make, scale and remove, and the state to report."""
    changes: list[Change] = []
    for deployment in snapshot.all(RESOURCE):
        sets = [s for s in snapshot.owned_by(SETS, deployment["metadata"]["uid"]) if not is_leaving(s)]
        digest = template_hash(deployment["spec"]["template"])
        new = next((s for s in sets if (s["metadata"].get("labels") or {}).get(HASH) == digest), None)
        old = sorted((s for s in sets if s is not new), key=_revision)
        if not is_leaving(deployment):
            changes += _progress(deployment, digest, new, old)
        changes += _report(deployment, new, old, snapshot.now)
    return changes


def template_hash(template: Obj) -> str:
    """A name for a pod template: the same for equal templates, ten letters."""
    number = int.from_bytes(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, index = divmod(number, len(LETTERS))
        letters.append(LETTERS[index])
    return "".join(letters)


def _progress(deployment: Obj, digest: str, new: Obj | None, old: list[Obj]) -> list[Change]:
    spec = deployment["spec"]
    wanted = int(spec.get("replicas", 1))
    paused = bool(spec.get("paused"))
    recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
    if new is None:
        if paused:
            return _scale(old[-1], wanted) if old else []
        wait = recreate and any(_count(s, "replicas") or _wish(s) for s in old)
        if wait:
            return [change for s in old for change in _scale(s, 0)]
        surge, _ = _bounds(spec, wanted)
        room = wanted if not old else max(0, min(wanted, wanted + surge - sum(_wish(s) for s in old)))
        revision = max([_revision(s) for s in old], default=0) + 1
        return [Create(SETS, _replica_set(deployment, digest, room, revision)), _mark(deployment, revision)]
    changes = _freshen(deployment, new, old)
    if paused:
        return changes
    changes += _roll(spec, wanted, new, old)
    return changes + _forget(spec, old)


def _roll(spec: Obj, wanted: int, new: Obj, old: list[Obj]) -> list[Change]:
    """One step: the new set up as far as the surge allows, the old ones down as far as availability allows."""
    surge, unavailable = _bounds(spec, wanted)
    old_wish = sum(_wish(s) for s in old)
    changes: list[Change] = []
    if not old_wish:
        return _scale(new, wanted)
    target = min(wanted, max(_wish(new), wanted + surge - old_wish))
    changes += _scale(new, target)
    available = _count(new, "availableReplicas") + sum(_count(s, "availableReplicas") for s in old)
    unready_new = target - _count(new, "availableReplicas")
    spare = old_wish + target - (wanted - unavailable) - unready_new
    for item in old:
        broken = _wish(item) - _count(item, "availableReplicas")
        drop = max(0, min(broken, spare))
        changes_of_item = drop
        healthy = _wish(item) - broken
        allowed = max(0, min(healthy, available - (wanted - unavailable), spare - drop))
        available -= allowed
        spare -= drop + allowed
        changes_of_item += allowed
        changes += _scale(item, _wish(item) - changes_of_item)
    return changes


def _bounds(spec: Obj, wanted: int) -> tuple[int, int]:
    """maxSurge (rounded up) and maxUnavailable (rounded down), as numbers; never both zero."""
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, wanted
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, unavailable or (0 if surge else 1)


def _share(value: int | str, of: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounded(int(value[:-1]) * of / 100))
    return int(value)


def _wish(item: Obj) -> int:
    return int(item["spec"].get("replicas", 1))


def _count(item: Obj | None, name: str) -> int:
    return int(((item or {}).get("status") or {}).get(name) or 0)


def _revision(item: Obj) -> int:
    return int((item["metadata"].get("annotations") or {}).get(REVISION) or 0)


def _scale(item: Obj, wanted: int) -> list[Change]:
    if _wish(item) == wanted:
        return []
    meta = item["metadata"]
    return [Patch(SETS, meta["namespace"], meta["name"], {"spec": {"replicas": wanted}})]


def _replica_set(deployment: Obj, digest: str, replicas: int, revision: int) -> Obj:
    meta, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    own = template.get("metadata") or {}
    labels = dict(own.get("labels") or {}) | {HASH: digest}
    selector = spec["selector"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(revision), DESIRED: str(spec.get("replicas", 1))},
            "ownerReferences": controlled_by(deployment, kind="Deployment", api_version="apps/v1"),
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds") or 0,
            "selector": selector | {"matchLabels": (selector.get("matchLabels") or {}) | {HASH: digest}},
            "template": template | {"metadata": own | {"labels": labels}},
        },
    }


def _mark(deployment: Obj, revision: int) -> Patch:
    meta = deployment["metadata"]
    return Patch(RESOURCE, meta["namespace"], meta["name"], {"metadata": {"annotations": {REVISION: str(revision)}}})


def _freshen(deployment: Obj, new: Obj, old: list[Obj]) -> list[Change]:
    """A template that comes back makes its old set the newest revision again."""
    newest = max([_revision(s) for s in old], default=0)
    meta = new["metadata"]
    changes: list[Change] = []
    revision = _revision(new)
    if revision <= newest:
        revision = newest + 1
        body = {"metadata": {"annotations": {REVISION: str(revision)}}}
        changes.append(Patch(SETS, meta["namespace"], meta["name"], body))
    if _revision(deployment) != revision:
        changes.append(_mark(deployment, revision))
    return changes


def _forget(spec: Obj, old: list[Obj]) -> list[Change]:
    limit = spec.get("revisionHistoryLimit")
    done = [s for s in old if not _wish(s) and not _count(s, "replicas")]
    surplus = len(done) - (10 if limit is None else int(limit))
    return [delete(SETS, item) for item in done[: max(0, surplus)]]


def _report(deployment: Obj, new: Obj | None, old: list[Obj], now: float) -> list[Change]:
    spec = deployment["spec"]
    wanted = int(spec.get("replicas", 1))
    sets = [*old, new] if new else old
    total, available = (sum(_count(s, name) for s in sets) for name in ("replicas", "availableReplicas"))
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total,
        "updatedReplicas": _count(new, "replicas"),
        "readyReplicas": sum(_count(s, "readyReplicas") for s in sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, max(total, wanted) - available),
    }
    status = deployment.get("status") or {}
    done = counts["updatedReplicas"] == wanted == total == available
    _, unavailable = _bounds(spec, wanted)
    enough = available >= wanted - unavailable
    moved = _moved(status, counts)
    progressing = _progressing(deployment, new, done=done, moved=moved, now=now)
    conditions = [
        _condition(status, _available(enough=enough), now),
        _condition(status, progressing, now, touch=moved),
    ]
    same_counts = all((status.get(name) or 0) == value for name, value in counts.items())
    if same_counts and _without_times(status.get("conditions") or []) == _without_times(conditions):
        return []
    body: dict[str, Any] = {"conditions": conditions, **zero_as_absent(counts, keep=("observedGeneration",))}
    return [patch_status(RESOURCE, deployment, body)]


def _moved(status: Obj, counts: dict[str, int]) -> bool:
    return any((status.get(name) or 0) != counts[name] for name in ("updatedReplicas", "readyReplicas", "replicas"))


def _available(*, enough: bool) -> Obj:
    return {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    }


def _progressing(deployment: Obj, new: Obj | None, *, done: bool, moved: bool, now: float) -> Obj:
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else "ReplicaSet"
    condition = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated"}
    if done:
        return condition | {"reason": "NewReplicaSetAvailable", "message": f"{name} has successfully progressed."}
    before = _find(deployment.get("status") or {}, "Progressing")
    if not moved and _is_late(before, int(deployment["spec"].get("progressDeadlineSeconds") or 600), now):
        overrun = {"status": "False", "reason": "ProgressDeadlineExceeded"}
        return condition | overrun | {"message": f"{name} has timed out progressing."}
    if new is None:
        return condition | {"message": "Created new replica set"}
    return condition | {"reason": "ReplicaSetUpdated", "message": f"{name} is progressing."}


def _is_late(before: Obj, deadline: int, now: float) -> bool:
    if before.get("reason") in (None, "NewReplicaSetAvailable"):
        return False
    if before["reason"] == "ProgressDeadlineExceeded":
        return True
    return now - datetime.fromisoformat(before["lastUpdateTime"]).timestamp() > deadline


def _condition(status: Obj, wanted: Obj, now: float, *, touch: bool = False) -> Obj:
    """The condition with its times: unchanged ones keep theirs, unless there was progress to note (`touch`)."""
    before = _find(status, wanted["type"])
    if not touch and all(before.get(name) == wanted[name] for name in ("status", "reason", "message")):
        return before
    moment = rfc3339(now)
    same_status = before.get("status") == wanted["status"]
    transition = before.get("lastTransitionTime") if same_status else None
    return wanted | {"lastUpdateTime": moment, "lastTransitionTime": transition or moment}


def _find(status: Obj, kind: str) -> Obj:
    return next((c for c in status.get("conditions") or () if c["type"] == kind), {})


def _without_times(conditions: list[Obj]) -> list[Obj]:
    fields = ("type", "status", "reason", "message")
    return sorted(({f: c.get(f) for f in fields} for c in conditions), key=lambda c: str(c["type"]))
