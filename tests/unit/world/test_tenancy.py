"""Tenancy: which runs are alive, and that only what belongs to dead ones is removed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from harness.effects.clock import FakeClock, rfc3339, rfc3339_micro
from harness.effects.process import identity as holder
from harness.effects.process import machine
from harness.kube.errors import KubeError, WaitTimeout
from harness.model.waits import Waits
from harness.world.ownership import MANAGED_BY, RUN, Owner
from harness.world.tenancy import DEAD_AFTER, LEASE, MOVING_IN, Tenancy, alive, sweep
from tests.unit.world.fake_kube import FakeKube

NOW = 1_700_000_000.0


def lease(identity: str, *, renewed: float = NOW) -> dict[str, Any]:
    """A run's Lease."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE},
        "spec": {"holderIdentity": identity, "renewTime": rfc3339_micro(renewed)},
    }


def foreign(pid: int = 1) -> str:
    """A holder on another machine."""
    return f"elsewhere/{pid}/12345"


def test_a_run_without_lease_is_dead() -> None:
    """No Lease, no run."""
    assert not alive(None, now=NOW)


def test_a_holder_here_is_looked_up() -> None:
    """A process of this machine lives as long as it does, however old its renewal is."""
    assert alive(lease(holder(), renewed=NOW - 10 * DEAD_AFTER), now=NOW)


def test_a_reused_process_number_is_another_process() -> None:
    """The same number with another start is dead at once, however fresh its renewal is."""
    forged = f"{machine()}/{os.getpid()}/1"
    assert not alive(lease(forged), now=NOW)


def test_a_gone_process_is_dead_at_once() -> None:
    """A killed run is swept by the next one without waiting for its Lease to run out."""
    assert not alive(lease(f"{machine()}/4194304/77"), now=NOW)


@pytest.mark.parametrize(("ago", "lives"), [(0, True), (DEAD_AFTER - 1, True), (DEAD_AFTER, False), (1e6, False)])
def test_a_holder_elsewhere_is_timed(ago: float, lives: bool) -> None:
    """A process of another machine lives while its Lease is renewed."""
    assert alive(lease(foreign(), renewed=NOW - ago), now=NOW) is lives


@pytest.mark.parametrize("identity", ["", "x", "a/b/c", f"{machine()}/12"])
def test_a_strange_holder_is_timed(identity: str) -> None:
    """An identity of another version of ours is not taken for dead while it is fresh."""
    assert alive(lease(identity), now=NOW)
    assert not alive(lease(identity, renewed=NOW - DEAD_AFTER), now=NOW)


def populate(kube: FakeKube, run: str, identity: str | None, *letters: str, renewed: float = NOW) -> None:
    """A run's namespaces, with its Lease unless it has none."""
    home = Owner(run, "home").namespace("run")
    for name in (home, *(Owner(run, "gw0").namespace(letter) for letter in letters)):
        labels = {MANAGED_BY: "harness", RUN: run}
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    if identity is not None:
        document = lease(identity, renewed=renewed)
        document["metadata"]["namespace"] = home
        kube.apply(document)


def test_only_dead_runs_are_swept() -> None:
    """A living run here, a living run elsewhere and what is not ours stay; dead runs go with all their namespaces."""
    kube = FakeKube()
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}})
    populate(kube, "mine", holder(), "x")
    populate(kube, "theirs", foreign(), "x")
    populate(kube, "old", foreign(), "x", "y", renewed=NOW - DEAD_AFTER)
    populate(kube, "nolease", None, "z")
    removed = sweep(kube.typed, clock=FakeClock(start=NOW), waits=Waits())
    assert sorted(removed) == [
        "harness-nolease-gw0-z",
        "harness-nolease-home-run",
        "harness-old-gw0-x",
        "harness-old-gw0-y",
        "harness-old-home-run",
    ]
    assert sorted(kube.names("namespaces")) == [
        "harness-mine-gw0-x",
        "harness-mine-home-run",
        "harness-theirs-gw0-x",
        "harness-theirs-home-run",
        "production",
    ]


@pytest.mark.parametrize(("age", "swept"), [(1.0, False), (MOVING_IN + 1, True)])
def test_a_run_that_is_moving_in_is_left_alone(age: float, *, swept: bool) -> None:
    """A run makes its home before its Lease: in between it is no dead run, unless that takes too long."""
    kube = FakeKube()
    populate(kube, "new", None)
    (home,) = [obj for (resource, _, _), obj in kube.objects.items() if resource == "namespaces"]
    home["metadata"]["creationTimestamp"] = rfc3339(NOW - age)
    assert bool(sweep(kube.typed, clock=FakeClock(start=NOW), waits=Waits())) is swept


def test_a_namespace_that_stays_is_named() -> None:
    """A namespace that does not go is an error that names it."""
    kube = FakeKube(stuck=("harness-old-home-run",))
    populate(kube, "old", None)
    with pytest.raises(WaitTimeout, match="harness-old-home-run"):
        sweep(kube.typed, clock=FakeClock(start=NOW), waits=Waits())


def test_a_namespace_that_stays_keeps_nobody_from_running() -> None:
    """A run begins beside what a killed one left and cannot be removed, and can tell of it."""
    kube = FakeKube(nodes=2, stuck=("harness-old-home-run",))
    populate(kube, "old", foreign(), "x", renewed=NOW - DEAD_AFTER)
    tenancy = Tenancy.begin(kube.typed, "new", clock=FakeClock(start=NOW), waits=Waits())
    assert sorted(tenancy.swept) == ["harness-old-gw0-x", "harness-old-home-run"]
    assert tenancy.lingering() == ["harness-old-home-run"]
    tenancy.end()


@pytest.mark.parametrize("trouble", [KubeError("no"), KeyboardInterrupt()])
def test_a_stay_that_cannot_begin_leaves_nothing(trouble: BaseException) -> None:
    """Refused or interrupted after the home was made and before the Lease was: the home goes."""
    kube = FakeKube(nodes=2)
    apply = kube.apply

    def refused(obj: Any, **how: Any) -> Any:
        if obj["kind"] == "Lease":
            raise trouble
        return apply(obj, **how)

    kube.apply = refused  # type: ignore[method-assign]  # this one time
    with pytest.raises(type(trouble)):
        Tenancy.begin(kube.typed, "abc", clock=FakeClock(start=NOW), waits=Waits())
    assert list(kube.names("namespaces")) == []


def test_a_stay_begins_with_a_lease_and_ends_with_nothing() -> None:
    """A run says that it is there, by a Lease in its home, and removes all its namespaces when it ends."""
    kube = FakeKube(nodes=2)
    tenancy = Tenancy.begin(kube.typed, "abc", clock=FakeClock(start=NOW), waits=Waits())
    told = kube.objects[("leases.coordination.k8s.io", "harness-abc-home-run", LEASE)]
    assert alive(told, now=NOW)
    assert tenancy.facts["nodes"] == 2
    populate(kube, "abc", None, "x", "y")
    tenancy.end()
    assert kube.names("namespaces") == []


def test_a_stay_on_a_cluster_that_goes_removes_nothing() -> None:
    """Where the cluster ends with the run, the Lease is no longer renewed and nothing is taken out one by one."""
    kube = FakeKube(nodes=2)
    tenancy = Tenancy.begin(kube.typed, "abc", clock=FakeClock(start=NOW), waits=Waits())
    tenancy.end(remove_all=False)
    assert kube.names("namespaces") == ["harness-abc-home-run"]
    assert tenancy._stop.is_set()
