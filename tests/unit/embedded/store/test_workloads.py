"""StatefulSets, DaemonSets and Jobs: what is filled in, refused, and fixed for good."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError

from .objects_by_hand import a_store, deployment, make, problems

SETS, DAEMONS, JOBS = "statefulsets.apps", "daemonsets.apps", "jobs.batch"


def a_set(**spec: Any) -> dict[str, Any]:
    return deployment("s", **{"serviceName": "db", **spec})


def a_job(*, restart: str = "Never", **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": restart, "containers": [{"name": "c", "image": "i"}]}
    return {"metadata": {"name": "j"}, "spec": {"template": {"spec": pod}, **spec}}


def test_a_stateful_set_is_completed() -> None:
    """One replica, in order, rolling from the top with no partition."""
    spec = make(a_store(), SETS, a_set())["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (1, "OrderedReady")
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["template"]["spec"]["restartPolicy"] == "Always"


def test_a_daemon_set_is_completed() -> None:
    """One node at a time, no second pod first."""
    spec = make(a_store(), DAEMONS, deployment("s"))["spec"]
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def test_a_job_is_completed() -> None:
    """One completion of one pod, six retries, and a selector of its own that its template's labels meet."""
    made = make(a_store(), JOBS, a_job())
    spec, uid = made["spec"], made["metadata"]["uid"]
    fields = ("completions", "parallelism", "backoffLimit", "completionMode", "suspend")
    assert [spec[field] for field in fields] == [1, 1, 6, "NonIndexed", False]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = spec["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == labels["controller-uid"] == uid
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "j"


def test_a_work_queue_has_no_completions() -> None:
    """Who names only parallelism gets no number of completions."""
    assert "completions" not in make(a_store(), JOBS, a_job(parallelism=3))["spec"]


@pytest.mark.parametrize(
    ("resource", "obj", "problem"),
    [
        (SETS, a_set(podManagementPolicy="Odd"), "spec.podManagementPolicy: Unsupported value"),
        (SETS, a_set(updateStrategy={"type": "Recreate"}), "spec.updateStrategy: Unsupported value"),
        (
            SETS,
            a_set(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
            "only allowed for updateStrategy 'RollingUpdate'",
        ),
        (
            SETS,
            a_set(updateStrategy={"rollingUpdate": {"partition": -1}}),
            "rollingUpdate.partition: Invalid value: -1",
        ),
        (SETS, a_set(replicas=-1), "spec.replicas: Invalid value: -1"),
        (SETS, a_set(ordinals={"start": -1}), "spec.ordinals.start: Invalid value: -1"),
        (SETS, a_set(serviceName="No_"), "spec.serviceName: Invalid value"),
        (SETS, a_set(selector={"matchLabels": {"a": "c"}}), "`selector` does not match template `labels`"),
        (SETS, a_set(selector={}), "empty selector is invalid for statefulset"),
        (DAEMONS, deployment("s", updateStrategy={"type": "Odd"}), "spec.updateStrategy.type: Unsupported value"),
        (
            DAEMONS,
            deployment("s", updateStrategy={"rollingUpdate": {"maxUnavailable": 0}}),
            "cannot be 0 when maxSurge is 0",
        ),
        (DAEMONS, deployment("s", updateStrategy={"rollingUpdate": {"maxSurge": 1}}), "maxSurge: Forbidden"),
        (JOBS, a_job(restart="Always"), "spec.template.spec.restartPolicy: Required value: valid values:"),
        (JOBS, a_job(completionMode="Odd"), "spec.completionMode: Unsupported value"),
        (JOBS, a_job(completionMode="Indexed", parallelism=2), "spec.completions: Required value"),
        (
            JOBS,
            a_job(completionMode="Indexed", completions=1, parallelism=100_001),
            "must be less than or equal to 100000",
        ),
        (JOBS, a_job(backoffLimit=-1), "spec.backoffLimit: Invalid value: -1"),
    ],
)
def test_what_is_refused(resource: str, obj: dict[str, Any], problem: str) -> None:
    """Each rule, in the field it is about."""
    assert any(problem in line for line in problems(a_store(), resource, obj)), problems(a_store(), resource, obj)


@pytest.mark.parametrize(
    ("resource", "obj", "change", "problem"),
    [
        (SETS, a_set(), {"serviceName": "other"}, "updates to statefulset spec for fields other than"),
        (SETS, a_set(), {"podManagementPolicy": "Parallel"}, "updates to statefulset spec for fields other than"),
        (DAEMONS, deployment("s"), {"selector": {"matchLabels": {"a": "c"}}}, "field is immutable"),
        (JOBS, a_job(), {"completions": 5}, "field is immutable"),
        (JOBS, a_job(), {"completionMode": "Indexed"}, "field is immutable"),
        (JOBS, a_job(), {"template": {"spec": {"hostname": "h"}}}, "field is immutable"),
    ],
)
def test_what_does_not_change(resource: str, obj: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    """What identifies a workload is fixed when it is made."""
    store = a_store()
    name = make(store, resource, obj)["metadata"]["name"]
    with pytest.raises(ApiError, match=problem):
        store.patch(resource, name, {"spec": change}, namespace="x")


def test_what_may_change() -> None:
    """Replicas and template of a set, parallelism of a Job; indexed Jobs grow as a whole."""
    store = a_store()
    make(store, SETS, a_set())
    changed = store.patch(SETS, "s", {"spec": {"replicas": 3, "minReadySeconds": 1}}, namespace="x")
    assert changed["metadata"]["generation"] == 2
    make(store, JOBS, a_job(completionMode="Indexed", completions=2, parallelism=2))
    store.patch(JOBS, "j", {"spec": {"parallelism": 3, "completions": 3}}, namespace="x")


def test_volume_claims_are_unknown() -> None:
    """There are no persistent volumes: a strict client is told so, a lenient one warned."""
    warnings: list[str] = []
    make(a_store(), SETS, a_set(volumeClaimTemplates=[{"metadata": {"name": "v"}}]), warnings=warnings)
    assert warnings == ['unknown field "spec.volumeClaimTemplates"']
