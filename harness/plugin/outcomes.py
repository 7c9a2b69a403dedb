"""UNKNOWN as an outcome of its own in pytest, safe through xdist.

A promise's test ends PASS, FAIL, UNKNOWN or SKIP. Only `Broken` is FAIL; whatever else goes wrong in one of our tests
(a fixture, a lost agent, an error of ours, a crashed worker) is UNKNOWN. Tests that use nothing of ours are left alone.
The verdict travels as a plain attribute of the report, which xdist carries between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.kube.errors import KubeError
from harness.model.judgement import Broken, Judgement, NotApplicable
from harness.report import junit
from harness.world.deploy import NotReadyError

ATTRIBUTE = "harness"
FAIL, UNKNOWN, PASS, SKIP = "FAIL", "UNKNOWN", "PASS", "SKIP"
SEVERITY = (PASS, SKIP, UNKNOWN, FAIL)
"""Of two phases of a test the later here counts: one that broke its promise and left things behind has broken it."""

HOME = "harness.plugin"
"""Where our fixtures are defined. Their names are common words: another project's `cluster` is not ours."""


def ours(item: pytest.Item) -> bool:
    """Whether a test asks something of a cluster through this plugin: by mark, or by one of our fixtures."""
    if item.get_closest_marker("requirement") is not None:
        return True
    info = getattr(item, "_fixtureinfo", None)  # pytest has no public way to ask where a fixture comes from
    definitions = getattr(info, "name2fixturedefs", {}).values()
    return any(found[-1].func.__module__.startswith(HOME) for found in definitions if found)


def stamp(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
    """Add our verdict to a phase's report, and replace a traceback by the judgement's own text."""
    verdict = _verdict(report, error)
    if verdict is None:
        return
    if isinstance(error, (Judgement, KubeError, NotReadyError)):
        # These say all there is to say; a traceback would bury it.
        report.longrepr = str(error)
    setattr(report, ATTRIBUTE, {"verdict": verdict, **about(item)})
    # The last phase's report carries the worst into pytest's own JUnit file, from which `junit.corrected` reads it.
    told = [each for each in item.user_properties if each[0] == junit.VERDICT]
    worst = max([verdict, *(str(value) for _, value in told)], key=SEVERITY.index)
    item.user_properties[:] = [*(each for each in item.user_properties if each not in told), (junit.VERDICT, worst)]


def _verdict(report: pytest.TestReport, error: BaseException | None) -> str | None:
    if report.skipped:
        return SKIP
    if report.failed:
        return FAIL if isinstance(error, Broken) else UNKNOWN
    return PASS if report.when == "call" else None


def skip_not_applicable(item: pytest.Item, error: BaseException) -> None:
    """Turn `NotApplicable` into pytest's skip, with its reason; a test that asks nothing of a cluster keeps it."""
    if isinstance(error, NotApplicable) and ours(item):
        pytest.skip(str(error))


def about(item: pytest.Item) -> dict[str, Any]:
    """What a test asks, told before it begins."""
    return {"ids": ids_of(item), "promise": promise_of(item)}


def ids_of(item: pytest.Item) -> list[str]:
    """The requirement ids a test decides, nearest mark first, without repetition."""
    return list(dict.fromkeys(str(id_) for mark in item.iter_markers("requirement") for id_ in mark.args))


def promise_of(item: pytest.Item) -> str:
    """The promise as a sentence: a case's own, else the first line of the test's docstring."""
    for mark in item.iter_markers("requirement"):
        if mark.kwargs.get("promise"):
            return str(mark.kwargs["promise"])
    text = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return text.strip().splitlines()[0] if text.strip() else ""


def read(report: Any) -> dict[str, Any] | None:
    """What `stamp` left on a report; None for reports that are not ours."""
    found = getattr(report, ATTRIBUTE, None)
    return found if isinstance(found, dict) else None


def failed(report: Any) -> bool:
    """Whether a phase of one of our tests found a promise broken."""
    return (read(report) or {}).get("verdict") == FAIL


def mark_crashed(report: Any, asked: Mapping[str, Any]) -> None:
    """A worker died in this test or its setup, and cannot say any more what it asked: nothing is known about it."""
    setattr(report, ATTRIBUTE, {"verdict": UNKNOWN, **asked})
