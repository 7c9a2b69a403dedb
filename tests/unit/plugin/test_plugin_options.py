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

NO_IMAGES = """case "$1 $2" in "info "*) echo '{}';; "image inspect"|"pull "*) echo 'no route' >&2; exit 1;; esac"""
"""An engine that has no image and reaches no registry."""


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
        (("--families", "ipv6"), "an embedded cluster is ipv4 or dual"),
        (("--cni", "calico"), "--cni shapes a kind cluster: add --cluster kind"),
        (("--context", "c", "--keep"), "--keep shapes a kind cluster: add --cluster kind"),
        (("--nodes", "2"), "--nodes shapes a kind cluster"),
        (("--nodes", "0"), "--nodes shapes a kind cluster"),
        (("--cluster", "kind", "--kubeconfig", "f"), "leave out --kubeconfig and --context"),
        (("--cluster", "kind", "--context", "c"), "--cluster kind makes its own cluster"),
        (("--cluster", "kind", "--seed", "1"), "leave it out with --cluster kind"),
        (("--cluster", "kind", "--cni", "calicoo"), "there are antrea, calico"),
        (("--cluster", "kind", "--cni", "./no.yaml"), "no such file"),
        (("--lb", "metallb"), "--lb shapes a kind cluster: add --cluster kind"),
        (("--context", "c", "--ingress", "contour"), "--ingress shapes a kind cluster: add --cluster kind"),
        (("--mirror", "m"), "--mirror shapes a kind cluster: add --cluster kind"),
        (("--cluster", "kind", "--lb", "metalb"), "--lb metalb: there are cloud-provider-kind, metallb, none"),
        (("--cluster", "kind", "--ingress", "nginx"), "--ingress nginx: there are contour, haproxy, none, traefik"),
        (("--cluster", "kind", "--lb", "./no.yaml"), "--lb ./no.yaml: no such file"),
        (("--cluster", "kind", "--ingress", "./no.yaml"), "--ingress ./no.yaml: no such file"),
        (("--cluster", "kind", "--lb", "metallb", "--kube-proxy", "ipvs"), "choose one with --kube-proxy"),
        (("--cluster", "kind", "--mirror", "ftp://m"), "write it as HOST[:PORT][/PATH]"),
        (("--cluster", "kind", "--cni", "none"), "--cni none leaves every node NotReady"),
        (("--cluster", "kind", "--kube-proxy", "none"), "CNI kindnet does not replace kube-proxy"),
        (("--cluster", "kind", "--kube-proxy", "userspace"), "invalid choice: 'userspace'"),
        (("--cluster", "kind", "--nodes", "0"), "1 to 32 nodes"),
        (("--cluster", "kind", "--nodes", "two"), "invalid int value"),
        (("--cluster", "kind", "--keep", "My"), "--keep My: a name has"),
        (("--cluster", "kind", "--feature-gate", "A"), "NAME=true or NAME=false"),
        (("--context", ""), "--context '': it names none"),
        (("--kubeconfig", ""), "--kubeconfig '': it names none"),
        (("--cluster", "kind", "--cni", "weave", "--families", "dual"), "CNI weave does ipv4"),
        (("--cluster", "kind", "--pod-subnet", "10.0.0.0/33"), "--pod-subnet 10.0.0.0/33"),
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


