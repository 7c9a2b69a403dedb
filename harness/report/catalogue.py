"""The catalogues that are installed, found by entry point: the harness does not know its suites by name.

A catalogue is a module with `requirements()`: rows by id. It may have `refused()` (what is not decided, and why), and
`upstream()` (tests of the conformance programme, and the requirements that say what they say), and `proofs()` (planted
faults by the requirements whose tests must catch them).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from harness.model.requirement import Profile, Refusal, Requirement, Why

GROUP = "harness.catalogues"


@dataclass(frozen=True)
class Catalogue:
    """All requirements, in catalogue order, with what is refused and what upstream tests."""

    requirements: Mapping[str, Requirement] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    upstream: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proofs: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    """Planted faults that a requirement's tests must catch: `fault`, `layer`, `test`."""

    def statement(self, id_: str) -> str:
        """A requirement's sentence; empty for an id that is in no catalogue."""
        found = self.requirements.get(id_)
        return found.statement if found is not None else ""

    def profile(self, id_: str) -> Profile:
        """A requirement's profile; what is in no catalogue binds nobody."""
        found = self.requirements.get(id_)
        return found.profile if found is not None else Profile.EXTENDED


@functools.cache
def installed() -> Catalogue:
    """Every catalogue that is installed, as one. Empty where there is none."""
    requirements: dict[str, Requirement] = {}
    refused: dict[str, Refusal] = {}
    upstream: dict[str, tuple[str, ...]] = {}
    proofs: dict[str, tuple[Mapping[str, str], ...]] = {}
    for entry in entry_points(group=GROUP):
        module: Any = entry.load()
        requirements.update({id_: Requirement.of(row) for id_, row in module.requirements().items()})
        if hasattr(module, "refused"):
            refused.update({id_: _refusal(told) for id_, told in module.refused().items()})
        if hasattr(module, "upstream"):
            upstream.update({name: tuple(ids) for name, ids in module.upstream().items()})
        if hasattr(module, "proofs"):
            proofs.update({id_: tuple(told) for id_, told in module.proofs().items()})
    return Catalogue(requirements, refused, upstream, proofs)


def _refusal(told: Mapping[str, str]) -> Refusal:
    return Refusal(Why(told["why"]), told["evidence"])
