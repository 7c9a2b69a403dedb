"""The log of a container: all of it, a part of it, or as it grows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from aiohttp import web

from harness.embedded.apiserver import podrules
from harness.embedded.apiserver.call import Call
from harness.embedded.store.errors import bad_request, invalid

FIRST_PIECE = 0.25
"""Seconds a followed log may take to show its first piece or its error before the client is told that it is open."""


async def read(call: Call) -> web.StreamResponse:
    """Send a log as plain text."""
    pod = call.server.store.get(call.resource, call.name, namespace=call.namespace)
    container = podrules.chosen_container(pod, call.text("container"))
    if not podrules.on_a_node(pod):
        return _open(call)  # a real server answers an empty log, too, before there is a kubelet to ask
    since = _since_seconds(call)
    pieces = call.server.runtime.logs(
        call.namespace or "",
        call.name,
        container,
        follow=call.flag("follow"),
        tail_lines=_not_negative(call, "tailLines"),
        since_seconds=since,
        timestamps=call.flag("timestamps"),
        previous=call.flag("previous"),
        limit_bytes=_not_negative(call, "limitBytes"),
    )
    return await _send(call, pieces)


async def _send(call: Call, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """Start with the first piece, so that an error in getting it can still be an HTTP error."""
    first = asyncio.ensure_future(anext(pieces, b""))
    try:
        await asyncio.wait({first}, timeout=FIRST_PIECE if call.flag("follow") else None)
        if first.done():
            first.result()
        response = _open(call)
        await response.prepare(call.request)
        await response.write(await first)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response
    finally:
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await first
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def _open(_call: Call) -> web.StreamResponse:
    return web.StreamResponse(headers={"Content-Type": "text/plain"})


def _not_negative(call: Call, key: str) -> int | None:
    number = call.number(key)
    if number is not None and number < 0:
        problem = f"Invalid value: {number}: must be greater than or equal to 0"
        raise invalid("PodLogOptions", "", call.name, [("FieldValueInvalid", problem, key)])
    return number


def _since_seconds(call: Call) -> int | None:
    """How far back, from `sinceSeconds` or `sinceTime`."""
    seconds, moment = call.number("sinceSeconds"), call.text("sinceTime")
    if seconds is not None and moment:
        raise bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if not moment:
        return seconds
    try:
        then = datetime.fromisoformat(moment).timestamp()
    except ValueError:
        raise bad_request(f'unable to parse sinceTime "{moment}" as an RFC 3339 time') from None
    return max(1, int(call.server.clock.wall() - then))
