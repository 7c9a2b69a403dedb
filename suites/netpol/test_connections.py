"""Connections that outlive a change of policies, and those that follow on the same ports.

A policy decides about new connections. One that it admits goes on through every change that still admits it; what
becomes of one that it forbids meanwhile is left to the implementation, which has to treat all alike.
Source: NetworkPolicy v1 (networking.k8s.io); group K of the policy catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    Lane,
    Result,
    Seen,
    Send,
    Settled,
    Symptom,
    Tcp,
    Verdict,
    answered_by,
    open_control,
    policy,
    requirement,
    settle_policies,
)
from suites.netpol import cases

LANES = (Lane(80, "TCP"), Lane(81, "UDP"))
POLICIES = "networkpolicies.networking.k8s.io"
CLIENT, SERVER, OTHER = "x/b", "x/a", "y/c"
HELD = ("held-1", "held-2")
SOURCE = 41000
"""The client's port for connections that shall look alike: below the ports that are given out by chance."""

SERVER_SELECTED: Mapping[str, Any] = {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"]}
FROM_CLIENT: Mapping[str, Any] = {"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}
ADMITS = {**SERVER_SELECTED, "ingress": [{**FROM_CLIENT, "ports": [{"port": 80}]}]}
WIDER = {**SERVER_SELECTED, "ingress": [FROM_CLIENT]}


class Pair:
    """A client, a server and a third pod under one policy after another."""

    def __init__(self, arena: Arena, check: Check, cluster: ClusterFacts) -> None:
        self.arena, self._check, self._family = arena, check, cluster.families[0]
        self._refs = (CLIENT, SERVER, OTHER)
        self._control = open_control(arena, check, lanes=LANES, family=self._family, refs=self._refs)
        self.host = arena.pods[SERVER].address(self._family)

    def put(self, spec: Mapping[str, Any], *, namespace: str = "x") -> Settled:
        """Apply a policy; the flows between the three, once they have settled."""
        self.arena.apply(policy("subject", spec), namespace=namespace)
        return self.settled("policy in force")

    def settled(self, what: str) -> Settled:
        """The flows between the three now."""
        return settle_policies(
            self.arena, self._check, lanes=LANES, family=self._family, control=self._control, what=what, refs=self._refs
        )

    def hold(self) -> None:
        """Open connections and keep them. Raises Unmeasured when they do not open."""
        opened = self.arena.ask(CLIENT, *(Tcp(self.host, 80, keep=name) for name in HELD))
        if strange := [each for each in opened if self.who(each) is not Seen.REACHED]:
            raise self._check.unknown(f"a connection to hold did not open: {strange[0]}")

    def who(self, result: Result) -> Seen:
        """What was seen of the server itself."""
        reached = result.seen is Seen.REACHED
        return Seen.UNMEASURED if reached and answered_by(result) != self.arena.pods[SERVER].full else result.seen

    def used(self) -> list[Seen]:
        """What becomes of a question on each connection that is held."""
        timeout = self.arena.waits.denied_retry_timeout
        return [self.who(each) for each in self.arena.ask(CLIENT, *(Send(name, timeout=timeout) for name in HELD))]

    def goes_on(self, when: str) -> Findings:
        """What is wrong when the connections that are held do not go on."""
        lost = [seen for seen in self.used() if seen is not Seen.REACHED]
        return Findings(
            tuple(Difference(f"a held connection {when}", "goes on", seen.name) for seen in lost),
            frozenset({Symptom.ALLOWED_BUT_CLOSED, Symptom.WORKED_BEFORE_POLICY} if lost else ()),
        )

    def alike(self) -> Findings:
        """What is wrong when the connections are not all treated alike."""
        seen = {each.name for each in self.used()}
        if len(seen) == 1 and Seen.UNMEASURED.name not in seen:
            return Findings()
        found = Difference("held connections that a policy forbids", "all kept, or all cut", ", ".join(sorted(seen)))
        return Findings((found,), frozenset({Symptom.DENIED_BUT_OPEN}))


@requirement(
    "POL-607", "POL-608", "POL-609", "POL-610", "POL-611", "POL-612", needs=("network-policy",)
)  # fmt: skip
def test_held_connections(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A connection goes on while policies admit it, whatever changes; new ones are refused as soon as they do not."""
    pair, found = Pair(arena, check, cluster), {}
    pair.hold()
    settled = pair.put(ADMITS).findings()
    found["POL-611"] = Findings.joined([settled, pair.goes_on("after a policy came that admits it")])
    settled = pair.put(WIDER).findings()
    found["POL-609"] = Findings.joined([settled, pair.goes_on("after its policy admits more")])
    settled = pair.put({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, namespace="z").findings()
    found["POL-610"] = Findings.joined([settled, pair.goes_on("after another namespace was closed")])
    arena.delete(POLICIES, "subject")
    settled = pair.settled("policy gone").findings()
    found["POL-612"] = Findings.joined([settled, pair.goes_on("after its policy was deleted")])
    found["POL-608"] = pair.put(SERVER_SELECTED).findings()
    found["POL-607"] = pair.alike()
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


@requirement("POL-318", "POL-620", "POL-621", needs=("network-policy",))
def test_ports_of_the_client(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """The client's port admits nothing, keeps nothing open that was closed, and nothing closed that was opened."""
    pair, found = Pair(arena, check, cluster), {}

    def look(*, open_: bool) -> Findings:
        (told,) = arena.ask(CLIENT, Tcp(pair.host, 80, source_port=SOURCE))
        return _verdict(f"from port {SOURCE} to port 80", pair.who(told), open_=open_)

    first = look(open_=True)
    closed = pair.put({**SERVER_SELECTED, "ingress": [{"ports": [{"port": 81}]}]}).findings()
    found["POL-621"] = Findings.joined([first, closed, look(open_=False)])
    named = pair.put({**SERVER_SELECTED, "ingress": [{"ports": [{"port": SOURCE}]}]}).findings()
    found["POL-318"] = Findings.joined([first, named, look(open_=False)])
    opened = pair.put({**SERVER_SELECTED, "ingress": [{"ports": [{"port": 80}]}]}).findings()
    found["POL-620"] = Findings.joined([opened, look(open_=True)])
    check.each(found, promises={id_: cases.statement(id_) for id_ in found})


def _verdict(what: str, seen: Seen, *, open_: bool) -> Findings:
    """The difference of one flow; a probe that broke tells nothing."""
    if seen in {Seen.UNMEASURED, Seen.MISSING}:
        return Findings(
            (Difference(what, "a look", seen.name, verdict=Verdict.UNKNOWN),), frozenset({Symptom.UNMEASURED})
        )
    if (seen is Seen.REACHED) is open_:
        return Findings()
    symptoms = {Symptom.ALLOWED_BUT_CLOSED, Symptom.WORKED_BEFORE_POLICY} if open_ else {Symptom.DENIED_BUT_OPEN}
    return Findings((Difference(what, "reached" if open_ else "denied", seen.name),), frozenset(symptoms))
