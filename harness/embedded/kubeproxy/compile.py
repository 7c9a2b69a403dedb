"""Services to rules: a snapshot in, the whole ruleset of one node out. Pure; no cache, no flags.

What differs from one call to the next is the door's business. Names begin with a hash, for uniqueness, and carry the
Service after it, for the person who reads `nft list ruleset`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.choose import Choice, choose
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.misread import misread
from harness.embedded.kubeproxy.model import Endpoint, ServicePort, Snapshot, service_ports
from harness.embedded.nft.ruleset import (
    Chain,
    Family,
    Hook,
    Learned,
    Rule,
    Ruleset,
    Set,
    Table,
    VerdictMap,
    by_name,
)

TABLE = "harness-services"

# Base chains. -110 is before translation (-100); -90 is behind it and before policies (0).
BEFORE_TRANSLATION, TRANSLATION, BEHIND_TRANSLATION, SOURCE_TRANSLATION = -110, -100, -90, 100

# Dispatch: where a dialled address leads.
SERVICES = "services"
SERVICE_IPS = "service-ips"
NODE_PORTS = "service-nodeports"
NODE_PORT_IPS = "nodeport-ips"

# Who is turned away, and how.
FIREWALL = "firewall-check"
FIREWALL_IPS = "firewall-ips"
UNSERVED = "endpoints-check"
UNSERVED_IPS = "no-endpoint-services"
UNSERVED_PORTS = "no-endpoint-nodeports"
CLUSTER_IPS = "cluster-ips"
CLUSTER_IPS_CHECK = "cluster-ips-check"
REFUSE = "refuse"

# Whose source is rewritten.
MARK = "mark-for-masquerade"
MASQUERADE = "masquerading"
MARK_BIT = "0x4000"


def compile_services(snapshot: Snapshot) -> Ruleset:
    """One table per family of the node."""
    snapshot = misread(snapshot)
    return Ruleset(tuple(_table(snapshot, Family.of(name)) for name in snapshot.families))


@dataclass
class _Draft:
    """A table while it is written."""

    snapshot: Snapshot
    family: Family
    broken: Broken
    chains: list[Chain] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    cluster_ips: set[str] = field(default_factory=set)
    service_ips: dict[str, str] = field(default_factory=dict)
    node_ports: dict[str, str] = field(default_factory=dict)
    unserved_ips: dict[str, str] = field(default_factory=dict)
    unserved_ports: dict[str, str] = field(default_factory=dict)
    firewall_ips: dict[str, str] = field(default_factory=dict)
    shut: list[Rule] = field(default_factory=list)
    """services/F11: what the node's own packets do not reach."""
    cut: list[Rule] = field(default_factory=list)
    """services/F83: endpoints that nothing reaches any more."""

    @property
    def pods(self) -> str:
        """The networks of this node's pods, as a set literal; empty when there are none in this family."""
        return _literal(self.of_family(self.snapshot.pod_cidrs))

    def of_family(self, addresses: Iterable[str]) -> list[str]:
        """Those of this table's family."""
        return [one for one in addresses if (":" in one) == (self.family is Family.IPV6)]


def _table(snapshot: Snapshot, family: Family) -> Table:
    draft = _Draft(snapshot, family, Broken(snapshot.faults, node=snapshot.node))
    for port in _conflated(draft, service_ports(snapshot, family)):
        _add(draft, port)
    for old in snapshot.old_node_ports:
        _add_old_node_port(draft, old.as_snapshot(snapshot), old.node_port)
    address = family.address_type
    front_end = f"{address} . inet_proto . inet_service"
    return Table(
        family,
        TABLE,
        chains=by_name([*_base_chains(draft), *_fixed_chains(draft), *draft.chains]),
        sets=by_name(
            [
                Set(NODE_PORT_IPS, address, frozenset(draft.of_family(snapshot.addresses))),
                Set(CLUSTER_IPS, address, frozenset(draft.cluster_ips)),
            ]
        ),
        learned=by_name(draft.learned),
        maps=by_name(
            [
                VerdictMap(SERVICE_IPS, front_end, draft.service_ips),
                VerdictMap(NODE_PORTS, "inet_proto . inet_service", draft.node_ports),
                VerdictMap(UNSERVED_IPS, front_end, draft.unserved_ips),
                VerdictMap(UNSERVED_PORTS, "inet_proto . inet_service", draft.unserved_ports),
                VerdictMap(FIREWALL_IPS, front_end, draft.firewall_ips),
            ]
        ),
    )


