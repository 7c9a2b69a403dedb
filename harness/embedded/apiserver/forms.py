"""The form an object takes on the wire: itself, a row of a Table, or its metadata alone (meta/v1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.embedded.apiserver import table
from harness.embedded.apiserver.call import Call
from harness.embedded.apiserver.media import Form, Wanted
from harness.embedded.store.errors import failure

META = "meta.k8s.io/v1"


class Former:
    """Gives objects the form a client asked for. Remembers whether a watch has been sent its column headings."""

    def __init__(self, call: Call, wanted: Wanted) -> None:
        if wanted.form is Form.GROUPS:
            raise failure(406, "NotAcceptable", f"{call.resource.plural} cannot be sent as {wanted.form.value}", {})
        self.wanted = wanted
        self._resource = call.resource
        self._now = call.server.clock.wall
        self._include = call.text("includeObject", "Metadata")
        self._headed = False

    def of_object(self, obj: dict[str, Any]) -> dict[str, Any]:
        """One object."""
        match self.wanted.form:
            case Form.TABLE:
                return self._table([obj], {"resourceVersion": obj.get("metadata", {}).get("resourceVersion", "")})
            case Form.METADATA | Form.METADATA_LIST:
                return partial(obj)
            case _:
                return obj

    def of_list(self, items: Iterable[dict[str, Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
        """A list with its metadata."""
        match self.wanted.form:
            case Form.TABLE:
                return self._table(items, metadata)
            case Form.METADATA | Form.METADATA_LIST:
                kind = "PartialObjectMetadataList"
                return {
                    "kind": kind,
                    "apiVersion": META,
                    "metadata": metadata,
                    "items": [partial(one) for one in items],
                }
            case _:
                head = {"kind": f"{self._resource.kind}List", "apiVersion": self._resource.api_version}
                return {**head, "metadata": metadata, "items": [_without_kind(item) for item in items]}

    def of_event(self, event: dict[str, Any]) -> dict[str, Any]:
        """The object of a watch event. In a Table only the first one brings the column headings."""
        obj: dict[str, Any] = event["object"]
        match self.wanted.form:
            case Form.TABLE if event["type"] == "BOOKMARK":
                made = self._table([], obj["metadata"])
            case Form.TABLE:
                made = self._table([obj], {"resourceVersion": obj["metadata"].get("resourceVersion", "")})
            case _:
                return self.of_object(obj)
        if self._headed:
            made["columnDefinitions"] = None
        self._headed = True
        return made

    def _table(self, items: Iterable[dict[str, Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
        made = table.make(self._resource, items, now=self._now())
        rows = [{"cells": row.cells, **self._row_object(row.object)} for row in made.rows]
        head = {"kind": "Table", "apiVersion": META, "metadata": metadata}
        return {**head, "columnDefinitions": made.columns, "rows": rows}

    def _row_object(self, obj: dict[str, Any]) -> dict[str, Any]:
        match self._include:
            case "None":
                return {"object": None}
            case "Object":
                return {"object": obj}
            case _:
                return {"object": partial(obj)}


def partial(obj: dict[str, Any]) -> dict[str, Any]:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": obj["metadata"]}


def _without_kind(item: dict[str, Any]) -> dict[str, Any]:
    """Items of a list do not repeat what the list says."""
    return {key: value for key, value in item.items() if key not in {"kind", "apiVersion"}}
