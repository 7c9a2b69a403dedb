"""Flows the nine-pod table does not show: nodes, host-network pods, the outside, families, what is left open."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.expectation import Want
from harness.model.refs import Family
from harness.oracle.policy import (
    Assumptions,
    Cell,
    Endpoint,
    HostNetwork,
    Lane,
    NotAnEndpointError,
    explain,
    external_end,
    node_end,
    pod_end,
    pods,
    reason,
    table,
    verdict,
)
from harness.oracle.snapshot import Snapshot

from .topology import pod, policy, topology

ALLOW, DENY, UNDEFINED = Want.ALLOW, Want.DENY, Want.UNDEFINED
X_A = {"matchLabels": {"pod": "a"}}
ISOLATED_IN: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress"]}
ISOLATED_OUT: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Egress"]}


def with_policy(spec: dict[str, Any], *more: Any) -> Snapshot:
    return topology().replacing(policy("x", spec), *more)


def ask(snapshot: Snapshot, source: Endpoint | str, destination: Endpoint | str, **kw: Any) -> Want:
    ends = [pod_end(snapshot, *each.split("/")) if isinstance(each, str) else each for each in (source, destination)]
    kw.setdefault("port", 80)
    return verdict(snapshot, ends[0], ends[1], **kw).want


def test_ingress_isolation_covers_the_outside_and_remote_nodes_not_the_own_node() -> None:
    """Sources of every kind are denied, except the node the pod runs on (POL-126, 553, 555)."""
    snapshot = with_policy(ISOLATED_IN)
    assert ask(snapshot, external_end("192.0.2.1"), "x/a") is DENY
    assert ask(snapshot, node_end(snapshot, "n2"), "x/a") is DENY
    assert ask(snapshot, node_end(snapshot, "n1"), "x/a") is ALLOW


def test_egress_isolation_covers_the_outside_and_leaves_the_own_node_open() -> None:
    """Egress to the own node is documented both ways, to another node it is denied (POL-127, 554, 556)."""
    snapshot = with_policy(ISOLATED_OUT)
    assert ask(snapshot, "x/a", external_end("192.0.2.1")) is DENY
    assert ask(snapshot, "x/a", node_end(snapshot, "n2")) is DENY
    assert ask(snapshot, "x/a", node_end(snapshot, "n1")) is UNDEFINED
    assert ask(topology(), "x/a", node_end(snapshot, "n1")) is ALLOW


def test_selectors_never_match_the_outside_or_nodes() -> None:
    """An empty namespaceSelector means all pods, not everything (POL-204, 224, 557)."""
    everyone = [{"from": [{"namespaceSelector": {}}]}]
    not_q = [{"from": [{"namespaceSelector": {}, "podSelector": {"matchExpressions": [
        {"key": "tier", "operator": "NotIn", "values": ["q"]}]}}]}]  # fmt: skip
    for rules in (everyone, not_q):
        snapshot = with_policy({"podSelector": X_A, "ingress": rules})
        assert ask(snapshot, external_end("192.0.2.1"), "x/a") is DENY
        assert ask(snapshot, node_end(snapshot, "n2"), "x/a") is DENY
        assert ask(snapshot, "z/c", "x/a") is ALLOW


def test_a_rule_without_peers_admits_everything() -> None:
    """An empty peer list is no restriction, also for the outside (POL-109, 111)."""
    for rule in ({}, {"from": []}, {"from": None}):
        snapshot = with_policy({"podSelector": {}, "ingress": [rule]})
        assert ask(snapshot, external_end("192.0.2.1"), "x/a") is ALLOW


def test_blocks_hold_what_lies_in_them_in_their_own_family_only() -> None:
    """IPv4 blocks never admit IPv6 and the reverse; host bits are ignored (POL-257, 270, 271, 272)."""
    dual = pod("x", "a", more_ips=["fd00:10:1::1"])
    snapshot = with_policy({"podSelector": X_A, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}, dual)
    assert ask(snapshot, external_end("192.0.2.1"), "x/a") is ALLOW
    assert ask(snapshot, external_end("2001:db8::1"), "x/a", family=Family.V6) is DENY
    block = {"cidr": "2001:db8::5/64", "except": ["2001:db8::1/128"]}
    snapshot = with_policy({"podSelector": X_A, "ingress": [{"from": [{"ipBlock": block}]}]}, dual)
    assert ask(snapshot, external_end("2001:db8::2"), "x/a", family=Family.V6) is ALLOW
    assert ask(snapshot, external_end("2001:db8::1"), "x/a", family=Family.V6) is DENY
    thirty = {"podSelector": X_A, "ingress": [{"from": [{"ipBlock": {"cidr": "192.0.2.4/30"}}]}]}
    seen = [ask(with_policy(thirty), external_end(f"192.0.2.{last}"), "x/a") for last in (3, 4, 7, 8)]
    assert seen == [DENY, ALLOW, ALLOW, DENY]


def test_an_engine_that_may_not_match_cluster_addresses_by_block_is_not_judged_on_them() -> None:
    """What hangs on an ipBlock is then undefined for pods, and still defined for the outside (POL-265)."""
    snapshot = with_policy({"podSelector": X_A, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]})
    open_question = Assumptions(blocks_see_cluster=False)
    assert ask(snapshot, "y/b", "x/a", assume=open_question) is UNDEFINED
    assert ask(snapshot, external_end("10.9.9.9"), "x/a", assume=open_question) is ALLOW
    assert ask(snapshot, external_end("192.0.2.1"), "x/a", assume=open_question) is DENY


def test_self_is_allowed_and_undefined_through_a_service() -> None:
    """A pod always reaches its own address; through a Service it is open if a policy isolates it (POL-532, 563)."""
    snapshot = with_policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    assert ask(snapshot, "x/a", "x/a") is ALLOW
    assert ask(snapshot, "x/a", "x/a", via_service=True) is UNDEFINED
    assert ask(topology(), "x/a", "x/a", via_service=True) is ALLOW


def test_other_protocols_are_not_defined() -> None:
    """ICMP is not spoken of; SCTP only where the cluster carries it (4.3.4 a, b)."""
    snapshot = with_policy(ISOLATED_IN)
    assert ask(snapshot, "x/b", "x/a", protocol="ICMP") is UNDEFINED
    assert ask(snapshot, "x/b", "x/a", protocol="SCTP", assume=Assumptions(sctp=False)) is UNDEFINED
    assert ask(snapshot, "x/b", "x/a", protocol="SCTP") is DENY


def test_a_range_is_one_port_where_ranges_are_not_supported() -> None:
    """Without endPort support the first number counts (POL-338)."""
    snapshot = with_policy({"podSelector": X_A, "ingress": [{"ports": [{"port": 80, "endPort": 81}]}]})
    old = Assumptions(end_port=False)
    assert [ask(snapshot, "y/b", "x/a", port=port, assume=old) for port in (80, 81)] == [ALLOW, DENY]
    assert table(snapshot, assume=old)[Cell("y/b", "x/a", Lane(81))] is DENY


@pytest.fixture
def host() -> dict[str, Any]:
    return pod("x", "h", labels={"pod": "h"}, ip="172.18.0.3", node="n2", spec={"hostNetwork": True})


@pytest.mark.parametrize(("mode", "want"), [(HostNetwork.NODE, ALLOW), (HostNetwork.POD, DENY), (None, UNDEFINED)])
def test_a_host_network_pod_as_target_is_a_pod_or_its_node(host: Any, mode: HostNetwork | None, want: Want) -> None:
    """Policies apply to it as to a pod or not at all; unknown means undefined (POL-558)."""
    snapshot = with_policy(ISOLATED_IN, host)
    assert ask(snapshot, "y/a", "x/h", assume=Assumptions(host_network=mode)) is want


@pytest.mark.parametrize(("mode", "want"), [(HostNetwork.NODE, DENY), (HostNetwork.POD, ALLOW), (None, UNDEFINED)])
def test_a_host_network_pod_as_peer_is_matched_as_a_pod_or_not(host: Any, mode: HostNetwork | None, want: Want) -> None:
    """A selector matches it only where it counts as a pod (POL-559)."""
    spec = {"podSelector": X_A, "ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "h"}}}]}]}
    assert ask(with_policy(spec, host), "x/h", "x/a", assume=Assumptions(host_network=mode)) is want


def test_a_host_network_pod_on_the_own_node_is_node_traffic(host: Any) -> None:
    """In node mode it passes like the node itself (POL-560); in pod mode it is judged as a pod."""
    snapshot = with_policy(ISOLATED_IN, host)
    assert ask(snapshot, "x/h", "x/b", assume=Assumptions(host_network=HostNetwork.NODE)) is ALLOW
    assert ask(snapshot, "x/h", "x/b", assume=Assumptions(host_network=HostNetwork.POD)) is DENY


def test_egress_to_the_own_node_by_a_host_network_pod_there_is_left_open(host: Any) -> None:
    """Its address is the node's (4.3.4 f)."""
    snapshot = with_policy(ISOLATED_OUT, host)
    assert ask(snapshot, "x/b", "x/h", assume=Assumptions(host_network=HostNetwork.NODE)) is UNDEFINED
    assert ask(snapshot, "x/b", "x/h", assume=Assumptions(host_network=HostNetwork.POD)) is DENY


