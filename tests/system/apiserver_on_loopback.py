"""An API server on loopback with a store and a runtime of plain local processes: for tests with real clients.

Not a cluster: no controllers, no kubelets. Pods become whatever the test says; exec runs its command on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from harness.effects.clock import RealClock
from harness.effects.run import RunError, start_async
from harness.embedded.apiserver import Authority, make_app, serve
from harness.embedded.store.errors import internal
from harness.embedded.store.objects import Store


class LocalProcess:
    """One command on this machine, as an ExecProcess."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin and process.stdout and process.stderr
        self._in, self._out, self._err = process.stdin, process.stdout, process.stderr
        self.size: tuple[int, int] | None = None

    async def read_stdout(self) -> bytes:
        return await self._out.read(65536)

    async def read_stderr(self) -> bytes:
        return await self._err.read(65536)

    async def write_stdin(self, data: bytes) -> None:
        self._in.write(data)
        await self._in.drain()

    async def close_stdin(self) -> None:
        self._in.close()

    async def wait(self) -> int:
        return await self._process.wait()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def resize(self, width: int, height: int) -> None:
        self.size = (width, height)


class LocalRuntime:
    """A Runtime whose containers are this machine and whose logs are what the test put in `lines`."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], list[bytes]] = {}
        self.started: list[LocalProcess] = []

    async def exec(
        self, namespace: str, pod: str, container: str | None, argv: Sequence[str], *, stdin: bool, tty: bool
    ) -> LocalProcess:
        try:
            process = LocalProcess(await start_async(argv))
        except RunError as error:
            raise internal(f"error executing command in container: {error}") from error
        self.started.append(process)
        return process

    async def logs(
        self, namespace: str, pod: str, container: str | None, *, follow: bool, tail_lines: int | None, **_: Any
    ) -> AsyncIterator[bytes]:
        lines = self.lines.setdefault((namespace, pod), [])
        sent = 0 if tail_lines is None else max(0, len(lines) - tail_lines)
        while True:
            while sent < len(lines):
                yield lines[sent]
                sent += 1
            if not follow or (lines and lines[-1] == b""):
                return
            await asyncio.sleep(0.02)


class Running:
    """A server in a thread of its own, with what is needed to talk to it."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.runtime = LocalRuntime()
        self.auth = Authority.create(now=RealClock().wall())
        self.store = Store(families=("IPv4",), seed=1)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        self.kubeconfig = self._write(directory / "kubeconfig", certificate=False)
        self.kubeconfig_by_certificate = self._write(directory / "kubeconfig-certificate", certificate=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def _write(self, path: Path, *, certificate: bool) -> Path:
        path.write_text(json.dumps(self.auth.kubeconfig(self.url, "embedded", certificate=certificate)))
        return path

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        app = make_app(self.store, self.runtime, auth=self.auth)
        self._runner = self.loop.run_until_complete(serve(app, [self.socket], self.auth.server_context()))
        self._ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self._runner.cleanup())
        self.loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.socket.close()

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """Call a method of the store in the loop it lives in."""

        async def inside() -> Any:
            return getattr(self.store, name)(*args, **options)

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)

    def run_pod(self, namespace: str, name: str) -> None:
        """Make a pod look as if a kubelet ran it."""
        pod = self.call("get", "pods", name, namespace=namespace)
        names = [one["name"] for one in pod["spec"]["containers"]]
        now = "2026-11-22T10:00:00Z"
        states = [
            {
                "name": one, "image": "python:3", "imageID": "", "ready": True, "restartCount": 0, "started": True,
                "state": {"running": {"startedAt": now}}, "lastState": {},
            }
            for one in names
        ]  # fmt: skip
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ]
        status = {
            "phase": "Running", "podIP": "10.244.1.5", "podIPs": [{"ip": "10.244.1.5"}], "hostIP": "172.18.0.3",
            "startTime": now, "conditions": conditions, "containerStatuses": states,
        }  # fmt: skip
        self.call("update", "pods", name, {**pod, "status": status}, namespace=namespace, subresource="status")


def running(directory: Path) -> Iterator[Running]:
    """For fixtures: a server for as long as the test needs it."""
    with Running(directory) as server:
        yield server
