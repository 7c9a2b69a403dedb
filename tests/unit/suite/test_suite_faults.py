"""Planting a fault: the object that is made, how long is waited, and that it always goes."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.effects.clock import FakeClock
from harness.kube.client import Kube
from harness.kube.errors import UnknownResource
from harness.model.judgement import NotApplicable
from harness.suite.faults import NOTICE, planted
from tests.unit.suite.ground import FakeKube


def plant(api: FakeKube, fault: str, *, clock: FakeClock | None = None, **scope: Any) -> Any:
    """Plant in a cluster of dictionaries, in no time."""
    return planted(cast("Kube", api), fault, clock=clock or FakeClock(), **scope)


def standing(api: FakeKube) -> list[dict[str, Any]]:
    """The faults there are."""
    return [each for each in api.objects.values() if each["kind"] == "Fault"]


def test_a_fault_stands_as_long_as_its_block() -> None:
    """It says id, scope and parameters, would end by itself, is given time to act, and is gone after the block."""
    api, clock = FakeKube(), FakeClock()
    scope: dict[str, Any] = {"namespaces": ("x",), "nodes": ("n1",), "params": {"factor": 2}, "ttl": 30}
    with plant(api, "services/F05", clock=clock, **scope):
        (fault,) = standing(api)
        spec = fault["spec"]
        assert (spec["id"], spec["namespaces"], spec["nodes"]) == ("services/F05", ["x"], ["n1"])
        assert (spec["params"], spec["ttlSeconds"]) == ({"factor": 2}, 30)
        assert clock.now() == NOTICE
    assert not standing(api)


def test_a_fault_goes_when_its_block_fails() -> None:
    """A promise that is broken as wanted does not leave the cluster broken."""
    api = FakeKube()
    with pytest.raises(AssertionError), plant(api, "dns/F-03"):
        raise AssertionError
    assert not standing(api)


def test_the_same_fault_may_stand_twice() -> None:
    """Two workers plant one fault in scopes of their own: the objects have different names, fit for the API."""
    api = FakeKube()
    with plant(api, "dns/F-03") as one, plant(api, "dns/F-03") as two:
        assert one != two
        assert one.startswith("dns-f-03-")


def test_a_cluster_without_faults_is_not_applicable() -> None:
    """Where the API has no such kind the test is skipped, and says what it needs."""
    api = FakeKube()
    api.troubles.append(UnknownResource("the cluster does not serve faults"))
    with pytest.raises(NotApplicable, match="broken on request"), plant(api, "dns/F-03"):
        pass
