"""The pod network: every pod reaches every pod at its own address, unchanged on the way (catalogue NET-001…).

Source: the Kubernetes network model ("pods can communicate with all other pods on any node without NAT").
"""

from __future__ import annotations

import pytest

from harness.suite import (
    Answer,
    Arena,
    ArenaPod,
    Ask,
    Cell,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    Icmp,
    Lane,
    Payload,
    Result,
    Seen,
    Serve,
    StopServing,
    Symptom,
    Tcp,
    Udp,
    Verdict,
    all_pairs,
    one_per_node,
    open_table,
    requirement,
    unanswered,
    uncontrolled,
)

TCP, UDP = Lane(80, "TCP"), Lane(80, "UDP")
MODEL = "Kubernetes network model"
FAMILIES = [
    pytest.param(Family.V4, id="ipv4", marks=requirement(needs=("v4",))),
    pytest.param(Family.V6, id="ipv6", marks=requirement(needs=("v6",))),
]
PRIVATE_PORT, CLOSED_PORT = 8099, 4999
"""Ports no agent serves by itself."""

BULK = 10 * 2**20

FIXED_PORTS = (21000, 32000)
"""Source ports below those that kernels give to others by themselves."""


def placed(arena: Arena, *, same_node: bool) -> list[tuple[str, str]]:
    """Ordered pairs of different pods on one node, or on different nodes."""
    pods = arena.pods
    return [(a, b) for a in arena.table for b in arena.table if a != b and (pods[a].node == pods[b].node) is same_node]


def paths(arena: Arena, *, same_node: int, across: int) -> list[tuple[str, str]]:
    """Some pairs on one node and some of different nodes."""
    return placed(arena, same_node=True)[:same_node] + placed(arena, same_node=False)[:across]


def judged(found: list[Difference], *, asked: str = "") -> Findings:
    """Findings about the pod network: what was not measured says nothing about it."""
    broken = any(each.verdict is Verdict.FAIL for each in found)
    hint = Symptom.POD_ADDRESS_FAILS if broken else Symptom.UNMEASURED
    return Findings(tuple(dict.fromkeys(found)), frozenset({hint} if found else ()), asked=asked)


@requirement("NET-005", "NET-016")
def test_tcp_on_one_node(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod of its own node over TCP, itself included."""
    pairs = [*placed(arena, same_node=True), *((ref, ref) for ref in arena.table)]
    check.eventually(
        "TCP on one node",
        lambda: open_table(arena, lanes=[TCP], family=cluster.families[0], pairs=pairs)[0],
        within=check.waits.pod_network,
    )


@requirement("NET-006", needs=("nodes2",))
def test_tcp_across_nodes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod of every other node over TCP."""
    pairs = placed(arena, same_node=False)
    check.eventually(
        "TCP across nodes",
        lambda: open_table(arena, lanes=[TCP], family=cluster.families[0], pairs=pairs)[0],
        within=check.waits.pod_network,
    )


@requirement("NET-027", needs=("nodes2",))
def test_full_mesh(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod on every node, also on nodes that take no ordinary pods, reaches a pod on every other node."""
    refs = one_per_node(arena, cluster)
    pairs = [(a, b) for a in refs for b in refs if a != b]
    check.eventually(
        "full mesh",
        lambda: open_table(arena, lanes=[TCP], family=cluster.families[0], pairs=pairs)[0],
        within=check.waits.pod_network,
    )


@requirement("NET-007", needs=("nodes2",))
def test_udp(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod over UDP, each of three datagrams answered."""
    refs, family = list(arena.table), cluster.families[0]

    def look() -> Findings:
        asks = {ref: [Udp(arena.pods[to].address(family), 80, count=3, timeout=2.0) for to in refs] for ref in refs}
        found: list[Difference] = []
        for ref, results in arena.ask_all(asks).items():
            for to, result in zip(refs, results, strict=True):
                found += unanswered(f"{ref} → {to} UDP", result, by=arena.pods[to].full, rule=MODEL)
                if result.seen is Seen.REACHED and len(result.replies) < 3:
                    told = str(len(result.replies))
                    found.append(Difference(f"{ref} → {to} datagrams answered", "3", told, MODEL))
        return judged(found)

    check.eventually("every datagram answered", look, within=check.waits.pod_network)


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(Family.V4, id="ipv4", marks=requirement(needs=("v4",))),
        pytest.param(Family.V6, id="ipv6", marks=requirement("NET-055", needs=("v6",))),
    ],
)
@requirement("NET-010", "NET-011", "NET-014", needs=("nodes2",))
def test_addresses_are_kept(arena: Arena, check: Check, family: Family) -> None:
    """Between pods neither the source nor the destination address is translated, on one node and across nodes."""

    def look() -> Findings:
        found: list[Difference] = []
        for cell, result in all_pairs(arena, lanes=[TCP, UDP], family=family).items():
            source, target = arena.pods[cell.source], arena.pods[cell.destination]
            found += unanswered(str(cell), result, by=target.full, rule=MODEL)
            if result.answer is not None:
                found += translated(cell, result.answer, source.address(family), target.address(family))
        return judged(found, asked=f"every pair of pods over {family}")

    check.eventually(f"addresses kept, {family}", look, within=check.waits.pod_network)


