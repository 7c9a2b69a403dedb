"""A requirement of a catalogue as reports and commands read it; the profile its level puts it in; why one is refused.

Levels are free text that begins with words of the catalogues: of DNS (section 0.2), Services (section 0.2), policies.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AREAS = {
    "DNS": "Service and pod DNS",
    "NET": "Pod network",
    "SVC": "Services",
    "EPS": "EndpointSlices and Endpoints",
    "ING": "Ingress",
    "POL": "NetworkPolicy",
}
"""Prefixes of ids, and what they stand for."""

CORE = frozenset({"MUST", "CONF", "C", "GA", "API", "RFC"})
"""First words of levels that bind every cluster: a mismatch is a defect of it, whether certification notices or not."""

BINDING = frozenset({"MUST", "CONF", "C"})
"""Of those, the words of a specification or of the conformance programme: refused with evidence only."""


class Profile(enum.StrEnum):
    """Which clusters a requirement binds."""

    CORE = "core"
    EXTENDED = "extended"
    """Optional features, what implementations commonly do, and what is recorded but never judged."""


class Why(enum.StrEnum):
    """The closed list of reasons for which a requirement is not decided by this harness."""

    HARDWARE = "needs hardware"
    KERNEL = "needs a kernel feature"
    OPERATOR = "needs an operator's input"
    SUPERSEDED = "superseded"
    UNOBSERVABLE = "not observable from pods"
    UNDEFINED = "no outcome is promised"
    IMPLEMENTATION = "is one implementation's own"
    OTHER_API = "is another API's"
    HARNESS = "is about the harness itself"


@dataclass(frozen=True)
class Refusal:
    """Why a requirement is refused, and what shows that it cannot be decided."""

    why: Why
    evidence: str


@dataclass(frozen=True)
class Requirement:
    """One row of a catalogue."""

    id: str
    statement: str
    section: str = ""
    level: str = ""
    source: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    """The rest of its row by column: fixture, probe, expectation, needs."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Requirement:
        """From a row of a catalogue. Raises KeyError for one without id or statement."""
        known = {name: str(row.get(name) or "") for name in ("section", "level", "source")}
        named = {"id", "statement", "area", *known}
        told = {str(name): str(value) for name, value in row.items() if name not in named and value}
        return cls(id=str(row["id"]), statement=str(row["statement"]), told=told, **known)

    @property
    def area(self) -> str:
        """What its id begins with."""
        return self.id.partition("-")[0]

    @property
    def words(self) -> frozenset[str]:
        """The words its level begins with; two may be joined by `+`."""
        return frozenset(re.split(r"[\s,;/(]", self.level.strip(), maxsplit=1)[0].split("+"))

    @property
    def profile(self) -> Profile:
        """Core when its level binds every cluster."""
        return Profile.CORE if self.words & CORE else Profile.EXTENDED

    @property
    def binds(self) -> bool:
        """Whether a specification or the conformance programme says so."""
        return bool(self.words & BINDING)
