"""Attempts at a Service address held against a delivery. All differences."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from harness.model.difference import Difference
from harness.model.outcome import Seen, Verdict
from harness.oracle.services.values import Arrival, Backend, Delivery, Failure


def judge_arrivals(delivery: Delivery, arrivals: Iterable[Arrival], *, complete: bool = False) -> list[Difference]:
    """All differences. `complete`: enough attempts were made that every backend must have been seen.

    An undefined delivery is only held against its widest set of backends.
    """
    several = list(arrivals)
    rule = "; ".join(delivery.why)
    found = [_lost(each, index) for index, each in enumerate(several) if each.seen in {Seen.UNMEASURED, Seen.MISSING}]
    reached = [each for each in several if each.seen is Seen.REACHED]
    answered = {each: _who(delivery, each) for each in reached}
    for each in dict.fromkeys(reached):
        if answered[each] is None:
            found.append(Difference(f"answer of {_text(each)}", _wanted(delivery), "it answered", rule))
        elif not delivery.undefined and answered[each] not in delivery.own_backends:
            found += _judge_source(delivery, each)
    if not delivery.undefined:
        found += _judge_failures(delivery, several, rule)
        found += _judge_spread(delivery, {each for each in answered.values() if each is not None}, complete, rule)
    return found


def _judge_failures(delivery: Delivery, several: list[Arrival], rule: str) -> list[Difference]:
    bad = [each.seen for each in several if each.seen in {Seen.REFUSED, Seen.SILENT}]
    if delivery.backends:
        return [
            Difference(f"{bad.count(kind)} of {len(several)} attempts", "reached", kind.name.lower(), rule)
            for kind in (Seen.REFUSED, Seen.SILENT)
            if kind in bad
        ]
    if delivery.failure is Failure.REFUSED and Seen.SILENT in bad:
        return [
            Difference(
                f"{bad.count(Seen.SILENT)} of {len(several)} attempts", "refused", "silent", rule or "no endpoints"
            )
        ]
    return []


def _judge_spread(delivery: Delivery, answered: set[Backend], complete: bool, rule: str) -> list[Difference]:
    if delivery.affinity is not None:
        if len(answered) > 1:
            seen = ", ".join(map(str, sorted(answered)))
            return [Difference("backends of one client", "one: sessionAffinity ClientIP", seen, rule)]
        return []
    if not complete:
        return []
    return [
        Difference(f"backend {each}", "answers", "never did", rule) for each in sorted(delivery.backends - answered)
    ]


def _judge_source(delivery: Delivery, arrival: Arrival) -> list[Difference]:
    if not arrival.source or delivery.source.admits(arrival.source):
        return []
    what = f"client address seen by {_text(arrival)}"
    return [Difference(what, str(delivery.source), arrival.source, delivery.source.why)]


def _who(delivery: Delivery, arrival: Arrival) -> Backend | None:
    """The backend that answered: by the address it served at, when it said so; otherwise by its pod."""
    for each in delivery.backends:
        if arrival.address:
            if (str(ipaddress.ip_address(arrival.address)), arrival.port or each.port) == (each.address, each.port):
                return each
        elif arrival.pod and arrival.pod == each.pod:
            return each
    return None


def _lost(arrival: Arrival, index: int) -> Difference:
    return Difference(f"attempt {index + 1}", "an observation", arrival.seen.name.lower(), verdict=Verdict.UNKNOWN)


def _wanted(delivery: Delivery) -> str:
    return "nobody" if not delivery.backends else "one of " + ", ".join(map(str, sorted(delivery.backends)))


def _text(arrival: Arrival) -> str:
    where = f"{arrival.address}:{arrival.port}" if arrival.address else ""
    return " ".join(each for each in (arrival.pod, where) if each) or "an unnamed server"
