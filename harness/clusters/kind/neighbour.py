"""A machine beside a kind cluster's nodes: how to run something on their network that is not in the cluster. Pure.

Each use is a container of its own from the agents' image, which ends with its input and is then removed by the engine.
It is marked as the nodes are (`marks.py`), so that what a killed engine client left goes with the cluster.
"""

from __future__ import annotations

from harness.clusters.kind.marks import BESIDE_LABEL, NOTHING, Mark
from harness.clusters.outside import Door


def door(engine: str, cluster: str, *, mark: Mark, network: str, image: str) -> Door:
    """The way there: a command that runs what is appended to it in such a container."""
    # An image may begin with something of its own; `env` begins with what it is told.
    options = ["--rm", "--interactive", "--pull", "never", "--network", network, "--entrypoint", "env"]
    options += ["--label", f"{BESIDE_LABEL}={cluster}", "--volume", f"{NOTHING}:{mark.path}:ro"]
    return Door((engine, "run", *options, image))
