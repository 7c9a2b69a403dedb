"""A command that is spoken with: its words, its end, and that it is gone when its owner is."""

from __future__ import annotations

import sys

import pytest

from harness.effects.run import Conversation, RunError

ECHO = (sys.executable, "-c", "import sys\nfor line in sys.stdin: print(line.upper(), end='', flush=True)")


def test_it_answers() -> None:
    """What is sent is heard, and the answer comes back; b"" when there is none in time."""
    line = Conversation(ECHO)
    line.send(b"who\n")
    assert line.receive(10.0) == b"WHO\n"
    assert line.receive(0.01) == b""
    line.end(10.0)


def test_its_end_is_told_with_its_last_words() -> None:
    """A command that ended says nothing more: the error carries what it complained of."""
    line = Conversation((sys.executable, "-c", "import sys; sys.exit('no such place')"))
    with pytest.raises(RunError, match="has ended: no such place"):
        line.receive(10.0)
    line.end(10.0)
    with pytest.raises(RunError, match="does not listen"):
        line.send(b"hello")


def test_the_end_is_asked_for_first() -> None:
    """Its input is closed, and a command that then ends is not killed; a deaf one is. Ending twice is no error."""
    line = Conversation(ECHO)
    line.end(10.0)
    line.end(10.0)
    deaf = Conversation(("sleep", "60"))
    deaf.end(0.05)


def test_a_command_that_is_not_there_is_refused() -> None:
    """It cannot be started, and the error says so."""
    with pytest.raises(RunError, match="not found"):
        Conversation(("no-such-program-here",))
