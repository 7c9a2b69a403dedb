"""Creating, reading and updating: names, versions, generations, dry runs, no-ops, and the rules of metadata."""

from __future__ import annotations

import time
from typing import Any

import pytest

from harness.embedded.store.clone import clone
from harness.embedded.store.errors import ApiError
from harness.embedded.store.resources import RESOURCES, by_name

from .objects_by_hand import a_store, config_map, deployment, make, pod, policy, problems, refusal, service


def test_a_created_object_has_its_system_fields() -> None:
    """Uid, time, version; a generation where the kind has one."""
    store = a_store()
    made = make(store, "deployments.apps", deployment())["metadata"]
    assert made["creationTimestamp"] == "2027-01-15T08:00:00Z"
    assert made["resourceVersion"] == store.resource_version
    assert made["generation"] == 1
    assert len(made["uid"]) == 36
    assert "generation" not in make(store, "configmaps", config_map())["metadata"]


def test_what_only_the_system_sets_is_ignored() -> None:
    """A client cannot bring its own uid, times or managedFields."""
    obj = config_map()
    obj["metadata"] |= {
        "uid": "mine",
        "creationTimestamp": "2000-01-01T00:00:00Z",
        "deletionTimestamp": "2000-01-01T00:00:00Z",
        "generation": 9,
        "managedFields": [{"manager": "me"}],
    }
    made = make(a_store(), "configmaps", obj)["metadata"]
    assert made["uid"] != "mine"
    assert made["creationTimestamp"].startswith("2027")
    assert not {"deletionTimestamp", "generation", "managedFields"} & set(made)


def test_a_version_may_not_be_brought_along() -> None:
    """Creation starts at no version."""
    obj = config_map()
    obj["metadata"]["resourceVersion"] = "5"
    assert "resourceVersion should not be set" in refusal(a_store(), "configmaps", obj).message


def test_a_generated_name_is_free_and_fits() -> None:
    """A prefix, five characters, and never more than 63."""
    store = a_store()
    names = {make(store, "configmaps", {"metadata": {"generateName": "gen-"}})["metadata"]["name"] for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("gen-") and len(name) == 9 for name in names)
    long = make(store, "configmaps", {"metadata": {"generateName": "a" * 70}})["metadata"]["name"]
    assert len(long) == 63


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "A"}, "metadata.name: Invalid value"),
        ({"name": "m", "labels": {"a b": "c"}}, "metadata.labels: Invalid value"),
        ({"name": "m", "labels": {"a": "b c"}}, "a valid label must be an empty string or consist of"),
        ({"name": "m", "labels": {"/a": "b"}}, "prefix part must be non-empty"),
        ({"name": "m", "labels": {"a/b/c": "d"}}, "a qualified name must consist of"),
        ({"name": "m", "labels": {"a" * 64: "d"}}, "name part must be no more than 63 characters"),
        ({"name": "m", "annotations": {"a b": "c"}}, "metadata.annotations: Invalid value"),
        ({"name": "m", "annotations": {"a": "x" * 262145}}, "Too long: may not be more than 262144 bytes"),
        ({"name": "m", "finalizers": ["a b"]}, "metadata.finalizers: Invalid value"),
        ({"name": "m", "ownerReferences": [{"kind": "A", "name": "b"}]}, "apiVersion must not be empty"),
    ],
)
def test_metadata_that_breaks_a_rule_is_refused(metadata: Any, problem: str) -> None:
    """One row per rule."""
    assert any(problem in line for line in problems(a_store(), "configmaps", {"metadata": metadata}))


def test_two_controllers_are_one_too_many() -> None:
    """Only one owner may control."""
    owner = {"apiVersion": "v1", "kind": "A", "controller": True}
    owners = [{**owner, "name": name, "uid": name} for name in "ab"]
    obj = {"metadata": {"name": "m", "ownerReferences": owners}}
    assert any("A/a and A/b" in line for line in problems(a_store(), "configmaps", obj))


