"""The catalogue: requirements as data, with their ids; what is refused; the policy cases. The suites decide the rest.

Ids are never reused: they key reports and histories. Registered under the entry point group `harness.catalogues`.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import yaml

FILES = ("dns", "services", "policy")


@functools.cache
def requirements() -> dict[str, dict[str, Any]]:
    """Every requirement by id, in catalogue order, each with the `area` (file) it stands in."""
    return {str(row["id"]): {**row, "area": name} for name in FILES for row in _load(f"{name}.yaml")}


@functools.cache
def refused() -> dict[str, dict[str, str]]:
    """What is not decided: `why`, from a closed list, and `evidence`, by id. Raises ValueError for an id told twice."""
    found: dict[str, dict[str, str]] = {}
    for group in _load("refused.yaml"):
        for id_ in group["ids"]:
            if id_ in found:
                raise ValueError(f"{id_} is refused twice")
            found[id_] = {"why": group["why"], "evidence": group["evidence"]}
    return found


@functools.cache
def upstream() -> dict[str, list[str]]:
    """Network tests of the conformance programme, and the requirements that say what each of them checks."""
    tests: dict[str, list[str]] = _load("upstream.yaml")
    return tests


@functools.cache
def proofs() -> dict[str, list[dict[str, str]]]:
    """Planted faults that tests must catch (`fault`, `layer`, `test`), by requirement. Made from the fault table."""
    found: dict[str, list[dict[str, str]]] = {}
    for fault, layer, test, ids in _load("proofs.yaml"):
        for id_ in ids.split():
            found.setdefault(id_, []).append({"fault": fault, "layer": layer, "test": test})
    return found


@functools.cache
def policy_cases() -> dict[str, dict[str, Any]]:
    """Static policy cases by id: `k` the topology's labels or port names (tier, tier0, web), `p` [namespace, spec]."""
    cases: dict[str, dict[str, Any]] = _load("policy-cases.yaml")
    return cases


def _load(name: str) -> Any:
    text = resources.files("suites.catalogue").joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # the fast safe one
