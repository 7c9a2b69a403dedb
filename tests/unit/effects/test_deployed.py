"""The files of deploy/ are found in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.effects import deployed


def test_in_a_checkout_they_lie_beside_the_package() -> None:
    """Where developers edit them."""
    assert deployed.deployed("cni", "kindnet.yaml").is_file()
    assert deployed.deployed() == Path(__file__).parents[3] / "deploy"


def test_installed_they_lie_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder beside the package may be anybody's then."""
    inside = tmp_path / "site-packages/harness/data/deploy/cni"
    inside.mkdir(parents=True)
    (tmp_path / "site-packages/deploy").mkdir()
    monkeypatch.setattr(deployed, "PACKAGE", tmp_path / "site-packages/harness")
    assert deployed.deployed("cni") == inside
