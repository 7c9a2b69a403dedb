"""PodSpec: defaults, as pods and pod templates share them, and the rules of the pod as a whole (core/v1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.kinds.containers import default_container, validate_containers
from harness.embedded.store.kinds.volumes import default_volume, validate_volumes
from harness.embedded.store.metadata import labels

Object = dict[str, Any]
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
TOLERATION_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
MAX_NAMESERVERS = 3
MAX_SEARCHES = 32
MAX_SEARCH_LENGTH = 2048
GRACE_SECONDS = 30


def all_containers(spec: Object) -> Iterator[Object]:
    """Init and ordinary containers."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def default_pod_spec(spec: Object) -> None:
    """What a pod template is completed with."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", GRACE_SECONDS)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    # The deprecated alias and the name say the same.
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    for volume in spec.get("volumes") or ():
        default_volume(volume)
    for container in all_containers(spec):
        default_container(container)
    for container in spec.get("ephemeralContainers") or ():
        default_container(container)


def default_pod_only(spec: Object) -> None:
    """What only a pod, and not a template, is completed with."""
    spec.setdefault("enableServiceLinks", True)
    for container in all_containers(spec):
        resources = container["resources"]
        limits = resources.get("limits")
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                port.setdefault("hostPort", port["containerPort"])


def validate_pod_spec(spec: Object, path: str, faults: Faults) -> None:
    """Every rule of a pod's wishes."""
    volumes = validate_volumes(spec.get("volumes") or (), f"{path}.volumes", faults)
    validate_containers(spec, path, volumes, faults)
    _validate_host_network(spec, path, faults)
    restart = spec.get("restartPolicy")
    if restart not in RESTART_POLICIES:
        faults.unsupported(f"{path}.restartPolicy", restart, RESTART_POLICIES)
    policy = spec.get("dnsPolicy")
    if policy not in DNS_POLICIES:
        faults.unsupported(f"{path}.dnsPolicy", policy, DNS_POLICIES)
    labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector", faults)
    _validate_security(spec.get("securityContext") or {}, f"{path}.securityContext", faults)
    _validate_dns_config(spec, path, faults)
    _validate_names(spec, path, faults)
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        _validate_toleration(toleration, f"{path}.tolerations[{index}]", faults)
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        _validate_alias(alias, f"{path}.hostAliases[{index}]", faults)


def _validate_names(spec: Object, path: str, faults: Faults) -> None:
    for field, rule in (
        ("serviceAccountName", names.subdomain),
        ("nodeName", names.subdomain),
        ("hostname", names.label),
        ("subdomain", names.label),
    ):
        for problem in rule(spec[field]) if field in spec else ():
            faults.invalid(f"{path}.{field}", spec[field], problem)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline < 2**31:
        faults.invalid(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")


def _validate_host_network(spec: Object, path: str, faults: Faults) -> None:
    if not spec.get("hostNetwork"):
        return
    for sort in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(sort) or ()):
            for number, port in enumerate(container.get("ports") or ()):
                if port.get("hostPort") != port.get("containerPort"):
                    faults.invalid(
                        f"{path}.{sort}[{index}].ports[{number}].hostPort",
                        port.get("hostPort", 0),
                        "must match `containerPort` when `hostNetwork` is true",
                    )


def _validate_security(context: Object, path: str, faults: Faults) -> None:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        value = context.get(field, 0)
        if not 0 <= value < 2**31:
            faults.invalid(f"{path}.{field}", value, "must be between 0 and 2147483647, inclusive")
    seen: set[str] = set()
    for index, setting in enumerate(context.get("sysctls") or ()):
        name = setting.get("name", "")
        if not name:
            faults.required(f"{path}.sysctls[{index}].name")
        elif name in seen:
            faults.duplicate(f"{path}.sysctls[{index}].name", name)
        seen.add(name)


def _validate_dns_config(spec: Object, path: str, faults: Faults) -> None:
    config = spec.get("dnsConfig")
    where = f"{path}.dnsConfig"
    if spec.get("dnsPolicy") == "None":
        if config is None:
            faults.required(where, "must provide `dnsConfig` when `dnsPolicy` is None")
        elif not config.get("nameservers"):
            faults.required(f"{where}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
    if config is None:
        return
    servers = config.get("nameservers") or []
    if len(servers) > MAX_NAMESERVERS:
        faults.invalid(f"{where}.nameservers", servers, f"must not have more than {MAX_NAMESERVERS} nameservers")
    for index, server in enumerate(servers):
        if names.address(server) is None:
            faults.invalid(f"{where}.nameservers[{index}]", server, names.IP_MESSAGE)
    _validate_searches(config.get("searches") or [], f"{where}.searches", faults)
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            faults.required(f"{where}.options[{index}]", "must not be empty")


def _validate_searches(searches: list[str], path: str, faults: Faults) -> None:
    if len(searches) > MAX_SEARCHES:
        faults.invalid(path, searches, f"must not have more than {MAX_SEARCHES} search paths")
    if len(" ".join(searches)) > MAX_SEARCH_LENGTH:
        faults.invalid(
            path,
            searches,
            f"must not have more than {MAX_SEARCH_LENGTH} characters (including spaces) in the search list",
        )
    for index, search in enumerate(searches):
        # A lone dot, a trailing dot and underscores are accepted (relaxed search validation).
        text = search.removesuffix(".").replace("_", "a") if search != "." else "root"
        for problem in names.subdomain(text):
            faults.invalid(f"{path}[{index}]", search, problem)


def _validate_toleration(toleration: Object, path: str, faults: Faults) -> None:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    if key:
        for problem in names.qualified_name(key):
            faults.invalid(f"{path}.key", key, problem)
    elif operator != "Exists":
        faults.invalid(
            f"{path}.operator",
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        )
    effect = toleration.get("effect", "")
    if effect and effect not in TOLERATION_EFFECTS:
        faults.unsupported(f"{path}.effect", effect, sorted(TOLERATION_EFFECTS))
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        faults.invalid(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator == "Exists":
        if toleration.get("value"):
            faults.invalid(f"{path}.operator", toleration, "value must be empty when `operator` is 'Exists'")
    elif operator not in ("", "Equal"):
        faults.unsupported(f"{path}.operator", operator, ("Equal", "Exists"))


def _validate_alias(alias: Object, path: str, faults: Faults) -> None:
    if names.address(alias.get("ip", "")) is None:
        faults.invalid(f"{path}.ip", alias.get("ip", ""), names.IP_MESSAGE)
    for index, host in enumerate(alias.get("hostnames") or ()):
        for problem in names.subdomain(host):
            faults.invalid(f"{path}.hostnames[{index}]", host, problem)
