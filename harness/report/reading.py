"""A run's record read back from its `run.json`. What is not one is refused in one line that says where and what.

Fields this version does not know are left out: a later version may say more without saying something else. Of a run
that did not come to its end, what its journal has is read as well, and it is said to be aborted, or to go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.report import journal
from harness.report.capabilities import facts_in
from harness.report.record import ORDER, VERSION, Asked, RunRecord, State, TestRecord

FILE = "run.json"

KILLED = "it was killed, or its machine went down: it could not say so itself"
BAD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


class BadRecordError(Exception):
    """There is no record, or it cannot be read; said in one line with the remedy."""


def read(path: Path) -> RunRecord:
    """The record in a file, or in a report directory. Raises BadRecordError."""
    directory = path if _is_directory(path) else path.parent
    file = path / FILE if _is_directory(path) else path
    try:
        record = _read_file(path, file)
    except BadRecordError:
        # Of a run that was killed while it wrote, its journal may say all there is.
        told = _from_journal(directory) if file.name == FILE else None
        if told is None:
            raise
        record = told
    return resumed(record, directory) if record.state is State.UNFINISHED else record


def resumed(record: RunRecord, directory: Path) -> RunRecord:
    """The record of a run that has not ended, with what its journal has beyond it. Raises BadRecordError."""
    file = directory / journal.FILE
    seconds, tests = record.seconds, {test.name: test for test in record.tests}
    try:
        for row in journal.rows(directory):
            if "test" in row:
                test = _test(row["test"])
                tests[test.name] = test
                seconds = max(seconds, float(row.get("at", 0.0)))
            elif "run" in row:
                known = {**row["run"], "tests": []}
                record = parse(known) if known.get("run") == record.run else record
    except BAD as error:
        raise BadRecordError(f"{file}: not the journal of a run: {error}; give the {FILE} of a run") from error
    record = replace(record, tests=tuple(tests.values()), seconds=seconds)
    if journal.is_written(directory):
        return replace(record, why="it has not ended yet")
    return replace(record, state=State.ABORTED, why=KILLED)


def _read_file(path: Path, file: Path) -> RunRecord:
    try:
        document = json.loads(file.read_text())
    except OSError as error:
        raise BadRecordError(_absent(path, file, str(error.strerror))) from error
    except (ValueError, RecursionError) as error:
        raise BadRecordError(f"{file}: not JSON ({str(error).splitlines()[0]}): give the {FILE} of a run") from error
    try:
        return parse(document)
    except BAD as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise BadRecordError(f"{file}: not the record of a run: {what}; give the {FILE} of a run") from error


def _from_journal(directory: Path) -> RunRecord | None:
    heads = [row["run"] for row in journal.rows(directory) if isinstance(row.get("run"), dict)]
    try:
        return parse({**heads[-1], "tests": [], "state": State.UNFINISHED}) if heads else None
    except BAD:
        return None


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
        state=State(document.get("state", State.COMPLETE)),
        why=str(document.get("why", "")),
        selected=tuple(str(each) for each in document.get("selected", ())),
        asked=_asked(document.get("asked", {})),
        versions={str(name): str(value) for name, value in document.get("versions", {}).items()},
    )


def _asked(told: Mapping[str, Any]) -> Asked:
    return Asked(
        command=str(told.get("command", "")),
        runner=str(told.get("runner", "pytest")),
        options=tuple(str(each) for each in told.get("options", ())),
        root=str(told.get("root", "")),
    )


def _test(told: Mapping[str, Any]) -> TestRecord:
    if told["verdict"] not in ORDER:
        raise ValueError(f"verdict {told['verdict']!r} of {told['name']} is none of {', '.join(ORDER)}")
    if not isinstance(told["ids"], list):
        raise TypeError(f"the ids of {told['name']} are no list")
    apart = {str(id_): str(verdict) for id_, verdict in told.get("apart", {}).items()}
    if strange := sorted(set(apart.values()) - set(ORDER)):
        raise ValueError(f"verdict {strange[0]!r} in {told['name']} is none of {', '.join(ORDER)}")
    return TestRecord(
        name=str(told["name"]),
        ids=tuple(str(each) for each in told["ids"]),
        promise=str(told.get("promise", "")),
        verdict=told["verdict"],
        reason=str(told.get("reason", "")),
        seconds=float(told.get("seconds", 0.0)),
        worker=str(told.get("worker", "")),
        settled={str(name): float(value) for name, value in told.get("settled", {}).items()},
        apart=apart,
        known=str(told.get("known", "")),
    )
