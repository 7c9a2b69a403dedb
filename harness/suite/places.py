"""Where pods stand: one on every node, for promises that hold everywhere."""

from __future__ import annotations

from harness.suite.arena import Arena
from harness.suite.facts import ClusterFacts
from harness.world.manifests import PodShape

EVERYWHERE = {"tolerations": [{"operator": "Exists"}]}
"""Nodes that take no ordinary pods (control planes) are nodes of the network all the same."""


def one_per_node(arena: Arena, cluster: ClusterFacts) -> list[str]:
    """A pod on every Ready Linux node: one of the nine where they stand, one of the test's own elsewhere."""
    chosen = {arena.pods[ref].node: ref for ref in reversed(arena.table)}
    bare = [name for name in cluster.every_node if name not in chosen]
    started = {f"x/node-{number}": name for number, name in enumerate(bare)}
    if started:
        arena.start(
            {ref: PodShape(labels={"app": "elsewhere"}, node=name, spec=EVERYWHERE) for ref, name in started.items()}
        )
    return sorted([*chosen.values(), *started])