def test_a_table_with_host_network_pods_has_undefined_cells(host: Any) -> None:
    """Tables take the careful way when an end is not an ordinary pod."""
    cells = table(with_policy(ISOLATED_IN, host), lanes=[Lane(80)])
    assert cells[Cell("y/a", "x/h", Lane(80))] is UNDEFINED
    assert cells[Cell("y/a", "x/a", Lane(80))] is DENY
    assert cells[Cell("x/h", "x/h", Lane(80))] is ALLOW


def test_named_ports_come_from_every_container_that_keeps_running() -> None:
    """Second containers and sidecar init containers count, other init containers do not (POL-329)."""
    containers = [
        {"name": "c", "ports": [{"name": "web", "containerPort": 80}]},
        {"name": "d", "ports": [{"name": "more", "containerPort": 81}, {"containerPort": 82}]},
        {"name": "e"},
    ]
    starters = [
        {"name": "s", "restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 83}]},
        {"name": "i", "ports": [{"name": "gone", "containerPort": 84}]},
    ]
    target = pod("x", "a", spec={"containers": containers, "initContainers": starters})
    rules = [{"ports": [{"port": name} for name in ("web", "more", "side", "gone")]}]
    snapshot = with_policy({"podSelector": X_A, "ingress": rules}, target)
    seen = [ask(snapshot, "y/b", "x/a", port=port) for port in (80, 81, 82, 83, 84)]
    assert seen == [ALLOW, ALLOW, DENY, ALLOW, DENY]


def test_a_named_port_without_a_pod_to_look_at_matches_nothing() -> None:
    """At egress to an external address a name stands for nothing (POL-344)."""
    rules = [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": "web"}]}]
    snapshot = with_policy({"podSelector": X_A, "policyTypes": ["Egress"], "egress": rules})
    decision = verdict(snapshot, pod_end(snapshot, "x", "a"), external_end("192.0.2.1"), port=80)
    assert decision.want is DENY
    assert "is no pod" in decision.egress.misses[0].port


def test_policy_order_and_names_do_not_matter() -> None:
    """All permutations of three policies give one table (POL-409)."""
    import itertools

    specs = [
        ISOLATED_IN,
        {"podSelector": X_A, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}]}]},
        {"podSelector": X_A, "ingress": [{"ports": [{"port": 81}]}]},
    ]
    tables = [
        table(topology().replacing(*(policy("x", spec, f"n{i}") for i, spec in enumerate(several))))
        for several in itertools.permutations(specs)
    ]
    assert all(each == tables[0] for each in tables)


