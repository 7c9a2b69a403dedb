"""The API over HTTPS with a service account's token, for components that run in pods. Standard library only.

Requests run in threads, so that it works in an event loop without any HTTP library. A watch goes on where it was when
the server closes it; when it breaks, or its place is too old, it raises and the caller lists again (see `Cache`).
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from harness.embedded.api.connection import Connection, tls_context
from harness.embedded.store.errors import ApiError, failure
from harness.embedded.store.resources import Resource, by_name

Object = dict[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_SECONDS = 10.0
"""For anything but a watch: far beyond what a living server takes."""
WATCH_SECONDS = 60
"""How long the server is asked to keep one watch open. It bounds how long a vanished server goes unnoticed."""

JOIN_SECONDS = 1.0
"""How long the end of a watch waits for its thread; one that is still connecting is left to end by itself."""


class RemoteApi:
    """`Api` over HTTPS. The token is read anew for every request: it may be renewed under our feet."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        token: Path,
        ca: Path,
        component: str = "",
        request_seconds: float = REQUEST_SECONDS,
        watch_seconds: int = WATCH_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._token = token
        self._tls = tls_context(str(ca))
        self._component = component
        self._request_seconds = request_seconds
        self._watch_seconds = watch_seconds

    @classmethod
    def in_cluster(cls, *, component: str, account: Path = ACCOUNT, env: Mapping[str, str] = os.environ) -> RemoteApi:
        """The API of the cluster this pod runs in. Raises KeyError outside of one."""
        host, port = env["KUBERNETES_SERVICE_HOST"], int(env["KUBERNETES_SERVICE_PORT"])
        return cls(host, port, token=account / "token", ca=account / "ca.crt", component=component)

    async def list(
        self, resource: str, *, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[list[Object], str]:
        """Objects and the list's resourceVersion."""
        query = {"labelSelector": label_selector} if label_selector else {}
        kind = by_name(resource)
        body = await self._ask("GET", _path(kind, namespace), query)
        items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in body.get("items") or ()]
        return items, body["metadata"]["resourceVersion"]

    async def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        """One object. Raises ApiError 404."""
        return await self._ask("GET", _path(by_name(resource), namespace, name))

    async def create(self, resource: str, obj: Object, *, namespace: str | None = None) -> Object:
        """Create; the object as the server made it."""
        namespace = namespace or obj["metadata"].get("namespace")
        return await self._ask("POST", _path(by_name(resource), namespace), self._manager(), obj)

    async def update(self, resource: str, obj: Object, *, subresource: str = "") -> Object:
        """Replace the object named in its metadata."""
        meta = obj["metadata"]
        path = _path(by_name(resource), meta.get("namespace"), meta["name"], subresource)
        return await self._ask("PUT", path, self._manager(), obj)

    async def patch(
        self, resource: str, name: str, patch: Object, *, namespace: str | None = None, subresource: str = ""
    ) -> Object:
        """Merge-patch."""
        path = _path(by_name(resource), namespace, name, subresource)
        return await self._ask("PATCH", path, self._manager(), patch)

    async def delete(
        self,
        resource: str,
        name: str,
        *,
        namespace: str | None = None,
        grace: int | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete, optionally only the object with that uid."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        await self._ask("DELETE", _path(by_name(resource), namespace, name), {}, options)

    async def watch(self, resource: str, *, since: str) -> AsyncIterator[Object]:
        """Events after `since`. Raises ApiError (410 when that is too old) or OSError when the stream breaks."""
        path = _path(by_name(resource), None)
        while True:
            async with _Stream.open(self, path, since, self._watch_seconds) as stream:
                async for event in stream:
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"])
                    since = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event

    def _manager(self) -> dict[str, str]:
        return {"fieldManager": self._component} if self._component else {}

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> Object:
        connection = self.connection()
        work = asyncio.ensure_future(asyncio.to_thread(self._ask_now, connection, method, path, query or {}, body))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            connection.cut()  # or its thread would stay, and the end of the event loop waits for threads
            raise

    def _ask_now(
        self, connection: Connection, method: str, path: str, query: Mapping[str, str], body: Object | None
    ) -> Object:
        try:
            return _decoded(_read(self.send(connection, method, path, query, body)))
        finally:
            connection.finish()

    def connection(self) -> Connection:
        """A connection for one request, not yet made."""
        return Connection(self._host, self._port, context=self._tls, timeout=self._request_seconds)

    def send(
        self, connection: Connection, method: str, path: str, query: Mapping[str, str], body: Object | None = None
    ) -> http.client.HTTPResponse:
        """Ask; the answer, when it is success. Raises ApiError or OSError. The caller finishes the connection."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token.read_text().strip()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
        if self._component:
            headers["User-Agent"] = self._component
        try:
            target = f"{path}?{urlencode(query)}" if query else path
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        if response.status >= 400:
            raise _refusal(response.status, _read(response))
        return response


class _Stream:
    """One watch connection: a thread reads lines, the event loop takes them."""

    def __init__(self, connection: Connection) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Object | Exception | None] = asyncio.Queue()
        self._connection = connection
        self._closed = threading.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, api: RemoteApi, path: str, since: str, seconds: int) -> AsyncIterator[_Stream]:
        """Start to watch; the connection is cut on the way out."""
        query = {
            "watch": "1",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        stream = cls(api.connection())
        thread = threading.Thread(target=stream._pump, args=(api, path, query, seconds + 15.0), daemon=True)
        thread.start()
        try:
            yield stream
        finally:
            stream._closed.set()
            stream._connection.cut()
            await asyncio.to_thread(thread.join, JOIN_SECONDS)

    def __aiter__(self) -> AsyncIterator[Object]:
        return self._events()

    async def _events(self) -> AsyncIterator[Object]:
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def _pump(self, api: RemoteApi, path: str, query: Mapping[str, str], timeout: float) -> None:
        try:
            response = api.send(self._connection, "GET", path, query)
            self._connection.patience(timeout)
            self._read(response)
        except (OSError, ApiError) as error:
            self._put(error)
        except (http.client.HTTPException, ValueError) as error:
            self._put(ConnectionError(f"watch of {path}: {error!r}"))
        finally:
            self._connection.finish()

    def _read(self, response: http.client.HTTPResponse) -> None:
        for line in response:
            if self._closed.is_set():
                return
            self._put(_decoded(line))
        self._put(None)

    def _put(self, item: Object | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is gone: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


def _path(resource: Resource, namespace: str | None, name: str = "", subresource: str = "") -> str:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    parts = ["namespaces", namespace] if resource.namespaced and namespace else []
    parts += [resource.plural, *([name] if name else []), *([subresource] if subresource else [])]
    return "/".join([root, *(quote(part, safe="") for part in parts)])


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"the answer broke off: {error!r}") from error


def _decoded(body: bytes) -> Object:
    decoded: Object = json.loads(body)
    return decoded


def _refusal(code: int, body: bytes) -> ApiError:
    with contextlib.suppress(ValueError):
        status = json.loads(body)
        if isinstance(status, dict) and status.get("kind") == "Status":
            return ApiError(status)
    return failure(code, "", body.decode(errors="replace").strip() or f"HTTP status {code}")
