"""Dialling Services from pods: every attempt a fresh connection, held against what the API's objects call for.

One look dials a Service by any of its addresses from some clients, several times each, and judges who answered, from
which source, and how it failed. When something differs it also looks at the two layers below (slices, pod addresses),
so that the text can name the one at fault.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.judgement import NotApplicable
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.services import (
    Arrival,
    Client,
    Delivery,
    Failure,
    Via,
    deliver,
    judge_arrivals,
    outside_client,
    pod_client,
)
from harness.oracle.snapshot import Snapshot
from harness.probe.asks import Ask, Tcp, Udp
from harness.probe.results import Result
from harness.suite.arena import Arena, ArenaPod
from harness.suite.check import Findings
from harness.suite.proof import answered_by, uncontrolled
from harness.suite.slices import slices_judged, slices_text

ATTEMPTS = 30
"""Fresh connections per client and look. With three backends chosen at random one of them is missed with a probability
of 3·(2/3)^30 = 0.002 %; a look that misses one is only a look more."""

REPEATS = 3
"""Datagrams of one attempt where a refusal is expected: TCP repeats its SYN by itself, UDP does not."""


@dataclass(frozen=True)
class Dial:
    """A way to a Service: from which pod, to which address (by NodePort: of the node `entry`) and port of it."""

    client: str
    via: Via = Via.CLUSTER_IP
    port: int = 80
    protocol: str = "TCP"
    family: Family = Family.V4
    entry: str = ""
    attempts: int = ATTEMPTS
    complete: bool = True
    """Whether every backend has to be seen."""
    answered: bool | None = None
    """Whether the test is about an answer (True) or about nobody answering (False). Where the API's objects call for
    the other, the test is not on the ground it was written for: UNKNOWN, not a pass of something else."""
    refusal: bool = True
    """Whether nobody answering has to be a refusal. A test about something else takes silence for it as well: refusing
    is a promise of its own, and one that is broken is told once."""

    def __str__(self) -> str:
        where = f" at {self.entry}" if self.entry else ""
        return f"{self.client} → {self.via}{where} {self.port}/{self.protocol} {self.family}"


class NoAddressError(Exception):
    """The Service has no address where the API has to give it one; carries the difference."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        super().__init__(str(difference))


@dataclass(frozen=True)
class Attempts:
    """What one dial comes to: who may answer, and the asks that find out."""

    dial: Dial
    delivery: Delivery
    asks: tuple[Ask, ...]
    service: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The dial, with the Service's name where a test has several."""
        name = str(self.service["metadata"]["name"])
        return str(self.dial) if name == "svc" else f"{name}: {self.dial}"


def service_findings(arena: Arena, name: str, dials: Iterable[Dial], *, namespace: str = "x") -> Findings:
    """One look at a Service from several clients. Raises NotApplicable when an address it needs does not exist."""
    return services_findings(arena, {name: dials}, namespace=namespace)


def services_findings(arena: Arena, wanted: Mapping[str, Iterable[Dial]], *, namespace: str = "x") -> Findings:
    """One look at several Services, everything dialled at once: what is to stay silent costs its time-out only once.

    The layer below comes first: while the slices are not what the pods call for, nothing is dialled, since whoever
    follows them would be judged for what they say. Raises NotApplicable when an address does not exist.
    """
    space = arena.namespace(namespace)
    snapshot = snapshot_for(arena, space)
    plans: list[Attempts] = []
    for name, dials in wanted.items():
        service = snapshot.service(space, name)
        if wrong := slices_judged(snapshot, service):
            return wrong
        deliveries = [(dial, expected(snapshot, service, dial, arena)) for dial in dials]
        if not deliveries:
            raise ValueError(f"no dials of {name}: nothing would be looked at")
        if unfit := [found for dial, delivery in deliveries for found in _unfit(dial, delivery)]:
            return Findings(tuple(unfit), evidence=tuple(slices_text(snapshot, service)))
        try:
            plans += [
                Attempts(dial, delivery, tuple(looks(snapshot, service, dial, delivery, arena)), service)
                for dial, delivery in deliveries
            ]
        except NoAddressError as missing:
            return Findings((missing.difference,))
    return _judged(arena, snapshot, plans)


