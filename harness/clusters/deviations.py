"""Promises that are known to be broken: of a network plugin, or of a release of Kubernetes itself, with who shows it.

Nothing here bends what is expected: such a promise is asked like any other, and its verdict stays FAIL. It only does
not turn a run red by itself; every report names it with its link, and a run in which it holds says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.clusters.provider import ClusterError
from harness.clusters.tested import Tested
from harness.effects.deployed import deployed
from harness.model.capability import Fact, State

BUNDLED = ("kubernetes", "deviations.yaml")
"""Where those of Kubernetes itself are told, in `deploy/`."""

COMPONENTS = {"kube-proxy": "kp"}
"""Parts of a cluster whose deviation it may be, and the capability that says whether the part is there."""


@dataclass(frozen=True)
class Deviation:
    """Something known to differ from what Kubernetes promises, and where it is told.

    `ids` are the promises it breaks: then `link` is where anyone can see that it does. `kubernetes` is a range of
    versions (`1.32 to 1.36`), `component` a part of the cluster without which it is not there.
    """

    what: str
    link: str = ""
    ids: tuple[str, ...] = ()
    kubernetes: str = ""
    component: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.link})" if self.link else self.what

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Deviation:
        """From a data file. Raises TypeError or ValueError for what is none."""
        ids = told.get("ids", [])
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise TypeError(f"ids: {ids!r} is no list of ids")
        if ids and not str(told.get("link", "")).startswith("https://"):
            raise ValueError(f"{', '.join(ids)}: a link that shows it is missing: only then it is known")
        if told.get("kubernetes"):
            Tested.parse(str(told["kubernetes"]))
        if (part := told.get("component")) and part not in COMPONENTS:
            raise ValueError(f"component: {part} is none of {', '.join(COMPONENTS)}")
        return cls(**{**told, "ids": tuple(ids)})

    def applies(self, found: Mapping[str, Fact]) -> bool:
        """Whether a cluster has it, by what was found there; what could not be told excuses nothing."""
        there = {name: fact.value for name, fact in found.items() if fact.state is State.YES}
        if self.component and COMPONENTS[self.component] not in there:
            return False
        if not self.kubernetes:
            return True
        return "kubernetes" in there and Tested.parse(self.kubernetes).holds(there["kubernetes"])


def bundled() -> tuple[Deviation, ...]:
    """Those of Kubernetes itself. Raises ClusterError."""
    return read(deployed(*BUNDLED))


def read(path: Path) -> tuple[Deviation, ...]:
    """Those of a file: a list of them. Raises ClusterError in one line."""
    try:
        document = yaml.safe_load(path.read_text())
        if not isinstance(document, list):
            raise TypeError("it is no list of deviations, each with what, link and ids")
        return tuple(Deviation.parse(dict(each)) for each in document)
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ClusterError(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ClusterError(f"{path}: {error}") from error


def known(several: Iterable[Deviation], found: Mapping[str, Fact]) -> dict[str, str]:
    """By promise what is known of it on this cluster."""
    told: dict[str, str] = {}
    for deviation in several:
        if deviation.applies(found):
            for id_ in deviation.ids:
                told.setdefault(id_, str(deviation))
    return told
