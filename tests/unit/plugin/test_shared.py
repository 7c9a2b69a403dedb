"""What workers of a run tell each other of the cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.effects.clock import RealClock
from harness.model.capability import Fact
from harness.plugin.shared import FILES, SharedFacts

RUN = "r1"
YES = Fact.yes("kindnet", why="a probe")


def test_one_probes_and_the_others_wait(tmp_path: Path) -> None:
    """However many workers need it at once, it is probed once, and all have the answer."""
    asked: list[int] = []

    def probe() -> Fact:
        asked.append(1)
        RealClock().sleep(0.05)
        return YES

    with ThreadPoolExecutor(4) as workers:
        told = list(workers.map(lambda _: SharedFacts(tmp_path, RUN).once("network-policy", probe), range(4)))
    assert told == [YES] * 4
    assert len(asked) == 1


def test_what_nobody_could_tell_is_asked_again_by_others(tmp_path: Path) -> None:
    """Unknown stays with the worker that could not tell."""
    mine, other = SharedFacts(tmp_path, RUN), SharedFacts(tmp_path, RUN)
    unknown = Fact.unknown("the stream closed")
    assert mine.once("network-policy", lambda: unknown) == unknown
    assert mine.once("network-policy", lambda: YES) == unknown
    assert other.once("network-policy", lambda: YES) == YES


def test_what_was_told_stands(tmp_path: Path) -> None:
    """The first word counts, and several facts do not push each other out."""
    facts = SharedFacts(tmp_path / "new", RUN)
    assert facts.told("lb") is None
    facts.tell("lb", Fact.no(why="no address"))
    facts.tell("lb", YES)
    facts.tell("network-policy", YES)
    assert SharedFacts(tmp_path / "new", RUN).all() == {"lb": Fact.no(why="no address"), "network-policy": YES}


def test_its_files_are_known(tmp_path: Path) -> None:
    """The run removes them at its end, and would leave others behind."""
    SharedFacts(tmp_path, RUN).tell("lb", YES)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


@pytest.mark.parametrize("left", ["", "[]", "{}", '{"run": "r1", "facts": {"lb": {}}}', '{"run": "r1", "facts": []}'])
def test_what_a_killed_run_left_is_not_listened_to(tmp_path: Path, left: str) -> None:
    """A report directory may be used again, for another cluster; a file that is not ours does not end a run."""
    SharedFacts(tmp_path, "r0").tell("lb", Fact.no(why="no address"))
    assert SharedFacts(tmp_path, "r0").told("lb") is not None
    facts = SharedFacts(tmp_path, RUN)
    assert facts.told("lb") is None
    (tmp_path / FILES[1]).write_text(left)
    assert facts.all() == {}
    assert facts.once("lb", lambda: YES) == YES
    assert SharedFacts(tmp_path, RUN).told("lb") == YES
