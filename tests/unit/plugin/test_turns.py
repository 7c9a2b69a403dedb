"""Turns: shared beside shared, exclusive alone, and a waiting writer is not starved."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

from harness.plugin.turns import Turns


def free(path: Path, how: int) -> bool:
    """Whether a lock could be had at once."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_readers_stand_beside_each_other(tmp_path: Path) -> None:
    """A shared turn keeps no other shared turn out, and leaves the gate open."""
    one, two = Turns(tmp_path), Turns(tmp_path)
    with one.shared(), two.shared():
        assert free(tmp_path / ".gate", fcntl.LOCK_EX)
        assert not free(tmp_path / ".turn", fcntl.LOCK_EX)


def test_a_writer_is_alone(tmp_path: Path) -> None:
    """While an exclusive turn is held nobody gets through the gate; afterwards everybody does."""
    with Turns(tmp_path).exclusive():
        assert not free(tmp_path / ".gate", fcntl.LOCK_SH)
        assert not free(tmp_path / ".turn", fcntl.LOCK_SH)
    assert free(tmp_path / ".gate", fcntl.LOCK_EX)
    assert free(tmp_path / ".turn", fcntl.LOCK_EX)


def test_a_waiting_writer_closes_the_gate(tmp_path: Path) -> None:
    """A writer that waits for readers lets no new reader in before it has had its turn."""
    order: list[str] = []
    waiting, written = threading.Event(), threading.Event()

    def write() -> None:
        waiting.set()
        with Turns(tmp_path).exclusive():
            order.append("writer")
        written.set()

    def read() -> None:
        with Turns(tmp_path).shared():
            order.append("late reader")

    with Turns(tmp_path).shared():
        writer = threading.Thread(target=write)
        writer.start()
        assert waiting.wait(5)
        while free(tmp_path / ".gate", fcntl.LOCK_SH):
            pass  # until the writer stands in the gate
        reader = threading.Thread(target=read)
        reader.start()
        order.append("first reader")
    assert written.wait(5)
    reader.join(5)
    writer.join(5)
    assert order == ["first reader", "writer", "late reader"]


def test_a_turn_ends_with_an_error(tmp_path: Path) -> None:
    """A test that raises gives its turn back."""
    try:
        with Turns(tmp_path).exclusive():
            raise RuntimeError("the test failed")
    except RuntimeError:
        assert free(tmp_path / ".gate", fcntl.LOCK_EX)
