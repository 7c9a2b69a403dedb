"""What a cluster has, from its API only, and what is said when a need is not met."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.capability import Fact
from harness.model.judgement import NotApplicable, Unmeasured
from harness.model.refs import Family
from harness.suite.facts import ClusterFacts, KnownHere
from harness.suite.places import one_per_node
from harness.world.nodes import SAMPLE
from tests.unit.suite.ground import FakeKube, Ground, node


def facts(kube: Any, kind: str = "kubeconfig") -> ClusterFacts:
    return ClusterFacts(kube, kind=kind)


def nodes(*several: dict[str, Any]) -> FakeKube:
    kube = FakeKube()
    for each in several:
        kube.put(each)
    return kube


TAINTED = node("n2", taints=[{"key": "control-plane", "effect": "NoSchedule"}])


def test_only_nodes_that_take_pods_count() -> None:
    """Tainted, cordoned and unready nodes take no ordinary pods; ready tainted ones are nodes all the same."""
    kube = nodes(node("n3"), TAINTED, node("n1", unschedulable=True), node("n9", ready="False"))
    assert facts(kube).node_names == ["n3"]
    assert facts(kube).every_node == ["n1", "n2", "n3"]


def test_of_many_nodes_some_stand_for_all() -> None:
    """Also where their addresses are dialled: those on which arenas stand, and others spread over the rest."""
    several = [node(f"n{number:03}") for number in range(100)]
    for number, each in enumerate(several):
        each["status"]["addresses"] = [{"type": "InternalIP", "address": f"192.0.2.{number}"}]
    found = facts(nodes(*several))
    assert len(found.sample) == len(found.node_addresses) == SAMPLE
    assert found.sample[:5] == [f"n{number:03}" for number in range(5)]
    assert found.node_addresses == [f"192.0.2.{int(name[1:])}" for name in found.sample]


def test_a_node_stands_where_its_label_says() -> None:
    """Its zone, or nowhere in particular."""
    placed = node("n1")
    placed["metadata"]["labels"] = {"topology.kubernetes.io/zone": "z1"}
    found = facts(nodes(placed, node("n2")))
    assert [found.node_zone(name) for name in ("n1", "n2")] == ["z1", ""]


def test_a_cluster_without_a_ready_node_cannot_be_measured() -> None:
    """Nothing can be asked there: UNKNOWN, with the command that shows why."""
    with pytest.raises(Unmeasured, match="kubectl get nodes"):
        _ = facts(nodes(node("n1", ready="Unknown"))).nodes


def test_needs_that_are_not_met_are_all_named() -> None:
    """A skip says everything that is missing, in words."""
    with pytest.raises(NotApplicable, match="three schedulable") as skipped:
        facts(nodes(node("n1"))).must_have(["nodes3", "v6", "v4"])
    assert "IPv6" in str(skipped.value)
    assert "IPv4 addresses" not in str(skipped.value)


def test_needs_that_are_met_pass() -> None:
    """Nodes, family and faults of an embedded cluster."""
    facts(nodes(node("n1"), node("n2")), kind="embedded").must_have(["nodes2", "v4", "faults"])


def held(kube: Any, *, declared: dict[str, str], told: Fact) -> ClusterFacts:
    """A cluster of which a probe tells something about policies."""
    found = ClusterFacts(kube, kind="kind", declared=declared)
    found.probes["network-policy"] = lambda: told
    return found


IGNORED = Fact.no(why="a policy changed nothing")


def test_what_a_plugin_does_not_do_is_skipped() -> None:
    """With what was missing, and why we think so."""
    with pytest.raises(NotApplicable, match=r"^needs NetworkPolicy to be enforced: a policy changed nothing$"):
        held(nodes(node("n1")), declared={"network-policy": "no"}, told=IGNORED).must_have(["network-policy"])


@pytest.mark.parametrize("said", ["yes", "unknown", "partly", ""])
def test_what_a_cluster_was_made_with_and_lacks_is_no_skip(said: str) -> None:
    """A made cluster of two families whose pods have one is broken, whoever says what of its plugin: UNKNOWN."""
    found = ClusterFacts(nodes(node("n1")), kind="kind", declared={"v6": "yes", "nodes2": "yes", "dual-stack": said})
    with pytest.raises(Unmeasured, match=r"supposed to have pods with IPv6 addresses: .* has IPv4$"):
        found.must_have(["v6"])
    with pytest.raises(Unmeasured, match=r"supposed to have at least two schedulable Linux nodes: found 1 \(n1\)$"):
        found.must_have(["nodes2"])
    with pytest.raises(NotApplicable, match="three schedulable"):
        found.must_have(["nodes3", "v6"])


@pytest.mark.parametrize("trouble", ["not-ready", "network-unavailable"])
def test_a_node_that_is_out_of_order_is_no_reason_to_skip(trouble: str) -> None:
    """It is there and cannot be measured; one that somebody keeps free or cordons is not counted."""
    taint = {"key": f"node.kubernetes.io/{trouble}", "effect": "NoSchedule"}
    lame = node("n2", ready="False" if trouble == "not-ready" else "True", taints=[taint])
    found = facts(nodes(node("n1"), lame, TAINTED | {"metadata": {"name": "n3"}}))
    with pytest.raises(Unmeasured, match=r"found 1 \(n1\) \(out of order: n2\)"):
        found.must_have(["nodes2"])
    with pytest.raises(NotApplicable):
        found.must_have(["nodes3"])
    assert found.fact("nodes").value.endswith("1 more out of order")


@pytest.mark.parametrize("declared", [{"network-policy": said} for said in ("yes", "unknown", "partly")] + [{}])
def test_policies_are_skipped_only_where_they_are_declared_away(declared: dict[str, str]) -> None:
    """A policy agent that died looks like one that never was: the test runs, and fails."""
    held(nodes(node("n1")), declared=declared, told=IGNORED).must_have(["network-policy"])


def test_a_plugin_that_was_found_is_held_to_what_its_file_declares() -> None:
    """On a cluster somebody else made, the plugin is known by its DaemonSet."""
    kube = nodes(node("n1"))
    owner = {"kind": "DaemonSet", "name": "calico-node"}
    metadata = {"name": "calico-node-1", "namespace": "kube-system", "ownerReferences": [owner]}
    kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n1"}})
    found = facts(kube)
    found.probes["network-policy"] = lambda: IGNORED
    found.must_have(["network-policy"])


def test_unknown_runs_where_running_decides() -> None:
    """Nothing is skipped because nobody could tell."""
    held(nodes(node("n1")), declared={}, told=Fact.unknown("lost")).must_have(["network-policy", "hostnet", "lb"])


def test_unknown_is_unknown_where_running_decides_nothing() -> None:
    """UNKNOWN with the reason, not SKIP."""
    kube: Any = nodes(node("n1"))
    kube.server_version = lambda: {"gitVersion": "devel"}
    with pytest.raises(Unmeasured, match=r"Kubernetes 1\.33 or newer.*'devel'"):
        facts(kube).must_have(["k8s>=1.33"])


def test_what_is_missing_outweighs_what_is_unknown() -> None:
    """A skip needs one reason."""
    kube: Any = nodes(node("n1"))
    kube.server_version = lambda: {"gitVersion": "devel"}
    with pytest.raises(NotApplicable, match="found 1"):
        facts(kube).must_have(["k8s>=1.33", "nodes2"])


def test_policies_are_probed_once_and_only_when_needed() -> None:
    """Other needs do not cost a probe, and a second test does not repeat it."""
    asked: list[int] = []
    found = facts(nodes(node("n1")))
    found.probes["network-policy"] = lambda: (asked.append(1), Fact.yes(why="a probe"))[1]
    found.must_have(["v4"])
    assert asked == []
    for _ in range(2):
        found.must_have(["network-policy"])
    assert asked == [1]


def test_an_embedded_cluster_is_not_probed() -> None:
    """It is known to have policy agents."""
    found = facts(nodes(node("n1")), kind="embedded")
    found.probes["network-policy"] = lambda: pytest.fail("probed")
    found.must_have(["network-policy"])


def test_a_misspelt_need_is_an_error() -> None:
    """It would skip a test for ever without anybody noticing."""
    with pytest.raises(ValueError, match="nodse2"):
        facts(nodes(node("n1"))).must_have(["nodse2"])


def test_families_are_in_the_clusters_order() -> None:
    """The first pod network is the first family."""
    dual = node("n1", podCIDRs=["fd00::/64", "10.244.0.0/24"])
    assert facts(nodes(dual)).families == (Family.V6, Family.V4)


def test_families_without_pod_networks_on_nodes() -> None:
    """A network plug-in with addresses of its own leaves them to the API's Service."""
    kube = nodes(node("n1", podCIDRs=[]))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"}}
    kube.put({**service, "spec": {"ipFamilies": ["IPv6"]}})
    assert facts(kube).families == (Family.V6,)


