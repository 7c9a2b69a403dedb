"""Who may answer behind a Service address: a hand-made table of situations, and how attempts are judged."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.services import (
    Arrival,
    Delivery,
    Failure,
    Source,
    Via,
    deliver,
    judge_arrivals,
    node_client,
    outside_client,
    pod_client,
)
from harness.oracle.snapshot import Snapshot

from .cluster import ADDRESSES, cluster, endpoint, pod, service, slice_of

CLIENTS = [pod("p90", "A", labels={"app": "client"}), pod("p91", "C", labels={"app": "client"})]
ON_A_AND_B = slice_of(endpoint("e1", "A"), endpoint("e2", "B"))
ON_B = slice_of(endpoint("e2", "B"))
LOCAL_IN, LOCAL_OUT = {"internalTrafficPolicy": "Local"}, {"externalTrafficPolicy": "Local"}
DYING = {"ready": False, "serving": True, "terminating": True}
DEAD = {"ready": False, "serving": False, "terminating": True}


def world(*slices: dict[str, Any]) -> Snapshot:
    return cluster(*CLIENTS, *(slices or (ON_A_AND_B,)))


def ask(snapshot: Snapshot, made: dict[str, Any], who: str, via: Via = Via.CLUSTER_IP, **kw: Any) -> Delivery:
    """`who`: p90 (pod on A), p91 (pod on C), A, B, C (nodes), X (outside)."""
    if who == "X":
        client = outside_client(kw.pop("address", "192.0.2.1"))
    else:
        client = node_client(snapshot, who) if who in ADDRESSES else pod_client(snapshot, "x", who)
    kw.setdefault("port", 80)
    return deliver(snapshot, made, via=via, client=client, **kw)


def pods(found: Delivery) -> set[str]:
    return {each.pod.removeprefix("x/") for each in found.backends}


NP, LB, EXT = Via.NODE_PORT, Via.LOAD_BALANCER, Via.EXTERNAL_IP
TWO, ONE_A, ONE_B, NONE = {"e1", "e2"}, {"e1"}, {"e2"}, set()

TABLE: list[tuple[str, dict[str, Any], str, Via, dict[str, Any], set[str], Failure]] = [
    ("SVC-001", {}, "p90", Via.CLUSTER_IP, {}, TWO, Failure.REFUSED),
    ("SVC-004", {}, "C", Via.CLUSTER_IP, {}, TWO, Failure.REFUSED),
    ("SVC-053", {}, "p90", Via.CLUSTER_IP, {"port": 81}, NONE, Failure.DEAD),
    ("SVC-002", {}, "p90", Via.CLUSTER_IP, {"protocol": "UDP"}, NONE, Failure.DEAD),
    ("SVC-006", {}, "p90", Via.CLUSTER_IP, {"port": "http"}, TWO, Failure.REFUSED),
    ("SVC-090", LOCAL_IN, "p90", Via.CLUSTER_IP, {}, ONE_A, Failure.DEAD),
    ("SVC-091", LOCAL_IN, "p91", Via.CLUSTER_IP, {}, NONE, Failure.DEAD),
    ("SVC-092", LOCAL_IN, "B", Via.CLUSTER_IP, {}, ONE_B, Failure.DEAD),
    ("SVC-096", LOCAL_IN, "B", NP, {"entry": "C"}, TWO, Failure.REFUSED),
    (
        "SVC-116",
        {"labels": {"service.kubernetes.io/service-proxy-name": "o"}},
        "A",
        NP,
        {"entry": "A"},
        NONE,
        Failure.DEAD,
    ),
    ("SVC-110", {"clusterIP": "None"}, "p90", Via.HEADLESS, {}, TWO, Failure.REFUSED),
    ("SVC-128", {"externalIPs": ["203.0.113.1"]}, "p90", EXT, {}, TWO, Failure.REFUSED),
    ("SVC-161", {}, "A", NP, {"entry": "C"}, TWO, Failure.REFUSED),
    ("SVC-166", {}, "X", NP, {"entry": "C"}, TWO, Failure.REFUSED),
    ("SVC-175", LOCAL_OUT, "A", NP, {"entry": "B"}, ONE_B, Failure.DEAD),
    ("SVC-177", LOCAL_OUT, "A", NP, {"entry": "C"}, NONE, Failure.DEAD),
    ("SVC-176", LOCAL_OUT, "X", NP, {"entry": "B"}, ONE_B, Failure.DEAD),
    ("SVC-178", LOCAL_OUT, "p91", NP, {"entry": "C"}, TWO, Failure.REFUSED),
    ("SVC-179", LOCAL_OUT, "C", NP, {"entry": "C"}, TWO, Failure.REFUSED),
    ("SVC-130", LOCAL_OUT, "C", EXT, {}, TWO, Failure.REFUSED),
    ("SVC-221", {}, "X", LB, {}, TWO, Failure.DEAD),
    ("SVC-222", {}, "p91", LB, {}, TWO, Failure.REFUSED),
    ("SVC-234", LOCAL_OUT, "X", LB, {}, TWO, Failure.DEAD),
    ("SVC-236", LOCAL_OUT, "X", LB, {"entry": "A"}, ONE_A, Failure.DEAD),
    ("SVC-235", LOCAL_OUT, "p91", LB, {}, TWO, Failure.REFUSED),
    ("SVC-230", {"loadBalancerSourceRanges": ["192.0.2.0/24"]}, "X", LB, {}, TWO, Failure.DEAD),
    ("SVC-230 no", {"loadBalancerSourceRanges": ["198.51.100.0/24"]}, "X", LB, {}, NONE, Failure.DEAD),
    ("SVC-231", {"loadBalancerSourceRanges": ["0.0.0.0/1", "128.0.0.0/1"]}, "X", LB, {}, TWO, Failure.DEAD),
    ("SVC-232", {"loadBalancerSourceRanges": ["198.51.100.0/24"]}, "X", NP, {"entry": "A"}, TWO, Failure.REFUSED),
]


@pytest.mark.parametrize(
    ("row", "spec", "who", "via", "how", "backends", "failure"), TABLE, ids=[row[0] for row in TABLE]
)
def test_who_may_answer(
    row: str, spec: dict[str, Any], who: str, via: Via, how: dict[str, Any], backends: set[str], failure: Failure
) -> None:
    """Two backends, on A and B: by address, client and policy, this set may answer, or failing goes like this."""
    found = ask(world(), service(**spec), who, via, **how)
    assert (pods(found), found.failure) == (backends, failure)


def test_a_client_outside_has_an_address_of_each_family() -> None:
    """Ranges are held against the address of the family that is dialled."""
    client = outside_client("192.0.2.1", "2001:db8::1")
    made = service(loadBalancerSourceRanges=["192.0.2.0/24"])
    found = deliver(world(), made, via=LB, client=client, port=80)
    assert (pods(found), found.client) == (TWO, "outside 192.0.2.1 2001:db8::1")
    assert not deliver(world(), made, via=LB, client=client, port=80, family=Family.V6).backends


OPEN_QUESTIONS = {"SVC-178", "SVC-179", "SVC-130"}


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_what_is_left_to_the_implementation_is_said(row: Any) -> None:
    """Only the rows the catalogue calls implementation-specific are undefined."""
    name, spec, who, via, how, _, _ = row
    assert bool(ask(world(), service(**spec), who, via, **how).undefined) is (name in OPEN_QUESTIONS)


@pytest.mark.parametrize("via", [Via.CLUSTER_IP, NP, EXT])
@pytest.mark.parametrize("policy", [{}, LOCAL_IN, LOCAL_OUT])
def test_without_endpoints_dialling_is_refused(via: Via, policy: dict[str, Any]) -> None:
    """Whatever the policy, no endpoint anywhere means refusal inside the cluster (SVC-048, 129, 170)."""
    for nothing in (slice_of(), slice_of(endpoint("e1", ready=False))):
        found = ask(world(nothing), service(**policy), "B", via, entry="A")
        assert (found.backends, found.failure) == (frozenset(), Failure.REFUSED)
    assert ask(world(slice_of()), service(), "X", LB).failure is Failure.DEAD
    assert ask(world(slice_of()), service(), "p90", LB).failure is Failure.REFUSED
    assert ask(world(slice_of()), service(**LOCAL_OUT), "X", NP, entry="A").failure is Failure.DEAD


def test_slices_for_names_alone_are_no_proxys() -> None:
    """Slices labelled as headless have nobody who answers at an address (SVC-115); a Service's label says little."""
    label = {"service.kubernetes.io/headless": ""}
    aside = slice_of(endpoint("e1", "A"), endpoint("e2", "B"))
    aside["metadata"]["labels"].update(label)
    found = ask(world(aside), service(), "p90", Via.CLUSTER_IP)
    assert (pods(found), found.failure) == (NONE, Failure.REFUSED)
    assert pods(ask(world(aside), service(clusterIP="None"), "p90", Via.HEADLESS)) == TWO
    found = ask(world(), service(labels=label), "p90", Via.CLUSTER_IP)
    assert pods(found) == TWO
    assert "1.35" in found.undefined


