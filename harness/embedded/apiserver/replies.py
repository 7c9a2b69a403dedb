"""Writing answers: JSON bodies, plain text, and the Status of what went wrong inside.

What is refused, and in which words, lies with the store's errors; this module only sends them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from aiohttp import web

from harness.embedded.apiserver.media import YAML, Wanted


def encode(value: Any) -> bytes:
    """JSON as the API server writes it: compact, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def answer(
    body: Any, *, code: int = 200, wanted: Wanted | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An object, list, table or Status, in the form the client asked for."""
    media = wanted.content_type if wanted else "application/json"
    data = yaml.safe_dump(body, sort_keys=False).encode() if media == YAML else encode(body)
    return web.Response(body=data, status=code, headers={**(headers or {}), "Content-Type": media})


def plain(text: str, *, code: int = 200) -> web.Response:
    """A line of text, for health checks and paths nobody serves."""
    return web.Response(body=text.encode(), status=code, headers={"Content-Type": "text/plain; charset=utf-8"})
