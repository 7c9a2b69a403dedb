"""A pod's status from what the kubelet sees of it. Pure.

Follows kubernetes.io "Pod Lifecycle" and the running pod of tests/recordings/api.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.effects.clock import rfc3339
from harness.embedded.kubelet.policy import is_sidecar
from harness.embedded.kubelet.spec import NodeSpec


@dataclass(frozen=True)
class Waiting:
    """Not running, and why."""

    reason: str = "ContainerCreating"
    message: str = ""

    def render(self) -> dict[str, Any]:
        """As in ContainerState."""
        body = {"reason": self.reason} | ({"message": self.message} if self.message else {})
        return {"waiting": body}


@dataclass(frozen=True)
class Running:
    """Running since a moment."""

    since: float

    def render(self) -> dict[str, Any]:
        """As in ContainerState."""
        return {"running": {"startedAt": rfc3339(self.since)}}


@dataclass(frozen=True)
class Terminated:
    """Ended."""

    code: int
    started: float
    finished: float
    reason: str
    message: str = ""
    container_id: str = ""

    def render(self) -> dict[str, Any]:
        """As in ContainerState."""
        body: dict[str, Any] = {"exitCode": self.code, "reason": self.reason}
        if self.code > 128:
            body["signal"] = self.code - 128
        if self.message:
            body["message"] = self.message
        body |= {"startedAt": rfc3339(self.started), "finishedAt": rfc3339(self.finished)}
        return {"terminated": body | ({"containerID": self.container_id} if self.container_id else {})}


State = Waiting | Running | Terminated


@dataclass
class ContainerSeen:
    """What is known of one container."""

    spec: dict[str, Any]
    init: bool = False
    state: State = field(default_factory=Waiting)
    last: Terminated | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    container_id: str = ""
    image_id: str = ""
    settled: bool = False
    """It ended and will not run again."""

    @property
    def done_well(self) -> bool:
        """An init container that need not be waited for any more."""
        if is_sidecar(self.spec):
            return self.started
        return isinstance(self.state, Terminated) and self.state.code == 0 and self.settled


@dataclass(frozen=True)
class PodSeen:
    """What is known of the pod as a whole."""

    addresses: tuple[str, ...]
    sandbox: bool
    started: float
    init: Sequence[ContainerSeen]
    main: Sequence[ContainerSeen]


def phase_of(seen: PodSeen) -> str:
    """Pending, Running, Succeeded or Failed."""
    for one in seen.init:
        if isinstance(one.state, Terminated) and one.settled and one.state.code != 0:
            return "Failed"
    if not all(one.done_well for one in seen.init) and not any(_has_run(one) for one in seen.main):
        return "Pending"
    if seen.main and all(one.settled for one in seen.main):
        codes = [one.state.code for one in seen.main if isinstance(one.state, Terminated)]
        return "Succeeded" if not any(codes) else "Failed"
    if any(not _has_run(one) for one in seen.main):
        return "Pending"
    return "Running"


def _has_run(one: ContainerSeen) -> bool:
    return not isinstance(one.state, Waiting) or one.last is not None


def render(pod: Mapping[str, Any], node: NodeSpec, seen: PodSeen, *, now: float) -> dict[str, Any]:
    """The whole `status`, with the transition times of what has not changed kept from the pod's present one."""
    phase = phase_of(seen)
    generation = pod["metadata"].get("generation")
    status: dict[str, Any] = {
        **({"observedGeneration": generation} if generation else {}),
        "phase": phase,
        "conditions": _conditions(pod, seen, phase, now=now),
        "hostIP": node.addresses[0],
        "hostIPs": [{"ip": address} for address in node.addresses],
        "startTime": rfc3339(seen.started),
    }
    if seen.addresses:
        status |= {"podIP": seen.addresses[0], "podIPs": [{"ip": address} for address in seen.addresses]}
    if seen.init:
        status["initContainerStatuses"] = [_container_status(one) for one in seen.init]
    status["containerStatuses"] = [_container_status(one) for one in seen.main]
    status["qosClass"] = qos_class(pod)
    return status