def test_terminating_backends_serve_only_when_nothing_is_ready() -> None:
    """KEP-1669: serving ones, never those that stopped serving (SVC-147, 149, 150, 152)."""
    with_ready = slice_of(endpoint("e1", "A"), endpoint("e2", "B", **DYING))
    assert pods(ask(world(with_ready), service(), "p91")) == ONE_A
    last = slice_of(endpoint("e1", "A", **DYING), endpoint("e2", "B", **DEAD), endpoint("e3", "C", ready=False))
    found = ask(world(last), service(), "p91")
    assert pods(found) == ONE_A
    assert "only terminating backends are left" in found.why[-1]
    assert pods(ask(world(with_ready), service(**LOCAL_IN), "B")) == ONE_B
    assert pods(ask(world(last), service(**LOCAL_IN), "p91")) == NONE
    assert pods(ask(world(last), service(**LOCAL_OUT), "B", NP, entry="A")) == ONE_A
    assert pods(ask(world(last), service(clusterIP="None"), "p90", Via.HEADLESS)) == NONE


def test_hints_narrow_the_choice_when_all_have_them_and_some_fit() -> None:
    """Zone by zone, node before zone; one unhinted ready endpoint or no fit disables them (SVC-097 to 105)."""
    zones = [
        endpoint("e1", "A", hints={"forZones": [{"name": "1"}]}),
        endpoint("e2", "C", hints={"forZones": [{"name": "2"}]}),
    ]
    assert pods(ask(world(slice_of(*zones)), service(), "p90")) == ONE_A
    assert pods(ask(world(slice_of(*zones)), service(), "p91")) == ONE_B
    assert pods(ask(world(slice_of(*zones)), service(), "B", NP, entry="C")) == ONE_B
    assert pods(ask(world(slice_of(*zones, endpoint("e3", "B"))), service(), "p90")) == {"e1", "e2", "e3"}
    assert pods(ask(world(slice_of(*zones, endpoint("e3", "B", ready=False))), service(), "p90")) == ONE_A
    assert pods(ask(world(slice_of(zones[0])), service(), "p91")) == ONE_A
    nodes = [endpoint("e1", "A", hints={"forNodes": [{"name": "A"}], "forZones": [{"name": "2"}]}),
             endpoint("e2", "C", hints={"forNodes": [{"name": "C"}], "forZones": [{"name": "2"}]})]  # fmt: skip
    found = ask(world(slice_of(*nodes)), service(), "p90")
    assert (pods(found), found.why) == (ONE_A, ("hints: backends for node A",))


