"""Asking the API server for show (dry run), and holding what it says against what it owes: refusals and fields.

Nothing is stored by such a request, so many of them cost next to nothing. A refusal proves something only when it names
the field it is about; one for another reason (no right, an admission of the cluster's own) leaves the promise unknown.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.expect import Symptom
from harness.kube.errors import Invalid, StatusError
from harness.model.difference import Difference
from harness.model.outcome import Verdict
from harness.suite.arena import Arena
from harness.suite.check import Findings

DUPLICATE = "duplicate nodePort"
"""A nodePort given twice by a change: real servers (1.36) let the allocator speak before the validation, which refuses
it as an internal error (500) and names no index. A refusal all the same."""


class Filled(enum.StrEnum):
    """What a field may be held against besides a value."""

    YES = "set"
    NO = "not set"


@dataclass(frozen=True)
class Reply:
    """What came back: the object as it would be stored, or why it would not be."""

    obj: Mapping[str, Any] | None = None
    fields: tuple[str, ...] = ()
    """Fields a refusal (422) names."""
    text: str = ""
    code: int = 0
    """The status of a refusal; 0 where there was none."""

    def __str__(self) -> str:
        return self.text or "accepted"


def try_create(
    arena: Arena, manifest: Mapping[str, Any], *, namespace: str = "x", real: bool = False, validation: str = "Ignore"
) -> Reply:
    """Create for show, in a namespace of the arena. `real`: not for show, and gone with the test like all it makes;
    allocators of newer servers only look when something is to be given out. `validation`: of unknown fields."""
    if real:
        return _replied(lambda: arena.apply(manifest, namespace=namespace)[0])
    metadata = dict(manifest.get("metadata", {}))
    if arena.kube.served_kind(manifest).namespaced:
        metadata["namespace"] = arena.namespace(namespace)
    return _replied(lambda: arena.kube.create({**manifest, "metadata": metadata}, dry_run=True, validation=validation))


def try_apply(arena: Arena, obj: Mapping[str, Any], *, manager: str, force: bool) -> Reply:
    """Apply for show, as another manager, something the test made; its namespace is in its metadata."""
    return _replied(lambda: arena.kube.apply(dict(obj), manager=manager, force=force, dry_run=True))


def try_patch(
    arena: Arena,
    resource: str,
    name: str,
    patch: Mapping[str, Any],
    *,
    subresource: str = "",
    namespace: str = "x",
    real: bool = False,
) -> Reply:
    """Change for show (or `real`), by a merge patch, something the test made."""
    space = arena.namespace(namespace)
    return _replied(
        lambda: arena.kube.patch(resource, name, patch, namespace=space, subresource=subresource, dry_run=not real)
    )


def _replied(request: Callable[[], Mapping[str, Any]]) -> Reply:
    try:
        return Reply(request())
    except Invalid as refusal:
        return Reply(None, tuple(str(cause.get("field", "")) for cause in refusal.causes), str(refusal), refusal.code)
    except StatusError as refusal:
        if DUPLICATE in str(refusal):
            return Reply(None, ("spec.ports[].nodePort",), str(refusal))
        if refusal.code >= 500 or refusal.code == 429:
            raise  # not a word about the request: looks are careful with that
        return Reply(None, (), str(refusal), refusal.code)


def field_of(obj: Mapping[str, Any], path: str) -> Any:
    """The value at `spec.ports.0.nodePort`; None where nothing is, or where it is empty."""
    found: Any = obj
    for part in path.split("."):
        if isinstance(found, list):
            found = found[int(part)] if int(part) < len(found) else None
        else:
            found = (found or {}).get(part)
    return found if found not in ({}, [], "") else None


def refusal_findings(what: str, reply: Reply, field: str) -> Findings:
    """The difference when a request was not refused for this field (or one below it)."""
    if any(each.lower().startswith(field.lower()) for each in reply.fields):
        return Findings()
    wanted = f"refused for {field}"
    if reply.obj is None:
        # Another rule, of the API or of the cluster's own, spoke first.
        return Findings((Difference(what, wanted, str(reply), verdict=Verdict.UNKNOWN),))
    return _wrong(Difference(what, wanted, "accepted"))


def field_findings(what: str, reply: Reply, fields: Mapping[str, Any]) -> Findings:
    """The differences between the object that would be stored and what some of its fields have to be."""
    if reply.obj is None:
        verdict = Verdict.FAIL if reply.fields else Verdict.UNKNOWN
        refused = Difference(what, "accepted", str(reply), verdict=verdict)
        return _wrong(refused) if reply.fields else Findings((refused,))
    found: list[Difference] = []
    for path, wanted in fields.items():
        seen = field_of(reply.obj, path)
        right = (seen is not None) is (wanted is Filled.YES) if isinstance(wanted, Filled) else seen == wanted
        if not right:
            found.append(Difference(f"{what}: {path}", str(wanted), str(Filled.NO if seen is None else seen)))
    return _wrong(*found)


def _wrong(*differences: Difference) -> Findings:
    return Findings(differences, frozenset({Symptom.API_ANSWER_WRONG}) if differences else frozenset())
