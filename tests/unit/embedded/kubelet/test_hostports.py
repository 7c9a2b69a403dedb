"""hostPorts as a network plugin is told of them."""

from __future__ import annotations

from harness.embedded.kubelet.cni import port_mapping
from harness.embedded.kubelet.hostports import mappings
from tests.unit.embedded.kubelet.pods_by_hand import container, pod


def test_each_host_port_is_mapped() -> None:
    """Protocols in small letters, TCP when none is said; a port without hostPort leads nowhere."""
    ports = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 53, "hostPort": 8053, "protocol": "UDP", "hostIP": "127.0.0.1"},
        {"containerPort": 81},
    ]
    assert mappings(pod(container(ports=ports))) == [
        {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
        {"hostPort": 8053, "containerPort": 53, "protocol": "udp", "hostIP": "127.0.0.1"},
    ]


def test_every_address_is_said_by_saying_none() -> None:
    """A hostIP of all zeroes means all addresses of the node, of both families."""
    ports = [{"containerPort": 80, "hostPort": 8080, "hostIP": each} for each in ("0.0.0.0", "::")]
    assert all("hostIP" not in each for each in mappings(pod(container(ports=ports))))


def test_who_has_the_nodes_network_needs_none() -> None:
    """Its ports are the node's own; init containers that end have none either, those that stay do."""
    ports = [{"containerPort": 80, "hostPort": 80}]
    assert mappings(pod(container(ports=ports), hostNetwork=True)) == []
    once, stays = container("a", ports=ports), {**container("b", ports=ports), "restartPolicy": "Always"}
    assert mappings(pod(container(), initContainers=[once])) == []
    assert len(mappings(pod(container(), initContainers=[stays]))) == 1


def test_the_plugin_is_given_what_came_before() -> None:
    """It is told the mappings and what the plugin before it gave."""
    told = port_mapping([{"hostPort": 1}], {"ips": []})
    assert (told["type"], told["runtimeConfig"], told["prevResult"]) == (
        "portmap",
        {"portMappings": [{"hostPort": 1}]},
        {"ips": []},
    )