def test_hints_do_not_choose_among_backends_that_are_leaving() -> None:
    """When nothing is ready, each backend that still serves takes traffic, whoever it was meant for."""
    last = [
        endpoint("e1", "A", hints={"forZones": [{"name": "1"}]}, **DYING),
        endpoint("e2", "C", hints={"forZones": [{"name": "2"}]}, **DYING),
    ]
    assert pods(ask(world(slice_of(*last)), service(), "p90")) == TWO


def test_ports_are_matched_by_name_and_protocol_and_the_slice_has_the_number() -> None:
    """A slice's own number wins, a missing one is no backend, another name is another port (SVC-122, 123; EPS-025)."""
    other = slice_of(endpoint("e3"), name="web-2", ports=[{"name": "other", "port": 1}, {"name": "http", "port": None}])
    manual = slice_of(endpoint("e1"), ports=[{"name": "http", "port": 8090, "protocol": "TCP"}])
    found = ask(world(manual, other), service(), "p90")
    assert [(each.address, each.port) for each in found.backends] == [("10.244.0.1", 8090)]


def test_an_address_in_two_slices_counts_once_and_as_living() -> None:
    """A terminating duplicate does not hide the living one, in either order (EPS-023, 024)."""
    alive, dying = endpoint("e1"), endpoint("e1", **DYING)
    for first, second in ((alive, dying), (dying, alive)):
        found = ask(world(slice_of(first), slice_of(second, name="web-2")), service(), "p90")
        assert pods(found) == ONE_A
        assert "terminating" not in " ".join(found.why)
    several = {**endpoint("e1"), "addresses": ["10.244.0.1", "10.244.0.9"]}
    assert {each.address for each in ask(world(slice_of(several)), service(), "p90").backends} == {"10.244.0.1"}


