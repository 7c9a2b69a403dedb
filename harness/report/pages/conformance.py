"""One run as a conformance report: what a cluster supports of each profile, for programs and for people. YAML, pure.

It claims nothing about what was not asked: how much of each profile was asked stands beside the result, and a run that
did not come to its end is aborted, whatever held until then.
"""

from __future__ import annotations

from typing import Any

import yaml

from harness.model.requirement import Profile
from harness.report.comparison.printable import one_line, printable
from harness.report.pages.view import View, reasons
from harness.report.record import State

VERSION = "harness.dev/v1"
KIND = "ConformanceReport"


def document(view: View) -> str:
    """The report."""
    return yaml.safe_dump(content(view), sort_keys=False, allow_unicode=True, width=120)


def content(view: View) -> dict[str, Any]:
    """The report as plain values."""
    run = view.run
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "run": run.run,
        "started": run.started,
        "seconds": round(run.seconds, 1),
        "state": str(run.state),
        "course": view.course or "it came to its end",
        "tests": {"selected": len(run.selected) or len(run.tests), "ended": len(run.tests)},
        "about": view.facts(),
        "reproduce": one_line(run.asked.command, longest=4000) or "unknown",
        "profiles": [_profile(view, each) for each in Profile],
    }


def _profile(view: View, profile: Profile) -> dict[str, Any]:
    verdicts = {id_: each for id_, each in view.run.requirements().items() if view.catalogue.profile(id_) is profile}
    known = [id_ for id_ in view.catalogue.requirements if view.catalogue.profile(id_) is profile]
    why = {verdict: dict(reasons(view.run.tests, verdict)) for verdict in ("FAIL", "UNKNOWN", "SKIP")}

    def told(verdict: str) -> list[dict[str, str]]:
        mine = [id_ for id_, each in verdicts.items() if each == verdict]
        return [{"id": printable(id_), "reason": why[verdict].get(id_, "")} for id_ in mine]

    return {
        "name": str(profile),
        "result": result(set(verdicts.values()), view.run.state),
        "statistics": {
            "requirements": max(len(known), len(verdicts)),
            "asked": len(verdicts),
            "refused": sum(id_ in view.catalogue.refused for id_ in known),
            "supported": list(verdicts.values()).count("PASS"),
            "unsupported": list(verdicts.values()).count("FAIL"),
            "unknown": list(verdicts.values()).count("UNKNOWN"),
            "skipped": list(verdicts.values()).count("SKIP"),
        },
        "unsupported": told("FAIL"),
        "unknown": told("UNKNOWN"),
        "skipped": told("SKIP"),
        "supported": [printable(id_) for id_, each in verdicts.items() if each == "PASS"],
    }


def result(verdicts: set[str], state: State) -> str:
    """A profile's result in a word: what is broken is broken however far the run came; unknown is never a success."""
    if "FAIL" in verdicts:
        return "failure"
    if state is not State.COMPLETE:
        return str(state)
    if "UNKNOWN" in verdicts:
        return "unknown"
    if not verdicts:
        return "not asked"
    return "success" if verdicts == {"PASS"} else "partial"
