"""Who answered, as far as the answer proves it. An answer that proves nothing is no answer of anybody.

Our servers sign each answer with their pod and the nonce of the question. Without that, something else answered: a
server that is not ours, a transparent proxy on the way out of the cluster, or whoever replays what was said before.
"""

from __future__ import annotations

from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.probe.results import Result


def answered_by(result: Result) -> str | None:
    """`namespace/pod` of whoever proved that it answered this very question; None when nobody did."""
    if result.seen is not Seen.REACHED or result.answer is None or result.error:
        return None
    return result.answer.who


def unanswered(what: str, result: Result, *, by: str, rule: str = "") -> list[Difference]:
    """The difference when `by` (`namespace/pod`) did not answer; UNKNOWN when the probe itself broke."""
    if answered_by(result) == by:
        return []
    verdict = Verdict.UNKNOWN if result.seen in {Seen.UNMEASURED, Seen.MISSING} else Verdict.FAIL
    return [Difference(what, f"answered by {by}", str(result), rule, verdict)]


def uncontrolled(what: str, result: Result, *, by: str) -> list[Difference]:
    """The difference when a positive control was not open: then nothing that was denied beside it counts."""
    if answered_by(result) == by:
        return []
    return [Difference(f"positive control: {what}", f"answered by {by}", str(result), verdict=Verdict.UNKNOWN)]
