"""The Node object, images and the network configuration."""

import json
from pathlib import Path

import pytest

from harness.embedded.kubelet.cni import Attachment, configuration, parse_result
from harness.embedded.kubelet.images import DNS_IMAGE, INGRESS_IMAGE, Root, find
from harness.embedded.kubelet.node import lease_object, node_object, node_status
from tests.unit.embedded.kubelet.pods_by_hand import NODE

RECORDED = json.loads((Path(__file__).parents[3] / "recordings" / "api.json").read_text())


def recorded_node() -> dict[str, object]:
    listing = next(call for call in RECORDED["calls"] if call["note"] == "nodes")
    found: dict[str, object] = listing["response"]["body"]["items"][0]
    return found


def test_a_node_has_the_labels_of_a_recorded_one() -> None:
    """The well-known labels of a real node are there."""
    labels = set(recorded_node()["metadata"]["labels"]) - {
        "node-role.kubernetes.io/control-plane",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    }
    assert labels <= set(node_object(NODE)["metadata"]["labels"])


def test_a_node_has_the_conditions_of_a_recorded_one() -> None:
    """The conditions of a real node are there, with the same reasons when it is well."""
    real = {one["type"]: (one["status"], one["reason"]) for one in recorded_node()["status"]["conditions"]}
    made = node_status(NODE, ready=True, now=1.0)["conditions"]
    assert {one["type"]: (one["status"], one["reason"]) for one in made} == real


def test_a_node_tells_both_families() -> None:
    """All addresses and pod networks are told, in order."""
    assert node_object(NODE)["spec"]["podCIDRs"] == list(NODE.pod_cidrs)
    addresses = node_status(NODE, ready=True, now=1.0)["addresses"]
    assert [one["address"] for one in addresses] == [*NODE.addresses, NODE.name]


def test_ready_turns_with_a_new_time() -> None:
    """Only the condition that changes gets a new transition time."""
    before = node_status(NODE, ready=True, now=1.0)
    after = {
        one["type"]: one for one in node_status(NODE, ready=False, now=61.0, before=before, reason="off")["conditions"]
    }
    assert (after["Ready"]["status"], after["Ready"]["message"]) == ("False", "off")
    assert after["Ready"]["lastTransitionTime"] == "1970-01-01T00:01:01Z"
    assert after["DiskPressure"]["lastTransitionTime"] == "1970-01-01T00:00:01Z"


def test_a_lease_is_the_nodes_own() -> None:
    """The heartbeat names its node and the moment."""
    lease = lease_object(NODE, now=1.5)
    assert lease["spec"]["holderIdentity"] == NODE.name
    assert lease["spec"]["renewTime"] == "1970-01-01T00:00:01.500000Z"


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "python:3.12-alpine",
        "library/python:3.12",
        "docker.io/library/python:3.12-alpine",
        "docker.io/python:3",
        "docker.io/library/python@sha256:abc",
    ],
)
def test_python_images_are_known(name: str) -> None:
    """Any tag of the stock python image can be had."""
    image = find(name)
    assert image is not None
    assert image.root is Root.PLAIN


@pytest.mark.parametrize("name", ["nginx", "python2", "example.com/python:3", "mypython:3", "python:", "pythonx:3", ""])
def test_other_images_cannot_be_pulled(name: str) -> None:
    """Everything else fails to pull."""
    assert find(name) is None


@pytest.mark.parametrize("name", [DNS_IMAGE, INGRESS_IMAGE])
def test_images_of_the_cluster_have_the_harness(name: str) -> None:
    """Those of cluster DNS and Ingress are the python root with the harness on its path."""
    image = find(name)
    assert image is not None
    assert image.command[-1].startswith("harness.embedded.")
    assert image.root is Root.HARNESS
    assert dict(image.environment)["PYTHONPATH"] == "/opt/harness"


def test_the_network_has_a_range_and_a_route_per_family() -> None:
    """Both pod networks are ranges, each with a default route; masquerading, which writes iptables rules, is off."""
    document = configuration(NODE)
    assert document["ipam"]["ranges"] == [[{"subnet": cidr}] for cidr in NODE.pod_cidrs]
    assert document["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    assert not document.get("ipMasq")


def test_a_result_is_addresses_and_the_nodes_link() -> None:
    """Addresses lose their prefix; the link without a sandbox is the node's."""
    result = {
        "interfaces": [{"name": "veth1"}, {"name": "eth0", "sandbox": "/run/netns/p"}],
        "ips": [{"address": "10.244.0.2/24"}, {"address": "fd00:10:244::2/64"}],
    }
    assert parse_result(result) == Attachment(("10.244.0.2", "fd00:10:244::2"), "veth1")
