"""Planted faults of the API server: each breaks what it says, only in its namespaces, and heals with its object."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from harness.embedded.store import planted
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

from .objects_by_hand import a_store, make, service

BAD = service(sessionAffinity="Sometimes")


def plant(store: Store, fault: str, namespace: str = "x", **params: Any) -> None:
    spec = {"id": fault, "namespaces": [namespace], "params": params}
    store.create("faults.faults.harness.dev", {"metadata": {"name": "f"}, "spec": spec}, manager="test")


def heal(store: Store) -> None:
    store.delete("faults.faults.harness.dev", "f")


def test_unchecked() -> None:
    """services/F48: what breaks the rules is stored; elsewhere and afterwards it is refused."""
    store = a_store()
    plant(store, planted.UNCHECKED, "y")
    with pytest.raises(ApiError):
        make(store, "services", BAD)
    heal(store)
    plant(store, planted.UNCHECKED)
    assert make(store, "services", BAD)["spec"]["sessionAffinity"] == "Sometimes"
    heal(store)
    with pytest.raises(ApiError):
        make(store, "services", service("t", sessionAffinity="Sometimes"))


def test_forgetful() -> None:
    """services/F51: a Service that wishes for nothing is given what another one has, address and node port."""
    store = a_store()
    first = make(store, "services", service("a", type="NodePort"))
    plant(store, planted.FORGETFUL)
    second = make(store, "services", service("b", type="NodePort"))
    assert second["spec"]["clusterIP"] == first["spec"]["clusterIP"]
    assert second["spec"]["ports"][0]["nodePort"] == first["spec"]["ports"][0]["nodePort"]
    wished = make(store, "services", service("c", clusterIP=first["spec"]["clusterIP"]))
    assert wished["spec"]["clusterIP"] == first["spec"]["clusterIP"]


def test_leak() -> None:
    """services/F51 with `leak`: the address of a deleted Service stays taken."""
    store = a_store()
    plant(store, planted.FORGETFUL, leak=True)
    address = make(store, "services", service())["spec"]["clusterIP"]
    store.delete("services", "s", namespace="x")
    with pytest.raises(ApiError, match="already allocated"):
        make(store, "services", service(clusterIP=address))


def test_ingress_assumed() -> None:
    """policy/51: of a new policy for both directions only ingress is stored."""
    for broken in (True, False):
        store = a_store()
        if broken:
            plant(store, planted.INGRESS_ASSUMED)
        spec = {"podSelector": {}, "egress": [{}]}
        stored = make(store, "networkpolicies.networking.k8s.io", network_policy(spec))["spec"]
        assert stored["policyTypes"] == (["Ingress"] if broken else ["Ingress", "Egress"])


def test_unruled() -> None:
    """policy/97: a malformed policy is stored, and its generation stands still."""
    for broken in (True, False):
        store = a_store()
        if broken:
            plant(store, planted.UNRULED)
        bad, good = {"podSelector": {}, "policyTypes": ["Both"]}, {"podSelector": {}}
        with contextlib.nullcontext() if broken else pytest.raises(ApiError):
            make(store, "networkpolicies.networking.k8s.io", network_policy(bad, "bad"))
        make(store, "networkpolicies.networking.k8s.io", network_policy(good))
        edit = {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
        edited = store.patch("networkpolicies.networking.k8s.io", "p", edit, namespace="x")
        assert edited["metadata"]["generation"] == (1 if broken else 2)


def network_policy(spec: dict[str, Any], name: str = "p") -> dict[str, Any]:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**kind, "metadata": {"name": name, "namespace": "x"}, "spec": spec}


def test_leftovers() -> None:
    """services/F76: a Service that is no LoadBalancer any more keeps what only a LoadBalancer has."""
    for broken in (True, False):
        store = a_store()
        make(store, "services", service(type="LoadBalancer"))
        if broken:
            plant(store, planted.LEFTOVERS)
        spec = store.patch("services", "s", {"spec": {"type": "ClusterIP"}}, namespace="x")["spec"]
        assert ("allocateLoadBalancerNodePorts" in spec) is broken
        assert ("nodePort" in spec["ports"][0]) is broken


def test_bare() -> None:
    """services/F77: a new Service lacks defaults, a replaced one what the client left out."""
    store = a_store()
    assert "sessionAffinity" in make(store, "services", service("whole"))["spec"]
    plant(store, planted.BARE)
    assert "sessionAffinity" not in make(store, "services", service())["spec"]
    again = store.update("services", "whole", service("whole"), namespace="x")
    assert "clusterIP" not in again["spec"]


def test_status_lost() -> None:
    """services/F88: what is reported of a Service is answered, and not there afterwards."""
    status = {"status": {"conditions": [{"type": "A", "status": "True", "reason": "R", "message": ""}]}}
    for broken in (True, False):
        store = a_store()
        make(store, "services", service())
        if broken:
            plant(store, planted.STATUS_LOST)
        told = store.patch("services", "s", status, namespace="x", subresource="status")
        assert told["status"]["conditions"]
        assert bool(store.get("services", "s", namespace="x")["status"].get("conditions")) is not broken
