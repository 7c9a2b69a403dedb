"""The harness from a wheel, in an empty directory of somebody else's: fixtures, suites, catalogue, all of it.

The test that is run there is the README's own example.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from harness.clusters.embedded import refusal
from harness.effects.run import Completed, run

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"^```python example\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = refusal()
needs_a_cluster = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)], timeout=600)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and of this environment the dependencies only."""
    place = tmp_path_factory.mktemp("venv")
    run([sys.executable, "-m", "venv", "--without-pip", str(place)], timeout=600)
    interpreter = place / "bin/python"
    install = ["--quiet", "--no-deps", "--no-index", str(wheel)]
    run([sys.executable, "-m", "pip", "--python", str(interpreter), "install", *install], timeout=600)
    # Files named in a .pth are found after the venv's own, and .pth files there (this tree's own) are not obeyed.
    (site,) = place.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return interpreter


@pytest.fixture
def elsewhere(python: Path, tmp_path: Path) -> Path:
    """An empty directory that knows nothing of this tree."""
    done = execute(python, tmp_path, "-c", "import harness, suites; print(harness.__file__, suites.__file__)")
    assert str(ROOT) not in done.text, done.text
    return tmp_path


def execute(python: Path, directory: Path, *args: str) -> Completed:
    """Run the interpreter there, without what this environment adds to Python."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    command = ["env", "-C", str(directory), str(python), *args]
    return run(command, check=False, timeout=600, env=environment)


def example() -> str:
    """The README's test."""
    (found,) = EXAMPLE.findall((ROOT / "README.md").read_text())
    return str(found)


def test_the_wheel_carries_suites_catalogue_and_deployment(wheel: Path) -> None:
    """Everything a run needs travels in the wheel, and the project's own tests do not."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "suites/catalogue/dns.yaml",
        "suites/netpol/more-cases.yaml",
        "suites/netpol/test_tables.py",
        "harness/data/deploy/runner/rbac.yaml",
        "harness/agent/serve.py",
        "harness/embedded/store/schema/core.txt",
        "harness/report/comparison/page.html.j2",
        "harness/report/pages/run.html.j2",
        "suites/catalogue/refused.yaml",
        "suites/catalogue/proofs.yaml",
        "harness/py.typed",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests/")]


@needs_a_cluster
def test_the_example_of_the_readme_runs_anywhere(python: Path, elsewhere: Path) -> None:
    """A test in another directory uses the fixtures of the installed plugin, and gets its report there."""
    (elsewhere / "test_shop.py").write_text(example())
    done = execute(python, elsewhere, "-m", "pytest", "-p", "no:cacheprovider", "-q")
    assert done.code == 0, done.text
    assert "1 passed" in done.text
    (report,) = (elsewhere / "reports").iterdir()
    assert {"junit.xml", "run.json", "probes.jsonl"} <= {path.name for path in report.iterdir()}


@needs_a_cluster
def test_the_example_can_fail(python: Path, elsewhere: Path) -> None:
    """The same test with a Service that leads nowhere is red: exit code 1, and the text says what was expected."""
    broken = example().replace('"targetPort": 80', '"targetPort": 9')
    assert broken != example()
    (elsewhere / "test_shop.py").write_text(broken)
    wait = ("--wait", "service_program=2")
    done = execute(python, elsewhere, "-m", "pytest", "-p", "no:cacheprovider", "-q", *wait)
    assert done.code == 1, done.text
    assert "expected" in done.text
    assert "Traceback" not in done.text


def test_installed_suites_have_the_same_names(python: Path, elsewhere: Path) -> None:
    """`harness run` selects by the names that `pytest suites` prints, from any directory."""
    name = "suites/netpol/test_tables.py::test_table[isolation]"
    done = execute(python, elsewhere, "-m", "harness.cli", "run", "--collect-only", "-q", name)
    assert name in done.text.splitlines(), done.text + done.err.decode()
    assert not list(elsewhere.iterdir())


def test_the_installed_catalogue_is_whole(python: Path, elsewhere: Path) -> None:
    """`harness list` finds requirements and tests without the source tree."""
    done = execute(python, elsewhere, "-m", "harness.cli", "list")
    assert re.search(r"^\d+ of 1420 requirements are decided, by \d+ tests;", done.text, re.MULTILINE), done.text