def test_policies_act_in_every_namespace_alike_and_are_removed_with_their_object() -> None:
    """Without the policy the table is open again (POL-129)."""
    closed = with_policy(ISOLATED_IN)
    assert DENY in table(closed).values()
    assert DENY not in table(closed.without(policy("x", ISOLATED_IN))).values()


def test_finished_and_unaddressed_pods_are_no_endpoints() -> None:
    """A completed pod's address may be another's; one without address cannot be asked."""
    done, waiting = pod("x", "a", phase="Succeeded"), pod("x", "b", phase="Pending", podIPs=[])
    snapshot = topology().replacing(done, waiting)
    assert {"x/a", "x/b"} & pods(snapshot).keys() == set()
    for name in "ab":
        with pytest.raises(NotAnEndpointError):
            pod_end(snapshot, "x", name)


def test_a_family_an_end_lacks_cannot_be_asked() -> None:
    """Nothing is concluded about an address that does not exist."""
    with pytest.raises(NotAnEndpointError, match="no IPv6 address"):
        ask(topology(), "x/a", "x/b", family=Family.V6)
    with pytest.raises(NotAnEndpointError, match="IPv6"):
        table(topology(), family=Family.V6)


def test_the_older_address_field_is_enough() -> None:
    """status.podIP stands in for podIPs."""
    old = pod("x", "a", podIPs=[], podIP="10.1.0.1")
    assert pod_end(topology().replacing(old), "x", "a").addresses == ("10.1.0.1",)


