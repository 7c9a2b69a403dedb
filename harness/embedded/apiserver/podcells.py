"""The cells of a pod: what it is doing, summed up over its containers as kubectl does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.embedded.apiserver.ages import age
from harness.embedded.apiserver.texts import NONE

Object = Mapping[str, Any]


def _status(pod: Object) -> Mapping[str, Any]:
    return pod.get("status") or {}


def _is_sidecar(pod: Object, name: str) -> bool:
    inits = (pod.get("spec") or {}).get("initContainers") or []
    return any(one.get("name") == name and one.get("restartPolicy") == "Always" for one in inits)


def _sidecars(pod: Object) -> list[Mapping[str, Any]]:
    return [one for one in _status(pod).get("initContainerStatuses") or [] if _is_sidecar(pod, one.get("name", ""))]


def ready(pod: Object, _now: float) -> str:
    """Ready containers of all that are meant to run."""
    spec = pod.get("spec") or {}
    wanted = len(spec.get("containers") or [])
    wanted += sum(one.get("restartPolicy") == "Always" for one in spec.get("initContainers") or [])
    running = [one for one in _status(pod).get("containerStatuses") or [] if "running" in (one.get("state") or {})]
    return f"{sum(bool(one.get('ready')) for one in (*running, *_sidecars(pod)))}/{wanted}"


def restarts(pod: Object, now: float) -> str:
    """How often containers were restarted, and when last."""
    status = _status(pod)
    waiting_for_init = _init_reason(pod) is not None
    counted = status.get("initContainerStatuses" if waiting_for_init else "containerStatuses") or []
    if not waiting_for_init:
        counted = [*counted, *_sidecars(pod)]
    total = sum(one.get("restartCount", 0) for one in counted)
    ends = [((one.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for one in counted]
    last = max((end for end in ends if end), default=None)
    return f"{total} ({age(last, now)} ago)" if total and last else str(total)


def status(pod: Object, _now: float) -> str:
    """One word for the pod."""
    found = _status(pod)
    phase = found.get("phase", "")
    reason = _init_reason(pod) or _container_reason(pod) or found.get("reason") or phase
    if pod["metadata"].get("deletionTimestamp"):
        if found.get("reason") == "NodeLost":
            return "Unknown"
        if phase not in {"Succeeded", "Failed"}:
            return "Terminating"
    return str(reason)


def _ended(terminated: Mapping[str, Any]) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _init_reason(pod: Object) -> str | None:
    """What the pod's initialization waits for; None when it is over or there is none."""
    statuses = _status(pod).get("initContainerStatuses") or []
    for index, one in enumerate(statuses):
        state = one.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if _is_sidecar(pod, one.get("name", "")) and one.get("started"):
            continue
        if terminated is not None:
            return f"Init:{_ended(terminated)}"
        if waiting.get("reason") not in {None, "", "PodInitializing"}:
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{len((pod.get('spec') or {}).get('initContainers') or [])}"
    return None


def _container_reason(pod: Object) -> str | None:
    """The most telling state of its containers: the first in their order that is not simply running."""
    reason, running = None, False
    for one in reversed(_status(pod).get("containerStatuses") or []):
        state = one.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            reason = _ended(state["terminated"])
        elif one.get("ready") and "running" in state:
            running = True
    if reason == "Completed" and running:
        conditions = _status(pod).get("conditions") or []
        is_ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
        return "Running" if is_ready else "NotReady"
    return reason


def gates(pod: Object, _now: float) -> str:
    """Readiness gates that are open, of all."""
    asked = (pod.get("spec") or {}).get("readinessGates") or []
    if not asked:
        return NONE
    met = {one.get("type") for one in _status(pod).get("conditions") or [] if one.get("status") == "True"}
    return f"{sum(gate.get('conditionType') in met for gate in asked)}/{len(asked)}"
