"""What is wrong with what came back for a request, held against the route that the objects call for."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.oracle.ingress.values import Route

CONTROLLER = "the Ingress controller"


@dataclass(frozen=True)
class Reply:
    """What became of a request. `pod` (`namespace/pod`) is whoever proved that it answered; else the controller did."""

    seen: Seen
    status: int = 0
    pod: str = ""
    error: str = ""
    port: int = 0
    """At which of its ports; 0 when that is not known."""

    def __str__(self) -> str:
        if self.seen is not Seen.REACHED:
            return f"{self.seen.name}: {self.error}" if self.error else self.seen.name
        return f"{self.status} by {self.pod or CONTROLLER}{f' at its port {self.port}' if self.port else ''}"


def judge_reply(what: str, expected: Route, reply: Reply, *, status: int | None = None) -> list[Difference]:
    """The differences. `status` is the one that the controller itself has to give, where that is promised.

    Where nobody may answer, only an answer of the controller says so: silence could be anybody's.
    """
    if reply.seen in {Seen.UNMEASURED, Seen.MISSING}:
        return [_difference(what, expected, reply, Verdict.UNKNOWN)]
    if expected.undefined:
        return []
    if expected.backends:
        ends = {(each.pod, each.port if reply.port else 0) for each in expected.backends if each.pod}
        good = (reply.pod, reply.port) in ends
        return [] if good else [_difference(what, expected, reply, Verdict.FAIL)]
    if reply.pod:
        return [_difference(what, expected, reply, Verdict.FAIL)]
    if reply.seen is not Seen.REACHED:
        return [_difference(what, expected, reply, Verdict.UNKNOWN)]
    if status is not None and reply.status != status:
        wanted = f"{status} by {CONTROLLER}"
        return [Difference(what, wanted, str(reply), "; ".join(expected.why))]
    return []


def _difference(what: str, expected: Route, reply: Reply, verdict: Verdict) -> Difference:
    wanted = f"answered by {expected}" if expected.backends else f"{expected}, {CONTROLLER} itself answers"
    return Difference(what, wanted, str(reply), "; ".join(expected.why), verdict)
