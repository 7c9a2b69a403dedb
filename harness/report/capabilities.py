"""What a cluster can do, in a line or two for people, and by name for programs. Plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.model.capability import Fact, State
from harness.report.comparison.printable import one_line

Facts = Mapping[str, Fact]

LONGEST = 1000
"""Characters of a line; what a cluster calls its parts may be as long as it likes."""

FAMILIES = (("dual", "dual-stack"), ("v4", "IPv4"), ("v6", "IPv6"))


def lines(found: Facts) -> list[str]:
    """The cluster, then what surrounds it. What nobody could tell is said to be unknown."""
    first = [
        _value(found, "kubernetes", "Kubernetes {}"),
        _value(found, "nodes", "{}"),
        _families(found),
        _value(found, "cni", "CNI {}"),
        _proxy(found),
        _dns(found),
    ]
    second = [
        _state(found, "service-cidrs", yes="Services in {}", no=""),
        _state(found, "control-plane", yes="pods on the control plane", no="no pods on the control plane"),
        _state(
            found, "network-policy", yes="policies enforced", no="policies not enforced", unknown="policies untried"
        ),
        _state(found, "lb", yes="LoadBalancer addresses {}", no="no LoadBalancer", unknown="LoadBalancer untried {}"),
        _state(found, "ing", yes="Ingress {}", no="no IngressClass", unknown="Ingress untried {}"),
        _state(found, "node-local-dns", yes="node-local DNS", no=""),
        _state(found, "apis", yes="{}", no=""),
        _state(
            found,
            "node-network",
            yes="nodes reached from here",
            no="nodes not reached from here, {}",
            unknown="nodes perhaps not reached from here, {}",
        ),
    ]
    told = [", ".join(part for part in parts if part) for parts in (first, second)]
    told = [one_line(" ".join(line.split()), longest=LONGEST) for line in told]
    return [line for line in told if line]


def properties(found: Facts) -> Iterator[tuple[str, str]]:
    """Each fact by its name, with its reason."""
    for name, fact in found.items():
        yield f"capability.{name}", str(fact)


def facts_in(cluster: Mapping[str, object]) -> dict[str, Fact]:
    """The facts that a run's record carries; none in one that was made without."""
    told = cluster.get("capabilities")
    return {str(name): Fact.of(each) for name, each in told.items()} if isinstance(told, Mapping) else {}


def _value(found: Facts, name: str, text: str) -> str:
    if name not in found:
        return ""
    return text.format(found[name].value if found[name].state is State.YES else "unknown")


def _state(found: Facts, name: str, *, yes: str, no: str, unknown: str = "") -> str:
    if name not in found:
        return ""
    text = {State.YES: yes, State.NO: no, State.UNKNOWN: unknown}[found[name].state]
    return text.format(found[name].value).strip()


def _families(found: Facts) -> str:
    return next((words for name, words in FAMILIES if name in found and found[name].state is State.YES), "")


def _proxy(found: Facts) -> str:
    return _state(found, "kp", yes="kube-proxy {}", no="no kube-proxy", unknown="kube-proxy unknown")


def _dns(found: Facts) -> str:
    settings = found.get("dns-settings")
    known = settings is not None and settings.state is State.YES
    return _value(found, "dns", "DNS {}") + (f" ({settings.value})" if settings is not None and known else "")