def test_families_have_backends_of_their_own() -> None:
    """Ready in IPv4 alone means refusal on IPv6 (SVC-309)."""
    assert ask(world(), service(), "p90", family=Family.V6).backends == frozenset()
    six = slice_of(endpoint("e1", family="IPv6"), family="IPv6", name="web-6")
    (only,) = ask(world(ON_B, six), service(), "p90", family=Family.V6).backends
    assert str(only) == "[fd00:10:244::1]:8080 (x/e1)"
    source = ask(world(ON_B, six), service(), "p90", family=Family.V6).source
    assert source.admits("fd00:10:244::90")
    assert not source.admits("10.244.0.90")


SOURCES: list[tuple[str, dict[str, Any], str, Via, dict[str, Any], list[str], list[str]]] = [
    ("SVC-040", {}, "p90", Via.CLUSTER_IP, {}, ["10.244.0.90"], ["172.18.0.2", "10.96.0.7"]),
    ("SVC-004", {}, "A", Via.CLUSTER_IP, {}, ["172.18.0.2", "10.244.0.1"], ["172.18.0.3", "10.244.1.1"]),
    ("SVC-174", {}, "X", NP, {"entry": "A"}, ["192.0.2.1", "172.18.0.2", "10.244.0.1"], ["172.18.0.3"]),
    ("SVC-175", LOCAL_OUT, "A", NP, {"entry": "B"}, ["172.18.0.2"], ["172.18.0.3", "10.244.0.1"]),
    ("SVC-176", LOCAL_OUT, "X", NP, {"entry": "B"}, ["192.0.2.1"], ["172.18.0.3"]),
    ("SVC-235", LOCAL_OUT, "p91", LB, {}, ["10.244.2.91"], ["172.18.0.4"]),
    ("SVC-162", {}, "p90", NP, {"entry": "B"}, ["10.244.0.90", "172.18.0.3", "172.18.0.2"], ["172.18.0.4"]),
    ("SVC-063", {}, "X", Via.CLUSTER_IP, {}, ["192.0.2.1", "172.18.0.4"], []),
    ("SVC-221", {}, "X", LB, {}, ["192.0.2.1", "172.18.0.4"], []),
    ("NET", {"clusterIP": "None"}, "p90", Via.HEADLESS, {}, ["10.244.0.90"], ["172.18.0.2"]),
]


