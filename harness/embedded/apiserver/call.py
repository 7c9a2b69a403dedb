"""One request on its way through the server, and what the server is made of. Values; they do nothing by themselves."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from harness.effects.clock import Clock
from harness.embedded.apiserver import media, protobuf
from harness.embedded.apiserver.authority import Authority, User
from harness.embedded.apiserver.runtime import Runtime
from harness.embedded.store.errors import ApiError, bad_request, failure, invalid
from harness.embedded.store.objects import Store
from harness.embedded.store.resources import Resource

BODY_LIMIT = 3 * 1024 * 1024
"""Largest request body, that of a real server."""


@dataclass(frozen=True)
class Server:
    """Everything the handlers need."""

    store: Store
    runtime: Runtime
    auth: Authority
    clock: Clock
    version: str
    advertised: str
    """host:port that the discovery documents name as the server's address."""
    reach: Callable[[int], socket.socket] = lambda family: socket.socket(family, socket.SOCK_STREAM)
    """Makes a TCP socket of a family, there from where pods can be reached."""
    trace: Callable[[Any], list[dict[str, Any]]] = lambda question: []  # noqa: ARG005  # nobody knows any rules
    """Follows a packet through the nodes (`packets.Tracer`)."""


@dataclass(frozen=True)
class Call:
    """A request for a resource that exists, from a user who may make it."""

    server: Server
    request: web.Request
    user: User
    verb: str
    resource: Resource
    namespace: str | None
    name: str
    subresource: str

    def text(self, key: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query.get(key, default)

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean query parameter; present without a value is true, as in Go's conversion of query parameters."""
        value = self.request.query.get(key)
        return default if value is None else value.lower() not in {"0", "false"}

    def number(self, key: str) -> int | None:
        """A whole number, or None when it was not given. Raises ApiError 400."""
        value = self.request.query.get(key)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            message = f'unable to convert query parameter "{key}": strconv.ParseInt: parsing "{value}": invalid syntax'
            raise bad_request(message) from None

    @property
    def manager(self) -> str:
        """The field manager: as asked, otherwise the first word of the client's name."""
        return self.text("fieldManager") or self.request.headers.get("User-Agent", "").partition("/")[0] or "unknown"

    @property
    def dry_run(self) -> bool:
        """Is the change only to be tried? Raises ApiError 422 for what no server knows."""
        asked = self.request.query.getall("dryRun", [])
        self._one_of("dryRun", [value for value in asked if value], ("All",))
        return "All" in asked

    @property
    def validation(self) -> str:
        """What to do about unknown and duplicate fields. Raises ApiError 422 for an unknown directive."""
        asked = self.text("fieldValidation", "Warn")
        self._one_of("fieldValidation", [asked], ("Ignore", "Strict", "Warn"))
        return asked

    def _one_of(self, key: str, values: Sequence[str], allowed: Sequence[str]) -> None:
        for value in values:
            if value not in allowed:
                known = ", ".join(f'"{one}"' for one in allowed)
                problem = f'Unsupported value: "{value}": supported values: {known}'
                raise invalid(_OPTIONS[self.verb], "meta.k8s.io", "", [("FieldValueNotSupported", problem, key)])

    async def body(self) -> Any:
        """The decoded request body; None when it is empty. Raises ApiError 413, 415, 400."""
        raw = await self.raw()
        if not raw:
            return None
        kind = media.media_type(self.request.headers.get("Content-Type", "")) or media.JSON
        if kind not in {media.JSON, media.YAML, protobuf.MEDIA}:
            message = "the body of the request was in an unknown format - accepted media types include: "
            raise failure(415, "UnsupportedMediaType", f"{message}{media.JSON}, {media.YAML}, {protobuf.MEDIA}", {})
        try:
            return protobuf.decode(raw) if kind == protobuf.MEDIA else media.decode(raw, kind)
        except protobuf.UnreadableError as error:
            raise failure(
                415, "UnsupportedMediaType", f"the body of the request cannot be read: {error}", {}
            ) from error
        except ValueError as error:
            raise self.unrecognized(str(error), raw) from error

    async def raw(self) -> bytes:
        """The request body as it came. Raises ApiError 413."""
        try:
            return await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            message = f"Request entity too large: limit is {BODY_LIMIT}"
            raise failure(413, "RequestEntityTooLarge", message, {}) from None

    def unrecognized(self, problem: str, raw: bytes) -> ApiError:
        """The refusal of a body that is no object at all."""
        shown = raw.decode(errors="replace") if raw[:1] == b"{" else raw.hex()
        limit = 30 if raw[:1] == b"{" else 60
        shown = shown if len(shown) <= limit else shown[:limit] + " ..."
        said = f"couldn't get version/kind; json parse error: {problem}"
        return bad_request(
            f"the object provided is unrecognized (must be of type {self.resource.kind}): {said} ({shown})"
        )


_OPTIONS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
