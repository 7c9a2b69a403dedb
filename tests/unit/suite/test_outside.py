"""The place outside the cluster: which it is, what it is called, and how services are judged from there."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clusters.outside import Door
from harness.expect import blame
from harness.model.capability import Fact, State
from harness.model.judgement import Unmeasured
from harness.model.outcome import Seen, Verdict
from harness.oracle.services import Via
from harness.probe.asks import Ask, Interfaces, Tcp
from harness.probe.results import Answer, Interface, Result
from harness.suite import outside as module
from harness.suite.arena import Arena, ArenaPod
from harness.suite.dial import Dial, service_findings
from harness.suite.outside import Outside, neighbours, way_out
from tests.unit.suite.ground import NODES, Ground

DOOR = Door(("enter",))
ETH = Interface("eth0", mtu=1500, up=True, mac="", addresses=("172.18.254.2/16", "fe80::1/64", "fc00::5/64"))
LO = Interface("lo", mtu=65536, up=True, mac="", addresses=("127.0.0.1/8", "::1/128"))
LAN = Interface("wlan0", mtu=1500, up=True, mac="", addresses=("192.168.7.3/24",))


@pytest.mark.parametrize(
    ("told", "reached", "platform", "wanted"),
    [
        (DOOR, Fact.no(why="far"), "linux", DOOR),
        (None, Fact.no(why="far"), "linux", State.NO),
        (None, Fact.unknown("no node"), "linux", State.UNKNOWN),
        (None, Fact.yes(why="near"), "darwin", State.NO),
    ],
)
def test_the_kubeconfig_tells_or_this_machine_is_it(
    told: Door | None, reached: Fact, platform: str, wanted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubeconfig's place comes first; a machine that does not reach the nodes, or runs no agents, is none."""
    monkeypatch.setattr(module.sys, "platform", platform)
    found = way_out(told, reached)
    assert (found.state if isinstance(found, Fact) else found) == wanted


def test_a_machine_on_the_nodes_network_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is told and the nodes are reached from here, agents run here, as our own processes."""
    monkeypatch.setattr(module.sys, "platform", "linux")
    found = way_out(None, Fact.yes(why="near"))
    assert isinstance(found, Door)
    assert (found.command, found.python) == ((), module.sys.executable)


def test_the_address_is_the_one_nodes_see() -> None:
    """Of several networks the nodes' own counts; without one all that are global do."""
    assert neighbours([LO, LAN, ETH], ["172.18.0.2", "fc00::2"]) == ("172.18.254.2", "fc00::5")
    assert neighbours([LO, LAN], ["10.0.0.1"]) == ("192.168.7.3",)
    assert neighbours([LO], ["10.0.0.1"]) == ()


class Pool:
    """Answers for the place as told."""

    def __init__(self, **seen: Seen) -> None:
        self.seen = seen
        self.placed: list[str] = []

    def place(self, name: Any, carrier: Any) -> None:
        self.placed.append(str(name))

    def ask(self, name: Any, asks: Any) -> list[Result]:
        return [self._one(each) for each in asks]

    def _one(self, ask: Ask) -> Result:
        if isinstance(ask, Interfaces):
            return Result(ask, "outside/w", self.seen.get("agent", Seen.REACHED), interfaces=(LO, ETH), error="gone")
        return Result(ask, "outside/w", self.seen.get("nodes", Seen.REFUSED))


def outside(pool: Any, way: Door | Fact = DOOR) -> Outside:
    return Outside(pool, "w", way=lambda: way)


def test_a_refusal_shows_that_nodes_are_reached() -> None:
    """A node that refuses is there; the fact names the place's address."""
    fact = outside(Pool()).fact(["172.18.0.2", "fc00::2"])
    assert (fact.state, fact.value) == (State.YES, "172.18.254.2, fc00::5")


def test_silent_nodes_are_out_of_reach() -> None:
    """Where no node answers at all nothing can be asked from there: a reason to skip."""
    assert outside(Pool(nodes=Seen.SILENT)).fact(["172.18.0.2"]).state is State.NO
    assert outside(Pool(), Fact.no(why="far")).fact(["172.18.0.2"]).state is State.NO


