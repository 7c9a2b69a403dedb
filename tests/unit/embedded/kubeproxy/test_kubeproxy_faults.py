"""Planted faults of the Service proxy: each really breaks something, only in its scope, and ends with its object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.embedded.kubeproxy import faults
from harness.embedded.kubeproxy.compile import compile_services
from harness.embedded.kubeproxy.conntrack import udp_front_ends
from harness.embedded.kubeproxy.faults import Broken
from harness.embedded.kubeproxy.memory import Memory
from harness.embedded.kubeproxy.model import Snapshot
from harness.embedded.nft.render import difference
from harness.embedded.nft.ruleset import EMPTY, Ruleset
from harness.embedded.nft.trace import Packet, Situation, Traced, Verdict, outcomes
from tests.unit.embedded.kubeproxy.service_flows import (
    BALANCER,
    NODE_ADDRESSES,
    OUTSIDE,
    POD_CIDRS,
    PODS,
    SERVICE_CIDRS,
    cluster_ips,
    service,
    slices,
)

A, B, NODE = PODS["a"][1], PODS["b"][1], NODE_ADDRESSES["n1"][0]
BASE = Snapshot("n1", NODE_ADDRESSES["n1"], POD_CIDRS["n1"], service_cidrs=SERVICE_CIDRS)


def fault(id: str, *, namespaces: Sequence[str] = (), nodes: Sequence[str] = (), **params: Any) -> dict[str, Any]:  # noqa: A002
    spec = {"id": id, "namespaces": list(namespaces), "nodes": list(nodes), "params": params}
    return {"metadata": {"name": "f"}, "spec": spec}


def rules(services: Sequence[dict[str, Any]], items: Sequence[dict[str, Any]], *planted: dict[str, Any]) -> Ruleset:
    return compile_services(replace(BASE, services=tuple(services), slices=tuple(items), faults=planted))


def ends(ruleset: Ruleset, source: str, target: str, port: int, protocol: str = "tcp") -> list[Traced]:
    return list(outcomes(ruleset, Packet(source, target, protocol, port), Situation(local=frozenset({NODE}))))


def end(*args: Any) -> Traced:
    [only] = ends(*args)
    return only


def test_no_refusal() -> None:
    """services/F74: silence instead of a refusal, in the namespaces it names."""
    empty, ip = [service("s", 1)], cluster_ips(1)[0]
    assert end(rules(empty, []), A, ip, 80).verdict is Verdict.REJECT
    assert end(rules(empty, [], fault(faults.NO_REFUSAL)), A, ip, 80).verdict is Verdict.DROP
    assert end(rules(empty, [], fault(faults.NO_REFUSAL, namespaces=["else"])), A, ip, 80).verdict is Verdict.REJECT
    assert end(rules(empty, [], fault(faults.NO_REFUSAL, nodes=["n2"])), A, ip, 80).verdict is Verdict.REJECT


@pytest.mark.parametrize(("params", "wanted"), [({}, "600s"), ({"factor": 0.1}, "1s"), ({"factor": 0.001}, "1s")])
def test_affinity_unit(params: dict[str, Any], wanted: str) -> None:
    """services/F05: the time-out is multiplied; never less than a second, which nft would refuse."""
    said = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10}}}
    sticky = [service("s", 1, **said)]
    healthy = difference(EMPTY, rules(sticky, slices("s", "b")))
    assert "timeout 10s" in healthy
    broken = difference(EMPTY, rules(sticky, slices("s", "b"), fault(faults.AFFINITY_UNIT, **params)))
    assert f"timeout {wanted}" in broken
    assert "timeout 10s" not in broken


def test_no_hairpin() -> None:
    """services/F15: a pod that is chosen for its own connection is lost; others are served."""
    one, items, ip = [service("s", 1)], slices("s", "a"), cluster_ips(1)[0]
    assert end(rules(one, items), A, ip, 80).masqueraded
    broken = rules(one, items, fault(faults.NO_HAIRPIN))
    assert end(broken, A, ip, 80).verdict is Verdict.DROP
    assert end(broken, B, ip, 80).verdict is Verdict.ACCEPT


def test_no_masquerade() -> None:
    """services/F55: node port traffic keeps the client's source, so answers go past the entry node."""
    one = [service("s", 1, type="NodePort", ports=[{"port": 80, "protocol": "TCP", "nodePort": 30080}])]
    assert end(rules(one, slices("s", "c")), OUTSIDE[0], NODE, 30080).masqueraded
    assert not end(rules(one, slices("s", "c"), fault(faults.NO_MASQUERADE)), OUTSIDE[0], NODE, 30080).masqueraded


NODE_PORT = {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}]}


