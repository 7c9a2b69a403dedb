"""Watches: the store's events as lines of JSON, until the time is over or the client has gone.

A resourceVersion that is too old is answered as a real server does: status 200 and one ERROR event of code 410.
`sendInitialEvents` (KEP-3157) is served: the state as ADDED events, then a bookmark that says they are complete.
"""

from __future__ import annotations

import contextlib
from contextlib import aclosing
from typing import Any

from aiohttp import web

from harness.embedded.apiserver import media
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.forms import Former
from harness.embedded.apiserver.replies import encode
from harness.embedded.store.errors import ApiError, invalid

LONGEST = 3600
"""Seconds after which a watch ends when the client named no time; a real server picks between one half and one hour."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


async def watch(call: Call) -> web.StreamResponse:
    """Stream the events of a resource."""
    form = Former(call, media.wanted(call.request.headers.get("Accept", "")))
    initial = _initial_events(call)
    labels, fields = call.text("labelSelector"), call.text("fieldSelector")
    since = call.text("resourceVersion")
    first: list[dict[str, Any]] = []
    store = call.server.store
    try:
        if initial:
            listing = store.list(call.resource, namespace=call.namespace, label_selector=labels, field_selector=fields)
            since = listing.resource_version
            first = [{"type": "ADDED", "object": item} for item in listing.items]
            first.append({"type": "BOOKMARK", "object": _initial_end(call, since)})
        stream = store.watch(
            call.resource,
            since=since,
            namespace=call.namespace,
            bookmarks=call.flag("allowWatchBookmarks"),
            timeout=float(call.number("timeoutSeconds") or LONGEST),
            label_selector=labels,
            field_selector=fields,
        )
    except ApiError as error:
        if error.code != 410:
            raise
        return await _gone(call, error)
    async with aclosing(stream):
        response = await _open(call)
        for event in first:
            await response.write(_line(form, event))
        try:
            async for event in stream:
                await response.write(_line(form, event))
        except ApiError as error:
            await response.write(_error(error))
        # A watcher that left in this very moment has had all there was.
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
    return response


def _initial_events(call: Call) -> bool:
    """Are the present objects asked for as events? Raises ApiError 422 for combinations without meaning."""
    match = call.text("resourceVersionMatch")
    asked = "sendInitialEvents" in call.request.query
    if asked and match != "NotOlderThan":
        problem = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid("ListOptions", "meta.k8s.io", "", [("FieldValueForbidden", problem, "resourceVersionMatch")])
    if match and not asked:
        problem = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid("ListOptions", "meta.k8s.io", "", [("FieldValueForbidden", problem, "resourceVersionMatch")])
    return asked and call.flag("sendInitialEvents")


def _initial_end(call: Call, version: str) -> dict[str, Any]:
    metadata = {"resourceVersion": version, "annotations": {INITIAL_EVENTS_END: "true"}}
    return {"kind": call.resource.kind, "apiVersion": call.resource.api_version, "metadata": metadata}


async def _open(call: Call) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    return response


async def _gone(call: Call, error: ApiError) -> web.StreamResponse:
    response = await _open(call)
    await response.write(_error(error))
    await response.write_eof()
    return response


def _line(form: Former, event: dict[str, Any]) -> bytes:
    return encode({"type": event["type"], "object": form.of_event(event)}) + b"\n"


def _error(error: ApiError) -> bytes:
    return encode({"type": "ERROR", "object": error.status}) + b"\n"