def test_a_lost_agent_is_unknown() -> None:
    """An agent that does not answer proves nothing about the cluster, in either way of asking."""
    lost = outside(Pool(agent=Seen.UNMEASURED))
    assert lost.fact(["172.18.0.2"]).state is State.UNKNOWN
    with pytest.raises(Unmeasured, match="no agent outside"):
        lost.pod(["172.18.0.2"])


def test_the_place_is_asked_by_its_name() -> None:
    """It is no pod and stands on no node; it is entered once."""
    pool = Pool()
    place = outside(pool)
    assert place.pod(["172.18.0.2"]) is place.pod(["172.18.0.2"])
    assert (place.pod([]).full, place.pod([]).outside) == ("outside/w", True)
    assert pool.placed == ["outside/w"]


# -- services dialled from there -----------------------------------------------------------------------------------

PORT = 30080
PLACE = ArenaPod("outside", "outside", "w", "outside the cluster", ("172.18.254.2",), outside=True)


def dialled(ground: Ground, *dials: Dial, **spec: Any) -> Any:
    """A NodePort Service of x/a as it is dialled from outside, where nodes answer as `answers` says."""
    ports = [{"name": "http", "port": 80, "targetPort": 80, "protocol": "TCP", "nodePort": PORT}]
    ground.service("x/a", type="NodePort", ports=ports, **spec)
    arena: Arena = ground.lease()
    arena.admit(PLACE)
    return service_findings(arena, "svc", dials)


def node_addresses(ground: Ground) -> dict[str, str]:
    found = {}
    for name in NODES:
        obj = ground.kube.objects["nodes", "", name]
        found[name] = next(each["address"] for each in obj["status"]["addresses"] if each["type"] == "InternalIP")
    return found


def from_outside(ground: Ground, serving: set[str], *, saw: str = "172.18.254.2") -> None:
    """These nodes lead to x/a, who sees this client; the others are silent."""
    own, pod = node_addresses(ground), ground.base.pods["x/a"]

    def told(client: str, ask: Ask) -> Result | None:
        if client != "outside/w" or not isinstance(ask, Tcp):
            return None
        if ask.host not in {own[name] for name in serving}:
            return Result(ask, client, Seen.SILENT)
        answer = Answer(pod.name, pod.namespace, pod.node, "n", f"{saw}:4711", f"{pod.address()}:80")
        return Result(ask, client, Seen.REACHED, answer=answer)

    ground.network.lies.append(told)


def dial(node: str, *, answered: bool = True) -> Dial:
    return Dial("outside", via=Via.NODE_PORT, entry=node, attempts=3, answered=answered)


def test_every_node_that_answers_is_right(ground: Ground) -> None:
    """A NodePort that leads to the backend from every node holds, whatever node address the backend sees."""
    from_outside(ground, set(NODES))
    assert dialled(ground, *map(dial, NODES)).verdict is Verdict.PASS


def test_a_node_that_is_silent_outside_is_the_proxys_fault(ground: Ground) -> None:
    """Silence at one node is a difference, and pods that still reach the backend blame the Service proxy."""
    from_outside(ground, {"n1", "n2"})
    found = dialled(ground, *map(dial, NODES))
    assert (found.verdict, str(blame(found.symptoms).layer)) == (Verdict.FAIL, "service proxy")


def test_local_needs_the_clients_own_address(ground: Ground) -> None:
    """With Local, what the backend sees must be the address outside."""
    node = ground.base.pods["x/a"].node
    from_outside(ground, {node}, saw=node_addresses(ground)[node])
    assert dialled(ground, dial(node), externalTrafficPolicy="Local").verdict is Verdict.FAIL


def test_silence_outside_counts_beside_an_answer_only(ground: Ground) -> None:
    """A node that must not answer is believed to be silent only while another dial of the place is answered."""
    node = ground.base.pods["x/a"].node
    other = next(name for name in NODES if name != node)
    both = [dial(node), dial(other, answered=False)]
    from_outside(ground, {node})
    assert dialled(ground, *both, externalTrafficPolicy="Local").verdict is Verdict.PASS
    alone = dialled(ground, dial(other, answered=False), externalTrafficPolicy="Local")
    assert alone.verdict is Verdict.UNKNOWN
