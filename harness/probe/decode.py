"""From the agent's wire entries to `Result` values, and from the pod's clock to the host's. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.model.outcome import Seen
from harness.probe.asks import Ask, Hold, Until
from harness.probe.results import (
    Answer,
    HttpReply,
    Interface,
    LoopLook,
    LoopOutcome,
    LoopReport,
    Result,
)

_IDENTITY = ("pod", "namespace", "node", "nonce", "saw", "local")

STALE = 60.0
"""Seconds after which an older, better estimate of a clock gives way: clocks drift some 50 µs a second at worst."""


@dataclass(frozen=True)
class ClockEstimate:
    """How far the host's wall clock is ahead of the agent's monotonic one, from one ping and pong."""

    offset: float = 0.0
    error: float = float("inf")
    """Half the round trip: the truth lies within."""
    taken: float = 0.0

    def better(self, sent: float, agent: float, received: float) -> ClockEstimate:
        """The better of this estimate and the one of a ping sent and received (host) and answered (agent) then."""
        fresh = ClockEstimate((sent + received) / 2 - agent, max(0.0, received - sent) / 2, received)
        return fresh if fresh.error <= self.error or received - self.taken > STALE else self

    def host(self, agent: float) -> float:
        """A moment of the agent's clock on the host's."""
        return agent + self.offset


def decode(ask: Ask, pod: str, entry: Mapping[str, Any], offset: ClockEstimate) -> Result:
    """One entry of a results frame as a Result."""
    http = entry.get("http")
    return Result(
        ask=ask,
        pod=pod,
        seen=Seen(entry["seen"]),
        ms=float(entry.get("ms", 0.0)),
        at=offset.host(float(entry["at"])),
        answer=_answer(entry.get("answer")),
        error=str(entry.get("error", "")),
        errno=str(entry.get("errno", "")),
        clock_error=offset.error,
        local=str(entry.get("local", "")),
        replies=tuple(answer for raw in entry.get("replies", ()) if (answer := _answer(raw))),
        wire=base64.b64decode(entry.get("wire", "")),
        http=_http(http) if http else None,
        certificate=base64.b64decode(entry.get("certificate", "")),
        addresses=tuple(entry.get("addresses", ())),
        content=base64.b64decode(entry.get("content", "")),
        text=str(entry.get("text", "")),
        interfaces=tuple(_interface(raw) for raw in entry.get("interfaces", ())),
        loop=_loop(ask, pod, entry["loop"], offset) if "loop" in entry else None,
        details=entry.get("details", {}),
    )


def _answer(raw: Mapping[str, Any] | None) -> Answer | None:
    if not raw:
        return None
    extra = {key: value for key, value in raw.items() if key not in _IDENTITY}
    pod, namespace, node, nonce, saw, local = (str(raw.get(key, "")) for key in _IDENTITY)
    return Answer(pod, namespace, node, nonce, saw, local, extra)


def _http(raw: Mapping[str, Any]) -> HttpReply:
    headers = tuple((str(name), str(value)) for name, value in raw["headers"])
    return HttpReply(int(raw["status"]), headers, base64.b64decode(raw["body"]))


def _interface(raw: Mapping[str, Any]) -> Interface:
    return Interface(raw["name"], int(raw["mtu"]), bool(raw["up"]), raw["mac"], tuple(raw["addresses"]))


def _loop(ask: Ask, pod: str, raw: Mapping[str, Any], offset: ClockEstimate) -> LoopReport:
    inner = ask.ask if isinstance(ask, Until | Hold) else ask
    trail = tuple(LoopLook(offset.host(float(e["at"])), decode(inner, pod, e, offset)) for e in raw["trail"])
    moments = {name: raw.get(name) for name in ("first_good", "streak_began")}
    return LoopReport(
        outcome=LoopOutcome(raw["outcome"]),
        looks=int(raw["looks"]),
        good=int(raw["good"]),
        bad=int(raw["bad"]),
        unmeasured=int(raw["unmeasured"]),
        started=offset.host(float(raw["started"])),
        ended=offset.host(float(raw["ended"])),
        first_good=None if moments["first_good"] is None else offset.host(float(moments["first_good"])),
        streak_began=None if moments["streak_began"] is None else offset.host(float(moments["streak_began"])),
        longest_gap=float(raw["longest_gap"]),
        trail=trail,
    )
