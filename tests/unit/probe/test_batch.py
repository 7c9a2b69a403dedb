"""What a batch of asks hands back when its time is over."""

from __future__ import annotations

from typing import Any

from harness.model.outcome import Seen
from harness.probe.asks import Tcp
from harness.probe.results import Result
from harness.probe.session import Batch

ASKS = [Tcp("10.0.0.1", 80), Tcp("10.0.0.2", 80), Tcp("10.0.0.3", 80)]


class BusySession:
    """A session whose thread has taken an answer off the list of those waited for, and has not handed it over yet."""

    pod = "x/a"

    def give_up(self, batch: Batch, why: str) -> None:
        pass


def test_an_answer_that_comes_as_time_runs_out_displaces_no_other() -> None:
    """Every ask keeps its place: the one whose answer is on its way is UNMEASURED, later ones keep their own."""
    session: Any = BusySession()
    batch = Batch(session, ASKS, on_result=None)
    batch.accept(0, Result(ASKS[0], "x/a", Seen.REACHED))
    batch.accept(2, Result(ASKS[2], "x/a", Seen.REFUSED))
    assert [result.seen for result in batch.wait(0.0)] == [Seen.REACHED, Seen.UNMEASURED, Seen.REFUSED]
    assert [result.ask for result in batch.wait(0.0)] == ASKS
