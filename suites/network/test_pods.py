"""The pod network: every pod reaches every pod at its own address, unchanged on the way (catalogue NET-001…).

Source: the Kubernetes network model ("pods can communicate with all other pods on any node without NAT").
"""

from __future__ import annotations

import ipaddress

import pytest

from harness.suite import (
    Arena,
    ArenaPod,
    Ask,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    Hostname,
    Icmp,
    Interfaces,
    Lane,
    Payload,
    PodShape,
    ReadFile,
    Result,
    Seen,
    Serve,
    Symptom,
    Tcp,
    Udp,
    Verdict,
    all_pairs,
    open_table,
    requirement,
)

TCP, UDP = Lane(80, "TCP"), Lane(80, "UDP")
NETWORK = frozenset({Symptom.POD_ADDRESS_FAILS})
MODEL = "Kubernetes network model"
FAMILIES = [
    pytest.param(Family.V4, id="ipv4", marks=requirement(needs=("ipv4",))),
    pytest.param(Family.V6, id="ipv6", marks=requirement(needs=("ipv6",))),
]


def unreached(what: str, result: Result) -> list[Difference]:
    """The difference when something was not reached."""
    if result.seen is Seen.REACHED:
        return []
    verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
    return [Difference(what, "reached", str(result), MODEL, verdict)]


def named(arena: Arena) -> list[tuple[str, ArenaPod]]:
    """The nine pods of the arena."""
    return [(ref, arena.pods[ref]) for ref in arena.table]


def placed(arena: Arena, *, same_node: bool) -> list[tuple[str, str]]:
    """Ordered pairs of different pods on one node, or on different nodes."""
    pods = arena.pods
    return [(a, b) for a in arena.table for b in arena.table if a != b and (pods[a].node == pods[b].node) is same_node]


