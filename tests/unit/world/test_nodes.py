"""Nodes that take no part in a run are told, and a run without any is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harness.world.nodes import ALWAYS, SAMPLE, NoNodeError, absent, must_be_some, sample, sampled


def node(name: str, ready: str | None = "True", *, os: str = "linux", **spec: Any) -> dict[str, Any]:
    said = {"type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": "cni plugin not initialized\nx"}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/os": os}},
        "spec": spec,
        "status": {"conditions": [said] if ready else []},
    }


TAINTED = {"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}


def test_nodes_that_are_away_are_told() -> None:
    """Each with its reason, in one line; nodes of another system are no loss."""
    found = absent([node("b", "Unknown"), node("a", None), node("c"), node("w", "False", os="windows")])
    assert found == [
        "node a takes no part: NotReady: it has not reported yet",
        "node b takes no part: NotReady: KubeletNotReady cni plugin not initialized",
    ]


def test_one_fit_node_suffices() -> None:
    """The others may be away, cordoned, or kept for the control plane."""
    must_be_some([node("a", "False"), node("b", unschedulable=True), node("c", **TAINTED), node("d")])


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([], "there are none"),
        ([node("a", "False")], "a: NotReady: KubeletNotReady cni plugin not initialized"),
        ([node("a", unschedulable=True), node("b", **TAINTED)], "a: cordoned; b: tainted"),
        ([node("w", os="windows")], "w: not Linux"),
    ],
)
def test_a_run_without_a_fit_node_is_refused(nodes: list[dict[str, Any]], told: str) -> None:
    """In one line that names every node and what is wrong with it."""
    with pytest.raises(NoNodeError) as refused:
        must_be_some(nodes)
    assert str(refused.value) == f"no node is Ready and takes ordinary pods: {told}"


def test_few_nodes_stand_for_themselves() -> None:
    """As many as a sample may have are all looked at, tainted ones among them, and nothing is said of it."""
    names = [f"n{number}" for number in range(SAMPLE - 1)]
    assert sample(names, others=["control"]) == [*names, "control"]
    assert sampled([*map(node, names), node("control", **TAINTED), node("away", "False")]) == []


@pytest.mark.parametrize("others", [[], ["control-1", "control-2", "control-3"]])
def test_nine_stand_for_a_thousand(others: list[str]) -> None:
    """The arena's nodes and some over the whole range, first those that take no ordinary pods; always the same ones."""
    names = [f"n{number:03}" for number in range(1000)]
    chosen = sample(names, others=others)
    assert chosen == sample(list(names), others=list(others))
    assert len(set(chosen)) == len(chosen) == SAMPLE
    assert chosen[:ALWAYS] == names[:ALWAYS]
    assert chosen[-1] == names[-1]
    assert not others or others[0] in chosen


def test_a_few_ordinary_nodes_and_many_others() -> None:
    """Where only two take pods the rest of the sample is of the others."""
    chosen = sample(["a", "b"], others=[f"t{number:02}" for number in range(20)])
    assert len(set(chosen)) == SAMPLE
    assert chosen[:3] == ["a", "b", "t00"]
    assert chosen[-1] == "t19"


def test_a_sample_is_said() -> None:
    """One line names the nodes that stand for the others."""
    (told,) = sampled([node(f"n{number:02}") for number in range(20)])
    assert told == "of 20 nodes 9 stand for every node: n00, n01, n02, n03, n04, n05, n09, n14, n19"
