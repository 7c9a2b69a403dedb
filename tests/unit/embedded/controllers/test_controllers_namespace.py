"""Namespaces, garbage collection, default accounts and load balancer addresses."""

from __future__ import annotations

from typing import Any

import pytest

from harness.embedded.controllers import garbage, loadbalancer, namespace, serviceaccount
from harness.embedded.controllers.changes import Collect, Delete, Finalize, Patch

POOLS = [("172.18.255.200", "172.18.255.202"), ("fc00::1", "fc00::2")]
LEAVING = {"deletionTimestamp": "2027-01-15T08:00:00Z"}


def space(world: Any, name: str = "x", **meta: Any) -> None:
    world.add("namespaces", name, namespace="", metadata=meta, spec={"finalizers": ["kubernetes"]})


def test_a_namespace_is_emptied_before_it_goes(world: Any) -> None:
    """Everything inside is deleted, gone pods last, and only then is the namespace let go."""
    space(world, **LEAVING)
    world.pod("a", leaving=True)
    world.service()
    changes = namespace.reconcile(world.snapshot())
    assert {c.name for c in changes if isinstance(c, Delete)} == {"web"}
    assert not [c for c in changes if isinstance(c, Finalize)]
    world.objects["services"].clear()
    world.objects["pods"].clear()
    world.run(namespace.reconcile)
    assert world.all("namespaces") == []


def test_what_keeps_a_namespace_is_said(world: Any) -> None:
    """The conditions name the resources and finalizers that remain, and do not change without reason."""
    space(world, **LEAVING)
    pod = world.pod("a", leaving=True)
    pod["metadata"]["finalizers"] = ["example.com/wait"]
    world.run(namespace.reconcile)
    status = world.all("namespaces")[0]["status"]
    conditions = {c["type"]: c for c in status["conditions"]}
    assert status["phase"] == "Terminating"
    remaining = conditions["NamespaceContentRemaining"]
    assert remaining["status"] == "True"
    assert remaining["message"] == "Some resources are remaining: pods. has 1 resource instances"
    assert "example.com/wait in 1 resource instances" in conditions["NamespaceFinalizersRemaining"]["message"]


def test_living_namespaces_are_left_alone(world: Any) -> None:
    """Nothing happens to a namespace nobody deletes."""
    space(world)
    world.pod("a")
    assert namespace.reconcile(world.snapshot()) == []


def owned(owner: dict[str, Any], **extra: Any) -> list[dict[str, Any]]:
    return [{"apiVersion": "v1", "kind": "Service", "name": "web", "uid": owner["metadata"]["uid"], **extra}]


def test_orphans_are_collected(world: Any) -> None:
    """An object whose owner is gone is removed, after the API was asked for that very owner."""
    service = world.service()
    world.add("endpointslices.discovery.k8s.io", "s", metadata={"ownerReferences": owned(service)})
    assert garbage.reconcile(world.snapshot()) == []
    world.objects["services"].clear()
    (change,) = garbage.reconcile(world.snapshot())
    assert isinstance(change, Collect)
    assert change.owners == (("services", "x", "web", service["metadata"]["uid"]),)


def test_owners_of_unknown_kinds_are_not_taken_for_missing(world: Any) -> None:
    """An owner of a kind that is not served here protects its dependents."""
    reference = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "j", "uid": "u"}
    world.add("configmaps", "c", metadata={"ownerReferences": [reference]})
    assert garbage.reconcile(world.snapshot()) == []


def test_foreground_deletion_waits_for_dependents(world: Any) -> None:
    """Dependents go first; the finalizer falls when none that blocks is left."""
    service = world.service()
    service["metadata"] |= {"finalizers": ["foregroundDeletion"], **LEAVING}
    world.add("configmaps", "c", metadata={"ownerReferences": owned(service, blockOwnerDeletion=True)})
    assert [type(c) for c in garbage.reconcile(world.snapshot())] == [Delete]
    world.objects["configmaps"].clear()
    (change,) = garbage.reconcile(world.snapshot())
    assert isinstance(change, Patch)
    assert change.body == {"metadata": {"finalizers": None}}


