"""An object's way through every operation of the API: found, made, read, listed, watched, changed, removed.

Whoever reads the verdict wants to know which operation it was: each has its own difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.expect import Symptom
from harness.kube.errors import KubeError, StatusError
from harness.model.difference import Difference
from harness.suite.arena import Arena
from harness.suite.check import Findings
from harness.suite.requests import field_of

VERBS = frozenset({"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})
WATCHED = 5.0
"""Seconds a watch of what has happened already may take: the events are there, they only have to be sent."""
MARK = "harness-lifecycle"


@dataclass(frozen=True)
class Lifecycle:
    """What is sent through: two values of one field (`path`), to be patched and then replaced."""

    manifest: Mapping[str, Any]
    path: str
    patch: Mapping[str, Any]
    patched: Any
    replaced: Any
    status: Mapping[str, Any] | None = None
    """A change of the status subresource, for kinds that have one."""


def lifecycle_findings(arena: Arena, life: Lifecycle, *, namespace: str = "x") -> Findings:
    """Every operation once; all that did not work."""
    found = [Difference(what, want, got, "API operations") for what, want, got in _steps(arena, life, namespace)]
    return Findings(tuple(found), frozenset({Symptom.API_ANSWER_WRONG}) if found else frozenset())


def _steps(arena: Arena, life: Lifecycle, namespace: str) -> Iterator[tuple[str, str, str]]:
    kube, space = arena.kube, arena.namespace(namespace)
    served = kube.served_kind(life.manifest)
    kind, name, labels = (
        served.name,
        str(life.manifest["metadata"]["name"]),
        f"{MARK}={life.manifest['metadata']['name']}",
    )
    missing = VERBS - set(_announced(arena, served.path().rpartition("/")[0], served.plural))
    if missing:
        yield f"discovery of {kind}", "all verbs", f"without {', '.join(sorted(missing))}"
    marked = {**life.manifest, "metadata": {**life.manifest["metadata"], "labels": {MARK: name}}}
    made = arena.create(marked, namespace=namespace)
    version = str(made["metadata"]["resourceVersion"])
    yield from _asked(
        f"get {kind}", lambda: kube.get(kind, name, namespace=space)["metadata"]["uid"], made["metadata"]["uid"]
    )
    for where, place in (("in its namespace", space), ("in all namespaces", None)):
        listed = [each["metadata"]["uid"] for each in kube.list(kind, namespace=place, labels=labels).items]
        if made["metadata"]["uid"] not in listed:
            yield f"list {kind} {where}", "has it", f"{len(listed)} others"
    yield from _asked(f"patch {kind}", lambda: _patched(arena, kind, name, life, space), life.patched)
    yield from _asked(f"update {kind}", lambda: _replaced(arena, kind, name, life, space), life.replaced)
    if life.status is not None:
        yield from _status(arena, kind, name, life.status, space)
    kube.delete_collection(kind, namespace=space, labels=labels)
    seen = [event.kind for event in _until_gone(arena, kind, version, space, labels)]
    if seen[:1] != ["MODIFIED"] or seen[-1:] != ["DELETED"]:
        yield f"watch {kind}", "MODIFIED …, DELETED", ", ".join(seen) or "nothing"
    if kube.find(kind, name, namespace=space) is not None:
        yield f"deletecollection of {kind}", "gone", "still there"
    arena.create(marked, namespace=namespace)
    if not kube.delete(kind, name, namespace=space) or kube.find(kind, name, namespace=space) is not None:
        yield f"delete {kind}", "gone", "still there"


def _announced(arena: Arena, prefix: str, plural: str) -> list[str]:
    resources = arena.kube.transport.request("GET", prefix).json().get("resources") or []
    return next((list(each["verbs"]) for each in resources if each["name"] == plural), [])


def _asked(what: str, ask: Callable[[], Any], wanted: Any) -> Iterator[tuple[str, str, str]]:
    """The difference when an operation is refused, or gives something else."""
    try:
        got = ask()
    except StatusError as refusal:
        got = f"{refusal.code} {refusal}"
    if got != wanted:
        yield what, str(wanted), str(got)


def _patched(arena: Arena, kind: str, name: str, life: Lifecycle, space: str) -> Any:
    arena.kube.patch(kind, name, dict(life.patch), namespace=space)
    return field_of(arena.kube.get(kind, name, namespace=space), life.path)


def _replaced(arena: Arena, kind: str, name: str, life: Lifecycle, space: str) -> Any:
    there = arena.kube.get(kind, name, namespace=space)
    above, _, last = life.path.rpartition(".")
    field_of(there, above)[last] = life.replaced
    arena.kube.replace(there)
    return field_of(arena.kube.get(kind, name, namespace=space), life.path)


def _status(
    arena: Arena, kind: str, name: str, status: Mapping[str, Any], space: str
) -> Iterator[tuple[str, str, str]]:
    arena.kube.patch(kind, name, {"status": dict(status)}, namespace=space, subresource="status")
    got = arena.kube.get(kind, name, namespace=space).get("status") or {}
    for field, wanted in status.items():
        if got.get(field) != wanted:
            yield f"status.{field} of {kind}", str(wanted), str(got.get(field))


def _until_gone(arena: Arena, kind: str, version: str, space: str, labels: str) -> Iterator[Any]:
    try:
        for event in arena.kube.watch(kind, since=version, timeout=WATCHED, namespace=space, labels=labels):
            yield event
            if event.kind == "DELETED":
                return
    except KubeError:
        return
