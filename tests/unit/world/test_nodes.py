"""Nodes that take no part in a run are told, and a run without any is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harness.world.nodes import NoNodeError, absent, must_be_some


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