@pytest.mark.parametrize(
    ("search", "zone"),
    [
        (["x.svc.corp.example", "svc.corp.example", "corp.example"], "corp.example"),
        (["x.svc.cluster.local", "svc.cluster.local."], "cluster.local"),
        ([], "cluster.local"),
    ],
)
def test_the_zone_is_learnt_from_a_pod(search: list[str], zone: str) -> None:
    """Whatever the cluster's domain is, `svc.<zone>` stands in every pod's search list."""
    assert facts(FakeKube()).find_zone(search) == zone


def test_a_cluster_dns_without_the_usual_label_cannot_be_asked() -> None:
    """UNKNOWN, with the label that was looked for."""
    with pytest.raises(Unmeasured, match="k8s-app=kube-dns"):
        _ = facts(FakeKube()).dns_server


class Balanced(FakeKube):
    """Load balancer addresses for the first so many Services."""

    def __init__(self, addresses: int) -> None:
        super().__init__()
        self.addresses = addresses

    def wait(self, resource: str, name: str, condition: Any, **how: Any) -> Any:
        self.addresses -= 1
        status = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}} if self.addresses >= 0 else {}
        self.objects[resource, how["namespace"], name] = {"metadata": {"name": name}, "status": status}
        return super().wait(resource, name, condition, **how)


