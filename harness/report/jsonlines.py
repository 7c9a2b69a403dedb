"""Probes as JSON lines, appended while the run goes on; readable at any moment, also after a crash.

All workers append to one file: every line goes out in one write to a file opened for appending, which the kernel does
not interleave.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class ProbeLog:
    """The file `probes.jsonl` of a report directory; it appears with its first line."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "probes.jsonl"
        self._descriptor: int | None = None

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for row in rows:
            os.write(self._descriptor, json.dumps(row, separators=(",", ":"), default=str).encode() + b"\n")

    def close(self) -> None:
        """Close the file; a later row opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
