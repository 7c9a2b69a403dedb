"""Probes of what only packets tell: policies enforced, ignored, or not to be tried; what a DNS calls itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from harness.model.capability import Fact, State
from harness.model.judgement import Unmeasured
from harness.model.outcome import Seen
from harness.probe.asks import Ask, Dns
from harness.probe.results import Result
from harness.suite.detection import dns_version, policies_enforced
from tests.unit.suite.ground import Ground, Lie, away

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
