"""How a test says that a promise is broken, or that nobody knows. Exceptions that carry their text and evidence.

Anything else that a test raises is the harness's own trouble and counts as unknown.
"""

from __future__ import annotations


class Judgement(Exception):  # noqa: N818  # a verdict, not an error
    """The root: a judgement other than PASS. The text is complete: who, what, expected, seen, how to repeat."""


class Broken(Judgement):
    """A promise was measured and does not hold: FAIL, exit code 1."""


class Unmeasured(Judgement):
    """A promise could not be measured: UNKNOWN, exit code 3 when nothing is broken."""


class NotApplicable(Judgement):
    """The cluster lacks what the promise is about, or the vantage point it is seen from: SKIP, with the reason."""
