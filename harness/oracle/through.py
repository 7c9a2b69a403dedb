"""Policies and Services together: a connection by a Service address is judged as one to the backend that is chosen.

Source: catalogue policy, part 4.3.2 (POL-501..507): policies speak of pods and their own ports, never of Service ports.
"""

from __future__ import annotations

from harness.model.expectation import Want
from harness.model.refs import Family
from harness.oracle.policy import Assumptions, Decision, Endpoint, external_end, pod_end, verdict
from harness.oracle.services import Backend, Delivery
from harness.oracle.snapshot import Snapshot


def through_service(
    snapshot: Snapshot,
    source: Endpoint,
    delivery: Delivery,
    *,
    protocol: str = "TCP",
    assume: Assumptions = Assumptions(),  # noqa: B008  (frozen)
) -> dict[Backend, Decision]:
    """The verdict for each backend that may be chosen. Where they differ, an attempt's result depends on the choice."""
    return {
        backend: verdict(
            snapshot,
            source,
            _end(snapshot, backend),
            port=backend.port,
            protocol=protocol,
            family=Family.of(backend.address),
            via_service=True,
            assume=assume,
        )
        for backend in delivery.backends
    }


def overall(decisions: dict[Backend, Decision]) -> Want:
    """What all backends have in common; UNDEFINED when they differ, or when there is none."""
    wants = {each.want for each in decisions.values()}
    return wants.pop() if len(wants) == 1 else Want.UNDEFINED


def _end(snapshot: Snapshot, backend: Backend) -> Endpoint:
    if not backend.pod:
        return external_end(backend.address)
    namespace, _, name = backend.pod.partition("/")
    return pod_end(snapshot, namespace, name)
