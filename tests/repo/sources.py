"""What the tests of this folder look at: the repository's Python files, read and parsed once."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("harness", "suites")
SKIPPED = {".venv", "build", "dist", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Every function with its qualified name."""
        yield from _functions(self.tree, "")


@functools.cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files below these folders."""
    files = sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not SKIPPED.intersection(path.relative_to(ROOT).parts)
    )
    return tuple(
        Source(str(path.relative_to(ROOT)), text := path.read_text(), ast.parse(text, str(path))) for path in files
    )


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)
