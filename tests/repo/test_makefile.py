"""What the Makefile makes of a machine and of what is said on its command line, by dry runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.effects.run import run
from tests.repo.sources import ROOT


def dry(target: str, *said: str, path: str = "", **environment: str) -> str:
    """What would be run."""
    env = {**os.environ, **environment, "PATH": f"{path}:{os.environ['PATH']}"}
    return run(["make", "-C", str(ROOT), "-n", target, *said], env=env, timeout=60).text


@pytest.mark.parametrize(
    ("cores", "said", "workers"),
    [
        (1, (), 4),
        (2, (), 8),
        (4, (), 16),
        (64, (), 16),
        (1, ("CLUSTER=kind",), 4),
        (2, ("CLUSTER=kind",), 4),
        (64, ("KUBECONFIG=file",), 128),
        (64, ("JOBS=3",), 3),
        (2, ("CLUSTER=kind", "JOBS=3"), 3),
    ],
)
def test_as_many_workers_as_the_machine_and_the_cluster_bear(
    tmp_path: Path, cores: int, said: tuple[str, ...], workers: int
) -> None:
    """Four workers a processor on the embedded cluster, sixteen at most, two elsewhere, four at least; or as said."""
    told = tmp_path / "nproc"
    told.write_text(f"#!/bin/sh\necho {cores}\n")
    told.chmod(0o755)
    assert f"pytest suites -n {workers} " in dry("conformance", *said, path=str(tmp_path))