def test_a_change_bumps_the_version_and_wishes_the_generation() -> None:
    """Labels are no wish; replicas are."""
    store = a_store()
    make(store, "deployments.apps", deployment())
    labelled = store.patch("deployments.apps", "d", {"metadata": {"labels": {"a": "b"}}}, namespace="x")
    assert labelled["metadata"]["generation"] == 1
    scaled = store.patch("deployments.apps", "d", {"spec": {"replicas": 2}}, namespace="x")
    assert scaled["metadata"]["generation"] == 2
    noted = store.patch("deployments.apps", "d", {"metadata": {"annotations": {"a": "b"}}}, namespace="x")
    assert noted["metadata"]["generation"] == 3, "a Deployment's annotations are wishes"
    status = store.patch("deployments.apps", "d", {"status": {"replicas": 2}}, namespace="x", subresource="status")
    assert status["metadata"]["generation"] == 3


def test_a_change_of_nothing_is_no_change() -> None:
    """Same version, same object, and no event."""
    store = a_store()
    made = make(store, "services", service())
    store.clock.sleep(60)
    assert store.update("services", "s", clone(made), namespace="x", manager="other") is made
    assert store.patch("services", "s", {}, namespace="x") is made
    assert store.resource_version == made["metadata"]["resourceVersion"]


def test_a_stale_update_is_a_conflict_and_a_bare_one_is_taken() -> None:
    """Without a version the last writer wins."""
    store = a_store()
    stale = clone(make(store, "configmaps", config_map(a="1")))
    store.update("configmaps", "m", config_map(a="2"), namespace="x")
    with pytest.raises(ApiError, match="the object has been modified") as error:
        store.update("configmaps", "m", stale, namespace="x")
    assert error.value.code == 409


def test_a_lease_is_only_updated_by_version() -> None:
    """Leader election rests on it."""
    store = a_store()
    make(store, "leases.coordination.k8s.io", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})
    taken = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "b"}}
    with pytest.raises(ApiError, match="must be specified for an update") as error:
        store.update("leases.coordination.k8s.io", "l", taken, namespace="x")
    assert error.value.code == 422


def test_an_update_of_a_deleted_and_recreated_object_is_a_conflict() -> None:
    """The uid is a precondition."""
    store = a_store()
    old = clone(make(store, "configmaps", config_map()))
    store.delete("configmaps", "m", namespace="x")
    make(store, "configmaps", config_map())
    del old["metadata"]["resourceVersion"]
    with pytest.raises(ApiError, match="UID in precondition") as error:
        store.update("configmaps", "m", old, namespace="x")
    assert error.value.code == 409


def test_an_update_creates_a_few_kinds() -> None:
    """Endpoints and Leases come into being by a PUT; ConfigMaps do not."""
    store = a_store()
    store.update("endpoints", "e", {"metadata": {"name": "e"}}, namespace="x")
    assert store.get("endpoints", "e", namespace="x")
    with pytest.raises(ApiError) as error:
        store.update("configmaps", "m", config_map(), namespace="x")
    assert error.value.code == 404


