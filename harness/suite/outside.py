"""The place outside the cluster, asked exactly as the arena's pods are: where a machine of the nodes' network stands.

How it is reached the kubeconfig tells (`harness.clusters.outside`); where it does not, this machine is such a place if
it reaches the nodes. What lies between it and the nodes is not the cluster's: where no node's address answers at all,
nothing can be asked from there.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Iterable, Sequence

from harness.clusters.outside import Door
from harness.kube.errors import KubeError
from harness.model.capability import Fact, State
from harness.model.judgement import Judgement, Unmeasured
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.asks import Interfaces, Tcp
from harness.probe.carrier import Processes
from harness.probe.pool import Pool
from harness.probe.results import Interface
from harness.suite.arena import ArenaPod

OUTSIDE = "outside"
"""How tests call it; in answers it is `outside/<worker>`."""

KUBELET = 10250
"""A port of every node. A refusal is an answer, too: somebody is there."""


def way_out(told: Door | None, reached: Fact) -> Door | Fact:
    """The door to a place outside, or the fact that there is none: `reached` says whether this machine is one."""
    if told is not None:
        return told
    if reached.state is State.YES and sys.platform == "linux":
        return Door((), sys.executable)
    if reached.state is State.YES:
        return Fact.no(why=f"this machine reaches the nodes, but agents do not run on {sys.platform}")
    why = f"this machine does not reach the nodes ({reached.why}), and the kubeconfig names no other place"
    return Fact.no(why=why) if reached.state is State.NO else Fact.unknown(why)


class Outside:
    """The place of one worker."""

    def __init__(self, pool: Pool, worker: str, *, way: Callable[[], Door | Fact]) -> None:
        self._pool = pool
        self._name = NamespacedName(OUTSIDE, worker)
        self._way = way
        self._there: ArenaPod | None = None

    def fact(self, nodes: Iterable[str]) -> Fact:
        """Whether there is such a place, and any of these addresses of nodes answers it."""
        try:
            way = self._way()
            if isinstance(way, Fact):
                return way
            there = self._enter(way, nodes := list(nodes))
            told = self._pool.ask(self._name, [Tcp(each, KUBELET, identify=False) for each in nodes])
        except (KubeError, Judgement) as error:
            return Fact.unknown(str(error))
        answering = [each.ask.host for each in told if each.seen in {Seen.REACHED, Seen.REFUSED}]  # type: ignore[attr-defined]  # asked by us
        if not answering:
            return Fact.no(why=f"no node answers {', '.join(there.addresses)}: {told[0] if told else 'none to ask'}")
        return Fact.yes(", ".join(there.addresses), why=f"{answering[0]} answers there")

    def pod(self, nodes: Iterable[str]) -> ArenaPod:
        """The place as tests know it. Raises Unmeasured when its agent does not answer."""
        way = self._way()
        if isinstance(way, Fact):
            raise Unmeasured(f"there is no place outside the cluster any more: {way.why}")
        return self._enter(way, nodes)

    def _enter(self, way: Door, nodes: Iterable[str]) -> ArenaPod:
        if self._there is None:
            self._pool.place(self._name, Processes(way.command, python=way.python))
            (told,) = self._pool.ask(self._name, [Interfaces(timeout=10.0)])
            if told.seen is not Seen.REACHED:
                raise Unmeasured(f"no agent outside the cluster: {told.error or told}")
            addresses = neighbours(told.interfaces, list(nodes))
            space, name = self._name.namespace, self._name.name
            self._there = ArenaPod(OUTSIDE, space, name, "outside the cluster", addresses, outside=True)
        return self._there


def neighbours(interfaces: Iterable[Interface], nodes: Sequence[str]) -> tuple[str, ...]:
    """The addresses a machine shows to these nodes: those on a network with one of them, else all that are global."""
    own = [ipaddress.ip_interface(each) for one in interfaces if one.up for each in one.addresses]
    own = [each for each in own if not (each.is_loopback or each.is_link_local)]
    others = [ipaddress.ip_address(each) for each in nodes]
    near = [each for each in own if any(other in each.network for other in others)]
    return tuple(str(each.ip) for each in near or own)
