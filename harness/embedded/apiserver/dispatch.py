"""From a path to the part that answers it, with authorization in between.

The order is a real server's: who (401), may he (403), does the group exist (404, plain text), the resource (404), the
method (405).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from harness.embedded.apiserver import (
    access,
    actions,
    discovery,
    exec_stream,
    logs,
    objects,
    packets,
    proxy,
    review,
    watch,
)
from harness.embedded.apiserver.address import Address, Attributes, attributes, parse
from harness.embedded.apiserver.authority import User
from harness.embedded.apiserver.call import Call, Server
from harness.embedded.apiserver.identify import identify
from harness.embedded.apiserver.replies import plain
from harness.embedded.store.errors import ApiError, failure, method_not_allowed, unknown_resource
from harness.embedded.store.resources import RESOURCES, Resource, by_path

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

VERBS: Mapping[str, Handler] = {
    "get": objects.get,
    "list": objects.list_,
    "watch": watch.watch,
    "create": objects.create,
    "update": objects.update,
    "patch": objects.patch,
    "delete": objects.delete,
    "deletecollection": objects.delete_collection,
}

SUBRESOURCES: Mapping[str, Handler] = {
    "exec": exec_stream.exec_in_pod,
    "log": logs.read,
    "proxy": proxy.forward,
    "scale": actions.scale,
    "token": actions.request_token,
    "binding": actions.bind,
    "eviction": actions.evict,
}
"""Those that are more than a part of their object. `status` and `finalize` are parts: the verbs handle them."""

_VERSIONS = frozenset((resource.group, resource.version) for resource in RESOURCES)


async def dispatch(server: Server, request: web.Request) -> web.StreamResponse:
    """Answer one request. Raises ApiError for whatever is refused."""
    user = identify(request, server.auth)
    place = parse(request.path)
    watching = request.query.get("watch", "").lower() in {"1", "true"}
    asked = attributes(request.method, request.path, place, watch=watching)
    if access.granted_by(user, asked) is None:
        raise _forbidden(user, asked)
    if place is None or not place.resource:
        return discovery.document(server, request)
    if (place.group, place.version) not in _VERSIONS:
        return plain("404 page not found\n", code=404)
    resource = _resource(place)
    call = Call(server, request, user, asked.verb, resource, place.namespace, place.name, place.subresource)
    response = await _handler(call)(call)
    if resource.deprecation and not response.prepared:
        response.headers.add("Warning", f'299 - "{resource.deprecation}"')
    return response


def _forbidden(user: User, asked: Attributes) -> ApiError:
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    named = f' "{asked.name}"' if asked.name else ""
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    prefix = f"{qualified}{named} is forbidden" if asked.resource else "forbidden"
    message = f"{prefix}: {access.refusal(user, asked)}"
    return failure(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def _resource(place: Address) -> Resource:
    """The resource at a place. Raises ApiError 404 when it is not there, or not in this scope."""
    resource = by_path(place.group, place.version, place.resource)
    if resource is None:
        raise unknown_resource()
    in_namespace = place.namespace is not None
    if in_namespace and not resource.namespaced:
        raise unknown_resource()
    if resource.namespaced and not in_namespace and place.name:
        raise unknown_resource()
    return resource


def _handler(call: Call) -> Handler:
    """What serves this call. Raises ApiError 404 for an unknown subresource, 405 for a verb it does not have."""
    if call.subresource:
        sub = call.resource.subresource(call.subresource)
        if sub is None:
            raise unknown_resource()
        if call.verb not in sub.verbs and (call.subresource, call.verb) != ("proxy", "options"):
            raise method_not_allowed()
        return SUBRESOURCES.get(call.subresource) or VERBS[call.verb]
    everywhere = call.resource.namespaced and call.namespace is None
    if call.verb not in call.resource.verbs or (everywhere and call.verb not in {"list", "watch"}):
        raise method_not_allowed()
    if call.verb == "create" and call.name:
        raise method_not_allowed()
    if call.resource.kind == "SelfSubjectAccessReview":
        return review.review
    if call.resource.kind == packets.KIND:
        return packets.trace
    return VERBS[call.verb]
