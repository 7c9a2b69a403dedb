"""One request at a time over the official client's connection pool: bytes out, JSON in, errors of our own tree.

It speaks dictionaries and paths. Which path a resource has is known in `resources.py`, what to ask in `client.py`.
Every request has a time limit; nothing is retried here.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as lower

from harness.kube import errors
from harness.kube.access import Access

CONNECT_TIMEOUT = 5.0
"""Seconds for TCP and TLS: an API server that is up answers in milliseconds, across a continent in well under one."""

REQUEST_TIMEOUT = 30.0
"""Seconds for an answer, unless the caller says otherwise: the API server's own limit for most requests is 60."""

_MARK: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("harness_case", default=("", ""))


@contextlib.contextmanager
def stamped(*, run: str, case: str = "") -> Iterator[None]:
    """Every request made inside, by this thread or task, names the run and the case in its User-Agent."""
    token = _MARK.set((run, case))
    try:
        yield
    finally:
        _MARK.reset(token)


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    code: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises ServerProblem when it is not one."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise _odd(self.code, self.body) from error
        if not isinstance(value, dict):
            raise _odd(self.code, self.body)
        return value


class Transport:
    """Requests to one API server. Safe to use from several threads."""

    def __init__(self, access: Access, *, version: str, run: str = "") -> None:
        self.access = access
        self._version = version
        self._run = run

    def headers(self) -> dict[str, str]:
        """Who we are and on whose behalf."""
        run, case = _MARK.get()
        agent = f"harness/{self._version}"
        agent += f" run/{run or self._run}" if run or self._run else ""
        agent += f" case/{case}" if case else ""
        return {"user-agent": agent.encode("ascii", "replace").decode(), **self.access.credentials()}

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | bool | None] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,
    ) -> Reply:
        """Ask and read the whole answer. Raises Unreachable and below; a refusal is `StatusError`."""
        asked = f"{method} {path}"
        with self._sent(method, path, query, body, (content_type, accept), (timeout, timeout)) as response:
            with _translated(asked, timeout, self.access.server):
                data = response.read()
            response.release_conn()
        if response.status >= 400:
            raise refusal(response.status, data, asked=asked)
        return Reply(response.status, response.headers, data)

    @contextlib.contextmanager
    def lines(
        self,
        path: str,
        *,
        query: Mapping[str, str | int | bool | None] | None = None,
        connect_timeout: float = REQUEST_TIMEOUT,
        idle_timeout: float,
    ) -> Iterator[Iterator[bytes]]:
        """The answer as lines while they come; the connection is closed at the end. `TimedOut` after silence."""
        types = ("application/json", "application/json")
        with self._sent("GET", path, query, None, types, (connect_timeout, idle_timeout)) as response:
            if response.status >= 400:
                raise refusal(response.status, response.read(), asked=f"GET {path}")
            try:
                yield self._each_line(response, path, idle_timeout)
            finally:
                response.close()

    def _each_line(self, response: urllib3.BaseHTTPResponse, path: str, timeout: float) -> Iterator[bytes]:
        rest = b""
        with _translated(f"GET {path}", timeout, self.access.server):
            while chunk := response.read1():
                rest += chunk
                *whole, rest = rest.split(b"\n")
                yield from (line for line in whole if line)
        if rest:
            yield rest

    @contextlib.contextmanager
    def _sent(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | bool | None] | None,
        body: Any,
        types: tuple[str, str],
        timeouts: tuple[float, float],
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        headers = {**self.headers(), "accept": types[1]}
        data: bytes | None = None
        if body is not None:
            headers["content-type"] = types[0]
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with _translated(f"{method} {path}", timeouts[0], self.access.server):
            response = self.access.pool.request(
                method,
                self.access.server + path + _query(query),
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeouts[0]), read=timeouts[1]),
                preload_content=False,
                retries=False,
            )
        yield response


def _query(query: Mapping[str, str | int | bool | None] | None) -> str:
    given = {key: str(value).lower() if isinstance(value, bool) else value for key, value in (query or {}).items()}
    text = urlencode({key: value for key, value in given.items() if value not in (None, "")})
    return f"?{text}" if text else ""


@contextlib.contextmanager
def _translated(asked: str, timeout: float, server: str) -> Iterator[None]:
    try:
        yield
    except lower.NewConnectionError as error:
        raise errors.Unreachable(f"{asked}: no cluster at {server}: {_words(error)}") from error
    except lower.ConnectTimeoutError as error:
        raise errors.TimedOut(f"{asked}: nothing answers at {server} ({CONNECT_TIMEOUT:g} s)") from error
    except (lower.ReadTimeoutError, TimeoutError) as error:
        raise errors.TimedOut(f"{asked}: no answer from {server} within {timeout:g} s") from error
    except lower.SSLError as error:
        if _cut_off(error):
            raise errors.Unreachable(f"{asked}: {server} ended the connection before TLS was agreed") from error
        raise errors.CertificateProblem(
            f"{asked}: TLS with {server} failed: {certificate_words(error)}; "
            "is the kubeconfig of this very cluster, and its certificate still valid?"
        ) from error
    except (lower.HTTPError, OSError) as error:
        raise errors.Unreachable(f"{asked}: no cluster at {server}: {_words(error)}") from error


def _cut_off(error: BaseException) -> bool:
    """Whether the other side went away in the middle: a server that ends or starts does, and distrusts nobody."""
    return any(isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError) for each in (error, *error.args))


def certificate_words(error: BaseException) -> str:
    """The one part of a TLS error that says something."""
    text = str(error)
    for mark in ("certificate verify failed:", "alert"):
        if mark in text:
            return text[text.index(mark) :].split(" (_ssl", 1)[0]
    return text


def _words(error: BaseException) -> str:
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return str(error).rpartition(": ")[2] or type(error).__name__


def refusal(code: int, data: bytes, *, asked: str) -> errors.StatusError:
    """The error of an answer of 400 and above, whether or not its body is a Status."""
    try:
        status = json.loads(data)
    except ValueError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        status = {"kind": "Status", "code": code, "message": data[:200].decode(errors="replace").strip()}
    return errors.from_status({"code": code, **status}, asked=asked)


def _odd(code: int, data: bytes) -> errors.StatusError:
    words = f"the answer ({code}) is not a JSON object: {data[:80]!r}; is this an API server?"
    return errors.ServerProblem({"code": 502, "message": words}, asked="reading an answer")
