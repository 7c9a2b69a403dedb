"""hostPorts: a port of a node that leads to a pod (catalogue NET-028…037).

Source: core/v1 ContainerPort. Pods with hostPorts are admitted by the privileged profile only, and live in namespace h.
"""

from __future__ import annotations

from typing import Any

from harness.suite import (
    Arena,
    ArenaPod,
    Check,
    ClusterFacts,
    Difference,
    Family,
    Findings,
    HostPort,
    NodeDial,
    PodShape,
    Result,
    Send,
    Symptom,
    Udp,
    Verdict,
    answered_by,
    host_port_findings,
    requirement,
)

LOOPBACK = {Family.V4: "127.0.0.1", Family.V6: "::1"}
FLOW_PORT = 20054
"""Source port of one flow: in the pod's own network, so nobody else's."""


def pod(node: str, *ports: HostPort) -> PodShape:
    """A pod with hostPorts on this node."""
    return PodShape(ports=(80,), host_ports=ports, node=node)


def at_node(port: int, node: str) -> PodShape:
    """A pod in the network of this node, which serves a port of it."""
    return PodShape(ports=(port,), protocols=("TCP",), node=node, host_network=True)


def neighbour(arena: Arena, node: str, *, same: bool) -> str:
    """A pod of the table on that node, or on another one."""
    return next(ref for ref in arena.table if (arena.pods[ref].node == node) is same)


@requirement("NET-028", "NET-029", "NET-030", "NET-031", "NET-033", "NET-037", needs=("hostnet", "nodes2"))
def test_host_ports(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A hostPort leads to its pod, by address and protocol, from pods and nodes; nobody else is given the same one."""
    here, there = cluster.node_names[:2]
    family = cluster.families[0]
    own, loop = cluster.node_address(here, family), LOOPBACK[family]
    shared, hidden, both, near, far = arena.lease_ports(5)
    arena.start(
        {
            "h/loop": pod(here, HostPort(shared, address=loop), HostPort(hidden, address=loop)),
            "h/tcp": pod(here, HostPort(shared, address=own)),
            "h/udp": pod(here, HostPort(shared, address=own, protocol="UDP")),
            "h/open": pod(here, HostPort(both), HostPort(both, protocol="UDP")),
            "h/near": at_node(near, here),
            "h/far": at_node(far, there),
        }
    )
    second = PodShape(ports=(80,), host_ports=(HostPort(both),), spec=_only_on(here))
    arena.start({"h/second": second}, ready=False)
    apart = [NodeDial("h/near", here, at, shared, how) for at, how in ((loop, "TCP"), (own, "TCP"), (own, "UDP"))]
    clients = ["h/near", "h/far", neighbour(arena, here, same=True), neighbour(arena, here, same=False)]
    everywhere = [
        NodeDial(client, here, cluster.node_address(here, each), both, protocol)
        for client in clients
        for each in cluster.families
        for protocol in ("TCP", "UDP")
    ]
    hiding = [NodeDial("h/near", here, loop, hidden), *(NodeDial(each, here, own, hidden) for each in clients[1:])]

    def look() -> Findings:
        dialled = host_port_findings(arena, [*apart, *everywhere, *hiding])
        return Findings.joined([dialled, unplaced(arena, "h/second")])

    check.eventually("hostPorts lead to their pods", look, within=check.waits.pod_network)


def _only_on(node: str) -> dict[str, Any]:
    """What has the scheduler choose this node or none."""
    return {"nodeSelector": {"kubernetes.io/hostname": node}, "tolerations": [{"operator": "Exists"}]}


def unplaced(arena: Arena, ref: str) -> Findings:
    """Whether the scheduler says that this pod finds no node with its ports free."""
    space, name = arena.namespace(ref.partition("/")[0]), ref.partition("/")[2]
    found = arena.kube.get("pods", name, namespace=space)
    conditions = {each["type"]: each for each in (found.get("status") or {}).get("conditions") or []}
    told = conditions.get("PodScheduled") or {}
    if not found["spec"].get("nodeName") and told.get("status") == "False" and "port" in told.get("message", ""):
        return Findings()
    seen = f"on {found['spec'].get('nodeName') or 'no node'}: {told.get('message') or told.get('status') or 'unsaid'}"
    wanted = "Pending, for its port is taken"
    return Findings((Difference(f"pod {ref} with a hostPort that is taken", wanted, seen, "scheduler: NodePorts"),))


@requirement("NET-032", needs=("hostnet", "np-x"))
def test_host_ports_outside(arena: Arena, check: Check, cluster: ClusterFacts, outside: ArenaPod) -> None:
    """A hostPort leads to its pod from outside the cluster, too, unless it is one of the node's loopback address."""
    here = cluster.node_names[0]
    number, hidden = arena.lease_ports(2)
    arena.start({"h/open": pod(here, HostPort(number), HostPort(hidden, address=LOOPBACK[cluster.families[0]]))})
    own = [cluster.node_address(here, each) for each in cluster.families]
    dials = [NodeDial("outside", here, address, each) for address in own for each in (number, hidden)]
    check.eventually(
        "hostPort answers outside", lambda: host_port_findings(arena, dials), within=check.waits.pod_network
    )


@requirement("NET-034", "NET-035", needs=("hostnet", "nodes2"))
def test_host_port_moves_to_the_next_pod(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A hostPort is free when its pod is gone: the next pod answers there, and flows that go on find it."""
    here, family = cluster.node_names[0], cluster.families[0]
    client, own = neighbour(arena, here, same=False), cluster.node_address(here, family)
    (number,) = arena.lease_ports(1)
    ports = (HostPort(number), HostPort(number, protocol="UDP"))
    dials = [NodeDial(client, here, own, number, protocol) for protocol in ("TCP", "UDP")]
    arena.start({"h/first": pod(here, *ports)})
    check.control(lambda: (host_port_findings(arena, dials), None))
    first = arena.pods["h/first"].full
    flow = Udp(own, number, source_port=FLOW_PORT, keep="flow", timeout=2.0)
    (before,) = arena.ask(client, flow)
    if answered_by(before) != first:
        raise check.unknown(f"the flow that is to go on did not begin: {before}")
    arena.delete("pods", "first", namespace="h", grace=0)
    arena.start({"h/next": pod(here, *ports)})

    def look() -> Findings:
        (told,) = arena.ask(client, Send("flow", timeout=1.0))
        return Findings.joined([host_port_findings(arena, dials), followed(told, by=arena.pods["h/next"].full)])

    try:
        check.eventually("hostPort leads to the next pod", look, within=check.waits.service_program)
    finally:
        arena.ask(client, Send("flow", close=True))


def followed(told: Result, *, by: str) -> Findings:
    """Whether a flow that goes on is answered by this pod."""
    if answered_by(told) == by:
        return Findings()
    unknown = told.seen.name in {"UNMEASURED", "MISSING"}
    verdict = Verdict.UNKNOWN if unknown else Verdict.FAIL
    difference = Difference("the flow that went on", f"answered by {by}", str(told), "NET-035", verdict)
    return Findings((difference,), frozenset({Symptom.UNMEASURED if unknown else Symptom.POD_ADDRESS_FAILS}))
