"""Health check node ports, asked from a pod and held against which nodes have ready backends."""

from __future__ import annotations

from collections.abc import Iterable

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.oracle.services import health_status
from harness.probe.asks import Http, Tcp
from harness.probe.results import Result
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.dial import snapshot_for
from harness.suite.facts import ClusterFacts
from harness.suite.slices import slices_judged

PATH = "/healthz"
RULE = "healthCheckNodePort"


def health_findings(
    arena: Arena,
    cluster: ClusterFacts,
    names: Iterable[str],
    *,
    client: str,
    closed: Iterable[int] = (),
    namespace: str = "x",
) -> Findings:
    """One look at health check node ports of some Services on each sampled node, and at ports that must be closed."""
    space, family = arena.namespace(namespace), cluster.families[0]
    snapshot = snapshot_for(arena, space)
    expected: list[tuple[str, int | None]] = []
    asks: list[Http | Tcp] = []
    for service in (snapshot.service(space, name) for name in names):
        if wrong := slices_judged(snapshot, service):
            return wrong
        number = int(service["spec"].get("healthCheckNodePort") or 0)
        for node in cluster.sample:
            expected.append(
                (f"{service['metadata']['name']} at {node}:{number}", health_status(snapshot, service, node))
            )
            asks.append(Http(cluster.node_address(node, family), number, PATH))
    for number in closed:
        for node in cluster.sample:
            expected.append((f"nobody at {node}:{number}", None))
            asks.append(Tcp(cluster.node_address(node, family), number, identify=False))
    told = arena.ask(client, *asks)
    found = [
        difference
        for (what, status), result in zip(expected, told, strict=True)
        if (difference := _difference(what, status, result)) is not None
    ]
    symptoms = frozenset({Symptom.SERVICE_ADDRESS_FAILS, Symptom.SLICES_RIGHT} if found else ())
    return Findings(tuple(found), symptoms, asked=f"health check node ports from {client}")


def _difference(what: str, status: int | None, result: Result) -> Difference | None:
    if result.seen in {Seen.UNMEASURED, Seen.MISSING}:
        return Difference(what, _text(status), str(result), RULE, Verdict.UNKNOWN)
    seen = result.http.status if result.http is not None else None
    if status is None:
        return Difference(what, "closed", "open", RULE) if result.seen is Seen.REACHED else None
    return None if seen == status else Difference(what, _text(status), str(result if seen is None else seen), RULE)


def _text(status: int | None) -> str:
    return "closed" if status is None else str(status)