def test_no_way_in() -> None:
    """services/F12: who comes from the network is dropped at the node port, pods of the node are not."""
    broken = rules([service("s", 1, **NODE_PORT)], slices("s", "c"), fault(faults.NO_WAY_IN))
    assert end(broken, OUTSIDE[0], NODE, 30080).verdict is Verdict.DROP
    assert end(broken, A, NODE, 30080).verdict is Verdict.ACCEPT


def test_nothing_is_local() -> None:
    """services/F39: with externalTrafficPolicy Local the node's own endpoint is not found."""
    one = [service("s", 1, **NODE_PORT, externalTrafficPolicy="Local")]
    assert end(rules(one, slices("s", "b")), OUTSIDE[0], NODE, 30080).verdict is Verdict.ACCEPT
    assert end(rules(one, slices("s", "b"), fault(faults.NOTHING_LOCAL)), OUTSIDE[0], NODE, 30080).verdict is (
        Verdict.DROP
    )


def test_masquerade_all() -> None:
    """services/F54: externalTrafficPolicy Local no longer keeps the source."""
    one = [service("s", 1, **NODE_PORT, externalTrafficPolicy="Local")]
    assert not end(rules(one, slices("s", "b")), OUTSIDE[0], NODE, 30080).masqueraded
    assert end(rules(one, slices("s", "b"), fault(faults.MASQUERADE_ALL)), OUTSIDE[0], NODE, 30080).masqueraded


def test_misplaced_ranges() -> None:
    """services/F72: source ranges do not guard the balancer's address, and guard the node port."""
    status = {"loadBalancer": {"ingress": [{"ip": BALANCER["lb"][0], "ipMode": "VIP"}]}}
    walled = {**NODE_PORT, "type": "LoadBalancer", "loadBalancerSourceRanges": ["203.0.113.0/24"], "status": status}
    found = {}
    for name, planted in (("healthy", []), ("broken", [fault(faults.MISPLACED_RANGES)])):
        ruleset = rules([service("s", 1, **walled)], slices("s", "b"), *planted)
        found[name] = [
            end(ruleset, OUTSIDE[0], BALANCER["lb"][0], 80).verdict,
            end(ruleset, OUTSIDE[0], NODE, 30080).verdict,
        ]
    assert found == {"healthy": [Verdict.DROP, Verdict.ACCEPT], "broken": [Verdict.ACCEPT, Verdict.DROP]}


def test_conflated_protocols() -> None:
    """services/F71: of two protocols on one number only one is programmed."""
    ports = [{"name": "t", "port": 80, "protocol": "TCP"}, {"name": "u", "port": 80, "protocol": "UDP"}]
    items = [*slices("s", "b", port_name="t")[:1], *slices("s", "b", port_name="u", protocols=("UDP",))[:1]]
    ip = cluster_ips(1)[0]
    for planted, wanted in (([], Verdict.ACCEPT), ([fault(faults.CONFLATED_PROTOCOLS)], Verdict.REJECT)):
        ruleset = rules([service("s", 1, ports=ports)], items, *planted)
        assert end(ruleset, A, ip, 80, "tcp").verdict is wanted
        assert end(ruleset, A, ip, 80, "udp").verdict is Verdict.ACCEPT


def test_stale_conntrack() -> None:
    """services/F25: front ends of the fault's namespaces are left out of the clean-up."""
    udp = service("s", 1, ports=[{"port": 80, "protocol": "UDP"}])
    state = replace(BASE, services=(udp,))
    assert udp_front_ends(state)
    assert not udp_front_ends(replace(state, faults=(fault(faults.STALE_CONNTRACK),)))
    assert udp_front_ends(replace(state, faults=(fault(faults.STALE_CONNTRACK, nodes=["n2"]),)))


class Believer:
    """A proxy's memory over steps: real services and slices in, compiled rules of what it believes out."""

    def __init__(self) -> None:
        self.memory = Memory()

    def step(self, services: list[Any], items: list[Any], *planted: dict[str, Any]) -> Ruleset:
        believed, kept, old = self.memory.believe(services, items, Broken(planted, node="n1"))
        return compile_services(
            replace(BASE, services=believed, slices=kept, faults=tuple(planted), old_node_ports=old)
        )


def versioned(obj: dict[str, Any], version: int) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


def targets(ruleset: Ruleset, ip: str = cluster_ips(1)[0], port: int = 80, source: str = A) -> set[str]:
    return {one.packet.destination for one in ends(ruleset, source, ip, port) if one.verdict is Verdict.ACCEPT}


def moved(version: int, pods: str) -> list[dict[str, Any]]:
    return [versioned(one, version) for one in slices("s", pods)]


