"""What the server has: version, health, groups, resources, in the plain and the aggregated form; and OpenAPI.

Everything is made from the store's table of resources, so nothing is announced that is not served. Aggregated
discovery (KEP-3352) is a form of /api and /apis that clients ask for by their Accept header.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from harness.embedded.apiserver import media, openapi
from harness.embedded.apiserver.call import Server
from harness.embedded.apiserver.media import Form
from harness.embedded.apiserver.replies import answer, plain
from harness.embedded.store.errors import method_not_allowed
from harness.embedded.store.resources import RESOURCES, Resource, Subresource

_ORDER = ("apps", "authorization.k8s.io", "batch", "networking.k8s.io", "coordination.k8s.io", "discovery.k8s.io")
"""Groups of a real server in its order of preference, which is no rule but a list; others follow."""
GROUPS = tuple(dict.fromkeys((*_ORDER, *(resource.group for resource in RESOURCES if resource.group))))
"""The named groups. Each has one version."""
HEALTH = ("/healthz", "/livez", "/readyz")


def document(server: Server, request: web.Request) -> web.Response:
    """Answer a path that is no resource. Raises ApiError."""
    path = request.path.rstrip("/") or "/"
    if any(path == known or path.startswith(f"{known}/") for known in HEALTH):
        return plain("ok")
    if request.method not in {"GET", "HEAD"}:
        raise method_not_allowed()
    wanted = media.wanted(request.headers.get("Accept", "")) if not path.startswith("/openapi") else None
    if wanted is not None and wanted.form is Form.GROUPS and path in {"/api", "/apis"}:
        groups = ("",) if path == "/api" else GROUPS
        return answer(_aggregated(groups, wanted.version), wanted=wanted)
    if path.startswith("/openapi"):
        return openapi.document(request)
    body = _plain_document(server, path)
    return plain("404 page not found\n", code=404) if body is None else answer(body)


def _plain_document(server: Server, path: str) -> dict[str, Any] | None:
    match path.strip("/").split("/"):
        case ["version"]:
            return version(server.version)
        case ["api"]:
            return _versions(server.advertised)
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in GROUPS]}
        case ["apis", name] if name in GROUPS:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}
        case ["api", number]:
            return _resources("", number)
        case ["apis", name, number]:
            return _resources(name, number)
        case [""]:
            return {"paths": _paths()}
    return None


def version(git_version: str) -> dict[str, Any]:
    """The /version document. What a Go build would say of itself (commit, compiler) is left empty."""
    major, minor = re.findall(r"\d+", git_version)[:2]
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}",
    }


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _versions(advertised: str) -> dict[str, Any]:
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": advertised}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def _paths() -> list[str]:
    versions = [(name, _version_of(name)) for name in GROUPS]
    groups = [path for name, number in versions for path in (f"/apis/{name}", f"/apis/{name}/{number}")]
    return ["/api", "/api/v1", "/apis", *groups, *HEALTH, "/openapi/v3", "/version"]


def _version_of(group: str) -> str:
    return next(resource.version for resource in RESOURCES if resource.group == group)


def _group(name: str) -> dict[str, Any]:
    number = _version_of(name)
    one = {"groupVersion": f"{name}/{number}", "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _of(group: str, number: str) -> list[Resource]:
    found = [resource for resource in RESOURCES if (resource.group, resource.version) == (group, number)]
    return sorted(found, key=lambda resource: resource.plural)


def _resources(group: str, number: str) -> dict[str, Any] | None:
    found = _of(group, number)
    if not found:
        return None
    # The core group's list carries no apiVersion: it is older than the rule.
    head: dict[str, Any] = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    entries = [entry for resource in found for entry in _entries(resource)]
    return {**head, "groupVersion": f"{group}/{number}" if group else number, "resources": entries}


def _entries(resource: Resource) -> Iterable[dict[str, Any]]:
    yield {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
        **({"storageVersionHash": resource.storage_version_hash} if resource.storage_version_hash else {}),
    }
    for sub in sorted(resource.subresources, key=lambda one: one.name):
        yield {
            "name": f"{resource.plural}/{sub.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **({"group": sub.group, "version": sub.version} if sub.group else {}),
            "kind": sub.kind,
            "verbs": list(sub.verbs),
        }


def _aggregated(groups: Iterable[str], number: str) -> dict[str, Any]:
    items = []
    for name in groups:
        known = _version_of(name)
        resources = [_aggregated_resource(resource) for resource in _of(name, known)]
        metadata: dict[str, Any] = {"name": name} if name else {}
        versions: list[dict[str, Any]] = [{"version": known, "resources": resources, "freshness": "Current"}]
        metadata["creationTimestamp"] = None
        items.append({"metadata": metadata, "versions": versions})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{number}", "metadata": {}}
    return {**head, "items": items}


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    subs = sorted(resource.subresources, key=lambda one: one.name)
    return {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
        **({"subresources": [_aggregated_sub(resource, sub) for sub in subs]} if subs else {}),
    }


def _aggregated_sub(resource: Resource, sub: Subresource) -> dict[str, Any]:
    kind = {"group": sub.group or resource.group, "version": sub.version or resource.version, "kind": sub.kind}
    return {"subresource": sub.name, "responseKind": kind, "verbs": list(sub.verbs)}
