"""Looks at Services that several modules share: delivered as objects say, dead, or served by a pod that is leaving."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Findings,
    Seen,
    Symptom,
    Tcp,
    Verdict,
    answered_by,
    service_findings,
    uncontrolled,
)

HTTP = {"name": "http", "port": 80, "targetPort": 80}
DATAGRAM = {"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 80}
ALL = {"app": "agent"}
CLIENTS = ("z/b", "y/b", "z/c")
"""One client on each of three nodes, none of them in the namespace of the backends: y/b shares a node with x/c."""


def dials(cluster: ClusterFacts, *ports: int, answered: bool = True) -> list[Dial]:
    """Every client at these TCP ports of the ClusterIP, in the first family; silence is as good as a refusal."""
    family = cluster.families[0]
    return [
        Dial(client, port=port, family=family, answered=answered, refusal=False) for client in CLIENTS for port in ports
    ]


def settle(
    arena: Arena,
    check: Check,
    cluster: ClusterFacts,
    what: str,
    *,
    name: str = "svc",
    ports: Sequence[int] = (80,),
    dead: Sequence[int] = (),
) -> None:
    """Wait until a Service delivers as its objects say, to clients on every node; at `dead` ports nobody answers."""
    several = [*dials(cluster, *ports), *dials(cluster, *dead, answered=False)]
    check.eventually(what, lambda: service_findings(arena, name, several), within=check.waits.service_program)


def nobody_answers(
    arena: Arena, targets: Sequence[tuple[str, int]], *, clients: Sequence[str], former: Collection[str]
) -> Findings:
    """One look at addresses that were given up: none of the `former` backends (`namespace/pod`) answers there.

    Addresses and numbers are used again: somebody else's Service may answer meanwhile, and then nothing can be said. An
    answer that nobody signed came from outside: unclaimed packets leave by the default route.
    """
    control = arena.pods["z/a"]
    asks = [*(Tcp(host, port) for host, port in targets), Tcp(control.address(), 80)]
    found: list[Difference] = []
    for client, results in arena.ask_all(dict.fromkeys(clients, asks)).items():
        found += uncontrolled(f"{client} → {control.ref}", results[-1], by=control.full)
        for (host, port), result in zip(targets, results, strict=False):
            who = answered_by(result)
            if result.seen is Seen.UNMEASURED or who is not None:
                verdict = Verdict.FAIL if who in former else Verdict.UNKNOWN
                what = f"{client} → {host}:{port}"
                found.append(Difference(what, "none of its former backends", str(result), "given up", verdict))
    broken = any(each.verdict is Verdict.FAIL for each in found)
    return Findings(tuple(found), frozenset({Symptom.WRONG_BACKEND} if broken else ()))


def delivered_while_leaving(arena: Arena, ref: str, several: Sequence[Dial]) -> Findings:
    """One look at `svc` while a pod that is being deleted still serves: after its end the look would prove nothing."""
    pod = arena.pods[ref]
    looked = service_findings(arena, "svc", several)
    (still,) = arena.ask("z/b", Tcp(pod.address(), 80))
    left = uncontrolled(f"z/b → {ref}, which is being deleted", still, by=pod.full)
    return Findings.joined([looked, Findings(tuple(left))])


def made_ports(made: Mapping[str, Any]) -> list[int]:
    """The NodePorts of a Service, in the order of its ports."""
    return [int(port["nodePort"]) for port in made["spec"]["ports"]]
