"""Authentication: from a connection and its headers to a user.

A verified client certificate counts first, then a bearer token; neither makes the caller anonymous, a token that is
nobody's is refused. Who may act for others can say so (`Impersonate-User`), which `kubectl --as` does.
"""

from __future__ import annotations

from aiohttp import web

from harness.embedded.apiserver import access
from harness.embedded.apiserver.address import Attributes
from harness.embedded.apiserver.authority import ANONYMOUS, Authority, User, service_account_groups, user_of_certificate
from harness.embedded.store.errors import failure, unauthorized


def identify(request: web.Request, auth: Authority) -> User:
    """Who makes this request. Raises ApiError 401 for a wrong token, 403 for a forbidden impersonation."""
    user = _own(request, auth)
    acted = request.headers.get("Impersonate-User")
    return _impersonated(request, user, acted) if acted else user


def _own(request: web.Request, auth: Authority) -> User:
    certificate = request.get_extra_info("peercert")
    if certificate:
        named = user_of_certificate(certificate)
        if named is not None:
            return named
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return ANONYMOUS
    known = auth.user_of_token(token.strip())
    if known is None:
        raise unauthorized()
    return known


def _impersonated(request: web.Request, user: User, name: str) -> User:
    asked = Attributes(verb="impersonate", resource="users", name=name)
    if access.granted_by(user, asked) is None:
        message = f'users "{name}" is forbidden: {access.refusal(user, asked)}'
        raise failure(403, "Forbidden", message, {"name": name, "kind": "users"})
    groups = tuple(request.headers.getall("Impersonate-Group", []))
    parts = name.split(":")
    if not groups and len(parts) == 4 and name.startswith("system:serviceaccount:"):
        return User(name, service_account_groups(parts[2]))
    if name == ANONYMOUS.name:
        return User(name, groups or ANONYMOUS.groups)
    return User(name, tuple(dict.fromkeys((*groups, "system:authenticated"))))
