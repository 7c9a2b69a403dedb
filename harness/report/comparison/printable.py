"""Text that came from a cluster, made safe to print: nothing in it may steer a terminal or turn a line around. Pure.

Escaping for a format (HTML, Markdown) is that format's own business.
"""

from __future__ import annotations

import re

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What tests and programs use to colour their words; it goes without a trace."""

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, what reorders text, and halves of characters."""

LONG = 200
"""Characters of a line that is a summary; the whole is in the run's own report."""


def printable(text: str) -> str:
    """The text with every dangerous character replaced; its lines stay."""
    return STEERING.sub("\ufffd", COLOURS.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, *, longest: int = LONG) -> str:
    """The first line that says something, cut to a length."""
    lines = [" ".join(line.split()) for line in printable(text).splitlines()]
    first = next((line for line in lines if line), "")
    return first if len(first) <= longest else first[: longest - 1] + "…"
