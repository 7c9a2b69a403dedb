"""Names follow the API: Services and pods that come, change and go.

Source: Kubernetes DNS-Based Service Discovery 1.1.0; the dynamics section of the DNS catalogue.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from harness.suite import (
    Arena,
    Check,
    ClusterFacts,
    PodShape,
    Question,
    Ready,
    name_findings,
    requirement,
    service,
)

HTTP = {"name": "http", "port": 80, "targetPort": 80}


def names(arena: Arena, cluster: ClusterFacts, *shorthands: str, types: Sequence[str] = ("A",)) -> list[Question]:
    """Questions about names in namespace x."""
    base = f"{arena.namespace('x')}.svc.{cluster.zone}."
    return [Question(f"{name}.{base}", type_) for name in shorthands for type_ in types]


def settle(arena: Arena, check: Check, cluster: ClusterFacts, what: str, questions: Sequence[Question]) -> None:
    """Wait until the DNS says what the API's objects now call for."""
    check.eventually(what, lambda: name_findings(arena, cluster, questions), within=check.waits.dns_program)


@requirement("DNS-701", "DNS-702")
def test_new_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A new Service becomes resolvable, also when its name was asked before it existed."""
    questions = names(arena, cluster, "dyn", "_http._tcp.dyn", types=("A", "SRV"))
    settle(arena, check, cluster, "absent before", questions)
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    settle(arena, check, cluster, "new Service in DNS", questions)


@requirement("DNS-704")
def test_deleted_service(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A deleted Service disappears from forward and reverse names."""
    (made,) = arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    reverse = Question(ipaddress.ip_address(made["spec"]["clusterIP"]).reverse_pointer + ".", "PTR")
    questions = [*names(arena, cluster, "dyn", "_http._tcp.dyn", types=("A", "SRV")), reverse]
    settle(arena, check, cluster, "there before", questions)
    arena.delete("services", "dyn")
    settle(arena, check, cluster, "deleted Service gone from DNS", questions[:-1])


@requirement("DNS-709", "DNS-710")
def test_readiness(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod that turns unready leaves headless names and returns; the cluster address stays throughout."""
    shape = PodShape(labels={"app": "dyn"}, ports=(80,), readiness=True, spec={"hostname": "d", "subdomain": "dyn-hl"})
    arena.start({"x/d": shape})
    arena.apply(
        service("dyn-hl", {"clusterIP": "None", "selector": {"app": "dyn"}, "ports": [HTTP]}),
        service("dyn", {"selector": {"app": "dyn"}, "ports": [HTTP]}),
    )
    questions = names(arena, cluster, "dyn-hl", "d.dyn-hl", "dyn")
    settle(arena, check, cluster, "ready pod in DNS", questions)
    arena.ask("x/d", Ready(ready=False))
    arena.await_readiness("x/d", ready=False)
    settle(arena, check, cluster, "unready pod gone from DNS", questions)
    arena.ask("x/d", Ready(ready=True))
    arena.await_readiness("x/d", ready=True)
    settle(arena, check, cluster, "pod back in DNS", questions)


@requirement("DNS-713", "DNS-712")
def test_ports_move(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Renaming and renumbering a port moves its SRV record."""
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "_http._tcp.dyn", "_web._tcp.dyn", types=("SRV",))
    settle(arena, check, cluster, "first port", questions)
    arena.apply(service("dyn", {"selector": {"app": "agent"}, "ports": [{**HTTP, "name": "web", "port": 81}]}))
    settle(arena, check, cluster, "moved port in DNS", questions)


@requirement("DNS-714", "DNS-707")
def test_selector_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """Changing a headless Service's selector exchanges its addresses."""
    headless = {"clusterIP": "None", "ports": [HTTP]}
    arena.apply(service("dyn", {**headless, "selector": {"pod": "a"}}))
    questions = names(arena, cluster, "dyn")
    settle(arena, check, cluster, "first set", questions)
    arena.apply(service("dyn", {**headless, "selector": {"app": "agent"}}))
    settle(arena, check, cluster, "larger set in DNS", questions)


@requirement("DNS-715", "DNS-716")
def test_external_name_changes(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A changed externalName moves the CNAME; turning the Service into a ClusterIP replaces it by addresses."""
    questions = names(arena, cluster, "dyn", types=("CNAME", "A"))
    for target in ("one.example.test", "two.example.test"):
        arena.apply(service("dyn", {"type": "ExternalName", "externalName": target}))
        settle(arena, check, cluster, f"CNAME {target}", questions[:1])
    arena.kube.patch(
        "services",
        "dyn",
        {"spec": {"type": "ClusterIP", "externalName": None, "selector": {"app": "agent"}, "ports": [HTTP]}},
        namespace=arena.namespace("x"),
    )
    settle(arena, check, cluster, "addresses instead of CNAME", questions)


@requirement("DNS-210")
def test_terminating_pod_leaves(arena: Arena, check: Check, cluster: ClusterFacts) -> None:
    """A pod leaves headless names when it is deleted, not when it has ended."""
    arena.start({f"x/{name}": PodShape(labels={"app": "dyn"}, ports=(80,), linger=10) for name in ("d", "e")})
    arena.apply(service("dyn", {"clusterIP": "None", "selector": {"app": "dyn"}, "ports": [HTTP]}))
    questions = names(arena, cluster, "dyn")
    settle(arena, check, cluster, "both pods in DNS", questions)
    arena.delete("pods", "d", grace=12)
    settle(arena, check, cluster, "terminating pod gone from DNS", questions)