def test_names_and_namespaces_of_body_and_request_agree() -> None:
    """Or the request is bad."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError, match="does not match the name on the URL"):
        store.update("configmaps", "z", config_map(), namespace="x")
    elsewhere = {"metadata": {"name": "m", "namespace": "y"}}
    with pytest.raises(ApiError, match="does not match the namespace sent on the request"):
        store.update("configmaps", "m", elsewhere, namespace="x")


def test_a_namespace_must_exist() -> None:
    """And a namespaced object must be in one."""
    store = a_store()
    with pytest.raises(ApiError, match='namespaces "y" not found'):
        store.create("configmaps", config_map(), namespace="y")
    with pytest.raises(ApiError) as error:
        store.create("configmaps", config_map())
    assert error.value.code == 400


def test_an_unknown_subresource_is_not_found() -> None:
    """There is no such part."""
    store = a_store()
    make(store, "configmaps", config_map())
    with pytest.raises(ApiError) as error:
        store.patch("configmaps", "m", {}, namespace="x", subresource="status")
    assert error.value.code == 404


def test_scaling_touches_replicas_only() -> None:
    """The scale subresource leaves the rest as it was."""
    store = a_store()
    make(store, "deployments.apps", deployment())
    body = {"spec": {"replicas": 5, "paused": True}}
    scaled = store.patch("deployments.apps", "d", body, namespace="x", subresource="scale")
    assert scaled["spec"]["replicas"] == 5
    assert "paused" not in scaled["spec"]
    assert scaled["metadata"]["generation"] == 2


def test_a_dry_update_changes_nothing() -> None:
    """The answer shows what would be."""
    store = a_store()
    made = make(store, "configmaps", config_map(a="1"))
    shown = store.patch("configmaps", "m", {"data": {"a": "2"}}, namespace="x", dry_run=True)
    assert shown["data"] == {"a": "2"}
    assert store.get("configmaps", "m", namespace="x") is made


def test_snapshots_do_not_change() -> None:
    """What was handed out stays as it was when the object moves on."""
    store = a_store()
    before = make(store, "services", service(selector={"a": "1"}))
    kept = clone(before)
    store.patch("services", "s", {"spec": {"selector": {"a": "2"}, "type": "NodePort"}}, namespace="x")
    store.delete("services", "s", namespace="x")
    assert before == kept


IMMUTABLE = [
    ("deployments.apps", deployment(), {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "field is immutable"),
    ("secrets", {"metadata": {"name": "s"}}, {"type": "other"}, "field is immutable"),
    ("configmaps", {**config_map("m", a="1"), "immutable": True}, {"data": {"a": "2"}}, "when `immutable` is set"),
    ("configmaps", {**config_map("m", a="1"), "immutable": True}, {"immutable": None}, "when `immutable` is set"),
    (
        "endpointslices.discovery.k8s.io",
        {"metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": []},
        {"addressType": "IPv6"},
        "field is immutable",
    ),
]


@pytest.mark.parametrize(("resource", "obj", "patch", "problem"), IMMUTABLE)
def test_some_fields_never_change(resource: str, obj: Any, patch: Any, problem: str) -> None:
    """One row per kind that has such a field."""
    store = a_store()
    name = make(store, resource, obj)["metadata"]["name"]
    with pytest.raises(ApiError, match=problem) as error:
        store.patch(resource, name, patch, namespace="x")
    assert error.value.code == 422


def test_a_secret_keeps_plain_text_as_data() -> None:
    """stringData is written and never read."""
    made = make(a_store(), "secrets", {"metadata": {"name": "s"}, "stringData": {"a": "hello"}})
    assert (made["data"], made["type"]) == ({"a": "aGVsbG8="}, "Opaque")
    assert "stringData" not in made


def test_a_deployment_is_completed() -> None:
    """Replicas, strategy, history, deadline, and the pod template without what only pods get."""
    spec = make(a_store(), "deployments.apps", deployment())["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert spec["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert "enableServiceLinks" not in spec["template"]["spec"]


RULES = [
    ("deployments.apps", deployment(selector={"matchLabels": {"x": "y"}}), "`selector` does not match template"),
    ("deployments.apps", deployment(selector=None), "spec.selector: Required value"),
    ("deployments.apps", deployment(replicas=-1), "must be greater than or equal to 0"),
    ("deployments.apps", deployment(strategy={"type": "Swap"}), '"Recreate", "RollingUpdate"'),
    (
        "deployments.apps",
        deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
        "may not be specified when strategy `type` is 'Recreate'",
    ),
    (
        "deployments.apps",
        deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        "may not be 0 when `maxSurge` is 0",
    ),
    ("deployments.apps", deployment(progressDeadlineSeconds=5, minReadySeconds=5), "must be greater than minReady"),
    ("configmaps", config_map("m", **{"a b": "1"}), "a valid config key must consist of"),
    ("configmaps", {**config_map("m", a="1"), "binaryData": {"a": ""}}, "duplicate of key present in binaryData"),
    ("configmaps", {**config_map(), "binaryData": {"a": "%"}}, "illegal base64 data"),
    ("configmaps", config_map("m", a="x" * (1 << 20), b="x"), "Too long"),
    ("secrets", {"metadata": {"name": "s"}, "data": {"a": "%"}}, "illegal base64 data"),
    (
        "leases.coordination.k8s.io",
        {"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 0}},
        "must be greater than 0",
    ),
    (
        "events",
        {"metadata": {"name": "e"}, "involvedObject": {"namespace": "y"}},
        "does not match event.namespace",
    ),
    ("faults.faults.harness.dev", {"metadata": {"name": "f"}, "spec": {}}, "spec.id: Required value"),
    (
        "networkpolicies.networking.k8s.io",
        policy(ingress=[{"ports": [{"port": 80, "protocol": "ICMP"}]}]),
        '"SCTP", "TCP", "UDP"',
    ),
    ("networkpolicies.networking.k8s.io", policy(egress=[{"ports": [{"endPort": 9}]}]), "`port` is not specified"),
    ("networkpolicies.networking.k8s.io", policy(ingress=[{"ports": [{"port": 0}]}]), "between 1 and 65535"),
    ("networkpolicies.networking.k8s.io", policy(ingress=[{"ports": [{"port": "-"}]}]), "at least one letter"),
    ("networkpolicies.networking.k8s.io", policy(ingress=[{"from": [{"ipBlock": {}}]}]), "cidr: Required value"),
    (
        "networkpolicies.networking.k8s.io",
        policy(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]),
        "must be a strict subset of `cidr`",
    ),
    (
        "networkpolicies.networking.k8s.io",
        policy(podSelector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
        "may not be specified when `operator` is 'Exists'",
    ),
    (
        "networkpolicies.networking.k8s.io",
        policy(podSelector={"matchExpressions": [{"key": "a", "operator": "Like"}]}),
        "not a valid selector operator",
    ),
]


@pytest.mark.parametrize(("resource", "obj", "problem"), RULES)
def test_an_object_that_breaks_a_rule_of_its_kind_is_refused(resource: str, obj: Any, problem: str) -> None:
    """One row per rule that the recording does not show."""
    found = problems(a_store(), resource, obj)
    assert any(problem in line for line in found), found


SLICES = [
    ({"addressType": "IPv7"}, 'supported values: "FQDN", "IPv4", "IPv6"'),
    ({"endpoints": [{"addresses": []}]}, "must contain at least 1 address"),
    ({"endpoints": [{"addresses": ["x"]}]}, "must be a valid IP address"),
    ({"endpoints": [{"addresses": ["fd00::1"]}]}, "must be an IPv4 address"),
    ({"endpoints": [{"addresses": ["127.0.0.1"]}]}, "loopback range"),
    ({"endpoints": [{"addresses": ["169.254.1.1"]}]}, "link-local range"),
    ({"endpoints": [{"addresses": ["0.0.0.0"]}]}, "may not be unspecified"),
    ({"endpoints": [{"addresses": ["224.0.0.1"]}]}, "link-local multicast"),
    ({"endpoints": [{"addresses": ["10.0.0.1"], "hostname": "A"}]}, "hostname: Invalid value"),
    ({"endpoints": [{"addresses": ["10.0.0.1"]}] * 1001}, "must have at most 1000 items"),
    ({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}, 'ports[1].name: Duplicate value: "a"'),
    ({"ports": [{"port": 0}]}, "between 1 and 65535"),
    ({"ports": [{"port": 1, "protocol": "X"}]}, '"SCTP", "TCP", "UDP"'),
]


@pytest.mark.parametrize(("fields", "problem"), SLICES)
def test_a_slice_that_breaks_a_rule_is_refused(fields: Any, problem: str) -> None:
    """Addresses, hostnames, ports and sizes of EndpointSlices."""
    obj = {"metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": [], **fields}
    found = problems(a_store(), "endpointslices.discovery.k8s.io", obj)
    assert any(problem in line for line in found), found


def test_ports_of_a_slice_are_completed() -> None:
    """An empty name and TCP; nothing becomes of missing conditions."""
    obj = {"metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{}]}
    made = make(a_store(), "endpointslices.discovery.k8s.io", obj)
    assert made["ports"] == [{"name": "", "protocol": "TCP"}]
    assert made["endpoints"] == [{"addresses": ["10.0.0.1"], "conditions": {}}]


def test_endpoints_follow_their_own_rules() -> None:
    """Subsets need addresses, several ports need names."""
    subsets = [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}, {"port": 2}]}, {"ports": [{"port": 1}]}]
    found = problems(a_store(), "endpoints", {"metadata": {"name": "e"}, "subsets": subsets})
    assert "subsets[0].ports[0].name: Required value" in found
    assert any(line.startswith("subsets[1]: Required value") for line in found)


def test_a_replica_set_follows_the_rules_of_its_template() -> None:
    """One replica unless said otherwise, pods that always restart, and a selector that finds them."""
    obj = deployment("r")
    made = make(a_store(), "replicasets.apps", obj)
    assert (made["spec"]["replicas"], made["status"]) == (1, {"replicas": 0})
    obj["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    obj["spec"]["selector"] = {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}
    found = problems(a_store(), "replicasets.apps", obj)
    assert any("restartPolicy: Unsupported value" in line for line in found)
    assert any("`selector` does not match template `labels`" in line for line in found)


@pytest.mark.parametrize(
    ("operator", "values", "selects"),
    [("In", ["b"], True), ("In", ["c"], False), ("NotIn", ["c"], True), ("Exists", None, True)],
)
def test_a_workloads_selector_may_be_expressions(operator: str, values: Any, selects: bool) -> None:
    """Every operator is tried on the template's labels."""
    term = {"key": "a", "operator": operator} | ({"values": values} if values else {})
    obj = deployment(selector={"matchExpressions": [term]})
    if selects:
        make(a_store(), "deployments.apps", obj)
    else:
        assert any("does not match" in line for line in problems(a_store(), "deployments.apps", obj))


