"""What a cluster does with Services beside packets: the API's own, how soon slices come, what pods are told, lists.

Source: Service v1 (core); the upstream tests of service latency, service environment variables and the API service.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Difference,
    Findings,
    PodShape,
    ReadFile,
    Seen,
    Symptom,
    Tcp,
    Verdict,
    requirement,
    service,
)

HTTP = {"name": "http", "port": 80, "targetPort": 80}
TRIALS = 40
"""Services made at once. Upstream makes 200, wants half of them within 20 s, and lets two take more than 50 s."""
LIMIT = 20.0
"""Seconds for all of them: what upstream grants the faster half."""


@requirement("SVC-278")
def test_the_api_has_a_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Service kubernetes in namespace default leads pods to the API server."""
    made = arena.kube.get("services", "kubernetes", namespace="default")
    labels = "kubernetes.io/service-name=kubernetes"
    slices = arena.kube.list("endpointslices.discovery.k8s.io", namespace="default", labels=labels).items
    behind = [address for each in slices for one in each.get("endpoints") or () for address in one["addresses"]]
    ports = {int(port["port"]): port.get("name") for port in made["spec"]["ports"]}
    found = []
    if ports.get(443) != "https":
        found.append(Difference("ports of default/kubernetes", "https 443", str(ports), "the API's Service"))
    if not behind:
        found.append(Difference("endpoints of default/kubernetes", "API servers", "none", "the API's Service"))
    check.now(Findings(tuple(found), frozenset({Symptom.API_ANSWER_WRONG} if found else ())))
    host = str(made["spec"]["clusterIP"])

    def look() -> Findings:
        asks = {ref: [Tcp(host, 443, identify=False)] for ref in ("x/a", "x/b", "x/c")}
        wrong = tuple(
            Difference(f"{ref} → {host}:443", "open", str(result), "SVC-278", _verdict(result.seen))
            for ref, (result,) in arena.ask_all(asks).items()
            if result.seen is not Seen.REACHED
        )
        symptoms = frozenset({Symptom.SERVICE_ADDRESS_FAILS, Symptom.SLICES_RIGHT} if wrong else ())
        return Findings(wrong, symptoms, asked="the API's ClusterIP from a pod on each of three nodes")

    check.eventually("the API is reached", look, within=check.waits.service_program)


def _verdict(seen: Seen) -> Verdict:
    return Verdict.UNKNOWN if seen is Seen.UNMEASURED else Verdict.FAIL


@requirement("SVC-328")
def test_slices_come_soon(arena: Arena, check: Check) -> None:
    """New Services have their endpoints in slices within seconds, also when many are made at once."""
    arena.apply(*(service(f"svc-{n}", {"selector": {"pod": "a"}, "ports": [HTTP]}) for n in range(TRIALS)))
    space = arena.namespace("x")

    def look() -> Findings:
        slices = arena.kube.list("endpointslices.discovery.k8s.io", namespace=space).items
        ready = {
            str(each["metadata"].get("labels", {}).get("kubernetes.io/service-name"))
            for each in slices
            if each.get("endpoints")
        }
        missing = sorted({f"svc-{n}" for n in range(TRIALS)} - ready)
        lacking = Difference("Services without endpoints", "none", ", ".join(missing), f"within {LIMIT:g} s")
        return Findings((lacking,) if missing else (), frozenset({Symptom.SLICES_WRONG} if missing else ()))

    check.eventually("endpoints of all", look, within=min(LIMIT, check.waits.endpoints_program))


@requirement("SVC-028")
def test_pods_are_told_of_services(arena: Arena, check: Check) -> None:
    """A pod's environment names the Services that were there before it, unless it wants no links."""
    (made,) = arena.apply(service("told-of", {"selector": {"pod": "a"}, "ports": [{"port": 8765}]}))
    shape = PodShape(labels={"app": "told"}, ports=(80,))
    arena.start(
        {
            "x/d": PodShape(labels=shape.labels, ports=(80,), spec={"enableServiceLinks": True}),
            "x/e": PodShape(labels=shape.labels, ports=(80,), spec={"enableServiceLinks": False}),
        }
    )
    wanted = {"TOLD_OF_SERVICE_HOST": str(made["spec"]["clusterIP"]), "TOLD_OF_SERVICE_PORT": "8765"}
    found = []
    for ref, links in (("x/d", True), ("x/e", False)):
        (told,) = arena.ask(ref, ReadFile("/proc/self/environ"))
        if told.seen is not Seen.REACHED:
            raise check.unknown(f"{ref}: its environment could not be read: {told}")
        lines = [line.partition("=") for line in told.content.decode(errors="replace").split("\0")]
        has = {name: value for name, _, value in lines if name in wanted}
        expected = wanted if links else {}
        if has != expected:
            found.append(Difference(f"variables of {ref}, links {links}", str(expected), str(has), "SVC-028"))
    check.now(Findings(tuple(found), frozenset({Symptom.ENVIRONMENT_WRONG} if found else ())))
