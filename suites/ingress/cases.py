"""Ingresses that stand while many tests ask: what they are, which requests are made, which requirements that decides.

Services: `one`, `two`, `three` lead to one pod each of namespace x, `all` to the three, `none` to nobody. Hosts are
written short and get a domain of the worker's own (`ground.py`), so that workers never meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

EXACT, PREFIX = "Exact", "Prefix"
Spec = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RouteCase:
    """Ingresses, and what is asked of them: hosts and paths that a backend answers, and some that none does."""

    name: str
    ids: Sequence[str]
    promise: str
    ingresses: Sequence[Spec]
    served: Sequence[tuple[str, str]] = ()
    unserved: Sequence[tuple[str, str]] = ()
    status: int | None = None
    """What the controller itself answers, where that is promised."""
    classes: str = ""
    """A class that nobody serves, instead of the controller's."""


def to(name: str, port: int | str = 80) -> dict[str, Any]:
    """A backend by port number or name."""
    kind = "number" if isinstance(port, int) else "name"
    return {"service": {"name": name, "port": {kind: port}}}


def rule(host: str, *paths: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    """A rule of (pathType, path, backend); the host "" stands for every host."""
    several = [{"pathType": sort, "path": path, "backend": backend} for sort, path, backend in paths]
    return {**({"host": host} if host else {}), "http": {"paths": several}}


def rules(*several: Mapping[str, Any]) -> Spec:
    """An Ingress of rules."""
    return {"rules": list(several)}


def one_path(host: str, sort: str, path: str) -> Spec:
    """An Ingress of one path, which leads to `one`."""
    return rules(rule(host, (sort, path, to("web-one"))))


def asked(host: str, *paths: str) -> list[tuple[str, str]]:
    """Paths of one host."""
    return [(host, path) for path in paths]


LONGEST = ((PREFIX, "/", to("web-one")), (PREFIX, "/aaa", to("web-two")), (PREFIX, "/aaa/bbb", to("web-three")))

CASES = (
    RouteCase(
        name="exact",
        ids=("ING-031", "ING-032"),
        promise="An Exact path matches itself and nothing else: no slash more or less, nothing below it.",
        ingresses=(one_path("exact", EXACT, "/foo"), one_path("exact-slash", EXACT, "/foo/")),
        served=[*asked("exact", "/foo"), *asked("exact-slash", "/foo/")],
        unserved=[*asked("exact", "/foo/", "/bar", "/foobar", "/foo/x"), *asked("exact-slash", "/foo")],
    ),
    RouteCase(
        name="prefix-root",
        ids=("ING-030",),
        promise="The Prefix / matches every path.",
        ingresses=(one_path("root", PREFIX, "/"),),
        served=asked("root", "/", "/a", "/a/b", "/a/b/"),
    ),
    RouteCase(
        name="prefix-slash",
        ids=("ING-033", "ING-034"),
        promise="A slash at the end of a Prefix, or of the path asked for, makes no difference.",
        ingresses=(one_path("prefix", PREFIX, "/foo"), one_path("prefix-slash", PREFIX, "/foo/")),
        served=[*asked("prefix", "/foo", "/foo/", "/foo/x"), *asked("prefix-slash", "/foo", "/foo/", "/foo/x")],
        unserved=[*asked("prefix", "/", "/bar"), *asked("prefix-slash", "/", "/bar")],
    ),
    RouteCase(
        name="prefix-elements",
        ids=("ING-035", "ING-036", "ING-037"),
        promise="A Prefix matches whole elements of a path, never a part of one.",
        ingresses=(
            one_path("elements-bb", PREFIX, "/aaa/bb"),
            one_path("elements-bbb", PREFIX, "/aaa/bbb"),
            one_path("elements-foo", PREFIX, "/foo"),
        ),
        served=[
            *asked("elements-bb", "/aaa/bb", "/aaa/bb/c"),
            *asked("elements-bbb", "/aaa/bbb", "/aaa/bbb/", "/aaa/bbb/ccc"),
        ],
        unserved=[
            *asked("elements-bb", "/aaa/bbb", "/aaa"),
            *asked("elements-bbb", "/aaa/bbbxyz", "/aaa"),
            *asked("elements-foo", "/foobar"),
        ],
    ),
    RouteCase(
        name="longest",
        ids=("ING-038", "ING-041"),
        promise="The longest path that matches wins, in whatever order the paths are written.",
        ingresses=(rules(rule("longest", *LONGEST)), rules(rule("backwards", *reversed(LONGEST)))),
        served=[
            *asked("longest", "/ccc", "/aaa", "/aaa/x", "/aaab", "/aaa/bbb", "/aaa/bbb/c"),
            *asked("backwards", "/ccc", "/aaa", "/aaa/x", "/aaab", "/aaa/bbb", "/aaa/bbb/c"),
        ],
    ),
    RouteCase(
        name="exact-first",
        ids=("ING-039",),
        promise="Of an Exact and a Prefix of the same path, Exact wins.",
        ingresses=(rules(rule("first", (PREFIX, "/foo", to("web-two")), (EXACT, "/foo", to("web-one")))),),
        served=asked("first", "/foo", "/foo/x"),
    ),
    RouteCase(
        name="case-counts",
        ids=("ING-040",),
        promise="Paths are compared as they are written, in their own case.",
        ingresses=(one_path("case-exact", EXACT, "/foo"), one_path("case-prefix", PREFIX, "/foo")),
        served=[*asked("case-exact", "/foo"), *asked("case-prefix", "/foo/x")],
        unserved=[*asked("case-exact", "/FOO"), *asked("case-prefix", "/FOO", "/Foo/x")],
    ),
    RouteCase(
        name="ports",
        ids=("ING-044",),
        promise="Each path leads to its own Service and port, by number or by name.",
        ingresses=(
            rules(
                rule(
                    "ports",
                    (PREFIX, "/number", to("web-one", 80)),
                    (PREFIX, "/name", to("web-two", "web")),
                    (PREFIX, "/other-number", to("web-one", 8181)),
                    (PREFIX, "/other-name", to("web-two", "other")),
                )
            ),
        ),
        served=asked("ports", "/number", "/name", "/other-number", "/other-name"),
    ),
    RouteCase(
        name="hosts",
        ids=("ING-050",),
        promise="A rule with a host is for that host and no other.",
        ingresses=(one_path("foo.bar", PREFIX, "/"),),
        served=asked("foo.bar", "/"),
        unserved=[("subdomain.bar", "/"), ("bar", "/"), ("x.foo.bar", "/"), ("foo", "/")],
    ),
    RouteCase(
        name="host-spelling",
        ids=("ING-054",),
        promise="Hosts are compared in any case, and the port in the Host header is no part of them.",
        ingresses=(one_path("spelling", PREFIX, "/"),),
        served=[("spelling", "/"), ("SPELLING", "/"), ("Spelling", "/x"), ("spelling:80", "/"), ("spelling:8080", "/")],
    ),
    RouteCase(
        name="wildcard",
        ids=("ING-051",),
        promise="A wildcard host stands for exactly one label.",
        ingresses=(one_path("*.wild", PREFIX, "/"),),
        served=[("bar.wild", "/"), ("baz.wild", "/x")],
        unserved=[("baz.bar.wild", "/"), ("wild", "/"), ("barwild", "/")],
    ),
    RouteCase(
        name="exact-host-first",
        ids=("ING-052",),
        promise="A whole host comes before a wildcard that matches as well.",
        ingresses=(
            rules(rule("*.both", (PREFIX, "/", to("web-two"))), rule("bar.both", (PREFIX, "/", to("web-one")))),
        ),
        served=[("bar.both", "/"), ("other.both", "/")],
    ),
    RouteCase(
        name="every-host",
        ids=("ING-053",),
        promise="A rule without a host is for every host.",
        ingresses=(rules(rule("", (PREFIX, "/{own}", to("web-one")))),),
        served=[("any", "/{own}"), ("any.other", "/{own}/x"), ("", "/{own}")],
    ),
    RouteCase(
        name="one-host-two-ingresses",
        ids=("ING-055",),
        promise="Two Ingresses may have paths of one host.",
        ingresses=(one_path("shared", PREFIX, "/a"), rules(rule("shared", (PREFIX, "/b", to("web-two"))))),
        served=asked("shared", "/a", "/b"),
    ),
    RouteCase(
        name="unknown-host",
        ids=("ING-056",),
        promise="A host that no rule has, and no default backend takes, is answered with 404.",
        ingresses=(one_path("known", PREFIX, "/"),),
        served=asked("known", "/"),
        unserved=asked("unknown", "/", "/a"),
        status=404,
    ),
    RouteCase(
        name="without-endpoints",
        ids=("ING-072",),
        promise="A Service without endpoints is answered by nobody else, and takes no other path along.",
        ingresses=(rules(rule("empty", (PREFIX, "/none", to("web-none")), (PREFIX, "/", to("web-one")))),),
        served=asked("empty", "/", "/x"),
        unserved=asked("empty", "/none", "/none/x"),
    ),
    RouteCase(
        name="missing-service",
        ids=("ING-073",),
        promise="A Service that does not exist takes no other path along, of this Ingress or of others.",
        ingresses=(
            rules(rule("missing", (PREFIX, "/gone", to("gone")), (PREFIX, "/", to("web-one")))),
            one_path("missing-beside", PREFIX, "/"),
        ),
        # Who answers /gone is not promised: the controller, or the next shorter path.
        served=[*asked("missing", "/"), *asked("missing-beside", "/")],
    ),
    RouteCase(
        name="foreign-class",
        ids=("ING-021",),
        promise="An Ingress of a class that nobody serves is left alone.",
        ingresses=(one_path("foreign", PREFIX, "/"),),
        classes="nobody.example",
        unserved=asked("foreign", "/"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class TlsCase:
    """Hosts asked over TLS: (host, the name in the handshake), by Ingresses whose TLS entries name Secrets."""

    name: str
    ids: Sequence[str]
    promise: str
    hosts: Sequence[str]
    tls: Sequence[tuple[str, str]]
    """Hosts of TLS entries (as rules have them) and their Secrets."""
    secrets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Secrets and the hosts of their certificates."""
    asked: Sequence[tuple[str, str]] = ()


TLS_CASES = (
    TlsCase(
        name="one-host",
        ids=("ING-062",),
        promise="The certificate of its Secret is shown for a host.",
        hosts=("tls",),
        tls=(("tls", "tls-one"),),
        secrets={"tls-one": ("tls",)},
        asked=(("tls", "tls"),),
    ),
    TlsCase(
        name="two-hosts",
        ids=("ING-063",),
        promise="Of two hosts with certificates each shows its own.",
        hosts=("tls-a", "tls-b"),
        tls=(("tls-a", "tls-a"), ("tls-b", "tls-b")),
        secrets={"tls-a": ("tls-a",), "tls-b": ("tls-b",)},
        asked=(("tls-a", "tls-a"), ("tls-b", "tls-b")),
    ),
    TlsCase(
        name="wildcard",
        ids=("ING-079",),
        promise="A certificate for a wildcard is shown for hosts of one label.",
        hosts=("one.tls-wild", "two.tls-wild"),
        tls=(("*.tls-wild", "tls-wild"),),
        secrets={"tls-wild": ("*.tls-wild",)},
        asked=(("one.tls-wild", "one.tls-wild"), ("two.tls-wild", "two.tls-wild")),
    ),
)
