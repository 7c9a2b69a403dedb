"""Rules of the house that a linter does not know: nothing sleeps, no shell, no swallowed error, reasons given."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import Any

from tests.repo.sources import PRODUCT, ROOT, sources

EXEMPT_FROM_SLEEP = ("harness/effects/clock.py", "harness/agent/")
"""The clock itself, and the agent, which travels alone and has no clock but its own."""


def test_nothing_sleeps_but_the_clock() -> None:
    """No call of time.sleep, by whatever name it was imported."""
    sleepers = [
        f"{source.path}:{node.lineno}"
        for source in sources(*PRODUCT)
        if not source.path.startswith(EXEMPT_FROM_SLEEP)
        for node in ast.walk(source.tree)
        if _named(node, "time.sleep") or _imports(node, "time", "sleep")
    ]
    assert not sleepers


def test_no_shell() -> None:
    """No process is started through a shell."""
    shells = [
        f"{source.path}:{node.lineno}"
        for source in sources(*PRODUCT, "tests")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and (_named(node.func, "os.system") or any(word.arg == "shell" for word in node.keywords))
    ]
    assert not shells


def test_no_error_is_swallowed_whole() -> None:
    """A handler of every exception does something about it."""
    swallowed = [
        f"{source.path}:{node.lineno}"
        for source in sources(*PRODUCT)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert not swallowed


def test_tests_look_at_a_sample_of_nodes() -> None:
    """Nothing that tests do goes over all nodes of a cluster, of which there may be a thousand; one may be picked."""
    loops = []
    for source in sources("suites", "harness/suite"):
        picked = {
            id(argument)
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "next"
            for argument in node.args
        }
        loops += [
            f"{source.path}: {ast.unparse(over)}"
            for node in ast.walk(source.tree)
            for over in _loops_over(node)
            if id(node) not in picked and re.search(r"\bcluster\.(node_names|every_node)\b(?!\[)", ast.unparse(over))
        ]
    assert not loops


def _loops_over(node: ast.AST) -> list[ast.expr]:
    """What a loop or a comprehension goes over."""
    if isinstance(node, ast.For):
        return [node.iter]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return [each.iter for each in node.generators]
    return []


def test_every_exclusion_of_a_linter_has_a_reason_beside_it() -> None:
    """A `noqa` or `type: ignore` names its rule, and a comment on the same line or above says why."""
    unexplained = []
    for source in sources(*PRODUCT):
        lines = source.text.splitlines()
        for number, line in enumerate(lines, 1):
            found = re.search(r"#\s*(noqa|type:\s*ignore)(.*)", line)
            if found and not (_explains(found[2]) or _is_comment(lines[number - 2])):
                unexplained.append(f"{source.path}:{number}: {line.strip()}")
    assert not unexplained, "\n".join(unexplained)


def test_every_excluded_rule_has_a_reason_beside_it() -> None:
    """Each rule that pyproject.toml leaves out says why on its line."""
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("\nignore = [")[1].split("\n]")[0]
    assert not [line for line in block.strip().splitlines() if "#" not in line]


def test_what_is_pinned_for_the_linters_is_pinned_exactly() -> None:
    """A linter's new version must not turn a green commit red."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tools = [each for each in settings["project"]["optional-dependencies"]["lint"] if not each.startswith("types-")]
    assert all("==" in each for each in tools)


def _explains(after: str) -> bool:
    """The rule by name, then words: `: S606  # because ...`, `[arg-type]  # because ...`."""
    return bool(re.match(r"(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|\[[a-z-]+(,\s*[a-z-]+)*\])\W+\w", after))


def _is_comment(line: str) -> bool:
    return line.strip().startswith("#")


def _named(node: ast.AST, dotted: str) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == dotted


def _imports(node: ast.AST, module: str, name: str) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == module and any(each.name == name for each in node.names)
