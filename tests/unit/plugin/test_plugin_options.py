"""Options: contradictions and bad values are refused in one line with exit code 4, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

NEEDS_A_CLUSTER = '''
def test_reads(kube):
    """Reads something of the cluster."""
    kube.list("nodes")
'''


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--cluster", "embedded", "--kubeconfig", "f"), "leave out --kubeconfig and --context"),
        (("--cluster", "embedded", "--context", "c"), "leave out --kubeconfig and --context"),
        (("--context", "c", "--families", "ipv4"), "leave them out with a kubeconfig"),
        (("--kubeconfig", "f", "--seed", "0"), "leave them out with a kubeconfig"),
        (("--wait", "polcy_live=3"), "unknown wait ['polcy_live']"),
        (("--wait", "policy_live=soon"), "write it as NAME=SECONDS"),
        (("--wait", "policy_live"), "write it as NAME=SECONDS"),
        (("--wait", "policy_live=-1"), "must be positive"),
        (("--wait", "streak=1.5"), "whole number"),
        (("--cluster", "moon"), "invalid choice: 'moon'"),
        (("--families", "ipv5"), "invalid choice: 'ipv5'"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(pytester: pytest.Pytester, args: tuple[str, ...], said: str) -> None:
    """Exit code 4, the reason, no traceback, no report."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    result = pytester.runpytest_inprocess(*args, "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.errlines if said in line]
    assert len(lines) == 1, result.errlines
    assert "Traceback" not in str(result.stderr)
    assert not (pytester.path / "told").exists()


@pytest.mark.parametrize(
    ("content", "context", "said"),
    [
        (None, "c", "No such file or directory: name a kubeconfig with --kubeconfig FILE"),
        ("][", "c", "not YAML: while parsing a block node"),
        ("a: 1\n", "c", "not a kubeconfig: it lists no clusters"),
        ("clusters: []\ncontexts: [{name: staging}]\n", "prod", "no context 'prod'; there are: staging"),
    ],
    ids=["missing", "yaml", "other", "context"],
)
def test_a_kubeconfig_that_leads_nowhere_is_refused(
    pytester: pytest.Pytester, content: str | None, context: str, said: str
) -> None:
    """Exit code 4 and one line that names the file, before the first test and without a report."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    file = Path(pytester.path, "config.yaml")
    if content is not None:
        file.write_text(content)
    result = pytester.runpytest("--kubeconfig", str(file), "--context", context, "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [f"ERROR: {file}: {said}"]
    assert not (pytester.path / "told").exists()


def test_the_current_context_is_never_used_unasked(pytester: pytest.Pytester) -> None:
    """`--cluster kubeconfig` alone is refused: file or context have to be named."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    result = pytester.runpytest("--cluster", "kubeconfig", "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *never used unasked"])


def test_an_embedded_run_says_what_it_is_not(pytester: pytest.Pytester) -> None:
    """The first lines say that a run on the embedded cluster says nothing about anyone's CNI."""
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest().stdout.fnmatch_lines(["harness: embedded cluster*nothing about anyone's CNI"])