NOBODY = "{clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}], users: [{name: u, user: USER}], CONTEXT}"
CONTEXT = "contexts: [{name: x, context: {cluster: c, user: u}}]"


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("{token: t}", "no cluster at https://127.0.0.1:9: connection refused"),
        ("{client-certificate: /nowhere/c, client-key: /nowhere/k}", "File does not exist: /nowhere/c"),
        ("{client-certificate-data: '%%', client-key-data: x}", "client-certificate-data in context 'x'"),
        ("{exec: {apiVersion: client.authentication.k8s.io/v1, command: nologin-}}", "nologin- is not installed"),
    ],
    ids=["no cluster", "no file", "no base64", "no plugin"],
)
def test_a_kubeconfig_that_opens_nothing_is_refused(pytester: pytest.Pytester, user: str, said: str) -> None:
    """Nobody at its address, or credentials that are none: exit code 4 and one line, no traceback, no report."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    file = Path(pytester.path, "config.yaml")
    file.write_text(NOBODY.replace("USER", user).replace("CONTEXT", CONTEXT))
    result = pytester.runpytest_inprocess("--kubeconfig", str(file), "--context", "x", "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.outlines
    (line,) = [line for line in result.errlines if line.startswith("ERROR")]
    assert said in line
    assert "Traceback" not in f"{result.stdout}{result.stderr}"
    assert not (pytester.path / "told").exists()


def test_the_current_context_is_never_used_unasked(pytester: pytest.Pytester) -> None:
    """`--cluster kubeconfig` alone is refused: file or context have to be named."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    result = pytester.runpytest("--cluster", "kubeconfig", "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *never used unasked"])


@pytest.mark.parametrize("workers", ["0", "2"])
def test_nothing_is_made_for_nothing(pytester: pytest.Pytester, workers: str) -> None:
    """Where no test is selected the cluster that was asked for is not even tried: exit code 5."""
    pytester.makepyfile(NEEDS_A_CLUSTER)
    result = pytester.runpytest_subprocess("--kubeconfig", "gone", "-k", "nobody", "-n", workers)
    assert (result.ret, result.stderr.str().strip()) == (pytest.ExitCode.NO_TESTS_COLLECTED, "")
    refused = pytester.runpytest_subprocess("--kubeconfig", "gone", "-n", workers)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["ERROR: gone: No such file*"])


def test_an_embedded_run_says_what_it_is_not(pytester: pytest.Pytester) -> None:
    """The first lines say that a run on the embedded cluster says nothing about anyone's CNI."""
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest().stdout.fnmatch_lines(["harness: embedded cluster*nothing about anyone's CNI"])


@pytest.mark.parametrize(
    ("engine", "kind", "said"),
    [
        (None, None, "docker is not installed: kind needs docker, podman or nerdctl"),
        (
            "echo 'Cannot connect to the Docker daemon' >&2; exit 1",
            None,
            "docker is not running, or you may not use it",
        ),
        ("echo '{}'", None, "kind is not installed: https://kind.sigs.k8s.io"),
        ("echo '{}'", "exit 1", "kind does not run"),
        (NO_IMAGES, "echo kind v0.33.0", "image kindest/node:v1.37.0@sha256:"),
    ],
    ids=["no engine", "engine stopped", "no kind", "kind broken", "no image"],
)
def test_a_machine_that_cannot_make_kind_clusters_is_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, engine: str | None, kind: str | None, said: str
) -> None:
    """Exit code 4, one line with the remedy, before the first test, without a report."""
    programs = pytester.path / "programs"
    programs.mkdir()
    for name, script in (("docker", engine), ("kind", kind)):
        if script is not None:
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("KIND_EXPERIMENTAL_PROVIDER", raising=False)
    pytester.makepyfile(NEEDS_A_CLUSTER)
    result = pytester.runpytest_inprocess("--cluster", "kind", "--report", "told")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.startswith("ERROR: ")
    assert said in line
    assert not (pytester.path / "told").exists()


def test_a_kind_run_says_what_it_makes(pytester: pytest.Pytester) -> None:
    """The first lines name plugin, nodes, families and proxy, also where nothing is made."""
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest("--cluster", "kind", "--cni", "weave", "--lb", "metallb", "--collect-only")
    lb = "LoadBalancer metallb v0.16.1 (passed 20*)"
    result.stdout.fnmatch_lines(
        [f"harness: kind cluster*CNI weave v2.9.0 (untested), {lb}, 3 nodes, ipv4, kube-proxy iptables"]
    )
