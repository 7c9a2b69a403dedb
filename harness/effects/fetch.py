"""Fetching a file over HTTPS: the only place that does. Proxies and authorities of the environment count here."""

from __future__ import annotations

import urllib.request

TIMEOUT = 60.0
"""Seconds without a byte after which a server counts as gone."""

LIMIT = 512 * 1024 * 1024
"""Bytes beyond which an answer is not what was asked for."""


class FetchError(Exception):
    """A file could not be fetched; the text says which and why."""


def fetch(url: str) -> bytes:
    """What lies at `url`. Raises FetchError."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise FetchError(f"{url}: only https is fetched")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310  # the scheme was just looked at
            content: bytes = answer.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        raise FetchError(f"{url}: {getattr(error, 'reason', '') or error}") from error
    if len(content) > LIMIT:
        raise FetchError(f"{url}: more than {LIMIT // 1024 // 1024} MiB")
    return content
