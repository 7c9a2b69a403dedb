"""Dialling Services from pods: every attempt a fresh connection, held against what the API's objects call for.

One look dials a Service by any of its addresses from some clients, several times each, and judges who answered, from
which source, and how it failed. When something differs it also looks at the two layers below (slices, pod addresses),
so that the text can name the one at fault.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.judgement import NotApplicable
from harness.model.outcome import Seen
from harness.model.refs import Family
from harness.oracle.endpointslices import judge_slices
from harness.oracle.services import Arrival, Delivery, Failure, Via, deliver, judge_arrivals, pod_client
from harness.oracle.snapshot import Snapshot
from harness.probe.asks import Ask, Tcp, Udp
from harness.probe.results import Result
from harness.suite.arena import Arena
from harness.suite.check import Findings

ATTEMPTS = 30
"""Fresh connections per client and look. With three backends chosen at random one of them is missed with a probability
of 3·(2/3)^30 = 0.002 %; a look that misses one is only a look more."""

REPEATS = 3
"""Datagrams of one attempt where a refusal is expected: TCP repeats its SYN by itself, UDP does not."""


@dataclass(frozen=True)
class Dial:
    """A way to a Service: which of its addresses, which port, from which pod.

    `entry` is the node whose NodePort is dialled; `node_addresses` are found by the caller, since nodes are the
    cluster's.
    """

    client: str
    via: Via = Via.CLUSTER_IP
    port: int = 80
    protocol: str = "TCP"
    family: Family = Family.V4
    entry: str = ""
    attempts: int = ATTEMPTS
    complete: bool = True
    """Whether every backend has to be seen."""

    def __str__(self) -> str:
        where = f" at {self.entry}" if self.entry else ""
        return f"{self.client} → {self.via}{where} {self.port}/{self.protocol} {self.family}"


def service_findings(arena: Arena, name: str, dials: Iterable[Dial], *, namespace: str = "x") -> Findings:
    """One look at a Service from several clients. Raises NotApplicable when an address it needs does not exist.

    The layer below comes first: while the slices are not what the pods call for, nothing is dialled, since whoever
    follows them would be judged for what they say.
    """
    snapshot = arena.snapshot("pods", "services", "endpointslices.discovery.k8s.io")
    service = snapshot.service(arena.namespace(namespace), name)
    if wrong := _slices_judged(snapshot, service):
        return wrong
    several = list(dials)
    deliveries = [expected(snapshot, service, dial, arena) for dial in several]
    asks: dict[str, list[Ask]] = {}
    for dial, delivery in zip(several, deliveries, strict=True):
        asks.setdefault(dial.client, []).extend(looks(snapshot, service, dial, delivery, arena))
    told = {client: iter(results) for client, results in arena.ask_all(asks).items()}
    found: list[Difference] = []
    symptoms: set[Symptom] = set()
    for dial, delivery in zip(several, deliveries, strict=True):
        count = dial.attempts if delivery.backends else 1
        results = list(itertools.islice(told[dial.client], count))
        arrivals = [arrival(result, nobody=not delivery.backends) for result in results]
        differences = judge_arrivals(delivery, arrivals, complete=dial.complete)
        found += [replace(each, what=f"{dial}: {each.what}") for each in differences]
        symptoms |= _symptoms(delivery, results) if differences else set()
    if not found:
        return Findings()
    return Findings(
        tuple(found),
        frozenset(symptoms | _below(arena, snapshot, service)),
        asked="\n".join(map(str, several)),
        rule="\n".join(dict.fromkeys(each.rule for each in found if each.rule)),
        evidence=tuple(_slices_text(snapshot, service)),
        repeat=f"kubectl -n {arena.namespace(namespace)} get service,endpointslices -o wide",
    )


def expected(snapshot: Snapshot, service: Mapping[str, Any], dial: Dial, arena: Arena) -> Delivery:
    """What the oracle expects of a dial."""
    pod = arena.pods[dial.client]
    return deliver(
        snapshot,
        service,
        via=dial.via,
        port=dial.port,
        client=pod_client(snapshot, pod.namespace, pod.name),
        family=dial.family,
        protocol=dial.protocol,
        entry=dial.entry,
    )


def looks(
    snapshot: Snapshot, service: Mapping[str, Any], dial: Dial, delivery: Delivery, arena: Arena
) -> list[Tcp | Udp]:
    """The asks of one dial. Raises NotApplicable when the Service has no such address."""
    host, port = target(snapshot, service, dial)
    if delivery.backends:
        kind = Udp if dial.protocol == "UDP" else Tcp
        return [kind(host, port, timeout=arena.waits.probe_timeout)] * dial.attempts
    if delivery.failure is Failure.DEAD:
        # Silence is as good as a refusal: there is nothing to wait for beyond one time-out.
        return [(Udp if dial.protocol == "UDP" else Tcp)(host, port, timeout=arena.waits.probe_timeout)]
    # Where nobody may answer, a refusal is an ICMP error, and kernels send one a second to one destination after a
    # burst of six (icmp_ratelimit): many attempts at once would look silent. One is made, and repeats itself.
    patience = arena.waits.denied_retry_timeout
    if dial.protocol == "UDP":
        return [Udp(host, port, timeout=patience, count=REPEATS, spacing=patience / (REPEATS + 1))]
    return [Tcp(host, port, timeout=patience)]


def target(snapshot: Snapshot, service: Mapping[str, Any], dial: Dial) -> tuple[str, int]:
    """The address and port to dial. Raises NotApplicable when the Service has none of that kind and family."""
    spec = service["spec"]
    if dial.via is Via.NODE_PORT:
        number = next((_number(each) for each in spec["ports"] if _is(each, dial)), 0)
        return _of_family(_node_addresses(snapshot, dial.entry), dial), number
    if dial.via is Via.LOAD_BALANCER:
        status = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        return _of_family([each["ip"] for each in status if each.get("ip")], dial), dial.port
    if dial.via is Via.EXTERNAL_IP:
        return _of_family(spec.get("externalIPs") or [], dial), dial.port
    return _of_family(spec.get("clusterIPs") or [spec["clusterIP"]], dial), dial.port


def arrival(result: Result, *, nobody: bool = False) -> Arrival:
    """What became of one attempt.

    Where `nobody` may answer, an answer that does not prove who gave it came from outside the cluster: a packet no
    rule claims leaves by the default route, and what happens to it there is not the cluster's promise.
    """
    if result.answer is None:
        stranger = nobody and result.seen is Seen.REACHED
        return Arrival(Seen.SILENT if stranger else result.seen)
    answer = result.answer
    port = int(answer.local.rpartition(":")[2] or 0)
    return Arrival(result.seen, answer.local_address, port, answer.who, answer.saw_address)


def slice_findings(arena: Arena, name: str, *, namespace: str = "x") -> Findings:
    """One look at the EndpointSlices of a Service, against its pods."""
    snapshot = arena.snapshot("pods", "services", "endpointslices.discovery.k8s.io")
    return _slices_judged(snapshot, snapshot.service(arena.namespace(namespace), name)) or Findings()


def _slices_judged(snapshot: Snapshot, service: Mapping[str, Any]) -> Findings | None:
    """What is wrong with a Service's slices; None when nothing is."""
    found = judge_slices(snapshot, service)
    if not found:
        return None
    space, name = service["metadata"]["namespace"], service["metadata"]["name"]
    return Findings(
        tuple(found),
        frozenset({Symptom.SLICES_WRONG}),
        asked=f"the API for EndpointSlices of {space}/{name}",
        evidence=tuple(_slices_text(snapshot, service)),
        repeat=f"kubectl -n {space} get endpointslices -l kubernetes.io/service-name={name} -o yaml",
    )


