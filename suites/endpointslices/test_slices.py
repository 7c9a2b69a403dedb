"""EndpointSlices follow the pods, repair themselves, and are what answers.

Source: EndpointSlice v1 (discovery.k8s.io), KEP-752, KEP-1672; catalogue group EPS.
"""

from __future__ import annotations

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    Crash,
    Difference,
    Family,
    Findings,
    PodShape,
    Ready,
    Symptom,
    requirement,
    service,
    slice_findings,
)
from suites.endpointslices.dialled import SLICES, endpoints_answer, settle, slices

HTTP = {"name": "http", "port": 80, "targetPort": 80}
ALL = {"app": "agent"}
TOGGLED = PodShape(labels={"app": "toggled"}, ports=(80,), readiness=True, linger=12)


@requirement("EPS-002", "EPS-015", "EPS-040")
def test_pods_appear(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Slices name every selected pod with its address, node and identity, and belong to their Service."""
    arena.apply(service("svc", {"selector": ALL, "ports": [{**HTTP, "appProtocol": "http"}]}))
    settle(arena, check, cluster, "pods in slices")


@requirement("EPS-001")
def test_nobody_is_selected(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A Service that selects nobody has an empty slice, and nobody answers for it."""
    arena.apply(service("svc", {"selector": {"app": "nobody"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "empty slice")


@requirement("EPS-012", "SVC-010")
def test_split_by_ports(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Pods that resolve a port's name differently stand in different slices, each reached at its own number."""
    arena.apply(service("svc", {"selector": ALL, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}))
    settle(arena, check, cluster, "slices split by port")


@requirement("EPS-022", "EPS-012", needs=("dual",))
def test_families(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A dual-stack Service has slices of both families; one that gives up a family loses that family's slices."""
    both, spec = [str(each) for each in cluster.families], {"selector": ALL, "ports": [HTTP]}
    arena.apply(service("svc", {**spec, "ipFamilyPolicy": "RequireDualStack", "ipFamilies": both}))
    for family in Family:
        settle(arena, check, cluster, f"slices of {family}", family=family)
    arena.apply(service("svc", {**spec, "ipFamilyPolicy": "SingleStack", "ipFamilies": both[:1]}))
    settle(arena, check, cluster, "one family left")


@requirement("EPS-011", "EPS-017")
def test_headless(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Slices of a headless Service say so, and give host names to pods that ask for one below this very Service."""
    below = {"hostname": "named", "subdomain": "svc"}
    elsewhere = {"hostname": "other", "subdomain": "elsewhere"}
    shapes = {"x/d": below, "x/e": elsewhere, "x/f": {"subdomain": "svc"}}
    arena.start({ref: PodShape(labels={"app": "hosts"}, ports=(80,), spec=spec) for ref, spec in shapes.items()})
    arena.apply(service("svc", {"clusterIP": "None", "selector": {"app": "hosts"}, "ports": [HTTP]}))

    def look() -> Findings:
        return Findings.joined([slice_findings(arena, "svc"), endpoints_answer(arena)])

    check.eventually("host names in slices", look, within=check.waits.endpoints_program)


@requirement("EPS-006", "EPS-008", "EPS-036")
def test_conditions_follow_a_pods_life(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Conditions follow readiness and deletion, and a terminating pod stays in its slice until it is gone."""
    arena.start({"x/d": TOGGLED, "x/e": TOGGLED})
    arena.apply(service("svc", {"selector": {"app": "toggled"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "both ready")
    arena.ask("x/d", Ready(ready=False))
    arena.await_readiness("x/d", ready=False)
    settle(arena, check, cluster, "one not ready")
    check.eventually("not ready in Endpoints", lambda: endpoints_object(arena, cluster), within=20)
    arena.ask("x/d", Ready(ready=True))
    arena.await_readiness("x/d", ready=True)
    arena.delete("pods", "d", grace=14)
    settle(arena, check, cluster, "one terminating, still serving", ending="x/d")


def endpoints_object(arena: Arena, cluster: ClusterFacts) -> Findings:
    """One look at the Endpoints of `svc`: pod d is listed as not ready and pod e as ready, each with node and pod."""
    found = arena.kube.get("endpoints", "svc", namespace=arena.namespace("x"))
    rows = {
        kind: sorted(
            (each["ip"], each.get("nodeName"), each.get("targetRef", {}).get("name"))
            for subset in found.get("subsets") or ()
            for each in subset.get(kind) or ()
        )
        for kind in ("addresses", "notReadyAddresses")
    }
    pods = {kind: arena.pods[ref] for kind, ref in (("addresses", "x/e"), ("notReadyAddresses", "x/d"))}
    wanted = {kind: [(pod.address(cluster.families[0]), pod.node, pod.name)] for kind, pod in pods.items()}
    bad = [Difference(kind, str(wanted[kind]), str(rows[kind]), "Endpoints v1") for kind in rows if rows != wanted]
    return Findings(tuple(bad), frozenset({Symptom.SLICES_WRONG} if bad else ()))


@requirement("EPS-007")
def test_unready_pods_are_published(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """With publishNotReadyAddresses a pod that is not ready counts as ready, and gets connections."""
    arena.start({"x/d": TOGGLED})
    arena.ask("x/d", Ready(ready=False))
    arena.await_readiness("x/d", ready=False)
    spec = {"selector": {"app": "toggled"}, "publishNotReadyAddresses": True, "ports": [HTTP]}
    arena.apply(service("svc", spec))
    settle(arena, check, cluster, "published")


@requirement("EPS-009", "SVC-050")
def test_ended_pods_are_absent(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that has failed is no endpoint of a Service, not even of one that publishes unready pods: it refuses.

    The Service is made after the pod's end. Kubernetes up to 1.36 leaves a pod that was an endpoint before in its slice
    until something else changes: kubelets report unreadiness first, and a mere change of phase wakes no controller.
    """
    arena.start({"x/d": PodShape(labels={"app": "ended"}, ports=(80,), spec={"restartPolicy": "Never"})})
    arena.ask("x/d", Crash())
    arena.kube.wait(
        "pods",
        "d",
        lambda pod: pod is not None and pod["status"]["phase"] == "Failed",
        timeout=check.waits.pod_ready,
        namespace=arena.namespace("x"),
    )
    spec = {"selector": {"app": "ended"}, "publishNotReadyAddresses": True, "ports": [HTTP]}
    arena.apply(service("svc", spec))
    settle(arena, check, cluster, "ended", refusal=True)


@requirement("EPS-003", "EPS-038")
def test_deleted_slices_return(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Slices that somebody deletes are made again, and the Service delivers again."""
    arena.apply(service("svc", {"selector": ALL, "ports": [HTTP]}))
    settle(arena, check, cluster, "before deletion")
    for each in slices(arena):
        arena.delete(SLICES, each["metadata"]["name"])
    settle(arena, check, cluster, "made again")


@requirement("EPS-004")
def test_edits_are_reverted(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """What somebody writes into a controller's slice is taken back, and traffic does not stay where it pointed."""
    arena.apply(service("svc", {"selector": {"pod": "a"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "before the edit")
    (made,) = [each for each in slices(arena) if each["addressType"] == str(cluster.families[0])]
    stranger = {"addresses": [arena.pods["z/a"].address(cluster.families[0])], "conditions": {"ready": True}}
    space = arena.namespace("x")
    arena.kube.patch(SLICES, made["metadata"]["name"], {"endpoints": [stranger]}, namespace=space)
    settle(arena, check, cluster, "edit reverted")


@requirement("EPS-037", "SVC-020")
def test_churn_is_followed(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """After pods have come and gone in quick succession the slices are exactly the pods that are selected at last."""
    arena.apply(service("svc", {"selector": {"role": "member"}, "ports": [HTTP]}))
    for members in ("abc", "b", "ac", "", "ab"):
        for name in "abc":
            arena.label(f"x/{name}", {"role": "member" if name in members else None})
    settle(arena, check, cluster, "slices after churn")


@requirement("EPS-016")
def test_labels_are_copied(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A Service's labels stand on its slices, and go when the Service loses them."""
    plain = service("svc", {"selector": ALL, "ports": [HTTP]})
    arena.apply({**plain, "metadata": {"name": "svc", "labels": {"team": "blue"}}})
    settle(arena, check, cluster, "label copied")
    arena.apply(plain)

    def look() -> Findings:
        left = [each["metadata"]["name"] for each in slices(arena) if "team" in each["metadata"]["labels"]]
        found = tuple(Difference(f"label team of {name}", "absent", "present", "EPS-016") for name in left)
        return Findings.joined([Findings(found, frozenset({Symptom.SLICES_WRONG} if found else ()))])

    check.eventually("label gone", look, within=check.waits.endpoints_program)
    settle(arena, check, cluster, "still served")


@requirement("EPS-018", "SVC-126")
def test_services_without_slices(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Neither an ExternalName Service, selector or not, nor one without selector gets slices from the controller."""
    arena.apply(
        service("svc", {"ports": [HTTP]}),
        service("elsewhere", {"type": "ExternalName", "externalName": "target.example.test", "selector": ALL}),
    )
    settle(arena, check, cluster, "selectorless Service answers nobody")

    def look() -> Findings:
        return Findings.joined(slice_findings(arena, name) for name in ("svc", "elsewhere"))

    check.always("no slices", look, for_=check.waits.settle)