def test_orphaning_deletion_releases_dependents(world: Any) -> None:
    """Dependents lose the reference and stay."""
    service = world.service()
    service["metadata"] |= {"finalizers": ["orphan"], **LEAVING}
    world.add("configmaps", "c", metadata={"ownerReferences": owned(service)})
    world.run(garbage.reconcile)
    assert "ownerReferences" not in world.all("configmaps")[0]["metadata"]
    assert "finalizers" not in world.all("services")[0]["metadata"]


def test_every_namespace_gets_account_and_certificate(world: Any) -> None:
    """default and kube-root-ca.crt appear, come back, and are mended; a leaving namespace gets neither."""
    space(world, "x")
    space(world, "y", **LEAVING)
    reconcile = serviceaccount.reconciler("PEM")
    world.run(reconcile)
    assert list(world.objects["serviceaccounts"]) == [("x", "default")]
    config = world.objects["configmaps"]["x", "kube-root-ca.crt"]
    assert config["data"] == {"ca.crt": "PEM"}
    config["data"] = {"ca.crt": "other"}
    world.objects["serviceaccounts"].clear()
    world.run(reconcile)
    assert world.objects["configmaps"]["x", "kube-root-ca.crt"]["data"] == {"ca.crt": "PEM"}
    assert ("x", "default") in world.objects["serviceaccounts"]


def addresses(world: Any, name: str) -> list[str]:
    status = world.objects["services"]["x", name].get("status") or {}
    return [entry["ip"] for entry in status.get("loadBalancer", {}).get("ingress") or ()]


def test_each_load_balancer_gets_its_own_addresses(world: Any) -> None:
    """One address per family, none twice, and nothing where the pool is empty."""
    for index in range(4):
        world.service(f"s{index}", type="LoadBalancer", ipFamilies=["IPv4", "IPv6"])
    world.run(loadbalancer.reconciler(POOLS))
    given = [addresses(world, f"s{index}") for index in range(4)]
    assert [len(g) for g in given] == [2, 2, 1, 0]
    flat = [ip for g in given for ip in g]
    assert len(set(flat)) == len(flat)
    entry = world.objects["services"]["x", "s0"]["status"]["loadBalancer"]["ingress"][0]
    assert entry == {"ip": "172.18.255.200", "ipMode": "VIP"}


def test_addresses_come_back_when_the_type_changes(world: Any) -> None:
    """A Service that stops being a LoadBalancer loses address and finalizer, and the next one can have them."""
    reconcile = loadbalancer.reconciler([("172.18.255.200", "172.18.255.200")])
    world.service("first", type="LoadBalancer")
    world.service("second", type="LoadBalancer")
    world.run(reconcile)
    assert (addresses(world, "first"), addresses(world, "second")) == (["172.18.255.200"], [])
    world.objects["services"]["x", "first"]["spec"]["type"] = "ClusterIP"
    world.run(reconcile)
    assert (addresses(world, "first"), addresses(world, "second")) == ([], ["172.18.255.200"])
    assert "finalizers" not in world.objects["services"]["x", "first"]["metadata"]


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        ({"loadBalancerIP": "172.18.255.202"}, ["172.18.255.202"]),
        ({"loadBalancerIP": "9.9.9.9"}, []),
        ({"loadBalancerClass": "example.com/other"}, []),
    ],
)
def test_wishes_of_a_service_are_heard(world: Any, spec: dict[str, Any], given: list[str]) -> None:
    """A wished address is given or nothing is; another class is somebody else's."""
    world.service("s", type="LoadBalancer", **spec)
    world.run(loadbalancer.reconciler(POOLS))
    assert addresses(world, "s") == given


def test_a_leaving_service_is_let_go(world: Any) -> None:
    """The finalizer is taken off a Service that is being deleted."""
    world.service("s", type="LoadBalancer")
    reconcile = loadbalancer.reconciler(POOLS)
    world.run(reconcile)
    world.objects["services"]["x", "s"]["metadata"] |= LEAVING
    world.run(reconcile)
    assert "finalizers" not in world.objects["services"]["x", "s"]["metadata"]
