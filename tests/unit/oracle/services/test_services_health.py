"""What a health check node port has to say: a hand-made table (SVC-182 to 184, 236, 237)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.oracle.services import health_status

from .cluster import cluster, endpoint, service, slice_of

LB = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000}
LEAVING = {"ready": False, "serving": True, "terminating": True}

TABLE: list[tuple[str, dict[str, Any], list[dict[str, Any]], str, int | None]] = [
    ("a ready backend here", LB, [endpoint("e1", "A")], "A", 200),
    ("none here, one elsewhere", LB, [endpoint("e1", "A")], "B", 503),
    ("one on each of two nodes", LB, [endpoint("e1", "A"), endpoint("e2", "B")], "B", 200),
    ("none at all", LB, [], "A", 503),
    ("not ready", LB, [endpoint("e1", "A", ready=False)], "A", 503),
    ("unset is ready", LB, [endpoint("e1", "A", serving=True)], "A", 200),
    ("only terminating, though it serves", LB, [endpoint("e1", "A", **LEAVING)], "A", 503),
    ("policy Cluster", {**LB, "externalTrafficPolicy": "Cluster"}, [endpoint("e1", "A")], "A", None),
    ("a NodePort Service", {**LB, "type": "NodePort"}, [endpoint("e1", "A")], "A", None),
    ("no port given", {**LB, "healthCheckNodePort": 0}, [endpoint("e1", "A")], "A", None),
]


@pytest.mark.parametrize(("spec", "endpoints", "node", "status"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_what_a_node_says(spec: dict[str, Any], endpoints: list[Any], node: str, status: int | None) -> None:
    """200 where a ready backend stands, 503 elsewhere, and no port without a LoadBalancer of policy Local."""
    made = service(**spec)
    assert health_status(cluster(made, slice_of(*endpoints)), made, node) == status
