"""The size budget as a ratchet: red lines that only a written exemption with a reason may cross."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.repo.sources import PRODUCT, ROOT, Function, Source, sources

LIMITS = {"function": 60, "file": 600, "nesting": 5, "parameters": 8}
"""Red lines: lines of a function, lines of a file, depth of blocks, parameters of a function."""

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
MOST = 2
"""Exemptions there may be. It goes down when one is removed and never up."""


def exemptions() -> dict[str, dict[str, Any]]:
    """Place and measure to the size that is allowed there, with its reason."""
    document = yaml.safe_load((ROOT / "tests/repo/exemptions.yaml").read_text())
    return {f"{row['where']} {row['measure']}": row for row in document or []}


def measures(source: Source) -> Iterator[tuple[str, str, int]]:
    """Place, what is measured, and its size."""
    yield source.path, "file", source.text.count("\n")
    for name, function in source.functions():
        place = f"{source.path}:{name}"
        yield place, "function", (function.end_lineno or function.lineno) - function.lineno + 1
        yield place, "nesting", nesting(function.body)
        yield place, "parameters", parameters(function)


def nesting(body: list[ast.stmt]) -> int:
    """How deep blocks lie in blocks; `elif` is not deeper than its `if`."""
    deepest = 0
    for statement in body:
        if not isinstance(statement, BLOCKS):
            continue
        for inner, chained in inner_bodies(statement):
            deepest = max(deepest, nesting(inner) + (0 if chained else 1))
    return deepest


def inner_bodies(statement: ast.stmt) -> Iterator[tuple[list[ast.stmt], bool]]:
    """Bodies of a block, and whether it is an `elif`."""
    for field in ("body", "orelse", "finalbody"):
        inner: list[ast.stmt] = getattr(statement, field, [])
        chained = field == "orelse" and len(inner) == 1 and isinstance(inner[0], ast.If)
        yield inner, chained
    for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
        yield part.body, False


def parameters(function: Function) -> int:
    """Parameters but for `self` and `cls`."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([each for each in arguments if each.arg not in {"self", "cls"}])


def over() -> dict[str, int]:
    """Everything beyond a red line."""
    return {
        f"{place} {measure}": size
        for source in sources(*PRODUCT, "tests")
        for place, measure, size in measures(source)
        if size > LIMITS[measure]
    }


def test_nothing_crosses_a_red_line_without_a_written_reason() -> None:
    """No function, file, depth or parameter list is beyond its limit unless the exemption says why and how far."""
    allowed = exemptions()
    beyond = {where: size for where, size in over().items() if size > allowed.get(where, {}).get("size", 0)}
    assert not beyond, "\n".join(f"{where}: {size}" for where, size in beyond.items())


def test_exemptions_only_shrink() -> None:
    """An exemption that is no longer needed is removed, one that is needed says why, and there are never more."""
    allowed, needed = exemptions(), over()
    unneeded = [where for where, row in allowed.items() if needed.get(where, 0) < row["size"]]
    assert not unneeded, f"smaller now, lower or remove them: {unneeded}"
    assert all(len(row["reason"]) > 20 for row in allowed.values())
    assert len(allowed) <= MOST


@pytest.mark.parametrize(
    ("code", "depth"),
    [
        ("def f():\n  return 1", 0),
        ("def f():\n  if a:\n    for b in c:\n      pass", 2),
        ("def f():\n  if a:\n    pass\n  elif b:\n    pass\n  elif c:\n    pass", 1),
        ("def f():\n  try:\n    pass\n  except E:\n    if a:\n      pass", 2),
        ("def f():\n  match a:\n    case 1:\n      while b:\n        pass", 2),
    ],
)
def test_nesting_is_counted_as_a_reader_sees_it(code: str, depth: int) -> None:
    """Blocks in blocks count, an `elif` does not lie deeper than its `if`."""
    function = ast.parse(code).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert nesting(function.body) == depth
