"""The aiohttp application and its listeners.

One route takes every path (`dispatch`); around it stands what turns refusals into Status bodies and an unforeseen error
into a logged 500. HTTP/1.1 only: exec needs its upgrade, and clients of every age speak it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from aiohttp import web

from harness.effects.clock import Clock, RealClock
from harness.embedded.apiserver.authority import Authority
from harness.embedded.apiserver.call import BODY_LIMIT, Server
from harness.embedded.apiserver.dispatch import dispatch
from harness.embedded.apiserver.packets import Tracer
from harness.embedded.apiserver.replies import answer
from harness.embedded.apiserver.runtime import Runtime
from harness.embedded.store.errors import ApiError, internal
from harness.embedded.store.objects import Store

VERSION = "v1.36.0"
"""The Kubernetes release whose behaviour is reproduced: that of the recordings."""
SHUTDOWN_GRACE = 0.2
"""Seconds that open watches and execs get to end when the server stops."""
KEEP_ALIVE = 3600.0
"""Seconds an idle connection stays open: longer than clients pool theirs, so that none is closed under a request."""
LONGEST_LINE = 1 << 20
"""Bytes of a request line or header: the command of an exec travels in the URL. A real server takes as much."""

log = logging.getLogger(__name__)


def make_app(
    store: Store,
    runtime: Runtime,
    *,
    auth: Authority,
    version: str = VERSION,
    clock: Clock | None = None,
    advertised: str = "172.18.0.2:6443",
    reach: Callable[[int], socket.socket] | None = None,
    trace: Tracer | None = None,
) -> web.Application:
    """The API server over a store and the kubelets. `advertised` is the address the discovery documents name, `reach`
    makes the sockets by which requests are proxied to pods, `trace` follows packets through the rules of the nodes."""
    server = Server(store, runtime, auth, clock or RealClock(), version, advertised)
    if reach is not None:
        server = replace(server, reach=reach)
    if trace is not None:
        server = replace(server, trace=trace)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await dispatch(server, request)

    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_refusals])
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """What runs the application on sockets, with the limits and habits of a real server."""
    return web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,  # the handler of a watch waits for events, and must notice that its client has gone
        shutdown_timeout=SHUTDOWN_GRACE,
        keepalive_timeout=KEEP_ALIVE,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
    )


async def serve(app: web.Application, sockets: Iterable[socket.socket], context: ssl.SSLContext) -> web.AppRunner:
    """Listen on bound sockets. The caller ends it with `await runner.cleanup()`."""
    runner = make_runner(app)
    await runner.setup()
    for one in sockets:
        await _Site(runner, one, ssl_context=context).start()
    return runner


class _Site(web.SockSite):
    """A listening socket that takes no more clients for a moment before it is closed.

    asyncio forgets a client that it accepted in the turn of the loop in which the socket is closed, without closing its
    connection: the client would wait for the TLS handshake until its own patience ends.
    """

    def __init__(self, runner: web.AppRunner, listening: socket.socket, *, ssl_context: ssl.SSLContext) -> None:
        super().__init__(runner, listening, ssl_context=ssl_context)
        self._listening = listening

    async def stop(self) -> None:
        """Stop to accept, let those accepted already become connections, and close the socket."""
        if self._listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listening)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await super().stop()


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return answer(error.status, code=error.code)
    except (web.HTTPException, asyncio.CancelledError, ConnectionError):
        raise
    except Exception as error:
        log.exception("%s %s", request.method, request.path)
        failed = internal(f"{type(error).__name__}: {error}")
        return answer(failed.status, code=failed.code)
