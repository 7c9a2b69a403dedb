"""Dialling by a Service address under policies: pod ports count, backend by backend."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.expectation import Want
from harness.oracle.policy import pod_end
from harness.oracle.services import Via, deliver, pod_client
from harness.oracle.through import overall, through_service

from .services.cluster import cluster, endpoint, pod, service, slice_of

CLIENT = pod("p90", "A", labels={"app": "client"})
BACKENDS = [pod("e1", "A", labels={"app": "e", "pod": "one"}), pod("e2", "B", labels={"app": "e", "pod": "two"})]
STRANGER = {"addresses": ["192.0.2.1"], "conditions": {"ready": True}}


def policy(**spec: Any) -> dict[str, Any]:
    return {"kind": "NetworkPolicy", "metadata": {"namespace": "x", "name": "p"}, "spec": spec}


def ask(*objects: dict[str, Any], endpoints: tuple[dict[str, Any], ...] = ()) -> Any:
    listed = endpoints or (endpoint("e1", "A"), endpoint("e2", "B"))
    snapshot = cluster(CLIENT, *BACKENDS, slice_of(*listed), *objects)
    client = pod_client(snapshot, "x", "p90")
    delivery = deliver(snapshot, service(), via=Via.CLUSTER_IP, port=80, client=client)
    return through_service(snapshot, pod_end(snapshot, "x", "p90"), delivery)


@pytest.mark.parametrize(("port", "want"), [(8080, Want.ALLOW), (80, Want.DENY)])
def test_policies_see_the_target_port(port: int, want: Want) -> None:
    """A rule for the target port admits, one for the Service's port does not (POL-502, 503, 504)."""
    for spec in (
        {"podSelector": {"matchLabels": {"app": "e"}}, "ingress": [{"ports": [{"port": port}]}]},
        {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": port}]}]},
    ):
        assert overall(ask(policy(**spec))) is want


def test_each_backend_has_its_own_verdict() -> None:
    """Allowed and denied backends behind one address: the outcome follows the choice (POL-506)."""
    found = ask(policy(podSelector={"matchLabels": {"pod": "one"}}, policyTypes=["Ingress"]))
    assert {backend.pod: decision.want for backend, decision in found.items()} == {
        "x/e1": Want.DENY,
        "x/e2": Want.ALLOW,
    }
    assert overall(found) is Want.UNDEFINED


def test_a_backend_that_is_no_pod_is_an_outside_address() -> None:
    """Selectors never match it (POL-511)."""
    everyone = [{"to": [{"namespaceSelector": {}}]}]
    found = ask(policy(podSelector={}, policyTypes=["Egress"], egress=everyone), endpoints=(STRANGER,))
    assert overall(found) is Want.DENY


def test_a_pod_behind_its_own_service_is_left_open_when_isolated() -> None:
    """Hairpin traffic under a policy is not defined (POL-532)."""
    found = ask(policy(podSelector={}, policyTypes=["Ingress"]), endpoints=(endpoint("p90", "A"),))
    assert overall(found) is Want.UNDEFINED
    assert overall({}) is Want.UNDEFINED
