"""The agent as a process: alone, from its archive, as process 1 would live and end."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from harness.effects.clock import RealClock
from harness.effects.run import run
from harness.expect.converge import converge
from harness.probe.archive import RELAY_COMMAND, archive, fingerprint, serve_command
from harness.probe.asks import Http, Tcp
from harness.probe.session import Session
from tests.contract.agent_carrier import PATIENCE, LocalAgent, free_port, running

HOST = "127.0.0.1"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[LocalAgent]:
    yield from running(tmp_path)


def test_archive_starts_alone(tmp_path: Path) -> None:
    """The archive runs without site packages, without an environment, from any folder."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    done = run([sys.executable, "-I", "-S", str(file)], env={}, check=False)
    assert (done.code, done.err) == (2, b"agent: say serve, relay or attend\n")


def test_every_module_of_the_archive_imports_alone(tmp_path: Path) -> None:
    """No module of the agent needs anything but the standard library."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    several = zipfile.ZipFile(file).namelist()
    names = [name[6:-3] for name in several if name.startswith("agent/") and name.endswith(".py")]
    code = f"import sys; sys.path.insert(0, {str(file)!r}); import importlib\n"
    code += f"for name in {[n for n in names if n != '__init__']!r}: importlib.import_module('agent.' + name)\n"
    code += "assert not any(name.startswith('harness') for name in sys.modules)"
    run([sys.executable, "-I", "-S", "-W", "error", "-c", code], env={})


@pytest.mark.parametrize(("magic", "compiles"), [(importlib.util.MAGIC_NUMBER, False), (b"\0\0\r\n", True)])
def test_a_python_like_ours_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, magic: bytes, *, compiles: bool
) -> None:
    """The agent starts from its bytecode where that fits, and from its sources anywhere else."""
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", magic)
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    code = f"import sys, zipimport; sys.path.insert(0, {str(file)!r}); compiled = []; own = zipimport._compile_source\n"
    code += "zipimport._compile_source = lambda path, source: compiled.append(path) or own(path, source)\n"
    code += "import agent.serve, agent.relay; print(len(compiled))"
    assert (int(run([sys.executable, "-I", "-S", "-c", code], env={}).text) > 0) is compiles


def test_archive_is_the_same_every_time() -> None:
    """Equal sources give equal bytes, so that a ConfigMap does not change without reason."""
    assert archive() == archive()
    assert len(fingerprint(archive())) == 10


def test_archive_fits_a_configmap() -> None:
    """The archive stays far below the size limit of a ConfigMap."""
    assert len(archive()) < 200_000
    assert zipfile.ZipFile(BytesIO(archive())).testzip() is None


def test_commands_name_the_mounted_archive() -> None:
    """Server and relay are started from the same mounted file."""
    assert RELAY_COMMAND[-2:] == ("/agent/agent.pyz", "relay")
    assert serve_command(["tcp:80"], linger=5, ready=False)[-4:] == ("serve", "--linger=5", "--unready", "tcp:80")


@pytest.mark.parametrize("argument", ["tcp", "tcp:0", "icmp:1", "tcp:70000", "80", "tcp:x"])
def test_wrong_server_is_one_line(tmp_path: Path, argument: str) -> None:
    """A server that is not one is refused in one line, with an example."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    done = run([sys.executable, "-I", "-S", str(file), "serve", argument], env={}, check=False)
    assert done.code == 2
    assert done.err.decode().count("\n") == 1
    assert "tcp:80" in done.err.decode()


def test_taken_port_is_one_line(tmp_path: Path) -> None:
    """A port somebody else has makes the agent end with a line that names it."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run([sys.executable, "-I", "-S", str(file), "serve", f"tcp:{port}"], env={}, check=False)
    assert done.code == 1
    assert f"tcp:{port}" in done.err.decode()
    assert "EADDRINUSE" in done.err.decode()


def test_relay_without_agent_says_so(tmp_path: Path) -> None:
    """A relay in a container without an agent ends with a line and a code of its own."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    done = run([sys.executable, "-I", "-S", str(file), "relay"], env={"POD_UID": "nobody"}, check=False)
    assert done.code == 3
    assert b"no agent" in done.err


def test_relay_ends_with_its_client(agent: LocalAgent) -> None:
    """A relay whose stdin ends is gone at once; the agent stays."""
    stream = agent.connect()
    assert stream.process.stdin is not None
    stream.process.stdin.close()
    assert stream.process.wait(PATIENCE) == 0
    assert agent.process.poll() is None


