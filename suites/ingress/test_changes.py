"""Ingresses and what stands behind them while they change: nothing of the past answers, and nothing fails meanwhile.

Source: Ingress v1 (networking.k8s.io); catalogue groups 1.4.2 and 1.4.5.
"""

from __future__ import annotations

from typing import Any

from harness.suite import (
    Arena,
    Check,
    Fetch,
    PodShape,
    exclusive,
    held,
    ingress,
    ingress_findings,
    requirement,
    service,
)
from suites.ingress.cases import PREFIX, rule, to
from suites.ingress.ground import PORTS, Ground, placed

WINDOW = 3.0
"""Seconds in which something is changed while requests go on: longer than a controller takes to follow."""

CHANGES = 3


def _spec(standing: Ground, *rules: dict[str, Any], **more: Any) -> Any:
    spec = {"ingressClassName": standing.controller.ingress_class, **({"rules": list(rules)} if rules else {}), **more}
    return placed(spec, standing.space)


def _settled(arena: Arena, check: Check, standing: Ground, what: str, *fetches: Fetch) -> None:
    check.eventually(
        what,
        lambda: ingress_findings(arena, standing.controller, list(fetches)),
        within=check.waits.service_program,
    )


@requirement("ING-023", needs=("ing",))
def test_a_deleted_ingress_is_gone(arena: Arena, check: Check, standing: Ground) -> None:
    """The route of a deleted Ingress is withdrawn."""
    host, other = standing.host("deleted"), Fetch(standing.host("root"))
    arena.apply(ingress("deleted", _spec(standing, rule("deleted", (PREFIX, "/", to("web-one"))))))
    _settled(arena, check, standing, "served", Fetch(host), other)
    arena.delete("ingresses.networking.k8s.io", "deleted")
    _settled(arena, check, standing, "withdrawn", Fetch(host, served=False), other)


@requirement("ING-071", needs=("ing",))
def test_scaling_is_followed_without_a_failure(arena: Arena, check: Check, standing: Ground) -> None:
    """Backends that come and go are followed, and no request fails while pods end gracefully."""
    shape = PodShape(labels={"app": "scaled"}, linger=2, readiness=True)
    arena.apply(service("scaled", {"selector": {"app": "scaled"}, "ports": PORTS}))
    arena.start({"x/s1": shape, "x/s2": shape})
    arena.apply(ingress("scaled", _spec(standing, rule("scaled", (PREFIX, "/", to("scaled"))))))
    fetch = Fetch(standing.host("scaled"))
    _settled(arena, check, standing, "two pods", fetch)

    def meanwhile() -> None:
        arena.delete("pods", "s1", grace=3)
        arena.start({"x/s3": shape})

    found = held(arena, standing.controller, fetch, for_=WINDOW, meanwhile=meanwhile)
    _settled(arena, check, standing, "two other pods", *[fetch] * 4)
    check.now(found)


@requirement("ING-078", needs=("ing",))
def test_changes_disturb_nobody_else(arena: Arena, check: Check, standing: Ground) -> None:
    """While rules of one host change again and again, no request for another fails."""
    arena.apply(ingress("busy", _spec(standing, rule("busy", (PREFIX, "/", to("web-one"))))))
    fetch = Fetch(standing.host("root"))
    _settled(arena, check, standing, "served", fetch, Fetch(standing.host("busy")))

    def meanwhile() -> None:
        for number in range(CHANGES):
            paths = [(PREFIX, f"/{each}", to("web-two")) for each in range(number)]
            arena.apply(ingress("busy", _spec(standing, rule("busy", (PREFIX, "/", to("web-one")), *paths))))
            _settled(arena, check, standing, f"change {number}", Fetch(standing.host("busy"), f"/{max(number - 1, 0)}"))

    check.now(held(arena, standing.controller, fetch, for_=WINDOW, meanwhile=meanwhile))


@exclusive
@requirement("ING-060", "ING-061", needs=("ing",))
def test_default_backends(arena: Arena, check: Check, standing: Ground) -> None:
    """A default backend answers whatever no rule matches: any method, host and path; rules go before it."""
    arena.apply(
        ingress("default", _spec(standing, rule("ruled", (PREFIX, "/a", to("web-one"))), defaultBackend=to("web-two")))
    )
    host, strange = standing.host("ruled"), standing.host("strange")
    ruled = [Fetch(host, "/a"), Fetch(host, "/b"), Fetch(strange, "/a"), Fetch(standing.host("root"), "/a")]
    _settled(arena, check, standing, "rules and default", *ruled)
    arena.apply(ingress("default", _spec(standing, defaultBackend=to("web-three"))))
    several = [
        Fetch(name, path, method=method)
        for method in ("GET", "POST")
        for name, path in ((host, "/a"), (strange, "/b/c"))
    ]
    _settled(arena, check, standing, "default alone", *several)
