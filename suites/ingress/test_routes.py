"""Who answers which host and path, while nothing changes.

Source: Ingress v1 (networking.k8s.io); catalogue groups 1.4.2 to 1.4.5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.suite import (
    Arena,
    ArenaPod,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Fetch,
    Fetched,
    Findings,
    Seen,
    fetch_all,
    ingress_findings,
    one_per_node,
    requirement,
    routes_judged,
)
from suites.ingress.cases import CASES, RouteCase
from suites.ingress.ground import Ground

SPREAD = 40
"""Requests to a Service of three pods: chosen at random, one is missed with a probability of 3·(2/3)^40 < 10^-6."""
MEBIBYTE = 1 << 20


def _param(case: RouteCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=("ing",), promise=case.promise), id=case.name)


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_route(arena: Arena, check: Check, standing: Ground, case: RouteCase) -> None:
    """Requests are answered by exactly the backends that the Ingresses call for."""
    fetches = standing.fetches(case)
    if not case.served:  # a control: silence of the controller is no proof that it left something alone
        fetches.append(Fetch(standing.host("root"), "/"))
    check.eventually(
        "routes", lambda: ingress_findings(arena, standing.controller, fetches), within=check.waits.service_program
    )


def _told(each: Fetched) -> dict[str, Any]:
    """What the backend says of the request it got; empty without an answer of a backend."""
    if not each.reply.pod or each.result.http is None:
        return {}
    told: dict[str, Any] = json.loads(each.result.http.body or b"{}")
    return told


def _content(each: Fetched, what: str, wanted: object, seen: object) -> list[Difference]:
    """The difference in what arrived; an answer of nobody is judged as such already."""
    if not each.reply.pod or seen == wanted:
        return []
    return [Difference(f"{each.fetch}: {what}", str(wanted), str(seen), "requests are handed on as they are")]


def _looked(arena: Arena, standing: Ground, fetches: Sequence[Fetch]) -> list[Fetched] | Findings:
    return fetch_all(arena, standing.controller, fetches)


@requirement("ING-042", "ING-045", needs=("ing",))
def test_path_and_query_are_handed_on(arena: Arena, check: Check, standing: Ground) -> None:
    """The query is no part of what is matched, and the backend gets path and query as they were asked for."""
    host = standing.host("root")
    fetches = [Fetch(host, "/echo/a", query="?x=1&y=%20z"), Fetch(host, "/echo/a/b/"), Fetch(host, "/echo", query="?/")]

    def look() -> Findings:
        looked = _looked(arena, standing, fetches)
        if isinstance(looked, Findings):
            return looked
        wrong = [
            found
            for each in looked
            for found in _content(each, "target", each.fetch.path + each.fetch.query, _told(each).get("target"))
        ]
        return routes_judged(looked, *wrong)

    check.eventually("path and query", look, within=check.waits.service_program)


@requirement("ING-069", needs=("ing",))
def test_bodies_and_connections(arena: Arena, check: Check, standing: Ground) -> None:
    """Connections are kept for several requests, and bodies pass: chunked ones, and one of a mebibyte."""
    host, chunks = standing.host("root"), b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    sizes = {
        Fetch(host, "/echo/kept", requests=3): 0,
        Fetch(host, "/echo/long", method="POST", body=b"x" * MEBIBYTE): MEBIBYTE,
        Fetch(host, "/echo/chunks", method="POST", body=chunks, headers={"Transfer-Encoding": "chunked"}): 11,
    }

    def look() -> Findings:
        looked = _looked(arena, standing, list(sizes))
        if isinstance(looked, Findings):
            return looked
        wrong = [
            found
            for each in looked
            for found in _content(each, "bytes of the body", sizes[each.fetch], _told(each).get("body"))
        ]
        return routes_judged(looked, *wrong)

    check.eventually("bodies", look, within=check.waits.service_program)


@requirement("ING-070", needs=("ing",))
def test_every_endpoint_is_used(arena: Arena, check: Check, standing: Ground) -> None:
    """Requests for a Service of several pods are spread over all of them."""
    fetches = [Fetch(standing.host("all"), f"/{number}") for number in range(SPREAD)]

    def look() -> Findings:
        looked = _looked(arena, standing, fetches)
        if isinstance(looked, Findings):
            return looked
        wanted, seen = looked[0].route.pods, {each.reply.pod for each in looked}
        lost = any(each.result.seen is Seen.UNMEASURED for each in looked)
        missing = [
            Difference(f"{SPREAD} requests for {fetches[0].host}", f"some to {pod}", "none", "every ready endpoint")
            for pod in sorted(wanted - seen)
        ]
        return routes_judged(looked, *([] if lost else missing))

    check.eventually("spread", look, within=check.waits.service_program)


@requirement("ING-020", needs=("ing",))
def test_addresses_are_published(arena: Arena, check: Check, standing: Ground) -> None:
    """Ingresses of the controller's class get an address, those of a class nobody serves get none."""
    foreign = {f"{case.name}-{number}" for case in CASES if case.classes for number in range(len(case.ingresses))}
    wrote = {"prefix-root-0", "exact-0", *foreign}

    def look() -> Findings:
        found = []
        for name in sorted(wrote):
            each = arena.kube.get("ingresses.networking.k8s.io", name, namespace=standing.space)
            entries = each.get("status", {}).get("loadBalancer", {}).get("ingress") or []
            if bool(entries) is (name in foreign):
                wanted = "none" if name in foreign else "an IP address or a host name"
                found.append(Difference(f"Ingress {name}: address", wanted, str(entries or "none"), "status"))
        return routes_judged([], *found) if found else Findings()

    standing.controller.must_be_outside()
    check.eventually("addresses", look, within=check.waits.service_program)


@requirement("ING-075", needs=("ing",))
def test_every_node_reaches_it(arena: Arena, check: Check, standing: Ground, cluster: ClusterFacts) -> None:
    """Pods on every node reach the controller at its address."""
    clients = one_per_node(arena, cluster)
    fetches = [Fetch(standing.host("root"), "/", client=client) for client in clients]
    check.eventually(
        "reached", lambda: ingress_findings(arena, standing.controller, fetches), within=check.waits.service_program
    )


@requirement("ING-076", needs=("ing", "np-x"))
def test_reached_from_outside(arena: Arena, check: Check, standing: Ground, outside: ArenaPod) -> None:
    """A client outside the cluster reaches backends by the controller's address."""
    standing.controller.must_be_outside()
    fetches = [Fetch(standing.host("root"), "/", client=outside.ref), Fetch(standing.host("longest"), "/aaa/bbb")]
    check.eventually(
        "reached", lambda: ingress_findings(arena, standing.controller, fetches), within=check.waits.service_program
    )


@requirement("ING-077", needs=("ing", "np-x", "dual"))
def test_both_families(arena: Arena, check: Check, standing: Ground, outside: ArenaPod) -> None:
    """A controller with addresses of both families answers on both."""
    standing.controller.must_be_outside()
    fetches = [Fetch(standing.host("root"), "/", client=outside.ref, family=family) for family in Family]
    check.eventually(
        "both families",
        lambda: ingress_findings(arena, standing.controller, fetches),
        within=check.waits.service_program,
    )
