"""Planted faults of the kubelet and of the pod network: what each changes on a node (pure), and the door that does it.

    dns/F-35      pods made while it is active get a wrong nameserver      params: nameserver
    services/F04  hostPorts of the loopback address lead to their pods from everywhere      (new connections)
    services/F47  hostPorts lead to the first pod that had them, also when it is gone       (new connections)
    services/F52  stale neighbour: pods are unreachable from the node, on and off   params: every, for (seconds)
    services/F53  MTU black hole: the node's link is small, and it says so to nobody        params: mtu
    services/F86  pods made while it is active are told of no Services, or, if they want no links, of all (ours)
    services/F54  all pod traffic leaving the node's pods wears the node's address          (new connections)
                  and, with `ports`, a port of the node's choice
    services/F92  pods that are deleted without grace run on (ours)
    services/F93  pods made while it is active are not told who they are: no line of hosts, no hostname (ours)
    services/F94  of pods whose status changes the API is told the first address only (ours)

Faults that lose packets are in losses.py.

Everything sits in an nft table of its own, in routes to single addresses, and in one link's MTU: all of it is taken
back when the fault's object is gone. A stale neighbour sits on the node's own link, as a forwarding entry of an
overlay would, so the pod's own node still reaches it and its probes stay good.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.effects.clock import Clock
from harness.effects.run import RunError, run
from harness.embedded.api import Cache
from harness.embedded.api.faults import RESOURCE, active
from harness.embedded.kubelet import losses
from harness.embedded.kubelet.hostports import mappings
from harness.embedded.kubelet.spec import NodeSpec
from harness.embedded.netns import link
from harness.embedded.netns.fabric import NODE_LINK
from harness.embedded.netns.namespace import run_in_async

LOG = logging.getLogger(__name__)

__all__ = ["RESOURCE", "FaultKeeper", "Plan", "cluster_dns", "dead_window", "plan", "wants_links"]

WRONG_DNS = "dns/F-35"
OPEN_LOOPBACK = "services/F04"
STALE_HOST_PORTS = "services/F47"
STALE_NEIGHBOUR = "services/F52"
BLACK_HOLE = "services/F53"
MASQUERADE_ALL = "services/F54"
LINKS_MIXED_UP = "services/F86"
LEFT_RUNNING = "services/F92"
NAMELESS = "services/F93"
ONE_ADDRESS = "services/F94"
LOST = (losses.ISOLATED, losses.NO_RESETS, losses.NO_FRAGMENTS, losses.LEAVING_CUT_OFF)

NOBODY = "192.0.2.53"
"""A nameserver that is not there (TEST-NET-1)."""

RETRY = 0.3
"""Seconds until what the kernel refused is tried again."""

DEAD_MAC = "02:00:00:00:de:ad"
TABLE = "inet harness-faults"
FULL_MTU = 1500
SMALL_MTU = 1280
"""The least that IPv6 lives with."""

EVERY, FOR = 4.0, 2.0
LOOPBACKS = ("127.0.0.1", "::1")


def wants_links(faults: Iterable[dict[str, Any]], pod: dict[str, Any], node: NodeSpec) -> bool:
    """Whether this pod is told of the Services of its namespace."""
    wanted = pod["spec"].get("enableServiceLinks") is not False
    mixed_up = active(faults, LINKS_MIXED_UP, node=node.name, namespace=pod["metadata"]["namespace"]) is not None
    return wanted is not mixed_up


def cluster_dns(faults: Iterable[dict[str, Any]], pod: dict[str, Any], node: NodeSpec) -> tuple[str, ...] | None:
    """The nameservers a wrongly set kubelet gives this pod; None when it is set right."""
    params = active(faults, WRONG_DNS, node=node.name, namespace=pod["metadata"]["namespace"])
    return None if params is None else (str(params.get("nameserver") or NOBODY),)


def covers(faults: Iterable[dict[str, Any]], fault_id: str, pod: dict[str, Any], node: NodeSpec) -> bool:
    """Whether a fault that concerns single pods is there for this one."""
    return active(faults, fault_id, node=node.name, namespace=pod["metadata"]["namespace"]) is not None


@dataclass(frozen=True, order=True)
class Lead:
    """What comes to a port of the node, at whatever address, is led to a pod's."""

    protocol: str
    number: int
    address: str
    port: int

    @property
    def rule(self) -> str:
        """As nft takes it."""
        end = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        family = "ipv6" if ":" in self.address else "ipv4"
        to = f"dnat {_word(self.address)} to {end}"
        return f" meta nfproto {family} fib daddr type local {self.protocol} dport {self.number} {to};"


