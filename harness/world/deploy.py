"""Putting objects into a cluster and taking them out again. One owner for each: the worker, or one case of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.kube.client import Kube
from harness.kube.errors import AlreadyExists, KubeError, WaitTimeout
from harness.kube.patience import Patience
from harness.model.waits import Waits
from harness.world.manifests import GRACE
from harness.world.ownership import Owner, marked

LANES = 9
"""Requests under way at once when many objects are applied: an arena's worth."""

REMOVABLE = ("networkpolicies.networking.k8s.io", "services", "endpointslices.discovery.k8s.io", "pods", "configmaps")
"""What a case may leave in namespaces that outlive it, in the order in which it is removed."""

NO_IMAGE = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
"""Reasons a container waits for that no patience cures: the first of them comes after a pull that failed."""


class NotReadyError(Exception):
    """Pods did not become Ready; the text says which, and what the cluster says about them."""


def apply_all(
    kube: Kube, manifests: Iterable[Mapping[str, Any]], labels: dict[str, str], *, patience: Patience | None = None
) -> list[dict[str, Any]]:
    """Apply marked objects side by side; as stored, in the order given. Raises KubeError."""
    patient = patience or Patience()
    with ThreadPoolExecutor(LANES) as lanes:
        return list(lanes.map(lambda manifest: _put(kube, marked(dict(manifest), labels), patient), list(manifests)))


def _put(kube: Kube, manifest: dict[str, Any], patient: Patience) -> dict[str, Any]:
    # Server-side apply refuses a pod whose port has two names (its list key is number and protocol); creating does not.
    if manifest["kind"] != "Pod":
        return patient(lambda: kube.apply(manifest))
    attempts: list[str] = []

    def create() -> dict[str, Any]:
        attempts.append(_name(manifest))
        try:
            return kube.create(manifest)
        except AlreadyExists:
            if len(attempts) == 1:
                raise
            # The attempt whose answer was lost had been heard.
            return kube.get("pods", _name(manifest), namespace=manifest["metadata"].get("namespace"))

    return patient(create)


