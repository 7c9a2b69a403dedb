"""The embedded cluster as a provider, where no cluster is needed: refusals, the line to the process, last words."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from harness.clusters import embedded
from harness.clusters.embedded import EmbeddedCluster, Settings, ask, down, refusal, standing_names
from harness.clusters.provider import ClusterError
from harness.effects.clock import RealClock


def test_not_root_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root there is one line that says what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refusal() == (
        "the embedded cluster needs root (network, mount and PID namespaces): run it as root or with sudo"
    )


def test_missing_packages_are_named_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that is missing is named once, as Debian calls it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "NEEDED", {"no-such-1": "crun", "no-such-2": "nftables", "no-such-3": "crun"})
    monkeypatch.setattr(embedded, "PLUGINS", tmp_path)
    assert str(refusal()).endswith("apt-get install crun nftables containernetworking-plugins")


def test_a_locked_down_container_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that may make no namespace is told so."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "NEEDED", {})
    monkeypatch.setattr(embedded, "PLUGINS", Path("/"))
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(embedded, "_namespaces_refused", lambda: "may not make namespaces")
    assert refusal() == "may not make namespaces"


def test_a_refusal_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that cannot be made raises before anything is started, and can be destroyed all the same."""
    monkeypatch.setattr(embedded, "refusal", lambda: "no")
    cluster = EmbeddedCluster(Settings())
    with pytest.raises(ClusterError, match="no"):
        cluster.create()
    assert cluster.process_id is None
    cluster.destroy()
    cluster.destroy()


def test_a_name_nobody_has_is_an_answer() -> None:
    """Asking for and taking down a cluster that is not up says so."""
    assert "nobody-has-this" not in standing_names()
    assert down("nobody-has-this") is False
    with pytest.raises(ClusterError, match="harness up"):
        ask("nobody-has-this", "status", clock=RealClock(), limit=1.0)


def test_settings_travel_as_json() -> None:
    """What the owner wants is what the process reads."""
    settings = Settings(name="a", families=("IPv4",), nodes=2, jitter=0.0, seed=7)
    assert Settings.from_dict(settings.as_dict()) == settings


def test_the_process_is_known_by_its_number_here() -> None:
    """The kernel says who answered, in our numbering, whatever the process calls itself."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with ours, theirs:
        theirs.sendall(b'{"pid": 1, "boot_s": 0.5}\n')
        said = embedded._read_line(ours, RealClock(), 1.0)
    assert said == {"pid": os.getpid(), "boot_s": 0.5}


@pytest.mark.parametrize("pieces", [(b"",), (b'{"a": 1}',)])
def test_a_process_that_ends_without_a_line_said_nothing(pieces: tuple[bytes, ...]) -> None:
    """A closed line is no answer, also in the middle of one."""
    ours, theirs = socket.socketpair()
    with ours:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.close()
        assert embedded._read_line(ours, RealClock(), 1.0) is None


def test_a_silent_process_is_given_up() -> None:
    """A boot that takes longer than its limit is an error that says the limit."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ClusterError, match=r"did not answer within 0\.05 s"):
        embedded._read_line(ours, RealClock(), 0.05)
