"""Services of two address families: both addresses serve, in the order that was asked for.

Source: Service v1 (core), KEP-563 (dual-stack).
"""

from __future__ import annotations

import pytest

from harness.suite import (
    Arena,
    Check,
    Dial,
    Difference,
    Family,
    Findings,
    requirement,
    service,
    service_findings,
)
from suites.services.dialled import ALL, CLIENTS, DATAGRAM, HTTP

ORDERS = [
    pytest.param((Family.V4, Family.V6), id="ipv4-first"),
    pytest.param((Family.V6, Family.V4), id="ipv6-first"),
]


@pytest.mark.parametrize("order", ORDERS)
@requirement("SVC-302", "SVC-304", "SVC-308", needs=("dual", "nodes2"))
def test_both_families(arena: Arena, check: Check, order: tuple[Family, Family]) -> None:
    """A dual-stack Service has its addresses in the order asked for; both serve, and keep the client's address."""
    spec = {"selector": ALL, "ports": [HTTP, DATAGRAM], "ipFamilyPolicy": "RequireDualStack"}
    (made,) = arena.apply(service("svc", {**spec, "ipFamilies": [str(family) for family in order]}))
    dials = [
        Dial(client, family=family, protocol=protocol, answered=True)
        for client in CLIENTS
        for family in order
        for protocol in ("TCP", "UDP")
    ]
    check.eventually("served", lambda: service_findings(arena, "svc", dials), within=check.waits.service_program)
    addresses = [str(each) for each in made["spec"]["clusterIPs"]]
    if tuple(map(Family.of, addresses)) != order:
        wanted, seen = ", ".join(order), ", ".join(addresses)
        check.now(Findings((Difference("order of spec.clusterIPs", wanted, seen, "spec.ipFamilies"),)))
