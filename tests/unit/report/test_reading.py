"""A record read back: what was written is what is read, and what is no record is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.report.reading import BadRecordError, read
from harness.report.record import RunRecord, TestRecord

TEST = TestRecord("t.py::a", ("A-1",), "One.", "FAIL", "why\nso", 1.5, "gw0", {"dns": 0.25})
RUN = RunRecord("abc", "2026-01-01T00:00:00Z", 2.5, {"kind": "kind", "nodes": 3}, (TEST,), ("a note",))


def document() -> dict[str, Any]:
    """The record as JSON has it."""
    loaded: dict[str, Any] = json.loads(json.dumps(RUN.as_dict()))
    return loaded


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """From the file or from its directory; fields of a later version are left out."""
    told = document()
    told["new"] = told["tests"][0]["newer"] = 1
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert read(tmp_path) == read(tmp_path / "run.json") == RUN


def test_a_record_without_later_fields_is_read(tmp_path: Path) -> None:
    """Only what makes a record is needed of it."""
    told = document()
    del told["notes"]
    told["tests"] = [{"name": "t", "ids": [], "verdict": "PASS"}]
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert read(tmp_path).tests == (TestRecord("t", (), "", "PASS"),)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2, this harness reads 1"),
        ({"tests": [{"name": "t", "ids": [], "verdict": "MAYBE"}]}, "verdict 'MAYBE' of t is none of"),
        ({"tests": [{"name": "t", "ids": "A-1", "verdict": "PASS"}]}, "the ids of t are no list"),
        ({"tests": [{"ids": [], "verdict": "PASS"}]}, "lacks 'name'"),
        ({"tests": [{"name": "t", "ids": [], "verdict": "PASS", "settled": [1]}]}, "not the record of a run"),
        ({"tests": [{"name": "t", "ids": [], "verdict": "PASS", "apart": {"A": "NO"}}]}, "verdict 'NO' in t is none"),
        ({"tests": 5}, "not the record of a run"),
        ({"tests": ["x"]}, "not the record of a run"),
        ({"seconds": "long"}, "not the record of a run"),
        ({"seconds": 10**400}, "not the record of a run"),
        ({"cluster": None}, "not the record of a run"),
        ({"cluster": {"capabilities": {"lb": {"state": "perhaps"}}}}, "'perhaps' is not a valid State"),
        ({"cluster": {"capabilities": {"lb": "yes"}}}, "not the record of a run"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """One line with the file and what is wrong in it."""
    (tmp_path / "run.json").write_text(json.dumps({**document(), **change}))
    with pytest.raises(BadRecordError) as told:
        read(tmp_path)
    assert said in str(told.value)
    assert str(told.value).startswith(f"{tmp_path}/run.json: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "it is a list"),
        ("{}", "lacks 'version'"),
        ("\udc80", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    """Half a file, another document, and bytes that are no text."""
    (tmp_path / "x.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadRecordError, match=said):
        read(tmp_path / "x.json")


def test_a_place_without_a_record_says_where_there_are_some(tmp_path: Path) -> None:
    """A matrix's directory names its runs; an empty one and a missing one are told apart from it."""
    with pytest.raises(BadRecordError, match=r"No such file or directory: give the run\.json"):
        read(tmp_path)
    with pytest.raises(BadRecordError, match="nowhere: No such file"):
        read(tmp_path / "nowhere")
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    with pytest.raises(BadRecordError, match=f"but in {tmp_path}/a, {tmp_path}/b: name those"):
        read(tmp_path)
