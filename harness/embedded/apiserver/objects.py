"""The verbs of ordinary resources: from an HTTP request to one call of the store, and back.

Decoding, options and warnings are here; what an object may look like is the store's to say.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from harness.embedded.apiserver import media
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.forms import Former
from harness.embedded.apiserver.replies import answer
from harness.embedded.store.errors import ApiError, bad_request, expired, failure, invalid, unsupported_media_type
from harness.embedded.store.patches import CONTENT_TYPES, PatchKind
from harness.embedded.store.resources import by_kind

MATCHES = ("", "Exact", "NotOlderThan")


async def get(call: Call) -> web.Response:
    """One object."""
    form = _former(call)
    return _reply(form, call.server.store.get(call.resource, call.name, namespace=call.namespace))


async def list_(call: Call) -> web.Response:
    """The objects of a namespace or of the cluster, or a page of them."""
    form = _former(call)
    _check_version(call)
    listing = call.server.store.list(
        call.resource,
        namespace=call.namespace,
        label_selector=call.text("labelSelector"),
        field_selector=call.text("fieldSelector"),
        limit=call.number("limit") or 0,
        continue_=call.text("continue"),
    )
    metadata: dict[str, Any] = {"resourceVersion": listing.resource_version}
    if listing.continue_:
        metadata["continue"] = listing.continue_
        if listing.remaining is not None:
            metadata["remainingItemCount"] = listing.remaining
    return answer(form.of_list(listing.items, metadata), wanted=form.wanted)


async def create(call: Call) -> web.Response:
    """A new object."""
    form = _former(call)
    obj = await decoded(call)
    warnings: list[str] = []
    made = call.server.store.create(
        call.resource,
        obj,
        namespace=call.namespace,
        manager=call.manager,
        dry_run=call.dry_run,
        validation=call.validation,
        warnings=warnings,
    )
    return _reply(form, made, code=201, warnings=warnings)


async def update(call: Call) -> web.Response:
    """An object, or a part of it, replaced."""
    form = _former(call)
    obj = await decoded(call)
    warnings: list[str] = []
    made = call.server.store.update(
        call.resource,
        call.name,
        obj,
        namespace=call.namespace,
        subresource=call.subresource,
        manager=call.manager,
        dry_run=call.dry_run,
        validation=call.validation,
        warnings=warnings,
    )
    return _reply(form, made, warnings=warnings)


async def patch(call: Call) -> web.Response:
    """An object changed by a patch; applied by the server, it may come into being."""
    form = _former(call)
    kind = patch_kind(call)
    body = await patch_body(call)
    _check_patch_options(call, kind)
    warnings: list[str] = []
    before = _exists(call)
    made = call.server.store.patch(
        call.resource,
        call.name,
        body,
        namespace=call.namespace,
        kind=kind,
        subresource=call.subresource,
        manager=call.manager,
        force=call.flag("force"),
        dry_run=call.dry_run,
        validation=call.validation,
        warnings=warnings,
    )
    return _reply(form, made, code=200 if before else 201, warnings=warnings)


async def delete(call: Call) -> web.Response:
    """An object deleted, or marked for it."""
    form = _former(call)
    options = await _delete_options(call)
    dry = call.dry_run or "All" in (options.get("dryRun") or [])
    gone = call.server.store.delete(call.resource, call.name, namespace=call.namespace, options=options, dry_run=dry)
    return answer(gone, wanted=form.wanted) if gone.get("kind") == "Status" else _reply(form, gone)


async def delete_collection(call: Call) -> web.Response:
    """Every object of a namespace that the selectors choose, deleted one by one."""
    form = _former(call)
    options = await _delete_options(call)
    listing = call.server.store.delete_collection(
        call.resource,
        namespace=call.namespace,
        label_selector=call.text("labelSelector"),
        field_selector=call.text("fieldSelector"),
        options=options,
        dry_run=call.dry_run or "All" in (options.get("dryRun") or []),
    )
    return answer(form.of_list(listing.items, {"resourceVersion": listing.resource_version}), wanted=form.wanted)


async def decoded(call: Call) -> dict[str, Any]:
    """The object in the body, checked to be of the kind this place takes. Raises ApiError 400."""
    obj = await call.body()
    if not isinstance(obj, dict):
        raw = await call.raw()
        problem = "unexpected end of JSON input" if obj is None else "the value is not an object"
        raise call.unrecognized(problem, raw)
    expected = call.resource.kind
    kind, version = obj.get("kind") or expected, obj.get("apiVersion") or call.resource.api_version
    if (kind, version) != (expected, call.resource.api_version):
        raise bad_request(_mismatch(call, kind, version))
    return obj


def _mismatch(call: Call, kind: str, version: str) -> str:
    """Why an object of another kind cannot be taken, as the decoder of a real server puts it."""
    expected = call.resource
    if kind == expected.kind:
        return (
            f"the API version in the data ({version}) does not match the expected API version ({expected.api_version})"
        )
    group, _, number = version.rpartition("/")
    said = f'{kind} in version "{number}" cannot be handled as a {expected.kind}'
    if by_kind(group, number, kind) is None:
        return f'{said}: no kind "{kind}" is registered for version "{version}"'
    package = expected.group.partition(".")[0] or "core"
    return f"{said}: converting ({number}.{kind}) to ({package}.{expected.kind}): unknown conversion"


def patch_kind(call: Call) -> PatchKind:
    """How the body is to be read. Raises ApiError 415."""
    kind = CONTENT_TYPES.get(media.media_type(call.request.headers.get("Content-Type", "")))
    if kind is None:
        raise unsupported_media_type()
    return kind


async def patch_body(call: Call) -> Any:
    """The decoded patch. Raises ApiError 400."""
    content_type = media.media_type(call.request.headers.get("Content-Type", ""))
    try:
        return media.decode(await call.raw(), content_type)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def _check_patch_options(call: Call, kind: PatchKind) -> None:
    """Applying needs a manager; only applying can be forced. Raises ApiError 422."""
    problem = None
    if kind is PatchKind.APPLY and not call.text("fieldManager"):
        problem = ("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
    elif kind is not PatchKind.APPLY and "force" in call.request.query:
        problem = ("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
    if problem is not None:
        raise invalid("PatchOptions", "meta.k8s.io", "", [problem])


def _exists(call: Call) -> bool:
    """Is the object there? A patch that makes one answers 201."""
    try:
        call.server.store.get(call.resource, call.name, namespace=call.namespace)
    except ApiError:
        return False
    return True


async def _delete_options(call: Call) -> dict[str, Any]:
    """DeleteOptions from the body, or else from the query."""
    body = await call.body()
    if isinstance(body, dict):
        return body
    options: dict[str, Any] = {}
    grace = call.number("gracePeriodSeconds")
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if call.text("propagationPolicy"):
        options["propagationPolicy"] = call.text("propagationPolicy")
    if "orphanDependents" in call.request.query:
        options["orphanDependents"] = call.flag("orphanDependents")
    return options


def _check_version(call: Call) -> None:
    """Can a list be served at the version asked for? Only the present is kept. Raises ApiError 400, 410, 422, 504."""
    asked, match = call.text("resourceVersion"), call.text("resourceVersionMatch")
    if match not in MATCHES:
        problem = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan"'
        raise _list_option("FieldValueNotSupported", problem, "resourceVersionMatch")
    if match and not asked:
        problem = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise _list_option("FieldValueForbidden", problem, "resourceVersionMatch")
    if match == "Exact" and asked == "0":
        problem = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        raise _list_option("FieldValueForbidden", problem, "resourceVersionMatch")
    if "sendInitialEvents" in call.request.query:
        problem = "Forbidden: sendInitialEvents is forbidden for list"
        raise _list_option("FieldValueForbidden", problem, "sendInitialEvents")
    if not asked:
        return
    if not asked.isdigit():
        problem = f'Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
        raise _list_option("FieldValueInvalid", problem, "resourceVersion")
    now = int(call.server.store.resource_version)
    if int(asked) > now:
        message = f"Too large resource version: {asked}, current: {now}"
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        raise failure(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
    if match == "Exact" and int(asked) < now:
        raise expired("The resourceVersion for the provided list is too old.")


def _list_option(reason: str, problem: str, field: str) -> Exception:
    return invalid("ListOptions", "meta.k8s.io", "", [(reason, problem, field)])


def _former(call: Call) -> Former:
    """Settles the form of the answer before anything is changed: a 406 must leave no trace."""
    return Former(call, media.wanted(call.request.headers.get("Accept", "")))


def _reply(form: Former, obj: dict[str, Any], *, code: int = 200, warnings: list[str] | None = None) -> web.Response:
    response = answer(form.of_object(obj), code=code, wanted=form.wanted)
    for warning in dict.fromkeys(warnings or ()):
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response
