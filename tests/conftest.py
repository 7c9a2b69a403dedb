"""How the project's own tests are handed out to workers, and what they say at their end of what was left out here.

Many files of tests/system boot a cluster that all their tests share: a file goes to one worker, whole. Handed out
test by test, as xdist does it, every worker boots every cluster.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

FIRST = ("tests/system/test_faults.py", "tests/system/", "tests/contract/")
"""Begun in this order and before all others: what takes minutes must not be what everybody waits for at the end."""

NAMESPACES = "namespaces cannot be made here"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, put the longest files first; the order within a file stays."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: [not item.nodeid.startswith(place) for place in FIRST])


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Files whole, in the order they have, unless another way was asked for."""
    if config.getvalue("dist") != "load" or config.getvalue("maxschedchunk") is not None:
        return None
    config.option.loadscopereorder = False  # by their number of tests, the longest would come last
    return LoadFileScheduling(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the skipped tests by reason, whatever has to do with namespaces as one; tell what was asked again."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"left out: {count} tests: {reason}")
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "asked again":
                terminalreporter.write_line(f"asked again, and right then: {value}")


def _reason(report: Any) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = str(told).removeprefix("Skipped: ")
    return NAMESPACES + " (no root, or a locked-down container)" if "namespaces" in reason else reason
