"""Pods: what is filled in, what may change, how they are bound and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.store.errors import ApiError
from harness.embedded.store.kinds.pods import quality

from .objects_by_hand import a_store, make, pod, problems, refusal


def with_container(**fields: Any) -> dict[str, Any]:
    """A pod whose container has these fields."""
    return pod(containers=[{"name": "c", "image": "i", **fields}])


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("python", "Always"),
        ("python:latest", "Always"),
        ("python:3.12", "IfNotPresent"),
        ("host:5000/python", "Always"),
        ("host:5000/python:1", "IfNotPresent"),
        ("python@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    """Only `latest`, said or unsaid, is pulled every time."""
    made = make(a_store(), "pods", pod(containers=[{"name": "c", "image": image}]))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_probes_and_references_are_completed() -> None:
    """Periods, thresholds, paths, and the version of a field reference."""
    container = {
        "readinessProbe": {"httpGet": {"port": 80}},
        "livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 3},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": 80}],
    }
    made = make(a_store(), "pods", with_container(**container))["spec"]["containers"][0]
    assert made["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert made["livenessProbe"]["periodSeconds"] == 3
    assert made["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert made["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_volumes_are_completed() -> None:
    """Modes, an empty directory for a bare name, and the lifetime of a token."""
    volumes = [
        {"name": "bare"},
        {"name": "map", "configMap": {"name": "m"}},
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
    ]
    made = make(a_store(), "pods", pod(volumes=volumes, automountServiceAccountToken=False))["spec"]["volumes"]
    assert made[0] == {"name": "bare", "emptyDir": {}}
    assert made[1]["configMap"]["defaultMode"] == 0o644
    assert made[2]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600


def test_host_ports_of_the_host_network_are_the_container_ports() -> None:
    """And a different one is refused."""
    spec = {"hostNetwork": True, "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]}
    made = make(a_store(), "pods", pod(**spec))
    assert made["spec"]["containers"][0]["ports"][0]["hostPort"] == 80
    spec["containers"][0]["ports"][0]["hostPort"] = 81
    assert any("must match `containerPort`" in line for line in problems(a_store(), "pods", pod("q", **spec)))


def test_limits_are_requests_where_none_are_said() -> None:
    """For the resources that have no request."""
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}
    made = make(a_store(), "pods", with_container(resources=resources))
    assert made["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "100m", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
    ],
)
def test_quality_follows_requests_and_limits(resources: Any, wanted: str) -> None:
    """The three classes."""
    assert quality({"containers": [{"resources": each} for each in resources]}) == wanted


def test_the_token_is_mounted_unless_the_pod_or_account_says_no() -> None:
    """The pod's word counts before the account's; a mount of its own is left alone."""
    store = a_store()
    make(store, "serviceaccounts", {"metadata": {"name": "quiet"}, "automountServiceAccountToken": False})
    silent = make(store, "pods", pod("a", serviceAccountName="quiet"))
    assert "volumes" not in silent["spec"]
    loud = make(store, "pods", pod("b", serviceAccountName="quiet", automountServiceAccountToken=True))
    assert loud["spec"]["volumes"][0]["name"].startswith("kube-api-access-")
    place = "/var/run/secrets/kubernetes.io/serviceaccount"
    own = pod("c", containers=[{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": place}]}])
    own["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    assert [volume["name"] for volume in make(store, "pods", own)["spec"]["volumes"]] == ["v"]


def test_an_account_that_is_not_there_refuses_the_pod() -> None:
    """Except the default one, which may come a moment after its namespace."""
    error = refusal(a_store(), "pods", pod(serviceAccountName="nobody"))
    assert error.code == 403
    assert 'serviceaccount "nobody" not found' in error.message
    make(a_store(), "pods", pod())


def test_own_tolerations_replace_the_added_ones() -> None:
    """A pod that tolerates a lost node for another time keeps its time."""
    mine = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    made = make(a_store(), "pods", pod(tolerations=[mine]))
    assert [(t["key"], t["tolerationSeconds"]) for t in made["spec"]["tolerations"]] == [
        ("node.kubernetes.io/not-ready", 5),
        ("node.kubernetes.io/unreachable", 300),
    ]


RULES = [
    (pod(containers=[{"image": "i"}]), "spec.containers[0].name: Required value"),
    (pod(containers=[{"name": "c"}]), "spec.containers[0].image: Required value"),
    (pod(containers=[{"name": "c", "image": "i"}] * 2), "spec.containers[1].name: Duplicate value"),
    (pod(restartPolicy="Maybe"), 'supported values: "Always", "OnFailure", "Never"'),
    (pod(nodeName="A b"), "spec.nodeName: Invalid value"),
    (pod(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds: Invalid value"),
    (pod(hostAliases=[{"ip": "x"}]), "spec.hostAliases[0].ip: Invalid value"),
    (pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["A"]}]), "spec.hostAliases[0].hostnames[0]: Invalid value"),
    (pod(dnsPolicy="None", dnsConfig={}), "must provide at least one DNS nameserver"),
    (pod(dnsConfig={"nameservers": ["1.1.1.1"] * 4}), "must not have more than 3 nameservers"),
    (pod(dnsConfig={"nameservers": ["x"]}), "spec.dnsConfig.nameservers[0]: Invalid value"),
    (pod(dnsConfig={"searches": ["a"] * 33}), "must not have more than 32 search paths"),
    (pod(dnsConfig={"searches": ["a" * 63 + "." + "b" * 63 + "." + "c" * 60] * 12}), "must not have more than 2048"),
    (pod(dnsConfig={"searches": ["-a"]}), "spec.dnsConfig.searches[0]: Invalid value"),
    (pod(dnsConfig={"options": [{"value": "1"}]}), "spec.dnsConfig.options[0]: Required value"),
    (pod(tolerations=[{"operator": "Equal"}]), "operator must be Exists when `key` is empty"),
    (pod(tolerations=[{"key": "a", "effect": "Fly"}]), "spec.tolerations[0].effect: Unsupported value"),
    (pod(volumes=[{"name": "v"}, {"name": "v"}]), "spec.volumes[1].name: Duplicate value"),
    (pod(volumes=[{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]), "may not specify more than 1 volume"),
    (pod(volumes=[{"name": "v", "configMap": {}}]), "spec.volumes[0].configMap.name: Required value"),
    (pod(securityContext={"runAsUser": -1}), "spec.securityContext.runAsUser: Invalid value"),
    (with_container(ports=[{"containerPort": 0}]), "spec.containers[0].ports[0].containerPort: Required value"),
    (with_container(ports=[{"containerPort": 1, "protocol": "X"}]), '"SCTP", "TCP", "UDP"'),
    (with_container(ports=[{"containerPort": 1, "name": "a--b"}]), "must not contain consecutive hyphens"),
    (with_container(env=[{"name": "A=B"}]), "a valid environment variable name"),
    (with_container(env=[{"name": "A", "value": "x", "valueFrom": {}}]), "may not be specified when `value` is not"),
    (with_container(volumeMounts=[{"name": "v", "mountPath": "/x"}]), 'Not found: "v"'),
    (with_container(readinessProbe={}), "spec.containers[0].readinessProbe: Required value: must specify a handler"),
    (with_container(livenessProbe={"httpGet": {"port": 80}, "successThreshold": 2}), "successThreshold: Invalid value"),
    (with_container(lifecycle={"preStop": {"exec": {}}}), "preStop.exec.command: Required value"),
    (with_container(imagePullPolicy="Sometimes"), "imagePullPolicy: Unsupported value"),
]


@pytest.mark.parametrize(("obj", "problem"), RULES)
def test_a_pod_that_breaks_a_rule_is_refused(obj: Any, problem: str) -> None:
    """One row per rule that the recording does not show."""
    found = problems(a_store(), "pods", obj)
    assert any(problem in line for line in found), found


@pytest.mark.parametrize("search", [".", "a.b.", "_tcp.example", "a_b"])
def test_relaxed_search_domains_are_accepted(search: str) -> None:
    """A lone dot, a trailing dot, and underscores."""
    make(a_store(), "pods", pod(dnsConfig={"searches": [search]}))


@pytest.mark.parametrize(
    "patch",
    [
        {"containers": [{"name": "c", "image": "other"}]},
        {"activeDeadlineSeconds": 5},
        {"tolerations": [{"operator": "Exists"}]},
    ],
)
def test_a_few_wishes_of_a_pod_may_change(patch: Any) -> None:
    """Images, a deadline, and more tolerations; each bumps the generation."""
    from harness.embedded.store.patches import PatchKind

    store = a_store()
    made = make(store, "pods", pod())
    if "tolerations" in patch:
        patch = {"tolerations": [*made["spec"]["tolerations"], *patch["tolerations"]]}
    changed = store.patch("pods", "p", {"spec": patch}, namespace="x", kind=PatchKind.STRATEGIC)
    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    "patch",
    [
        {"hostname": "h"},
        {"containers": [{"name": "c", "image": "i", "command": ["x"]}]},
        {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]},
        {"nodeName": "n"},
        {"tolerations": []},
    ],
)
def test_other_wishes_of_a_pod_are_fixed(patch: Any) -> None:
    """Anything else is refused."""
    store = a_store()
    make(store, "pods", pod())
    with pytest.raises(ApiError) as error:
        store.patch("pods", "p", {"spec": patch}, namespace="x")
    assert error.value.code == 422
    assert "Forbidden" in error.value.message


def test_a_binding_gives_the_pod_its_node_once() -> None:
    """It is scheduled, its generation and owners stay, and a second node is refused."""
    store = a_store()
    made = make(store, "pods", pod())
    bound = store.patch("pods", "p", {"spec": {"nodeName": "n"}}, namespace="x", subresource="binding", manager="s")
    assert bound["spec"]["nodeName"] == "n"
    assert bound["metadata"]["generation"] == 1
    assert bound["metadata"]["managedFields"] == made["metadata"]["managedFields"]
    assert [(c["type"], c["status"]) for c in bound["status"]["conditions"]] == [("PodScheduled", "True")]
    with pytest.raises(ApiError, match="already assigned") as error:
        store.patch("pods", "p", {"spec": {"nodeName": "m"}}, namespace="x", subresource="binding")
    assert error.value.code == 409


def test_status_and_wishes_do_not_mix() -> None:
    """The main resource cannot set status, the status subresource cannot set wishes."""
    store = a_store()
    make(store, "pods", pod())
    both = {"spec": {"activeDeadlineSeconds": 9}, "status": {"phase": "Running"}}
    main = store.patch("pods", "p", both, namespace="x")
    assert (main["spec"].get("activeDeadlineSeconds"), main["status"]["phase"]) == (9, "Pending")
    status = store.patch("pods", "p", {**both, "spec": {}}, namespace="x", subresource="status")
    assert status["status"]["phase"] == "Running"
    assert status["status"]["qosClass"] == "BestEffort"
    assert status["metadata"]["generation"] == main["metadata"]["generation"]


def test_a_gated_pod_says_so() -> None:
    """It waits, and its gates can only be taken off."""
    store = a_store()
    made = make(store, "pods", pod(schedulingGates=[{"name": "a/b"}]))
    assert made["status"]["conditions"][0]["reason"] == "SchedulingGated"
    with pytest.raises(ApiError, match=r"non-empty .spec.schedulingGates"):
        store.patch("pods", "p", {"spec": {"nodeName": "n"}}, namespace="x", subresource="binding")
    with pytest.raises(ApiError, match="only deletion is allowed"):
        store.patch("pods", "p", {"spec": {"schedulingGates": [{"name": "c/d"}]}}, namespace="x")
    assert "schedulingGates" not in store.patch("pods", "p", {"spec": {"schedulingGates": None}}, namespace="x")["spec"]
