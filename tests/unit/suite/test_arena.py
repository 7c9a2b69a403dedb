"""What an arena changes it takes back, and what it could not take back nobody stands on."""

from __future__ import annotations

import pytest

from harness.kube.errors import AlreadyExists, Forbidden, KubeError
from harness.model.judgement import Unmeasured
from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.probe.asks import Ask, Ready, Tcp
from harness.probe.results import Result
from harness.suite.arena import ArenaPod
from harness.world.manifests import PodShape, policy, service
from tests.unit.suite.ground import Ground, away


def objects(ground: Ground, resource: str) -> set[str]:
    return {name for kind, _, name in ground.kube.objects if kind == resource}


def labels(ground: Ground, ref: str) -> dict[str, str]:
    namespace, name = ground.base.name(ref)
    return dict(ground.kube.objects["pods", namespace, name]["metadata"]["labels"])


def test_what_a_test_made_goes_with_it(ground: Ground) -> None:
    """Objects and pods of a test are removed, those of the arena stay."""
    arena = ground.lease()
    arena.apply(service("svc", {}), policy("deny", {"podSelector": {}}), namespace="y")
    arena.start({"x/d": PodShape()})
    assert "x/d" in arena.pods
    arena.close()
    assert objects(ground, "services") == set()
    assert objects(ground, "networkpolicies.networking.k8s.io") == set()
    assert len(objects(ground, "pods")) == 3, "a, b and c of each namespace"


def test_a_name_that_other_tests_stand_on_is_refused(ground: Ground) -> None:
    """Applied anew it would be gone with the test; in another namespace, or by another name, it is one's own."""
    ground.base.add_objects([service("shared", {})], "x")
    arena = ground.lease()
    with pytest.raises(ValueError, match=r"other tests stand on Service .* shared: choose another name"):
        arena.apply(service("shared", {}))
    arena.apply(service("shared", {}), namespace="y")
    arena.apply(service("own", {}))
    arena.close()
    assert {name for kind, _, name in ground.kube.objects if kind == "services"} == {"shared"}


def test_what_belongs_to_no_namespace_goes_with_the_test_or_the_arena(ground: Ground) -> None:
    """It is marked, removed when the test ends, and owned by the arena's namespace, should that end never come."""
    arena = ground.lease()
    spec = {"controller": "example.com/nobody"}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass"}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": arena.namespace("x")}}
    ground.kube.put(space)
    made = arena.add_outside_namespaces({**kind, "metadata": {"name": "c"}, "spec": spec})
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Namespace", arena.namespace("x"))
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "harness"
    assert objects(ground, "ingressclasses.networking.k8s.io") == {"c"}
    arena.close()
    assert objects(ground, "ingressclasses.networking.k8s.io") == set()


def test_sessions_of_a_tests_pods_are_forgotten_before_the_pods_go(ground: Ground) -> None:
    """A session that sees its pod vanish would look for it; a successor of the same name gets a new session."""
    arena = ground.lease()
    arena.start({"x/d": PodShape()})
    key = arena.pods["x/d"].key
    arena.close()
    assert ground.network.forgotten == [key]


def test_a_test_that_made_nothing_costs_no_request(ground: Ground) -> None:
    """Closing asks the API only about what the test may have left."""
    ground.lease().close()
    assert ground.kube.requests == []


def test_only_touched_places_are_searched(ground: Ground) -> None:
    """A test that made a Service in x has Services of x listed, nothing else."""
    arena = ground.lease()
    arena.apply(service("svc", {}))
    ground.kube.requests.clear()
    arena.close()
    assert [request for request in ground.kube.requests if request[0] == "list"] == [
        ("list", "services", ground.base.namespaces["x"])
    ]


def test_labels_come_back_last_change_first(ground: Ground) -> None:
    """Two changes of one label end at what it was before the first; an added one is gone."""
    before, arena = labels(ground, "x/a"), ground.lease()
    arena.label("x/a", {"pod": "z", "extra": "1"})
    arena.label("x/a", {"pod": "y"})
    assert labels(ground, "x/a")["pod"] == "y"
    arena.close()
    assert labels(ground, "x/a") == before


def test_labels_of_a_pod_that_is_gone_need_no_restoring(ground: Ground) -> None:
    """A test may delete what it labelled."""
    arena = ground.lease()
    arena.start({"x/d": PodShape()})
    arena.label("x/d", {"role": "member"})
    arena.delete("pods", "d")
    arena.close()
    assert ground.base.debts == []


def test_a_short_absence_of_the_api_server_is_waited_for(ground: Ground) -> None:
    """Applying and closing ask again while the server restarts; pods are not made twice."""
    arena = ground.lease()
    ground.kube.troubles = away(2)
    arena.start({"x/d": PodShape()})
    ground.kube.troubles = away(2)
    arena.close()
    assert ground.clock.now() > 0
    assert len(objects(ground, "pods")) == 3