@requirement("NET-005", "NET-016")
def test_tcp_on_one_node(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod of its own node over TCP, itself included."""
    check.eventually(
        "TCP table",
        lambda: open_table(arena, lanes=[TCP], family=cluster.families[0])[0],
        within=check.waits.pod_network,
    )


@requirement("NET-006", "NET-027", needs=("nodes2",))
def test_tcp_across_nodes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod of every other node over TCP."""
    check.eventually(
        "TCP table",
        lambda: open_table(arena, lanes=[TCP], family=cluster.families[0])[0],
        within=check.waits.pod_network,
    )


@requirement("NET-007", needs=("nodes2",))
def test_udp(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod reaches every pod over UDP, each of three datagrams answered."""

    def look() -> Findings:
        refs = list(arena.table)
        asks = {
            ref: [Udp(arena.pods[to].address(cluster.families[0]), 80, count=3, timeout=2.0) for to in refs]
            for ref in refs
        }
        told = arena.ask_all(asks)
        found = [
            Difference(f"{ref} → {to} datagrams answered", "3", str(len(result.replies)), MODEL)
            for ref in refs
            for to, result in zip(refs, told[ref], strict=True)
            if len(result.replies) < 3
        ]
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually("every datagram answered", look, within=check.waits.pod_network)


@pytest.mark.parametrize("family", FAMILIES)
@requirement("NET-010", "NET-011", "NET-014")
def test_addresses_are_kept(arena: Arena, check: Check, family: Family) -> None:
    """Between pods neither the source nor the destination address is translated, on one node and across nodes."""

    def look() -> Findings:
        found: list[Difference] = []
        for cell, result in all_pairs(arena, lanes=[TCP, UDP], family=family).items():
            found += unreached(str(cell), result)
            if result.answer is not None:
                source, target = arena.pods[cell.source], arena.pods[cell.destination]
                if cell.source != cell.destination and result.answer.saw_address != source.address(family):
                    rule = "no source NAT between pods"
                    found.append(Difference(f"{cell} source", source.address(family), result.answer.saw_address, rule))
                if result.answer.local_address != target.address(family):
                    rule = "no destination NAT between pods"
                    found.append(
                        Difference(f"{cell} destination", target.address(family), result.answer.local_address, rule)
                    )
        wrong = frozenset({Symptom.POD_ADDRESS_FAILS}) if found else frozenset()
        return Findings(tuple(found), wrong, asked=f"every pair of pods over {family}")

    check.eventually(f"addresses kept, {family}", look, within=check.waits.pod_network)


@requirement("NET-012")
def test_source_port_is_kept(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """The source port a pod binds is the one the other pod sees: there is no hidden port translation."""
    ports = iter(range(21000, 60000))

    def look() -> Findings:
        found: list[Difference] = []
        for source, to in [("x/a", "y/b"), ("x/a", "z/a"), ("y/c", "x/a")]:
            port = next(ports)
            address = arena.pods[to].address(cluster.families[0])
            (result,) = arena.ask(source, Tcp(address, 80, source_port=port, timeout=2.0))
            found += unreached(f"{source} → {to}", result)
            if result.answer is not None and result.answer.saw_port != port:
                found.append(Difference(f"{source} → {to} source port", str(port), str(result.answer.saw_port), MODEL))
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually("source ports kept", look, within=check.waits.pod_network)


@requirement("NET-013", "NET-015")
def test_udp_answers_come_from_the_address_asked(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A connected datagram socket gets its answer, and the server saw the pod's own address."""

    def look() -> Findings:
        found: list[Difference] = []
        for cell, result in all_pairs(arena, lanes=[UDP], family=cluster.families[0]).items():
            found += unreached(str(cell), result)
            if result.answer is not None and result.answer.saw_address not in arena.pods[cell.source].addresses:
                expected = arena.pods[cell.source].address(cluster.families[0])
                found.append(Difference(f"{cell} source", expected, result.answer.saw_address, MODEL))
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually("UDP answers", look, within=check.waits.pod_network)


@requirement("NET-004")
def test_loopback_is_private(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """What a pod serves on its loopback only is refused to its neighbours, and works for itself."""
    loopback = "127.0.0.1" if cluster.families[0] is Family.V4 else "::1"
    (served,) = arena.ask("x/b", Serve("tcp", 8099, loopback))
    if served.seen is not Seen.REACHED:
        raise check.unknown(f"x/b could not serve on loopback: {served}")

    def look() -> Findings:
        (own,) = arena.ask("x/b", Tcp(loopback, 8099))
        found = unreached("x/b → its own loopback (positive control)", own)
        for client in ("x/a", "y/a"):
            (result,) = arena.ask(client, Tcp(arena.pods["x/b"].address(cluster.families[0]), 8099))
            if result.seen is not Seen.REFUSED:
                verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
                found.append(Difference(f"{client} → x/b loopback port", "refused", str(result), MODEL, verdict))
        return Findings(tuple(found))

    check.eventually("loopback private", look, within=check.waits.pod_network)


@requirement("NET-009")
def test_icmp(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Pods answer ICMP echo requests of pods, on one node and across nodes, without loss."""
    pairs = placed(arena, same_node=True)[:2] + placed(arena, same_node=False)[:2]

    def look() -> Findings:
        asks = [(a, b, Icmp(arena.pods[b].address(cluster.families[0]))) for a, b in pairs]
        found = [
            difference
            for a, b, ask in asks
            for result in arena.ask(a, *[ask] * 10)
            for difference in unreached(f"{a} pings {b}", result)
        ]
        return Findings(tuple(dict.fromkeys(found)), NETWORK if found else frozenset())

    check.eventually("echo replies", look, within=check.waits.pod_network)


@requirement("NET-002", "NET-051")
def test_own_addresses(arena: Arena, check: Check) -> None:
    """The addresses on a pod's own interfaces are those the API reports, and no others of global scope."""

    def look() -> Findings:
        found: list[Difference] = []
        for ref, pod in named(arena):
            (result,) = arena.ask(ref, Interfaces())
            found += unreached(f"interfaces of {ref}", result)
            own = {
                str(address.ip)
                for interface in result.interfaces
                for address in map(ipaddress.ip_interface, interface.addresses)
                if not (address.ip.is_loopback or address.ip.is_link_local)
            }
            if result.seen is Seen.REACHED and own != set(pod.addresses):
                found.append(
                    Difference(f"addresses of {ref}", str(sorted(pod.addresses)), str(sorted(own)), "PodStatus")
                )
        return Findings(tuple(found))

    check.eventually("interfaces", look, within=check.waits.pod_network)


@requirement("NET-049")
def test_hosts_file(arena: Arena, check: Check) -> None:
    """A pod's hosts file names the pod at its own address."""

    def look() -> Findings:
        found: list[Difference] = []
        for ref, pod in named(arena):
            (result,) = arena.ask(ref, ReadFile("/etc/hosts"))
            found += unreached(f"hosts file of {ref}", result)
            lines = [line.split() for line in result.content.decode(errors="replace").splitlines()]
            if result.seen is Seen.REACHED and not any(
                line[:1] == [pod.address()] and pod.name in line for line in lines
            ):
                found.append(
                    Difference(f"/etc/hosts of {ref}", f"{pod.address()} {pod.name}", "no such line", "kubelet")
                )
        return Findings(tuple(found))

    check.eventually("hosts files", look, within=check.waits.pod_network)


@requirement("NET-050")
def test_hostname(arena: Arena, check: Check) -> None:
    """A pod's hostname is its name."""

    def look() -> Findings:
        told = {ref: arena.ask(ref, Hostname())[0] for ref in arena.table}
        found = [
            Difference(f"hostname of {ref}", arena.pods[ref].name, result.text or str(result), "PodSpec.hostname")
            for ref, result in told.items()
            if result.text != arena.pods[ref].name
        ]
        return Findings(tuple(found))

    check.eventually("hostnames", look, within=check.waits.pod_network)


@pytest.mark.parametrize("family", FAMILIES)
@requirement("NET-038", needs=("nodes2",))
def test_bulk_passes(arena: Arena, check: Check, family: Family) -> None:
    """Ten mebibytes pass in both directions over TCP, on one node and across nodes: no packet is too large."""
    pairs = placed(arena, same_node=True)[:1] + placed(arena, same_node=False)[:2]

    def look() -> Findings:
        asks: dict[str, list[Ask]] = {}
        for a, b in pairs:
            asks.setdefault(a, []).append(Payload(arena.pods[b].address(family), 80, 10 * 2**20, timeout=15.0))
        told = {a: iter(results) for a, results in arena.ask_all(asks).items()}
        found = [difference for a, b in pairs for difference in unreached(f"{a} ⇄ {b} 10 MiB", next(told[a]))]
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually(f"bulk transfer, {family}", look, within=check.waits.pod_network)


@requirement("NET-039", needs=("nodes2",))
def test_large_datagrams(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Datagrams larger than the MTU are fragmented and put together again, in both directions."""
    pairs = placed(arena, same_node=True)[:1] + placed(arena, same_node=False)[:2]

    def look() -> Findings:
        found = [
            difference
            for a, b in pairs
            for size in (2000, 8000)
            for result in arena.ask(a, Udp(arena.pods[b].address(cluster.families[0]), 80, size=size, timeout=2.0))
            for difference in unreached(f"{a} → {b} {size} bytes", result)
        ]
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually("large datagrams", look, within=check.waits.pod_network)


@requirement("NET-054", "NET-055", needs=("dual", "nodes2"))
def test_both_families(arena: Arena, check: Check) -> None:
    """Both addresses of every pod are reached from every pod."""
    check.eventually(
        "both families open",
        lambda: Findings.joined(open_table(arena, lanes=[TCP, UDP], family=family)[0] for family in Family),
        within=check.waits.pod_network,
    )


@requirement("NET-067")
def test_closed_port_is_refused(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A port nobody serves on a pod is refused, not dropped."""

    def look() -> Findings:
        found: list[Difference] = []
        for a, b in placed(arena, same_node=True)[:2] + placed(arena, same_node=False)[:2]:
            (result,) = arena.ask(a, Tcp(arena.pods[b].address(cluster.families[0]), 4999))
            if result.seen is not Seen.REFUSED:
                verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
                found.append(Difference(f"{a} → {b}:4999", "refused", str(result), MODEL, verdict))
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.eventually("closed port", look, within=check.waits.pod_network)


@requirement("NET-044", "NET-045")
def test_terminating_pod_keeps_its_network(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that is being deleted is reached, and reaches others, until its grace period ends."""
    arena.start({"x/d": PodShape(labels={"pod": "d"}, node=arena.pods["y/b"].node, linger=6)})
    address, name = arena.pods["x/d"].address(cluster.families[0]), arena.pods["x/d"].full
    check.eventually(
        "the pod answers first", lambda: _answers(arena, address, name, alive=True), within=check.waits.pod_network
    )
    arena.delete("pods", "d", grace=7)

    def look() -> Findings:
        (inward,) = arena.ask("y/a", Tcp(address, 80))
        (outward,) = arena.ask("x/d", Tcp(arena.pods["z/b"].address(cluster.families[0]), 80))
        found = unreached("y/a → terminating x/d", inward) + unreached("terminating x/d → z/b", outward)
        return Findings(tuple(found), NETWORK if found else frozenset())

    check.always("terminating pod's network", look, for_=3)


@requirement("NET-046")
def test_removed_pod_does_not_answer(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After a pod is gone nobody answers in its name at its address."""
    arena.start({"x/d": PodShape(labels={"pod": "d"}, node=arena.pods["y/b"].node)})
    address, name = arena.pods["x/d"].address(cluster.families[0]), arena.pods["x/d"].full
    check.eventually(
        "the pod answers first", lambda: _answers(arena, address, name, alive=True), within=check.waits.pod_network
    )
    arena.delete("pods", "d", grace=0)
    check.eventually(
        "the pod's address is dead", lambda: _answers(arena, address, name, alive=False), within=check.waits.pod_network
    )


def _answers(arena: Arena, address: str, name: str, *, alive: bool) -> Findings:
    (result,) = arena.ask("y/a", Tcp(address, 80))
    if result.seen is Seen.UNMEASURED:
        return Findings((Difference(f"y/a → {address}", "a look", str(result), MODEL, Verdict.UNKNOWN),))
    if (result.who == name) is alive:
        return Findings()
    return Findings(
        (Difference(f"y/a → {address}", f"{'' if alive else 'not '}answered by {name}", str(result), MODEL),)
    )