def _base_chains(draft: _Draft) -> list[Chain]:
    check = Rule(f"ct state new jump {UNSERVED}")
    addresses = Rule(f"ct state new jump {CLUSTER_IPS_CHECK}")
    firewall = (Rule(f"ct state new jump {FIREWALL}"),)
    translate = (Rule(f"jump {SERVICES}"),)
    # A packet that conntrack cannot place would leave untranslated, and its receiver would reset the connection.
    invalid = Rule("ct state invalid drop", "kubernetes#74839")

    def base(name: str, point: str, kind: str, priority: int, rules: tuple[Rule, ...]) -> Chain:
        return Chain(name, rules, Hook(point, kind, priority))

    return [
        base("filter-prerouting", "prerouting", "filter", BEFORE_TRANSLATION, firewall),
        base("filter-output-early", "output", "filter", BEFORE_TRANSLATION, (*firewall, *draft.shut)),
        base("nat-prerouting", "prerouting", "nat", TRANSLATION, translate),
        base("nat-output", "output", "nat", TRANSLATION, translate),
        base("filter-input", "input", "filter", BEHIND_TRANSLATION, (check,)),
        base("filter-forward", "forward", "filter", BEHIND_TRANSLATION, (invalid, *draft.cut, check, addresses)),
        base("filter-output", "output", "filter", BEHIND_TRANSLATION, (check, addresses)),
        base("nat-postrouting", "postrouting", "nat", SOURCE_TRANSLATION, (Rule(f"jump {MASQUERADE}"),)),
    ]


def _fixed_chains(draft: _Draft) -> list[Chain]:
    ip = draft.family.value
    front_end = f"{ip} daddr . meta l4proto . th dport vmap"
    node_port = f"{ip} daddr @{NODE_PORT_IPS} meta l4proto . th dport vmap"
    services = [Rule(f"{front_end} @{SERVICE_IPS}"), Rule(f"{node_port} @{NODE_PORTS}")]
    if draft.pods:
        # Who neither is the node nor one of its pods came through here by a route; the answer must come back here.
        outsider = f"{ip} daddr @{CLUSTER_IPS} {ip} saddr != {draft.pods} fib saddr type != local jump {MARK}"
        services.insert(0, Rule(outsider, "clients from outside the pod network"))
    unallocated = draft.of_family(draft.snapshot.service_cidrs)
    check = [Rule(f"{ip} daddr @{CLUSTER_IPS} goto {REFUSE}", "a port the Service does not have")]
    if unallocated:
        check.append(Rule(f"{ip} daddr {_literal(unallocated)} drop", "an address no Service has"))
    return [
        Chain(SERVICES, tuple(services)),
        Chain(FIREWALL, (Rule(f"{front_end} @{FIREWALL_IPS}"),)),
        Chain(UNSERVED, (Rule(f"{front_end} @{UNSERVED_IPS}"), Rule(f"{node_port} @{UNSERVED_PORTS}"))),
        Chain(CLUSTER_IPS_CHECK, tuple(check)),
        # kube-proxy answers TCP with an ICMP error as well. Over IPv6 the kernel drops an error that comes back while
        # connect() still holds the socket, as it does between namespaces of one machine: refused only after 1 s.
        Chain(REFUSE, (Rule("meta l4proto tcp reject with tcp reset"), Rule("reject"))),
        Chain(MARK, (Rule(f"meta mark set meta mark | {MARK_BIT}"),)),
        Chain(
            MASQUERADE,
            (
                Rule(f"meta mark & {MARK_BIT} == 0 return"),
                Rule(f"meta mark set meta mark ^ {MARK_BIT}"),
                Rule("masquerade fully-random"),
            ),
        ),
    ]


def _conflated(draft: _Draft, ports: list[ServicePort]) -> list[ServicePort]:
    """All of them; with services/F71, one per number."""
    kept: dict[tuple[object, ...], ServicePort] = {}
    for port in ports:
        key: tuple[object, ...] = (port.namespace, port.name, port.port)
        if not draft.broken.here(faults.CONFLATED_PROTOCOLS, port.namespace):
            key = (*key, port.protocol, port.port_name)
        kept[key] = port
    return list(kept.values())


