"""A server on a socket in the file system, and a client of it: no network, no TLS, no clock."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web

from harness.effects.clock import FakeClock
from harness.embedded.apiserver import Authority, make_app
from harness.embedded.apiserver.app import make_runner
from harness.embedded.store.errors import bad_request, internal
from harness.embedded.store.objects import Store

AUTHORITY = Authority.create(now=1_800_000_000.0)
RECORDED = Path(__file__).parents[3] / "recordings" / "api.json"
X = "/api/v1/namespaces/x"


class Process:
    """A process that echoes its input, says something on stderr, and ends when its input ends."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.output: asyncio.Queue[bytes] = asyncio.Queue()
        self.errors: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.killed = False
        self.deaf = False
        self.size: tuple[int, int] | None = None
        self.errors.put_nowait(b"ready")
        self.errors.put_nowait(b"")

    async def read_stdout(self) -> bytes:
        return await self.output.get()

    async def read_stderr(self) -> bytes:
        return await self.errors.get()

    async def write_stdin(self, data: bytes) -> None:
        await self.output.put(data)

    async def close_stdin(self) -> None:
        if not self.deaf:
            self.end()

    async def wait(self) -> int:
        await self.ended.wait()
        return self.code

    async def kill(self) -> None:
        self.killed = True
        self.code = 137
        self.end()

    async def resize(self, width: int, height: int) -> None:
        self.size = (width, height)

    def end(self) -> None:
        self.output.put_nowait(b"")
        self.ended.set()


class Kubelets:
    """A Runtime that runs the process it was given."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.asked: tuple = ()
        self.log: list[bytes] = [b"one\n", b"two\n"]

    async def exec(self, namespace, pod, container, argv, *, stdin, tty):
        self.asked = (namespace, pod, container, tuple(argv), stdin, tty)
        if self.process is None:
            raise internal("error executing command in container: no such file")
        return self.process

    async def logs(self, namespace, pod, container, **options):
        self.asked = (namespace, pod, container, options)
        if options["previous"]:
            raise bad_request("previous terminated container not found")
        for line in self.log:
            yield line


class Client:
    """A session with one server."""

    def __init__(self, session: aiohttp.ClientSession, store: Store, kubelets: Kubelets) -> None:
        self.session, self.store, self.kubelets = session, store, kubelets

    async def ask(self, method: str, path: str, body=None, *, token: str | None = "", **headers: str):
        """One request; returns the status and the body, decoded when it is JSON."""
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token or AUTHORITY.admin_token}"
        data = body if isinstance(body, bytes | io.BytesIO | None) else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, f"http://x{path}", data=data, headers=headers) as response:
            raw = await response.read()
            self.headers = response.headers
            return response.status, json.loads(raw) if raw[:1] in (b"{", b"[") else raw.decode()

    @contextlib.asynccontextmanager
    async def exec(
        self, query: str, protocol: str = "v5.channel.k8s.io"
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = {"Authorization": f"Bearer {AUTHORITY.admin_token}"}
        path = f"http://x{X}/pods/p/exec?{query}"
        async with self.session.ws_connect(path, protocols=[protocol], headers=headers) as stream:
            yield stream


def served(test):
    """Run a test coroutine with a client of a server that has one running pod."""

    def run(tmp_path: Path) -> None:
        async def inside() -> None:
            store = Store(clock=FakeClock(start=1_800_000_000.0), seed=1)
            kubelets = Kubelets()
            app = make_app(store, kubelets, auth=AUTHORITY, clock=store.clock)
            runner = make_runner(app)
            await runner.setup()
            await web.UnixSite(runner, str(tmp_path / "api")).start()
            store.create("namespaces", {"metadata": {"name": "x"}})
            pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}}
            made = store.create("pods", pod, namespace="x")
            state = {
                "name": "c",
                "state": {"running": {}},
                "ready": True,
                "restartCount": 0,
                "image": "i",
                "imageID": "",
            }
            status = {"phase": "Running", "containerStatuses": [state]}
            store.update("pods", "p", {**made, "status": status}, namespace="x", subresource="status")
            try:
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "api"))) as session:
                    await asyncio.wait_for(test(Client(session, store, kubelets)), 10)
            finally:
                await runner.cleanup()

        asyncio.run(inside())

    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run


def recorded(index: int) -> dict:
    return json.loads(RECORDED.read_text())["calls"][index]["response"]["body"]
