"""The first LoadBalancer Service of a run: one for all workers, waited for once, by nobody who has something to do."""

from __future__ import annotations

from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.kube.errors import Unreachable, WaitTimeout
from harness.model.capability import State
from harness.model.judgement import NotApplicable
from harness.suite.facts import ClusterFacts, KnownHere
from harness.suite.loadbalancer import NAME, PATIENCE, FirstLoadBalancer
from harness.world.ownership import RUN
from tests.unit.suite.ground import FakeKube

SPACE = "harness-r1-home-lb"
SERVICE = ("services", SPACE, NAME)


class Slow(FakeKube):
    """Notes how long somebody was ready to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.patience: list[float] = []

    def wait(self, resource: str, name: str, condition: Any, **how: Any) -> Any:
        self.patience.append(how["timeout"])
        return super().wait(resource, name, condition, **how)


def first(kube: Any, clock: FakeClock) -> FirstLoadBalancer:
    return FirstLoadBalancer(kube, "r1", clock=clock)


def given_address(kube: FakeKube) -> None:
    kube.put({**kube.objects[SERVICE], "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}})


def test_all_workers_ask_with_the_same_service() -> None:
    """It is the run's, marked as such, so that the run's end finds it whoever made it."""
    kube = FakeKube()
    for _ in range(3):
        first(kube, FakeClock()).ask()
    assert [key for key in kube.objects if key[0] == "services"] == [SERVICE]
    assert kube.objects[SERVICE]["spec"]["type"] == "LoadBalancer"
    for key in (SERVICE, ("namespaces", "", SPACE)):
        assert kube.objects[key]["metadata"]["labels"][RUN] == "r1"


def test_the_wait_goes_on_while_others_work() -> None:
    """Who asks late waits for what is left of the patience, and no longer."""
    kube, clock = Slow(), FakeClock()
    asking = first(kube, clock)
    asking.ask()
    clock.sleep(PATIENCE - 5)
    assert asking.fact().state is State.NO
    clock.sleep(100)
    told = asking.fact()
    assert kube.patience == [5.0, 0.0]
    assert (told.state, told.why) == (
        State.NO,
        "no address was assigned to the first Service that asked for one (110 s)",
    )


def test_an_address_is_a_yes() -> None:
    """However late it is looked at."""
    kube, clock = FakeKube(), FakeClock()
    asking = first(kube, clock)
    asking.ask()
    clock.sleep(1000)
    given_address(kube)
    assert asking.fact().state is State.YES


@pytest.mark.parametrize("asked", [True, False])
def test_what_could_not_be_looked_at_is_unknown(asked: bool) -> None:
    """A Service that was not made, or an API server that is away, says nothing about load balancers."""
    kube = FakeKube()
    asking = first(kube, FakeClock())
    if asked:
        asking.ask()

        def away(*_: Any, **__: Any) -> Any:
            raise Unreachable("connection refused")

        kube.wait = away  # type: ignore[method-assign]
    assert asking.fact().state is State.UNKNOWN


def test_a_test_that_needs_one_is_skipped_without_a_wait() -> None:
    """The run's first Service has been waited for by then; the finding is shared with everybody."""
    kube, known = Slow(), KnownHere()
    found = ClusterFacts(kube, kind="kubeconfig", known=known, declared={})  # type: ignore[arg-type]
    found.ask_for_loadbalancer("r1", timeout=60.0)
    for _ in range(2):
        with pytest.raises(NotApplicable, match="no address was assigned"):
            found.must_have(["lb"])
    assert len(kube.patience) == 1
    assert kube.patience[0] == pytest.approx(PATIENCE, abs=1.0)
    assert known.told("lb") is not None


def test_one_that_was_installed_is_given_its_whole_time() -> None:
    """A cluster that was made to give addresses is waited for as long as any test would."""
    kube = Slow()
    found = ClusterFacts(kube, kind="kind", declared={"lb": "yes"})  # type: ignore[arg-type]
    found.ask_for_loadbalancer("r1", timeout=60.0)
    found.must_have(["lb"])  # not skipped: the test says what it lacks
    assert kube.patience[0] == pytest.approx(60.0, abs=1.0)


def test_nobody_asks_again_what_is_known() -> None:
    """A finding of another worker is enough."""
    kube, known = FakeKube(), KnownHere()
    one = ClusterFacts(kube, kind="kubeconfig", known=known, declared={})  # type: ignore[arg-type]
    one.ask_for_loadbalancer("r1", timeout=60.0)
    given_address(kube)
    assert one.fact("lb").state is State.YES
    del kube.objects[SERVICE]
    other = ClusterFacts(kube, kind="kubeconfig", known=known, declared={})  # type: ignore[arg-type]
    other.ask_for_loadbalancer("r1", timeout=60.0)
    assert SERVICE not in kube.objects


def test_a_refused_request_leaves_it_to_the_tests() -> None:
    """Where the run's own Service cannot be made, the first test that needs one asks and waits itself."""
    kube = FakeKube()

    def refuse(_: Any) -> Any:
        raise WaitTimeout("no", last=None)

    kube.apply = refuse  # type: ignore[method-assign]
    found = ClusterFacts(kube, kind="kubeconfig", declared={})  # type: ignore[arg-type]
    found.ask_for_loadbalancer("r1", timeout=60.0)
    assert "lb" not in found.probes
