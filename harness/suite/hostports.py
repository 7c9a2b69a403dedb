"""hostPorts dialled at their nodes, from pods, nodes and outside, held against what the pods' specs call for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.oracle.hostports import behind
from harness.oracle.snapshot import Snapshot
from harness.probe.asks import Tcp, Udp
from harness.probe.results import Result
from harness.suite.arena import NODES, Arena
from harness.suite.check import Findings
from harness.suite.proof import answered_by

RULE = "core/v1 ContainerPort hostPort, hostIP"


@dataclass(frozen=True)
class NodeDial:
    """A dial of a port of a node: who, which node, at which address of it."""

    client: str
    node: str
    address: str
    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.client} → {self.address} ({self.node}) {self.port}/{self.protocol}"

    def ask(self, timeout: float) -> Tcp | Udp:
        """The ask of one attempt."""
        return (Udp if self.protocol == "UDP" else Tcp)(self.address, self.port, timeout=timeout)


def host_port_findings(arena: Arena, dials: Iterable[NodeDial]) -> Findings:
    """One look. A client that must get no answer has to get one at another of the dials, or nothing was proved."""
    several = list(dials)
    if not several:
        raise ValueError("no dials: nothing would be looked at")
    snapshot = arena.read([("pods", arena.namespace(NODES))])
    asks: dict[str, list[Tcp | Udp]] = {}
    for each in several:
        asks.setdefault(each.client, []).append(each.ask(arena.waits.probe_timeout))
    told = {client: iter(results) for client, results in arena.ask_all(asks).items()}
    results = [(each, next(told[each.client])) for each in several]
    found = [difference for each, result in results for difference in _judged(snapshot, each, result)]
    found += _uncontrolled(snapshot, results)
    broken = any(each.verdict is Verdict.FAIL for each in found)
    hint = Symptom.POD_ADDRESS_FAILS if broken else Symptom.CONTROL_FAILED
    return Findings(tuple(found), frozenset({hint} if found else ()), asked="\n".join(map(str, several)), rule=RULE)


def _wanted(snapshot: Snapshot, dial: NodeDial) -> str | None:
    """`namespace/pod` of who has to answer."""
    found = behind(snapshot, node=dial.node, address=dial.address, port=dial.port, protocol=dial.protocol)
    return None if found is None else f"{found[0]['metadata']['namespace']}/{found[0]['metadata']['name']}"


def _judged(snapshot: Snapshot, dial: NodeDial, result: Result) -> list[Difference]:
    wanted, who = _wanted(snapshot, dial), answered_by(result)
    if result.seen in {Seen.UNMEASURED, Seen.MISSING}:
        return [Difference(str(dial), "an observation", str(result), RULE, Verdict.UNKNOWN)]
    if who == wanted:
        return []
    return [Difference(str(dial), f"answered by {wanted}" if wanted else "nobody answers", str(result), RULE)]


def _uncontrolled(snapshot: Snapshot, results: list[tuple[NodeDial, Result]]) -> list[Difference]:
    """The clients of denials of whom no dial was answered: their silence proves nothing."""
    denied = {dial.client for dial, _ in results if _wanted(snapshot, dial) is None}
    heard = {dial.client for dial, result in results if answered_by(result) is not None}
    return [
        Difference(f"positive control: {client}", "another dial answered", "none", verdict=Verdict.UNKNOWN)
        for client in sorted(denied - heard)
    ]