def snapshot_for(arena: Arena, space: str) -> Snapshot:
    """What a Service of this namespace and clients anywhere in the arena are judged by."""
    own = [("services", space), ("endpointslices.discovery.k8s.io", space), ("nodes", None)]
    return arena.read([*own, *(("pods", each) for each in arena.namespaces.values())])


def _unfit(dial: Dial, delivery: Delivery) -> list[Difference]:
    """The difference where a dial is about an answer and nobody is to give one, or the other way round."""
    if dial.answered is None or dial.answered is bool(delivery.backends):
        return []
    told = {True: "somebody who may answer", False: "nobody who may answer"}
    seen = f"{told[bool(delivery.backends)]} by the API's objects"
    return [Difference(f"{dial}: ground", told[dial.answered], seen, verdict=Verdict.UNKNOWN)]


def _judged(arena: Arena, snapshot: Snapshot, plans: Sequence[Attempts]) -> Findings:
    """Make all attempts at once, and judge them."""
    told, found = _asked(arena, plans)
    symptoms: set[Symptom] = {Symptom.CONTROL_FAILED} if found else set()
    bad: list[Attempts] = []
    for plan, results in zip(plans, told, strict=True):
        arrivals = [arrival(result, nobody=not plan.delivery.backends) for result in results]
        differences = judge_arrivals(plan.delivery, arrivals, complete=plan.dial.complete)
        found += [replace(each, what=f"{plan.text}: {each.what}") for each in differences]
        if differences:
            bad.append(plan)
            symptoms |= _symptoms(plan, arrivals)
    if not found:
        return Findings()
    service = (bad or plans)[0].service
    if bad:
        symptoms |= _below(arena, bad[0])
    space = service["metadata"]["namespace"]
    return Findings(
        tuple(found),
        frozenset(symptoms),
        asked="\n".join(plan.text for plan in plans),
        rule="\n".join(dict.fromkeys(each.rule for each in found if each.rule)),
        evidence=(*_places(arena, bad, plans), *_strangers(plans, told), *slices_text(snapshot, service)),
        repeat=f"kubectl -n {space} get service,endpointslices -o wide",
    )


def _places(arena: Arena, bad: Sequence[Attempts], plans: Sequence[Attempts]) -> list[str]:
    """Where the clients of wrong dials stand, if all was well on other nodes: each node has a proxy of its own."""
    wrong = {arena.pods[plan.dial.client].node for plan in bad}
    right = {arena.pods[plan.dial.client].node for plan in plans} - wrong
    if not wrong or not right:
        return []
    return [f"differs only for clients on {', '.join(sorted(wrong))}; as promised from {', '.join(sorted(right))}"]


def _strangers(plans: Sequence[Attempts], told: Sequence[Sequence[Result]]) -> list[str]:
    """Dials that nobody may answer and somebody outside did: it counts as silence, and is none on the wire."""
    return [
        f"{plan.dial}: somebody outside answered, unsigned: packets that no rule claims leave by the default route"
        for plan, results in zip(plans, told, strict=True)
        if not plan.delivery.backends
        and any(each.seen is Seen.REACHED and answered_by(each) is None for each in results)
    ]


def _asked(arena: Arena, plans: Sequence[Attempts]) -> tuple[list[list[Result]], list[Difference]]:
    """The results of each plan, and what was wrong with the positive controls.

    A client that is to get no answer asks a pod for one beside it: where that fails too, its silence proves nothing.
    One outside, which need not reach pods, has to get an answer of another dial of the same look.
    """
    asks: dict[str, list[Ask]] = {}
    spans: list[slice] = []
    for plan in plans:
        mine = asks.setdefault(plan.dial.client, [])
        spans.append(slice(len(mine), len(mine) + len(plan.asks)))
        mine += plan.asks
    denied = {plan.dial.client: plan.dial for plan in plans if not plan.delivery.backends}
    controls = {client: _control(arena, dial) for client, dial in denied.items() if not arena.pods[client].outside}
    for client, (_, ask) in controls.items():
        asks[client].append(ask)
    told = arena.ask_all(asks)
    failed = [
        difference
        for client, (pod, _) in controls.items()
        for difference in uncontrolled(f"{client} → {pod.ref}", told[client][-1], by=pod.full)
    ]
    by_plan = [told[plan.dial.client][span] for plan, span in zip(plans, spans, strict=True)]
    for client in denied.keys() - controls.keys():
        failed += _unanswered_elsewhere(client, plans, by_plan)
    return by_plan, failed


