"""Faults that are misreadings: what the proxy takes objects for, and that the objects themselves stay as they are."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.conntrack import stale_flows, udp_front_ends
from harness.embedded.kubeproxy.health import Health, ProxyHealth, health_ports, is_eligible
from harness.embedded.kubeproxy.misread import misread
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.nft.trace import Origin, Packet, Situation, Verdict, outcomes
from tests.unit.embedded.kubeproxy.service_flows import (
    BALANCER,
    NODE_ADDRESSES,
    OUTSIDE,
    POD_CIDRS,
    PODS,
    SERVICE_CIDRS,
    cluster_ips,
    service,
    slices,
)
from tests.unit.embedded.kubeproxy.test_kubeproxy_faults import fault

A, B, C, NODE = PODS["a"][1], PODS["b"][1], PODS["c"][1], NODE_ADDRESSES["n1"][0]
IP, LB = cluster_ips(1)[0], BALANCER["lb"][0]
BASE = Snapshot("n1", NODE_ADDRESSES["n1"], POD_CIDRS["n1"], service_cidrs=SERVICE_CIDRS)
LEAVING = {"ready": False, "serving": True, "terminating": True}
STICKY = {"sessionAffinity": "ClientIP"}
LOCAL_IN, LOCAL_OUT = {"internalTrafficPolicy": "Local"}, {"externalTrafficPolicy": "Local"}
HINTED = {pod: {"forZones": [{"name": f"z-{pod}"}]} for pod in "bc"}


def balanced(mode: str = "VIP", **spec: Any) -> dict[str, Any]:
    status = {"loadBalancer": {"ingress": [{"ip": LB, "ipMode": mode}]}}
    return service("s", 1, type="LoadBalancer", status=status, **spec)


def node_port(**spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "protocol": "TCP", "nodePort": 30080}]
    return service("s", 1, type="NodePort", ports=ports, **spec)


def ends(
    services: Sequence[Any],
    items: Sequence[Any],
    source: str,
    target: str,
    port: int = 80,
    *planted: Any,
    zone: str = "",
) -> set[str]:
    """Where a connection may end up: addresses of endpoints, or what becomes of it."""
    state = replace(BASE, services=tuple(services), slices=tuple(items), faults=planted, zone=zone)
    origin = Origin.NODE if source == NODE else Origin.LINK
    found = outcomes(
        compile_services(state), Packet(source, target, "tcp", port, origin), Situation(local=frozenset({NODE}))
    )
    return {one.packet.destination if one.verdict is Verdict.ACCEPT else str(one.verdict.name) for one in found}


ROWS: list[tuple[str, dict[str, Any], list[Any], list[Any], tuple[str, str, int], set[str], set[str]]] = [
    # fault, params, services, slices, (from, to, port), as it should be, as it is with the fault
    ("F24", {}, [service("s", 1)], slices("s", "b"), (A, IP, 80), {B}, {"DROP"}),
    ("F11", {}, [service("s", 1)], slices("s", "b"), (NODE, IP, 80), {B}, {"DROP"}),
    ("F68", {}, [service("s", 1)], slices("s", "bc"), (A, IP, 80), {B, C}, {B}),
    ("F79", {}, [service("s", 1, **LOCAL_IN)], slices("s", "c"), (A, IP, 80), {"DROP"}, {C}),
    ("F79", {}, [node_port(**LOCAL_OUT)], slices("s", "c"), (OUTSIDE[0], NODE, 30080), {"DROP"}, {C}),
    ("F42", {}, [balanced("Proxy")], slices("s", "b"), (A, LB, 80), {LB}, {B}),
    ("F41", {}, [balanced(**LOCAL_OUT)], slices("s", "c"), (A, LB, 80), {C}, {"DROP"}),
    ("F84", {}, [balanced(loadBalancerSourceRanges=["192.0.2.0/24"])], slices("s", "b"), (A, LB, 80), {"DROP"}, {B}),
    ("F78", {}, [service("s", 1)], slices("s", "b", conditions=LEAVING), (A, IP, 80), {B}, {"REJECT"}),
    ("F83", {}, [service("s", 1)], slices("s", "b", conditions=LEAVING), (A, IP, 80), {B}, {"DROP"}),
    ("F80", {}, [service("s", 1)], slices("s", "bc", hints=HINTED), (A, IP, 80), {B}, {B, C}),
    (
        "F80",
        {"always": True},
        [service("s", 1)],
        slices("s", "bc", hints={"b": HINTED["b"]}),
        (A, IP, 80),
        {B, C},
        {B},
    ),
]


@pytest.mark.parametrize(
    ("id_", "params", "services", "items", "flow", "right", "broken"),
    ROWS,
    ids=[f"{r[0]}-{n}" for n, r in enumerate(ROWS)],
)
def test_what_breaks(
    id_: str, params: Any, services: Any, items: Any, flow: tuple[str, str, int], right: set[str], broken: set[str]
) -> None:
    """Each fault changes where a connection ends, in its namespaces alone."""
    planted = fault(f"services/{id_}", **params)
    elsewhere = fault(f"services/{id_}", namespaces=["else"], **params)
    assert ends(services, items, *flow, zone="z-b") == right
    assert ends(services, items, *flow, elsewhere, zone="z-b") == right
    assert ends(services, items, *flow, planted, zone="z-b") == broken


def test_labels_ignored() -> None:
    """services/F81: a Service that is another proxy's is served all the same, by slices that are no proxy's, too."""
    one, headless = service("s", 1), slices("s", "b")
    for each in headless:
        each["metadata"]["labels"]["service.kubernetes.io/headless"] = ""
    assert ends([one], headless, A, IP) == {"REJECT"}
    assert ends([one], headless, A, IP, 80, fault(faults.LABELS_IGNORED)) == {B}
    one["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "x"}
    assert ends([one], slices("s", "b"), A, IP) == {"DROP"}
    assert ends([one], slices("s", "b"), A, IP, 80, fault(faults.LABELS_IGNORED)) == {B}


def test_affinity_ignored() -> None:
    """services/F91: a Service with affinity is the same to the proxy as one without."""
    sticky, plain, broken = service("s", 1, **STICKY), service("s", 1), fault(faults.AFFINITY_IGNORED)
    snapshots = [replace(BASE, services=(one,), slices=tuple(slices("s", "bc"))) for one in (sticky, plain)]
    first, second = (misread(replace(one, faults=(broken,))).services[0]["spec"] for one in snapshots)
    assert first["sessionAffinity"] == second["sessionAffinity"] == "None"
    assert misread(replace(snapshots[0], faults=(fault(faults.RANGES_IGNORED),))).services[0]["spec"] == sticky["spec"]


def test_first_slice_only() -> None:
    """services/F82: of two slices of one family one counts."""
    second = slices("s", "c")
    for one in second:
        one["metadata"]["name"] += "-2"
    items = [*slices("s", "b"), *second]
    assert ends([service("s", 1)], items, A, IP) == {B, C}
    assert ends([service("s", 1)], items, A, IP, 80, fault(faults.FIRST_SLICE)) == {B}


def test_leaving_and_unready_endpoints_are_taken_for_ready() -> None:
    """services/F36 by what serves, services/F08 whatever it says, for Services with affinity."""
    leaving = [*slices("s", "b"), *slices("s", "c", conditions=LEAVING)]
    for one in leaving[2:]:
        one["metadata"]["name"] += "-2"
    assert ends([service("s", 1)], leaving, A, IP) == {B}
    assert ends([service("s", 1)], leaving, A, IP, 80, fault(faults.TERMINATING_PREFERRED)) == {B, C}
    unready = slices("s", "c", conditions={"ready": False, "serving": False})
    assert ends([service("s", 1, **STICKY)], unready, A, IP, 80, fault(faults.STICKS_TO_UNREADY)) == {C}
    assert ends([service("s", 1)], unready, A, IP, 80, fault(faults.STICKS_TO_UNREADY)) == {"REJECT"}


def test_affinity_forgotten_under_local() -> None:
    """services/F06: the local chain has no affinity rules any more, the other one has."""
    one = node_port(**LOCAL_OUT, **STICKY)
    counts = []
    for planted in ((), (fault(faults.AFFINITY_UNDER_LOCAL),)):
        state = replace(BASE, services=(one,), slices=tuple(slices("s", "ab")), faults=planted)
        chains = compile_services(state).tables[0].chains
        counts.append({name.split("-")[0]: len(chain.rules) for name, chain in chains.items()})
    assert counts[0]["service"] == counts[1]["service"] == counts[0]["local"] == 3
    assert counts[1]["local"] == 1


def test_originals_stay_as_they_are() -> None:
    """Others read the same objects."""
    services, items = [balanced("Proxy", **LOCAL_IN)], slices("s", "bc", hints=HINTED)
    before = copy.deepcopy((services, items))
    everything = [fault(f"services/F{number}") for number in (8, 36, 42, 78, 79, 80, 81, 82, 84)]
    misread(replace(BASE, services=tuple(services), slices=tuple(items), faults=tuple(everything)))
    assert (services, items) == before


UDP = [{"port": 80, "protocol": "UDP"}]
FLOW = f"udp 17 29 src={A} dst={IP} sport=1 dport=80 src={B} dst={A} sport=%d dport=1 mark=0"


@pytest.mark.parametrize(
    ("id_", "port", "cleared"),
    [("", 8080, False), ("", 81, True), ("F29", 81, False), ("F29", 8080, False), ("F30", 8080, True)],
)
def test_what_conntrack_keeps(id_: str, port: int, cleared: bool) -> None:  # a table's column
    """Healthy proxies clear what no endpoint stands for; with F29 the port is not looked at, with F30 nothing stays."""
    state = replace(
        BASE,
        services=(service("s", 1, ports=UDP),),
        slices=tuple(slices("s", "b", protocols=("UDP",))),
        faults=(fault(f"services/{id_}"),) if id_ else (),
    )
    assert bool(stale_flows(FLOW % port, udp_front_ends(state))) is cleared


def test_clearing_too_much_happens_at_each_change() -> None:
    """services/F30: another set of endpoints is another set of front ends, or nothing would be cleared again."""
    found = [
        udp_front_ends(
            replace(
                BASE,
                services=(service("s", 1, ports=UDP),),
                slices=tuple(slices("s", pods, protocols=("UDP",))),
                faults=(fault(faults.CLEARED_TOO_MUCH),),
            )
        )
        for pods in ("b", "bc")
    ]
    assert found[0] != found[1]


def health(*planted: Any) -> dict[int, Health]:
    one = balanced(healthCheckNodePort=31000, **LOCAL_OUT)
    return health_ports(replace(BASE, services=(one,), slices=tuple(slices("s", "bc")), faults=planted))


def test_wrong_health() -> None:
    """services/F44: no port at all, or one that counts every endpoint; services/F43 marks the answer as frozen."""
    assert health()[31000].local_endpoints == 1
    assert health(fault(faults.WRONG_HEALTH)) == {}
    assert health(fault(faults.WRONG_HEALTH, all=True))[31000].local_endpoints == 2
    assert health(fault(faults.STALE_HEALTH))[31000].frozen
    assert health(fault(faults.WRONG_HEALTH, namespaces=["else"]))[31000].local_endpoints == 1


@pytest.mark.parametrize(
    ("node", "path", "status"),
    [
        ({"metadata": {}}, "/healthz", b"200"),
        ({"metadata": {"deletionTimestamp": "now"}}, "/healthz", b"503"),
        ({"metadata": {}, "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler"}]}}, "/healthz", b"503"),
        ({"metadata": {"deletionTimestamp": "now"}}, "/livez", b"200"),
        ({"metadata": {}, "spec": {"taints": [{"key": "other"}]}}, "/healthz", b"200"),
    ],
)
def test_the_proxy_says_how_it_is(node: dict[str, Any], path: str, status: bytes) -> None:
    """/healthz is also about the node, /livez about the proxy alone (KEP-3836)."""
    response = ProxyHealth("2026-01-01T00:00:00Z", eligible=is_eligible(node)).response(path)
    assert response.split(b" ")[1] == status
    assert b'"lastUpdated": "2026-01-01T00:00:00Z"' in response
