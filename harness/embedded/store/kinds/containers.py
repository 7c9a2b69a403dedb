"""Containers of a pod: defaults and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults

Object = dict[str, Any]
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
PROBE_NUMBERS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
PROTOCOLS = ("SCTP", "TCP", "UDP")
ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def default_container(container: Object) -> None:
    """Complete one container."""
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for sort in PROBES:
        if sort in container:
            _default_probe(container[sort])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and "httpGet" in hook:
            _default_http(hook["httpGet"])


def _pull_policy(image: str) -> str:
    """Always for the tag latest, which is also what no tag and no digest means."""
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or (not tag and not at) else "IfNotPresent"


def _default_probe(probe: Object) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        _default_http(probe["httpGet"])
    if "grpc" in probe and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http(action: Object) -> None:
    action.setdefault("path", "/")
    action.setdefault("scheme", "HTTP")


def _walk(spec: Object, path: str) -> Iterator[tuple[Object, str]]:
    for sort in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(sort) or ()):
            yield container, f"{path}.{sort}[{index}]"


def validate_containers(spec: Object, path: str, volumes: set[str], faults: Faults) -> None:
    """Check every container of a pod."""
    if not spec.get("containers"):
        faults.required(f"{path}.containers")
    known: set[str] = set()
    for container, where in _walk(spec, path):
        name = container.get("name", "")
        if not name:
            faults.required(f"{where}.name")
        for problem in names.label(name) if name else ():
            faults.invalid(f"{where}.name", name, problem)
        if name and name in known:
            faults.duplicate(f"{where}.name", name)
        known.add(name)
        _validate_container(container, where, volumes, faults)
    _validate_host_ports(spec, path, faults)


def _validate_container(container: Object, path: str, volumes: set[str], faults: Faults) -> None:
    if not container.get("image", "").strip():
        faults.required(f"{path}.image")
    _validate_hooks(container, path, faults)
    if container.get("terminationMessagePolicy") not in MESSAGE_POLICIES:
        faults.unsupported(
            f"{path}.terminationMessagePolicy", container.get("terminationMessagePolicy"), MESSAGE_POLICIES
        )
    _validate_ports(container.get("ports") or (), f"{path}.ports", faults)
    _validate_env(container.get("env") or (), f"{path}.env", faults)
    _validate_mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes, faults)
    if container.get("imagePullPolicy") not in PULL_POLICIES:
        faults.unsupported(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), PULL_POLICIES)
    context = container.get("securityContext") or {}
    for field in ("runAsUser", "runAsGroup"):
        if not 0 <= context.get(field, 0) < 2**31:
            faults.invalid(
                f"{path}.securityContext.{field}", context[field], "must be between 0 and 2147483647, inclusive"
            )
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        faults.invalid(
            f"{path}.securityContext",
            context,
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        )


def _validate_ports(ports: Sequence[Object], path: str, faults: Faults) -> None:
    known: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        name = port.get("name")
        if name:
            for problem in names.port_name(name):
                faults.invalid(f"{where}.name", name, problem)
            if name in known:
                faults.duplicate(f"{where}.name", name)
            known.add(name)
        number = port.get("containerPort", 0)
        if not number:
            faults.required(f"{where}.containerPort")
        for problem in names.port_number(number) if number else ():
            faults.invalid(f"{where}.containerPort", number, problem)
        host = port.get("hostPort", 0)
        for problem in names.port_number(host) if host else ():
            faults.invalid(f"{where}.hostPort", host, problem)
        if port.get("protocol") not in PROTOCOLS:
            faults.unsupported(f"{where}.protocol", port.get("protocol"), PROTOCOLS)


def _validate_host_ports(spec: Object, path: str, faults: Faults) -> None:
    taken: set[str] = set()
    for container, where in _walk(spec, path):
        if ".containers[" not in where:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                faults.duplicate(f"{where}.ports[{index}].hostPort", key)
            taken.add(key)


def _validate_env(variables: Sequence[Object], path: str, faults: Faults) -> None:
    for index, variable in enumerate(variables):
        where = f"{path}[{index}]"
        name = variable.get("name", "")
        if not name:
            faults.required(f"{where}.name")
        for problem in names.env_name(name) if name else ():
            faults.invalid(f"{where}.name", name, problem)
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            faults.invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty")
        if not source:
            faults.invalid(
                f"{where}.valueFrom",
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
                "`fileKeyRef`",
            )
        field = (source.get("fieldRef") or {}).get("fieldPath")
        if field is not None and field not in ENV_FIELDS and "['" not in field:
            faults.unsupported(f"{where}.valueFrom.fieldRef.fieldPath", field, ENV_FIELDS)


def _validate_mounts(mounts: Sequence[Object], path: str, volumes: set[str], faults: Faults) -> None:
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        name, place = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            faults.required(f"{where}.name")
        elif name not in volumes:
            faults.add("FieldValueNotFound", f'Not found: "{name}"', f"{where}.name")
        if not place:
            faults.required(f"{where}.mountPath")
        elif place in places:
            faults.invalid(f"{where}.mountPath", place, "must be unique")
        places.add(place)


def _validate_hooks(container: Object, path: str, faults: Faults) -> None:
    for sort in PROBES:
        if sort not in container:
            continue
        probe, where = container[sort], f"{path}.{sort}"
        _validate_handler(probe, where, ("exec", "httpGet", "tcpSocket", "grpc"), faults)
        for field in PROBE_NUMBERS:
            if probe.get(field, 0) < 0:
                faults.invalid(f"{where}.{field}", probe[field], "must be greater than or equal to 0")
        if sort != "readinessProbe" and probe.get("successThreshold") != 1:
            faults.invalid(f"{where}.successThreshold", probe.get("successThreshold"), "must be 1")
    lifecycle = container.get("lifecycle") or {}
    for sort in ("preStop", "postStart"):
        if sort in lifecycle:
            _validate_handler(
                lifecycle[sort], f"{path}.lifecycle.{sort}", ("exec", "httpGet", "tcpSocket", "sleep"), faults
            )


def _validate_handler(handler: Object, path: str, sorts: Sequence[str], faults: Faults) -> None:
    given = [sort for sort in sorts if sort in handler]
    if not given:
        faults.required(path, "must specify a handler type")
    for extra in given[1:]:
        faults.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    if "exec" in handler and not handler["exec"].get("command"):
        faults.required(f"{path}.exec.command")
    for sort in ("httpGet", "tcpSocket"):
        port = (handler.get(sort) or {}).get("port")
        if isinstance(port, int):
            for problem in names.port_number(port):
                faults.invalid(f"{path}.{sort}.port", port, problem)
        elif isinstance(port, str):
            for problem in names.port_name(port):
                faults.invalid(f"{path}.{sort}.port", port, problem)
