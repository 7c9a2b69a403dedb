"""What a pod's own object says about exec and logs into it: which container, and whether it can be reached."""

from __future__ import annotations

from typing import Any

from harness.embedded.store.errors import bad_request, failure


def chosen_container(pod: dict[str, Any], name: str) -> str:
    """The container meant: the one named, or the only one. Raises ApiError 400."""
    spec = pod["spec"]
    main = [one["name"] for one in spec.get("containers") or []]
    other = [one["name"] for key in ("initContainers", "ephemeralContainers") for one in spec.get(key) or []]
    called = pod["metadata"]["name"]
    if name:
        if name not in main and name not in other:
            raise bad_request(f"container {name} is not valid for pod {called}")
        return name
    if len(main) == 1:
        return str(main[0])
    choice = f"a container name must be specified for pod {called}, choose one of: [{' '.join(main)}]"
    raise bad_request(choice + (f" or one of the init containers: [{' '.join(other)}]" if other else ""))


def on_a_node(pod: dict[str, Any]) -> bool:
    """Has the pod been given to a node?"""
    return bool(pod["spec"].get("nodeName"))


def running_container(pod: dict[str, Any], name: str) -> str:
    """The container an exec goes into. Raises ApiError when it cannot run anything now."""
    container = chosen_container(pod, name)
    phase = (pod.get("status") or {}).get("phase")
    if phase in {"Succeeded", "Failed"}:
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    if not on_a_node(pod):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")
    if not _is_running(pod, container):
        raise failure(500, "InternalError", f'unable to upgrade connection: container not found ("{container}")')
    return container


def _is_running(pod: dict[str, Any], container: str) -> bool:
    status = pod.get("status") or {}
    states = [
        one.get("state") or {}
        for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
        for one in status.get(key) or []
        if one.get("name") == container
    ]
    return any("running" in state for state in states)
