"""A verdict's chain of reasons, in words: which policies isolate, which rule allowed, which nearly did and why not."""

from __future__ import annotations

from harness.model.expectation import Want
from harness.oracle.policy.evaluate import Decision, Miss, Side

WORDS = {Want.ALLOW: "allowed", Want.DENY: "denied", Want.UNDEFINED: "undefined"}


def explain(decision: Decision) -> list[str]:
    """The reasons, one line each, the verdict first."""
    lines = [f"{decision.flow}: {WORDS[decision.want]}" + (f" ({decision.note})" if decision.note else "")]
    for side in (decision.egress, decision.ingress):
        lines += _side(decision, side)
    return lines


def reason(decision: Decision) -> str:
    """The one line that decides: the denying side, or why it is allowed."""
    if decision.note:
        return f"{WORDS[decision.want]}: {decision.note}"
    for side in (decision.egress, decision.ingress):
        if side.want is decision.want is Want.DENY:
            return _verdict(decision, side)
    return "; ".join(_verdict(decision, side) for side in (decision.egress, decision.ingress))


def _side(decision: Decision, side: Side) -> list[str]:
    lines = [f"  {side.direction.lower()} of {side.subject}: {_verdict(decision, side)}"]
    near = [each for each in side.misses if each.near]
    return lines + ["    " + _miss(miss, nearest=bool(near)) for miss in near or side.misses]


def _verdict(decision: Decision, side: Side) -> str:
    if side.note:
        return f"{WORDS[side.want]}: {side.note}"
    if side.by:
        return f"allowed by {side.by}"
    flow = decision.flow
    other = flow.source if side.subject == flow.destination.text else flow.destination
    what = f"no rule matches {other} {flow.lane}" if side.misses else "and no rule"
    return f"denied by {', '.join(side.policies)}: selects {side.subject}, {side.direction}, {what}"


def _miss(miss: Miss, *, nearest: bool) -> str:
    start = f"{'nearest miss' if nearest else 'missed'}: {miss.policy} rule {miss.rule}"
    if not miss.peer:
        return f"{start}: the peer matches, the port does not: {miss.port}"
    if not miss.port:
        return f"{start}: the port matches, the peer does not: {miss.peer}"
    return f"{start}: peer: {miss.peer}; port: {miss.port}"
