"""Marks on everything the harness makes, and the names derived from them.

What carries our mark may be removed by that mark; nothing else is ever touched. A namespace is marked with the run and
the worker that made it; objects inside it go with it, or by their case's mark when a test ends.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

MANAGED_BY = "app.kubernetes.io/managed-by"
RUN = "harness.dev/run"
WORKER = "harness.dev/worker"
CASE = "harness.dev/case"
MANAGER = "harness"
SELECT_OURS = f"{MANAGED_BY}={MANAGER}"


def new_run_id() -> str:
    """A short name for a run, fit for a label and a namespace name."""
    return secrets.token_hex(3)


@dataclass(frozen=True)
class Owner:
    """Who makes things: a run, and one of its workers (`main` without xdist)."""

    run: str
    worker: str = "main"

    def labels(self, *, case: str = "") -> dict[str, str]:
        """Labels for a thing of ours; with `case` when it belongs to one test only."""
        marks = {MANAGED_BY: MANAGER, RUN: self.run, WORKER: self.worker}
        return {**marks, CASE: case_label(case)} if case else marks

    def namespace(self, suffix: str) -> str:
        """A namespace name of ours: `harness-<run>-<worker>-<suffix>`."""
        return f"harness-{self.run}-{self.worker}-{suffix}"


def case_label(case: str) -> str:
    """A case's name as a label value: what is not allowed there becomes a dash, cut to 63 characters at the end."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", case)[-63:].strip("-_.")


def is_ours(thing: dict[str, Any]) -> bool:
    """Whether it carries our mark: a test made it."""
    return bool((thing["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER)


def marked(manifest: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The manifest with our labels added; what it says itself stays."""
    metadata = manifest.get("metadata", {})
    return {**manifest, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}}}
