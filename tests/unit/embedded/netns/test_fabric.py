"""The node network as lines of `ip -batch`."""

import pytest

from harness.embedded.netns import link
from harness.embedded.netns.fabric import fabric_lines, node_lines, outside_plan, plan_nodes, pod_routes
from harness.embedded.netns.namespace import Kind, beside, sysctl_file

NAMES = ("n-control-plane", "n-worker", "n-worker2")
BOTH = ("IPv4", "IPv6")


def test_nodes_are_numbered_as_promised() -> None:
    """Addresses begin at .2, pod networks at 0."""
    first, _, third = plan_nodes(NAMES, BOTH)
    assert first.addresses == ("172.18.0.2", "fc00:f853:ccd:e793::2")
    assert first.pod_cidrs == ("10.244.0.0/24", "fd00:10:244::/64")
    assert third.addresses == ("172.18.0.4", "fc00:f853:ccd:e793::4")
    assert third.pod_cidrs == ("10.244.2.0/24", "fd00:10:244:2::/64")


def test_a_single_family_is_all_there_is() -> None:
    """An IPv4 cluster has no IPv6 address anywhere."""
    nodes = plan_nodes(NAMES, ("IPv4",))
    lines = fabric_lines(nodes) + pod_routes(nodes) + [line for node in nodes for line in node_lines(node)]
    assert not [line for line in lines if "fc00" in line or "fd00" in line]


def test_the_fabric_has_a_port_per_node() -> None:
    """Each node's link ends in its namespace as eth0, its other end is a port of the bridge."""
    lines = fabric_lines(plan_nodes(NAMES, BOTH))
    for index, name in enumerate(NAMES):
        assert f"link add node{index} mtu 1500 type veth peer name eth0 netns {name} mtu 1500" in lines
        assert f"link set node{index} master fabric" in lines
    assert "address add 172.18.0.1/16 dev fabric" in lines
    assert "address add fc00:f853:ccd:e793::1/64 dev fabric nodad" in lines


def test_a_node_reaches_the_others_pods_through_them() -> None:
    """Routes lead to the pod networks of all other nodes, in both families, and never to its own."""
    nodes = plan_nodes(NAMES, BOTH)
    routes = pod_routes(nodes, besides=nodes[0])
    assert routes == [
        "route replace 10.244.1.0/24 via 172.18.0.3",
        "route replace fd00:10:244:1::/64 via fc00:f853:ccd:e793::3",
        "route replace 10.244.2.0/24 via 172.18.0.4",
        "route replace fd00:10:244:2::/64 via fc00:f853:ccd:e793::4",
    ]


def test_everything_else_goes_to_the_fabric() -> None:
    """A node's default routes are the fabric's addresses."""
    lines = node_lines(plan_nodes(NAMES, BOTH)[0])
    assert "route replace default via 172.18.0.1" in lines
    assert "route replace default via fc00:f853:ccd:e793::1" in lines


def test_outside_is_a_neighbour_and_no_node() -> None:
    """The place outside has addresses of the node network, of the families there are, and no way to any pod."""
    nodes = plan_nodes(NAMES, BOTH)
    outside = outside_plan(nodes)
    assert outside.addresses == ("172.18.254.2", "fc00:f853:ccd:e793::fe02")
    assert outside_plan(plan_nodes(NAMES, ("IPv4",))).addresses == ("172.18.254.2",)
    assert not set(outside.addresses) & {each for node in nodes for each in node.addresses}
    assert not [line for line in node_lines(outside) if "10.244" in line or "fd00:10:244" in line]


@pytest.mark.parametrize("name", ["", "a/b", "a b", "x" * 16])
def test_an_impossible_link_name_is_refused(name: str) -> None:
    """A name that the kernel would refuse, or that would become another word of the batch, is an error."""
    with pytest.raises(ValueError, match="not a link's name"):
        link.bridge(name)


def test_sysctl_names_are_files() -> None:
    """Dots are slashes; a slash stands for a dot in a link's name."""
    assert str(sysctl_file("net.ipv4.ip_forward")) == "/proc/sys/net/ipv4/ip_forward"
    assert str(sysctl_file("net.ipv4.conf.eth0/1.rp_filter")) == "/proc/sys/net/ipv4/conf/eth0.1/rp_filter"


def test_other_namespaces_are_kept_beside_the_network() -> None:
    """The network namespace has the plain name, as `ip` expects it."""
    path = plan_nodes(NAMES, BOTH)[0].netns
    assert beside(path, Kind.NET) == path
    assert beside(path, Kind.UTS).name == "n-control-plane.uts"
