"""The probe log: whole lines, in one file, from many writers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.report.jsonlines import ProbeLog


def test_the_file_appears_with_its_first_line(tmp_path: Path) -> None:
    """A run that asks nothing leaves no empty log, and no directory."""
    log = ProbeLog(tmp_path / "told")
    log.write([])
    log.write([{"case": "a"}])
    log.close()
    assert (tmp_path / "told/probes.jsonl").read_text() == '{"case":"a"}\n'


def test_lines_of_many_writers_stay_whole(tmp_path: Path) -> None:
    """Workers append to one file; every line is one JSON document."""

    def write(worker: int) -> None:
        log = ProbeLog(tmp_path)
        for number in range(50):
            log.write([{"worker": worker, "number": number, "padding": "x" * 300}])
        log.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(write, range(4)))
    rows = [json.loads(line) for line in (tmp_path / "probes.jsonl").read_text().splitlines()]
    assert sorted((row["worker"], row["number"]) for row in rows) == [(w, n) for w in range(4) for n in range(50)]


def test_a_closed_log_opens_again(tmp_path: Path) -> None:
    """A late row is not lost, and what JSON cannot write becomes text."""
    log = ProbeLog(tmp_path)
    log.write([{"a": 1}])
    log.close()
    log.write([{"a": Path("b")}])
    log.close()
    assert (tmp_path / "probes.jsonl").read_text() == '{"a":1}\n{"a":"b"}\n'
