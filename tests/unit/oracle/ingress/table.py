"""The golden rows: Ingresses, a request, and who has to answer it; made by hand from the Ingress documentation.

Three Services lead to one pod each (`one` to x/one, …), `none` has no endpoints. A row's answer is the pod's name, ""
for the controller itself, None for what the API leaves to controllers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.oracle.snapshot import Snapshot

Spec = dict[str, Any]
CLASS, TWIN, OTHER = "mine", "twin", "other"


def to(name: str, port: int | str = 80) -> Spec:
    """A backend."""
    return {"service": {"name": name, "port": {"number": port} if isinstance(port, int) else {"name": port}}}


def rule(*paths: tuple[str, str, str], host: str = "") -> Spec:
    """A rule of (pathType, path, Service)."""
    several = [{"pathType": sort, "path": path, "backend": to(name)} for sort, path, name in paths]
    return {**({"host": host} if host else {}), "http": {"paths": several}}


def rules(*several: Spec, default: str = "", ingress_class: str | None = CLASS) -> Spec:
    """An Ingress's spec."""
    spec: Spec = {"rules": list(several)} if several else {}
    if default:
        spec["defaultBackend"] = to(default)
    return {**spec, **({"ingressClassName": ingress_class} if ingress_class else {})}


@dataclass(frozen=True)
class Row:
    """Ingresses, and what becomes of requests (`host/path`)."""

    name: str
    specs: tuple[Spec, ...]
    answers: dict[str, str | None]

    @property
    def snapshot(self) -> Snapshot:
        """The objects."""
        return Snapshot.of([*ground(), *(ingress(f"i{place}", spec) for place, spec in enumerate(self.specs))])


def ingress(name: str, spec: Spec, **annotations: str) -> Spec:
    """An Ingress in x."""
    metadata = {"name": name, "namespace": "x", "annotations": annotations}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def ingress_class(name: str, controller: str, *, made: str = "2026-01-01T00:00:00Z", default: bool = False) -> Spec:
    """An IngressClass."""
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    metadata = {"name": name, "creationTimestamp": made, "annotations": annotations}
    return {"kind": "IngressClass", "metadata": metadata, "spec": {"controller": controller}}


