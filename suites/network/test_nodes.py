"""Nodes and pods: what runs in the network of a node reaches pods, and is reached by them (catalogue NET-017…026, 061).

Source: the Kubernetes network model ("agents on a node can communicate with all pods on that node").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.suite import (
    Arena,
    Ask,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    Interfaces,
    PodShape,
    Result,
    Seen,
    Serve,
    StopServing,
    Symptom,
    Tcp,
    Udp,
    Verdict,
    one_per_node,
    requirement,
    unanswered,
    uncontrolled,
)

MODEL = "Kubernetes network model"
LOOPBACK = {Family.V4: "127.0.0.1", Family.V6: "::1"}


def in_nodes(arena: Arena, cluster: ClusterFacts, port: int) -> dict[str, str]:
    """A pod in the network of every node, serving this port of it: nodes by pod."""
    spec = {"tolerations": [{"operator": "Exists"}]}
    placed = {f"h/node-{number}": name for number, name in enumerate(cluster.sample_everywhere)}
    arena.start({ref: PodShape(ports=(port,), node=name, host_network=True, spec=spec) for ref, name in placed.items()})
    return placed


def judged(found: Iterable[Difference], *, asked: str) -> Findings:
    """Findings about the pod network."""
    several = tuple(found)
    broken = any(each.verdict is Verdict.FAIL for each in several)
    hint = Symptom.POD_ADDRESS_FAILS if broken else Symptom.UNMEASURED
    return Findings(several, frozenset({hint} if several else ()), asked=asked)


IDS = ("NET-017", "NET-018", "NET-020", "NET-021", "NET-022", "NET-023", "NET-024", "NET-025", "NET-026", "NET-061")


@requirement(*IDS, needs=("hostnet", "nodes2"))
def test_nodes_and_pods(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Nodes reach all pods, pods and nodes reach all nodes, as who they are; what a node keeps for itself stays so."""
    family = cluster.families[0]
    port, private = arena.lease_ports(2)
    nodes, everywhere = in_nodes(arena, cluster, port), one_per_node(arena, cluster)
    own = {ref: addresses_of(arena, ref) for ref in nodes}
    first = next(iter(nodes))
    (served,) = arena.ask(first, Serve("tcp", private, LOOPBACK[family]))
    if served.seen is not Seen.REACHED:
        raise check.unknown(f"{first} could not serve on the loopback of its node: {served}")

    def look() -> Findings:
        found = [
            *named_as_their_nodes(arena, cluster, nodes),
            *to_pods(arena, nodes, own, family),
            *to_nodes(arena, nodes, own, [*everywhere, *nodes], port, family),
            *kept(arena, first, [*everywhere, *list(nodes)[1:]], private, family),
        ]
        return judged(found, asked="every node and every pod, TCP and UDP")

    try:
        check.eventually("nodes and pods reach each other", look, within=check.waits.pod_network)
    finally:
        arena.ask(first, StopServing("tcp", private))


def addresses_of(arena: Arena, ref: str) -> frozenset[str]:
    """Every address the node of this pod has."""
    (told,) = arena.ask(ref, Interfaces())
    return frozenset(each.partition("/")[0] for one in told.interfaces for each in one.addresses)


def named_as_their_nodes(arena: Arena, cluster: ClusterFacts, nodes: Mapping[str, str]) -> Iterable[Difference]:
    """Where the API gives a pod of a node's network other addresses than its node's."""
    for ref, name in nodes.items():
        pod = arena.pods[ref]
        status: dict[str, Any] = arena.kube.get("pods", pod.name, namespace=pod.namespace)["status"]
        wanted = set(cluster.addresses_of(name))
        told = {status["podIP"], status["hostIP"], *(each["ip"] for each in status.get("podIPs") or ())}
        hosts = {each["ip"] for each in status.get("hostIPs") or ()}
        if not told <= wanted or status["podIP"] != status["hostIP"] or not {status["hostIP"]} <= hosts <= wanted:
            seen = f"podIP {status['podIP']}, hostIP {status['hostIP']}, hostIPs {sorted(hosts)}"
            yield Difference(f"addresses of {ref} on {name}", f"of {sorted(wanted)}", seen, "core/v1 PodStatus")


def to_pods(
    arena: Arena, nodes: Mapping[str, str], own: Mapping[str, frozenset[str]], family: Family
) -> Iterable[Difference]:
    """What is wrong when every node dials every pod; pods of the node itself have to see one of its addresses."""
    targets = [arena.pods[ref] for ref in arena.table]
    asks: list[Ask] = [kind(pod.address(family), 80) for pod in targets for kind in (Tcp, Udp)]
    for ref, results in arena.ask_all(dict.fromkeys(nodes, asks)).items():
        for pod, result in zip([pod for pod in targets for _ in range(2)], results, strict=True):
            what = f"{ref} → {pod.ref} {result.ask.do}"
            yield from unanswered(what, result, by=pod.full, rule=MODEL)
            if pod.node == nodes[ref]:
                yield from came_from(what, result, own[ref])


def to_nodes(
    arena: Arena,
    nodes: Mapping[str, str],
    own: Mapping[str, frozenset[str]],
    clients: Iterable[str],
    port: int,
    family: Family,
) -> Iterable[Difference]:
    """What is wrong when pods and nodes dial every node. A node has to see nodes; of pods it may see their node."""
    by_node = {name: ref for ref, name in nodes.items()}
    asks: list[Ask] = [kind(arena.pods[ref].address(family), port) for ref in nodes for kind in (Tcp, Udp)]
    for client, results in arena.ask_all(dict.fromkeys(clients, asks)).items():
        pod = arena.pods[client]
        may = own[by_node[pod.node]] | (frozenset() if client in nodes else frozenset(pod.addresses))
        for ref, result in zip([ref for ref in nodes for _ in range(2)], results, strict=True):
            what = f"{client} → {nodes[ref]} {result.ask.do}"
            yield from unanswered(what, result, by=arena.pods[ref].full, rule=MODEL)
            yield from came_from(what, result, may)


def came_from(what: str, result: Result, may: frozenset[str]) -> Iterable[Difference]:
    """The difference when the server saw none of these addresses."""
    if result.answer is not None and result.answer.saw_address not in may:
        yield Difference(f"{what} source", f"one of {', '.join(sorted(may))}", result.answer.saw_address, MODEL)


def kept(arena: Arena, owner: str, others: Iterable[str], port: int, family: Family) -> Iterable[Difference]:
    """What is wrong when others dial a port that a node serves on its loopback only."""
    pod = arena.pods[owner]
    (inside,) = arena.ask(owner, Tcp(LOOPBACK[family], port))
    yield from uncontrolled(f"{owner} → its node's loopback", inside, by=pod.full)
    for client, (result,) in arena.ask_all({each: [Tcp(pod.address(family), port)] for each in others}).items():
        if result.seen not in {Seen.REFUSED, Seen.SILENT}:
            verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
            what = f"{client} → {pod.node}:{port}, served on loopback"
            yield Difference(what, "nobody answers", str(result), "CVE-2020-8558", verdict)
