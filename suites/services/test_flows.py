"""What outlives a connection: datagram flows whose backend goes, affinity that expires, node ports that are given up.

Source: Service v1 (core); catalogue groups 1.2.5 (affinity), 1.2.8 (NodePort) and 1.2.9 (UDP and connection tracking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from harness.suite import (
    Arena,
    ArenaPod,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    PodShape,
    Result,
    Seen,
    Symptom,
    Tcp,
    Udp,
    Verdict,
    Via,
    answered_by,
    requirement,
    service,
    service_findings,
)
from suites.services.dialled import DATAGRAM, HTTP, made_ports, nobody_answers

FLOW_PORT = 20053
"""Source port of the client's one flow: in the pod's own network, so nobody else's."""

AFFINITY_SECONDS = 3
IDLE_SECONDS = AFFINITY_SECONDS + 2.0
"""Nobody dials for this long: the time-out and two seconds for a proxy that counts coarsely."""
ROUNDS = 3
"""Six clients keep three backends by chance with 3^-6; three times in a row with 3^-18."""


@pytest.mark.parametrize(
    "via",
    [
        pytest.param(Via.CLUSTER_IP, id="clusterip", marks=requirement("SVC-201")),
        pytest.param(Via.NODE_PORT, id="nodeport", marks=requirement("SVC-200", needs=("nodes2",))),
    ],
)
def test_datagram_flow_moves(arena: Arena, check: Check, cluster: ClusterFacts, via: Via) -> None:
    """A datagram flow from one source port moves to the new backend when the old one is deleted."""
    old, new = (PodShape(labels={"app": "flow"}, ports=(80,), node=arena.pods[ref].node) for ref in ("x/a", "x/b"))
    arena.start({"x/d": old})
    (made,) = arena.apply(service("svc", {"type": "NodePort", "selector": {"app": "flow"}, "ports": [DATAGRAM]}))
    host, port = str(made["spec"]["clusterIP"]), 80
    if via is Via.NODE_PORT:
        host = cluster.node_address(arena.pods["x/c"].node, cluster.families[0])
        port = int(made["spec"]["ports"][0]["nodePort"])
    within = check.waits.service_program
    first = arena.pods["x/d"]
    check.eventually("flow reaches the old pod", lambda: flow(arena, host, port, to=first), within=within)
    arena.start({"x/e": new})
    arena.delete("pods", "d", grace=0)
    second = arena.pods["x/e"]
    check.eventually("flow reaches the new pod", lambda: flow(arena, host, port, to=second), within=within)


def flow(arena: Arena, host: str, port: int, *, to: ArenaPod, client: str = "y/b") -> Findings:
    """One datagram of the flow, which `to` has to answer."""
    (result,) = arena.ask(client, Udp(host, port, source_port=FLOW_PORT))
    if answered_by(result) == to.full:
        return Findings()
    verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
    (direct,) = arena.ask(client, Udp(to.address(), 80))
    below = Symptom.POD_ADDRESS_WORKS if answered_by(direct) == to.full else Symptom.POD_ADDRESS_FAILS
    what = f"{client}:{FLOW_PORT} → {host}:{port}/UDP"
    different = Difference(what, f"answered by {to.full}", str(result), "one backend is left", verdict)
    return Findings((different,), frozenset({Symptom.SERVICE_ADDRESS_FAILS, below}), asked=what)


@requirement("SVC-076")
def test_affinity_expires(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Affinity ends when a client has not dialled for timeoutSeconds: some of six then change their backend."""
    expiry = {
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}},
    }
    (made,) = arena.apply(service("svc", {"selector": {"app": "agent"}, "ports": [HTTP], **expiry}))
    clients = [ref for ref in arena.table if not ref.startswith("x/")]
    dials = [Dial(client, family=cluster.families[0]) for client in clients]
    check.eventually("sticky", lambda: service_findings(arena, "svc", dials), within=check.waits.service_program)
    asks = {client: [Tcp(str(made["spec"]["clusterIP"]), 80)] for client in clients}
    chosen = [choices(check, arena.ask_all(asks))]
    for _ in range(ROUNDS):
        check.always("nobody dials", Findings, for_=IDLE_SECONDS)
        chosen.append(choices(check, arena.ask_all(asks)))
        if chosen[-1] != chosen[-2]:
            return
    kept = Difference("backends of six clients", "another for some", "all the same", f"{AFFINITY_SECONDS} s idle")
    symptoms = frozenset({Symptom.MISSING_BACKEND, Symptom.SLICES_RIGHT})
    check.now(Findings((kept,), symptoms, evidence=tuple(map(str, chosen))))


def choices(check: Check, told: Mapping[str, Sequence[Result]]) -> dict[str, str]:
    """Who answered each client. Raises Unmeasured when somebody got no answer: a lost one is no other backend."""
    chosen = {client: answered_by(results[0]) for client, results in told.items()}
    if lost := [f"{client}: {told[client][0]}" for client, who in chosen.items() if who is None]:
        raise check.unknown(f"not every client got an answer: {'; '.join(lost)}")
    return {client: who for client, who in chosen.items() if who is not None}


@requirement("SVC-171")
def test_node_port_of_a_deleted_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After a NodePort Service is deleted none of its backends answers at its number, on any node."""
    family = cluster.families[0]
    (made,) = arena.apply(service("svc", {"type": "NodePort", "selector": {"app": "agent"}, "ports": [HTTP]}))
    (number,) = made_ports(made)
    dials = [Dial("y/b", via=Via.NODE_PORT, entry=node, family=family, answered=True) for node in cluster.sample]
    check.eventually("open", lambda: service_findings(arena, "svc", dials), within=check.waits.service_program)
    arena.delete("services", "svc")
    ours = {arena.pods[ref].full for ref in ("x/a", "x/b", "x/c")}

    targets = [(cluster.node_address(node, family), number) for node in cluster.sample]
    check.eventually(
        "closed",
        lambda: nobody_answers(arena, targets, clients=["y/b"], former=ours),
        within=check.waits.service_program,
    )
