"""Which pods stand behind a Service, and in what condition: shared by the EndpointSlice and Endpoints controllers.

Follows the endpoint conditions of KEP-1672 and the hostname rule of "DNS for Services and Pods".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.controllers import faults
from harness.embedded.controllers.selectors import has_all
from harness.embedded.controllers.snapshot import Obj, Snapshot, is_leaving

TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"

Port = tuple[str, str, int, str]
"""Name, protocol, number, application protocol."""


@dataclass(frozen=True)
class Backend:
    """One pod behind one Service."""

    pod: Obj
    published: bool
    """publishNotReadyAddresses of the Service."""
    hostname: str
    zone: str

    @property
    def serving(self) -> bool:
        """Whether the pod says it is ready, terminating or not."""
        return is_ready(self.pod)

    @property
    def terminating(self) -> bool:
        """Whether its deletion has begun."""
        return is_leaving(self.pod)

    @property
    def ready(self) -> bool:
        """What most readers of slices go by."""
        return self.published or (self.serving and not self.terminating)

    def address(self, family: str) -> str:
        """The pod's address of this family, or ""."""
        return next((ip for ip in pod_ips(self.pod) if (":" in ip) == (family == "IPv6")), "")

    @property
    def target(self) -> Obj:
        """The reference to the pod that goes into endpoints."""
        meta = self.pod["metadata"]
        return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def is_selected_service(service: Obj, snapshot: Snapshot) -> bool:
    """Whether the controllers keep endpoints for this Service: it has a selector and is no ExternalName."""
    spec = service["spec"]
    if spec.get("type") == "ExternalName" and not faults.external_name_selects(snapshot, service):
        return False
    return bool(spec.get("selector")) and not is_leaving(service)


def backends(service: Obj, snapshot: Snapshot) -> Iterator[Backend]:
    """The pods behind a Service: selected, not ended, on a node that exists (unless not-ready ones are published)."""
    spec = service["spec"]
    published = bool(spec.get("publishNotReadyAddresses")) and not faults.unready_pods_wait(snapshot, service)
    for pod in snapshot.in_namespace("pods", service["metadata"]["namespace"]):
        if not has_all(spec["selector"], pod["metadata"].get("labels") or {}):
            continue
        if has_ended(pod) and not faults.ended_pods_count(snapshot, pod):
            continue
        if is_leaving(pod) and faults.terminating_pods_vanish(snapshot, pod):
            continue
        node = snapshot.get("nodes", pod["spec"].get("nodeName") or "")
        if node is None and not published:
            continue
        labels = ((node or {}).get("metadata") or {}).get("labels") or {}
        yield Backend(pod, published, _hostname(pod, service), labels.get("topology.kubernetes.io/zone") or "")


def has_ended(pod: Obj) -> bool:
    """Whether the pod will never run again."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Whether the pod's Ready condition is true."""
    return any(
        c["type"] == "Ready" and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions") or ()
    )


def ready_since(pod: Obj) -> str:
    """When the Ready condition last changed, or ""."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((c.get("lastTransitionTime") or "" for c in conditions if c["type"] == "Ready"), "")


def pod_ips(pod: Obj) -> list[str]:
    """The pod's addresses, primary first."""
    status = pod.get("status") or {}
    ips = [entry["ip"] for entry in status.get("podIPs") or ()]
    return ips or ([status["podIP"]] if status.get("podIP") else [])


def _hostname(pod: Obj, service: Obj) -> str:
    """A pod has a name of its own only below the Service its `subdomain` names."""
    spec = pod["spec"]
    mine = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return str(spec["hostname"]) if mine else ""


def ports_of(service: Obj, pod: Obj) -> tuple[Port, ...]:
    """The Service's ports as this pod offers them; a named target the pod does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port, pod)
        if number:
            found.append((port.get("name") or "", port.get("protocol") or "TCP", number, port.get("appProtocol") or ""))
    return tuple(found)


def _number(port: Obj, pod: Obj) -> int:
    target: Any = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for container in _long_running(pod["spec"]):
        for offered in container.get("ports") or ():
            if offered.get("name") == target and (offered.get("protocol") or "TCP") == (port.get("protocol") or "TCP"):
                return int(offered["containerPort"])
    return 0


def _long_running(spec: Obj) -> Iterable[Obj]:
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    containers: Sequence[Obj] = spec.get("containers") or ()
    return [*containers, *sidecars]


def port_objects(ports: tuple[Port, ...]) -> list[Obj]:
    """Ports as they stand in EndpointSlices and Endpoints."""
    return [
        {"name": name, "protocol": protocol, "port": number} | ({"appProtocol": app} if app else {})
        for name, protocol, number, app in ports
    ]


def trigger_time(service: Obj, members: Iterable[Backend]) -> str:
    """The latest moment something happened that these endpoints follow from."""
    moments = [ready_since(backend.pod) for backend in members]
    return max([*moments, service["metadata"].get("creationTimestamp") or ""])


def change_time(service: Obj, members: Iterable[Backend], known: Mapping[str, bool] | None) -> str:
    """When happened what is now to be written, as far as that is known, or "".

    `known` has the pods that are published already, by uid, with their readiness; None when nothing is published yet.
    A pod that has left leaves no time, and neither does a change of the Service (the real controllers look at the times
    of the pods they see, and take the annotation away when none of them is new).
    """
    if known is None:
        return trigger_time(service, members)
    news = (one for one in members if known.get(one.target["uid"]) is not one.ready)
    return max((ready_since(one.pod) for one in news), default="")


def stamped(annotations: Mapping[str, str] | None, stamp: str) -> dict[str, str]:
    """Annotations with this trigger time; without any when it is ""."""
    others = {key: value for key, value in (annotations or {}).items() if key != TRIGGER}
    return others | ({TRIGGER: stamp} if stamp else {})


def copied_labels(service: Obj, reserved: Iterable[str]) -> dict[str, str]:
    """The Service's labels, without those that the endpoint controllers own."""
    return {k: v for k, v in (service["metadata"].get("labels") or {}).items() if k not in set(reserved)}


def is_headless(service: Obj) -> bool:
    """Whether the Service asks for no address of its own."""
    return bool(service["spec"].get("clusterIP") == "None")
