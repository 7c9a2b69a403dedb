"""Probes of what only packets tell: policies enforced, ignored, or not to be tried; what a DNS calls itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from harness.kube.errors import Forbidden
from harness.model.capability import Fact, State
from harness.model.judgement import NotApplicable, Unmeasured
from harness.model.outcome import Seen
from harness.probe.asks import Ask, Dns
from harness.probe.results import Result
from harness.suite.detection import dns_version, node_pods_admitted, policies_enforced
from harness.world.manifests import PodShape
from tests.unit.suite.ground import Ground, Lie, away

PROFILE = "pod-security.kubernetes.io/enforce"
POLICIES = "networkpolicies.networking.k8s.io"


def policies(ground: Ground) -> list[str]:
    return [name for kind, _, name in ground.kube.objects if kind == POLICIES]


def silent_to(ground: Ground, ref: str, when: Callable[[], bool], seen: Seen = Seen.SILENT) -> Lie:
    """What a client is told that asks this pod, while something is so."""
    address = ground.base.pods[ref].address()

    def lie(_: str, ask: Ask) -> Result | None:
        asked: Any = ask
        return Result(ask, "y/b", seen, error="as told") if asked.host == address and when() else None

    return lie


def found(ground: Ground) -> Fact:
    return policies_enforced(ground.base, clock=ground.clock)


def test_a_policy_that_isolates_is_enforced(ground: Ground) -> None:
    """Reached before, silent while the policy stands, reached after; the policy is gone at the end."""
    ground.network.lies.append(silent_to(ground, "x/a", lambda: bool(policies(ground))))
    assert found(ground).state is State.YES
    assert policies(ground) == []


def test_a_policy_that_changes_nothing_is_not_enforced(ground: Ground) -> None:
    """No, after the whole time that policies are given, and with what was tried."""
    told = found(ground)
    assert told.state is State.NO
    assert "within 20 s" in told.why
    assert ground.clock.now() >= 20
    assert policies(ground) == []


def test_a_pod_that_nobody_reaches_says_nothing_about_policies(ground: Ground) -> None:
    """Silence without a policy is not a policy's; none is made."""
    ground.network.lies.append(silent_to(ground, "x/a", lambda: True))
    told = found(ground)
    assert told.state is State.UNKNOWN
    assert "before any policy" in told.why
    assert ("apply", "NetworkPolicy", "capability") not in ground.kube.requests


def test_a_network_that_breaks_meanwhile_says_nothing(ground: Ground) -> None:
    """The pod beside it, which no policy selects, must go on answering."""
    for ref in ("x/a", "x/b"):
        ground.network.lies.append(silent_to(ground, ref, lambda: bool(policies(ground))))
    assert found(ground).state is State.UNKNOWN


def test_a_pod_that_stays_lost_says_nothing(ground: Ground) -> None:
    """Reached again after the policy is gone, or it was not the policy."""
    ground.network.lies.append(
        silent_to(ground, "x/a", lambda: ("apply", "NetworkPolicy", "capability") in ground.kube.requests)
    )
    told = found(ground)
    assert told.state is State.UNKNOWN
    assert "after the policy was gone" in told.why


def test_a_broken_probe_says_nothing(ground: Ground) -> None:
    """An agent that could not ask is neither denial nor reach."""
    ground.network.lies.append(silent_to(ground, "x/a", lambda: bool(policies(ground)), Seen.UNMEASURED))
    assert found(ground).state is State.UNKNOWN


def test_an_api_that_is_away_says_nothing(ground: Ground) -> None:
    """The policy could not be made."""
    ground.kube.troubles = away(1000)
    assert found(ground).state is State.UNKNOWN


def answering(make: Callable[[dns.message.Message], dns.message.Message | None]) -> Lie:
    """A server that makes its reply of the query."""

    def lie(ref: str, ask: Ask) -> Result | None:
        assert isinstance(ask, Dns)
        reply = make(dns.message.from_wire(ask.wire_query))
        return Result(ask, ref, Seen.SILENT) if reply is None else Result(ask, ref, Seen.REACHED, wire=reply.to_wire())

    return lie


