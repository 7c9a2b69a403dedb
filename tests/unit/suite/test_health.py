"""Health check node ports asked from a pod: what counts as right, as broken, and as not measured."""

from __future__ import annotations

from typing import Any, cast

import pytest

from harness.model.outcome import Seen, Verdict
from harness.model.refs import Family
from harness.probe.asks import Ask, Http
from harness.probe.results import HttpReply, Result
from harness.suite.facts import ClusterFacts
from harness.suite.health import health_findings
from tests.unit.suite.ground import NODES, Ground

LOCAL = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000}


class Facts:
    """Three nodes."""

    families = (Family.V4,)
    sample = NODES

    def node_address(self, name: str, family: Family) -> str:
        return f"172.18.0.{NODES.index(name) + 2}" if family is Family.V4 else "::1"


def told(ground: Ground, statuses: list[int], *, closed: bool = False, seen: Seen = Seen.REACHED) -> Verdict:
    """What is made of these answers of the three nodes; of a port that has to be closed besides."""
    ground.service("x/a", **LOCAL)

    def answer(_client: str, ask: Ask) -> Result | None:
        if isinstance(ask, Http):
            place = int(ask.host.rpartition(".")[2]) - 2
            reply = HttpReply(statuses[place], (), b"")
            return Result(ask, "y/b", seen, http=reply if seen is Seen.REACHED else None)
        return Result(ask, "y/b", seen) if closed else None

    ground.network.lies.append(answer)
    ports: tuple[int, ...] = (31001,) if closed else ()
    facts: Any = Facts()
    return health_findings(ground.lease(), cast("ClusterFacts", facts), ["svc"], client="y/b", closed=ports).verdict


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([200, 503, 503], Verdict.PASS),
        ([503, 503, 503], Verdict.FAIL),
        ([200, 200, 503], Verdict.FAIL),
        ([200, 503, 404], Verdict.FAIL),
    ],
)
def test_the_node_with_the_backend_says_so(ground: Ground, statuses: list[int], verdict: Verdict) -> None:
    """200 where x/a stands, 503 elsewhere; anything else is broken."""
    assert told(ground, statuses) is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(Seen.UNMEASURED, Verdict.UNKNOWN), (Seen.REFUSED, Verdict.FAIL), (Seen.SILENT, Verdict.FAIL)],
)
def test_no_answer_is_broken_and_no_measurement_unknown(ground: Ground, seen: Seen, verdict: Verdict) -> None:
    """A port that is owed has to answer."""
    assert told(ground, [200, 503, 503], seen=seen) is verdict


def test_a_port_that_should_be_closed(ground: Ground) -> None:
    """An answer where the Service has no such port any more is broken."""
    assert told(ground, [200, 503, 503], closed=True) is Verdict.FAIL