def _unanswered_elsewhere(client: str, plans: Sequence[Attempts], told: Sequence[Sequence[Result]]) -> list[Difference]:
    """The difference when none of the dials of a client was answered that should be."""
    other = [
        (plan, results)
        for plan, results in zip(plans, told, strict=True)
        if plan.dial.client == client and plan.delivery.backends
    ]
    if any(answered_by(result) is not None for _, results in other for result in results):
        return []
    seen = str(other[0][1][0]) if other else "no other dial"
    return [Difference(f"positive control: {client}", "another dial answered", seen, verdict=Verdict.UNKNOWN)]


def _control(arena: Arena, dial: Dial) -> tuple[ArenaPod, Ask]:
    """A pod that has to answer the client at its own address."""
    pod = next(arena.pods[ref] for ref in arena.table if ref != dial.client)
    return pod, Tcp(pod.address(dial.family), 80, timeout=arena.waits.denied_retry_timeout)


def expected(snapshot: Snapshot, service: Mapping[str, Any], dial: Dial, arena: Arena) -> Delivery:
    """What the oracle expects of a dial."""
    made = deliver(
        snapshot,
        service,
        via=dial.via,
        port=dial.port,
        client=_client(snapshot, arena.pods[dial.client]),
        family=dial.family,
        protocol=dial.protocol,
        entry=dial.entry,
    )
    return made if dial.refusal else replace(made, failure=Failure.DEAD)


def _client(snapshot: Snapshot, pod: ArenaPod) -> Client:
    return outside_client(*pod.addresses) if pod.outside else pod_client(snapshot, pod.namespace, pod.name)


def look_of(snapshot: Snapshot, service: Mapping[str, Any], dial: Dial, arena: Arena) -> Tcp | Udp:
    """One attempt of a dial. Raises as `target` does."""
    host, port = target(snapshot, service, dial)
    return (Udp if dial.protocol == "UDP" else Tcp)(host, port, timeout=arena.waits.probe_timeout)


def looks(
    snapshot: Snapshot, service: Mapping[str, Any], dial: Dial, delivery: Delivery, arena: Arena
) -> list[Tcp | Udp]:
    """The asks of one dial. Raises NotApplicable when the Service has no such address."""
    host, port = target(snapshot, service, dial)
    if delivery.backends:
        return [look_of(snapshot, service, dial, arena)] * dial.attempts
    if delivery.failure is Failure.DEAD:
        # Silence is as good as a refusal: there is nothing to wait for beyond one time-out.
        return [look_of(snapshot, service, dial, arena)]
    # Where nobody may answer, a refusal is an ICMP error, and kernels send one a second to one destination after a
    # burst of six (icmp_ratelimit): many attempts at once would look silent. One is made, and repeats itself.
    patience = arena.waits.denied_retry_timeout
    if dial.protocol == "UDP":
        return [Udp(host, port, timeout=patience, count=REPEATS, spacing=patience / (REPEATS + 1))]
    return [Tcp(host, port, timeout=patience)]


def target(snapshot: Snapshot, service: Mapping[str, Any], dial: Dial) -> tuple[str, int]:
    """The address and port to dial.

    Raises NotApplicable when the Service has none of that kind and family, NoAddressError when the API owes it one.
    """
    spec = service["spec"]
    if dial.via is Via.NODE_PORT:
        return _of_family(_node_addresses(snapshot, dial.entry), dial), _node_port(service, dial)
    if dial.via is Via.LOAD_BALANCER:
        status = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        return _of_family([each["ip"] for each in status if each.get("ip")], dial), dial.port
    if dial.via is Via.EXTERNAL_IP:
        return _of_family(spec.get("externalIPs") or [], dial), dial.port
    addresses = spec.get("clusterIPs") or [spec["clusterIP"]]
    if str(dial.family) in (spec.get("ipFamilies") or ()) and dial.family not in map(Family.of, addresses):
        raise NoAddressError(
            Difference("spec.clusterIPs", f"one of {dial.family}", ", ".join(addresses), "spec.ipFamilies")
        )
    return _of_family(addresses, dial), dial.port


