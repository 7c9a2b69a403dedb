"""OpenAPI v3 documents (KEP-2896), made from the store's field tables.

`kubectl apply` merges by them, `kubectl explain` shows them, and clients learn from them whether dry runs and field
validation are supported.

One document per group version plus an index. Version 2 has a head and no definitions: clients that insist on it, as
kubectl does for a `kind: List`, find nothing to check and leave that to the server, as for kinds unknown to them.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from harness.embedded.apiserver.replies import answer, encode, plain
from harness.embedded.store.patches import CONTENT_TYPES
from harness.embedded.store.resources import RESOURCES, Resource
from harness.embedded.store.schema import Field, Type, schema_for

Schema = dict[str, Any]

_INFO = {"title": "Kubernetes", "version": "unversioned"}
_VERSION_2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""As clients ask for it; it is no valid media type, so it is answered with a dot for the at sign."""

_REF = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_TABLE_PACKAGES = {
    "meta": _META,
    "core": "io.k8s.api.core.v1.",
    "faults": "dev.harness.faults.v1.",
}
"""Prefixes of type names by field table; the other tables are `io.k8s.api.<table>.v1.`."""

_SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number", "format": "double"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "intstr": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "object": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}

_DESCRIPTIONS = {
    "ConfigMap": "Configuration that pods read as files or environment variables.",
    "DaemonSet": "Keeps one pod on every node that takes it.",
    "Deployment": "Keeps a number of equal pods running and replaces them step by step when their template changes.",
    "EndpointSlice": "A part of the addresses behind a Service, with their conditions.",
    "Endpoints": "All addresses behind a Service in one object; EndpointSlice replaces it.",
    "Event": "A report of something that happened to an object.",
    "Fault": "Something broken on purpose in this embedded cluster. Real clusters have no such kind.",
    "Ingress": "Which Services answer HTTP requests from outside, by host and path.",
    "IngressClass": "A sort of Ingresses, and the controller that serves it.",
    "IPAddress": "An address that is in use, and what uses it.",
    "Job": "Runs pods until enough of them have ended well.",
    "Lease": "A claim that somebody renews while alive.",
    "Namespace": "A scope for names.",
    "NetworkPolicy": "Which traffic the selected pods may receive and send.",
    "Node": "A machine that runs pods.",
    "PacketTrace": "A question: which rules would a packet meet? Real clusters have no such kind.",
    "Pod": "Containers that share a network namespace, an address and a fate.",
    "ReplicaSet": "Keeps a number of equal pods running.",
    "Secret": "Like a ConfigMap, for what not everybody may read.",
    "SelfSubjectAccessReview": "A question: may I do this?",
    "Service": "A name and a virtual address for a changing set of pods.",
    "ServiceAccount": "An identity for the processes in pods.",
    "ServiceCIDR": "A range from which Services get their addresses.",
    "StatefulSet": "Keeps pods with lasting names, one after the other.",
}


def document(request: web.Request) -> web.Response:
    """The index, or the document of one group version."""
    if request.path.rstrip("/") == "/openapi/v2":
        return _version_2(request.headers.get("Accept", ""))
    inner = request.path.removeprefix("/openapi/v3").strip("/")
    if request.path.rstrip("/") == "/openapi/v3":
        paths = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(path)}"} for path in _documents()}
        return answer({"paths": paths})
    if not request.path.startswith("/openapi/v3/") or inner not in _documents():
        return plain("404 page not found\n", code=404)
    tag = f'"{_hash(inner)}"'
    response = web.Response(body=_encoded(inner), headers={"Content-Type": "application/json", "Etag": tag})
    response.headers["Vary"] = "Accept"
    return response


