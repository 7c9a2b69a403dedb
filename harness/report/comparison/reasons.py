"""A reason in one line. Pure; reads the text that `harness.expect.explain` writes, and any other by its first line.

Of a failure that was explained, the first line repeats the promise, which stands beside it already: what counts is the
first difference and the layer at fault.
"""

from __future__ import annotations

import re

from harness.report.comparison.printable import one_line, printable
from harness.report.record import KNOWN

NONE = "no reason was given"
HEAD = re.compile(r"\s+expected\s{2,}seen\s*")
LAYER = "layer at fault, as it seems: "
VERDICT = re.compile(r"(FAIL|UNKNOWN|SKIP): ")


def short(reason: str) -> str:
    """The reason in one line, never empty."""
    lines = printable(reason).splitlines()
    told = [each for each in (_difference(lines), _layer(lines)) if each]
    known = next((each for each in lines if each.startswith(KNOWN)), "")
    plain = "; ".join(told) or VERDICT.sub("", reason.strip(), count=1).removesuffix(known).strip()
    return "; ".join(filter(None, (one_line(known), one_line(plain)))) or NONE


def _difference(lines: list[str]) -> str:
    """The first row of the table of differences, and how many more there are."""
    start = next((number for number, line in enumerate(lines) if HEAD.fullmatch(line)), None)
    if start is None:
        return ""
    end = next((number for number, line in enumerate(lines) if number > start and not line.strip()), len(lines))
    rows = lines[start + 1 : end]
    cells = re.split(r"\s{2,}", rows[0].strip()) if rows else []
    if len(cells) < 3:
        return ""
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{cells[0]}: expected {cells[1]}, seen {cells[2]}{more}"


def _layer(lines: list[str]) -> str:
    found = next((line.removeprefix(LAYER) for line in lines if line.startswith(LAYER)), "")
    return f"layer: {found.partition(' (')[0]}" if found else ""
