"""Content negotiation: which form a client can read, and how to read what it sends.

JSON and YAML are spoken. Protobuf is read from clients that send it (`protobuf`) and never written: a client that
accepts nothing else gets 406. CBOR is not known.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from harness.embedded.store.errors import failure

JSON = "application/json"
YAML = "application/yaml"


class Form(enum.Enum):
    """What is made of an object before it is sent (`as=` in the Accept header)."""

    OBJECT = ""
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"
    METADATA_LIST = "PartialObjectMetadataList"
    GROUPS = "APIGroupDiscoveryList"


@dataclass(frozen=True)
class Wanted:
    """One form a client accepts, that we can send."""

    form: Form
    media: str = JSON
    version: str = ""

    @property
    def content_type(self) -> str:
        """The Content-Type header of an answer in this form."""
        if self.form is Form.GROUPS:
            return f"{self.media};g=apidiscovery.k8s.io;v={self.version};as={self.form.value}"
        return self.media


_OBJECT = Wanted(Form.OBJECT)
_META = ("v1", "v1beta1")


def wanted(accept: str) -> Wanted:
    """The first form in an Accept header that we can send. Raises ApiError 406 when there is none."""
    if not accept.strip():
        return _OBJECT
    for clause in accept.split(","):
        media, *rest = (part.strip() for part in clause.split(";"))
        choice = _choice(media, dict(part.split("=", 1) for part in rest if "=" in part))
        if choice is not None:
            return choice
    raise failure(406, "NotAcceptable", f"only the following media types are accepted: {JSON}, {YAML}", {})


def _choice(media: str, parameters: dict[str, str]) -> Wanted | None:
    if media in {"*/*", "application/*"}:
        return _OBJECT
    if media not in {JSON, YAML}:
        return None
    form = parameters.get("as", "")
    if not form:
        return Wanted(Form.OBJECT, media)
    group, version = parameters.get("g", ""), parameters.get("v", "")
    for known in Form:
        if known.value == form and (
            (known is Form.GROUPS and group == "apidiscovery.k8s.io" and version in {"v2", "v2beta1"})
            or (known is not Form.GROUPS and group == "meta.k8s.io" and version in _META)
        ):
            return Wanted(known, media, version)
    return None


class _PlainLoader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: dates stay text, and only true and false are booleans."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith((":timestamp", ":bool"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"
)


def media_type(content_type: str) -> str:
    """A Content-Type header without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def decode(body: bytes, content_type: str) -> Any:
    """The value in a request body. Raises ValueError, in the words of the parser a real server has."""
    if content_type.endswith("yaml"):
        return _decode_yaml(body)
    return _decode_json(body)


def _decode_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        rest = error.doc[error.pos :].lstrip()
        if not rest or rest.startswith('"'):  # a string that never ends
            raise ValueError("unexpected end of JSON input") from error
        raise ValueError(f"invalid character '{rest[0]}' looking for beginning of value") from error
    except UnicodeDecodeError as error:
        raise ValueError("invalid UTF-8 in JSON input") from error


def _decode_yaml(body: bytes) -> Any:
    try:
        return json.loads(body)  # clients that apply send JSON under this name, and it reads far faster
    except ValueError:
        pass
    try:
        return yaml.load(body, Loader=_PlainLoader)  # noqa: S506  (a SafeLoader with fewer conversions)
    except yaml.YAMLError as error:
        raise ValueError(f"error converting YAML to JSON: {error}") from error
