"""Who answers at a node's port: a hand-made table of hostPorts and dials."""

from __future__ import annotations

from typing import Any

import pytest

from harness.oracle.hostports import behind
from harness.oracle.snapshot import Snapshot

NODE, LOOP, OTHER, V6 = "172.18.0.3", "127.0.0.1", "172.18.0.9", "fc00::3"


def pod(name: str, *ports: dict[str, Any], node: str = "n1", phase: str = "Running", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"namespace": "h", "name": name},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": list(ports)}], **spec},
        "status": {"phase": phase, "podIPs": [{"ip": "10.244.1.7"}]},
    }


def port(number: int, **said: Any) -> dict[str, Any]:
    return {"containerPort": 80, "hostPort": number, **said}


WORLD = Snapshot.of(
    [
        pod("everywhere", port(7000)),
        pod("zeroes", port(7001, hostIP="0.0.0.0")),
        pod("loopback", port(7002, hostIP=LOOP)),
        pod("tcp", port(7002, hostIP=NODE)),
        pod("udp", port(7002, hostIP=NODE, protocol="UDP")),
        pod("elsewhere", port(7003), node="n2"),
        pod("ended", port(7004), phase="Succeeded"),
        pod("own", port(7005), hostNetwork=True),
        pod("plain", {"containerPort": 7006}),
    ]
)


@pytest.mark.parametrize(
    ("address", "number", "protocol", "wanted"),
    [
        (NODE, 7000, "TCP", "everywhere"),
        (OTHER, 7000, "TCP", "everywhere"),
        (LOOP, 7000, "TCP", "everywhere"),
        (NODE, 7000, "UDP", None),
        (NODE, 7001, "TCP", "zeroes"),
        (LOOP, 7002, "TCP", "loopback"),
        (NODE, 7002, "TCP", "tcp"),
        (NODE, 7002, "UDP", "udp"),
        (OTHER, 7002, "TCP", None),
        (LOOP, 7002, "UDP", None),
        (NODE, 7003, "TCP", None),
        (NODE, 7004, "TCP", None),
        (NODE, 7005, "TCP", None),
        (NODE, 7006, "TCP", None),
        (V6, 7000, "TCP", None),
    ],
)
def test_who_answers(address: str, number: int, protocol: str, wanted: str | None) -> None:
    """By address, number and protocol one pod of the node answers, or nobody may."""
    found = behind(WORLD, node="n1", address=address, port=number, protocol=protocol)
    assert (found and (found[0]["metadata"]["name"], found[1])) == (wanted and (wanted, 80))
