"""Docstrings: every module, every public name of the suites' module, every test says what it is or promises."""

from __future__ import annotations

import ast
import inspect

import harness.suite
from tests.repo.sources import PRODUCT, sources


def test_every_module_says_what_it_is() -> None:
    """Each module has a docstring."""
    silent = [source.path for source in sources(*PRODUCT, "tests") if ast.get_docstring(source.tree) is None]
    assert not silent


def test_every_test_states_its_promise() -> None:
    """Each test function has a docstring that begins with a whole sentence."""
    silent = [
        f"{source.path}:{function.lineno} {name}"
        for source in sources("tests", "suites")
        for name, function in source.functions()
        if function.name.startswith("test_") and not _sentence(ast.get_docstring(function))
    ]
    assert not silent, "\n".join(silent)


def test_public_functions_and_classes_are_documented() -> None:
    """Public names of the product have a docstring; an override takes its base's."""
    silent = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in sources(*PRODUCT)
        for node in source.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert not silent, "\n".join(silent)


def test_the_suites_module_lists_what_it_offers() -> None:
    """Everything harness.suite imports stands in its __all__, in order (constants first), and all is documented."""
    offered = {name for name, value in vars(harness.suite).items() if not inspect.ismodule(value)}
    assert {name for name in offered if not name.startswith("_")} == set(harness.suite.__all__)
    assert harness.suite.__all__ == sorted(harness.suite.__all__, key=lambda name: (not name.isupper(), name))
    assert not [name for name in harness.suite.__all__ if not inspect.getdoc(getattr(harness.suite, name))]


def _sentence(text: str | None) -> bool:
    if not text:
        return False
    first = text.strip().split("\n\n")[0]
    return len(first.split()) >= 3 and first.endswith((".", "?", ":"))
