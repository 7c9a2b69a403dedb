"""The fault table as data for those who have no tests here: `python -m tests.system.fault_proofs` writes it.

`harness explain ID` says with it which planted faults prove a requirement's tests.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.system.fault_table import ROWS

PLACE = Path(__file__).parents[2] / "suites/catalogue/proofs.yaml"
HEAD = (
    "# Planted faults, the layer each breaks, the test that must catch it, the requirements. Made by make catalogue.\n"
)


def text() -> str:
    """The file: a row each, in the table's order."""
    rows = [[row.fault, str(row.layer), f"suites/{row.test}", " ".join(row.ids)] for row in ROWS]
    return HEAD + "".join(f"- {json.dumps(row, ensure_ascii=False)}\n" for row in rows)


if __name__ == "__main__":
    PLACE.write_text(text())
