"""The command: bad input in one line with exit code 4, and what it hands to pytest."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any, cast

import click
import pytest

from harness.cli import code_of, commands
from harness.cli.doctor import Finding, State, cluster, standing
from harness.cli.run import pytest_arguments
from harness.clusters import embedded
from harness.clusters.kind import leftovers
from harness.clusters.kind.checks import Check
from harness.clusters.provider import ClusterError
from harness.kube.errors import Forbidden
from harness.model.waits import Waits
from harness.world import rights


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["up", "--families", "ipv9"], "'ipv9' is not one of"),
        (["up", "--bogus"], "No such option"),
        (["down", "--name", "nobody-has-this"], "no embedded cluster named 'nobody-has-this' is up"),
        (["doctor", "--kubeconfig", "/nowhere/config"], "/nowhere/config: No such file or directory"),
        (["doctor", "--cluster", "kind", "--context", "c"], "leave out --kubeconfig and --context"),
        (["doctor", "--k8s", "1.36"], "add --cluster kind"),
        (["doctor", "--cluster", "moon"], "'moon' is not one of"),
        (["clean", "--kubeconfig", "/nowhere/config"], "/nowhere/config"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is said in one line on standard error, without a traceback."""
    assert code_of(args) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("harness: ")


def test_an_unreachable_cluster_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody behind the kubeconfig: one line that names the server."""
    file = tmp_path / "config"
    file.write_text(
        "{clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}], users: [{name: u, user: {token: t}}],"
        " contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}"
    )
    assert code_of(["doctor", "--kubeconfig", str(file)]) == 4
    told = capsys.readouterr().err
    assert "127.0.0.1:9" in told
    assert len(told.splitlines()) == 1


def test_not_root_is_said_by_up(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`harness up` without root says the remedy and exits with 4."""
    monkeypatch.setattr(embedded, "refusal", lambda: "the embedded cluster needs root")
    assert code_of(["up"]) == 4
    assert capsys.readouterr().err == "harness: the embedded cluster needs root\n"


def test_a_kubeconfig_that_cannot_be_written_takes_the_cluster_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was made is removed when the command fails."""
    gone: list[str] = []
    monkeypatch.setattr(embedded, "up", lambda settings: {"pid": 7, "boot_s": 1.0, "kubeconfig": {}})
    monkeypatch.setattr(embedded, "down", lambda name: bool(gone.append(name)))
    (tmp_path / "file").write_text("")
    assert code_of(["up", "--kubeconfig", str(tmp_path / "file/config")]) == 4
    assert gone == ["embedded"]
    assert "taken down again" in capsys.readouterr().err


def test_up_tells_how_to_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By default nothing lies on a disk; with a file, it is the user's alone."""
    monkeypatch.setattr(embedded, "up", lambda settings: {"pid": 7, "boot_s": 1.0, "kubeconfig": {"a": 1}})
    assert code_of(["up"]) == 0
    assert "export KUBECONFIG=/proc/7/root/run/harness/kubeconfig" in capsys.readouterr().out
    file = tmp_path / "new/config"
    assert code_of(["up", "--kubeconfig", str(file)]) == 0
    assert f"export KUBECONFIG={file}" in capsys.readouterr().out
    assert file.read_text() == '{"a": 1}\n'
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_command_has_help() -> None:
    """Each subcommand says in a sentence what it does."""
    assert all((command.help or "").strip().split("\n")[0].endswith(".") for command in commands.commands.values())


def test_waits_are_printed_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    """Every wait by name with value, unit and why."""
    assert code_of(["waits"]) == 0
    told = capsys.readouterr().out
    for name in vars(Waits()):
        assert f"\n{name} " in f"\n{told}"
    assert "3 looks  good looks in a row" in told


CHECKOUT = {"suites": Path(__file__).parents[3] / "suites"}


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, Path]:
    """Suites as a wheel leaves them: no project around them."""
    return {"suites": tmp_path / "site-packages/suites"}


def test_all_suites_are_run_when_none_is_named() -> None:
    """Options alone select everything, and are handed on as they are."""
    assert pytest_arguments(["-n", "4", "-k", "dns"], CHECKOUT) == [str(CHECKOUT["suites"]), "-n", "4", "-k", "dns"]


