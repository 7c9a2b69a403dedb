"""`harness matrix` with runs that a small program plays: plan, processes, interruption, comparison, files."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from harness.cli import code_of, matrix_runs, showing
from harness.cli.combinations import Combination
from harness.cli.matrix import Matrix, _stopping
from harness.cli.matrix_runs import Runner
from harness.clusters.kind import fitting
from harness.clusters.kind.versions import Pins, Version
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock
from harness.report.record import RunRecord, TestRecord

PLAYER = """
import json, os, signal, sys, time
from pathlib import Path
arguments = sys.argv[1:]
home = Path(arguments[arguments.index("--report") + 1])
parts = json.loads(os.environ["PARTS"])
part = next(part for key, part in parts.items() if key in arguments)
print("playing", *arguments)
if part.get("wait"):
    try:
        (home / "waiting").touch()
        signal.pause()
    except KeyboardInterrupt:
        print("!! KeyboardInterrupt !!")
if "record" in part:
    (home / "run.json").write_text(json.dumps(part["record"]))
print(part.get("said", "bye"))
if part["code"] < 0:
    os.kill(os.getpid(), -part["code"])
sys.exit(part["code"])
"""
"""Stands for pytest: what it does is decided by an option it is given."""


def record(verdict: str, reason: str = "") -> dict[str, object]:
    """A run of one test."""
    test = TestRecord("suites/t.py::a", ("SVC-001",), "One.", verdict, reason, settled={"dns": 1.0})
    return RunRecord("abc", "2026-01-01T00:00:00Z", 3.0, {"kind": "embedded"}, (test,)).as_dict()


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Give each run its part, by a word of its options."""
    player = tmp_path / "player.py"
    player.write_text(PLAYER)
    real = matrix_runs.Interruptible

    def start(command: list[str], **rest: object) -> object:
        return real([sys.executable, str(player), *command[3:]], **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(matrix_runs, "Interruptible", start)
    monkeypatch.chdir(tmp_path)

    def parts(**each: object) -> None:
        monkeypatch.setenv("PARTS", json.dumps(each))

    return parts


def test_runs_are_compared_and_written(
    play: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run is the command that is printed; what it says is shown; the worst is the exit code."""
    play(ipv4={"code": 1, "record": record("FAIL", "it is broken")}, dual={"code": 0, "record": record("PASS")})
    assert code_of(["matrix", "--cluster", "embedded", "--families", "ipv4,dual", "--", "suites/dns", "-n", "2"]) == 1
    told = capsys.readouterr().out
    (home,) = (tmp_path / "reports").iterdir()
    where = home.relative_to(tmp_path)
    assert f"harness run suites/dns -n 2 --cluster embedded --families ipv4 --report {where}/ipv4\n" in told
    assert "playing" in told
    assert "WHAT DIFFERS: 1\n  SVC-001  A FAIL  B PASS" in told
    assert "A FAIL: it is broken" in told
    assert f"comparison: {where}/comparison.html, {where}/comparison.md" in told
    assert "it is broken" in (home / "comparison.html").read_text()
    assert "it is broken" in (home / "comparison.md").read_text()
    assert (home / "dual/output.txt").read_text().endswith("bye\n")


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_end_is_a_column(
    play: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: int
) -> None:
    """Refused by the rules, not come up, crashed: each with its reason, also side by side."""
    play(ipv4={"code": 4, "said": "ERROR: no room"}, dual={"code": -9, "said": "on my way"})
    arguments = ["matrix", "--cluster", "embedded", "--families", "ipv4,ipv6,dual", "--jobs", str(jobs)]
    assert code_of([*arguments, "--report", str(tmp_path / "m")]) == 3
    told = capsys.readouterr().out
    assert "no result: did not come up: no room" in told
    assert "no result: cannot be: --families ipv6: an embedded cluster is ipv4 or dual" in told
    assert "no result: crashed: ended by signal 9: on my way" in told
    assert "nothing to compare: 0 of 3 columns have a result" in told
    assert sorted(each.name for each in (tmp_path / "m").iterdir()) == [
        "comparison.html",
        "comparison.md",
        "dual",
        "ipv4",
    ]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_run_and_still_compares(
    play: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str], sign: signal.Signals
) -> None:
    """The run that goes on is interrupted once and writes its record; the next ones are not begun; exit code 2."""
    play(ipv4={"code": 2, "wait": True, "record": record("PASS")}, dual={"code": 0, "record": record("PASS")})
    home, clock = tmp_path / "m", RealClock()

    def interrupt() -> None:
        while not (home / "ipv4/waiting").exists():
            clock.sleep(0.01)
        os.kill(os.getpid(), sign)

    threading.Thread(target=interrupt, daemon=True).start()
    before = signal.getsignal(sign)
    assert code_of(["matrix", "--cluster", "embedded", "--families", "ipv4,dual", "--report", str(home)]) == 2
    assert signal.getsignal(sign) == before
    told = capsys.readouterr().out
    assert "not whole: interrupted after 1 tests: KeyboardInterrupt" in told
    assert "no result: not run: the matrix was interrupted before its turn" in told
    assert (home / "comparison.html").exists()
    assert not (home / "dual").exists()


def test_nothing_is_made_when_nothing_can_be_run(
    play: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the reason, exit code 4, no directory."""
    assert code_of(["matrix", "--cluster", "embedded", "--families", "ipv6"]) == 4
    told = capsys.readouterr()
    assert told.err == "harness: nothing to run: --families ipv6: an embedded cluster is ipv4 or dual\n"
    assert told.out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["player.py"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cluster", "moon"], "'moon' is not one of"),
        (["--cni", "calica"], "--cni calica: there are"),
        (["--nodes", "x"], "--nodes x: write a number"),
        (["--jobs", "0"], "not in the range"),
        (["--bogus"], "No such option"),
        (["--cluster", "embedded", "--", "--keep"], "--keep behind the --"),
        (["--cluster", "embedded", "--", "--collectonly"], "--collectonly behind the --"),
        (["--cluster", "embedded", "--report", "."], "--report .: it is not empty"),
        (["--cluster", "embedded", "--report", "player.py"], "--report player.py: it is not empty"),
        (["--cluster", "embedded", "--report", "x" * 300], "File name too long"),
        (["--kubeconfig", "/nowhere"], "/nowhere: No such file or directory"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_4(
    play: Callable[..., None], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Before anything is run or made."""
    assert code_of(["matrix", *arguments]) == 4
    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


def test_a_context_that_is_not_there_refuses_the_matrix(
    play: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error must not end with exit code 0 and one cluster never looked at; with the right names all run."""
    file = tmp_path / "config"
    file.write_text("{clusters: [], users: [], contexts: [{name: old}, {name: new}]}")
    play(**{"--report": {"code": 0, "record": record("PASS")}})
    assert code_of(["matrix", "--kubeconfig", str(file), "--context", "old,mew"]) == 4
    told = capsys.readouterr()
    assert "no context 'mew'; there are: new, old" in told.err
    assert (told.out, list(tmp_path.glob("reports"))) == ("", [])
    assert code_of(["matrix", "--kubeconfig", str(file), "--context", "old,new"]) == 0
    assert "2 combinations, 2 to run" in capsys.readouterr().out


def test_kind_is_asked_before_the_first_run(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No engine refuses the matrix; with one, a combination that does not fit is a column and the other is run."""

    def broken(tools: object) -> fitting.Machine:
        raise ClusterError("docker is not running")

    monkeypatch.setattr(fitting, "look", broken)
    assert code_of(["matrix", "--cni", "kindnet"]) == 4
    assert capsys.readouterr().err == "harness: docker is not running\n"
    machine = fitting.Machine(
        Version(0, 33), ("kindest/node:v1.36.2",), Pins({Version(0, 33): {Version(1, 36, 2): "sha256:0"}})
    )
    monkeypatch.setattr(fitting, "look", lambda _: machine)
    play(iptables={"code": 0, "record": record("PASS")})
    assert code_of(["matrix", "--k8s", "1.36", "--kube-proxy", "iptables,none"]) == 0
    assert "cannot be: --kube-proxy none: CNI kindnet does not replace kube-proxy" in capsys.readouterr().out


def test_a_node_image_that_is_not_here_is_not_passed_over(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Kubernetes that could be and was not tried, for want of an image, is an unknown: exit code 3, not 0."""
    machine = fitting.Machine(
        Version(0, 33),
        ("kindest/node:v1.36.2",),
        Pins({Version(0, 33): {Version(1, 36, 2): "sha256:0", Version(1, 35, 1): "sha256:1"}}),
    )
    monkeypatch.setattr(fitting, "look", lambda _: machine)
    play(**{"1.35": {"code": 4, "said": "ERROR: image x cannot be had"}, "1.36": {"code": 0, "record": record("PASS")}})
    assert code_of(["matrix", "--k8s", "1.35,1.36", "--offline"]) == 3
    assert "no result: did not come up: image x cannot be had" in capsys.readouterr().out


def test_a_run_that_cannot_be_started_is_a_column(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk ends one run and not the matrix without a word."""

    def broken(self: Runner, options: object, directory: Path) -> matrix_runs.Ended:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Runner, "run", broken)
    assert code_of(["matrix", "--cluster", "embedded", "--report", str(tmp_path / "m")]) == 4
    assert "did not come up: [Errno 28] No space left on device" in capsys.readouterr().out


def test_a_run_that_nobody_can_show_is_ended(play: Callable[..., None], tmp_path: Path) -> None:
    """A closed pager must not leave a run behind that nobody knows of."""
    play(**{"--report": {"code": 2, "wait": True}})

    def closed(text: str) -> None:
        raise BrokenPipeError

    runner = Runner((), show=closed)
    with pytest.raises(BrokenPipeError):
        runner.run((), tmp_path / "run")
    assert not runner._running


def test_a_comparison_that_nobody_reads_is_written(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A pager that is closed while the comparison is shown costs the screen and not the pages."""
    play(**{"--report": {"code": 0, "record": record("PASS")}})

    def closed(comparison: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(showing, "show", closed)
    with pytest.raises(BrokenPipeError):
        Matrix([Combination("one", "one", ())], tmp_path / "m", ()).run(1)
    assert (tmp_path / "m/comparison.html").exists()
    assert (tmp_path / "m/comparison.md").exists()


def test_an_interruption_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs are told to end also where nothing can be printed any more."""

    def closed(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(click, "echo", closed)
    runner = Runner(())
    with _stopping(runner):
        signal.raise_signal(signal.SIGTERM)
    assert runner.stopped


def test_of_a_run_that_prints_without_end_the_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it ended is among its last words; the rest stays in its file."""
    monkeypatch.setattr(matrix_runs, "KEPT", 20)
    (tmp_path / "output.txt").write_bytes(b"x" * 1000 + b"\nERROR: no room\n")
    assert matrix_runs.last_words(matrix_runs._read(tmp_path / "output.txt")) == "no room"
    assert len(matrix_runs._read(tmp_path / "output.txt")) == 20
