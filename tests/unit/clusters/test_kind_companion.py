"""A program beside the nodes: marked, kept to its cluster, waited for, and gone with what it made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.clusters.kind import companion, leftovers
from harness.clusters.kind.engine import Engine, Kind
from harness.clusters.kind.marks import BESIDE_LABEL, Mark, Stay
from harness.clusters.loadbalancer import Container
from harness.clusters.provider import ClusterError
from harness.effects import process
from harness.effects.clock import FakeClock
from harness.effects.run import run
from tests.unit.clusters.kind_machine import Machine

BESIDE = Container("i:1", says="it works", label="made-by", arguments=("--fast",), narrow=("clusters", "made-by"))
MARK = Mark(process.identity(), Stay.RUN, "d")
DEAD = Mark(f"{process.machine()}/4194304/77", Stay.RUN, "d")


@pytest.fixture
def machine() -> Machine:
    """With two clusters."""
    machine = Machine()
    machine.add("c", MARK.path)
    machine.add("other")
    return machine


@pytest.fixture
def docker(machine: Machine) -> Engine:
    """Its engine."""
    return Engine("docker", machine.tools)


def start(docker: Engine, *, mark: Mark = MARK) -> None:
    """Start it beside cluster `c`."""
    companion.start(docker, BESIDE, "c", mark=mark, network="kind")


def test_it_runs_on_the_nodes_network_with_the_engines_socket(machine: Machine, docker: Engine) -> None:
    """Wherever the socket is on this machine; with its arguments behind its image."""
    start(docker)
    (command,) = [each for each in machine.commands if each.startswith("docker create")]
    assert "--network kind" in command
    assert "--volume /run/user/7/docker.sock:/var/run/docker.sock" in command
    assert command.endswith("i:1 --fast")
    assert docker.runs(companion.name("c"))


def test_it_belongs_to_its_cluster(docker: Engine) -> None:
    """Marked as the nodes are, and no node itself."""
    start(docker)
    found = leftovers.found(docker)["c"]
    assert (found.mark, found.containers) == (MARK, ("c-control-plane",))
    assert (found.beside, found.makes) == ((companion.name("c"),), ("made-by",))
    assert leftovers.found(docker)["other"].beside == ()


def test_a_second_one_takes_the_place_of_the_first(machine: Machine, docker: Engine) -> None:
    """One that was ended comes back as a new one."""
    start(docker)
    start(docker)
    assert machine.beside == [companion.name("c")]


def test_it_sees_its_own_cluster_only(tmp_path: Path) -> None:
    """Its questions for all clusters are narrowed; every other argument arrives as it was."""
    program, real = tmp_path / "bin/docker", tmp_path / "real/docker"
    for file, text in ((program, companion.wrapper(BESIDE, "c")), (real, '#!/bin/sh\nprintf "%s\\n" "$@"\n')):
        file.parent.mkdir()
        file.write_text(text)
        file.chmod(0o755)
    path = f"{program.parent}:{real.parent}:{os.defpath}"
    asked = ["ps", "-a", "--filter", "label=clusters", "--filter", "label=made-by", "label=other", "a b", "*", ""]
    told = run([str(program), *asked], env={"PATH": path}).text
    narrowed = [f"{each}=c" if each in {"label=clusters", "label=made-by"} else each for each in asked]
    assert told.split("\n")[:-1] == narrowed


def test_nothing_to_narrow_changes_nothing() -> None:
    """The wrapper stays a program that a shell can read."""
    text = companion.wrapper(Container("i", says="s", label="l"), "c")
    run(["sh", "-n"], stdin=text.encode())


def test_only_dockers_own_socket_is_handed_on(machine: Machine) -> None:
    """Another engine, or one on another machine, is refused in one line."""
    with pytest.raises(ClusterError, match="works with docker only, not with podman"):
        companion.check(Engine("podman", machine.tools), "--lb x")
    machine.endpoint = "tcp://elsewhere:2376"
    with pytest.raises(ClusterError, match="--lb x needs docker's own socket, and tcp://elsewhere:2376 is used"):
        companion.check(Engine("docker", machine.tools), "--lb x")


def test_it_is_waited_for(machine: Machine, docker: Engine) -> None:
    """Until it says so; one that ends or says something else is told with its last words."""
    start(docker)
    machine.said = "hello\nnow it works\nmore"
    companion.await_words(docker, BESIDE, "c", clock=FakeClock(), timeout=5)
    machine.said = "hello\nno socket\n"
    clock = FakeClock()
    with pytest.raises(ClusterError, match="i:1 did not work after 5 s; it said: no socket"):
        companion.await_words(docker, BESIDE, "c", clock=clock, timeout=5)
    assert clock.now() >= 5
    docker.kill([companion.name("c")])
    for last in ("no socket", "it works, and dies"):
        machine.said = f"hello\n{last}\n"
        with pytest.raises(ClusterError, match=f"i:1 has ended; it said: {last}"):
            companion.await_words(docker, BESIDE, "c", clock=FakeClock(), timeout=5)


def test_it_goes_with_its_cluster_and_with_what_it_made(machine: Machine, docker: Engine) -> None:
    """It is ended first, so that it makes nothing more; what others made stays."""
    start(docker)
    machine.add_labelled("proxy", {"made-by": "c"})
    machine.add_labelled("theirs", {"made-by": "other"})
    leftovers.remove(docker, Kind(machine.tools), "c")
    assert sorted(machine.nodes) == ["other-control-plane", "theirs"]
    removal = [each.split()[1] for each in machine.commands if each.split()[1] in {"kill", "rm"}]
    assert removal[-3:] == ["kill", "rm", "rm"]


def test_what_is_left_of_a_cluster_that_somebody_removed_is_a_leftover(machine: Machine, docker: Engine) -> None:
    """Its nodes are gone, its maker is dead: the next run removes it."""
    start(docker, mark=DEAD)
    machine.nodes.pop("c-control-plane")
    machine.add_labelled("proxy", {"made-by": "c"})
    assert [each.name for each in leftovers.leftovers(docker)] == ["c"]
    leftovers.remove(docker, Kind(machine.tools), "c")
    assert sorted(machine.nodes) == ["other-control-plane"]


def test_a_container_of_somebody_else_is_never_removed(machine: Machine, docker: Engine) -> None:
    """One that carries our label without our mark, beside a cluster that is not ours."""
    machine.add_labelled("theirs", {BESIDE_LABEL: "other"})
    assert leftovers.leftovers(docker) == []
    with pytest.raises(ClusterError, match="cannot be removed"):
        leftovers.remove(docker, Kind(machine.tools), "other")
    assert "theirs" in machine.nodes