def test_the_names_of_pytest_are_the_names_of_run() -> None:
    """A name as pytest prints it selects the same test from any directory."""
    told = pytest_arguments(["suites/netpol/test_tables.py::test_table[isolation]", "-x"], CHECKOUT)
    assert told == [f"{CHECKOUT['suites']}/netpol/test_tables.py::test_table[isolation]", "-x"]


def test_a_value_that_looks_like_a_word_is_no_selection() -> None:
    """Only names that begin with a suite package's are turned into paths."""
    assert pytest_arguments(["-k", "netpol", "--report", "out/suites"], CHECKOUT)[1:] == [
        "-k",
        "netpol",
        "--report",
        "out/suites",
    ]


def test_installed_suites_take_nobody_elses_settings(installed: dict[str, Path]) -> None:
    """Names begin above the package, no surrounding project's settings count, and no cache is written there."""
    told = pytest_arguments(["suites/dns"], installed)
    root = installed["suites"].parent
    assert told == ["-c", "/dev/null", f"--rootdir={root}", "-p", "no:cacheprovider", f"{root}/suites/dns"]


class ReviewingKube:
    """A cluster that answers access reviews, with some rights missing."""

    server = "https://fake"

    def __init__(self, *missing: tuple[str, str, str]) -> None:
        self._missing = missing

    def can_i(self, verb: str, resource: str, *, subresource: str = "") -> bool:
        """Whether it is not one of the missing."""
        return (verb, resource, subresource) not in self._missing

    def server_version(self) -> dict[str, str]:
        """A version."""
        return {"gitVersion": "v1.36.0"}

    def list(self, resource: str, **_: Any) -> Any:
        """One node, not Ready; no right to anything else."""
        if resource != "nodes":
            raise Forbidden({"code": 403, "message": f"cannot list {resource}"}, asked=f"GET {resource}")
        node = {"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        return type("Listing", (), {"items": [node]})

    def get(self, resource: str, name: str, **_: Any) -> Any:
        """Nothing."""
        return self.list(resource)

    def raw(self, method: str, path: str) -> Any:
        """No discovery either."""
        return self.list(path)


def test_each_missing_right_comes_with_the_rule_that_grants_it() -> None:
    """Only the missing verbs are asked for, on the subresource and group they belong to."""
    kube: Any = ReviewingKube(
        ("create", "pods", "exec"), ("delete", "networkpolicies.networking.k8s.io", ""), ("get", "secrets", "")
    )
    lacking = {right.resource: right.rule(verbs) for right, verbs in rights.missing(kube)}
    assert lacking == {
        "pods/exec": '- {apiGroups: [""], resources: [pods/exec], verbs: [create]}',
        "networkpolicies": '- {apiGroups: ["networking.k8s.io"], resources: [networkpolicies], verbs: [delete]}',
    }


def test_the_doctor_sees_rights_and_nodes() -> None:
    """A missing right and a node that is not Ready are each one bad line; the rest is good."""
    kube: Any = ReviewingKube(("get", "pods", "exec"))
    bad = [str(each) for each in cluster(kube) if each.state is State.MISSING]
    assert len(bad) == 2
    assert "may not get" in bad[0]
    assert "grant: - {apiGroups" in bad[0]
    assert "NotReady" in bad[1]


def test_the_doctor_says_what_the_cluster_can_do() -> None:
    """A line for each fact; what cannot be read is unknown with the reason, and no finding is bad for it."""
    kube: Any = ReviewingKube()
    told = {each.what: each for each in cluster(kube) if each.what.startswith("capability ")}
    assert told["capability kubernetes"].told == "yes, v1.36.0: /version"
    assert told["capability cni"].told.startswith("unknown")
    assert {each.state for each in told.values()} == {State.NOTED}


def test_the_doctor_looks_at_clusters_that_were_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a few lines; one that does not answer says so, and the others are told all the same."""
    module = sys.modules["harness.cli.doctor"]

    def ask(name: str, verb: str, **_: Any) -> dict[str, Any]:
        if name == "deaf":
            raise ClusterError("it did not answer")
        return {"kubeconfig": {"name": name}}

    kube: Any = ReviewingKube()
    kube.close = lambda: None
    monkeypatch.setattr(embedded, "standing_names", lambda: ["deaf", "one"])
    monkeypatch.setattr(embedded, "ask", ask)
    monkeypatch.setattr(module, "Kube", type("Kube", (), {"connect": staticmethod(lambda config: kube)}))
    first, second, *_ = standing()
    assert (first.what, first.told, first.state) == ("cluster deaf", "it did not answer", State.NOTED)
    assert second.what == "cluster one"
    assert second.told.startswith("Kubernetes v1.36.0, 0 nodes")


def test_a_right_that_only_explains_is_not_demanded() -> None:
    """Without it a fact is unknown; the doctor says how to grant it, and a run is not refused."""
    kube: Any = ReviewingKube(("list", "servicecidrs.networking.k8s.io", ""))
    rights.must_be_allowed(kube)
    (line,) = [each for each in cluster(kube) if each.what == "servicecidrs.networking.k8s.io"]
    assert line.state is State.NOTED
    assert "grant: - {apiGroups" in line.told


def test_without_the_right_to_see_nodes_the_doctor_says_only_that() -> None:
    """Nodes are not listed when that is one of the missing rights."""
    kube: Any = ReviewingKube(("list", "nodes", ""))
    assert not [each for each in cluster(kube) if each.what.startswith("node n1")]


def test_a_run_without_rights_is_refused_with_the_rules() -> None:
    """Every missing right is named in one line with the rule that grants it; nothing is raised when all are there."""
    rights.must_be_allowed(cast("Any", ReviewingKube()))
    with pytest.raises(rights.NotAllowedError, match=r"pods/exec \(get\): - \{apiGroups") as told:
        rights.must_be_allowed(cast("Any", ReviewingKube(("get", "pods", "exec"))))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("good", "code", "mark"), [(True, 0, "ok"), (False, 4, "NO"), (None, 0, "-")])
def test_the_doctor_of_kind_says_good_bad_and_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], good: bool | None, code: int, mark: str
) -> None:
    """One line for each finding; a bad one is the exit code."""
    monkeypatch.setattr(
        sys.modules["harness.cli.doctor"], "checks", lambda k8s: [Check("disk", f"for {k8s}", good=good)]
    )
    assert code_of(["doctor", "--cluster", "kind", "--k8s", "1.36"]) == code
    line = capsys.readouterr().out.split()
    assert line == [mark, "disk", "for", "1.36"]


@pytest.mark.parametrize("there", [True, False])
def test_cleaning_the_machine_removes_what_killed_runs_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    """kind clusters where there is a kind; folders everywhere; what is somebody else's is told and stays."""
    monkeypatch.setattr(leftovers, "present", lambda tools: there)
    monkeypatch.setattr(leftovers, "sweep", lambda tools: ["harness-dead"])
    monkeypatch.setattr(leftovers, "strangers", lambda engine: ["far (made by elsewhere/1/2)"])
    monkeypatch.setattr(leftovers, "sweep_scratch", list)
    assert code_of(["clean"]) == 0
    told = capsys.readouterr()
    assert told.out == ("removed kind cluster harness-dead\n" if there else "nothing of a dead run is left\n")
    assert ("far (made by elsewhere/1/2) was made elsewhere and stays" in told.err) is there


def test_a_reader_that_goes_away_is_no_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """`harness waits | head -1` ends with 2, interrupted: 1 would say that a promise is broken."""

    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    for each in ("stdout", "stderr"):
        monkeypatch.setattr(sys, each, getattr(sys, each))
    monkeypatch.setattr(click, "echo", closed)
    assert code_of(["waits"]) == 2


def test_what_a_cluster_says_is_one_printable_line_in_the_doctor() -> None:
    """Nothing in it steers the terminal or looks like a finding of its own."""
    assert str(Finding("capability dns", "yes\nok user \x1b[2J\u202e")) == (
        f"-  {'capability dns':42} yes ok user \ufffd[2J\ufffd"
    )
