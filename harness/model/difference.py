"""One difference between what was promised and what was seen. Whoever compares collects all, never the first only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model.outcome import Verdict, worst


@dataclass(frozen=True)
class Difference:
    """`what` differs: `expected` against `seen`, as text for two columns. `rule` names where the promise stands."""

    what: str
    expected: str
    seen: str
    rule: str = ""
    verdict: Verdict = Verdict.FAIL
    """UNKNOWN where the observation itself is missing or broken."""

    def __str__(self) -> str:
        text = f"{self.what}: expected {self.expected}, saw {self.seen}"
        return f"{text} ({self.rule})" if self.rule else text


def verdict_of(differences: Iterable[Difference]) -> Verdict:
    """No difference is a PASS; otherwise the worst of them."""
    found = [each.verdict for each in differences]
    return worst(found) if found else Verdict.PASS