def test_relay_ends_with_the_agent(agent: LocalAgent) -> None:
    """A relay whose agent dies is gone at once."""
    session = Session(agent.connect, "x/a")
    session.ask([Tcp(HOST, agent.port)])
    relay = agent.streams[-1].process
    agent.kill()
    assert relay.wait(PATIENCE) == 0
    session.close()


def test_term_ends_at_once(agent: LocalAgent) -> None:
    """Without lingering SIGTERM is obeyed at once, with exit code 0."""
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(PATIENCE) == 0


def until_unready(session: Session, agent: LocalAgent) -> None:
    """Wait until it says that it is not ready."""
    ready = [Http(HOST, agent.port, "/ready", timeout=PATIENCE)]
    converge(
        lambda: session.ask(ready)[0].http,
        lambda http: http is not None and http.status == 503,
        clock=RealClock(),
        within=PATIENCE,
        streak=1,
        spacing=0.01,
    )


def test_lingering_serves_unready_then_ends(tmp_path: Path) -> None:
    """A lingering agent says not ready after SIGTERM, goes on serving, and ends after its time."""
    agent = next(agents := running(tmp_path, options=("--linger=3",)))
    session = Session(agent.connect, "x/a")
    try:
        session.ask([Tcp(HOST, agent.port)])
        began = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        until_unready(session, agent)
        (served,) = session.ask([Http(HOST, agent.port, "/echo")])
        assert served.http is not None
        assert served.http.status == 200
        assert agent.process.wait(PATIENCE) == 0
        assert time.monotonic() - began >= 2.9
    finally:
        session.close()
        agents.close()  # type: ignore[attr-defined]


def test_second_term_ends_lingering(tmp_path: Path) -> None:
    """Whoever sends SIGTERM twice means it."""
    agent = next(agents := running(tmp_path, options=("--linger=60",)))
    session = Session(agent.connect, "x/a")
    try:
        agent.process.send_signal(signal.SIGTERM)
        until_unready(session, agent)  # it has taken the first: two that wait together are one to the kernel
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(PATIENCE) == 0
    finally:
        session.close()
        agents.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(
    run(["unshare", "--pid", "--fork", "true"], check=False).code != 0,
    reason="no right to make PID namespaces (needs root)",
)
def test_process_one_buries_orphans(tmp_path: Path) -> None:
    """As process 1 of a pid namespace the agent reaps children that others left behind, before it served or later."""
    file = tmp_path / "agent.pyz"
    file.write_bytes(archive())
    note = tmp_path / "orphan"
    orphan = f"""
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        while os.getppid() != 1:
            time.sleep(0.01)
        with open({str(note)!r} + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename({str(note)!r} + ".new", {str(note)!r})
    os._exit(0)
os.wait()
"""
    watch = f"""
import os, time
deadline = time.monotonic() + {PATIENCE}
while not os.path.exists({str(note)!r}) and time.monotonic() < deadline:
    time.sleep(0.02)
pid = open({str(note)!r}).read()
os.unlink({str(note)!r})
while os.path.exists(f"/proc/{{pid}}") and time.monotonic() < deadline:
    time.sleep(0.02)
print("there" if os.path.exists(f"/proc/{{pid}}") else "buried")
"""
    python = [sys.executable, "-I", "-S"]
    inner = (
        f"import subprocess, sys, time, os\nport={free_port()}\n"
        f"pid = os.fork()\n"
        f"if pid == 0:\n"
        f"  for again in range(2):\n"  # once the first is buried it serves
        f"    subprocess.run({[*python, '-c', orphan]!r})\n"
        f"    subprocess.run({[*python, '-c', watch]!r})\n"
        f"  import signal; os.kill(1, signal.SIGTERM); os._exit(0)\n"
        f"os.execv(sys.executable, {[*python, str(file), 'serve']!r} + ['tcp:%d' % port])"
    )
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", *python, "-c", inner],
        capture_output=True,
        timeout=4 * PATIENCE,
        check=False,
        env={"PATH": os.environ["PATH"], "POD_UID": f"orphans-{os.getpid()}"},
    )
    assert done.stdout.decode().split() == ["buried", "buried"], done.stderr.decode()
