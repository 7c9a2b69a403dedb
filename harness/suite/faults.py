"""Breaking an embedded cluster on purpose: a fault is an object of the API, and goes with it.

Faults carry the ids of the catalogue's fault lists (`dns/F-03`, `services/F54`, `policy/61`). Only the embedded server
has them; any other cluster says NotApplicable. A fault proves itself: the promise holds before, is broken while the
fault stands, and holds again after.

    with planted(kube, "services/F74", namespaces=[arena.namespace("x")]):
        ...
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.effects.clock import Clock, RealClock
from harness.kube.client import Kube
from harness.kube.errors import NotFound, UnknownResource
from harness.model.capability import NEEDS
from harness.model.judgement import NotApplicable
from harness.world.ownership import MANAGED_BY, MANAGER

RESOURCE = "faults.faults.harness.dev"

TTL = 300
"""Seconds until a fault ends by itself: a killed run leaves a healthy cluster."""

NOTICE = 0.8
"""Seconds until a new fault is in force everywhere: a watch event, 0.3 s of jitter at most, one rule set loaded.
Nobody reports that a fault acts, and a promise asked too early rightly holds: on a busy machine wait longer."""


@contextlib.contextmanager
def planted(
    kube: Kube,
    fault_id: str,
    *,
    params: Mapping[str, Any] | None = None,
    namespaces: Sequence[str] = (),
    nodes: Sequence[str] = (),
    ttl: int = TTL,
    notice: float = NOTICE,
    clock: Clock | None = None,
) -> Iterator[str]:
    """Plant a fault and take it away at the end; its object's name. Empty scopes mean everywhere.

    Raises NotApplicable where faults cannot be planted.
    """
    spec = {"id": fault_id, "params": dict(params or {}), "namespaces": list(namespaces), "nodes": list(nodes)}
    fault = {
        "apiVersion": "faults.harness.dev/v1",
        "kind": "Fault",
        "metadata": {"name": _name(fault_id), "labels": {MANAGED_BY: MANAGER}},
        "spec": {**spec, "owner": MANAGER, "ttlSeconds": ttl},
    }
    try:
        name = str(kube.create(fault)["metadata"]["name"])
    except (NotFound, UnknownResource) as error:
        raise NotApplicable(f"needs {NEEDS['faults'].words}") from error
    try:
        (clock or RealClock()).sleep(notice)
        yield name
    finally:
        kube.delete(RESOURCE, name)


def _name(fault_id: str) -> str:
    """A name of its own for each planting: the same fault may stand in several scopes at once."""
    return f"{re.sub(r'[^a-z0-9]+', '-', fault_id.lower())}-{secrets.token_hex(3)}"
