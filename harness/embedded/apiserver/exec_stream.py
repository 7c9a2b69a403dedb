"""`kubectl exec`: a process in a container, its streams over one WebSocket.

Follows the remote command protocol: binary messages whose first byte is the channel (0 stdin, 1 stdout, 2 stderr,
3 the outcome as a Status, 4 terminal size); v5.channel.k8s.io (KEP-4006) adds 255, which closes a channel. SPDY is not
spoken: a client that tries it is told so. What can be known from the pod's own object is refused before the upgrade,
as plain HTTP; what only the kubelet finds out comes on channel 3.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from harness.embedded.apiserver import podrules
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.replies import encode
from harness.embedded.apiserver.runtime import ExecProcess
from harness.embedded.store.errors import ApiError, bad_request, internal

STDIN, STDOUT, STDERR, OUTCOME, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
V5 = "v5.channel.k8s.io"
PROTOCOLS = (V5, "v4.channel.k8s.io")
LARGEST_MESSAGE = 32 * 1024 * 1024
"""Bytes of one message from a client: a batch of many frames is legitimate."""
DRAIN = 5.0
"""Seconds the output may stay open after its process has ended: a grandchild can hold it for ever."""
FAREWELL = 1.0
"""Seconds a process has to end by itself when its client has gone, before it is killed."""


@dataclass(frozen=True)
class Options:
    """The query parameters of an exec (core/v1 PodExecOptions)."""

    command: tuple[str, ...]
    container: str
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


async def exec_in_pod(call: Call) -> web.StreamResponse:
    """Run a command in a container and carry its streams until it ends."""
    options = _options(call)
    pod = call.server.store.get(call.resource, call.name, namespace=call.namespace)
    container = podrules.running_container(pod, options.container)
    _must_upgrade(call.request)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, compress=False, max_msg_size=LARGEST_MESSAGE)
    await socket.prepare(call.request)
    try:
        process = await call.server.runtime.exec(
            call.namespace or "", call.name, container, list(options.command), stdin=options.stdin, tty=options.tty
        )
    except ApiError as error:
        await _finish(socket, error.status)
        return socket
    await _carry(socket, process, options)
    return socket


def _options(call: Call) -> Options:
    options = Options(
        command=tuple(call.request.query.getall("command", [])),
        container=call.text("container"),
        stdin=call.flag("stdin"),
        stdout=call.flag("stdout"),
        stderr=call.flag("stderr"),
        tty=call.flag("tty"),
    )
    if not (options.stdin or options.stdout or options.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    if not options.command:
        raise bad_request("you must specify at least 1 command for the exec")
    return options


def _must_upgrade(request: web.Request) -> None:
    """Let only WebSocket upgrades of a known protocol through. Raises ApiError 400."""
    upgrade = request.headers.get("Upgrade", "").lower()
    if not upgrade or "upgrade" not in request.headers.get("Connection", "").lower():
        raise bad_request("Upgrade request required")
    if upgrade != "websocket" or request.method != "GET":
        raise bad_request(f"unable to upgrade: this server streams over WebSocket ({', '.join(PROTOCOLS)}) only")
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if not any(name in PROTOCOLS for name in offered):
        raise bad_request(f"unable to upgrade: none of the protocols {offered} is one of {list(PROTOCOLS)}")


async def _carry(socket: web.WebSocketResponse, process: ExecProcess, options: Options) -> None:
    """Move bytes both ways at once until the process ends or the client goes; then clean up after whoever is left."""
    output = [
        asyncio.create_task(_pump(socket, read, channel))
        for wanted, read, channel in (
            (options.stdout, process.read_stdout, STDOUT),
            (options.stderr and not options.tty, process.read_stderr, STDERR),
        )
        if wanted
    ]
    listening = asyncio.create_task(_listen(socket, process, options))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            if output:
                await asyncio.wait(output, timeout=DRAIN)
            await _finish(socket, _outcome(ended))
        else:
            with contextlib.suppress(ConnectionError, OSError):
                await process.close_stdin()
            await asyncio.wait({ended}, timeout=FAREWELL)
    finally:
        for task in (*output, listening):
            task.cancel()
        if not ended.done():
            await process.kill()
            await asyncio.wait({ended}, timeout=FAREWELL)
            ended.cancel()
        await asyncio.gather(*output, listening, ended, return_exceptions=True)


async def _pump(socket: web.WebSocketResponse, read: Callable[[], Awaitable[bytes]], channel: int) -> None:
    """Send a stream until it ends. Pieces travel as they come: joining or splitting them would gain nothing."""
    prefix = bytes((channel,))
    while data := await read():
        if socket.closed:
            return
        await socket.send_bytes(prefix + data)


async def _listen(socket: web.WebSocketResponse, process: ExecProcess, options: Options) -> None:
    """Take what the client sends until it closes."""
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            data: bytes = message.data
        elif message.type is WSMsgType.TEXT:  # the official Python client sends text as text
            data = message.data.encode()
        else:
            return
        if not data:
            continue
        channel, payload = data[0], data[1:]
        if channel == STDIN and options.stdin and payload:
            with contextlib.suppress(ConnectionError):  # a process may close its input and go on
                await process.write_stdin(payload)
        elif channel == CLOSE and socket.ws_protocol == V5 and payload[:1] == bytes((STDIN,)):
            await process.close_stdin()
        elif channel == RESIZE and options.tty:
            await _resize(process, payload)


async def _resize(process: ExecProcess, payload: bytes) -> None:
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a size that cannot be read changes nothing
        size = json.loads(payload)
        await process.resize(int(size["Width"]), int(size["Height"]))


def _outcome(ended: asyncio.Task[int]) -> dict[str, Any]:
    """How a process ended, as the Status that clients read their exit code from."""
    failed = ended.exception()
    if isinstance(failed, ApiError):
        return failed.status
    if failed is not None:
        return internal(f"error executing command in container: {failed}").status
    code = ended.result()
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def _finish(socket: web.WebSocketResponse, outcome: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):  # a client that has gone needs no outcome
        await socket.send_bytes(bytes((OUTCOME,)) + encode(outcome))
    await socket.close()
