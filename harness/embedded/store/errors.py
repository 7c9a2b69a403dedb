"""What the API refuses, as the `Status` objects a real server sends (metav1.Status).

One exception for all of them: the HTTP side writes `status` as the body, components look at `code` and `reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.embedded.store.resources import Resource


class ApiError(Exception):
    """A refused request. `status` is the whole Status object."""

    def __init__(self, status: dict[str, Any]) -> None:
        super().__init__(status.get("message", ""))
        self.status = status

    @property
    def code(self) -> int:
        """The HTTP status code."""
        return int(self.status.get("code", 500))

    @property
    def reason(self) -> str:
        """The machine-readable reason, for example `NotFound`."""
        return str(self.status.get("reason", ""))

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.status.get("message", ""))


def failure(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> ApiError:
    """Any refusal. `details` is left out when None, and kept when empty, as the real server does."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    status["message"] = message
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = code
    return ApiError(status)


def resource_details(resource: Resource, name: str) -> dict[str, Any]:
    """The `details` that name an object by its resource."""
    details: dict[str, Any] = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def not_found(resource: Resource, name: str) -> ApiError:
    """404: no such object."""
    return failure(404, "NotFound", f'{resource.qualified} "{name}" not found', resource_details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    """409: the name is taken."""
    message = f'{resource.qualified} "{name}" already exists'
    return failure(409, "AlreadyExists", message, resource_details(resource, name))


def conflict(resource: Resource, name: str, problem: str = "") -> ApiError:
    """409: the object changed since it was read, or is not the one meant."""
    problem = problem or ("the object has been modified; please apply your changes to the latest version and try again")
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {problem}'
    return failure(409, "Conflict", message, resource_details(resource, name))


def precondition_failed(resource: Resource, name: str, problem: str) -> ApiError:
    """409 of a deletion whose precondition does not hold; it names the kind where a conflict names the resource."""
    details: dict[str, Any] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.kind
    message = f'Operation cannot be fulfilled on {resource.qualified_kind} "{name}": {problem}'
    return failure(409, "Conflict", message, details)


def apply_conflict(conflicts: Sequence[tuple[str, str]]) -> ApiError:
    """409 of a server-side apply: pairs of (manager as described, field path)."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path} for who, path in conflicts
    ]
    if len(conflicts) == 1:
        who, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {who}: {path}"
    else:
        lines = []
        for who in sorted({who for who, _ in conflicts}):
            lines.append(f"conflicts with {who}:")
            lines.extend(f"- {path}" for owner, path in conflicts if owner == who)
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    return failure(409, "Conflict", message, {"causes": causes})


def bad_request(message: str) -> ApiError:
    """400."""
    return failure(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, problem: str, causes: Sequence[dict[str, str]] = ()) -> ApiError:
    """403: allowed in general, not here and now."""
    details = resource_details(resource, name)
    if causes:
        details["causes"] = list(causes)
    named = f' "{name}"' if name else ""
    return failure(403, "Forbidden", f"{resource.qualified}{named} is forbidden: {problem}", details)


def invalid(kind: str, group: str, name: str, causes: Sequence[tuple[str, str, str]]) -> ApiError:
    """422: the object breaks rules. Each cause is (reason, message without the field, field)."""
    lines = [f"{field}: {message}" for _, message, field in causes]
    unique = list(dict.fromkeys(lines))
    text = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
    qualified = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for reason, message, field in dict.fromkeys(causes)
    ]
    return failure(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def unprocessable() -> ApiError:
    """422 of a patch that parses and cannot be carried out."""
    return failure(422, "Invalid", "the server rejected our request due to an error in our request", {})


def unsupported_media_type() -> ApiError:
    """415."""
    return failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def method_not_allowed() -> ApiError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return failure(405, "MethodNotAllowed", message, {})


def unknown_resource() -> ApiError:
    """404 of a path that names no resource."""
    return failure(404, "NotFound", "the server could not find the requested resource", {})


def expired(message: str = "") -> ApiError:
    """410: a resourceVersion or continue token that is too old to serve."""
    return failure(410, "Expired", message or "The resourceVersion for the provided watch is too old.")


def too_old(asked: int, oldest: int) -> ApiError:
    """410 of a watch that would have missed events."""
    return expired(f"too old resource version: {asked} ({oldest})")


def unauthorized() -> ApiError:
    """401."""
    return failure(401, "Unauthorized", "Unauthorized")


def internal(problem: str) -> ApiError:
    """500."""
    causes = {"causes": [{"message": problem}]}
    return failure(500, "InternalError", f"Internal error occurred: {problem}", causes)