def await_ready(kube: Kube, pods: Sequence[tuple[str, str]], *, waits: Waits) -> dict[tuple[str, str], dict[str, Any]]:
    """Wait until the pods (namespace, name) are Ready and have addresses; as they are then. Raises NotReadyError."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for namespace in dict.fromkeys(namespace for namespace, _ in pods):
        wanted = {name for space, name in pods if space == namespace}
        try:
            there = kube.wait_all(
                "pods",
                lambda seen, wanted=wanted: _all_ready(seen, wanted),  # type: ignore[misc]  # default
                timeout=waits.pod_ready,
                namespace=namespace,
            )
        except WaitTimeout as error:
            raise NotReadyError(_why(kube, namespace, wanted)) from error
        found |= {(namespace, _name(pod)): pod for pod in there if _name(pod) in wanted}
    return found


def _all_ready(pods: Sequence[Mapping[str, Any]], wanted: set[str]) -> bool:
    """Whether they are; raises NotReadyError as soon as an image turns out not to be had."""
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses") or []:
            waiting = container.get("state", {}).get("waiting") or {}
            if _name(pod) in wanted and waiting.get("reason") in NO_IMAGE:
                why = f"{waiting['reason']}: {waiting.get('message', '')}".strip()
                image = container.get("image")
                raise NotReadyError(f"image {image} of pod {_name(pod)} cannot be had: {why}; see --agent-image")
    return wanted <= {_name(pod) for pod in pods if is_ready(pod)}


def await_address(kube: Kube, namespace: str, name: str, *, waits: Waits) -> dict[str, Any]:
    """Wait until a pod runs and has an address, Ready or not; as it is then. Raises WaitTimeout."""
    found = kube.wait(
        "pods",
        name,
        lambda pod: bool(pod and pod["status"].get("podIP") and pod["status"].get("phase") == "Running"),
        timeout=waits.pod_ready,
        namespace=namespace,
    )
    return found or {}


def await_gone(kube: Kube, namespace: str, names: Iterable[str], *, waits: Waits) -> None:
    """Wait until none of these pods is there any more. Raises WaitTimeout."""
    unwanted = set(names)
    kube.wait_all(
        "pods",
        lambda seen: not unwanted & {_name(pod) for pod in seen},
        timeout=waits.pod_gone,
        namespace=namespace,
        what=f"pods {', '.join(sorted(unwanted))} in {namespace} gone",
    )


def remove_case(
    kube: Kube,
    owner: Owner,
    case: str,
    namespaces: Iterable[str],
    *,
    waits: Waits,
    resources: Iterable[str] = REMOVABLE,
) -> None:
    """Remove what a case left of these resources in namespaces that stay. Raises KubeError."""
    selector = ",".join(f"{key}={value}" for key, value in owner.labels(case=case).items())
    wanted = list(resources)
    jobs = [(resource, namespace) for namespace in namespaces for resource in wanted]
    with ThreadPoolExecutor(LANES) as lanes:
        list(lanes.map(lambda job: _remove_marked(kube, job[0], job[1], selector=selector, waits=waits), jobs))


def _remove_marked(kube: Kube, resource: str, namespace: str, *, selector: str, waits: Waits) -> None:
    # Services have no deletecollection in old API servers; listing first also keeps the common case to one read.
    found = kube.list(resource, namespace=namespace, labels=selector).items
    for item in found:
        kube.delete(resource, _name(item), namespace=namespace, grace=_grace(item) if resource == "pods" else None)
    if any(item["metadata"].get("finalizers") for item in found):
        # A load balancer is taken down first; until then the next case could not use the name.
        kube.wait_all(
            resource, lambda left: not left, timeout=waits.loadbalancer_address, namespace=namespace, labels=selector
        )


def _grace(pod: Mapping[str, Any]) -> int:
    """Seconds for a pod whose test is over, lingering or not.

    It is let go of at once: nobody looks at it any more, and to see it end took four seconds on a kind cluster. One
    that holds ports of its node gets its time, or its successor would find them taken.
    """
    spec = pod.get("spec", {})
    host_ports = (port.get("hostPort") for each in spec.get("containers") or () for port in each.get("ports") or ())
    return GRACE if spec.get("hostNetwork") or any(host_ports) else 0


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Ready, with an address, and not on its way out."""
    status = pod.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    return bool(
        conditions.get("Ready") == "True" and status.get("podIP") and not pod["metadata"].get("deletionTimestamp")
    )


def _name(thing: Mapping[str, Any]) -> str:
    return str(thing["metadata"]["name"])


def _why(kube: Kube, namespace: str, wanted: set[str]) -> str:
    """What the cluster says about pods that are not Ready: phases, waiting reasons, newest events."""
    lines = []
    try:
        lines += [
            f"{namespace}/{_name(pod)}: {_state(pod)}"
            for pod in kube.list("pods", namespace=namespace).items
            if _name(pod) in wanted and not is_ready(pod)
        ]
        events = kube.list("events", namespace=namespace).items
        lines += [
            f"  {event.get('involvedObject', {}).get('name')}: {event.get('reason')}: {event.get('message')}"
            for event in events[-5:]
            if event.get("type") == "Warning"
        ]
    except KubeError as error:
        lines.append(f"{namespace}: {error}")
    return "pods not Ready: " + ("\n".join(lines) or f"{namespace}: {', '.join(sorted(wanted))}")


def _state(pod: Mapping[str, Any]) -> str:
    status = pod.get("status", {})
    told = [str(status.get("phase", "no status"))]
    for container in status.get("containerStatuses") or []:
        for kind in ("waiting", "terminated"):
            state = container.get("state", {}).get(kind)
            told += (
                [f"{container['name']} {kind}: {state.get('reason', '')} {state.get('message', '')}"] if state else []
            )
    told += [
        f"not scheduled: {condition.get('message', '')}"
        for condition in status.get("conditions") or []
        if condition["type"] == "PodScheduled" and condition["status"] != "True"
    ]
    return ", ".join(told)
