"""The whole way: pool, session, exec stream, API server, relay, agent. Only the container is this machine's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.kube import errors
from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.asks import Http, Payload, Tcp
from harness.probe.pool import Pool
from tests.contract.agent_carrier import PYTHON, LocalAgent, running
from tests.system.apiserver_on_loopback import Running

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("server")) as server:
        server.call("create", "namespaces", {"metadata": {"name": "x"}})
        server.call("create", "serviceaccounts", {"metadata": {"name": "default"}}, namespace="x")
        for name in ("a", "b"):
            spec = {"nodeName": "n1", "containers": [{"name": "agent", "image": "python:3"}]}
            server.call("create", "pods", {"metadata": {"name": name}, "spec": spec}, namespace="x")
            server.run_pod("x", name)
        yield server


@pytest.fixture(scope="module")
def kube(server: Running) -> Iterator[Kube]:
    kube = Kube.connect(server.kubeconfig)
    yield kube
    kube.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[LocalAgent]:
    yield from running(tmp_path)


@pytest.fixture
def pool(kube: Kube, agent: LocalAgent) -> Iterator[Pool]:
    environment = [f"{key}={value}" for key, value in agent.environment.items()]
    pool = Pool(kube, command=("env", "-i", *environment, sys.executable, *PYTHON, str(agent.file), "relay"))
    yield pool
    pool.close()


POD, OTHER, ABSENT = (NamespacedName("x", name) for name in ("a", "b", "absent"))


def test_asks_go_the_whole_way(pool: Pool, agent: LocalAgent) -> None:
    """Many asks through one exec stream are all answered."""
    results = pool.ask(POD, [Tcp(HOST, agent.port, timeout=5)] * 200 + [Payload(HOST, agent.port, 500_000)])
    assert {result.seen for result in results} == {Seen.REACHED}
    assert results[0].pod == "x/a"


def test_many_pods_at_once(pool: Pool, agent: LocalAgent) -> None:
    """Each pod's asks are answered by its own session; one that cannot be entered costs only its own answers."""
    asked = pool.ask_many({pod: [Tcp(HOST, agent.port, timeout=5)] * 3 for pod in (POD, OTHER, ABSENT)})
    assert [{result.seen for result in asked[pod]} for pod in (POD, OTHER, ABSENT)] == [
        {Seen.REACHED},
        {Seen.REACHED},
        {Seen.UNMEASURED},
    ]
    assert "gone" in asked[ABSENT][0].error


def test_attach_names_who_is_missing(pool: Pool) -> None:
    """Attaching opens all sessions and says why one failed."""
    missing = pool.attach([POD, OTHER, ABSENT])
    assert list(missing) == [ABSENT]


def test_a_cut_connection_is_resumed(pool: Pool, agent: LocalAgent) -> None:
    """When the connection to the API server breaks under a running ask, its result comes over the next one."""
    pool.ask(POD, [Tcp(HOST, agent.port)])
    session = pool.session(POD)
    batch = session.begin([Http(HOST, agent.port, "/slow?ms=500", timeout=5)])
    stream: Any = session._state.stream
    stream._sock.shutdown(2)
    assert batch.wait(10)[0].seen is Seen.REACHED
    assert session.reconnects >= 1


def test_forgotten_pods_are_closed(pool: Pool, server: Running) -> None:
    """Forgetting a pod ends its stream, and its relay with it."""
    pool.attach([POD])
    relay = server.runtime.started[-1]
    pool.forget([POD])
    for _ in range(200):
        if relay._process.returncode is not None:
            break
        server.call("list", "pods", namespace="x")
    assert relay._process.returncode is not None


@pytest.mark.parametrize(("argv", "code", "out"), [(["echo", "hi"], 0, b"hi\n"), (["sh", "-c", "exit 4"], 4, b"")])
def test_commands_run_to_their_end(kube: Kube, argv: list[str], code: int, out: bytes) -> None:
    """A command gives its output and exit code."""
    outcome = kube.exec("x", "a", argv)
    assert (outcome.code, outcome.out) == (code, out)


def test_commands_read_their_input(kube: Kube) -> None:
    """Input is delivered and closed, whatever bytes it has."""
    data = bytes(range(256)) * 2000
    assert kube.exec("x", "a", ["cat"], stdin=data).out == data


def test_exec_has_a_deadline(kube: Kube) -> None:
    """A command that does not end is left at the deadline."""
    with pytest.raises(errors.TimedOut):
        kube.exec("x", "a", ["sleep", "30"], timeout=0.3)


def test_refusals_carry_the_servers_words(kube: Kube) -> None:
    """A stream that is refused says why, in the server's words, with the HTTP status."""
    with pytest.raises(errors.StreamRefused, match='404 pods "absent" not found') as caught:
        kube.open_exec("x", "absent", ["true"])
    assert caught.value.http == 404
