"""Which planted fault applies here? Components ask this at the one place where the broken behaviour differs.

A Fault's spec: `id` ("dns/F-03"), `params`, `namespaces` and `nodes` (empty: everywhere), `owner`, `ttlSeconds`.
Expiry is not judged here: the object of an expired fault is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

RESOURCE = "faults.faults.harness.dev"
"""The resource to watch."""


def active(
    faults: Iterable[dict[str, Any]],
    id: str,  # noqa: A002 - the field's name in a Fault
    *,
    node: str | None = None,
    namespace: str | None = None,
) -> dict[str, Any] | None:
    """The parameters of a fault with this id that covers this place ({} when it has none), or None.

    A place that is not said (None) is covered only by faults that name no place of that sort.
    """
    for fault in faults:
        spec = fault.get("spec") or {}
        if spec.get("id") != id or fault["metadata"].get("deletionTimestamp"):
            continue
        if _covers(spec.get("nodes"), node) and _covers(spec.get("namespaces"), namespace):
            return dict(spec.get("params") or {})
    return None


def _covers(scope: list[str] | None, place: str | None) -> bool:
    return not scope or place in scope
