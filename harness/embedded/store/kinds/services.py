"""Service: defaults, rules, and what a change of type drops. Addresses and ports are given out in `allocation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults
from harness.embedded.store.metadata import labels
from harness.embedded.store.strategy import Strategy

Object = dict[str, Any]
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS = ("SCTP", "TCP", "UDP")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
AFFINITY_SECONDS = 10800
MAX_AFFINITY_SECONDS = 86400


def is_headless(service: Object) -> bool:
    """Whether the Service wants no cluster address."""
    return "None" in (service["spec"].get("clusterIP"), *(service["spec"].get("clusterIPs") or ())[:1])


def needs_cluster_ip(service: Object) -> bool:
    """Whether the type has cluster addresses at all."""
    return str(service["spec"].get("type")) != "ExternalName"


def needs_node_port(service: Object) -> bool:
    """Whether the type has node ports."""
    return service["spec"].get("type") in ("NodePort", "LoadBalancer")


def needs_health_check(service: Object) -> bool:
    """Whether the Service has a health check node port."""
    spec = service["spec"]
    return (spec.get("type"), spec.get("externalTrafficPolicy")) == ("LoadBalancer", "Local")


def is_external(service: Object) -> bool:
    """Whether traffic from outside is foreseen."""
    spec = service["spec"]
    return needs_node_port(service) or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))


def _default(obj: Object) -> None:
    spec = obj["spec"]
    if spec.setdefault("sessionAffinity", "None") == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP" and _affinity_seconds(spec) is None:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}
    spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if is_external(obj):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if needs_cluster_ip(obj):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for entry in obj["status"]["loadBalancer"].get("ingress") or ():
            if entry.get("ip"):
                entry.setdefault("ipMode", "VIP")


def _affinity_seconds(spec: Object) -> Any:
    return ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")


def _prepare(obj: Object) -> None:
    obj["status"] = {"loadBalancer": {}}


def _drop_what_the_type_forbids(new: Object, old: Object) -> None:
    """A change of type wipes what the client left as it was and the new type cannot have."""
    after, before = new["spec"], old["spec"]
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        if all(before.get(field) == after.get(field) for field in ("clusterIP", "clusterIPs")):
            _drop(after, "clusterIP", "clusterIPs")
        for field in ("ipFamilies", "ipFamilyPolicy"):
            if before.get(field) == after.get(field):
                _drop(after, field)
    if needs_node_port(old) and not needs_node_port(new) and node_ports(old) >= node_ports(new):
        for port in after.get("ports") or ():
            _drop(port, "nodePort")
    if needs_health_check(old) and not needs_health_check(new):
        _drop_if_same("healthCheckNodePort", after, before)
    if before.get("type") == "LoadBalancer" and after.get("type") != "LoadBalancer":
        _drop_if_same("allocateLoadBalancerNodePorts", after, before)
        _drop_if_same("loadBalancerClass", after, before)
    if is_external(old) and not is_external(new):
        _drop_if_same("externalTrafficPolicy", after, before)
    if after.get("type") != "LoadBalancer":
        new["status"] = {**new["status"], "loadBalancer": {}}
    if after.get("type") == "ExternalName":
        # The real server drops it when it reads (recorded).
        _drop(after, "internalTrafficPolicy")


def _drop(spec: Object, *fields: str) -> None:
    for field in fields:
        spec.pop(field, None)


def _drop_if_same(field: str, after: Object, before: Object) -> None:
    if after.get(field) == before.get(field):
        _drop(after, field)


def node_ports(service: Object) -> set[int]:
    """The node ports it names."""
    return {port["nodePort"] for port in service["spec"].get("ports") or () if port.get("nodePort")}


def _validate(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    _validate_type(obj, faults)
    ports = spec.get("ports") or ()
    known: set[str] = set()
    for index, port in enumerate(ports):
        _validate_port(port, f"spec.ports[{index}]", known, faults, named=len(ports) > 1)
    labels(spec.get("selector") or {}, "spec.selector", faults)
    _validate_affinity(spec, faults)
    validate_families(obj, faults)
    for index, text in enumerate(spec.get("externalIPs") or ()):
        _validate_external_ip(text, f"spec.externalIPs[{index}]", faults)
    if spec.get("type") not in TYPES:
        faults.unsupported("spec.type", spec.get("type"), TYPES)
    _validate_doubles(spec, ports, faults)
    _validate_balancer(spec, faults)
    _validate_traffic(obj, faults)


def _validate_type(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    sort = spec.get("type")
    if not spec.get("ports") and not is_headless(obj) and sort != "ExternalName":
        faults.required("spec.ports")
    if sort in ("LoadBalancer", "NodePort") and is_headless(obj):
        faults.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {sort} services")
    if sort != "ExternalName":
        return
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            faults.forbidden(f"spec.{field}", "may not be set for ExternalName services")
    target = spec.get("externalName", "").removesuffix(".")
    if not target:
        faults.required("spec.externalName")
    for problem in names.subdomain(target) if target else ():
        faults.invalid("spec.externalName", target, problem)


def _validate_port(port: Object, path: str, known: set[str], faults: Faults, *, named: bool) -> None:
    name = port.get("name", "")
    if name:
        for problem in names.label(name):
            faults.invalid(f"{path}.name", name, problem)
        if name in known:
            faults.duplicate(f"{path}.name", name)
        known.add(name)
    elif named:
        faults.required(f"{path}.name")
    for problem in names.port_number(port.get("port", 0)):
        faults.invalid(f"{path}.port", port.get("port", 0), problem)
    if port.get("protocol") not in PROTOCOLS:
        faults.unsupported(f"{path}.protocol", port.get("protocol"), PROTOCOLS)
    target = port.get("targetPort", 0)
    for problem in names.port_name(target) if isinstance(target, str) else names.port_number(target):
        faults.invalid(f"{path}.targetPort", target, problem)
    if "appProtocol" in port:
        for problem in names.qualified_name(port["appProtocol"]):
            faults.invalid(f"{path}.appProtocol", port["appProtocol"], problem)


def _validate_affinity(spec: Object, faults: Faults) -> None:
    affinity = spec.get("sessionAffinity")
    if affinity not in ("ClientIP", "None"):
        faults.unsupported("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    elif affinity == "ClientIP":
        seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < seconds <= MAX_AFFINITY_SECONDS:
            faults.invalid(
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                seconds,
                f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}",
            )


def validate_families(obj: Object, faults: Faults) -> None:
    """The rules between clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy."""
    spec = obj["spec"]
    if not needs_cluster_ip(obj):
        return
    single, plural = spec.get("clusterIP", ""), spec.get("clusterIPs") or []
    if single and not plural:
        faults.required("spec.clusterIPs")
    elif single and plural[0] != single:
        faults.invalid("spec.clusterIPs", plural, "first value must match `clusterIP`")
    elif not single and plural:
        faults.invalid("spec.clusterIPs", plural, "must be empty when `clusterIP` is not specified")
    families = spec.get("ipFamilies") or []
    for index, family in enumerate(families):
        if family not in FAMILIES:
            faults.unsupported(f"spec.ipFamilies[{index}]", family, FAMILIES)
        if family in families[:index]:
            faults.duplicate(f"spec.ipFamilies[{index}]", family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in FAMILY_POLICIES:
        faults.unsupported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES)
    _validate_cluster_ips(plural, families, faults)


def _validate_cluster_ips(addresses: Sequence[str], families: Sequence[str], faults: Faults) -> None:
    bad = False
    for index, text in enumerate(addresses):
        if index == 0 and text == "None":
            if len(addresses) > 1:
                bad = True
                faults.invalid("spec.clusterIPs", list(addresses), "'None' must be the first and only value")
        elif names.address(text) is None:
            bad = True
            faults.invalid(f"spec.clusterIPs[{index}]", text, names.IP_MESSAGE)
    if len(addresses) > 2:
        faults.invalid("spec.clusterIPs", list(addresses), "may only hold up to 2 values")
    if bad or not addresses or addresses[0] == "None":
        return
    if len(addresses) > 1 and len({names.family_of(text) for text in addresses}) != len(addresses):
        faults.invalid("spec.clusterIPs", list(addresses), "may specify no more than one IP for each IP family")
    for index, (text, family) in enumerate(zip(addresses, families, strict=False)):
        if names.family_of(text) != family:
            problem = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            faults.invalid(f"spec.clusterIPs[{index}]", text, problem)


def _validate_external_ip(text: str, path: str, faults: Faults) -> None:
    address = names.address(text)
    if address is None:
        faults.invalid(path, text, names.IP_MESSAGE)
    elif address.is_unspecified:
        faults.invalid(path, text, f"may not be unspecified ({text})")
    elif address.is_loopback:
        faults.invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    elif address.is_link_local:
        faults.invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")


def _validate_doubles(spec: Object, ports: Sequence[Object], faults: Faults) -> None:
    if spec.get("type") == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                faults.forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
    outside: set[tuple[str, int]] = set()
    inside: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        protocol, number, node_port = port.get("protocol", ""), port.get("port", 0), port.get("nodePort", 0)
        if node_port:
            if (protocol, node_port) in outside:
                faults.duplicate(f"spec.ports[{index}].nodePort", node_port)
            outside.add((protocol, node_port))
    for index, port in enumerate(ports):
        protocol, number = port.get("protocol", ""), port.get("port", 0)
        if (protocol, number) in inside:
            # The real server shows its inner form of the port, reduced to the two fields that collide (recorded).
            shown = {
                "Name": "",
                "Protocol": protocol,
                "AppProtocol": None,
                "Port": number,
                "TargetPort": 0,
                "NodePort": 0,
            }
            faults.duplicate(f"spec.ports[{index}]", shown)
        inside.add((protocol, number))


def _validate_balancer(spec: Object, faults: Faults) -> None:
    balanced = spec.get("type") == "LoadBalancer"
    only = "may only be used when `type` is 'LoadBalancer'"
    ranges = spec.get("loadBalancerSourceRanges") or ()
    if ranges and not balanced:
        faults.forbidden("spec.LoadBalancerSourceRanges", only)
    for index, text in enumerate(ranges):
        if names.network(text.strip()) is None:
            faults.invalid(f"spec.LoadBalancerSourceRanges[{index}]", text.strip(), names.CIDR_MESSAGE)
    if "allocateLoadBalancerNodePorts" in spec and not balanced:
        faults.forbidden("spec.allocateLoadBalancerNodePorts", only)
    if "loadBalancerClass" in spec:
        if not balanced:
            faults.forbidden("spec.loadBalancerClass", only)
        for problem in names.qualified_name(spec["loadBalancerClass"]):
            faults.invalid("spec.loadBalancerClass", spec["loadBalancerClass"], problem)


def _validate_traffic(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    policy = spec.get("externalTrafficPolicy", "")
    if not is_external(obj):
        if policy:
            faults.invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services")
    elif policy not in ("Cluster", "Local"):
        faults.unsupported("spec.externalTrafficPolicy", policy, ("Cluster", "Local"))
    health = spec.get("healthCheckNodePort", 0)
    if needs_health_check(obj):
        for problem in names.port_number(health) if health else ():
            faults.invalid("spec.healthCheckNodePort", health, problem)
    elif health:
        faults.invalid(
            "spec.healthCheckNodePort",
            health,
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        )
    internal = spec.get("internalTrafficPolicy")
    if internal is not None and internal not in ("Cluster", "Local"):
        faults.unsupported("spec.internalTrafficPolicy", internal, ("Cluster", "Local"))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in DISTRIBUTIONS:
        faults.unsupported("spec.trafficDistribution", distribution, DISTRIBUTIONS)


def _validate_update(new: Object, old: Object, faults: Faults) -> None:
    if needs_cluster_ip(new) and needs_cluster_ip(old) and not (is_headless(new) and is_headless(old)):
        _validate_kept_addresses(new["spec"], old["spec"], faults)
        if not is_headless(new) and not is_headless(old):
            _validate_kept_families(new["spec"], old["spec"], faults)
    after, before = new["spec"], old["spec"]
    balanced = before.get("type") == after.get("type") == "LoadBalancer"
    if balanced and before.get("loadBalancerClass") != after.get("loadBalancerClass"):
        faults.invalid("spec.loadBalancerClass", after.get("loadBalancerClass"), "may not change once set")
    checked = needs_health_check(new) and needs_health_check(old)
    if checked and before.get("healthCheckNodePort") != after.get("healthCheckNodePort"):
        faults.forbidden("spec.healthCheckNodePort", "field is immutable")


def _validate_kept_addresses(after: Object, before: Object, faults: Faults) -> None:
    old, new = before.get("clusterIPs") or [], after.get("clusterIPs") or []
    for index, (was, now) in enumerate(zip(old, new, strict=False)):
        if was != now and (index == 0 or len(old) == len(new)):
            faults.invalid(f"spec.clusterIPs[{index}]", new, "may not change once set")
    if old and not new:
        faults.invalid("spec.clusterIPs[0]", new, "primary clusterIP can not be unset")
    if len(old) > len(new) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        problem = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        faults.invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), problem)


def _validate_kept_families(after: Object, before: Object, faults: Faults) -> None:
    old, new = before.get("ipFamilies") or [], after.get("ipFamilies") or []
    for index, (was, now) in enumerate(zip(old, new, strict=False)):
        if was != now and (index == 0 or len(old) == len(new)):
            faults.invalid("spec.ipFamilies[0]", new, "may not change once set")
    if len(old) > len(new) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        problem = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        faults.invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), problem)


def _validate_status(obj: Object, faults: Faults) -> None:
    entries = obj["status"]["loadBalancer"].get("ingress") or ()
    if entries and obj["spec"].get("type") != "LoadBalancer":
        faults.forbidden("status.loadBalancer.ingress", "may only be used when `spec.type` is 'LoadBalancer'")
    for index, entry in enumerate(entries):
        path = f"status.loadBalancer.ingress[{index}]"
        if entry.get("ip") and names.address(entry["ip"]) is None:
            faults.invalid(f"{path}.ip", entry["ip"], names.IP_MESSAGE)
        _validate_ingress(entry, path, faults)


def _validate_ingress(entry: Object, path: str, faults: Faults) -> None:
    mode, hostname = entry.get("ipMode"), entry.get("hostname", "")
    if entry.get("ip") and mode is None:
        faults.required(f"{path}.ipMode", "must be specified when `ip` is set")
    elif mode is not None and not entry.get("ip"):
        faults.forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set")
    elif mode is not None and mode not in ("Proxy", "VIP"):
        faults.unsupported(f"{path}.ipMode", mode, ("Proxy", "VIP"))
    for problem in names.subdomain(hostname) if hostname else ():
        faults.invalid(f"{path}.hostname", hostname, problem)
    if hostname and names.address(hostname) is not None:
        faults.invalid(f"{path}.hostname", hostname, "must be a DNS name, not an IP address")


SERVICE = Strategy(
    default=_default,
    prepare=_prepare,
    prepare_update=_drop_what_the_type_forbids,
    validate=_validate,
    validate_update=_validate_update,
    validate_status=_validate_status,
    name_rule=names.label,
    create_on_update=True,
    returns_deleted=True,
)
