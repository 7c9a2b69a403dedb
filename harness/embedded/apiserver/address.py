"""What a URL and a method ask for, before anybody knows whether it exists.

Follows the API's path rules (`/api/v1/namespaces/{ns}/pods/{name}/log`, `/apis/{group}/{version}/...`). It only reads
text: whether the resource is served is decided later, after authorization, as a real server does.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
"""`/api/v1/namespaces/x/status` is the status of a namespace; `/api/v1/namespaces/x/pods` is a list of pods."""

PROXY_AT = len(("api", "v1", "namespaces", "space", "resource", "name"))
"""Where `proxy` stands in a path; anything may come below it."""

NAMED_VERBS = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
COLLECTION_VERBS = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True)
class Address:
    """A place under /api or /apis. `resource` empty: the group version itself (a discovery document)."""

    group: str
    version: str
    resource: str = ""
    namespace: str | None = None
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True)
class Attributes:
    """What authorization looks at. `resource` empty: a path that is no resource."""

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""


def parse(path: str) -> Address | None:
    """Read a path; None when it is not below a group version."""
    parts = path.strip("/").split("/")
    if parts[PROXY_AT : PROXY_AT + 1] == ["proxy"]:
        parts = parts[: PROXY_AT + 1]  # what follows is the pod's own business
    if "" in parts:
        return None
    if parts[0] == "api" and len(parts) >= 2:
        return _below(("", parts[1]), parts[2:])
    if parts[0] == "apis" and len(parts) >= 3:
        return _below((parts[1], parts[2]), parts[3:])
    return None


def _below(version: tuple[str, str], rest: list[str]) -> Address | None:
    namespace: str | None = None
    in_namespace = len(rest) >= 3 and rest[0] == "namespaces"
    if in_namespace and not (len(rest) == 3 and rest[2] in NAMESPACE_SUBRESOURCES):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    resource, name, subresource = (*rest, "", "", "")[:3]
    return Address(*version, resource=resource, namespace=namespace, name=name, subresource=subresource)


def attributes(method: str, path: str, address: Address | None, *, watch: bool) -> Attributes:
    """What a request wants to do, in the words of authorization."""
    if address is None or not address.resource:
        return Attributes(verb=method.lower(), path=path)
    verb = (NAMED_VERBS if address.name else COLLECTION_VERBS).get(method, method.lower())
    if verb == "list" and watch:
        verb = "watch"
    return Attributes(
        verb=verb,
        group=address.group,
        resource=address.resource,
        subresource=address.subresource,
        # A namespace is asked for inside itself, so that rights in it cover it.
        namespace=address.namespace or (address.name if address.resource == "namespaces" and not address.group else ""),
        name=address.name,
    )
