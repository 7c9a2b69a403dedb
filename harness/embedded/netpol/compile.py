"""NetworkPolicies to rules: a snapshot in, the whole ruleset of one node out. Pure; no cache, no flags.

Each isolated pod of this node leads, by its address, to a chain per direction: `return` for each thing that some
policy admits, then `drop`. `return` and not `accept`, because a client's egress being open says nothing about the
server's ingress. Pods that would get equal chains share one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.embedded.netpol import faults
from harness.embedded.netpol.faults import Broken
from harness.embedded.netpol.labels import selects
from harness.embedded.netpol.model import Direction, Pod, Policy, Snapshot, pods_of, policies_of, types_of
from harness.embedded.netpol.peers import Peers, World, resolve
from harness.embedded.netpol.ports import Ports, numbers_on, ports_of
from harness.embedded.nft.ruleset import Chain, Family, Hook, Rule, Ruleset, Set, Table, VerdictMap, by_name

TABLE = "harness-policy"
PRIORITY = 0  # behind the translation of destinations (-100), before that of sources (100)

ISOLATED = {Direction.INGRESS: "isolated-ingress", Direction.EGRESS: "isolated-egress"}
KNOWN = "known-pods"
SELVES = "selves"
NEIGHBOURS = (
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert, mld2-listener-report }"
)


def compile_policies(snapshot: Snapshot) -> Ruleset:
    """One table per family of the node."""
    return Ruleset(tuple(_table(snapshot, Family.of(name)) for name in snapshot.families))


@dataclass
class _Draft:
    """A table while it is written."""

    family: Family
    world: World
    broken: Broken
    chains: dict[str, Chain] = field(default_factory=dict)
    sets: dict[str, Set] = field(default_factory=dict)
    isolated: dict[Direction, dict[str, str]] = field(default_factory=lambda: {one: {} for one in Direction})


def _table(snapshot: Snapshot, family: Family) -> Table:
    broken = Broken(snapshot.faults, node=snapshot.node)
    labels = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in snapshot.namespaces}
    draft = _Draft(family, World(tuple(pods_of(snapshot.pods)), labels), broken)
    policies = _policies(snapshot, broken)
    own = [pod for pod in draft.world.pods if pod.node == snapshot.node and pod.address(family)]
    for pod in own:
        if family is Family.IPV6 and broken.here(faults.NO_IPV6, pod.namespace):
            continue
        if not pod.ready and broken.here(faults.OPEN_UNTIL_READY, pod.namespace):
            continue
        for direction in Direction:
            _isolate(draft, pod, direction, policies)
    addresses = frozenset(pod.address(family) or "" for pod in own)
    networks = sorted(one for one in snapshot.pod_cidrs if (":" in one) == (family is Family.IPV6))
    return Table(
        family,
        TABLE,
        chains=by_name([*_base_chains(family, networks if policies else []), *draft.chains.values()]),
        sets=by_name(
            [
                Set(KNOWN, family.address_type, addresses),
                Set(SELVES, f"{family.address_type} . {family.address_type}", _selves(own, family, broken)),
                *draft.sets.values(),
            ]
        ),
        maps=by_name(
            VerdictMap(ISOLATED[direction], family.address_type, elements)
            for direction, elements in draft.isolated.items()
        ),
    )


def _selves(own: list[Pod], family: Family, broken: Broken) -> frozenset[str]:
    """Pairs of addresses that no policy parts: each pod with itself."""
    alike = [pod for pod in own if broken.here(faults.SAME_NODE_OPEN, pod.namespace)]
    pairs = [*((pod, pod) for pod in own), *((one, other) for one in alike for other in alike)]
    return frozenset(f"{one.address(family)} . {other.address(family)}" for one, other in pairs)


def _policies(snapshot: Snapshot, broken: Broken) -> list[Policy]:
    found = policies_of(snapshot.policies)
    for one in snapshot.policies:
        namespace = one["metadata"]["namespace"]
        if types_of(one["spec"]) == {"Egress"} and broken.here(faults.EGRESS_ISOLATES_INGRESS, namespace):
            found += policies_of([{**one, "spec": {**one["spec"], "policyTypes": ["Ingress"], "ingress": []}}])
    return found


def _base_chains(family: Family, guarded: list[str]) -> Iterable[Chain]:
    """`guarded`: networks whose unknown addresses get and send nothing."""
    ip = family.value
    replies = Rule("ct state established,related accept", "replies of admitted connections")
    egress = Rule(f"{ip} saddr vmap @{ISOLATED[Direction.EGRESS]}")
    ingress = Rule(f"{ip} daddr vmap @{ISOLATED[Direction.INGRESS]}")
    source_guard: list[Rule] = []
    target_guard: list[Rule] = []
    if guarded:
        listed = f"{{ {', '.join(guarded)} }}"
        source_guard = [Rule(f"{ip} saddr {listed} {ip} saddr != @{KNOWN} drop", "a pod not met yet")]
        target_guard = [Rule(f"{ip} daddr {listed} {ip} daddr != @{KNOWN} drop", "a pod not met yet")]
    self_traffic = Rule(f"{ip} saddr . {ip} daddr @{SELVES} accept", "a pod and itself, through a Service")
    # Without neighbour discovery an isolated IPv6 pod could not even answer its own node.
    discovery = [Rule(f"{NEIGHBOURS} accept", "neighbour discovery")] if family is Family.IPV6 else []
    yield Chain(
        "forward",
        (replies, self_traffic, *source_guard, *target_guard, egress, ingress),
        Hook("forward", "filter", PRIORITY),
    )
    yield Chain(
        "input",
        (replies, Rule('iifname "lo" accept', "the node itself"), *discovery, *source_guard, egress),
        Hook("input", "filter", PRIORITY),
    )


def _isolate(draft: _Draft, pod: Pod, direction: Direction, policies: list[Policy]) -> None:
    selecting = [
        policy
        for policy in policies
        if policy.direction is direction
        and _is_subject(policy.namespace, pod.namespace, draft.broken)
        and selects(policy.selector, pod.labels)
    ]
    address = pod.address(draft.family)
    if not selecting or address is None:
        return
    rules = [rule for policy in selecting for rule in _admissions(draft, pod, policy)]
    names = ", ".join(policy.name for policy in selecting)
    rules.append(Rule("drop", f"isolated for {direction.value} by {pod.namespace}/{names}"))
    name = _named(direction.value.lower(), pod.namespace, "\n".join(rule.text + rule.note for rule in rules))
    draft.chains.setdefault(name, Chain(name, tuple(rules)))
    draft.isolated[direction][address] = f"jump {name}"


def _is_subject(policy: str, pod: str, broken: Broken) -> bool:
    """Whether a policy's namespace is the pod's. The fault stays among the namespaces that it covers."""
    return policy == pod or broken.among(faults.POLICY_EVERYWHERE, policy, pod)


def _admissions(draft: _Draft, pod: Pod, policy: Policy) -> Iterable[Rule]:
    """What one policy admits, as rules of the pod's chain."""
    for number, spec in enumerate(policy.rules):
        note = f"{policy.label} {policy.direction.rules_field}[{number}]"
        place = f"{policy.direction.rules_field}-{policy.label}/{number}"
        peers = resolve(policy, spec, draft.world, draft.family, draft.broken)
        conditions = _peer_conditions(draft, policy.direction, peers, place)
        for ports in ports_of(spec, broken=draft.broken, namespace=policy.namespace):
            if policy.direction is Direction.INGRESS:
                numbers = numbers_on(pod, ports, broken=draft.broken, namespace=policy.namespace)
                opened = ports.with_numbers(numbers).matches
            else:
                opened = ports.matches
                yield from _named_egress(draft, policy, peers, ports, place, note)
            for condition in conditions:
                for match in opened:
                    yield Rule(" ".join(part for part in (condition, match, "return") if part), note)


