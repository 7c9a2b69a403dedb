"""Services that change: their clients look for themselves until all is as called for, then everything is judged once.

A dial that nobody may answer costs a look a whole time-out, and the first looks after a change come too early. Loops in
the clients overlap their looks (design §4.4): a streak costs one time-out, and what came too early costs nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from harness.kube.errors import KubeError
from harness.model.judgement import NotApplicable
from harness.probe.asks import DENIED, REACHED, Ask, Until
from harness.suite.arena import Arena
from harness.suite.check import Check, Findings
from harness.suite.dial import Dial, NoAddressError, look_of, service_findings, snapshot_for

SPACING = 0.1
"""Seconds between two looks of a loop."""


def services_settle(
    arena: Arena, check: Check, what: str, wanted: Mapping[str, Sequence[Dial]], *, namespace: str = "x"
) -> None:
    """Judge these dials of Services, by name, once their clients saw a streak of what is called for."""
    within = check.waits.service_program
    # The look afterwards says what there is to say of what cannot be asked.
    with contextlib.suppress(KubeError, NoAddressError):
        arena.ask_all(_loops(arena, wanted, namespace, within=within, streak=check.waits.streak))
    check.eventually(
        what,
        lambda: Findings.joined([service_findings(arena, each, wanted[each], namespace=namespace) for each in wanted]),
        within=check.waits.denied_retry_timeout,
        streak=1,
    )


def _loops(
    arena: Arena, wanted: Mapping[str, Sequence[Dial]], namespace: str, *, within: float, streak: int
) -> dict[str, list[Ask]]:
    """For each client a loop per dial. Raises KubeError, NoAddressError; NotApplicable for an address that is not."""
    space = arena.namespace(namespace)
    snapshot = snapshot_for(arena, space)
    asks: dict[str, list[Ask]] = {}
    for name, dials in wanted.items():
        service = snapshot.service(space, name)
        for dial in dials:
            good = DENIED if dial.answered is False else REACHED
            look = look_of(snapshot, service, dial, arena)
            asks.setdefault(dial.client, []).append(Until(look, good, within=within, streak=streak, spacing=SPACING))
    if not asks:
        raise NotApplicable("no dials: nothing would be looked at")
    return asks