@dataclass(frozen=True)
class Plan:
    """What the active faults change on a node."""

    mtu: int = FULL_MTU
    masqueraded: tuple[str, ...] = ()
    """Source addresses and networks that leave with the node's address."""
    ports_too: bool = False
    """Whether their ports are changed as well."""
    unreachable: frozenset[str] = frozenset()
    """Pod addresses behind a dead neighbour."""
    leads: tuple[Lead, ...] = ()
    """Ahead of the hostPorts that network plugins programmed."""
    losses: tuple[str, ...] = ()
    """Chains that drop packets."""

    def rules(self, node: NodeSpec) -> str:
        """The nft text of the table; "" when there is no rule."""
        chains = []
        if self.mtu != FULL_MTU:
            chains.append(
                "chain mute { type filter hook output priority -10;"
                " icmp type destination-unreachable icmp code frag-needed drop; icmpv6 type packet-too-big drop; }"
            )
        if self.masqueraded:
            rules = "".join(
                f" {_word(own)} saddr {{ {', '.join(sources)} }} {self._snat(own)};"
                for own in node.addresses
                if (sources := [one for one in self.masqueraded if _word(one) == _word(own)])
            )
            chains.append(f"chain disguise {{ type nat hook postrouting priority 95;{rules} }}")
        if self.leads:
            rules = "".join(lead.rule for lead in self.leads)
            chains.append(f"chain astray {{ type nat hook prerouting priority -105;{rules} }}")
        chains += self.losses
        return f"table {TABLE} {{\n" + "\n".join(chains) + "\n}\n" if chains else ""

    def _snat(self, own: str) -> str:
        if not self.ports_too:
            return f"snat {_word(own)} to {own}"
        end = f"[{own}]" if ":" in own else own
        return f"meta l4proto {{ tcp, udp }} snat {_word(own)} to {end}:40000-60000 fully-random"


def plan(
    faults: Sequence[dict[str, Any]],
    node: NodeSpec,
    pods: Iterable[dict[str, Any]],
    *,
    dead: Mapping[str, bool],
    stale: Iterable[Lead] = (),
) -> Plan:
    """What is wrong on this node now. `dead` says by fault name whether its stale entries are there at this moment,
    `stale` to whom hostPorts lead that were not taken back.
    """
    result = Plan()
    everyone = [pod for pod in pods if not pod["spec"].get("hostNetwork")]
    if (params := active(faults, BLACK_HOLE, node=node.name)) is not None:
        result = replace(result, mtu=int(params.get("mtu") or SMALL_MTU))
    leads = {lead for fault in _of(faults, OPEN_LOOPBACK, node) for lead in _leads(fault, node, everyone, hidden=True)}
    result = replace(result, leads=tuple(sorted({*leads, *stale})))
    for fault in _of(faults, MASQUERADE_ALL, node):
        scope = fault["spec"].get("namespaces")
        mine = [pod for pod in everyone if pod["spec"].get("nodeName") == node.name]
        sources = [address for pod in _within(mine, scope) for address in _addresses(pod)] if scope else node.pod_cidrs
        together = tuple(dict.fromkeys((*result.masqueraded, *sources)))
        ports_too = bool((fault["spec"].get("params") or {}).get("ports"))
        result = replace(result, masqueraded=together, ports_too=ports_too)
    for fault in _of(faults, STALE_NEIGHBOUR, node):
        if dead.get(fault["metadata"]["name"]):
            remote = [pod for pod in everyone if pod["spec"].get("nodeName") not in {None, node.name}]
            lost = {address for pod in _within(remote, fault["spec"].get("namespaces")) for address in _addresses(pod)}
            result = replace(result, unreachable=result.unreachable | lost)
    lost_pods = {
        fault_id: [pod for fault in found for pod in _within(everyone, fault["spec"].get("namespaces"))]
        for fault_id in LOST
        if (found := _of(faults, fault_id, node))
    }
    return replace(result, losses=tuple(losses.chains(lost_pods, node=node.name)))


def stale_leads(faults: Iterable[dict[str, Any]], node: NodeSpec, pods: Iterable[dict[str, Any]]) -> list[Lead]:
    """Where the hostPorts lead now that a broken plugin does not take back later."""
    several = list(pods)
    return [lead for fault in _of(faults, STALE_HOST_PORTS, node) for lead in _leads(fault, node, several)]


def _leads(
    fault: Mapping[str, Any], node: NodeSpec, pods: Iterable[dict[str, Any]], *, hidden: bool = False
) -> list[Lead]:
    """The hostPorts of the pods in a fault's scope on this node; `hidden`: those of the loopback address only."""
    mine = [pod for pod in pods if pod["spec"].get("nodeName") == node.name]
    return [
        Lead(port["protocol"], port["hostPort"], address, port["containerPort"])
        for pod in _within(mine, fault["spec"].get("namespaces"))
        for port in mappings(pod)
        for address in _addresses(pod)
        if not hidden or (port.get("hostIP") in LOOPBACKS and (":" in address) == (":" in port["hostIP"]))
    ]


