"""Text from clusters, made safe to print."""

from __future__ import annotations

import pytest

from harness.report.comparison.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("\x9b2J", "\ufffd2J"),
        ("over\rwritten", "over\ufffdwritten"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("half \ud800", "half \ufffd"),
        ("naïve — “ok” ✓", "naïve — “ok” ✓"),
    ],
)
def test_nothing_steers_a_terminal(text: str, safe: str) -> None:
    """Colours go, other control characters and changes of direction are replaced, words stay."""
    assert printable(text) == safe


def test_a_line_is_the_first_that_says_something() -> None:
    """Empty lines are passed over, blanks are one, and a long line is cut where it says so."""
    assert one_line("\n  \n  FAIL:   it \t broke\nmore") == "FAIL: it broke"
    assert one_line("") == ""
    assert one_line("x" * 50, longest=10) == "x" * 9 + "…"
