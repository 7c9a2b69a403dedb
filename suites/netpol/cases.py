"""Static NetworkPolicy cases on nine pods: which of the catalogue's are asked by default, and how they are set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suites.catalogue import policy_cases, requirements

KILL_SET = (
    "POL-328", "POL-221", "POL-254", "POL-337", "POL-405", "POL-114", "POL-308", "POL-152", "POL-154", "POL-214",
    "POL-262", "POL-118", "POL-161", "POL-162a", "POL-259", "POL-311", "POL-326", "POL-332", "POL-412",
)  # fmt: skip
"""Together these kill all 65 wrong evaluators of the catalogue's section 3.4."""

FUNDAMENTALS = (
    "POL-101", "POL-102", "POL-103", "POL-104", "POL-105", "POL-106", "POL-107", "POL-108",
    "POL-201", "POL-203", "POL-205", "POL-253", "POL-301", "POL-321", "POL-331",
)  # fmt: skip
"""The sentences of the specification one by one, so that a red run names the one that fell."""

TIERS: Mapping[str, Mapping[str, str | None]] = {
    "tier": {"a": "q", "b": "r", "c": None},
    "tier0": {"a": "q", "b": "r", "c": ""},
}
"""Value of the label `tier` on the pods of a name: T9t and T9t0 of the catalogue."""

TEAMS: Mapping[str, str | None] = {"x": None, "y": "t1", "z": ""}
"""Value of the label `team` on the namespaces of T9t."""


def chosen() -> tuple[str, ...]:
    """The ids asked by default, in catalogue order."""
    wanted = {*KILL_SET, *FUNDAMENTALS}
    return tuple(id_ for id_ in policy_cases() if id_ in wanted)


def statement(id_: str) -> str:
    """The requirement's sentence; variants of one requirement (POL-162a) share it."""
    return str(requirements()[requirement_id(id_)]["statement"])


def requirement_id(id_: str) -> str:
    """The requirement a case decides: its id without the letter of a variant."""
    return id_.rstrip("abcdefgh")


def policies(id_: str) -> list[tuple[str, dict[str, Any]]]:
    """The case's policies: namespace letter and spec."""
    return [(namespace, spec) for namespace, spec in policy_cases()[id_]["p"]]


def topology(id_: str) -> str:
    """`tier`, `tier0`, `web`, or "" for plain nine pods."""
    return str(policy_cases()[id_].get("k") or "")
