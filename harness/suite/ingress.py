"""Asking the Ingress controller from pods, and judging who answers against what the API's objects call for.

One look asks many hosts and paths at once, each over a connection of its own. The slices of the Services behind come
first: while they are not what the pods call for, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from harness.expect import Symptom
from harness.model.difference import Difference
from harness.model.judgement import NotApplicable
from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.oracle.ingress import Reply, Request, Route, certificate, judge_reply, route
from harness.oracle.snapshot import Snapshot, namespace_of
from harness.probe.asks import Good, Hold, Http
from harness.probe.results import LoopOutcome, Result
from harness.suite import certificates
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.proof import answered_by
from harness.suite.slices import slices_judged

INGRESSES, CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
HTTP_PORT, HTTPS_PORT = 80, 443
HELD_SPACING = 0.02
"""Seconds between two requests of a window: a gap of a reload is shorter than most others."""


@dataclass(frozen=True)
class Controller:
    """The Ingress controller of the cluster: its class, and where it is reached."""

    ingress_class: str
    addresses: tuple[str, ...]
    outside: bool = True
    """Whether they are for clients outside the cluster; else only pods reach them."""

    def must_be_outside(self) -> None:
        """Raises NotApplicable for a controller that only pods reach."""
        if not self.outside:
            raise NotApplicable("needs an Ingress controller with an address outside the cluster: its Service has none")

    def address(self, family: Family | None = None) -> str:
        """The first address, or the first of a family; a host name has none. Raises NotApplicable without one."""
        for each in self.addresses:
            if family is None or (not each[-1:].isalpha() and Family.of(each) is family):
                return each
        raise NotApplicable(f"the Ingress controller has no {family} address, it has {', '.join(self.addresses)}")


@dataclass(frozen=True)
class Fetch:
    """A request to the Ingress controller, and what the test is about."""

    host: str
    path: str = "/"
    served: bool = True
    """Whether it is about an answer of somebody behind an Ingress, or about none. Where the API's objects call for the
    other, the test is not on the ground it was written for: UNKNOWN."""
    query: str = ""
    client: str = "y/b"
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    requests: int = 1
    status: int | None = None
    """Of the controller itself, where it is promised."""
    tls: bool = False
    sni: str = ""
    """The name in the TLS handshake; by default the host."""
    family: Family | None = None

    @property
    def name(self) -> str:
        """The host without a port."""
        return Request(self.host).name

    def ask(self, controller: Controller, timeout: float) -> Http:
        """What the client is told to do."""
        return Http(
            controller.address(self.family),
            HTTPS_PORT if self.tls else HTTP_PORT,
            self.path + self.query,
            timeout=timeout,
            method=self.method,
            host_header=self.host,
            headers=self.headers,
            body=self.body,
            tls=self.tls,
            server_name=(self.sni or self.name) if self.tls else "",
            requests=self.requests,
        )

    def __str__(self) -> str:
        sort = f"{'https' if self.tls else 'http'}://"
        shown = f" showing {self.sni}" if self.sni else ""
        return f"{self.client} → {self.method} {sort}{self.host}{self.path}{self.query}{shown}"


@dataclass(frozen=True)
class Fetched:
    """A request, what was expected of it, and what came back."""

    fetch: Fetch
    route: Route
    result: Result

    @property
    def reply(self) -> Reply:
        """What became of it."""
        result, who = self.result, answered_by(self.result)
        port = int(result.answer.local.rpartition(":")[2]) if who and result.answer else 0
        status = result.http.status if result.http else 0
        return Reply(result.seen, status, who or "", result.error, port)


def ingress(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """An Ingress."""
    metadata = {"name": name}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": dict(spec)}


def ingress_findings(arena: Arena, controller: Controller, fetches: Sequence[Fetch]) -> Findings:
    """One look at some requests: who answers each, as the Ingresses and classes of the whole cluster call for."""
    looked = fetch_all(arena, controller, fetches)
    return looked if isinstance(looked, Findings) else routes_judged(looked)


def fetch_all(arena: Arena, controller: Controller, fetches: Sequence[Fetch]) -> list[Fetched] | Findings:
    """Make some requests; what is wrong with their ground where that is not as it should be."""
    if not fetches:
        raise ValueError("no requests: nothing would be looked at")
    snapshot = ingress_snapshot(arena)
    services = [each for each in snapshot.services if namespace_of(each) == arena.namespace("x")]
    if stale := [found for each in services if (found := slices_judged(snapshot, each))]:
        return Findings.joined(stale)
    routes = [
        route(snapshot, Request(each.host, each.path), ingress_class=controller.ingress_class) for each in fetches
    ]
    if unfit := [found for each, led in zip(fetches, routes, strict=True) for found in _unfit(each, led)]:
        return Findings(tuple(unfit))
    asks: dict[str, list[Http]] = {}
    for each in fetches:
        asks.setdefault(each.client, []).append(each.ask(controller, arena.waits.probe_timeout))
    told = {client: iter(results) for client, results in arena.ask_all(asks).items()}
    return [Fetched(each, led, next(told[each.client])) for each, led in zip(fetches, routes, strict=True)]


def ingress_snapshot(arena: Arena) -> Snapshot:
    """What requests are judged by: Ingresses and classes of the whole cluster, the Services of namespace x."""
    space = arena.namespace("x")
    own = [(kind, space) for kind in ("services", "endpointslices.discovery.k8s.io", "pods")]
    return arena.read([(INGRESSES, None), (CLASSES, None), ("nodes", None), *own])


def _unfit(fetch: Fetch, led: Route) -> list[Difference]:
    if not led.undefined and bool(led.backends) is fetch.served:
        return []
    wanted = "a backend with endpoints" if fetch.served else "no backend with endpoints"
    return [Difference(f"{fetch}: ground by the API's objects", wanted, str(led), verdict=Verdict.UNKNOWN)]


def routes_judged(looked: Iterable[Fetched], *more: Difference) -> Findings:
    """Who answered, held against the routes; `more` is what else was found wrong with the answers."""
    several = list(looked)
    found = list(more)
    for each in several:
        found += judge_reply(str(each.fetch), each.route, each.reply, status=each.fetch.status)
    broken = any(each.verdict is Verdict.FAIL for each in found)
    lost = any(each.result.seen is Seen.UNMEASURED for each in several)
    symptoms = ({Symptom.INGRESS_WRONG} if broken else set()) | ({Symptom.UNMEASURED} if lost else set())
    asked = f"the Ingress controller at {', '.join(sorted({str(each.result.ask.wire()['host']) for each in several}))}"
    return Findings(
        tuple(found),
        frozenset(symptoms if found else ()),
        asked=asked,
        rule="\n".join(dict.fromkeys(each.rule for each in found if each.rule)),
        repeat="kubectl get ingress,ingressclass -A -o yaml",
    )


def held(
    arena: Arena, controller: Controller, fetch: Fetch, *, for_: float, meanwhile: Callable[[], object]
) -> Findings:
    """Make one request again and again for a window in which something else is done: each has to be answered with 200.

    By whom is judged where things stand still. An answer that is late has not failed: each is given the time of a cell
    that is asked again.
    """
    good = Good(status=frozenset({200}))
    loop = Hold(fetch.ask(controller, arena.waits.denied_retry_timeout), good, for_=for_, spacing=HELD_SPACING)
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(arena.ask, fetch.client, loop)
        meanwhile()
        (result,) = running.result()
    if result.loop is not None and result.loop.outcome is LoopOutcome.GOOD:
        return Findings()
    broken = result.loop is not None and result.loop.outcome is LoopOutcome.BAD
    seen = f"{result.loop.bad} of {result.loop.looks} failed" if result.loop else str(result)
    verdict = Verdict.FAIL if broken else Verdict.UNKNOWN
    trail = tuple(str(look.result) for look in result.loop.trail[:5]) if result.loop else ()
    difference = Difference(f"{fetch} for {for_:g} s", "always answered with 200", seen, verdict=verdict)
    symptom = Symptom.INGRESS_WRONG if broken else Symptom.UNMEASURED
    return Findings((difference,), frozenset({symptom}), evidence=trail)


def certificates_judged(
    looked: Iterable[Fetched], controller: Controller, snapshot: Snapshot, secrets: Iterable[Mapping[str, Any]]
) -> list[Difference]:
    """The differences between the certificates shown and those of the Secrets that TLS entries name."""
    held, found = list(secrets), []
    for each in looked:
        name = each.fetch.sni or each.fetch.name
        wanted = certificate(
            snapshot.ingresses, snapshot.ingressclasses, held, name, ingress_class=controller.ingress_class
        )
        shown = each.result.certificate
        if wanted is None or (shown and certificates.same(shown, wanted)):
            continue
        verdict = Verdict.UNKNOWN if each.result.seen is Seen.UNMEASURED else Verdict.FAIL
        told = certificates.told(shown) if shown else str(each.result)
        what = f"{each.fetch}: certificate"
        found.append(Difference(what, certificates.told(wanted), told, "spec.tls", verdict))
    return found
