"""Turning expectations and observations into verdicts: compare, converge, hold, explain, pending. Knows no data plane.

comparison = compare(want, got, control=before)     # {key: Want}, {key: Seen}, {key: Seen} -> Comparison
comparison.verdict; comparison.differences(); table_text(comparison)
reached = converge(look, good, clock=clock, within=20, streak=3, spacing=0.1)   # or NotConvergedError
hold(look, good, clock=clock, for_=2.0)                                          # or NotHeldError
render(Failure(promise=..., asked=..., differences=tuple(comparison.differences()), symptoms=...))
"""

from harness.expect.blame import Blame, Layer, Symptom, blame
from harness.expect.compare import Comparison, Judged, compare, compare_sets, judge
from harness.expect.converge import Convergence, NotConvergedError, converge
from harness.expect.explain import Failure, grid, render, table_text, two_columns
from harness.expect.hold import Held, NotHeldError, hold
from harness.expect.looks import Look, trail_text
from harness.expect.pending import NeverCheckedError, Pending

__all__ = [
    "Blame",
    "Comparison",
    "Convergence",
    "Failure",
    "Held",
    "Judged",
    "Layer",
    "Look",
    "NeverCheckedError",
    "NotConvergedError",
    "NotHeldError",
    "Pending",
    "Symptom",
    "blame",
    "compare",
    "compare_sets",
    "converge",
    "grid",
    "hold",
    "judge",
    "render",
    "table_text",
    "trail_text",
    "two_columns",
]
