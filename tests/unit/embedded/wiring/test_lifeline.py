"""The tie between a cluster and its owner: what is said over it, and that its end is the cluster's end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.effects.run import start
from harness.embedded.wiring.lifeline import Lifeline

CHILD = """
import sys, threading
from harness.embedded.wiring.lifeline import Lifeline
descriptors = {sys.argv[1]: int(sys.argv[2])}
Lifeline(**{"control_fd": None, "name_fd": None, **descriptors}).watch()
print("watching", flush=True)
threading.Event().wait()
"""
"""A process that does nothing for ever, but hangs on a lifeline."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set where the cluster would have ended."""
    happened = threading.Event()
    monkeypatch.setattr("harness.embedded.wiring.lifeline.os._exit", lambda _: happened.set())
    return happened


@pytest.fixture
def owner(ended: threading.Event) -> Iterator[tuple[socket.socket, Lifeline]]:
    """The owner's end, and the cluster's lifeline. The owner goes before `os._exit` comes back."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    lifeline = Lifeline(control_fd=theirs.detach(), name_fd=None)
    lifeline.watch()
    with closing(ours):
        yield ours, lifeline
    assert ended.wait(30)


def test_the_owner_is_told_in_one_line(owner: tuple[socket.socket, Lifeline]) -> None:
    """How to reach the cluster travels as one line of JSON."""
    ours, lifeline = owner
    lifeline.say({"kubeconfig": {"clusters": []}, "boot_s": 1.5})
    data = b""
    while not data.endswith(b"\n"):
        data += ours.recv(4096)
    assert json.loads(data) == {"kubeconfig": {"clusters": []}, "boot_s": 1.5}


def test_the_owners_end_is_the_clusters_end(owner: tuple[socket.socket, Lifeline], ended: threading.Event) -> None:
    """Whatever the owner writes is ignored; when its end closes the process ends at once."""
    ours, _ = owner
    ours.sendall(b"anything")
    assert not ended.is_set()
    ours.close()
    assert ended.wait(30)


def test_an_owner_that_is_gone_already_is_told_nothing(ended: threading.Event) -> None:
    """Saying something to nobody is no error: the end is on its way."""
    ours, theirs = socket.socketpair()
    lifeline = Lifeline(control_fd=theirs.detach(), name_fd=None)
    ours.close()
    lifeline.say({"error": "too late"})
    lifeline.watch()
    assert ended.wait(30)


@contextmanager
def process(kind: str, descriptor: int) -> Iterator[subprocess.Popen[bytes]]:
    """A real process on a lifeline of this kind."""
    child = start([sys.executable, "-c", CHILD, kind, str(descriptor)], pass_fds=(descriptor,))
    assert child.stdout is not None
    assert child.stderr is not None
    with closing(child.stdout), closing(child.stderr):
        assert child.stdout.readline() == b"watching\n"
        yield child


def test_a_real_process_ends_with_its_owner() -> None:
    """Also while its main thread waits for something else for ever."""
    ours, theirs = socket.socketpair()
    with closing(theirs), process("control_fd", theirs.fileno()) as child:
        theirs.close()
        ours.close()
        assert child.wait(timeout=30) == 0


def test_down_ends_a_real_process(tmp_path: Path) -> None:
    """Also before it ever became ready; who asked is told first."""
    path = str(tmp_path / "name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(8)
        with process("name_fd", listener.fileno()) as child:
            assert asked(path, "down") == {}
            assert child.wait(timeout=30) == 0


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[tuple[str, Lifeline]]:
    """A cluster that stands by itself: where it is asked, and its lifeline."""
    path = str(tmp_path / "name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(8)
        lifeline = Lifeline(control_fd=None, name_fd=os.dup(listener.fileno()))
        lifeline.watch()
        yield path, lifeline


def asked(path: str, verb: str) -> dict[str, Any]:
    """What a standing cluster answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(30)
        line.connect(path)
        line.sendall(verb.encode() + b"\n")
        data = b""
        while piece := line.recv(4096):
            data += piece
    told: dict[str, Any] = json.loads(data)
    return told


def test_a_standing_cluster_says_how_to_reach_it(standing: tuple[str, Lifeline]) -> None:
    """Everybody who asks is told the same, one after the other."""
    path, lifeline = standing
    lifeline.say({"kubeconfig": {}})
    assert asked(path, "status") == asked(path, "status") == {"kubeconfig": {}}


def test_its_maker_gives_it_a_number(standing: tuple[str, Lifeline]) -> None:
    """Inside, the process is number 1; the number by which others know it is told from outside, and kept."""
    path, lifeline = standing
    lifeline.say({"kubeconfig": {}})
    assert asked(path, "pid 4711")["pid"] == 4711
    assert asked(path, "status")["pid"] == 4711


def test_one_who_asks_and_goes_disturbs_nobody(standing: tuple[str, Lifeline]) -> None:
    """A broken conversation is over; the next one is answered."""
    path, lifeline = standing
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
    lifeline.say({"kubeconfig": {}})
    assert asked(path, "status") == {"kubeconfig": {}}