def _add(draft: _Draft, port: ServicePort) -> None:
    if draft.broken.here(faults.NOTHING_LOCAL, port.namespace):
        port = replace(port, endpoints=tuple(replace(each, is_local=False) for each in port.endpoints))
    choice = choose(port, node=draft.snapshot.node, zone=draft.snapshot.zone)
    refusal = "drop" if draft.broken.here(faults.NO_REFUSAL, port.namespace) else f"goto {REFUSE}"
    # Endpoints elsewhere, but none that the policy allows: silence, because another node may well answer.
    missing = "drop" if choice.has_any else refusal
    internal = _policy_chain(port, is_local=port.is_internal_local)
    internal_endpoints = choice.local if port.is_internal_local else choice.cluster
    for address in port.cluster_ips:
        draft.cluster_ips.add(address)
        key = f"{address} . {port.protocol} . {port.port}"
        if internal_endpoints:
            draft.service_ips.setdefault(key, f"goto {internal}")
        else:
            draft.unserved_ips.setdefault(key, missing)
        if draft.broken.here(faults.NODE_SHUT_OUT, port.namespace):
            draft.shut.append(Rule(f"{draft.family} daddr {address} drop"))
    if draft.broken.here(faults.CUT_OFF, port.namespace):
        draft.cut += [_cut_off(draft, port, one) for one in port.endpoints if one.is_terminating]
    _add_external(draft, port, choice, missing)
    _add_policy_chains(draft, port, choice)


def _cut_off(draft: _Draft, port: ServicePort, endpoint: Endpoint) -> Rule:
    return Rule(f"{draft.family} daddr {endpoint.address} meta l4proto {port.protocol} th dport {endpoint.port} drop")


def _add_external(draft: _Draft, port: ServicePort, choice: Choice, missing: str) -> None:
    """External and balancer addresses, and the node port."""
    keys = [f"{address} . {port.protocol} . {port.port}" for address in (*port.external_ips, *port.balancer_ips)]
    node_port_keys = [f"{port.protocol} . {port.node_port}"] if port.node_port else []
    if not keys and not node_port_keys:
        return
    entry = _named("external", port.label)
    if choice.has_any:
        draft.chains.append(_external_chain(draft, port, choice, entry))
        for key in keys:
            draft.service_ips.setdefault(key, f"goto {entry}")
        for key in node_port_keys:
            draft.node_ports.setdefault(key, f"goto {entry}")
    if not (choice.local if port.is_external_local else choice.cluster):
        for key in keys:
            draft.unserved_ips.setdefault(key, missing)
        for key in node_port_keys:
            draft.unserved_ports.setdefault(key, missing)
    if port.source_ranges and port.balancer_ips:
        wall = _named("firewall", port.label)
        admitted = f"{draft.family} saddr != {_literal(port.source_ranges)} drop"
        draft.chains.append(Chain(wall, (Rule(admitted, "loadBalancerSourceRanges"),)))
        walled = [(address, port.port) for address in port.balancer_ips]
        if draft.broken.here(faults.MISPLACED_RANGES, port.namespace):
            walled = [(address, port.node_port) for address in draft.of_family(draft.snapshot.addresses)]
        for address, number in walled:
            draft.firewall_ips.setdefault(f"{address} . {port.protocol} . {number}", f"goto {wall}")


def _external_chain(draft: _Draft, port: ServicePort, choice: Choice, name: str) -> Chain:
    ip, everywhere = draft.family.value, _policy_chain(port, is_local=False)
    if draft.broken.here(faults.NO_WAY_IN, port.namespace):
        inside = draft.pods
        rules = [Rule(f"{ip} saddr {inside} goto {everywhere}")] if inside else []
        return Chain(name, (*rules, Rule("drop", "whoever comes in from the network")))
    if not port.is_external_local:
        rules = [Rule(f"jump {MARK}", "the endpoint may be on another node"), Rule(f"goto {everywhere}")]
        if draft.broken.here(faults.NO_MASQUERADE, port.namespace):
            rules.pop(0)
        return Chain(name, tuple(rules))
    # The policy is about traffic from outside. What starts on this node is served as if it had gone out to a balancer
    # and come back; only this node's pods count, because answers to others would not pass here again.
    rules = [Rule(f"{ip} saddr {draft.pods} goto {everywhere}", "pods of this node")] if draft.pods else []
    if draft.broken.here(faults.BLACK_HOLE, port.namespace):
        rules = []
    rules += [
        Rule(f"fib saddr type local jump {MARK}", "the node itself"),
        Rule(f"fib saddr type local goto {everywhere}", "the node itself"),
    ]
    if choice.local:
        if draft.broken.here(faults.MASQUERADE_ALL, port.namespace):
            rules.append(Rule(f"jump {MARK}", "everything"))
        rules.append(Rule(f"goto {_policy_chain(port, is_local=True)}", "externalTrafficPolicy Local"))
    return Chain(name, tuple(rules))


