"""A run's record read back from its `run.json`. What is not one is refused in one line that says where and what.

Fields this version does not know are left out: a later version may say more without saying something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report.capabilities import facts_in
from harness.report.record import ORDER, VERSION, RunRecord, TestRecord

FILE = "run.json"


class BadRecordError(Exception):
    """There is no record, or it cannot be read; said in one line with the remedy."""


def read(path: Path) -> RunRecord:
    """The record in a file, or in a report directory. Raises BadRecordError."""
    file = path / FILE if _is_directory(path) else path
    try:
        document = json.loads(file.read_text())
    except OSError as error:
        raise BadRecordError(_absent(path, file, str(error.strerror))) from error
    except (ValueError, RecursionError) as error:
        raise BadRecordError(f"{file}: not JSON ({str(error).splitlines()[0]}): give the {FILE} of a run") from error
    try:
        return parse(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise BadRecordError(f"{file}: not the record of a run: {what}; give the {FILE} of a run") from error


def _is_directory(path: Path) -> bool:
    """Whether it is one; no for a name that cannot be looked at, of which reading says what is wrong."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _absent(path: Path, file: Path, problem: str) -> str:
    """Where a record was looked for, and where there are some below: a matrix has one for each of its runs."""
    below = sorted(path.glob(f"*/{FILE}")) if _is_directory(path) else []
    if below:
        return f"{path}: no {FILE} in it, but in {', '.join(str(each.parent) for each in below)}: name those"
    return f"{file}: {problem}: give the {FILE} or the report directory of a run"


def parse(document: Any) -> RunRecord:
    """The record in a document. Raises KeyError, TypeError, ValueError, AttributeError or OverflowError for none."""
    if not isinstance(document, Mapping):
        raise TypeError(f"it is a {type(document).__name__}")
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}, this harness reads {VERSION}")
    facts_in(document["cluster"])  # raises for what a comparison could not read later
    return RunRecord(
        run=str(document["run"]),
        started=str(document["started"]),
        seconds=float(document["seconds"]),
        cluster=dict(document["cluster"]),
        tests=tuple(_test(each) for each in document["tests"]),
        notes=tuple(str(each) for each in document.get("notes", ())),
    )


def _test(told: Mapping[str, Any]) -> TestRecord:
    if told["verdict"] not in ORDER:
        raise ValueError(f"verdict {told['verdict']!r} of {told['name']} is none of {', '.join(ORDER)}")
    if not isinstance(told["ids"], list):
        raise TypeError(f"the ids of {told['name']} are no list")
    return TestRecord(
        name=str(told["name"]),
        ids=tuple(str(each) for each in told["ids"]),
        promise=str(told.get("promise", "")),
        verdict=told["verdict"],
        reason=str(told.get("reason", "")),
        seconds=float(told.get("seconds", 0.0)),
        worker=str(told.get("worker", "")),
        settled={str(name): float(value) for name, value in told.get("settled", {}).items()},
    )
