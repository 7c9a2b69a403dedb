"""Packets followed from node to node: the rules of both ends, translation on the way, and what leaves the cluster."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.embedded.apiserver.packets import Question
from harness.embedded.netns.fabric import NodePlan
from harness.embedded.nft.ruleset import Chain, Family, Hook, Rule, Ruleset, Table
from harness.embedded.wiring.packets import LOST, Tracer

ONE = NodePlan("n1", ("172.18.0.2",), ("10.244.0.0/24",))
TWO = NodePlan("n2", ("172.18.0.3",), ("10.244.1.0/24",))


@dataclass(frozen=True)
class Agent:
    """A component that holds rules."""

    ruleset: Ruleset


def agent(point: str, *rules: str, kind: str = "filter", priority: int = 0) -> Agent:
    """A component with these rules on one hook."""
    chain = Chain("rules", tuple(map(Rule, rules)), Hook(point, kind, priority))
    return Agent(Ruleset((Table(Family.IPV4, "t", {"rules": chain}),)))


def followed(tracer: Tracer, source: str, destination: str, port: int = 80) -> list[tuple[str, list[str]]]:
    """Each path's verdict, and the nodes it passes."""
    paths = tracer.paths(Question(source, destination, "TCP", port))
    return [(path["verdict"], [hop["node"] for hop in path["hops"]]) for path in paths]


@pytest.fixture
def tracer() -> Tracer:
    """Two nodes; n2 drops what is forwarded to 10.244.1.9, n1 translates 10.96.0.1:80 to a pod of n2."""
    made = Tracer((ONE, TWO))
    made.add(
        "n1",
        agent("prerouting", "ip daddr 10.96.0.1 meta l4proto tcp dnat to 10.244.1.9:8080", kind="nat", priority=-100),
    )
    made.add("n2", agent("forward", "ip daddr 10.244.1.9 drop"))
    return made


@pytest.mark.parametrize(
    ("source", "destination", "path"),
    [
        ("10.244.0.5", "10.244.0.6", ("accept", ["n1"])),
        ("10.244.0.5", "10.244.1.5", ("accept", ["n1", "n2"])),
        ("10.244.0.5", "10.244.1.9", ("drop", ["n1", "n2"])),
        ("10.244.1.5", "10.244.1.9", ("drop", ["n2"])),
        ("10.244.1.9", "10.244.0.5", ("accept", ["n2", "n1"])),
        ("10.244.0.5", "192.0.2.1", ("accept", ["n1"])),
        ("192.0.2.1", "10.244.1.9", ("drop", ["n2"])),
        ("192.0.2.1", "198.51.100.1", ("accept", ["n1"])),
        ("172.18.0.2", "10.244.1.9", ("drop", ["n1", "n2"])),
        ("10.244.0.5", "10.96.0.1", ("drop", ["n1", "n2"])),
    ],
)
def test_a_packet_meets_the_rules_of_both_ends(
    tracer: Tracer, source: str, destination: str, path: tuple[str, list[str]]
) -> None:
    """The source's node first, then the node of whatever it was translated to."""
    assert followed(tracer, source, destination) == [path]


def test_a_hop_tells_its_rules_and_the_packet_as_it_leaves(tracer: Tracer) -> None:
    """The translation is seen in what arrives, and each matched rule stands with its place."""
    (path,) = tracer.paths(Question("10.244.0.5", "10.96.0.1", "TCP", 80))
    first, last = path["hops"]
    assert (first["destination"], first["port"]) == ("10.244.1.9", 8080)
    assert last["rules"] == ["t rules: ip daddr 10.244.1.9 drop"]


def test_every_choice_of_a_balancer_is_a_path() -> None:
    """Two backends on two nodes are two paths, each to its own end."""
    made = Tracer((ONE, TWO))
    rules = Chain(
        "rules", (Rule("numgen random mod 2 vmap { 0 : goto a, 1 : goto b }"),), Hook("prerouting", "nat", -100)
    )
    a = Chain("a", (Rule("meta l4proto tcp dnat to 10.244.0.9:80"),))
    b = Chain("b", (Rule("meta l4proto tcp dnat to 10.244.1.9:80"),))
    made.add("n1", Agent(Ruleset((Table(Family.IPV4, "t", {"rules": rules, "a": a, "b": b}),))))
    made.add("n2", agent("forward", "ip daddr 10.244.1.9 drop"))
    assert followed(made, "10.244.0.5", "10.96.0.1") == [("accept", ["n1"]), ("drop", ["n1", "n2"])]


def test_a_masqueraded_packet_arrives_from_its_node() -> None:
    """The second node sees the address of the first."""
    made = Tracer((ONE, TWO))
    made.add("n1", agent("postrouting", "masquerade fully-random", kind="nat", priority=100))
    made.add("n2", agent("forward", "ip saddr 172.18.0.2 drop"))
    assert followed(made, "10.244.0.5", "10.244.1.5") == [("drop", ["n1", "n2"])]


def test_a_rule_that_nobody_can_read_loses_the_packet() -> None:
    """The path is said to be unknown, with the rule."""
    made = Tracer((ONE,))
    made.add("n1", agent("forward", "wave at the packet"))
    (path,) = made.paths(Question("10.244.0.5", "10.244.0.6", "TCP", 80))
    assert path["verdict"] == LOST
    assert "wave at the packet" in path["hops"][0]["rules"][0]
