"""A run's stay on a cluster: it says that it is there, sweeps what killed runs left, and leaves nothing behind.

Every run has a home namespace with a Lease that its controller renews. What carries our mark belongs to a run; when
that run's Lease is missing or no longer renewed, the run is dead and its namespaces are removed, by the next run or by
`harness clean`. Nothing without our mark is looked at, let alone touched.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from harness.effects import process
from harness.effects.clock import Clock, rfc3339_micro
from harness.kube.client import Kube
from harness.kube.errors import KubeError
from harness.kube.patience import Patience
from harness.model.waits import Waits
from harness.world.ownership import RUN, SELECT_OURS, Owner

LEASE = "run"
RENEW = 10.0
"""Seconds between two renewals of a run's Lease."""

DEAD_AFTER = 90
"""Seconds without renewal after which a run counts as dead: nine missed renewals, and room for clocks that differ."""

MOVING_IN = 30.0
"""Seconds for which a run may have namespaces and no Lease: it makes its home first, and the Lease in it."""


class Tenancy:
    """A run's home on a cluster. `facts` tells what cluster it is, for the report."""

    def __init__(self, kube: Kube, run: str, *, clock: Clock, waits: Waits) -> None:
        self.kube = kube
        self.facts: dict[str, Any] = {}
        self.swept: list[str] = []
        self._owner = Owner(run, "home")
        self._clock = clock
        self._waits = waits
        self._stop = threading.Event()

    @classmethod
    def begin(cls, kube: Kube, run: str, *, clock: Clock, waits: Waits) -> Tenancy:
        """Sweep dead runs, move in, keep the Lease fresh. Raises KubeError when the cluster does not let us."""
        tenancy = cls(kube, run, clock=clock, waits=waits)
        tenancy.facts = facts(kube)
        tenancy.swept = begin_sweep(kube, clock=clock)
        home = tenancy.home
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": home, "labels": tenancy._owner.labels()},
            }
        )
        try:
            tenancy._renew()
        except BaseException:
            # Refused or interrupted here, nobody holds the stay that could end it.
            with contextlib.suppress(KubeError):
                kube.delete("namespaces", home)
            raise
        threading.Thread(target=tenancy._keep, daemon=True).start()
        return tenancy

    @property
    def home(self) -> str:
        """The run's own namespace."""
        return self._owner.namespace("run")

    def end(self, *, remove_all: bool = True) -> None:
        """Remove everything of this run and see it gone, unless it goes with its cluster. Raises KubeError."""
        self._stop.set()
        if not remove_all:
            return
        ours = Patience()(lambda: self.kube.list("namespaces", labels=f"{SELECT_OURS},{RUN}={self._owner.run}"))
        remove(self.kube, [item["metadata"]["name"] for item in ours.items], waits=self._waits)

    def lingering(self) -> list[str]:
        """Namespaces of dead runs that were deleted when this one began, and are there yet. Raises KubeError."""
        if not self.swept:
            return []
        there = {item["metadata"]["name"] for item in self.kube.list("namespaces", labels=SELECT_OURS).items}
        return [name for name in self.swept if name in there]

    def _keep(self) -> None:
        while not self._stop.wait(RENEW):
            try:
                self._renew()
            except KubeError:
                # An API server that restarts is what upgrades are about; the next renewal will tell.
                continue

    def _renew(self) -> None:
        self.kube.apply(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": LEASE, "namespace": self.home, "labels": self._owner.labels()},
                "spec": {
                    "holderIdentity": process.identity(),
                    "leaseDurationSeconds": DEAD_AFTER,
                    "renewTime": rfc3339_micro(self._clock.wall()),
                },
            }
        )


def alive(lease: dict[str, Any] | None, *, now: float) -> bool:
    """Whether the run behind a Lease still lives. A holder on this machine is looked up, others are timed."""
    if lease is None:
        return False
    spec = lease.get("spec", {})
    known = process.lives(str(spec.get("holderIdentity", "")))
    if known is not None:
        return known
    renewed = datetime.fromisoformat(str(spec.get("renewTime", "1970-01-01T00:00:00Z"))).timestamp()
    return now - renewed < DEAD_AFTER


def sweep(kube: Kube, *, clock: Clock, waits: Waits) -> list[str]:
    """Remove the namespaces of dead runs and see them gone; their names. Raises KubeError naming those that stay."""
    dead = begin_sweep(kube, clock=clock)
    await_gone(kube, dead, waits=waits)
    return dead


def begin_sweep(kube: Kube, *, clock: Clock) -> list[str]:
    """Delete the namespaces of dead runs without waiting for their end; their names. Raises KubeError.

    A run shares nothing with them, and one that cannot end, held by somebody's finalizer or a node that is gone, is no
    reason not to run.
    """
    ours = kube.list("namespaces", labels=SELECT_OURS).items
    runs: dict[str, list[dict[str, Any]]] = {}
    for item in ours:
        runs.setdefault(item["metadata"]["labels"].get(RUN, ""), []).append(item)
    dead = [
        str(item["metadata"]["name"])
        for run, items in runs.items()
        if not _lives(kube, run, items, now=clock.wall())
        for item in items
    ]
    _delete(kube, dead)
    return dead


def _lives(kube: Kube, run: str, items: list[dict[str, Any]], *, now: float) -> bool:
    lease = kube.find("leases.coordination.k8s.io", LEASE, namespace=Owner(run, "home").namespace("run"))
    return alive(lease, now=now) or (lease is None and all(_is_fresh(item, now=now) for item in items))


def _is_fresh(namespace: Mapping[str, Any], *, now: float) -> bool:
    """Whether a namespace was made just now: its run may be about to make its Lease."""
    made = namespace["metadata"].get("creationTimestamp")
    return made is not None and now - datetime.fromisoformat(str(made)).timestamp() < MOVING_IN


def remove(kube: Kube, names: Iterable[str], *, waits: Waits) -> None:
    """Delete namespaces side by side and wait until they are gone. Raises KubeError naming those that stay."""
    names = list(names)
    _delete(kube, names)
    await_gone(kube, names, waits=waits)


def _delete(kube: Kube, names: Iterable[str]) -> None:
    patient = Patience()
    for name in names:
        patient(functools.partial(kube.delete, "namespaces", name))


def await_gone(kube: Kube, names: Iterable[str], *, waits: Waits) -> None:
    """Wait until these namespaces are gone. Raises KubeError naming the first that stays."""
    for name in names:
        kube.wait(
            "namespaces",
            name,
            lambda found: found is None,
            timeout=waits.namespace_gone,
            what=f"namespace {name} of an ended run",
        )


def facts(kube: Kube) -> dict[str, Any]:
    """What cluster this is: version and nodes. Raises KubeError."""
    nodes = kube.list("nodes").items
    return {
        "kubernetes": str(kube.server_version().get("gitVersion", "unknown")),
        "nodes": len(nodes),
        "server": kube.server,
    }