def ground() -> list[Spec]:
    """Classes, Services, slices and pods."""
    objects = [ingress_class(CLASS, "a.io/c"), ingress_class(TWIN, "a.io/c"), ingress_class(OTHER, "b.io/c")]
    for number, name in enumerate(("one", "two", "three", "none"), start=1):
        there = name != "none"
        meta = {"name": name, "namespace": "x"}
        ports = [{"name": "web", "port": 80, "targetPort": 8080}, {"name": "more", "port": 81, "targetPort": 8081}]
        objects.append({"kind": "Service", "metadata": meta, "spec": {"ports": ports, "selector": {"app": name}}})
        slice_meta = {**meta, "labels": {"kubernetes.io/service-name": name}}
        endpoint = {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": there}}
        numbers = [{"name": "web", "port": 8080}, {"name": "more", "port": 8081}]
        objects.append({"kind": "EndpointSlice", "metadata": slice_meta, "endpoints": [endpoint], "ports": numbers})
        status = {"podIPs": [{"ip": f"10.0.0.{number}"}]}
        objects.append({"kind": "Pod", "metadata": meta, "spec": {}, "status": status})
    return objects


def exact(path: str, *, host: str = "h.io") -> tuple[Spec, ...]:
    return (rules(rule(("Exact", path, "one"), host=host)),)


def prefix(path: str, *, host: str = "h.io") -> tuple[Spec, ...]:
    return (rules(rule(("Prefix", path, "one"), host=host)),)


LONGEST = (("Prefix", "/", "one"), ("Prefix", "/aaa", "two"), ("Prefix", "/aaa/bbb", "three"))
LED = {"h.io/ccc": "one", "h.io/aaa/x": "two", "h.io/aaa": "two", "h.io/aaab": "one", "h.io/aaa/bbb/c": "three"}

ROWS = (
    Row("prefix of everything", prefix("/"), {"h.io/": "one", "h.io/a": "one", "h.io/a/b": "one"}),
    Row("exact", exact("/foo"), {"h.io/foo": "one", "h.io/foo/": "", "h.io/bar": "", "h.io/FOO": "", "h.io/foobar": "",
                                 "h.io/foo/x": ""}),
    Row("exact with a slash", exact("/foo/"), {"h.io/foo": "", "h.io/foo/": "one"}),
    Row("prefix", prefix("/foo"), {"h.io/foo": "one", "h.io/foo/": "one", "h.io/foo/x": "one", "h.io/foobar": "",
                                   "h.io/FOO": "", "h.io/": ""}),
    Row("prefix with a slash", prefix("/foo/"), {"h.io/foo": "one", "h.io/foo/": "one", "h.io/foobar": ""}),
    Row("prefix of two elements", prefix("/aaa/bb"), {"h.io/aaa/bbb": "", "h.io/aaa/bb": "one", "h.io/aaa": ""}),
    Row("prefix of an element", prefix("/aaa/bbb"), {"h.io/aaa/bbb": "one", "h.io/aaa/bbb/": "one",
                                                     "h.io/aaa/bbb/ccc": "one", "h.io/aaa/bbbxyz": ""}),
    Row("longest", (rules(rule(*LONGEST, host="h.io")),), LED),
    Row("longest, backwards", (rules(rule(*reversed(LONGEST), host="h.io")),), LED),
    Row("exact before prefix", (rules(rule(("Prefix", "/foo", "two"), ("Exact", "/foo", "one"), host="h.io")),),
        {"h.io/foo": "one", "h.io/foo/": "two", "h.io/foo/x": "two"}),
    Row("longer prefix before exact",
        (rules(rule(("Exact", "/foo", "one"), ("Prefix", "/foo/x", "two"), host="h.io")),),
        {"h.io/foo": "one", "h.io/foo/x": "two", "h.io/foo/y": ""}),
    Row("host", exact("/", host="foo.bar.com"), {"foo.bar.com/": "one", "subdomain.bar.com/": "", "foo.com/": "",
                                                  "bar.com/": "", "x.foo.bar.com/": ""}),
    Row("host in any case, with a port", exact("/", host="foo.bar.com"), {"FOO.bar.com/": "one",
                                                                         "foo.bar.com:80/": "one"}),
    Row("wildcard", prefix("/", host="*.foo.com"), {"bar.foo.com/": "one", "baz.bar.foo.com/": "", "foo.com/": "",
                                                    "barfoo.com/": ""}),
    Row("exact host before wildcard",
        (rules(rule(("Prefix", "/", "two"), host="*.foo.com"), rule(("Prefix", "/", "one"), host="bar.foo.com")),),
        {"bar.foo.com/": "one", "other.foo.com/": "two"}),
    Row("no host", (rules(rule(("Prefix", "/a", "one"))),), {"h.io/a": "one", "10.0.0.1/a": "one", "h.io/b": ""}),
    Row("host before no host", (rules(rule(("Prefix", "/", "two")), rule(("Prefix", "/", "one"), host="h.io")),),
        {"h.io/": "one", "other.io/": "two"}),
    Row("a more exact host without the path",
        (rules(rule(("Prefix", "/", "two")), rule(("Prefix", "/a", "one"), host="h.io")),),
        {"h.io/a": "one", "h.io/b": None, "other.io/b": "two"}),
    Row("default backend alone", (rules(default="one"),), {"h.io/": "one", "other.io/x": "one"}),
    Row("default backend with rules", (rules(rule(("Prefix", "/a", "one"), host="h.io"), default="two"),),
        {"h.io/a": "one", "h.io/b": "two", "other.io/": "two"}),
    Row("another's default backend", (rules(rule(("Prefix", "/a", "one"), host="h.io")), rules(default="two")),
        {"h.io/a": "one", "h.io/b": None, "other.io/": "two"}),
    Row("another's default backend beside rules for every host",
        (rules(rule(("Prefix", "/a", "one"))), rules(default="two")), {"h.io/a": "one", "h.io/b": "two"}),
    Row("two default backends", (rules(default="one"), rules(default="two")), {"h.io/": None}),
    Row("one host in two Ingresses",
        (rules(rule(("Prefix", "/a", "one"), host="h.io")), rules(rule(("Prefix", "/b", "two"), host="h.io"))),
        {"h.io/a": "one", "h.io/b": "two", "h.io/c": ""}),
    Row("one path in two Ingresses",
        (rules(rule(("Prefix", "/a", "one"), host="h.io")), rules(rule(("Prefix", "/a", "two"), host="h.io"))),
        {"h.io/a": None}),
    Row("another class", (rules(rule(("Prefix", "/", "one"), host="h.io"), ingress_class=OTHER),), {"h.io/": ""}),
    Row("an unknown class", (rules(rule(("Prefix", "/", "one"), host="h.io"), ingress_class="nope"),), {"h.io/": ""}),
    Row("a class of the same controller", (rules(rule(("Prefix", "/", "one"), host="h.io"), ingress_class=TWIN),),
        {"h.io/": "one"}),
    Row("no class", (rules(rule(("Prefix", "/", "one"), host="h.io"), ingress_class=None),),
        {"h.io/": None, "other.io/": ""}),
    Row("as the controller likes", (rules(rule(("ImplementationSpecific", "/", "one"), host="h.io")),),
        {"h.io/": None, "other.io/": ""}),
    Row("no endpoints", (rules(rule(("Prefix", "/", "none"), ("Prefix", "/a", "one"), host="h.io")),),
        {"h.io/": "", "h.io/a": "one"}),
    Row("no such Service", (rules(rule(("Prefix", "/", "gone"), ("Prefix", "/a", "one"), host="h.io")),),
        {"h.io/": "", "h.io/a": "one"}),
)  # fmt: skip