def awaited(found: ClusterFacts) -> None:
    found.await_loadbalancer("svc", namespace="x", patience=1, timeout=2)


def test_no_load_balancer_is_a_skip_and_is_remembered() -> None:
    """The first Service without an address says that there is no implementation; the next ones do not wait."""
    kube = Balanced(0)
    found = facts(kube)
    for _ in range(2):
        with pytest.raises(NotApplicable, match="LoadBalancer"):
            awaited(found)
    assert kube.addresses == -1, "one wait"


def test_a_load_balancer_that_was_installed_is_never_skipped() -> None:
    """No address within the whole time is unknown, not a skip; the next Service does not wait as long again."""
    kube = Balanced(0)
    found = ClusterFacts(kube, kind="kind", declared={"lb": "yes"})
    for _ in range(2):
        with pytest.raises(Unmeasured, match=r"supposed to have .*\(2 s\)"):
            awaited(found)
    assert kube.addresses == -1, "one wait"


def test_a_load_balancer_that_runs_and_gives_nothing_is_not_skipped() -> None:
    """On a cluster somebody else made: its DaemonSet is there, so it is waited for, and then it is unknown."""
    kube = Balanced(0)
    kube.put(node("n1"))
    owner = {"kind": "DaemonSet", "name": "speaker"}
    metadata = {"name": "speaker-1", "namespace": "metallb-system", "ownerReferences": [owner]}
    kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n1"}})
    found = facts(kube)
    for _ in range(2):
        found.must_have(["lb"])
        with pytest.raises(Unmeasured, match=r"supposed to have .*LoadBalancer.*\(2 s\)"):
            awaited(found)


class OvertakenByYes(KnownHere):
    """Somebody else's Service gets an address just before we say that there are none."""

    def tell(self, name: str, fact: Fact) -> None:
        super().tell(name, Fact.yes(why="a Service got an address"))


def test_an_address_that_comes_to_somebody_else_meanwhile_makes_no_skip() -> None:
    """Workers find out side by side: what one got, another is not told to be impossible."""
    with pytest.raises(Unmeasured, match="no address was assigned"):
        awaited(ClusterFacts(Balanced(0), kind="kubeconfig", known=OvertakenByYes(), declared={}))


def test_a_load_balancer_that_stops_is_unknown_not_skipped() -> None:
    """Where earlier Services got addresses, one that gets none was not measured."""
    found = facts(Balanced(1))
    awaited(found)
    with pytest.raises(Unmeasured, match="earlier Services got one"):
        awaited(found)


def test_a_pod_on_every_node(ground: Ground) -> None:
    """Arena pods where there are some, pods of the test's own on nodes without."""
    ground.kube.put(node("n9", taints=[{"key": "control-plane", "effect": "NoSchedule"}]))
    arena, found = ground.lease(), facts(ground.kube)
    refs = one_per_node(arena, found)
    assert sorted(arena.pods[ref].node for ref in refs) == ["n1", "n2", "n3", "n9"]
    assert len([ref for ref in refs if ref not in arena.table]) == 1
    assert ground.kube.objects["pods", *ground.base.name("x/node-0")]["spec"]["tolerations"]


def test_a_pod_on_every_node_but_some(ground: Ground) -> None:
    """Who is to be no client is none, and the node is looked at all the same."""
    arena = ground.lease()
    refs = one_per_node(arena, facts(ground.kube), but=["x/a", "x/b", "x/c", "y/a"])
    assert sorted(arena.pods[ref].node for ref in refs) == ["n1", "n2", "n3"]
    assert not {"x/a", "x/b", "x/c", "y/a"} & set(refs)


def test_a_pod_on_nine_of_many_nodes(ground: Ground) -> None:
    """A large cluster is looked at by a sample, in which the control plane is met."""
    for number in range(4, 40):
        ground.kube.put(node(f"n{number:02}"))
    ground.kube.put(node("t1", taints=[{"key": "control-plane", "effect": "NoSchedule"}]))
    arena, found = ground.lease(), facts(ground.kube)
    there = {arena.pods[ref].node for ref in one_per_node(arena, found)}
    assert there == set(found.sample_everywhere)
    assert len(there) == 9
    assert "t1" in there
    assert "t1" not in found.sample
