"""The columns of each kind, with what stands in them. Facts of kubectl's output (k8s.io/kubernetes pkg/printers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.embedded.apiserver import podcells, workloadcells
from harness.embedded.apiserver.ages import age, since
from harness.embedded.apiserver.texts import NONE, few, labels, selector

Object = Mapping[str, Any]
Read = Callable[[Object, float], Any]


@dataclass(frozen=True)
class Column:
    """A heading, and how to read its cell from an object at a moment. `wide`: shown by `-o wide` only."""

    name: str
    read: Read
    type: str = "string"
    format: str = ""
    description: str = ""
    wide: bool = False


def of(kind: str) -> tuple[Column, ...]:
    """The columns of a kind; name and age for one without columns of its own."""
    return COLUMNS.get(kind, (NAME, AGE))


def _at(*path: str, default: Any = "") -> Read:
    """Reads one value deep in an object."""

    def read(obj: Object, _now: float) -> Any:
        value: Any = obj
        for key in path:
            value = (value or {}).get(key)
        return default if value is None or value == "" else value

    return read


def _size(*keys: str) -> Read:
    """Counts the entries of some maps or lists."""
    return lambda obj, _now: sum(len(obj.get(key) or ()) for key in keys)


def _count(field: str) -> Read:
    """Reads a number of the status; zero where it is not said."""
    return _at("status", field, default=0)


NAME = Column("Name", _at("metadata", "name"), format="name", description="Name of the object, unique in its scope.")
AGE = Column(
    "Age",
    lambda obj, now: age(obj["metadata"].get("creationTimestamp"), now),
    description="Time since the server created the object.",
)


def _external(service: Object) -> str:
    """The addresses a Service has outside the cluster."""
    spec = service.get("spec") or {}
    own = list(spec.get("externalIPs") or [])
    match spec.get("type"):
        case "ExternalName":
            return str(spec.get("externalName", ""))
        case "LoadBalancer":
            ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
            given = [one.get("ip") or one.get("hostname") or "" for one in ingress]
            return ",".join([*given, *own]) or "<pending>"
        case _:
            return ",".join(own) or NONE


def _service_port(port: Mapping[str, Any]) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def _service_ports(service: Object, _now: float) -> str:
    ports = (service.get("spec") or {}).get("ports") or []
    return ",".join(_service_port(port) for port in ports) or NONE


def _cluster_ip(service: Object, _now: float) -> str:
    addresses = (service.get("spec") or {}).get("clusterIPs") or []
    return addresses[0] if addresses else NONE


def _endpoints(endpoints: Object, _now: float) -> str:
    found: list[str] = []
    for subset in endpoints.get("subsets") or []:
        addresses = [one["ip"] for one in subset.get("addresses") or []]
        ports = [port["port"] for port in subset.get("ports") or []]
        found += [_host_port(ip, port) for port in ports for ip in addresses] if ports else addresses
    return few(found) or NONE


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _slice_ports(slice_: Object, _now: float) -> str:
    return few([str(port.get("port") or "*") for port in slice_.get("ports") or []]) or "<unset>"


def _slice_endpoints(slice_: Object, _now: float) -> str:
    return few([ip for one in slice_.get("endpoints") or [] for ip in one.get("addresses") or []]) or "<unset>"


def _node_status(node: Object, _now: float) -> str:
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = next((one.get("status") for one in conditions if one.get("type") == "Ready"), None)
    text = {"True": "Ready", None: "Unknown"}.get(ready, "NotReady")
    return f"{text},SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else text


def _node_roles(node: Object, _now: float) -> str:
    prefix = "node-role.kubernetes.io/"
    marked = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in marked if key.startswith(prefix))) or NONE


def _node_address(kind: str) -> Read:
    def read(node: Object, _now: float) -> str:
        addresses = (node.get("status") or {}).get("addresses") or []
        return next((one["address"] for one in addresses if one.get("type") == kind), NONE)

    return read


def _containers(key: str) -> Read:
    def read(workload: Object, _now: float) -> str:
        template = ((workload.get("spec") or {}).get("template") or {}).get("spec") or {}
        return ",".join(str(one.get(key, "")) for one in template.get("containers") or [])

    return read


def _ready(workload: Object, _now: float) -> str:
    status, spec = workload.get("status") or {}, workload.get("spec") or {}
    return f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"


def _parent(address: Object, _now: float) -> str:
    parent = (address.get("spec") or {}).get("parentRef")
    if not parent:
        return NONE
    kind = ".".join(part for part in (parent.get("resource", ""), parent.get("group", "")) if part)
    return "/".join(part for part in (kind, parent.get("namespace", ""), parent.get("name", "")) if part)


def _event_seen(event: Object, now: float) -> str:
    first = event.get("eventTime") or event.get("firstTimestamp")
    series = event.get("series")
    if series:
        return f"{age(series.get('lastObservedTime'), now)} (x{series.get('count', 0)} over {age(first, now)})"
    if event.get("count", 0) > 1:
        return f"{age(event.get('lastTimestamp'), now)} (x{event['count']} over {age(first, now)})"
    return age(first, now)


def _event_object(event: Object, _now: float) -> str:
    involved = event.get("involvedObject") or {}
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name", "")
    return f"{kind}/{name}" if name else kind


def _event_source(event: Object, _now: float) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else str(component)


def _fault_scope(fault: Object, _now: float) -> str:
    spec = fault.get("spec") or {}
    parts = [f"{key}: {','.join(spec[key])}" for key in ("namespaces", "nodes") if spec.get(key)]
    return "; ".join(parts) or "everywhere"


def _fault_left(fault: Object, now: float) -> str:
    """Seconds until the fault is removed."""
    ttl = (fault.get("spec") or {}).get("ttlSeconds")
    passed = since(fault["metadata"].get("creationTimestamp"), now)
    return "never" if not ttl or passed is None else f"{max(0, int(ttl - passed))}s"


def _class(ingress: Object, _now: float) -> str:
    """The class, also where it is named in the old way."""
    legacy = (ingress["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
    return str((ingress.get("spec") or {}).get("ingressClassName") or legacy or NONE)


def _hosts(ingress: Object, _now: float) -> str:
    rules = (ingress.get("spec") or {}).get("rules") or []
    return few([str(rule["host"]) for rule in rules if rule.get("host")]) or "*"


def _published(ingress: Object, _now: float) -> str:
    entries = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return ",".join(str(entry.get("ip") or entry.get("hostname")) for entry in entries)


def _parameters(ingress_class: Object, _now: float) -> str:
    found = (ingress_class.get("spec") or {}).get("parameters")
    if not found:
        return NONE
    kind = ".".join(part for part in (str(found["kind"]), str(found.get("apiGroup") or "")) if part)
    return f"{kind}/{found['name']}"


_TEMPLATE = (
    Column("Containers", _containers("name"), description="Names of the containers in the template.", wide=True),
    Column("Images", _containers("image"), description="Images of the containers in the template.", wide=True),
    Column(
        "Selector",
        lambda obj, _now: selector((obj.get("spec") or {}).get("selector")),
        description="Labels of the pods it counts as its own.",
        wide=True,
    ),
)

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Pod": (
        NAME,
        Column("Ready", podcells.ready, description="Ready containers of all containers."),
        Column("Status", podcells.status, description="What the pod is doing, summed up over its containers."),
        Column("Restarts", podcells.restarts, description="Restarts of its containers, and when the last one was."),
        AGE,
        Column("IP", _at("status", "podIP", default=NONE), description="Address of the pod.", wide=True),
        Column("Node", _at("spec", "nodeName", default=NONE), description="Node the pod was given to.", wide=True),
        Column(
            "Nominated Node",
            _at("status", "nominatedNodeName", default=NONE),
            description="Node on which room is being made for the pod.",
            wide=True,
        ),
        Column("Readiness Gates", podcells.gates, description="Extra conditions met, of all asked for.", wide=True),
    ),
    "Service": (
        NAME,
        Column("Type", _at("spec", "type"), description="How the Service is exposed."),
        Column("Cluster-IP", _cluster_ip, description="Virtual address inside the cluster; None when headless."),
        Column("External-IP", lambda obj, _now: _external(obj), description="Addresses outside the cluster."),
        Column("Port(s)", _service_ports, description="Ports, with node ports where there are any."),
        AGE,
        Column(
            "Selector",
            lambda obj, _now: labels((obj.get("spec") or {}).get("selector")),
            description="Labels of the pods behind the Service.",
            wide=True,
        ),
    ),
    "Endpoints": (NAME, Column("Endpoints", _endpoints, description="Ready addresses with their ports."), AGE),
    "EndpointSlice": (
        NAME,
        Column("AddressType", _at("addressType"), description="Family of the addresses, or FQDN."),
        Column("Ports", _slice_ports, description="Ports every endpoint has."),
        Column("Endpoints", _slice_endpoints, description="Addresses of the endpoints."),
        AGE,
    ),
    "Node": (
        NAME,
        Column("Status", _node_status, description="Whether the node is ready, and whether it takes pods."),
        Column("Roles", _node_roles, description="Roles the node is labelled with."),
        AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion"), description="Version of its kubelet."),
        Column("Internal-IP", _node_address("InternalIP"), description="Address inside the cluster.", wide=True),
        Column("External-IP", _node_address("ExternalIP"), description="Address outside the cluster.", wide=True),
        Column("OS-Image", _at("status", "nodeInfo", "osImage", default="<unknown>"), description="System.", wide=True),
        Column(
            "Kernel-Version",
            _at("status", "nodeInfo", "kernelVersion", default="<unknown>"),
            description="Its kernel.",
            wide=True,
        ),
        Column(
            "Container-Runtime",
            _at("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"),
            description="What runs its containers.",
            wide=True,
        ),
    ),
    "Namespace": (NAME, Column("Status", _at("status", "phase"), description="Active or Terminating."), AGE),
    "ConfigMap": (NAME, Column("Data", _size("data", "binaryData"), type="integer", description="Entries."), AGE),
    "Secret": (
        NAME,
        Column("Type", _at("type"), description="What the secret is for."),
        Column("Data", _size("data"), type="integer", description="Entries."),
        AGE,
    ),
    "ServiceAccount": (
        NAME,
        Column("Secrets", _size("secrets"), type="integer", description="Secrets it may use."),
        AGE,
    ),
    "Lease": (NAME, Column("Holder", _at("spec", "holderIdentity"), description="Who holds it."), AGE),
    "Ingress": (
        NAME,
        Column("Class", _class, description="The class whose controller serves it."),
        Column("Hosts", _hosts, description="Hosts of its rules; * for every host."),
        Column("Address", _published, description="Where its controller is reached."),
        Column(
            "Ports",
            lambda obj, _now: "80, 443" if (obj.get("spec") or {}).get("tls") else "80",
            description="Ports on which it is served.",
        ),
        AGE,
    ),
    "IngressClass": (
        NAME,
        Column("Controller", _at("spec", "controller"), description="Who serves Ingresses of this class."),
        Column("Parameters", _parameters, description="Settings for its controller."),
        AGE,
    ),
    "NetworkPolicy": (
        NAME,
        Column(
            "Pod-Selector",
            lambda obj, _now: selector((obj.get("spec") or {}).get("podSelector")),
            description="Pods the policy is about.",
        ),
        AGE,
    ),
    "Deployment": (
        NAME,
        Column("Ready", _ready, description="Ready pods of those wished for."),
        Column("Up-to-date", _at("status", "updatedReplicas", default=0), description="Pods of the latest template."),
        Column("Available", _at("status", "availableReplicas", default=0), description="Pods ready for long enough."),
        AGE,
        *_TEMPLATE,
    ),
    "StatefulSet": (
        NAME,
        Column("Ready", _ready, description="Ready pods of those wished for."),
        AGE,
        *_TEMPLATE[:2],
    ),
    "DaemonSet": (
        NAME,
        Column("Desired", _count("desiredNumberScheduled"), type="integer", description="Nodes that take a pod."),
        Column("Current", _count("currentNumberScheduled"), type="integer", description="Of these, nodes with one."),
        Column("Ready", _count("numberReady"), type="integer", description="Nodes whose pod is ready."),
        Column("Up-to-date", _count("updatedNumberScheduled"), type="integer", description="Pods of the template."),
        Column("Available", _count("numberAvailable"), type="integer", description="Pods ready for long enough."),
        Column("Node Selector", workloadcells.node_selector, description="Labels of the nodes it is for."),
        AGE,
        *_TEMPLATE,
    ),
    "Job": (
        NAME,
        Column("Status", workloadcells.job_status, description="What has become of it."),
        Column("Completions", workloadcells.completions, description="Pods that ended well, of those wished for."),
        Column("Duration", workloadcells.duration, description="Time from its start to its completion, or until now."),
        AGE,
        *_TEMPLATE,
    ),
    "ServiceCIDR": (
        NAME,
        Column(
            "CIDRs",
            lambda obj, _now: ",".join((obj.get("spec") or {}).get("cidrs") or ()),
            description="Blocks from which addresses are given.",
        ),
        AGE,
    ),
    "IPAddress": (NAME, Column("ParentRef", _parent, description="What uses the address."), AGE),
    "ReplicaSet": (
        NAME,
        Column("Desired", _at("spec", "replicas", default=0), type="integer", description="Pods wished for."),
        Column("Current", _at("status", "replicas", default=0), type="integer", description="Pods there are."),
        Column("Ready", _at("status", "readyReplicas", default=0), type="integer", description="Pods that are ready."),
        AGE,
        *_TEMPLATE,
    ),
    "Event": (
        Column("Last Seen", _event_seen, description="When it last happened, and how often."),
        Column("Type", _at("type"), description="Normal or Warning."),
        Column("Reason", _at("reason"), description="Why, in one word."),
        Column("Object", _event_object, description="What it is about."),
        Column("Subobject", _at("involvedObject", "fieldPath"), description="Part it is about.", wide=True),
        Column("Source", _event_source, description="Who reported it.", wide=True),
        Column("Message", lambda obj, _now: str(obj.get("message", "")).strip(), description="What happened."),
        Column(
            "First Seen",
            lambda obj, now: age(obj.get("eventTime") or obj.get("firstTimestamp"), now),
            description="When it first happened.",
            wide=True,
        ),
        Column("Count", _at("count", default=1), type="integer", description="How often.", wide=True),
        Column("Name", _at("metadata", "name"), format="name", description="Name of the event itself.", wide=True),
    ),
    "Fault": (
        NAME,
        Column("Fault", _at("spec", "id"), description="What is broken, by its id in the catalogue."),
        Column("Scope", _fault_scope, description="Where it is broken."),
        Column("Owner", _at("spec", "owner"), description="Who planted it."),
        Column("Left", _fault_left, description="Time until it is removed by itself."),
        AGE,
    ),
}
