"""The environment of a container: image, services, envFrom, env with references and $(expansion). Pure.

Follows kubernetes.io "Define Environment Variables", "Accessing the Service" and the variables a real pod saw
(tests/recordings/resolver.json).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.kubelet.spec import NodeSpec

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_FIELD_KEY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")

Lookup = Callable[[str, str], "dict[str, Any] | None"]
"""An object by resource and name, in the pod's namespace."""


class ConfigError(Exception):
    """The container cannot be configured as written; the text is the API's (CreateContainerConfigError)."""


@dataclass(frozen=True)
class PodFacts:
    """What a pod is only known to be once its sandbox exists."""

    addresses: tuple[str, ...]
    node: NodeSpec


def service_variables(services: Iterable[Mapping[str, Any]], namespace: str, *, links: bool) -> dict[str, str]:
    """Variables for the services a pod sees: `kubernetes` always, those of its own namespace with `links`."""
    seen: dict[str, Mapping[str, Any]] = {}
    for service in sorted(services, key=lambda one: str(one["metadata"]["name"])):
        meta, spec = service["metadata"], service.get("spec") or {}
        if spec.get("clusterIP") in {None, "", "None"} or not spec.get("ports"):
            continue
        master = meta["namespace"] == "default" and meta["name"] == "kubernetes"
        own = links and meta["namespace"] == namespace
        # A service of the pod's own namespace wins over default/kubernetes.
        if own or (master and meta["name"] not in seen):
            seen[meta["name"]] = spec
    variables: dict[str, str] = {}
    for name, spec in seen.items():
        variables |= _variables_of(name, spec)
    return variables


def _variables_of(name: str, spec: Mapping[str, Any]) -> dict[str, str]:
    prefix, address, ports = _variable_name(name), str(spec["clusterIP"]), spec["ports"]
    host = f"[{address}]" if ":" in address else address
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            variables[f"{prefix}_SERVICE_PORT_{_variable_name(port['name'])}"] = str(port["port"])
    for index, port in enumerate(ports):
        protocol = str(port.get("protocol") or "TCP")
        target = f"{protocol.lower()}://{host}:{port['port']}"
        if index == 0:
            variables[f"{prefix}_PORT"] = target
        stem = f"{prefix}_PORT_{port['port']}_{protocol}"
        variables |= {
            stem: target,
            f"{stem}_PROTO": protocol.lower(),
            f"{stem}_PORT": str(port["port"]),
            f"{stem}_ADDR": address,
        }
    return variables


def _variable_name(name: str) -> str:
    return name.replace("-", "_").upper()


def container_variables(
    pod: dict[str, Any], container: dict[str, Any], facts: PodFacts, lookup: Lookup, *, basis: Mapping[str, str]
) -> dict[str, str]:
    """The container's own variables over `basis` (image and services). Raises ConfigError."""
    result = dict(basis)
    for source in container.get("envFrom") or ():
        result |= _from_source(source, lookup)
    own: dict[str, str] = {}
    for entry in container.get("env") or ():
        if "valueFrom" in entry:
            value = _from_reference(pod, container, entry["valueFrom"], facts, lookup)
            if value is None:
                continue
        else:
            # A variable may use those before it, of the pod or of the services.
            value = expand(str(entry.get("value") or ""), {**result, **own})
        own[entry["name"]] = value
    return result | own


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value; unknown ones stay as they are; $$ is one dollar sign."""

    def replacement(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return variables.get(name, match.group(0))

    return _REFERENCE.sub(replacement, text)


def expand_all(words: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """`expand` for command and args."""
    return [expand(word, variables) for word in words]


def _from_source(source: dict[str, Any], lookup: Lookup) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    kind = "configMapRef" if "configMapRef" in source else "secretRef"
    resource = "configmaps" if kind == "configMapRef" else "secrets"
    reference = source[kind]
    found = _object(resource, reference, lookup)
    if found is None:
        return {}
    data = text_data(found)
    return {prefix + key: value for key, value in sorted(data.items()) if _ENV_NAME.fullmatch(prefix + key)}


def _from_reference(
    pod: dict[str, Any], container: dict[str, Any], reference: dict[str, Any], facts: PodFacts, lookup: Lookup
) -> str | None:
    if "fieldRef" in reference:
        return field_value(pod, reference["fieldRef"]["fieldPath"], facts)
    for kind, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if kind not in reference:
            continue
        wanted = reference[kind]
        found = _object(resource, wanted, lookup)
        if found is None:
            return None
        data = text_data(found)
        if wanted["key"] in data:
            return data[wanted["key"]]
        if wanted.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {wanted['key']} in {_spoken(pod, resource, wanted['name'])}")
    raise ConfigError(f"container {container['name']}: this kubelet knows no variable source {sorted(reference)}")


def _object(resource: str, reference: dict[str, Any], lookup: Lookup) -> dict[str, Any] | None:
    found = lookup(resource, reference["name"])
    if found is None and not reference.get("optional"):
        raise ConfigError(f'{resource.removesuffix("s")} "{reference["name"]}" not found')
    return found


def _spoken(pod: dict[str, Any], resource: str, name: str) -> str:
    kind = "ConfigMap" if resource == "configmaps" else "Secret"
    return f"{kind} {pod['metadata']['namespace']}/{name}"


def text_data(found: Mapping[str, Any]) -> dict[str, str]:
    """The entries of a ConfigMap or Secret as text."""
    if found.get("kind") == "Secret" or "type" in found:
        data = found.get("data") or {}
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return dict(found.get("data") or {})


def field_value(pod: dict[str, Any], path: str, facts: PodFacts) -> str:
    """The value of a downward-API field. Raises ConfigError for a path that is not one."""
    meta, spec = pod["metadata"], pod["spec"]
    if (keyed := _FIELD_KEY.fullmatch(path)) is not None:
        return str((meta.get(keyed.group(1)) or {}).get(keyed.group(2), ""))
    simple: dict[str, str] = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta.get("uid", ""),
        "metadata.labels": _map_lines(meta.get("labels") or {}),
        "metadata.annotations": _map_lines(meta.get("annotations") or {}),
        "spec.nodeName": facts.node.name,
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        "status.hostIP": facts.node.addresses[0],
        "status.hostIPs": ",".join(facts.node.addresses),
        "status.podIP": next(iter(facts.addresses), ""),
        "status.podIPs": ",".join(facts.addresses),
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return simple[path]


def _map_lines(values: Mapping[str, str]) -> str:
    return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted(values.items()))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
