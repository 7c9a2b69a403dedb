"""Which ended children are found to be collected."""

import os
import subprocess

from harness.embedded.kubelet.orphans import _zombies


def test_a_child_that_has_ended_is_found_until_it_is_collected() -> None:
    """Who has ended and was not collected is told with its name; who was collected is not."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert (child.pid, "true") in _zombies()
    child.wait()
    assert child.pid not in dict(_zombies())


def test_a_child_that_lives_is_left_alone() -> None:
    """Nobody who still runs is told."""
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        assert child.pid not in dict(_zombies())
    finally:
        child.communicate()
