"""Which endpoints have names, by what slices say of them. The slices are written by hand: every condition can be had.

Source: EndpointSlice v1 (discovery.k8s.io), KEP-1672; the headless section of the DNS catalogue.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Family,
    Question,
    endpointslice,
    name_findings,
    requirement,
    service,
)

HTTP = {"name": "http", "port": 80, "targetPort": 80}
NOBODY = {Family.V4: "192.0.2.{}", Family.V6: "2001:db8::{}"}
"""Addresses of nobody (RFC 5737, RFC 3849)."""


@requirement("DNS-215", "DNS-216")
def test_only_ready_endpoints_have_names(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Unset readiness counts as ready; serving without being ready does not."""
    family = cluster.families[0]
    addresses = [NOBODY[family].format(number) for number in (1, 2, 3)]
    made = [
        endpointslice(f"cond-{number}", service="cond", addresses=[address], ports={"http": 80}, ready=None)
        for number, address in enumerate(addresses)
    ]
    made[1]["endpoints"][0]["conditions"] = {"ready": False, "serving": True, "terminating": True}
    made[2]["endpoints"][0]["conditions"] = {"serving": True}
    arena.apply(service("cond", {"clusterIP": "None", "ports": [HTTP], "ipFamilies": [str(family)]}), *made)
    name = f"cond.{arena.namespace('x')}.svc.{cluster.zone}."
    questions = [Question(name, "A" if family is Family.V4 else "AAAA"), Question(f"_http._tcp.{name}", "SRV")]
    check.eventually(
        "names", lambda: name_findings(arena, cluster, questions, present=True), within=check.waits.dns_program
    )