def arrival(result: Result, *, nobody: bool = False) -> Arrival:
    """What became of one attempt.

    Where `nobody` may answer, an answer that does not prove who gave it came from outside the cluster: a packet no
    rule claims leaves by the default route, and what happens to it there is not the cluster's promise.
    """
    answer = result.answer
    if answer is None or answered_by(result) is None:
        stranger = nobody and result.seen is Seen.REACHED
        return Arrival(Seen.SILENT if stranger else result.seen)
    port = int(answer.local.rpartition(":")[2] or 0)
    return Arrival(result.seen, answer.local_address, port, answer.who, answer.saw_address)


def _is(port: Mapping[str, Any], dial: Dial) -> bool:
    return bool(port["port"] == dial.port and port.get("protocol", "TCP") == dial.protocol)


def _node_port(service: Mapping[str, Any], dial: Dial) -> int:
    spec = service["spec"]
    port = next((each for each in spec["ports"] if _is(each, dial)), None)
    if port is None:
        raise ValueError(f"{dial}: the Service has no such port, and so no NodePort to dial")
    if port.get("nodePort"):
        return int(port["nodePort"])
    if spec.get("type") == "NodePort":
        raise NoAddressError(
            Difference(f"nodePort of {dial.port}/{dial.protocol}", "allocated", "none", "type: NodePort")
        )
    raise NotApplicable("the Service has no NodePort")


def _node_addresses(snapshot: Snapshot, name: str) -> list[str]:
    node = snapshot.node(name)
    return [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]


def _of_family(addresses: Sequence[str], dial: Dial) -> str:
    for each in addresses:
        if Family.of(each) is dial.family:
            return each
    raise NotApplicable(f"there is no {dial.family} address to dial as {dial.via}")


def _symptoms(plan: Attempts, arrivals: Sequence[Arrival]) -> set[Symptom]:
    delivery, found = plan.delivery, set[Symptom]()
    allowed = {(backend.address, backend.port) for backend in delivery.backends}
    own = {(backend.address, backend.port) for backend in delivery.own_backends}
    reached = [(_end(each), each) for each in arrivals if each.seen is Seen.REACHED]
    ends = {end for end, _ in reached}
    if any(each.seen is Seen.UNMEASURED for each in arrivals):
        found.add(Symptom.UNMEASURED)
    if ends - allowed or (delivery.affinity is not None and len(ends) > 1):
        found.add(Symptom.WRONG_BACKEND)
    if allowed - ends and delivery.affinity is None:
        found.add(Symptom.MISSING_BACKEND)
    if any(each.seen in {Seen.SILENT, Seen.REFUSED} for each in arrivals) and not ends - allowed:
        found.add(Symptom.SERVICE_ADDRESS_FAILS)
    if any(each.source and end not in own and not delivery.source.admits(each.source) for end, each in reached):
        found.add(Symptom.WRONG_SOURCE)
    return found


def _end(each: Arrival) -> tuple[str, int]:
    """Where an answer came from; one that nobody signed came from nowhere we know."""
    return (str(ipaddress.ip_address(each.address)), each.port) if each.address else ("", 0)


def _below(arena: Arena, plan: Attempts) -> set[Symptom]:
    """What the layers below a Service look like to the client of a dial that went wrong.

    Pods that are no backends may be silent: they are not asked.
    """
    found, dial = {Symptom.SLICES_RIGHT}, plan.dial
    behind = {(each.address, each.port) for each in plan.delivery.backends}
    pods = [(pod, port) for pod in arena.pods.values() for address, port in behind if address in pod.addresses]
    if not pods:
        return found
    patience = arena.waits.denied_retry_timeout
    asker = arena.table[0] if arena.pods[dial.client].outside else dial.client  # pods are not promised to be reached
    told = arena.ask(asker, *(Tcp(pod.address(dial.family), port, timeout=patience) for pod, port in pods))
    if any(result.seen is Seen.UNMEASURED for result in told):
        return found
    works = all(answered_by(result) == pod.full for (pod, _), result in zip(pods, told, strict=True))
    return found | {Symptom.POD_ADDRESS_WORKS if works else Symptom.POD_ADDRESS_FAILS}
