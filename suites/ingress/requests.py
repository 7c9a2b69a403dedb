"""Requests about Ingresses and their classes that the API server refuses or takes: what is asked, what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suites.ingress.cases import to

AT = "spec.rules[0].http.paths"


@dataclass(frozen=True, kw_only=True)
class RequestCase:
    """Specs of new Ingresses, tried for show. `asked`: the spec and the field a refusal has to name (empty: taken)."""

    name: str
    ids: Sequence[str]
    promise: str
    asked: Sequence[tuple[Mapping[str, Any], str]]
    annotations: Mapping[str, str] | None = None


def path(text: str | None = "/", sort: str | None = "Prefix", **backend: Any) -> dict[str, Any]:
    """A spec of one path."""
    said = {"path": text, "pathType": sort, "backend": backend or to("web")}
    return {"rules": [{"http": {"paths": [{key: value for key, value in said.items() if value is not None}]}}]}


def port(**port: Any) -> dict[str, Any]:
    """A spec whose backend has this port."""
    return path(service={"name": "web", "port": port})


def _of_class(name: str) -> dict[str, Any]:
    return {"defaultBackend": to("web"), "ingressClassName": name}


FORBIDDEN = ("/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a%2Fb", "/a/..", "/a/.")

CASES = (
    RequestCase(
        name="path-type",
        ids=("ING-003",),
        promise="Each path has to say its pathType, and there are three of them.",
        asked=[(path(), ""), (path(sort=None), f"{AT}[0].pathType"), (path(sort="Regex"), f"{AT}[0].pathType")],
    ),
    RequestCase(
        name="paths",
        ids=("ING-004",),
        promise="Exact and Prefix paths begin with a slash, and hold nothing that could be read in two ways.",
        asked=[
            *((path(text, sort), f"{AT}[0].path") for text in ("foo", "", *FORBIDDEN) for sort in ("Exact", "Prefix")),
            *((path(text, sort), "") for text in ("/", "/a", "/a/", "/a.b") for sort in ("Exact", "Prefix")),
        ],
    ),
    RequestCase(
        name="free-paths",
        ids=("ING-005",),
        promise="An ImplementationSpecific path may be left out; one that begins with a slash holds what it likes.",
        asked=[
            *((path(text, "ImplementationSpecific"), "") for text in (None, "/", *FORBIDDEN)),
            (path("foo", "ImplementationSpecific"), f"{AT}[0].path"),
        ],
    ),
    RequestCase(
        name="hosts",
        ids=("ING-006",),
        promise="A host is a DNS name, or one with a wildcard for its whole first label.",
        asked=[
            *(
                ({"rules": [{"host": host}]}, "spec.rules[0].host")
                for host in ("1.2.3.4", "*", "*.*.a", "a.*.b", "a:80")
            ),
            *(({"rules": [{"host": host}]}, "") for host in ("a.b", "*.a.b", "a")),
        ],
    ),
    RequestCase(
        name="something",
        ids=("ING-007",),
        promise="An Ingress has rules or a default backend.",
        asked=[({}, "spec"), ({"defaultBackend": to("web")}, ""), ({"rules": [{"host": "a.b"}]}, "")],
    ),
    RequestCase(
        name="backends",
        ids=("ING-008",),
        promise="A backend is a Service or a resource, and a Service's port a number or a name.",
        asked=[
            (path(resource={"kind": "K", "name": "n"}, **to("web")), f"{AT}[0].backend"),
            (port(name="http", number=80), f"{AT}[0].backend"),
            (port(), f"{AT}[0].backend"),
            (path(resource={"kind": "K", "name": "n"}), ""),
            (port(name="http"), ""),
            (port(number=80), ""),
        ],
    ),
    RequestCase(
        name="no-paths",
        ids=("ING-009",),
        promise="A rule for HTTP has at least one path.",
        asked=[({"rules": [{"host": "a.b", "http": {"paths": []}}]}, "spec.rules[0].http.paths")],
    ),
    RequestCase(
        name="two-classes",
        ids=("ING-010",),
        promise="The old annotation and the field may name a class together only where they name the same.",
        annotations={"kubernetes.io/ingress.class": "one"},
        asked=[(_of_class("other"), "annotations"), (_of_class("one"), "")],
    ),
)
