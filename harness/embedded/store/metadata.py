"""Rules of metadata that hold for every kind, and label selectors inside objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.embedded.store import names
from harness.embedded.store.fields import Faults

Object = dict[str, Any]
ANNOTATION_BYTES = 256 * 1024
SELECTOR_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def validate(obj: Object, faults: Faults, *, name_rule: Callable[[str], list[str]]) -> None:
    """Names, labels, annotations, finalizers and owners of a new or changed object."""
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    prefix = metadata.get("generateName", "")
    if prefix:
        for problem in name_rule(prefix.rstrip("-")):
            faults.invalid("metadata.generateName", prefix, problem)
    if not name:
        faults.required("metadata.name", "name or generateName is required")
    else:
        for problem in name_rule(name):
            faults.invalid("metadata.name", name, problem)
    labels(metadata.get("labels") or {}, "metadata.labels", faults)
    _annotations(metadata.get("annotations") or {}, faults)
    for finalizer in metadata.get("finalizers") or ():
        for problem in names.qualified_name(finalizer):
            faults.invalid("metadata.finalizers", finalizer, problem)
    _owners(metadata.get("ownerReferences") or (), faults)


def labels(found: dict[str, str], path: str, faults: Faults) -> None:
    """Keys and values of a label set."""
    for key, value in found.items():
        for problem in names.qualified_name(key):
            faults.invalid(path, key, problem)
        for problem in names.label_value(value):
            faults.invalid(path, value, problem)


def _annotations(found: dict[str, str], faults: Faults) -> None:
    for key in found:
        for problem in names.qualified_name(key.lower()):
            faults.invalid("metadata.annotations", key, problem)
    if sum(len(key) + len(value) for key, value in found.items()) > ANNOTATION_BYTES:
        faults.too_long("metadata.annotations", ANNOTATION_BYTES)


def _owners(owners: Any, faults: Faults) -> None:
    controllers = []
    for index, owner in enumerate(owners):
        path = f"metadata.ownerReferences[{index}]"
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                faults.invalid(f"{path}.{field}", owner.get(field, ""), f"{field} must not be empty")
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        faults.invalid(
            "metadata.ownerReferences",
            owners,
            "Only one reference can have Controller set to true. Found "
            f'"true" in references for {controllers[0]} and {controllers[1]}',
        )


def validate_update(new: Object, old: Object, faults: Faults) -> None:
    """What may not change in metadata."""
    fresh, before = new["metadata"], old["metadata"]
    added = set(fresh.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if before.get("deletionTimestamp") and added:
        faults.forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers "
            f"[]string{{{', '.join(sorted(repr(item) for item in added))}}}".replace("'", '"'),
        )


def selector(found: Object | None, path: str, faults: Faults) -> None:
    """A LabelSelector inside an object (metav1.LabelSelector)."""
    if found is None:
        return
    labels(found.get("matchLabels") or {}, f"{path}.matchLabels", faults)
    for index, term in enumerate(found.get("matchExpressions") or ()):
        _selector_term(term, f"{path}.matchExpressions[{index}]", faults)


def _selector_term(term: Object, path: str, faults: Faults) -> None:
    operator, values = term.get("operator", ""), term.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            faults.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            faults.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    else:
        faults.invalid(f"{path}.operator", operator, "not a valid selector operator")
    for problem in names.qualified_name(term.get("key", "")):
        faults.invalid(f"{path}.key", term.get("key", ""), problem)
    for index, value in enumerate(values):
        for problem in names.label_value(value):
            faults.invalid(f"{path}.values[{index}]", value, problem)
