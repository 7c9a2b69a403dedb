"""Looks at EndpointSlices that are decided by packets too: what a slice says has to be what answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Family,
    Findings,
    Seen,
    Symptom,
    Tcp,
    Verdict,
    service_findings,
    uncontrolled,
)

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
CLIENTS = ("z/b", "y/b", "z/c")
"""One client on each of three nodes, none of them in the namespace of the backends: y/b shares a node with x/c."""


def settle(
    arena: Arena,
    check: Check,
    cluster: ClusterFacts,
    what: str,
    *,
    port: int = 80,
    family: Family | None = None,
    ending: str | None = None,
    refusal: bool = False,
) -> None:
    """Wait until the slices of `svc` are what its pods call for, each endpoint answers, and the Service delivers.

    `ending`: a pod that is being deleted. What is said of it counts only while it still answers. `refusal`: whether a
    Service without endpoints has to refuse; silence is as good otherwise, where slices are what a test is about.
    """
    at = family or cluster.families[0]
    dials = [Dial(client, port=port, family=at, refusal=refusal) for client in CLIENTS]

    def look() -> Findings:
        several = [service_findings(arena, "svc", dials), endpoints_answer(arena)]
        return Findings.joined([*several, still_answers(arena, ending)] if ending else several)

    check.eventually(what, look, within=check.waits.endpoints_program)


def still_answers(arena: Arena, ref: str, *, client: str = "y/b") -> Findings:
    """The positive control of what is said of a pod that is being deleted: it is there, and answers."""
    pod = arena.pods[ref]
    (result,) = arena.ask(client, Tcp(pod.address(), 80))
    return Findings(tuple(uncontrolled(f"{client} → {ref}, which is being deleted", result, by=pod.full)))


def slices(arena: Arena, name: str = "svc") -> list[dict[str, Any]]:
    """The slices of a Service of namespace x, as the API has them now."""
    selector = f"{SERVICE_NAME}={name}"
    return list(arena.kube.list(SLICES, namespace=arena.namespace("x"), labels=selector).items)


def endpoints_answer(arena: Arena, name: str = "svc", *, client: str = "y/b") -> Findings:
    """Every ready endpoint, dialled at the address and port its slice gives, is answered by the pod its slice names."""
    ready = list(_ready(slices(arena, name)))
    results = arena.ask(client, *(Tcp(address, port) for address, port, _ in ready))
    found = [
        Difference(
            f"{client} → {address}:{port}",
            f"answered by {pod}",
            str(result),
            "the slice",
            Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL,
        )
        for (address, port, pod), result in zip(ready, results, strict=True)
        if result.who != pod
    ]
    silent = any(result.seen is not Seen.REACHED for result in results)
    # An endpoint that answers as somebody else is a wrong slice; one that does not answer may be the network's fault.
    hint = Symptom.POD_ADDRESS_FAILS if silent else Symptom.SLICES_WRONG
    return Findings(tuple(found), frozenset({hint} if found else ()), asked=f"{client} → every endpoint of {name}")


def _ready(found: list[dict[str, Any]]) -> Iterator[tuple[str, int, str]]:
    """Address, port and pod of each ready endpoint for TCP."""
    for each in found:
        for endpoint in each.get("endpoints") or ():
            for port in each.get("ports") or ():
                if endpoint["conditions"].get("ready") is not False and port["protocol"] == "TCP":
                    yield endpoint["addresses"][0], int(port["port"]), _pod(endpoint)


def _pod(endpoint: Mapping[str, Any]) -> str:
    target = endpoint.get("targetRef") or {}
    return f"{target.get('namespace')}/{target.get('name')}"
