"""Which nodes a run stands on, and why the others take no part. A node that is away is told, never passed over.

Source: Node v1 (conditions, taints); the well-known label kubernetes.io/os.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.world.capabilities.reads import is_ready_linux, takes_pods

Node = Mapping[str, Any]

SAMPLE = 9
"""Nodes that stand for all, at most: looking at each of a thousand would take hours and hardly show more, as the same
daemons serve them all. More than a handful, so that nodes of several kinds are met."""

ALWAYS = 5
"""Of them, those on which the nine pods of an arena stand: the first ones by name."""


class NoNodeError(Exception):
    """No node can take the pods of a run; the message names each and why."""


def absent(nodes: Iterable[Node]) -> list[str]:
    """A line for every Linux node that is not Ready: nothing is asked there."""
    return [
        f"node {_name(node)} takes no part: {why_not(node)}"
        for node in sorted(nodes, key=_name)
        if _is_linux(node) and not is_ready_linux(node)
    ]


def must_be_some(nodes: Iterable[Node]) -> None:
    """Raises NoNodeError when no node is Ready and takes ordinary pods."""
    several = sorted(nodes, key=_name)
    if any(is_ready_linux(node) and takes_pods(node) for node in several):
        return
    told = "; ".join(f"{_name(node)}: {why_not(node)}" for node in several) or "there are none"
    raise NoNodeError(f"no node is Ready and takes ordinary pods: {told}")


def kernels(nodes: Iterable[Node]) -> str:
    """The kernels of the nodes, each once."""
    told = (str(node.get("status", {}).get("nodeInfo", {}).get("kernelVersion") or "") for node in nodes)
    return ", ".join(sorted(set(filter(None, told))))


def sample(names: Sequence[str], *, others: Sequence[str] = ()) -> list[str]:
    """The nodes that stand for every node: all of them, or `SAMPLE`, the same ones each time.

    Those where the arena stands, then some spread evenly over the rest, `others` (which take no ordinary pods) first.
    """
    if len(names) + len(others) <= SAMPLE:
        return [*names, *others]
    first, rest = names[:ALWAYS], [*others, *names[ALWAYS:]]
    more = SAMPLE - len(first)
    if more >= len(rest):
        return [*first, *rest]
    return [*first, *(rest[number * (len(rest) - 1) // (more - 1)] for number in range(more))]


def sampled(nodes: Iterable[Node]) -> list[str]:
    """The line that says so, where not every node is looked at."""
    ready = sorted((node for node in nodes if is_ready_linux(node)), key=_name)
    ordinary = [_name(node) for node in ready if takes_pods(node)]
    chosen = sample(ordinary, others=[_name(node) for node in ready if not takes_pods(node)])
    if len(chosen) == len(ready):
        return []
    return [f"of {len(ready)} nodes {len(chosen)} stand for every node: {', '.join(chosen)}"]


def why_not(node: Node) -> str:
    """Why a node takes no ordinary pods, in a few words."""
    if not _is_linux(node):
        return "not Linux"
    ready = next((each for each in node.get("status", {}).get("conditions") or [] if each["type"] == "Ready"), None)
    if ready is None:
        return "NotReady: it has not reported yet"
    if ready["status"] != "True":
        said = " ".join(str(ready.get(key) or "") for key in ("reason", "message")).split("\n")[0].strip()
        return f"NotReady: {said}" if said else "NotReady"
    if node.get("spec", {}).get("unschedulable"):
        return "cordoned"
    return "tainted" if not takes_pods(node) else "it is fit"


def _name(node: Node) -> str:
    return str(node["metadata"]["name"])


def _is_linux(node: Node) -> bool:
    return bool((node["metadata"].get("labels") or {}).get("kubernetes.io/os", "linux") == "linux")
