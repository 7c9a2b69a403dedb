"""The door to a place outside a cluster: a command, told by the cluster's kubeconfig, that runs what is appended there.

A kubeconfig may carry extensions; ours is named `harness.dev/outside` and stands with the cluster it is about:

    clusters:
    - name: staging
      cluster:
        server: https://…
        extensions:
        - name: harness.dev/outside
          extension: {command: [nsenter, --net=/run/netns/outside], python: python3}

The command has to pass its standard input and output on, and to end what it runs when its input ends. Whoever writes a
kubeconfig may have commands run as it is (`exec` of a user); this is one more. Providers of clusters that they make
themselves write it; without it this machine may be such a place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.clusters.provider import ClusterError

EXTENSION = "harness.dev/outside"


@dataclass(frozen=True)
class Door:
    """`command` runs what is appended to it outside the cluster; `python` is the interpreter there."""

    command: tuple[str, ...]
    python: str = "python3"


def with_door(kubeconfig: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """The document with the door at every cluster of it."""
    document = copy.deepcopy(dict(kubeconfig))
    told = {"name": EXTENSION, "extension": {"command": list(door.command), "python": door.python}}
    for entry in document.get("clusters") or []:
        others = [each for each in entry["cluster"].get("extensions") or [] if each.get("name") != EXTENSION]
        entry["cluster"]["extensions"] = [*others, told]
    return document


def door_of(kubeconfig: Mapping[str, Any], context: str | None) -> Door | None:
    """The door of the cluster that a context names; None without one. Raises ClusterError for one that is none."""
    for each in _cluster(kubeconfig, context).get("extensions") or []:
        if isinstance(each, Mapping) and each.get("name") == EXTENSION:
            return _read(each.get("extension"))
    return None


def _cluster(kubeconfig: Mapping[str, Any], context: str | None) -> Mapping[str, Any]:
    name = context or kubeconfig.get("current-context")
    contexts = {each.get("name"): each.get("context") or {} for each in kubeconfig.get("contexts") or []}
    wanted = (contexts.get(name) or {}).get("cluster")
    clusters = {each.get("name"): each.get("cluster") or {} for each in kubeconfig.get("clusters") or []}
    return clusters.get(wanted) or {}


def _read(told: Any) -> Door:
    command = told.get("command") if isinstance(told, Mapping) else None
    python = told.get("python", "python3") if isinstance(told, Mapping) else None
    if not isinstance(command, list) or not command or not all(isinstance(each, str) and each for each in command):
        raise ClusterError(f"kubeconfig: extension {EXTENSION}: say `command` as a list of words: [nsenter, --net=…]")
    if not isinstance(python, str) or not python:
        raise ClusterError(
            f"kubeconfig: extension {EXTENSION}: `python` is the name of an interpreter, such as python3"
        )
    return Door(tuple(command), python)