def test_a_denial_is_explained_with_its_policies_and_nearest_miss() -> None:
    """The text names who isolates, and the rule that nearly matched with what it failed on."""
    from_b, from_z = {"podSelector": {"matchLabels": {"pod": "b"}}}, {"namespaceSelector": {"matchLabels": {"ns": "z"}}}
    rules = [{"from": [from_b], "ports": [{"port": 81}]}, {"from": [from_z], "ports": [{"port": 80}]}]
    snapshot = with_policy({"podSelector": X_A, "ingress": rules}).replacing(policy("x", ISOLATED_IN, "deny-all"))
    decision = verdict(snapshot, pod_end(snapshot, "x", "b"), pod_end(snapshot, "x", "a"), port=80)
    assert explain(decision) == [
        "x/b → x/a 80/TCP IPv4: denied",
        "  egress of x/b: allowed: no policy selects it for Egress",
        "  ingress of x/a: denied by x/p, x/deny-all: selects x/a, Ingress, no rule matches x/b 80/TCP",
        "    nearest miss: x/p rule 0: the peer matches, the port does not: 81/TCP is not 80/TCP",
        "    nearest miss: x/p rule 1: the port matches, the peer does not: namespace x: ns=z wanted, label is ns=x",
    ]
    assert reason(decision) == "denied by x/p, x/deny-all: selects x/a, Ingress, no rule matches x/b 80/TCP"


def test_far_misses_are_listed_when_there_is_no_near_one() -> None:
    """Without a near miss every rule is shown with both halves."""
    rule = {"to": [{"podSelector": {"matchLabels": {"pod": "c"}}}], "ports": [{"port": "nosuch"}]}
    snapshot = with_policy({"podSelector": X_A, "policyTypes": ["Egress"], "egress": [rule]})
    decision = verdict(snapshot, pod_end(snapshot, "x", "a"), pod_end(snapshot, "x", "b"), port=80)
    assert explain(decision)[2] == (
        "    missed: x/p rule 0: peer: pod x/b: pod=c wanted, label is pod=b; port: x/b declares no port 'nosuch'"
    )


def test_an_allowance_names_its_rule_and_an_open_question_its_reason() -> None:
    """Both sides speak when a flow is allowed; a note replaces them when they did not decide."""
    snapshot = with_policy({"podSelector": X_A, "ingress": [{"ports": [{"port": "serve-80-tcp"}]}]})
    a, b = pod_end(snapshot, "x", "a"), pod_end(snapshot, "x", "b")
    assert reason(verdict(snapshot, b, a, port=80)) == "allowed: no policy selects it for Egress; allowed by x/p rule 0"
    assert reason(verdict(snapshot, a, a, port=80)) == "allowed: a pod always reaches its own address"
    assert "and no rule" in reason(verdict(with_policy(ISOLATED_IN), b, a, port=80))
    miss = verdict(snapshot, b, a, port=81).ingress.misses[0]
    assert miss.port == "port 'serve-80-tcp' of x/a is 80/TCP"
    assert str(Cell("x/a", "x/b", Lane(80))) == "x/a → x/b 80/TCP"