@pytest.mark.parametrize(("who", "via", "how"), [("A", Via.CLUSTER_IP, {}), ("p90", NP, {"entry": "B"})])
def test_a_node_may_show_an_address_that_no_object_names(who: str, via: Via, how: dict[str, Any]) -> None:
    """Bridges and tunnels of network plugins: 10.32.0.1 is a node's, or nobody's we know; a pod's it is not."""
    source = ask(world(), service(), who, via, **how).source
    assert source.admits("10.32.0.1")
    assert "an address of the node's own" in str(source)
    assert not source.admits("172.18.0.4"), "another node's"
    assert not source.admits("10.244.2.7"), "the range of another node"
    stray = pod("p7", "C", status={"podIPs": [{"ip": "10.32.0.7"}]})
    loose = ask(world().replacing(stray), service(), who, via, **how).source
    assert not loose.admits("10.32.0.7"), "another pod's"
    assert loose.admits("10.244.2.7"), "where pods are not in the range of their node, ranges say nothing"


@pytest.mark.parametrize(("row", "spec", "who", "via", "how", "good", "bad"), SOURCES, ids=[row[0] for row in SOURCES])
def test_which_source_may_be_seen(
    row: str, spec: dict[str, Any], who: str, via: Via, how: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    """Pods keep their address through a ClusterIP, nodes may use any of theirs, Local keeps the client's."""
    source = ask(world(), service(**spec), who, via, **how).source
    assert [each for each in good if not source.admits(each)] == []
    assert [each for each in bad if source.admits(each)] == []
    assert str(source)


def test_a_host_network_pod_dials_as_its_node() -> None:
    """Its address is the node's."""
    host = pod("p92", "B", hostNetwork=True)
    snapshot = cluster(host, ON_A_AND_B)
    client = pod_client(snapshot, "x", "p92")
    assert (client.where, client.node, client.addresses[0]) == ("node", "B", "172.18.0.3")


def test_affinity_has_its_time() -> None:
    """The default is three hours; a configured time counts (SVC-070, 076, 085)."""
    assert ask(world(), service(), "p90").affinity is None
    assert ask(world(), service(sessionAffinity="ClientIP"), "p90").affinity == 10800
    config = {"clientIP": {"timeoutSeconds": 10}}
    made = service(sessionAffinity="ClientIP", sessionAffinityConfig=config)
    assert ask(world(), made, "p90").affinity == 10


def test_a_balancer_that_proxies_is_not_predicted() -> None:
    """ipMode Proxy sends the traffic out to the balancer (SVC-244)."""
    status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.1", "ipMode": "Proxy"}]}}
    for spec in ({}, LOCAL_OUT):
        assert ask(world(), service(status=status, **spec), "p90", LB).undefined.startswith("ipMode Proxy")
    vip = {"loadBalancer": {"ingress": [{"ip": "203.0.113.1", "ipMode": "VIP"}]}}
    assert ask(world(), service(status=vip), "p90", LB).undefined == ""


def test_a_node_port_needs_its_node() -> None:
    """A NodePort is dialled somewhere."""
    with pytest.raises(ValueError, match="at some node"):
        ask(world(), service(), "p90", NP)


E1 = Arrival(Seen.REACHED, "10.244.0.1", 8080, "x/e1", "10.244.0.90")
E2 = Arrival(Seen.REACHED, "10.244.1.2", 8080, "x/e2", "10.244.0.90")


def whats(delivery: Delivery, *arrivals: Arrival, complete: bool = False) -> list[str]:
    return [str(each) for each in judge_arrivals(delivery, arrivals, complete=complete)]


def test_right_answers_show_no_difference() -> None:
    """Allowed backends, kept source, all of them seen."""
    found = ask(world(), service(), "p90")
    assert whats(found, E1, E2, E1, complete=True) == []
    assert whats(found, Arrival(Seen.REACHED, pod="x/e1")) == []


def test_a_wrong_backend_is_told_whoever_it_is() -> None:
    """Another pod, another port, or nobody known."""
    found = ask(world(ON_B), service(), "p90")
    one = "one of 10.244.1.2:8080 (x/e2)"
    assert whats(found, E1) == [f"answer of x/e1 10.244.0.1:8080: expected {one}, saw it answered"]
    assert len(whats(found, Arrival(Seen.REACHED, "10.244.1.2", 8081))) == 1
    assert whats(found, Arrival(Seen.REACHED)) == [f"answer of an unnamed server: expected {one}, saw it answered"]
    assert "expected nobody" in whats(ask(world(slice_of()), service(), "p90"), E1)[0]


def test_a_rewritten_source_is_told() -> None:
    """The address seen, the address promised, and why."""
    rewritten = Arrival(Seen.REACHED, "10.244.1.2", 8080, "x/e2", "172.18.0.2")
    assert whats(ask(world(), service(), "p90"), rewritten) == [
        "client address seen by x/e2 10.244.1.2:8080: expected 10.244.0.90, saw 172.18.0.2"
        " (a pod's address is kept through a ClusterIP)"
    ]


def test_a_pod_that_reaches_itself_may_see_any_source() -> None:
    """Hairpin traffic is masqueraded by some (SVC-047)."""
    own = slice_of(endpoint("p90", "A"))
    hairpin = Arrival(Seen.REACHED, "10.244.0.90", 8080, "x/p90", "10.244.0.1")
    assert whats(ask(world(own), service(), "p90"), hairpin, complete=True) == []


def test_failures_are_counted_and_told() -> None:
    """An attempt that fails though backends exist; silence where refusal is promised."""
    refused, silent = Arrival(Seen.REFUSED), Arrival(Seen.SILENT)
    found = ask(world(), service(), "p90")
    assert whats(found, E1, refused, silent, silent) == [
        "1 of 4 attempts: expected reached, saw refused",
        "2 of 4 attempts: expected reached, saw silent",
    ]
    nobody = ask(world(slice_of()), service(), "p90")
    assert whats(nobody, refused) == []
    assert whats(nobody, refused, silent) == ["1 of 2 attempts: expected refused, saw silent (no endpoints)"]
    assert whats(ask(world(), service(**LOCAL_IN), "p91"), refused, silent) == []


def test_a_backend_that_never_answers_counts_when_enough_was_asked() -> None:
    """Only the caller knows whether enough attempts were made."""
    found = ask(world(), service(), "p90")
    assert whats(found, E1) == []
    assert whats(found, E1, complete=True) == ["backend 10.244.1.2:8080 (x/e2): expected answers, saw never did"]


def test_affinity_keeps_to_one_backend() -> None:
    """Two backends for one client break it; one is enough whatever was asked."""
    found = ask(world(), service(sessionAffinity="ClientIP"), "p90")
    assert whats(found, E1, E1, complete=True) == []
    assert whats(found, E1, E2) == [
        "backends of one client: expected one: sessionAffinity ClientIP,"
        " saw 10.244.0.1:8080 (x/e1), 10.244.1.2:8080 (x/e2)"
    ]


def test_lost_attempts_are_unknown() -> None:
    """What was not measured is a difference of its own kind."""
    found = judge_arrivals(ask(world(), service(), "p90"), [E1, Arrival(Seen.UNMEASURED), Arrival(Seen.MISSING)])
    assert [(each.what, each.verdict) for each in found] == [
        ("attempt 2", Verdict.UNKNOWN),
        ("attempt 3", Verdict.UNKNOWN),
    ]


def test_an_undefined_delivery_is_held_against_its_widest_set_only() -> None:
    """Any source, any failure; still no stranger may answer."""
    found = ask(world(), service(**LOCAL_OUT), "p91", NP, entry="C")
    odd = Arrival(Seen.REACHED, "10.244.1.2", 8080, "x/e2", "172.18.0.4")
    assert whats(found, odd, Arrival(Seen.SILENT), complete=True) == []
    assert len(whats(found, Arrival(Seen.REACHED, "10.9.9.9", 80))) == 1


def test_ranges_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer of a large cluster is held against the ranges of all its nodes; reading them costs far more."""
    read: list[str] = []
    real = ipaddress.ip_network
    monkeypatch.setattr(ipaddress, "ip_network", lambda text: (read.append(text), real(text))[1])
    others = frozenset(f"198.18.{number}.0/24" for number in range(50))
    source = Source(rewritten=True, others=others)
    assert [source.admits(each) for each in ("198.19.0.1", "198.18.7.9", "198.19.0.2")] == [True, False, True]
    assert sorted(read) == sorted(others)
