"""Planted faults of the pod network as plans."""

import asyncio
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.embedded.api import Cache, LocalApi
from harness.embedded.kubelet import faults
from harness.embedded.kubelet.faults import (
    DEAD_MAC,
    FaultKeeper,
    Lead,
    Plan,
    cluster_dns,
    covers,
    dead_window,
    plan,
    stale_leads,
    wants_links,
)
from harness.embedded.store.objects import Store
from tests.unit.embedded.kubelet.pods_by_hand import NODE, container, pod


def fault(fault_id: str, *, name: str = "f", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"id": fault_id, **spec}}


def bound(name: str, node: str, *addresses: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    one = pod(name=name, namespace=namespace, nodeName=node, **spec)
    one["status"] = {"podIPs": [{"ip": address} for address in addresses]}
    return one


PODS = [
    bound("mine", "n1", "10.244.0.5", "fd00:10:244::5"),
    bound("other", "n2", "10.244.1.5", "fd00:10:244:1::5"),
    bound("elsewhere", "n2", "10.244.1.6", namespace="bank"),
    bound("host", "n2", "172.18.0.3", hostNetwork=True),
]


def test_without_faults_nothing_is_changed() -> None:
    """No fault, no rule, no route, the full MTU."""
    assert plan([], NODE, PODS, dead={}) == Plan()
    assert Plan().rules(NODE) == ""


def test_links_are_mixed_up() -> None:
    """services/F86: who wants links gets none, and who wants none gets them; in its scope alone."""
    here = fault("services/F86", namespaces=["shop"])
    quiet = pod(enableServiceLinks=False)
    assert wants_links([], pod(), NODE)
    assert not wants_links([], quiet, NODE)
    assert not wants_links([here], pod(), NODE)
    assert wants_links([here], quiet, NODE)
    assert wants_links([here], pod(namespace="bank"), NODE)


def test_a_wrong_cluster_dns_is_for_its_nodes_and_namespaces() -> None:
    """Only pods in the fault's scope get the wrong server."""
    here = fault("dns/F-35", nodes=["n1"], namespaces=["shop"], params={"nameserver": "192.0.2.1"})
    assert cluster_dns([here], pod(), NODE) == ("192.0.2.1",)
    assert cluster_dns([here], pod(namespace="bank"), NODE) is None
    assert cluster_dns([fault("dns/F-35", nodes=["n2"])], pod(), NODE) is None
    assert cluster_dns([fault("dns/F-35")], pod(), NODE) == ("192.0.2.53",)


def test_a_black_hole_is_small_and_mute() -> None:
    """The link shrinks, and the errors that would tell senders are dropped."""
    wanted = plan([fault("services/F53", nodes=["n1"])], NODE, PODS, dead={})
    assert wanted.mtu == 1280
    assert "icmp code frag-needed drop" in wanted.rules(NODE)
    assert "icmpv6 type packet-too-big drop" in wanted.rules(NODE)


def test_a_fault_of_another_node_does_not_matter_here() -> None:
    """A fault scoped to n2 changes nothing on n1."""
    faults = [fault(fault_id, nodes=["n2"]) for fault_id in ("services/F52", "services/F53", "services/F54")]
    assert plan(faults, NODE, PODS, dead={"f": True}) == Plan()


def test_masquerade_all_wears_the_nodes_address() -> None:
    """Everything from the node's pod networks leaves with the node's address, per family."""
    rules = plan([fault("services/F54")], NODE, PODS, dead={}).rules(NODE)
    assert "ip saddr { 10.244.0.0/24 } snat ip to 172.18.0.2;" in rules
    assert "ip6 saddr { fd00:10:244::/64 } snat ip6 to fc00:f853:ccd:e793::2;" in rules


def test_masquerade_of_a_namespace_takes_its_pods_only() -> None:
    """Scoped to a namespace, only the addresses of its pods on this node are hidden."""
    wanted = plan([fault("services/F54", namespaces=["shop"])], NODE, PODS, dead={})
    assert wanted.masqueraded == ("10.244.0.5", "fd00:10:244::5")


def test_masquerade_may_take_other_ports() -> None:
    """With `ports` the node chooses the port as well."""
    rules = plan([fault("services/F54", params={"ports": True})], NODE, PODS, dead={}).rules(NODE)
    assert "snat ip to 172.18.0.2:40000-60000 fully-random;" in rules
    assert "snat ip6 to [fc00:f853:ccd:e793::2]:40000-60000 fully-random;" in rules


def test_faults_of_single_pods_are_for_their_nodes_and_namespaces() -> None:
    """Whether a fault concerns a pod is a matter of its scope."""
    here = fault("services/F93", nodes=["n1"], namespaces=["shop"])
    assert covers([here], "services/F93", pod(), NODE)
    assert not covers([here], "services/F94", pod(), NODE)
    assert not covers([here], "services/F93", pod(namespace="bank"), NODE)
    assert not covers([fault("services/F93", nodes=["n2"])], "services/F93", pod(), NODE)


def with_ports(node: str, *ports: dict[str, Any]) -> dict[str, Any]:
    made = bound("ports", node, "10.244.0.9", "fd00:10:244::9")
    made["spec"]["containers"] = [container("c", ports=list(ports))]
    return made


HIDDEN = {"containerPort": 80, "hostPort": 7000, "hostIP": "127.0.0.1"}
SHOWN = {"containerPort": 80, "hostPort": 7001}


def test_a_loopback_host_port_is_opened_at_every_address() -> None:
    """services/F04: only hostPorts of the loopback address, in its family, on the pod's own node, in scope."""
    mine = [with_ports("n1", HIDDEN, SHOWN)]
    wanted = (Lead("tcp", 7000, "10.244.0.9", 80),)
    planted = fault("services/F04", namespaces=["shop"])
    assert plan([planted], NODE, mine, dead={}).leads == wanted
    assert plan([fault("services/F04", namespaces=["bank"])], NODE, mine, dead={}).leads == ()
    assert plan([planted], NODE, [with_ports("n2", HIDDEN)], dead={}).leads == ()
    assert "ipv4 fib daddr type local tcp dport 7000 dnat ip to 10.244.0.9:80" in Plan(leads=wanted).rules(NODE)


def test_stale_host_ports_lead_to_who_had_them() -> None:
    """services/F47: every hostPort of a pod in scope, in both families."""
    found = stale_leads([fault("services/F47")], NODE, [with_ports("n1", SHOWN)])
    assert found == [Lead("tcp", 7001, "10.244.0.9", 80), Lead("tcp", 7001, "fd00:10:244::9", 80)]
    assert plan([], NODE, [], dead={}, stale=found).leads == tuple(found)
    assert stale_leads([], NODE, [with_ports("n1", SHOWN)]) == []


def test_stale_neighbours_are_remote_pods_in_scope() -> None:
    """While the entry is there, pods of other nodes in the scope are unreachable from this one; host pods are not."""
    one = fault("services/F52", namespaces=["shop"])
    assert plan([one], NODE, PODS, dead={"f": True}).unreachable == {"10.244.1.5", "fd00:10:244:1::5"}
    assert plan([one], NODE, PODS, dead={"f": False}).unreachable == frozenset()


@pytest.mark.parametrize(
    ("elapsed", "there", "left"),
    [(0.0, True, 2.0), (1.5, True, 0.5), (2.0, False, 2.0), (3.5, False, 0.5), (4.0, True, 2.0)],
)
def test_a_stale_entry_comes_and_goes(elapsed: float, there: bool, left: float) -> None:
    """Two seconds of every four, from the moment it is planted."""
    assert dead_window(fault("services/F52"), elapsed) == (there, pytest.approx(left))


def test_the_rhythm_is_a_parameter() -> None:
    """every and for set the rhythm."""
    one = fault("services/F52", params={"every": 10, "for": 1})
    assert dead_window(one, 0.5) == (True, 0.5)
    assert dead_window(one, 1.5) == (False, 8.5)


def test_the_dead_address_is_nobodys() -> None:
    """The wrong link address is a local one that no device here has."""
    assert DEAD_MAC.startswith("02:")


def test_a_black_hole_is_mute_from_before_it_is_small_until_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pod ever hears of the small link: what it heard would outlive the fault by ten minutes."""
    done: list[str] = []

    async def run_in_async(*_: object) -> None:
        done.append("rules")

    async def apply_async(lines: list[str], *, namespace: str) -> None:
        done.append(f"{namespace} {lines[0]}")

    monkeypatch.setattr(faults, "run_in_async", run_in_async)
    monkeypatch.setattr(faults.link, "apply_async", apply_async)

    async def plant_and_heal() -> None:
        keeper = FaultKeeper(NODE, Cache(LocalApi(Store(), "test"), []), FakeClock())
        await keeper._apply(Plan(mtu=1280))
        await keeper.heal()

    asyncio.run(plant_and_heal())
    assert done == ["rules", "n1 link set eth0 mtu 1280", "n1 link set eth0 mtu 1500", "rules"]
