"""Where pods stand: one on every node that is looked at, for promises that hold everywhere."""

from __future__ import annotations

from collections.abc import Collection

from harness.suite.arena import Arena
from harness.suite.facts import ClusterFacts
from harness.world.manifests import PodShape

EVERYWHERE = {"tolerations": [{"operator": "Exists"}]}
"""Nodes that take no ordinary pods (control planes) are nodes of the network all the same."""


def one_per_node(arena: Arena, cluster: ClusterFacts, *, but: Collection[str] = ()) -> list[str]:
    """A pod on every node that is looked at (`ClusterFacts.sample_everywhere`).

    One of the nine where they stand, none of `but`; one of the test's own elsewhere.
    """
    chosen = {arena.pods[ref].node: ref for ref in reversed(arena.table) if ref not in but}
    looked_at = cluster.sample_everywhere
    bare = [name for name in looked_at if name not in chosen]
    started = {f"x/node-{number}": name for number, name in enumerate(bare)}
    if started:
        arena.start(
            {ref: PodShape(labels={"app": "elsewhere"}, node=name, spec=EVERYWHERE) for ref, name in started.items()}
        )
    return sorted([*(ref for node, ref in chosen.items() if node in looked_at), *started])
