"""Services dialled as they stand: ClusterIP, NodePort, LoadBalancer, affinity, traffic policies, families.

Source: Service v1 (core) and the Services section of the catalogue (SVC-…).
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Dial,
    Family,
    Findings,
    Via,
    one_per_node,
    requirement,
    service,
    service_findings,
)
from suites.services.cases import CASES, ServiceCase


def _param(case: ServiceCase) -> object:
    return pytest.param(case, marks=requirement(*case.ids, needs=case.needs, promise=case.promise), id=case.name)


def dials(case: ServiceCase, cluster: ClusterFacts, clients: Iterable[str]) -> list[Dial]:
    """Every client, port and node of a case."""
    family = Family(case.family) if case.family else cluster.families[0]
    wanted = [(port, not case.refuses) for port in case.ports] + [(port, False) for port in case.dead]
    return [
        Dial(client, via=via, port=port, protocol=protocol, family=family, entry=entry, answered=answered)
        for client in clients
        for (port, protocol), answered in wanted
        for via in ([case.via] if isinstance(case.via, Via) else case.via)
        for entry in (cluster.sample if via is Via.NODE_PORT else [""])
    ]


@pytest.mark.parametrize("case", [_param(case) for case in CASES])
def test_service(arena: Arena, check: Check, cluster: ClusterFacts, case: ServiceCase) -> None:
    """A Service delivers to exactly the backends that the API calls for."""
    arena.apply(service("svc", case.spec))
    space = arena.namespace("x")
    if "lb" in case.needs:
        cluster.await_loadbalancer("svc", namespace=space, timeout=check.waits.loadbalancer_address)

    backends = [ref for ref in arena.table if ref.startswith("x/")]
    clients = {*case.clients, *(one_per_node(arena, cluster, but=backends) if case.every_node else ())}
    several = dials(case, cluster, sorted(clients))

    def look() -> Findings:
        return service_findings(arena, "svc", several)

    spacing = check.waits.refusal_spacing if case.refuses else None
    check.eventually("Service delivers", look, within=check.waits.service_program, spacing=spacing)