def versioned(asked: dns.message.Message) -> dns.message.Message:
    assert str(asked.question[0]) == "version.bind. CH TXT"
    reply = dns.message.make_response(asked)
    reply.answer.append(dns.rrset.from_text("version.bind.", 0, "CH", "TXT", '"CoreDNS-1.14.1"'))
    return reply


@pytest.mark.parametrize(
    ("make", "state", "value"),
    [
        (versioned, State.YES, "CoreDNS-1.14.1"),
        (dns.message.make_response, State.NO, ""),
        (lambda asked: None, State.UNKNOWN, ""),
        (lambda asked: dns.message.make_response(dns.message.make_query("other.", "TXT")), State.UNKNOWN, ""),
    ],
    ids=["told", "nothing", "silent", "other"],
)
def test_what_the_dns_calls_itself(ground: Ground, make: Any, state: State, value: str) -> None:
    """The text of version.bind, if it is answered."""
    ground.network.lies.append(answering(make))
    told = dns_version(ground.base, lambda: "10.96.0.10")
    assert (told.state, told.value) == (state, value)


def test_a_dns_that_is_not_found_is_not_asked(ground: Ground) -> None:
    """Unknown, with the reason."""

    def nowhere() -> str:
        raise Unmeasured("where is the cluster DNS?")

    assert dns_version(ground.base, nowhere) == Fact.unknown("where is the cluster DNS?")


def refusing(ground: Ground, what: str, causes: Sequence[Mapping[str, str]] = ()) -> None:
    """An admission that lets none of these in."""
    kube: Any = ground.kube

    def refused(made: Any) -> Any:
        said = f"{what} {made['metadata']['name']} violates PodSecurity"
        raise Forbidden({"code": 403, "message": said, "details": {"causes": causes}}, asked=what)

    before_apply, before_create = kube.apply, kube.create
    if what == "Namespace":
        kube.apply = lambda obj: refused(obj) if obj["kind"] == what else before_apply(obj)
    else:
        kube.create = lambda obj, **how: refused(obj) if obj["kind"] == what else before_create(obj, **how)


def test_pods_of_the_nodes_network_that_are_admitted(ground: Ground) -> None:
    """Tried in a namespace of the privileged profile, without a pod that runs."""
    kube: Any = ground.kube
    kube.dry = dict
    kube.put(account(ground))
    assert node_pods_admitted(ground.base).state is State.YES
    assert kube.objects["namespaces", "", ground.base.namespaces["h"]]["metadata"]["labels"][PROFILE] == "privileged"
    assert not [key for key in kube.objects if key[0] == "pods" and key[1] == ground.base.namespaces["h"]]


@pytest.mark.parametrize("what", ["Namespace", "Pod"])
def test_pods_of_the_nodes_network_that_are_not_admitted(ground: Ground, what: str) -> None:
    """No, in the words of the admission; a test that makes one all the same is skipped with them."""
    ground.kube.put(account(ground))
    refusing(ground, what)
    told = node_pods_admitted(ground.base)
    assert told.state is State.NO
    assert "violates PodSecurity" in told.why
    arena = ground.lease()
    with pytest.raises(NotApplicable, match=r"not admitted.*violates PodSecurity"):
        arena.start({"h/a": PodShape(ports=(30998,), host_network=True)})
    arena.close()


def test_a_namespace_that_is_being_deleted_says_nothing_about_admission(ground: Ground) -> None:
    """It refuses everything with the same code: unknown, and no skip."""
    ground.kube.put(account(ground))
    refusing(ground, "Pod", causes=[{"reason": "NamespaceTerminating", "message": "being deleted"}])
    assert node_pods_admitted(ground.base).state is State.UNKNOWN
    arena = ground.lease()
    with pytest.raises(Forbidden):
        arena.start({"h/a": PodShape(ports=(30998,), host_network=True)})
    arena.close()


def test_an_api_that_is_away_says_nothing_about_admission(ground: Ground) -> None:
    """Unknown, not no."""
    ground.kube.troubles = away(1000)
    assert node_pods_admitted(ground.base).state is State.UNKNOWN


def account(ground: Ground) -> dict[str, Any]:
    """What the cluster puts into a new namespace."""
    metadata = {"name": "default", "namespace": ground.base.owner.namespace("h")}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
