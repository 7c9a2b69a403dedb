"""What a pod finds inside itself: its addresses, its hosts file, its host name.

Source: pod API (PodStatus, PodSpec.hostname), the Kubernetes network model.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from harness.suite import (
    Arena,
    Check,
    Difference,
    Family,
    Findings,
    Hostname,
    Interfaces,
    PodShape,
    ReadFile,
    Result,
    Seen,
    Symptom,
    Verdict,
    requirement,
)


def unread(what: str, result: Result) -> list[Difference]:
    """The difference when the pod could not say: nothing is known then."""
    if result.seen is Seen.REACHED:
        return []
    return [Difference(what, "told", str(result), verdict=Verdict.UNKNOWN)]


def judged(found: list[Difference], wrong: Symptom) -> Findings:
    """Findings about what the kubelet puts into pods, or tells of them."""
    unmeasured = any(each.verdict is Verdict.UNKNOWN for each in found)
    hint = Symptom.UNMEASURED if unmeasured else wrong
    return Findings(tuple(found), frozenset({hint} if found else ()))


def with_a_new_pod(arena: Arena, **spec: str) -> tuple[str, ...]:
    """The pods of the arena, which may have been running for long, and one that has just begun."""
    arena.start({"x/d": PodShape(labels={"app": "new"}, ports=(80,), spec=spec)})
    return (*arena.table, "x/d")


@requirement("NET-002")
def test_own_addresses(arena: Arena, check: Check) -> None:
    """The addresses on a pod's own interfaces are those the API reports, and no others of global scope."""
    several = with_a_new_pod(arena)

    def look() -> Findings:
        found: list[Difference] = []
        for ref in several:
            (result,) = arena.ask(ref, Interfaces())
            found += unread(f"interfaces of {ref}", result) or foreign(ref, result, set(arena.pods[ref].addresses))
        return judged(found, Symptom.NOT_AS_TOLD)

    check.eventually("interfaces", look, within=check.waits.pod_network)


def foreign(ref: str, result: Result, wanted: set[str]) -> list[Difference]:
    """The difference when a pod has other addresses than these."""
    own = {
        str(address.ip)
        for interface in result.interfaces
        for address in map(ipaddress.ip_interface, interface.addresses)
        if not (address.ip.is_loopback or address.ip.is_link_local)
    }
    return (
        [] if own == wanted else [Difference(f"addresses of {ref}", str(sorted(wanted)), str(sorted(own)), "PodStatus")]
    )


@requirement("NET-051", needs=("dual",))
def test_one_address_of_each_family(arena: Arena, check: Check) -> None:
    """A dual-stack pod has one address of each family; the first is the one that `podIP` repeats."""
    several = with_a_new_pod(arena)

    def look() -> Findings:
        return judged([each for ref in several for each in addresses(ref, _status(arena, ref))], Symptom.NOT_AS_TOLD)

    check.eventually("addresses in the API", look, within=check.waits.pod_network)


def _status(arena: Arena, ref: str) -> Mapping[str, Any]:
    pod = arena.kube.get("pods", arena.pods[ref].name, namespace=arena.pods[ref].namespace)
    status: Mapping[str, Any] = pod["status"]
    return status


def addresses(ref: str, status: Mapping[str, Any]) -> list[Difference]:
    """What is wrong with the addresses of a dual-stack pod in the API."""
    several = [str(each["ip"]) for each in status.get("podIPs") or ()]
    found = []
    if sorted(map(Family.of, several)) != sorted(Family):
        found.append(Difference(f"podIPs of {ref}", "one of each family", ", ".join(several) or "none", "PodStatus"))
    if several[:1] != [status.get("podIP")]:
        found.append(Difference(f"podIP of {ref}", ", ".join(several[:1]), str(status.get("podIP")), "PodStatus"))
    return found


@requirement("NET-049")
def test_hosts_file(arena: Arena, check: Check) -> None:
    """A pod's hosts file names the pod at its own address."""
    several = with_a_new_pod(arena)

    def look() -> Findings:
        found: list[Difference] = []
        for ref in several:
            (result,) = arena.ask(ref, ReadFile("/etc/hosts"))
            pod = arena.pods[ref]
            lines = [line.split() for line in result.content.decode(errors="replace").splitlines()]
            missing = not any(line[:1] == [pod.address()] and pod.name in line[1:] for line in lines)
            lost = unread(f"hosts file of {ref}", result)
            if missing and not lost:
                lost = [Difference(f"/etc/hosts of {ref}", f"{pod.address()} {pod.name}", "no such line", "kubelet")]
            found += lost
        return judged(found, Symptom.RESOLVER_FILE_WRONG)

    check.eventually("hosts files", look, within=check.waits.pod_network)


@requirement("NET-050")
def test_hostname(arena: Arena, check: Check) -> None:
    """A pod's host name is its name, or the one its spec gives it."""
    several = with_a_new_pod(arena, hostname="given")
    wanted = {**{ref: arena.pods[ref].name for ref in several}, "x/d": "given"}

    def look() -> Findings:
        found: list[Difference] = []
        for ref, name in wanted.items():
            (result,) = arena.ask(ref, Hostname())
            found += unread(f"host name of {ref}", result)
            if result.seen is Seen.REACHED and result.text != name:
                found.append(Difference(f"host name of {ref}", name, result.text, "PodSpec.hostname"))
        return judged(found, Symptom.RESOLVER_FILE_WRONG)

    check.eventually("host names", look, within=check.waits.pod_network)