def _version_2(accept: str) -> web.Response:
    if _VERSION_2_PROTOBUF not in accept:
        head = {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": {}}
        return answer(head)
    info = b"".join(_text(number, text) for number, text in enumerate(_INFO.values(), start=1))
    return web.Response(
        body=_text(1, "2.0") + bytes((2 << 3 | 2, len(info))) + info,
        headers={"Content-Type": _VERSION_2_PROTOBUF.replace("@", ".")},
    )


def _text(number: int, text: str) -> bytes:
    """A short text field of a protobuf message."""
    return bytes((number << 3 | 2, len(text))) + text.encode()


@functools.cache
def _documents() -> dict[str, tuple[str, str]]:
    """Paths of the index with the group and version behind them."""
    groups = dict.fromkeys((resource.group, resource.version) for resource in RESOURCES)
    return {(f"apis/{group}/{number}" if group else f"api/{number}"): (group, number) for group, number in groups}


@functools.cache
def _encoded(path: str) -> bytes:
    group, number = _documents()[path]
    return encode(build([one for one in RESOURCES if (one.group, one.version) == (group, number)]))


def _hash(path: str) -> str:
    return hashlib.sha256(_encoded(path)).hexdigest().upper()


def build(resources: Iterable[Resource]) -> dict[str, Any]:
    """The document that describes some resources of one group version."""
    schemas: dict[str, Schema] = {}
    paths: dict[str, Any] = {}
    for resource in resources:
        kind = schema_for(resource.group, resource.version, resource.kind)
        if kind is None:
            raise LookupError(f"no field table for {resource.qualified_kind}")
        name = _add(kind, schemas)
        schemas[name]["x-kubernetes-group-version-kind"] = [_gvk(resource)]
        schemas[name]["description"] = _DESCRIPTIONS[resource.kind]
        paths.update(_paths(resource, name))
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _gvk(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _type_name(struct: Type) -> str:
    return _TABLE_PACKAGES.get(struct.table, f"io.k8s.api.{struct.table}.v1.") + struct.name


def _add(struct: Type, schemas: dict[str, Schema]) -> str:
    """Describe a struct and everything it refers to; returns its name. Types may contain themselves."""
    name = _type_name(struct)
    if name not in schemas:
        described: Schema = {"type": "object", "description": _DESCRIPTIONS.get(struct.name, "")}
        schemas[name] = described
        described["properties"] = {key: _field(entry, schemas) for key, entry in struct.fields.items()}
        required = [key for key, entry in struct.fields.items() if entry.required]
        if required:
            described["required"] = required
        if struct.atomic:
            described["x-kubernetes-map-type"] = "atomic"
    return name


def _field(entry: Field, schemas: dict[str, Schema]) -> Schema:
    schema = _type(entry.type, schemas)
    strategies = [word for word, there in (("merge", entry.merge), ("retainKeys", entry.retain_keys)) if there]
    if strategies:
        schema["x-kubernetes-patch-strategy"] = ",".join(strategies)
    if entry.merge_key:
        schema["x-kubernetes-patch-merge-key"] = entry.merge_key
    if entry.default is not None:
        schema["default"] = entry.default
    return schema


def _type(kind: Type, schemas: dict[str, Schema]) -> Schema:
    if kind.form == "struct":
        return {"allOf": [{"$ref": _REF + _add(kind, schemas)}], "default": {}}
    if kind.form == "scalar" or kind.element is None:
        return dict(_SCALARS[kind.name])
    if kind.form == "map":
        schema: Schema = {"type": "object", "additionalProperties": _type(kind.element, schemas)}
        return {**schema, "x-kubernetes-map-type": "atomic"} if kind.atomic else schema
    schema = {"type": "array", "items": _type(kind.element, schemas)}
    if kind.keys:
        return {**schema, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(kind.keys)}
    return {**schema, "x-kubernetes-list-type": "set" if kind.is_set else "atomic"}


def _paths(resource: Resource, name: str) -> dict[str, Any]:
    """The paths of a resource with its operations."""
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{root}{scope}/{resource.plural}"
    one = collection + "/{name}"
    described = {
        collection: {
            "list": ("get", "list", ()),
            "create": ("post", "post", _OPTIONS),
            "deletecollection": ("delete", "deletecollection", ()),
        },
        one: {
            "get": ("get", "get", ()),
            "update": ("put", "put", _OPTIONS),
            "patch": ("patch", "patch", (*_OPTIONS, "force")),
            "delete": ("delete", "delete", ("dryRun", "gracePeriodSeconds", "propagationPolicy")),
        },
    }
    made: dict[str, Any] = {}
    for path, operations in described.items():
        served = {
            method: _operation(resource, name, action, parameters)
            for verb, (method, action, parameters) in operations.items()
            if verb in resource.verbs
        }
        if served:
            made[path] = served
    return made


_OPTIONS = ("dryRun", "fieldManager", "fieldValidation")


def _operation(resource: Resource, name: str, action: str, parameters: Iterable[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": _REF + name}}}
    operation: dict[str, Any] = {
        "tags": [f"{resource.group.partition('.')[0] or 'core'}_{resource.version}"],
        "operationId": f"{action}{resource.kind}",
        "parameters": [
            {"name": one, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for one in parameters
        ],
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(resource),
    }
    if action in {"post", "put"}:
        operation["requestBody"] = {"content": content, "required": True}
    if action == "patch":
        patch = {"schema": {"type": "object"}}
        operation["requestBody"] = {"content": dict.fromkeys(CONTENT_TYPES, patch), "required": True}
    return operation
