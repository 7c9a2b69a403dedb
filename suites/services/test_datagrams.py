"""Datagram flows through Services: one client socket, endpoints that change behind it, and flows that are none of it.

Source: catalogue group 1.2.8. Translation is decided by a flow's first datagram, and datagrams have no end: whoever
translates has to clear what leads to endpoints that are gone, and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Difference,
    Family,
    Findings,
    Result,
    Seen,
    Symptom,
    Udp,
    Verdict,
    answered_by,
    requirement,
    service,
    uncontrolled,
)
from suites.services.by_hand import DATAGRAM, UNREADY, delivered, endpoint, slice_of

CLIENT = "y/b"
FLOW_PORT = 20054
"""Source port of the one flow at each address: in the pod's own network, so nobody else's."""
OTHERS = tuple(range(20060, 20068))
"""Source ports of flows that have nothing to do with it: eight keep two backends by chance with 2^-8."""
RULE = "flows follow the endpoints"


def udp_slice(arena: Arena, name: str, family: Family, *refs: str, port: int = 80, **said: Any) -> dict[str, Any]:
    """A slice with these pods."""
    several = [endpoint(arena, ref, family, **said) for ref in refs]
    return slice_of(name, several, ports=[{"name": "udp", "port": port, "protocol": "UDP"}], family=family)


@requirement("SVC-202", "SVC-204", "SVC-205", "SVC-208", needs=("nodes2",))
def test_flows_follow_endpoints(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A flow finds the first ready endpoint, a new target port, and another endpoint; other flows are let be."""
    family = cluster.families[0]
    spec = {"ports": [DATAGRAM], "ipFamilies": [str(family)]}
    made = arena.apply(
        service("svc", {**spec, "type": "NodePort"}),
        service("near", {**spec, "internalTrafficPolicy": "Local"}),
        service("other", spec),
        udp_slice(arena, "svc", family, "x/a", conditions=UNREADY),
        udp_slice(arena, "near", family, "x/c"),
        udp_slice(arena, "other", family, "x/a", "x/b"),
    )
    front = [(str(made[0]["spec"]["clusterIP"]), 80), (_entry(arena, cluster), _node_port(made[0]))]
    near = [(str(made[1]["spec"]["clusterIP"]), 80)]
    delivered(arena, check, "other flows' Service", {"other": [Dial(CLIENT, protocol="UDP", family=family)]})
    rest = _others(arena, str(made[2]["spec"]["clusterIP"]))
    arena.ask(CLIENT, *(Udp(host, port, source_port=FLOW_PORT) for host, port in front))  # before anybody is ready
    steps: list[tuple[str, dict[str, Any], str, int, str]] = [
        ("first ready endpoint", udp_slice(arena, "svc", family, "x/a"), "x/a", 80, "x/c"),
        ("target port changed", udp_slice(arena, "svc", family, "x/a", port=81), "x/a", 81, "x/c"),
        ("somebody else", udp_slice(arena, "svc", family, "x/b"), "x/b", 80, "z/a"),
    ]
    for what, changed, who, port, local in steps:
        arena.apply(changed, udp_slice(arena, "near", family, local))
        wanted = {**dict.fromkeys(front, (who, port)), **dict.fromkeys(near, (local, 80))}

        def look(wanted: Mapping[tuple[str, int], tuple[str, int]] = wanted) -> Findings:
            return _flows(arena, wanted)

        check.eventually(what, look, within=check.waits.service_program)
    moved = {port: who for port, who in _others(arena, str(made[2]["spec"]["clusterIP"])).items() if rest[port] != who}
    wrong = [
        Difference(f"flow {port} of another Service", str(rest[port]), str(who), RULE) for port, who in moved.items()
    ]
    check.now(Findings(tuple(wrong), frozenset({Symptom.WRONG_BACKEND, Symptom.SLICES_RIGHT} if wrong else ())))


@requirement("SVC-206")
def test_flows_end_with_the_last_endpoint(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """With the last endpoint gone nobody answers a flow, and whoever comes later does."""
    family = cluster.families[0]
    made = arena.apply(
        service("svc", {"ports": [DATAGRAM], "ipFamilies": [str(family)]}), udp_slice(arena, "svc", family, "x/a")
    )
    front = (str(made[0]["spec"]["clusterIP"]), 80)
    for what, refs, who in (("served", ["x/a"], "x/a"), ("nobody left", [], ""), ("served again", ["x/b"], "x/b")):
        arena.apply(udp_slice(arena, "svc", family, *refs))
        look = functools.partial(_flows, arena, {front: (who, 80 if who else 0)})
        check.eventually(what, look, within=check.waits.service_program)


def _entry(arena: Arena, cluster: ClusterFacts) -> str:
    """A node that is not the client's."""
    home = arena.pods[CLIENT].node
    return cluster.node_address(next(name for name in cluster.node_names if name != home), cluster.families[0])


def _node_port(made: Mapping[str, Any]) -> int:
    return int(made["spec"]["ports"][0]["nodePort"])


def _others(arena: Arena, host: str) -> dict[int, str | None]:
    """Who answers each of the flows that should notice nothing."""
    told = arena.ask(CLIENT, *(Udp(host, 80, source_port=port) for port in OTHERS))
    return dict(zip(OTHERS, map(answered_by, told), strict=True))


def _flows(arena: Arena, wanted: Mapping[tuple[str, int], tuple[str, int]]) -> Findings:
    """One datagram of each flow, which a pod (none: nobody) has to answer at a port of its own."""
    control = arena.pods["z/b"]
    several = [Udp(host, port, source_port=FLOW_PORT) for host, port in wanted]
    *told, beside = arena.ask(CLIENT, *several, Udp(control.address(), 80))
    found = uncontrolled(f"{CLIENT} → {control.ref}", beside, by=control.full)
    for (host, number), result in zip(wanted, told, strict=True):
        who, port = wanted[host, number]
        if not _right(arena, result, who, port):
            verdict = Verdict.UNKNOWN if result.seen is Seen.UNMEASURED else Verdict.FAIL
            expected = f"answered by {arena.pods[who].full} at {port}" if who else "nobody"
            what = f"{CLIENT}:{FLOW_PORT} → {host}:{number}/UDP"
            found.append(Difference(what, expected, f"{result} {_end(result)}", RULE, verdict))
    broken = any(each.verdict is Verdict.FAIL for each in found)
    symptoms = frozenset({Symptom.WRONG_BACKEND, Symptom.SLICES_RIGHT} if broken else ())
    return Findings(tuple(found), symptoms, asked=f"flows from port {FLOW_PORT} of {CLIENT}")


def _right(arena: Arena, result: Result, who: str, port: int) -> bool:
    if not who:
        return result.seen in {Seen.REFUSED, Seen.SILENT}
    return answered_by(result) == arena.pods[who].full and _end(result) == str(port)


def _end(result: Result) -> str:
    """The port at which the server served."""
    return result.answer.local.rpartition(":")[2] if result.answer is not None else ""
