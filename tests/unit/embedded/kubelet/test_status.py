"""A pod's status from what is seen of its containers."""

from typing import Any

import pytest

from harness.embedded.kubelet.status import (
    ContainerSeen,
    PodSeen,
    Running,
    Terminated,
    Waiting,
    phase_of,
    qos_class,
    render,
)
from tests.unit.embedded.kubelet.pods_by_hand import NODE, container, pod


def seen(state: Any, *, ready: bool = False, settled: bool = False, last: Any = None, name: str = "c") -> ContainerSeen:
    return ContainerSeen(
        container(name), state=state, ready=ready, settled=settled, last=last, started=isinstance(state, Running)
    )


def ended(code: int) -> Terminated:
    return Terminated(code, 1.0, 2.0, "Completed" if code == 0 else "Error")


def whole(
    *main: ContainerSeen, init: tuple[ContainerSeen, ...] = (), addresses: tuple[str, ...] = ("10.244.0.5",)
) -> PodSeen:
    return PodSeen(addresses, bool(addresses), 1.0, init, main)


RUNNING = Running(1.0)
CREATING = Waiting()


@pytest.mark.parametrize(
    ("main", "phase"),
    [
        ((seen(CREATING),), "Pending"),
        ((seen(RUNNING),), "Running"),
        ((seen(RUNNING), seen(CREATING)), "Pending"),
        ((seen(Waiting("CrashLoopBackOff"), last=ended(1)),), "Running"),
        ((seen(Waiting("ImagePullBackOff")),), "Pending"),
        ((seen(ended(1)),), "Running"),
        ((seen(ended(0), settled=True),), "Succeeded"),
        ((seen(ended(1), settled=True),), "Failed"),
        ((seen(ended(0), settled=True), seen(ended(1), settled=True)), "Failed"),
        ((seen(ended(0), settled=True), seen(RUNNING)), "Running"),
    ],
)
def test_phase(main: tuple[ContainerSeen, ...], phase: str) -> None:
    """The phase follows from the containers' states."""
    assert phase_of(whole(*main)) == phase


def test_an_init_container_keeps_the_pod_pending() -> None:
    """Until all init containers are done the pod is Pending; when one fails for good it is Failed."""
    waiting = seen(CREATING)
    for state, settled, phase in (
        (RUNNING, False, "Pending"),
        (ended(1), False, "Pending"),
        (ended(1), True, "Failed"),
    ):
        first = ContainerSeen(container("i"), init=True, state=state, settled=settled)
        assert phase_of(whole(waiting, init=(first,))) == phase


def conditions(one: dict[str, Any], state: PodSeen, *, now: float = 5.0) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in render(one, NODE, state, now=now)["conditions"]}


def test_a_ready_pod_has_the_recorded_conditions() -> None:
    """The five conditions of a running pod are there, in the recorded order, all True."""
    status = render(pod(), NODE, whole(seen(RUNNING, ready=True)), now=5.0)
    assert [(each["type"], each["status"]) for each in status["conditions"]] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]


def test_an_unready_container_is_named() -> None:
    """Ready says which containers are not."""
    found = conditions(pod(), whole(seen(RUNNING, ready=True), seen(RUNNING, name="slow")))
    assert found["Ready"]["status"] == "False"
    assert found["Ready"]["reason"] == "ContainersNotReady"
    assert found["ContainersReady"]["message"] == "containers with unready status: [slow]"


def test_transition_times_move_only_with_the_status() -> None:
    """A condition that stays keeps its time; one that changes gets a new one."""
    one = pod()
    one["status"] = render(one, NODE, whole(seen(RUNNING)), now=5.0)
    later = conditions(one, whole(seen(RUNNING, ready=True)), now=65.0)
    assert later["Initialized"]["lastTransitionTime"] == "1970-01-01T00:00:05Z"
    assert later["Ready"]["lastTransitionTime"] == "1970-01-01T00:01:05Z"


def test_readiness_gates_hold_the_pod_back() -> None:
    """With a gate the pod is ready only when its condition says True, which others write and we keep."""
    one = pod(readinessGates=[{"conditionType": "lb"}])
    state = whole(seen(RUNNING, ready=True))
    assert conditions(one, state)["Ready"]["reason"] == "ReadinessGatesNotReady"
    one["status"] = {"conditions": [{"type": "lb", "status": "True", "lastTransitionTime": "x"}]}
    found = conditions(one, state)
    assert found["Ready"]["status"] == "True"
    assert found["lb"]["status"] == "True"
    assert found["ContainersReady"]["status"] == "True"


def test_a_completed_pod_is_not_ready() -> None:
    """Succeeded pods say PodCompleted."""
    found = conditions(pod(), whole(seen(ended(0), settled=True)))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "PodCompleted")


def test_addresses_are_all_told() -> None:
    """Both families of the pod and of the node are in the status, the first as the single one."""
    status = render(pod(), NODE, whole(seen(RUNNING), addresses=("10.244.0.5", "fd00:10:244::5")), now=5.0)
    assert status["podIP"] == "10.244.0.5"
    assert status["podIPs"] == [{"ip": "10.244.0.5"}, {"ip": "fd00:10:244::5"}]
    assert status["hostIPs"] == [{"ip": address} for address in NODE.addresses]


def test_without_a_sandbox_there_is_no_address() -> None:
    """A pod that is not attached yet has no podIP and says so."""
    state = whole(seen(CREATING), addresses=())
    assert "podIP" not in render(pod(), NODE, state, now=5.0)
    assert conditions(pod(), state)["PodReadyToStartContainers"]["status"] == "False"


def test_a_container_killed_by_a_signal_says_which() -> None:
    """Exit code 137 is signal 9."""
    state = Terminated(137, 1.0, 2.0, "Error", container_id="crun://x").render()["terminated"]
    assert (state["exitCode"], state["signal"], state["containerID"]) == (137, 9, "crun://x")


def test_container_status_has_state_and_past() -> None:
    """Restarts, last state, image and id are told."""
    one = seen(RUNNING, ready=True, last=ended(3))
    one.restarts, one.container_id, one.image_id = 2, "crun://abc", "sha256:1"
    found = render(pod(), NODE, whole(one), now=5.0)["containerStatuses"][0]
    assert found["restartCount"] == 2
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert (found["containerID"], found["imageID"], found["started"], found["ready"]) == (
        "crun://abc",
        "sha256:1",
        True,
        True,
    )


EQUAL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": EQUAL, "requests": EQUAL}], "Guaranteed"),
        ([{"limits": EQUAL}], "Guaranteed"),
        ([{"limits": EQUAL}, {}], "Burstable"),
        ([{"limits": EQUAL, "requests": {"cpu": "0.5", "memory": "1Gi"}}], "Burstable"),
        ([{"requests": {"ephemeral-storage": "1Gi"}}], "BestEffort"),
    ],
)
def test_quality_of_service(resources: list[dict[str, Any]], quality: str) -> None:
    """The class follows from all containers' cpu and memory."""
    assert qos_class(pod(*(container(f"c{n}", resources=one) for n, one in enumerate(resources)))) == quality
