"""The order of tests: what waits comes first, what is alone last, and a worker stays in the modules it has begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from xdist.remote import Producer

from harness.plugin.hooks import Controller
from harness.plugin.order import FILE, Handout, Plan

pytest_plugins = ("pytester",)

SUITE = '''
import pytest
from harness.suite import Findings, exclusive, requirement, waits

@requirement("T-1")
def test_plain(check):
    """A promise."""
    check.now(Findings())

@exclusive
@waits(99, "it is alone all the same")
@requirement("T-2")
def test_alone(check):
    """A promise that needs the cluster for itself."""
    check.now(Findings())

@requirement("T-3")
def test_other(check):
    """Another promise."""
    check.now(Findings())

@waits(5, "a cache")
@requirement("T-4")
def test_short(check):
    """A promise that takes a while."""
    check.now(Findings())

@waits(30, "a longer cache")
@requirement("T-5")
def test_long(check):
    """A promise that takes long."""
    check.now(Findings())
'''
ORDER = ["test_long", "test_short", "test_plain", "test_other", "test_alone"]


class Worker:
    """A worker that only notes what it was sent, in the order in which it was."""

    def __init__(self, name: str) -> None:
        self.sent: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id=name)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


class Options:
    """A configuration that knows these options."""

    def __init__(self, **options: Any) -> None:
        self.getvalue = self.getoption = options.__getitem__


def handed_out(names: Sequence[str], plan: Plan | None, *, workers: int, seconds: float = 1.0) -> list[list[str]]:
    """What each worker is given first, and in the end, when every test takes equally long."""
    there: Any = [Worker(f"gw{number}") for number in range(workers)]
    options: Any = Options(tx=["popen"] * workers, maxschedchunk=None)
    handout = Handout(options, Producer("t", enabled=False), plan=lambda: plan)
    for worker in there:
        handout.add_node(worker)
        handout.add_node_collection(worker, names)
    handout.schedule()
    while any(handout.node2pending.values()):
        for worker in there:
            if pending := list(handout.node2pending[worker]):
                handout.mark_test_complete(worker, pending[0], seconds)
    return [[names[index] for index in worker.sent] for worker in there]


def modules(*counts: int) -> list[str]:
    return [f"m{module}.py::t{number}" for module, count in enumerate(counts) for number in range(count)]


def test_what_waits_comes_first_and_what_is_alone_last(pytester: pytest.Pytester) -> None:
    """Longest first, alone last whatever it says of itself; the rest stays as it was."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", "-v", "--report", "told")
    assert [line.split("::")[1].split()[0] for line in result.outlines if "::test_" in line] == ORDER


def test_every_test_is_run_once_by_some_worker(pytester: pytest.Pytester) -> None:
    """None is lost and none is run twice, and nothing of the plan stays behind."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", "--report", "told")
    result.assert_outcomes(passed=5)
    assert not (pytester.path / "told" / FILE).exists()


@pytest.mark.parametrize(("dist", "chunk"), [("load", 3), ("worksteal", None)])
def test_the_choice_of_the_user_is_obeyed(dist: str, chunk: int | None) -> None:
    """Options of xdist that say how tests are handed out leave nothing for us to decide."""
    run: Any = None
    config: Any = Options(dist=dist, maxschedchunk=chunk)
    assert Controller(run).pytest_xdist_make_scheduler(config, None) is None


def test_nobody_waits_behind_somebody_who_waits() -> None:
    """Tests that wait begin side by side; behind each of them stands one that does not wait."""
    names = modules(8)
    first, second = handed_out(names, Plan("r", 4, 0), workers=2)
    assert [each[-2:] for each in first[:2]] == ["t0", "t4"]
    assert [each[-2:] for each in second[:2]] == ["t1", "t5"]
    assert sorted(first + second) == names


def test_a_worker_stays_in_its_module() -> None:
    """Two modules, two workers: what the tests of a module share is made once."""
    names = modules(6, 6)
    for worker in handed_out(names, Plan("r", 0, 0), workers=2):
        assert len({name.partition("::")[0] for name in worker}) == 1


def test_nobody_is_idle_while_a_module_is_left() -> None:
    """A long module is shared in the end by those who have nothing else to do."""
    given = handed_out(modules(2, 20), Plan("r", 0, 0), workers=2)
    assert sorted(map(len, given)) == [11, 11]


def test_alone_comes_after_everything_else() -> None:
    """No worker is given a test that runs alone while there are others to give."""
    given = handed_out(modules(8), Plan("r", 2, 2), workers=2)
    assert sorted(worker[-1] for worker in given) == ["m0.py::t6", "m0.py::t7"]


def test_tests_of_others_are_handed_out_as_xdist_does() -> None:
    """Without a plan of ours a worker is given many at once, as thousands of quick tests need it."""
    names = modules(80)
    first, _ = handed_out(names, None, workers=2)
    assert first[:10] == names[:10]


def test_a_plan_of_another_run_is_not_followed(tmp_path: Path) -> None:
    """What a killed run left in the directory says nothing about this one; nor does half a file."""
    Plan("old", 2, 1).write(tmp_path)
    assert Plan.read(tmp_path, run="new") is None
    assert Plan.read(tmp_path, run="old") == Plan("old", 2, 1)
    (tmp_path / FILE).write_text("{")
    assert Plan.read(tmp_path, run="old") is None
    assert Plan.read(tmp_path / "nowhere", run="old") is None
