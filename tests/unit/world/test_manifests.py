"""Manifests: the restricted profile holds for every pod, and what a test asks for is in the pod."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from harness.probe import archive
from harness.world import topology
from harness.world.manifests import Agent, HostPort, PodShape, agent_config, namespace, pod

AGENT = Agent(
    archive=b"zip",
    image="python:3",
    serve=archive.serve_command,
    name=archive.ARCHIVE_NAME,
    mount=archive.MOUNT,
    container=archive.CONTAINER,
    ready_path=archive.READY_PATH,
    fields=archive.FIELD_ENVIRONMENT,
)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod's only container."""
    (only,) = manifest["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def test_every_pod_keeps_the_restricted_profile() -> None:
    """No root, no privilege escalation, no capability, default seccomp, no writable root, no token."""
    manifest = pod("a", PodShape(), AGENT)
    security = manifest["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    inner = container(manifest)["securityContext"]
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert inner["readOnlyRootFilesystem"] is True
    assert manifest["spec"]["automountServiceAccountToken"] is False
    assert {each["configMap"]["name"] for each in manifest["spec"]["volumes"] if "configMap" in each} == {
        agent_config(AGENT)["metadata"]["name"]
    }


def test_only_safe_sysctls_and_none_on_the_host_network() -> None:
    """Two sysctls of the safe list let a pod bind port 80 and ping; on the host's network they change the node."""
    inside = pod("a", PodShape(), AGENT)["spec"]["securityContext"]["sysctls"]
    assert {each["name"] for each in inside} == {"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"}
    outside = pod("a", PodShape(host_network=True), AGENT)["spec"]
    assert "sysctls" not in outside["securityContext"]
    assert (outside["hostNetwork"], outside["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")


def test_every_port_is_declared_and_served() -> None:
    """What the container declares is what the agent is told to serve; names of ports are unique and short enough."""
    manifest = container(pod("a", PodShape(ports=(80, 8080), protocols=("TCP", "UDP"), named={"web": 80}), AGENT))
    declared = [(each["containerPort"], each["protocol"]) for each in manifest["ports"]]
    assert declared == [(80, "TCP"), (80, "UDP"), (8080, "TCP"), (8080, "UDP"), (80, "TCP")]
    names = [each["name"] for each in manifest["ports"]]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 15 for name in names)
    assert {"tcp:80", "udp:80", "tcp:8080", "udp:8080"} <= set(manifest["command"])


@pytest.mark.parametrize(("shape", "grace"), [(PodShape(), 1), (PodShape(grace=30), 30), (PodShape(linger=5), 6)])
def test_a_lingering_pod_is_given_the_time(shape: PodShape, grace: int) -> None:
    """The grace period is longer than the time an agent is to keep serving after SIGTERM."""
    manifest = pod("a", shape, AGENT)
    assert manifest["spec"]["terminationGracePeriodSeconds"] == grace
    assert ("--linger=5" in container(manifest)["command"]) is (shape.linger == 5)


def test_readiness_follows_the_agent_when_asked() -> None:
    """With `readiness` the kubelet asks the agent; a pod may begin unready."""
    assert "readinessProbe" not in container(pod("a", PodShape(), AGENT))
    made = container(pod("a", PodShape(readiness=True, start_unready=True), AGENT))
    assert made["readinessProbe"]["httpGet"] == {"path": archive.READY_PATH, "port": 80}
    assert "--unready" in made["command"]


def test_what_the_test_says_comes_last() -> None:
    """`spec` of the shape wins over what we would have written."""
    made = pod("a", PodShape(spec={"hostname": "h", "enableServiceLinks": True}, node="n1"), AGENT)["spec"]
    assert (made["hostname"], made["enableServiceLinks"], made["nodeName"]) == ("h", True, "n1")


def test_the_agent_travels_in_the_config_map() -> None:
    """The archive's bytes are in binaryData under the name the command starts."""
    config = agent_config(AGENT)
    assert base64.b64decode(config["binaryData"][archive.ARCHIVE_NAME]) == b"zip"
    assert f"{archive.MOUNT}/{archive.ARCHIVE_NAME}" in container(pod("a", PodShape(), AGENT))["command"]


def test_a_namespace_enforces_a_profile() -> None:
    """Namespaces of ours say which pod security they enforce; the caller's labels are added."""
    labels = namespace("x", labels={"ns": "x"})["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "restricted", "ns": "x"}
    open_one = namespace("x", labels={}, restricted=False)["metadata"]["labels"]
    assert open_one == {"pod-security.kubernetes.io/enforce": "privileged"}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_an_arena_uses_every_node_evenly(count: int) -> None:
    """Nine pods; no node has two more than another; with three nodes each row and column has all of them."""
    nodes = [f"n{number}" for number in range(count)]
    placed = topology.arena(nodes)
    assert len({str(each.ref) for each in placed}) == 9
    used = [sum(each.node == node for each in placed) for node in nodes]
    assert min(used) >= 1
    assert max(used) - min(used) <= 2
    if count == 3:
        for letter in "xyz":
            assert {each.node for each in placed if each.ref.namespace == letter} == set(nodes)


def test_an_arena_needs_a_node() -> None:
    """Without a schedulable node there is no arena."""
    with pytest.raises(ValueError, match="at least one schedulable node"):
        topology.arena([])


def test_host_ports_are_all_that_is_declared() -> None:
    """A pod with hostPorts declares them, at one address of the node or at all, and needs the privileged profile."""
    shape = PodShape(ports=(80,), host_ports=(HostPort(7000), HostPort(7001, 81, "UDP", "127.0.0.1")))
    assert pod("a", shape, AGENT)["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "hostPort": 7000, "protocol": "TCP"},
        {"containerPort": 81, "hostPort": 7001, "protocol": "UDP", "hostIP": "127.0.0.1"},
    ]
    assert shape.takes_of_node
    assert not PodShape().takes_of_node
