"""What the project's own tests say at their end: what was left out here and why, one line a reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

NAMESPACES = "namespaces cannot be made here"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the skipped tests by reason; whatever has to do with namespaces is one reason."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"left out: {count} tests: {reason}")


def _reason(report: Any) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = str(told).removeprefix("Skipped: ")
    return NAMESPACES + " (no root, or a locked-down container)" if "namespaces" in reason else reason
