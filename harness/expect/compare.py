"""A wanted table against a seen one, cell by cell, and never the first difference only.

Rules that hold everywhere: a hole is UNKNOWN, never a denial; a cell nobody wanted is an error of the test; a denial
counts only when the same question reached its positive control.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.model.difference import Difference
from harness.model.expectation import Want
from harness.model.outcome import Seen, Verdict, worst

K = TypeVar("K", bound=Hashable)

UNMEASURED = frozenset({Seen.UNMEASURED, Seen.MISSING})

WANTED = {Want.ALLOW: "reached", Want.DENY: "denied", Want.UNDEFINED: "anything"}
SEEN = {
    Seen.REACHED: "reached",
    Seen.REFUSED: "refused",
    Seen.SILENT: "silent",
    Seen.UNMEASURED: "not measured",
    Seen.MISSING: "nothing: nobody asked or nobody answered",
}


@dataclass(frozen=True)
class Judged(Generic[K]):
    """One cell with its verdict; `why` says what made it UNKNOWN or unjudged."""

    key: K
    want: Want
    seen: Seen
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class Comparison(Generic[K]):
    """A whole table, judged. Cells that are UNDEFINED are kept and not counted."""

    cells: Mapping[K, Judged[K]]

    @property
    def verdict(self) -> Verdict:
        """The worst cell; of a table without any judged cell, UNKNOWN."""
        return worst(each.verdict for each in self.cells.values() if each.want is not Want.UNDEFINED)

    @property
    def differing(self) -> tuple[Judged[K], ...]:
        """Cells that did not pass, the broken before the unknown."""
        bad = [each for each in self.cells.values() if each.verdict is not Verdict.PASS]
        return tuple(sorted(bad, key=lambda each: -each.verdict))

    def differences(self, *, rules: Mapping[K, str] | None = None) -> list[Difference]:
        """The differing cells as lines for two columns; `rules` says per cell why its expectation holds."""
        return [
            Difference(
                str(each.key),
                WANTED[each.want],
                SEEN[each.seen] + (f" ({each.why})" if each.why else ""),
                (rules or {}).get(each.key, ""),
                each.verdict,
            )
            for each in self.differing
        ]


def compare(
    want: Mapping[K, Want],
    got: Mapping[K, Seen],
    *,
    control: Mapping[K, Seen],
    refusal_denies: bool = True,
) -> Comparison[K]:
    """Judge every wanted cell.

    `control` holds, for each cell that shall be denied, what the same probe saw where or when it was open: before the
    policy came, or beside it (same server, other port). `refusal_denies=False` for engines declared to drop.
    Raises KeyError when something was observed that was never expected.
    """
    if extra := [str(key) for key in got if key not in want]:
        raise KeyError(f"observed but never expected: {sorted(extra)}")
    return Comparison(
        {
            key: judge(
                key, wanted, got.get(key, Seen.MISSING), control.get(key, Seen.MISSING), refusal_denies=refusal_denies
            )
            for key, wanted in want.items()
        }
    )


def judge(key: K, want: Want, seen: Seen, control: Seen, *, refusal_denies: bool = True) -> Judged[K]:
    """One cell. See `compare`."""
    if want is Want.UNDEFINED:
        return Judged(key, want, seen, Verdict.PASS, "left to the implementation, not judged")
    if seen in UNMEASURED:
        return Judged(key, want, seen, Verdict.UNKNOWN)
    if want is Want.ALLOW:
        return Judged(key, want, seen, Verdict.PASS if seen is Seen.REACHED else Verdict.FAIL)
    if seen is Seen.REACHED:
        return Judged(key, want, seen, Verdict.FAIL)
    if control is not Seen.REACHED:
        return Judged(key, want, seen, Verdict.UNKNOWN, f"its positive control: {SEEN[control]}")
    if seen is Seen.REFUSED and not refusal_denies:
        return Judged(key, want, seen, Verdict.FAIL, "this engine is declared to drop, not to refuse")
    return Judged(key, want, seen, Verdict.PASS)


def compare_sets(what: str, want: frozenset[K], got: frozenset[K], *, rule: str = "") -> list[Difference]:
    """Missing and surplus members, each on a line of its own."""
    missing = [Difference(f"{what} {each}", "present", "missing", rule) for each in sorted(want - got, key=str)]
    surplus = [Difference(f"{what} {each}", "absent", "present", rule) for each in sorted(got - want, key=str)]
    return missing + surplus