def test_a_pod_whose_creation_was_heard_is_not_made_twice(ground: Ground) -> None:
    """The answer to a creation may be lost with the server that gave it: the pod is there."""
    arena = ground.lease()
    ground.kube.lost = away(1)
    arena.start({"x/d": PodShape()})
    assert "x/d" in arena.pods


def test_a_pod_that_somebody_else_made_is_not_taken_over(ground: Ground) -> None:
    """A name that is taken at the first attempt is an error, not ours."""
    with pytest.raises(AlreadyExists):
        ground.lease().start({"x/a": PodShape()})


def test_what_cannot_be_taken_back_is_a_debt_of_the_arena(ground: Ground) -> None:
    """Every step is tried, the trouble is raised, and the next lease begins by doing what was left."""
    arena = ground.lease("suites/a.py::test_spoils")
    arena.label("x/a", {"pod": "z"})
    arena.apply(service("svc", {}))
    ground.kube.troubles = [Forbidden({"code": 403}, asked="get")]
    with pytest.raises(KubeError):
        arena.close()
    assert objects(ground, "services") == set(), "the step after the one that failed was made"
    assert labels(ground, "x/a")["pod"] == "z"
    ground.base.pay_debts()
    assert labels(ground, "x/a")["pod"] == "a"
    assert ground.base.debts == []


def test_nobody_asks_on_spoilt_ground(ground: Ground) -> None:
    """While a debt cannot be paid, a lease is refused as UNKNOWN, naming the test that left it."""
    arena = ground.lease("suites/a.py::test_spoils")
    arena.label("x/a", {"pod": "z"})
    ground.kube.troubles = [Forbidden({"code": 403}, asked="get") for _ in range(2)]
    with pytest.raises(KubeError):
        arena.close()
    with pytest.raises(Unmeasured, match="test_spoils"):
        ground.base.pay_debts()
    assert len(ground.base.debts) == 1


def test_a_cluster_that_is_gone_costs_one_wait(ground: Ground) -> None:
    """Patience that ran out is short until something is answered again."""
    ground.kube.troubles = away(1000)
    arena = ground.lease()
    with pytest.raises(KubeError):
        arena.apply(service("svc", {}))
    waited = ground.clock.now()
    with pytest.raises(KubeError):
        arena.apply(service("svc", {}))
    assert ground.clock.now() == waited > 0


def test_fewer_results_than_asks_are_unknown(ground: Ground) -> None:
    """Which ask a result belongs to is known by its place only: with one missing, none can be told apart."""
    ground.network.short = 1
    with pytest.raises(Unmeasured, match="x/a"):
        ground.lease().ask("x/a", Tcp("10.0.0.1", 80), Tcp("10.0.0.2", 80))


def test_changes_are_told(ground: Ground) -> None:
    """Applying, deleting, patching, labelling and telling a pod to change are changes; looking is none."""
    arena = ground.lease()
    arena.ask("x/a", Tcp(arena.pods["x/b"].address(), 80))
    assert ground.changes == []
    arena.apply(service("svc", {}))
    arena.label("x/a", {"extra": "1"})
    arena.delete("services", "svc")
    ground.network.lies.append(lambda _, ask: None if isinstance(ask, Tcp) else _done(ask))
    arena.ask("x/a", Ready(ready=False))
    assert len(ground.changes) == 4


def _done(ask: Ask) -> Result:
    return Result(ask, "x/a", Seen.REACHED)


def test_every_probe_is_logged_under_its_case(ground: Ground) -> None:
    """The probe log says who asked what, what was seen and who answered."""
    arena = ground.lease("suites/a.py::test_b")
    arena.ask("x/a", Tcp(arena.pods["y/b"].address(), 80))
    (row,) = ground.log
    assert row["case"] == "suites/a.py::test_b"
    assert (row["from"], row["seen"], row["answered_by"]) == ("x/a", "REACHED", arena.pods["y/b"].full)


def test_a_family_the_pod_lacks_is_no_skip(ground: Ground) -> None:
    """A test that asks for a family needs it, and the cluster has it: a pod without cannot be measured."""
    pod = ground.base.pods["x/a"]
    assert pod.address("IPv4") == pod.address()
    with pytest.raises(Unmeasured, match=r"x/a on n1 was given no IPv6 address, it has 10\."):
        pod.address(Family.V6)


def test_a_pod_is_read_from_the_api(ground: Ground) -> None:
    """Both forms of a pod's addresses are read: the list, and the single one of old servers."""
    both = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"nodeName": "n1"}, "status": {"podIP": "10.0.0.1"}}
    assert ArenaPod.of("x/a", both).addresses == ("10.0.0.1",)


def test_closing_removes_nothing(ground: Ground) -> None:
    """What ends with its cluster is left to that: the streams close, and the API is not asked for anything."""
    ground.base.close()
    assert ground.network.closed
    assert ground.kube.requests == []


def test_removal_survives_an_api_that_is_away(ground: Ground) -> None:
    """The worker's last step must not spoil its last test: what is marked is removed at the run's end."""
    ground.kube.troubles = away(10)
    ground.base.remove()
    assert ground.network.closed
