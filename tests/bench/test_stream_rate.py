"""How fast one stream is: frames to a process and back, and probes asked through it. Numbers of design §7.

Run with `-s` to see the numbers. The limits asserted are the "must" column; a loaded machine stays far above them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.kube.client import Kube
from harness.model.outcome import Seen
from harness.model.refs import NamespacedName
from harness.probe.asks import Ask, Ready, Tcp, Udp
from harness.probe.pool import Pool
from tests.contract.agent_carrier import PYTHON, LocalAgent
from tests.system.apiserver_on_loopback import Running

HOST = "127.0.0.1"
POD = NamespacedName("x", "a")
FRAMES = 20_000
LINE = b'{"id":7,"do":"tcp","host":"10.0.0.1","port":80,"timeout":1.0}\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("server")) as server:
        server.call("create", "namespaces", {"metadata": {"name": "x"}})
        server.call("create", "serviceaccounts", {"metadata": {"name": "default"}}, namespace="x")
        spec = {"nodeName": "n1", "containers": [{"name": "agent", "image": "python:3"}]}
        server.call("create", "pods", {"metadata": {"name": "a"}, "spec": spec}, namespace="x")
        server.run_pod("x", "a")
        yield server


@pytest.fixture(scope="module")
def kube(server: Running) -> Iterator[Kube]:
    kube = Kube.connect(server.kubeconfig)
    yield kube
    kube.close()


def tell(what: str, per_second: float) -> None:
    print(f"\n{what}: {per_second:,.0f}/s")


def test_frames_through_one_stream(kube: Kube) -> None:
    """Single frames go to a process and back at 5,000 a second or more."""
    stream = kube.open_exec(POD.namespace, POD.name, ["cat"])
    began = time.perf_counter()
    sender = threading.Thread(target=lambda: [stream.send(LINE) for _ in range(FRAMES)])
    sender.start()
    left = FRAMES * len(LINE)
    while left > 0:
        left -= len(stream.receive(10))
    rate = FRAMES / (time.perf_counter() - began)
    sender.join()
    stream.close()
    tell("frames through one exec stream, one message each", rate)
    assert rate >= 5_000


def test_round_trip(kube: Kube) -> None:
    """A single frame and its echo take no more than 20 ms in the median."""
    stream = kube.open_exec(POD.namespace, POD.name, ["cat"])
    times: list[float] = []
    for _ in range(200):
        began = time.perf_counter()
        stream.send(LINE)
        while not stream.receive(5):
            pass
        times.append(time.perf_counter() - began)
    stream.close()
    median = sorted(times)[len(times) // 2]
    print(f"\nround trip through one exec stream: {median * 1000:.2f} ms in the median")
    assert median < 0.02


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[tuple[LocalAgent, LocalAgent]]:
    asker, server = LocalAgent(tmp_path), LocalAgent(tmp_path, name="b")
    yield asker, server
    asker.stop()
    server.stop()


@pytest.mark.parametrize(("kind", "count"), [("nothing", 20_000), ("tcp", 5_000), ("udp", 5_000)])
def test_asks_through_one_stream(kube: Kube, agents: tuple[LocalAgent, LocalAgent], kind: str, count: int) -> None:
    """Asks through session, stream and relay: the path alone carries 5,000 a second or more, probes are told."""
    asker, server = agents
    asks: dict[str, Ask] = {
        "nothing": Ready(ready=True),
        "tcp": Tcp(HOST, server.port, timeout=10),
        "udp": Udp(HOST, server.port, timeout=10),
    }
    environment = [f"{key}={value}" for key, value in asker.environment.items()]
    pool = Pool(kube, command=("env", "-i", *environment, sys.executable, *PYTHON, str(asker.file), "relay"))
    pool.attach([POD])
    began = time.perf_counter()
    results = pool.ask(POD, [asks[kind]] * count, timeout=60)
    rate = count / (time.perf_counter() - began)
    pool.close()
    tell(f"asks of {kind} through one stream", rate)
    assert sum(result.seen is Seen.REACHED for result in results) >= count * 0.99
    assert rate >= (5_000 if kind == "nothing" else 500)


def test_a_whole_table_at_once(kube: Kube, agents: tuple[LocalAgent, LocalAgent]) -> None:
    """324 probes in one batch are all reached within half a second."""
    asker, server = agents
    environment = [f"{key}={value}" for key, value in asker.environment.items()]
    pool = Pool(kube, command=("env", "-i", *environment, sys.executable, *PYTHON, str(asker.file), "relay"))
    pool.attach([POD])
    asks: list[Ask] = [Tcp(HOST, server.port), Udp(HOST, server.port)] * 162
    took: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        results = pool.ask(POD, asks)
        took.append(time.perf_counter() - began)
        assert {result.seen for result in results} == {Seen.REACHED}
    pool.close()
    print(f"\n324 probes of one pod: {min(took) * 1000:.0f} ms at best, {max(took) * 1000:.0f} ms at worst")
    assert min(took) < 0.5
