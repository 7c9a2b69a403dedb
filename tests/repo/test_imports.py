"""Who may import whom: the contracts of pyproject.toml, and what a linter cannot see, the imports at run time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.effects.run import run
from harness.probe.archive import archive
from tests.repo.sources import PRODUCT, ROOT, sources


def loaded_by(module: str) -> set[str]:
    """The modules a fresh interpreter has after importing one."""
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    return set(run([sys.executable, "-c", code], timeout=300).text.split())


def test_the_import_contracts_hold() -> None:
    """No package uses what lies above it, the two sides are blind to each other, the agent is alone."""
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed here: `make lint` runs it")
    done = run([str(linter), "--no-cache", "--config", str(ROOT / "pyproject.toml")], check=False, timeout=300)
    assert done.code == 0, done.text


def test_the_oracle_loads_nothing_of_the_embedded_cluster() -> None:
    """Importing the oracle pulls in no module of harness.embedded, of the client or of the effects."""
    found = loaded_by(
        "harness.oracle.dns, harness.oracle.policy, harness.oracle.services, harness.oracle.endpointslices, "
        "harness.oracle.ingress"
    )
    assert not [name for name in found if name.startswith(("harness.embedded", "harness.kube", "harness.effects"))]


def test_the_embedded_cluster_loads_nothing_of_the_judging_side() -> None:
    """Importing the whole embedded cluster pulls in neither oracle nor client nor agent."""
    found = loaded_by("harness.embedded.wiring.cluster")
    other = (
        "harness.oracle",
        "harness.expect",
        "harness.probe",
        "harness.kube",
        "harness.agent",
        "kubernetes",
        "pytest",
    )
    assert not [name for name in found if name.startswith(other)]


def test_the_agent_starts_from_its_archive_alone(tmp_path: Path) -> None:
    """Every module of the agent imports from the archive with -I -S in an empty environment."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    names = [Path(each.path).stem for each in sources("harness/agent") if not each.path.endswith("__init__.py")]
    code = f"import sys; sys.path[:0] = [{str(file)!r}]; import importlib\n" + "".join(
        f"importlib.import_module('agent.{name}')\n" for name in names if name != "__main__"
    )
    done = run([sys.executable, "-I", "-S", "-c", code], env={}, check=False, timeout=300)
    assert done.code == 0, done.err.decode()


def modules() -> Iterator[str]:
    """Every module of the product but programs."""
    for source in sources(*PRODUCT):
        path = Path(source.path)
        if path.name != "__main__.py" and not path.name.startswith("test_"):
            yield ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def test_every_module_imports_without_a_warning() -> None:
    """Importing everything raises no warning, and no module needs another to be imported first."""
    code = "import importlib\n" + "".join(f"importlib.import_module({name!r})\n" for name in modules())
    done = run([sys.executable, "-W", "error", "-c", code], check=False, timeout=300)
    assert done.code == 0, done.err.decode()
