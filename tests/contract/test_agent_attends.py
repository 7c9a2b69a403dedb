"""An agent that attends: asked through the pipes of its own process, and gone when they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.effects.clock import RealClock
from harness.effects.run import run
from harness.expect.converge import converge
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.archive import archive, attend_command
from harness.probe.asks import Interfaces, Serve, Tcp
from harness.probe.carrier import Processes
from harness.probe.pool import Pool
from tests.contract.agent_carrier import PATIENCE, free_port

NAME = NamespacedName("outside", "w")
HOST = "127.0.0.1"

OWNER = """
import sys, time
from harness.model.refs import NamespacedName
from harness.probe.asks import Hostname
from harness.probe.carrier import Processes
from harness.probe.pool import Pool
pool, name = Pool(None), NamespacedName("outside", sys.argv[1])
pool.place(name, Processes((), python=sys.executable))
print(pool.ask(name, [Hostname()])[0].seen.name, flush=True)
time.sleep(60)
"""


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A pool whose only place is a process of ours; there is no cluster."""
    made = Pool(None)  # type: ignore[arg-type]  # nobody is asked through the API
    made.place(NAME, Processes((), python=sys.executable))
    yield made
    made.close()


def test_it_is_asked_as_a_pod_is(pool: Pool) -> None:
    """It asks and serves, and its answers are signed with the name it was given."""
    port = free_port()
    served, there = pool.ask(NAME, [Serve("tcp", port, HOST), Interfaces()])
    (asked,) = pool.ask(NAME, [Tcp(HOST, port)])
    assert (served.seen, there.seen, asked.seen) == (Seen.REACHED,) * 3
    assert asked.answer is not None
    assert asked.answer.who == "outside/w"


@pytest.mark.parametrize("command", [("false",), ("no-such-program-here",)])
def test_a_door_that_leads_nowhere_is_told(command: tuple[str, ...]) -> None:
    """A command that runs nothing there makes what was asked UNMEASURED, with a reason, at once."""
    pool = Pool(None)  # type: ignore[arg-type]  # as above
    pool.place(NAME, Processes(command))
    began = RealClock().now()
    (told,) = pool.ask(NAME, [Interfaces()])
    assert told.seen is Seen.UNMEASURED
    assert told.error.startswith("no agent at outside/w: ")
    assert RealClock().now() - began < 20.0, "not after the patience of half a minute"
    pool.close()


def test_nothing_outlives_its_owner() -> None:
    """When whoever asks is killed, the agent ends with its pipe, and no file was ever made of it."""
    name = f"w-{os.getpid()}"
    with subprocess.Popen([sys.executable, "-c", OWNER, name], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"REACHED\n"
        assert agents(name)
        owner.send_signal(signal.SIGKILL)
    converge(lambda: agents(name), lambda left: not left, clock=RealClock(), within=PATIENCE, streak=1, spacing=0.02)


def agents(name: str) -> list[str]:
    """Processes that attend under this name."""
    return run(["pgrep", "-f", f"attend --as=outside/{name}"], check=False).text.split()


@pytest.mark.parametrize("arguments", [[], ["--as=x"], ["--as=/x"], ["--as=x/y", "icmp:1"]])
def test_who_does_not_say_who_it_is_is_refused(arguments: list[str]) -> None:
    """One line says how to write it."""
    content = archive()
    command = [*attend_command("x/y", content, python=sys.executable)[:-1], *arguments]
    done = run(command, stdin=content, check=False)
    assert (done.code, done.err.count(b"\n")) == (2, 1)


def test_half_an_agent_is_refused() -> None:
    """An archive that does not come whole is said in one line; nothing runs."""
    content = archive()
    done = run(attend_command("x/y", content, python=sys.executable), stdin=content[:100], check=False)
    assert (done.code, done.err) == (1, b"the agent did not arrive\n")