def _peer_conditions(draft: _Draft, direction: Direction, peers: Peers, place: str) -> list[str]:
    """As nft conditions; [] when nobody is admitted in this family."""
    field_name = f"{draft.family} {direction.peer_address}"
    if peers.anyone or peers.every_address:
        return [""]
    conditions = []
    if peers.by_selector:
        addresses = frozenset(one for pod in peers.pods if (one := pod.address(draft.family)))
        draft.sets.setdefault(place, Set(place, draft.family.address_type, addresses))
        conditions.append(f"{field_name} @{place}")
    if peers.blocks:
        conditions.append(f"{field_name} {{ {', '.join(str(block) for block in peers.blocks)} }}")
    return conditions


def _named_egress(draft: _Draft, policy: Policy, peers: Peers, ports: Ports, place: str, note: str) -> Iterable[Rule]:
    """Names resolved on each possible destination: pairs of address and number."""
    if not ports.names or ports.protocol is None:
        return
    name = f"{place}/{ports.protocol}"
    pairs = frozenset(
        f"{pod.address(draft.family)} . {number}"
        for pod in draft.world.pods
        if pod.address(draft.family) and peers.has(pod, draft.family)
        for number in numbers_on(pod, ports, broken=draft.broken, namespace=policy.namespace)
    )
    draft.sets.setdefault(name, Set(name, f"{draft.family.address_type} . inet_service", pairs))
    yield Rule(f"{draft.family} daddr . {ports.protocol} dport @{name} return", note)


def _named(kind: str, namespace: str, content: str) -> str:
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return f"{kind}-{namespace}/{digest}"