def _add_policy_chains(draft: _Draft, port: ServicePort, choice: Choice) -> None:
    for is_local, endpoints in ((False, choice.cluster), (True, choice.local)):
        if endpoints:
            draft.chains.append(_balancing_chain(draft, port, endpoints, is_local=is_local))
    for endpoint in sorted({*choice.cluster, *choice.local}, key=lambda one: one.target):
        draft.chains.append(_endpoint_chain(draft, port, endpoint))
        if port.affinity_seconds:
            draft.learned.append(Learned(_endpoint_name("affinity", port, endpoint), draft.family.address_type))


def _balancing_chain(draft: _Draft, port: ServicePort, endpoints: tuple[Endpoint, ...], *, is_local: bool) -> Chain:
    targets = [_endpoint_name("endpoint", port, endpoint) for endpoint in endpoints]
    rules = []
    forgotten = is_local and draft.broken.here(faults.AFFINITY_UNDER_LOCAL, port.namespace)
    if port.affinity_seconds and not forgotten:
        rules = [
            Rule(f"{draft.family} saddr @{_endpoint_name('affinity', port, endpoint)} goto {target}")
            for endpoint, target in zip(endpoints, targets, strict=True)
        ]
    if draft.broken.here(faults.LAST_STARVED, port.namespace):
        targets = targets[:-1] or targets
    picks = ", ".join(f"{number} : goto {target}" for number, target in enumerate(targets))
    rules.append(Rule(f"numgen random mod {len(targets)} vmap {{ {picks} }}"))
    return Chain(_policy_chain(port, is_local=is_local), tuple(rules))


def _endpoint_chain(draft: _Draft, port: ServicePort, endpoint: Endpoint) -> Chain:
    seconds = draft.broken.affinity_seconds(port.affinity_seconds, port.namespace)
    hairpin = "drop" if draft.broken.here(faults.NO_HAIRPIN, port.namespace) else f"jump {MARK}"
    return _way_to(endpoint.address, endpoint.port, label=port.label, hairpin=hairpin, affinity_seconds=seconds)


@functools.lru_cache(maxsize=1 << 16)
def _way_to(address: str, number: int, *, label: str, hairpin: str, affinity_seconds: int) -> Chain:
    """Of all rules most are these, and hardly any of them change from one call to the next."""
    source = f"{'ip6' if ':' in address else 'ip'} saddr"
    target = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    protocol = label.split("/")[2]
    rules = [Rule(f"{source} {address} {hairpin}", "hairpin")]
    if affinity_seconds:
        affinity = _named_for("affinity", label, address, number)
        rules.append(Rule(f"update @{affinity} {{ {source} timeout {affinity_seconds}s }}"))
    rules.append(Rule(f"meta l4proto {protocol} dnat to {target}"))
    return Chain(_named_for("endpoint", label, address, number), tuple(rules))


def _add_old_node_port(draft: _Draft, snapshot: Snapshot, node_port: str) -> None:
    """services/F75: a node port that its Service has given up, and which leads to it all the same."""
    for port in service_ports(snapshot, draft.family):
        if f"{port.protocol} . {port.node_port}" != node_port:
            continue
        ghost = replace(
            port,
            port_name=f"{port.port_name}.was-{port.node_port}",
            cluster_ips=(),
            external_ips=(),
            balancer_ips=(),
        )
        draft.node_ports.pop(node_port, None)
        draft.unserved_ports.pop(node_port, None)
        _add(draft, ghost)


def _policy_chain(port: ServicePort, *, is_local: bool) -> str:
    return _named("local" if is_local else "service", port.label)


def _endpoint_name(kind: str, port: ServicePort, endpoint: Endpoint) -> str:
    return _named_for(kind, port.label, endpoint.address, endpoint.port)


@functools.lru_cache(maxsize=1 << 16)
def _named_for(kind: str, label: str, address: str, number: int) -> str:
    return _named(kind, f"{label}__{address.replace(':', '.')}/{number}")


@functools.lru_cache(maxsize=1 << 16)
def _named(kind: str, label: str) -> str:
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{kind}-{digest}-{label}"[:240]  # a name of nftables has 255 bytes at most


def _literal(addresses: Iterable[str]) -> str:
    listed = sorted(set(addresses))
    return f"{{ {', '.join(listed)} }}" if listed else ""