def _is(port: Mapping[str, Any], dial: Dial) -> bool:
    return bool(port["port"] == dial.port and port.get("protocol", "TCP") == dial.protocol)


def _number(port: Mapping[str, Any]) -> int:
    if not port.get("nodePort"):
        raise NotApplicable("the Service has no NodePort")
    return int(port["nodePort"])


def _node_addresses(snapshot: Snapshot, name: str) -> list[str]:
    node = snapshot.node(name)
    return [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]


def _of_family(addresses: Sequence[str], dial: Dial) -> str:
    for each in addresses:
        if Family.of(each) is dial.family:
            return each
    raise NotApplicable(f"there is no {dial.family} address to dial as {dial.via}")


def _symptoms(delivery: Delivery, results: Sequence[Result]) -> set[Symptom]:
    found: set[Symptom] = set()
    allowed = {backend.pod for backend in delivery.backends}
    who = {result.who for result in results if result.who}
    if any(result.seen is Seen.UNMEASURED for result in results):
        found.add(Symptom.UNMEASURED)
    if who - allowed:
        found.add(Symptom.WRONG_BACKEND)
    if allowed - who:
        found.add(Symptom.MISSING_BACKEND)
    if delivery.backends and any(result.seen in {Seen.SILENT, Seen.REFUSED} for result in results):
        found.add(Symptom.SERVICE_ADDRESS_FAILS)
    if not delivery.backends and not who:
        found.add(Symptom.SERVICE_ADDRESS_FAILS)
    if any(result.answer and not delivery.source.admits(result.answer.saw_address) for result in results):
        found.add(Symptom.WRONG_SOURCE)
    return found


def _below(arena: Arena, snapshot: Snapshot, service: Mapping[str, Any]) -> set[Symptom]:
    """What the layers below a Service look like."""
    found = {Symptom.SLICES_RIGHT}
    selector = (service["spec"].get("selector") or {}).items()
    space = service["metadata"]["namespace"]
    behind = {f"{space}/{pod['metadata']['name']}" for pod in snapshot.pods_in(space) if _selected(pod, selector)}
    pods = {ref: pod for ref, pod in arena.pods.items() if pod.full in behind}
    client = next(iter(arena.pods))
    if pods:
        asks = [Tcp(pod.address(), 80, timeout=arena.waits.denied_retry_timeout) for pod in pods.values()]
        works = all(result.seen is Seen.REACHED for result in arena.ask(client, *asks))
        found.add(Symptom.POD_ADDRESS_WORKS if works else Symptom.POD_ADDRESS_FAILS)
    return found


def _selected(pod: Mapping[str, Any], selector: Any) -> bool:
    return bool(selector) and selector <= (pod["metadata"].get("labels") or {}).items()


def _slices_text(snapshot: Snapshot, service: Mapping[str, Any]) -> list[str]:
    lines = ["endpoints in the API:"]
    for each in snapshot.slices_of(service["metadata"]["namespace"], service["metadata"]["name"]):
        for endpoint in each.get("endpoints") or ():
            said = {key: value for key, value in (endpoint.get("conditions") or {}).items() if value is not None}
            lines.append(f"  {', '.join(endpoint['addresses'])} on {endpoint.get('nodeName')} {said}")
    return lines