def dead_window(fault: Mapping[str, Any], elapsed: float) -> tuple[bool, float]:
    """Whether a stale entry is there `elapsed` seconds after the fault was planted, and seconds to the next change."""
    params = fault["spec"].get("params") or {}
    every, lasts = float(params.get("every") or EVERY), float(params.get("for") or FOR)
    phase = elapsed % every
    return (True, lasts - phase) if phase < lasts else (False, every - phase)


def _of(faults: Iterable[dict[str, Any]], fault_id: str, node: NodeSpec) -> list[dict[str, Any]]:
    """The faults with that id that cover the node, whatever their namespaces: the caller applies those to pods."""
    found = []
    for fault in faults:
        anywhere = {**fault, "spec": {**fault["spec"], "namespaces": []}}
        if active([anywhere], fault_id, node=node.name) is not None:
            found.append(fault)
    return found


def _within(pods: Iterable[dict[str, Any]], namespaces: Sequence[str] | None) -> list[dict[str, Any]]:
    return [pod for pod in pods if not namespaces or pod["metadata"]["namespace"] in namespaces]


def _addresses(pod: dict[str, Any]) -> list[str]:
    return [entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or ()]


def _word(address: str) -> str:
    return "ip6" if ":" in address else "ip"


class FaultKeeper:
    """Keeps one node as broken as the active faults say, and no more."""

    def __init__(self, node: NodeSpec, cache: Cache, clock: Clock) -> None:
        self._node = node
        self._cache = cache
        self._clock = clock
        self._present = Plan()
        self._planted: dict[str, float] = {}
        self._stale: dict[tuple[str, int, bool], Lead] = {}

    async def keep(self) -> None:
        """Follow the faults for ever."""
        generation = -1
        while True:
            wanted, seconds = self._wanted()
            if wanted != self._present:
                try:
                    await self._apply(wanted)
                except RunError as problem:  # a link that is just going away, a table that somebody reads
                    LOG.warning("%s: faults are not as planted yet: %s", self._node.name, problem)
                    seconds = min(seconds or RETRY, RETRY)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    generation = await self._cache.changed(max(generation, self._cache.generation))

    async def heal(self) -> None:
        """Take everything back."""
        if self._present != Plan():
            with contextlib.suppress(RunError):
                await self._apply(Plan())

    def _wanted(self) -> tuple[Plan, float | None]:
        faults, now = self._cache.all(RESOURCE), self._clock.now()
        dead: dict[str, bool] = {}
        until: list[float] = []
        for fault in _of(faults, STALE_NEIGHBOUR, self._node):
            name = fault["metadata"]["name"]
            dead[name], left = dead_window(fault, now - self._planted.setdefault(name, now))
            until.append(left)
        self._planted = {name: began for name, began in self._planted.items() if name in dead}
        pods = self._cache.all("pods")
        if not _of(faults, STALE_HOST_PORTS, self._node):
            self._stale.clear()
        for lead in stale_leads(faults, self._node, pods):
            self._stale.setdefault((lead.protocol, lead.number, ":" in lead.address), lead)
        return plan(faults, self._node, pods, dead=dead, stale=self._stale.values()), min(until, default=None)

    async def _apply(self, wanted: Plan) -> None:
        before = self._present
        if wanted.mtu > before.mtu:
            # The link grows before it may speak again: pods would remember for ten minutes what it said meanwhile,
            # and the next black hole would be none to them.
            await self._change_links(before, wanted)
            await self._change_rules(before, wanted)
        else:
            await self._change_rules(before, wanted)
            await self._change_links(before, wanted)
        self._present = wanted

    async def _change_rules(self, before: Plan, wanted: Plan) -> None:
        if wanted.rules(self._node) != before.rules(self._node):
            text = f"add table {TABLE}\ndelete table {TABLE}\n{wanted.rules(self._node)}"
            await run_in_async(self._node.netns, lambda: run(["nft", "-f", "-"], stdin=text.encode()))

    async def _change_links(self, before: Plan, wanted: Plan) -> None:
        lines = [f"link set {NODE_LINK} mtu {wanted.mtu}"] if wanted.mtu != before.mtu else []
        lines += [line for address in sorted(wanted.unreachable - before.unreachable) for line in _bury(address)]
        if lines:
            await link.apply_async(lines, namespace=self._node.name)
        for address in sorted(before.unreachable - wanted.unreachable):  # what is gone already is no refusal
            for line in _dig_out(address):
                await link.apply_async([line], namespace=self._node.name, check=False)


def _bury(address: str) -> list[str]:
    length = 128 if ":" in address else 32
    return [
        f"route replace {address}/{length} dev {NODE_LINK}",
        f"neigh replace {address} lladdr {DEAD_MAC} dev {NODE_LINK} nud permanent",
    ]


def _dig_out(address: str) -> list[str]:
    length = 128 if ":" in address else 32
    return [
        f"route delete {address}/{length} dev {NODE_LINK}",
        f"neigh delete {address} dev {NODE_LINK}",
    ]