def test_a_nodes_pod_network_is_given_once() -> None:
    """Singular and plural agree, and neither changes."""
    store = a_store()
    store.create("nodes", {"metadata": {"name": "n"}})
    given = store.patch("nodes", "n", {"spec": {"podCIDR": "10.244.1.0/24"}})
    assert given["spec"]["podCIDRs"] == ["10.244.1.0/24"]
    with pytest.raises(ApiError, match="node updates may not change podCIDR"):
        store.patch("nodes", "n", {"spec": {"podCIDR": None, "podCIDRs": ["10.244.2.0/24"]}})


def test_every_served_resource_has_a_schema_and_a_strategy() -> None:
    """Nothing is served that cannot be read."""
    from harness.embedded.store.decode import schema_of
    from harness.embedded.store.kinds import strategy_for

    for resource in RESOURCES:
        assert schema_of(resource).api_version == resource.api_version
        assert strategy_for(resource)
        assert by_name(resource.qualified) is resource


def test_a_thousand_pods_are_made_within_two_seconds() -> None:
    """Two seconds of a processor, whoever else wants it: far below what a run would notice, and ten times the need."""
    store, begun = a_store(), time.process_time()
    for number in range(1000):
        make(store, "pods", pod(f"p{number}"))
    assert time.process_time() - begun < 2
