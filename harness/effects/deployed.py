"""Where the files of `deploy/` are: inside the package when it was installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def deployed(*parts: str) -> Path:
    """A file or folder of `deploy/`, for example `deployed("cni")`."""
    installed = PACKAGE / "data" / "deploy"
    root = installed if installed.is_dir() else PACKAGE.parent / "deploy"
    return root.joinpath(*parts)