def translated(cell: Cell, answer: Answer, source: str, target: str) -> list[Difference]:
    """Where an answer shows other addresses than those of the pods. A pod that dials itself may pick another source."""
    found = []
    if cell.source != cell.destination and answer.saw_address != source:
        found.append(Difference(f"{cell} source", source, answer.saw_address, "no source NAT between pods"))
    if answer.local_address != target:
        found.append(Difference(f"{cell} destination", target, answer.local_address, "no destination NAT between pods"))
    return found


@requirement("NET-012")
def test_source_port_is_kept(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """The source port a pod binds is the one the other pod sees: there is no hidden port translation."""
    ports = iter(range(*FIXED_PORTS))

    def look() -> Findings:
        found: list[Difference] = []
        for source, to in [("x/a", "y/b"), ("x/a", "z/a"), ("y/c", "x/a")]:
            port, target = next(ports), arena.pods[to]
            (result,) = arena.ask(source, Tcp(target.address(cluster.families[0]), 80, source_port=port, timeout=2.0))
            found += unanswered(f"{source}:{port} → {to}", result, by=target.full, rule=MODEL)
            if result.answer is not None and result.answer.saw_port != port:
                found.append(Difference(f"{source} → {to} source port", str(port), str(result.answer.saw_port), MODEL))
        return judged(found)

    check.eventually("source ports kept", look, within=check.waits.pod_network)


@requirement("NET-013", "NET-015", needs=("nodes2",))
def test_udp_answers_come_from_the_address_asked(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A connected datagram socket gets its answer, and the server saw the pod's own address."""
    family = cluster.families[0]

    def look() -> Findings:
        found: list[Difference] = []
        for cell, result in all_pairs(arena, lanes=[UDP], family=family).items():
            source = arena.pods[cell.source]
            found += unanswered(str(cell), result, by=arena.pods[cell.destination].full, rule=MODEL)
            if result.answer is not None and result.answer.saw_address not in source.addresses:
                found.append(Difference(f"{cell} source", source.address(family), result.answer.saw_address, MODEL))
        return judged(found)

    check.eventually("UDP answers", look, within=check.waits.pod_network)


@requirement("NET-004")
def test_loopback_is_private(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """What a pod serves on its loopback only is refused to its neighbours, and works for itself."""
    family = cluster.families[0]
    loopback = "127.0.0.1" if family is Family.V4 else "::1"
    target, client = arena.pods["x/b"], Tcp(loopback, PRIVATE_PORT)
    (served,) = arena.ask("x/b", Serve("tcp", PRIVATE_PORT, loopback))
    if served.seen is not Seen.REACHED:
        raise check.unknown(f"x/b could not serve on loopback: {served}")

    def look() -> Findings:
        (own,) = arena.ask("x/b", client)
        found = uncontrolled("x/b → its own loopback", own, by=target.full)
        for neighbour in ("x/a", "y/a"):
            found += refused(arena, neighbour, target, PRIVATE_PORT, family=family)
        return judged(found)

    try:
        check.eventually("loopback private", look, within=check.waits.pod_network)
    finally:
        arena.ask("x/b", StopServing("tcp", PRIVATE_PORT))


@requirement("NET-067")
def test_closed_port_is_refused(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A port nobody serves on a pod is refused, not dropped."""
    family = cluster.families[0]

    def look() -> Findings:
        pairs = paths(arena, same_node=2, across=2)
        return judged([each for a, b in pairs for each in refused(arena, a, arena.pods[b], CLOSED_PORT, family=family)])

    check.eventually("closed port", look, within=check.waits.pod_network)


def refused(arena: Arena, client: str, target: ArenaPod, port: int, *, family: Family) -> list[Difference]:
    """What is wrong when a client dials a port that has to refuse it, beside one that has to answer."""
    address = target.address(family)
    result, control = arena.ask(client, Tcp(address, port), Tcp(address, 80))
    found = uncontrolled(f"{client} → {target.ref}:80", control, by=target.full)
    if result.seen is not Seen.REFUSED:
        verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
        found.append(Difference(f"{client} → {target.ref}:{port}", "refused", str(result), MODEL, verdict))
    return found


@requirement("NET-009", needs=("nodes2",))
def test_icmp(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Pods answer ICMP echo requests of pods, on one node and across nodes, without loss."""
    pairs = paths(arena, same_node=2, across=2)

    def look() -> Findings:
        found: list[Difference] = []
        for a, b in pairs:
            ask = Icmp(arena.pods[b].address(cluster.families[0]))
            found += [each for result in arena.ask(a, *[ask] * 10) for each in unechoed(f"{a} pings {b}", result)]
        return judged(found)

    check.eventually("echo replies", look, within=check.waits.pod_network)


def unechoed(what: str, result: Result) -> list[Difference]:
    """The difference when an echo request got no reply. A reply is not signed: kernels give it."""
    if result.seen is Seen.REACHED:
        return []
    verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
    return [Difference(what, "a reply", result.error or result.seen.name.lower(), MODEL, verdict)]


@requirement("NET-054", needs=("dual", "nodes2"))
def test_both_families(arena: Arena, check: Check) -> None:
    """Both addresses of every pod are reached from every pod."""
    check.eventually(
        "both families open",
        lambda: Findings.joined(open_table(arena, lanes=[TCP, UDP], family=family)[0] for family in Family),
        within=check.waits.pod_network,
    )


@pytest.mark.parametrize("family", FAMILIES)
@requirement("NET-038", needs=("nodes2",))
def test_bulk_passes(arena: Arena, check: Check, family: Family) -> None:
    """Ten mebibytes pass unharmed in both directions over TCP, on one node and across nodes: no packet is too large."""
    pairs = paths(arena, same_node=1, across=2)

    def look() -> Findings:
        asks: dict[str, list[Ask]] = {}
        for a, b in pairs:
            asks.setdefault(a, []).append(Payload(arena.pods[b].address(family), 80, BULK, timeout=15.0))
        told = {a: iter(results) for a, results in arena.ask_all(asks).items()}
        found = [each for a, b in pairs for each in harmed(f"{a} ⇄ {b} 10 MiB", next(told[a]), arena.pods[b])]
        return judged(found)

    check.eventually(f"bulk transfer, {family}", look, within=check.waits.pod_network)


def harmed(what: str, result: Result, target: ArenaPod) -> list[Difference]:
    """The difference when not all that was sent came, came back, and was what it had been."""
    if lost := unanswered(what, result, by=target.full, rule=MODEL):
        return lost
    counts = tuple(result.details.get(name) for name in ("sent", "took", "received"))
    if counts == (BULK, BULK, BULK) and result.details.get("unharmed") is True:
        return []
    return [Difference(what, "all of it, unharmed", f"sent, arrived, back: {counts}, checksums differ or lack", MODEL)]


@requirement("NET-039", needs=("nodes2",))
def test_large_datagrams(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Datagrams larger than the MTU are fragmented and put together again, in both directions."""
    pairs = paths(arena, same_node=1, across=2)

    def look() -> Findings:
        found: list[Difference] = []
        for a, b in pairs:
            target = arena.pods[b]
            for size in (2000, 8000):
                (result,) = arena.ask(a, Udp(target.address(cluster.families[0]), 80, size=size, timeout=2.0))
                what = f"{a} ⇄ {b} datagram"
                found += unanswered(f"{what} of {size} bytes", result, by=target.full, rule=MODEL)
                back = result.details.get("size")
                if result.seen is Seen.REACHED and back != size:
                    found.append(Difference(what, f"{size} bytes back", f"{back} bytes", MODEL))
        return judged(found)

    check.eventually("large datagrams", look, within=check.waits.pod_network)