def _container_status(one: ContainerSeen) -> dict[str, Any]:
    image = one.spec["image"]
    status: dict[str, Any] = {
        "name": one.spec["name"],
        "state": one.state.render(),
        "lastState": one.last.render() if one.last else {},
        "ready": one.ready,
        "restartCount": one.restarts,
        "image": image,
        "imageID": one.image_id,
        "started": one.started,
    }
    return status | ({"containerID": one.container_id} if one.container_id else {})


def _conditions(pod: Mapping[str, Any], seen: PodSeen, phase: str, *, now: float) -> list[dict[str, Any]]:
    unready = [one.spec["name"] for one in seen.main if not one.ready]
    uninitialised = [one.spec["name"] for one in seen.init if not one.done_well]
    finished = phase in {"Succeeded", "Failed"}
    containers = _containers_ready(unready, phase)
    rows: list[tuple[str, bool, str, str]] = [
        ("PodReadyToStartContainers", seen.sandbox, "", ""),
        _initialised(uninitialised, finished=phase == "Succeeded"),
        ("Ready", *_gates(pod, containers)),
        ("ContainersReady", *containers),
        ("PodScheduled", True, "", ""),
    ]
    if finished:
        rows[1] = ("Initialized", phase == "Succeeded" or not uninitialised, *rows[1][2:])
    before = {one["type"]: one for one in (pod.get("status") or {}).get("conditions") or ()}
    generation = pod["metadata"].get("generation")
    ours = [_condition(*row, before=before.get(row[0]), generation=generation, now=now) for row in rows]
    # Conditions of others, readiness gates among them, are theirs.
    return ours + [one for name, one in before.items() if name not in {row[0] for row in rows}]


def _initialised(waiting_for: Sequence[str], *, finished: bool) -> tuple[str, bool, str, str]:
    if not waiting_for:
        return ("Initialized", True, "PodCompleted" if finished else "", "")
    return (
        "Initialized",
        False,
        "ContainersNotInitialized",
        f"containers with incomplete status: [{' '.join(waiting_for)}]",
    )


def _containers_ready(unready: Sequence[str], phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return (False, "PodCompleted", "")
    if phase == "Failed":
        return (False, "PodFailed", "")
    if unready:
        return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return (True, "", "")


def _gates(pod: Mapping[str, Any], containers: tuple[bool, str, str]) -> tuple[bool, str, str]:
    """The pod is ready when its containers are and every readiness gate's condition says True."""
    if not containers[0]:
        return containers
    present = {one["type"]: one["status"] for one in (pod.get("status") or {}).get("conditions") or ()}
    for gate in pod["spec"].get("readinessGates") or ():
        name = gate["conditionType"]
        if name not in present:
            return (
                False,
                "ReadinessGatesNotReady",
                f'corresponding condition of pod readiness gate "{name}" does not exist.',
            )
        if present[name] != "True":
            return (
                False,
                "ReadinessGatesNotReady",
                f'the status of pod readiness gate "{name}" is not "True", but {present[name]}',
            )
    return containers


def _condition(
    kind: str,
    holds: bool,
    reason: str,
    message: str,
    *,
    before: dict[str, Any] | None,
    generation: int | None,
    now: float,
) -> dict[str, Any]:
    status = "True" if holds else "False"
    since = before["lastTransitionTime"] if before and before.get("status") == status else None
    condition: dict[str, Any] = {"type": kind}
    if generation:
        condition["observedGeneration"] = generation
    condition |= {"status": status, "lastProbeTime": None, "lastTransitionTime": since or rfc3339(now)}
    condition |= ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
    return condition


def qos_class(pod: Mapping[str, Any]) -> str:
    """Guaranteed when every container's cpu and memory limits equal its requests, BestEffort when none has any."""
    spec = pod["spec"]
    resources = [one.get("resources") or {} for one in (*spec["containers"], *(spec.get("initContainers") or ()))]
    if not any(_counted(one.get("requests")) or _counted(one.get("limits")) for one in resources):
        return "BestEffort"
    for one in resources:
        limits = _counted(one.get("limits"))
        requests = {**limits, **_counted(one.get("requests"))}
        if set(limits) != {"cpu", "memory"} or requests != limits:
            return "Burstable"
    return "Guaranteed"


def _counted(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: amount for name, amount in (amounts or {}).items() if name in {"cpu", "memory"}}
