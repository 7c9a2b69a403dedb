"""A pytest plugin: every request of a run to its API server as a line of JSON, in the file the environment names.

Loaded with `-p tests.system.request_recorder` into runs that `test_rights.py` starts. It looks from inside the client,
where a request is made, and changes none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.kube import client
from harness.kube.client import Kube
from harness.kube.transport import Transport

FILE = "HARNESS_TEST_REQUESTS"
VERBS = {"POST": "create", "PUT": "update"}
PATH = re.compile(r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/(?:namespaces/(?P<space>[^/]+)/)?(?P<rest>.+)")


@dataclass(frozen=True)
class Asked:
    """A request as authorization sees it; `path` alone when it is about no resource."""

    verb: str
    resource: str = ""
    """With its subresource: `pods/exec`."""
    group: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    dry_run: bool = False
    body: Any = None


def parsed(method: str, path: str, query: Mapping[str, Any], body: Any = None) -> Iterator[Asked]:
    """What an API server authorizes for a request: applying may create, too."""
    found = PATH.fullmatch(path)
    if found is None:
        yield Asked(method.lower(), path=path)
        return
    group, space, rest = found["group"] or "", found["space"] or "", found["rest"]
    plural, *names = rest.split("/")
    name = names[0] if names else ""
    if plural == "namespaces":
        space = ""
    common = {"group": group, "namespace": space, "name": name, "dry_run": bool(query.get("dryRun")), "body": body}
    resource = "/".join([plural, *names[1:2]])  # what follows `proxy` is not the API server's
    for verb in _verbs(method, name, query):
        yield Asked(verb, resource, **common)  # type: ignore[arg-type]  # each of its own type


def _verbs(method: str, name: str, query: Mapping[str, Any]) -> list[str]:
    if method == "GET":
        return ["get"] if name else ["watch" if query.get("watch") else "list"]
    if method == "DELETE":
        return ["delete" if name else "deletecollection"]
    if method == "PATCH":
        return ["patch", "create"] if query.get("force") else ["patch"]
    return [VERBS[method]]


def _note(several: Iterator[Asked]) -> None:
    lines = "".join(json.dumps(vars(each), default=str) + "\n" for each in several)
    descriptor = os.open(os.environ[FILE], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, lines.encode())
    os.close(descriptor)


def read(file: Path) -> list[Asked]:
    """What was noted."""
    return [Asked(**json.loads(line)) for line in file.read_text().splitlines()]


def _installed() -> None:
    sent, opened, waited = Transport._sent, client.open_exec, Kube.wait_all

    def noting_sent(self: Transport, method: str, path: str, query: Any, body: Any, *rest: Any) -> Any:
        _note(parsed(method, path, query or {}, body))
        return sent(self, method, path, query, body, *rest)

    def noting_exec(transport: Transport, path: str, *rest: Any, **more: Any) -> Any:
        _note(parsed("GET", path, {}))
        return opened(transport, path, *rest, **more)

    def noting_wait(self: Kube, resource: str, *rest: Any, **more: Any) -> Any:
        # A wait that is over at once never comes to its watch.
        served = self.served(resource)
        _note(parsed("GET", served.path(namespace=more.get("namespace")), {"watch": True}))
        return waited(self, resource, *rest, **more)

    Transport._sent = noting_sent  # type: ignore[method-assign]  # for this run alone
    client.open_exec = noting_exec
    Kube.wait_all = noting_wait  # type: ignore[method-assign]  # for this run alone


if FILE in os.environ:
    _installed()