def test_a_stopped_proxy_catches_up_when_it_is_back() -> None:
    """services/F69: nothing changes while it lasts, new Services included; afterwards everything is as it is."""
    proxy, stopped = Believer(), fault(faults.STOPPED)
    one = service("s", 1)
    assert targets(proxy.step([one], moved(1, "b"))) == {B}
    held = proxy.step([one, service("new", 2)], moved(2, "c"), stopped)
    assert targets(held) == {B}
    assert targets(held, cluster_ips(2)[0]) == set()
    assert targets(proxy.step([one], moved(2, "c"))) == {PODS["c"][1]}


def test_lost_changes_stay_lost_until_the_next_one() -> None:
    """services/F18: what changed while it lasted stays unseen afterwards; the next change is seen."""
    proxy, losing = Believer(), fault(faults.LOST_CHANGES)
    one = service("s", 1)
    assert targets(proxy.step([one], moved(1, "b"))) == {B}
    assert targets(proxy.step([one], moved(2, "c"), losing)) == {B}
    assert targets(proxy.step([one], moved(2, "c"))) == {B}
    assert targets(proxy.step([one], moved(3, "a"))) == {A}


def test_a_deletion_can_be_lost_too() -> None:
    """services/F18: a Service deleted meanwhile keeps answering."""
    proxy, losing = Believer(), fault(faults.LOST_CHANGES)
    assert targets(proxy.step([service("s", 1)], moved(1, "b"))) == {B}
    assert targets(proxy.step([], [], losing)) == {B}
    assert targets(proxy.step([], [])) == {B}


def test_new_services_may_come_while_changes_are_lost() -> None:
    """services/F18 with `new_ones_come`: a Service is followed until somebody stands behind it, and no further."""
    proxy, losing = Believer(), fault(faults.LOST_CHANGES, new_ones_come=True)
    one = service("s", 1)
    assert targets(proxy.step([one], [], losing)) == set()
    assert targets(proxy.step([one], moved(1, "b"), losing)) == {B}
    assert targets(proxy.step([one], moved(2, "c"), losing)) == {B}
    assert targets(proxy.step([], [], losing)) == {B}


def test_changes_elsewhere_are_seen() -> None:
    """A fault of one namespace freezes no other."""
    proxy = Believer()
    proxy.step([service("s", 1)], moved(1, "b"), fault(faults.STOPPED, namespaces=["else"]))
    after = proxy.step([service("s", 1)], moved(2, "c"), fault(faults.STOPPED, namespaces=["else"]))
    assert targets(after) == {PODS["c"][1]}


def node_port(number: int) -> dict[str, Any]:
    return service("s", 1, type="NodePort", ports=[{"port": 80, "protocol": "TCP", "nodePort": number}])


def test_an_old_node_port_keeps_answering() -> None:
    """services/F75: a number that was changed or whose Service is gone leads there still; it ends with the fault."""
    proxy, sticky = Believer(), fault(faults.OLD_NODE_PORT)
    proxy.step([node_port(30001)], moved(1, "b"), sticky)
    changed = proxy.step([versioned(node_port(30002), 2)], moved(2, "c"), sticky)
    assert targets(changed, NODE, 30001, OUTSIDE[0]) == {PODS["c"][1]}
    assert targets(changed, NODE, 30002, OUTSIDE[0]) == {PODS["c"][1]}
    gone = proxy.step([], [], sticky)
    assert targets(gone, NODE, 30002, OUTSIDE[0]) == {PODS["c"][1]}
    assert targets(gone) == set()
    healed = proxy.step([], [])
    assert NODE in targets(healed, NODE, 30002, OUTSIDE[0])  # untranslated: the node itself is asked, and refuses


def test_without_faults_memory_hands_through() -> None:
    """A healthy proxy believes what is there, and nothing that was."""
    memory, healthy = Memory(), Broken((), node="n1")
    first = memory.believe([node_port(30001)], moved(1, "b"), healthy)
    assert (len(first[0]), len(first[1]), first[2]) == (1, 2, ())
    assert memory.believe([], [], healthy) == ((), (), ())


def test_no_fault_here_is_an_invention() -> None:
    """The ids are those of the catalogue that this component was given."""
    known = {value for name, value in vars(faults).items() if name.isupper() and isinstance(value, str)}
    catalogue = "05 06 08 11 12 15 18 24 25 29 30 36 39 41 42 43 44 54 55 68 69 71 72 74 75"
    ours = "78 79 80 81 82 83 84 91"
    wanted = {f"F{number}" for number in f"{catalogue} {ours}".split()}
    assert known == {f"services/{one}" for one in wanted}
