"""Jobs: completions, parallelism, failures and their limit, indexes, pauses, the end."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import job

LATE = "2027-01-15T07:00:00Z"
"""An hour before the tests' now."""


def make(world: Any, **spec: Any) -> Any:
    template = {"metadata": {"labels": {"app": "work"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    fields = {"completions": 1, "parallelism": 1, "backoffLimit": 6, "template": template, **spec}
    return world.add("jobs.batch", "work", metadata={"generation": 1}, spec=fields)


def pods(world: Any, phase: str = "") -> list[Any]:
    return [pod for pod in world.all("pods") if (pod.get("status") or {}).get("phase", "") == phase]


def end(world: Any, phase: str, count: int = 1) -> None:
    """Some of the running pods end, an hour ago."""
    for pod in pods(world)[:count]:
        state = {"state": {"terminated": {"finishedAt": LATE}}}
        pod["status"] = {"phase": phase, "containerStatuses": [state]}


def run(world: Any, phase: str = "Succeeded", *, most: int = 40) -> list[int]:
    """Let every pod end like that; how many ran at a time."""
    seen = []
    for _ in range(most):
        world.run(job.reconcile)
        if not pods(world):
            return seen
        seen.append(len(pods(world)))
        end(world, phase, len(pods(world)))
    raise AssertionError("never quiet")


def status(world: Any) -> Any:
    return world.all("jobs.batch")[0]["status"]


def conditions(world: Any) -> dict[str, str]:
    return {c["type"]: c["reason"] for c in status(world).get("conditions") or () if c["status"] == "True"}


def test_one_pod_is_run_to_its_end(world: Any) -> None:
    """A plain Job runs one pod, and says that it is complete, since when and until when."""
    make(world)
    assert run(world) == [1]
    assert conditions(world) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert status(world)["succeeded"] == 1
    assert status(world)["startTime"] and status(world)["completionTime"]
    assert status(world).get("active") is None


def test_parallelism_bounds_what_runs(world: Any) -> None:
    """Five completions, two at a time: no more than are still needed."""
    make(world, completions=5, parallelism=2)
    assert run(world) == [2, 2, 1]
    assert status(world)["succeeded"] == 5


def test_without_completions_the_first_success_settles_it(world: Any) -> None:
    """A work queue: once one has ended well no new ones come, and the others are waited for."""
    made = make(world, parallelism=3)
    del made["spec"]["completions"]
    world.run(job.reconcile)
    end(world, "Succeeded")
    world.run(job.reconcile)
    assert len(pods(world)) == 2 and not conditions(world)
    end(world, "Succeeded", 2)
    world.run(job.reconcile)
    assert "Complete" in conditions(world)


def test_failures_are_followed_by_new_pods_up_to_the_limit(world: Any) -> None:
    """A limit of two allows two further attempts; then the Job has failed."""
    make(world, backoffLimit=2)
    assert run(world, "Failed") == [1, 1, 1]
    assert conditions(world) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert status(world)["failed"] == 3


def test_the_next_attempt_waits(world: Any) -> None:
    """Ten seconds after the first failure, twenty after the second."""
    make(world)
    world.run(job.reconcile)
    for wait in (10, 20):
        pod = pods(world)[0]
        moment = {"finishedAt": "2027-01-15T08:00:00Z"}
        pod["status"] = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": moment}}]}
        world.now = 1_800_000_000.0 + wait - 1
        world.run(job.reconcile)
        assert not pods(world)
        world.now += 1
        world.run(job.reconcile)
        assert len(pods(world)) == 1


def test_restarts_in_place_count_as_failures(world: Any) -> None:
    """With restartPolicy OnFailure the kubelet's restarts use up the limit; the pod is removed."""
    make(world, backoffLimit=1)
    world.run(job.reconcile)
    pods(world)[0]["status"] = {"containerStatuses": [{"restartCount": 2}]}
    world.run(job.reconcile)
    assert not world.all("pods")
    assert "Failed" in conditions(world)


def test_indexed_pods_have_numbers(world: Any) -> None:
    """Each index has a pod with its number in name, label, host name and environment; the status lists those done."""
    make(world, completions=3, parallelism=3, completionMode="Indexed")
    world.run(job.reconcile)
    numbers = sorted(pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] for pod in pods(world))
    assert numbers == ["0", "1", "2"]
    second = next(p for p in pods(world) if p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "1")
    assert second["spec"]["hostname"] == "work-1"
    assert second["metadata"]["name"].startswith("work-1-")
    assert [v["name"] for v in second["spec"]["containers"][0]["env"]] == ["JOB_COMPLETION_INDEX"]
    second["status"] = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"finishedAt": LATE}}}]}
    run(world)
    assert status(world)["completedIndexes"] == "0-2"
    assert (status(world)["succeeded"], status(world)["failed"]) == (3, 1)


def test_a_suspended_job_has_no_pods(world: Any) -> None:
    """Pausing removes what runs and forgets the start; going on says so."""
    made = make(world)
    world.run(job.reconcile)
    world.all("jobs.batch")[0]["spec"]["suspend"] = True
    world.run(job.reconcile)
    assert not world.all("pods") and conditions(world) == {"Suspended": "JobSuspended"}
    assert "startTime" not in status(world)
    world.all("jobs.batch")[0]["spec"]["suspend"] = False
    world.run(job.reconcile)
    assert len(pods(world)) == 1 and not conditions(world)
    assert made["spec"]["parallelism"] == 1


def test_a_deadline_ends_it(world: Any) -> None:
    """After activeDeadlineSeconds what runs is removed, and the Job has failed."""
    make(world, activeDeadlineSeconds=60)
    world.run(job.reconcile)
    world.now += 61
    world.run(job.reconcile)
    assert not world.all("pods")
    assert conditions(world)["Failed"] == "DeadlineExceeded"


def test_a_pod_on_its_way_out_delays_the_end(world: Any) -> None:
    """The Job is only said to have failed when nothing of it is left running."""
    make(world, parallelism=2, completions=2, backoffLimit=0)
    world.run(job.reconcile)
    end(world, "Failed")
    leaving = pods(world)[0]
    leaving["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z"
    world.run(job.reconcile)
    assert conditions(world) == {"FailureTarget": "BackoffLimitExceeded"}
    assert status(world)["terminating"] == 1


def test_a_finished_job_is_removed_after_its_time(world: Any) -> None:
    """ttlSecondsAfterFinished counts from the end."""
    make(world, ttlSecondsAfterFinished=30)
    run(world)
    assert len(world.all("jobs.batch")) == 1
    world.now += 31
    world.run(job.reconcile)
    assert not world.all("jobs.batch")


def test_fewer_at_a_time_removes_some(world: Any) -> None:
    """Lowering parallelism takes running pods away."""
    make(world, completions=5, parallelism=4)
    world.run(job.reconcile)
    world.all("jobs.batch")[0]["spec"]["parallelism"] = 1
    world.run(job.reconcile)
    assert len(pods(world)) == 1


@pytest.mark.parametrize(
    ("numbers", "text"), [((), ""), ((1,), "1"), ((1, 2), "1,2"), ((7, 1, 3, 4, 5), "1,3-5,7"), ((0, 1, 2), "0-2")]
)
def test_numbers_are_written_as_ranges(numbers: tuple[int, ...], text: str) -> None:
    """Three or more in a row become a range."""
    assert job.ranges(numbers) == text
