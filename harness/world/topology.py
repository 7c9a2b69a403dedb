"""Topologies as text: which pods, in which namespaces, on which nodes. Values only.

The arena of the suites is T9 of the policy catalogue: namespaces x, y, z with pods a, b, c in each. Pods are laid over
the nodes as a Latin square, so that every relation (same or other namespace) occurs both on one node and across nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.refs import PodRef

NAMESPACES = ("x", "y", "z")
PODS = ("a", "b", "c")
PORTS = (80, 81)
"""Ports every arena pod serves, on TCP and UDP (and SCTP where the kernel can)."""


@dataclass(frozen=True)
class Placement:
    """A pod of a topology and the node it is pinned to."""

    ref: PodRef
    node: str


def arena(nodes: Sequence[str]) -> tuple[Placement, ...]:
    """The nine pods over the given schedulable nodes. Raises ValueError without a node."""
    if not nodes:
        raise ValueError("an arena needs at least one schedulable node")
    return tuple(
        Placement(PodRef(namespace, pod), nodes[(row + column) % len(nodes)])
        for row, namespace in enumerate(NAMESPACES)
        for column, pod in enumerate(PODS)
    )
