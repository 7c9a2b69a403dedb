"""Whose object is it: checks of name, namespace, version and uid between a request and the objects it touches."""

from __future__ import annotations

from typing import Any

from harness.embedded.store import errors
from harness.embedded.store.resources import Resource, by_name

Object = dict[str, Any]
NAMESPACES = by_name("namespaces")


def settle_namespace(resource: Resource, obj: Object, namespace: str | None) -> None:
    """Give a body the namespace of its request. Raises ApiError 400 when the two differ."""
    metadata = obj["metadata"]
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    given = metadata.get("namespace")
    if given and namespace and given != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = namespace or given
    if not metadata["namespace"]:
        raise errors.bad_request("an empty namespace may not be set when a resource name is provided")


def settle_name(obj: Object, name: str) -> None:
    """Give a body the name of its request. Raises ApiError 400 when the two differ."""
    given = obj["metadata"].setdefault("name", name)
    if given != name:
        raise errors.bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def check_namespace(resource: Resource, obj: Object, namespace: Object | None) -> None:
    """Can something be created in this namespace? Raises ApiError 404 or 403."""
    if not resource.namespaced:
        return
    wanted, name = obj["metadata"]["namespace"], obj["metadata"].get("name", "")
    if namespace is None:
        raise errors.not_found(NAMESPACES, wanted)
    if namespace["metadata"].get("deletionTimestamp") is None:
        return
    raise errors.forbidden(
        resource,
        name,
        f"unable to create new content in namespace {wanted} because it is being terminated",
        [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {wanted} is being terminated",
                "field": "metadata.namespace",
            }
        ],
    )


def check_version(resource: Resource, new: Object, old: Object, *, needed: bool) -> None:
    """Is the change based on the present object? Raises ApiError 409, or 422 when the version is needed and missing."""
    fresh, before = new["metadata"], old["metadata"]
    name = before["name"]
    if fresh.get("uid") and fresh["uid"] != before["uid"]:
        key = "/".join(part for part in ("", "registry", resource.plural, before.get("namespace"), name) if part)
        raise errors.conflict(
            resource,
            name,
            f"StorageError: invalid object, Code: 4, Key: /{key}, ResourceVersion: 0, AdditionalErrorMsg: "
            f"Precondition failed: UID in precondition: {fresh['uid']}, UID in object meta: {before['uid']}",
        )
    version = fresh.get("resourceVersion")
    if version and version != before["resourceVersion"]:
        raise errors.conflict(resource, name)
    if needed and not version:
        cause = ("FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion")
        raise errors.invalid(resource.kind, resource.group, name, [cause])


def keep_system_metadata(new: Object, old: Object) -> None:
    """What no client changes in metadata stays as it was."""
    fresh, before = new["metadata"], old["metadata"]
    for field in (
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ):
        if field in before:
            fresh[field] = before[field]
        else:
            fresh.pop(field, None)


def is_same(new: Object, old: Object) -> bool:
    """Whether a write would change nothing but the times in managedFields."""
    if any(new.get(field) != old.get(field) for field in {*new, *old} if field != "metadata"):
        return False
    fresh, before = new["metadata"], old["metadata"]
    if any(fresh.get(field) != before.get(field) for field in {*fresh, *before} if field != "managedFields"):
        return False
    return _timeless(fresh) == _timeless(before)


def _timeless(metadata: Object) -> list[Object]:
    return [
        {key: value for key, value in entry.items() if key != "time"} for entry in metadata.get("managedFields") or ()
    ]
