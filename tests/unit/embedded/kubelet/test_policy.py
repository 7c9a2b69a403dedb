"""Restarts and back-off."""

import pytest

from harness.embedded.kubelet.policy import Backoff, is_sidecar, restarts


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restart_policy(policy: str, code: int, again: bool) -> None:
    """The pod's policy decides whether an ended container runs again."""
    assert restarts(policy, code=code) is again


@pytest.mark.parametrize(("policy", "code", "again"), [("Always", 0, False), ("Always", 1, True), ("Never", 1, False)])
def test_init_containers_are_done_after_one_success(policy: str, code: int, again: bool) -> None:
    """An init container that succeeded never runs again; a failed one does unless the policy is Never."""
    assert restarts(policy, code=code, init=True) is again


def test_sidecars_always_run() -> None:
    """An init container with restartPolicy Always is kept running under every policy of the pod."""
    assert is_sidecar({"restartPolicy": "Always"})
    assert not is_sidecar({})
    assert restarts("Never", code=0, init=True, sidecar=True)


def test_back_off_doubles_to_five_minutes() -> None:
    """The first restart is immediate, then 10 s, 20 s, … 300 s."""
    backoff, delays = Backoff(), []
    for _ in range(8):
        backoff = backoff.failed()
        delays.append(backoff.current)
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_long_run_is_forgiven() -> None:
    """After ten minutes of running the back-off begins anew."""
    backoff = Backoff(current=160, attempts=6).failed(ran=601)
    assert backoff.current == 0
