"""A real agent process on this machine's loopback, and a stream to it through a real relay process.

Stands in for a pod and its exec stream: the agent is started from its archive with an environment of its own, as a
container would; the stream is a relay's stdin and stdout, with the same interface as `ExecStream`.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from harness.effects.run import start
from harness.kube.errors import StreamClosed, StreamRefused
from harness.probe.archive import archive

PYTHON = ("-I", "-S")
PATIENCE = 30.0
"""Seconds for what takes milliseconds, on a machine with much else to do."""


def free_port() -> int:
    """A port that nobody has, of those that nobody is given unasked.

    One that the kernel picked is, a moment later, as likely to be picked for somebody else: for any connection that
    another test makes meanwhile.
    """
    picked_by_the_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, picked_by_the_kernel)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("0.0.0.0", port))
            return port


class PipeStream:
    """A relay process as a stream."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in = process.stdin.fileno()
        self._out = process.stdout.fileno()

    def send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except OSError as error:
            raise StreamClosed(f"relay: {error}") from error

    def receive(self, timeout: float) -> bytes:
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return b""
        data = os.read(self._out, 262144)
        if not data:
            raise StreamClosed(f"relay ended with {self.process.wait(PATIENCE)}", code=self.process.returncode)
        return data

    def cut(self) -> None:
        """Break it, as a restarting API server does."""
        self.process.kill()

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def __del__(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class LocalAgent:
    """An agent serving on loopback."""

    def __init__(
        self, folder: Path, *, name: str = "a", options: tuple[str, ...] = (), journal: int | None = None
    ) -> None:
        self.file = folder / "agent.pyz"
        if not self.file.exists():
            self.file.write_bytes(archive())
        self.port = free_port()
        self.options = options
        self.streams: list[PipeStream] = []
        self.process: subprocess.Popen[bytes] = None  # type: ignore[assignment]
        self.environment = {
            "POD_NAME": name,
            "POD_NAMESPACE": "x",
            "NODE_NAME": "n1",
            "POD_UID": str(uuid.uuid4()),
            "POD_IPS": "127.0.0.1,::1",
        }
        if journal is not None:
            self.environment["HARNESS_JOURNAL_BYTES"] = str(journal)
        self.boot()

    def boot(self) -> None:
        """Start the agent process and wait until it serves."""
        servers = (f"tcp:{self.port}", f"udp:{self.port}")
        argv = (sys.executable, *PYTHON, str(self.file), "serve", *self.options, *servers)
        self._close_pipes()
        self.process = start(argv, env=self.environment)
        assert self.process.stderr is not None
        self.said = self.process.stderr.readline().decode()
        assert "serves" in self.said, self.said

    def connect(self) -> PipeStream:
        """A stream through a new relay."""
        if self.process.poll() is not None:
            raise StreamRefused("container not running", http=400)
        argv = (sys.executable, *PYTHON, str(self.file), "relay")
        stream = PipeStream(start(argv, env=self.environment, stdin=subprocess.PIPE))
        self.streams.append(stream)
        return stream

    def kill(self) -> None:
        """End the agent as an OOM kill does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """Clean up."""
        for stream in self.streams:
            stream.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._close_pipes()

    def _close_pipes(self) -> None:
        if self.process is None:
            return
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def running(folder: Path, **options: object) -> Iterator[LocalAgent]:
    """An agent for the length of a fixture."""
    agent = LocalAgent(folder, **options)  # type: ignore[arg-type]
    try:
        yield agent
    finally:
        agent.stop()
