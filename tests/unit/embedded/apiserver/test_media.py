"""Content negotiation and reading bodies."""

import pytest

from harness.embedded.apiserver.media import Form, decode, media_type, wanted
from harness.embedded.store.errors import ApiError

KUBECTL_TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
KUBECTL_GROUPS = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.OBJECT),
        ("*/*", Form.OBJECT),
        ("application/json", Form.OBJECT),
        ("application/json, */*", Form.OBJECT),
        ("application/vnd.kubernetes.protobuf,application/json", Form.OBJECT),
        (KUBECTL_TABLE, Form.TABLE),
        (KUBECTL_GROUPS, Form.GROUPS),
        ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", Form.METADATA),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json", Form.METADATA_LIST),
        ("application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json", Form.OBJECT),
    ],
)
def test_the_first_form_that_can_be_sent_is_sent(accept, form):
    """Clients list what they like best first; what is unknown is passed over."""
    assert wanted(accept).form is form


@pytest.mark.parametrize(
    "accept",
    ["application/vnd.kubernetes.protobuf", "text/html", "application/json;as=Table;g=meta.k8s.io;v=v7"],
)
def test_a_client_that_reads_nothing_we_write_is_told(accept):
    """Without a common form there is 406 and no guess."""
    with pytest.raises(ApiError) as caught:
        wanted(accept)
    assert (caught.value.code, caught.value.reason) == (406, "NotAcceptable")


def test_aggregated_discovery_names_itself():
    """Clients tell the aggregated form by the answer's content type."""
    assert wanted(KUBECTL_GROUPS).content_type == (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    )


def test_yaml_is_read_as_kubernetes_reads_it():
    """Dates and words like `yes` stay text; true and numbers do not."""
    text = b"a: 2026-01-01\nb: yes\nc: true\nd: 80\ne: 'x'\nf: null\n"
    assert decode(text, "application/yaml") == {
        "a": "2026-01-01", "b": "yes", "c": True, "d": 80, "e": "x", "f": None,
    }  # fmt: skip


def test_json_under_the_name_of_yaml_is_read():
    """kubectl sends server-side apply as JSON and calls it YAML."""
    assert decode(b'{"a":[1]}', "application/apply-patch+yaml") == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [(b'{"a":', "unexpected end of JSON input"), (b"{nope}", "invalid character 'n'"), (b'{"a', "unexpected end")],
)
def test_broken_json_is_named(body, problem):
    """The problem is put as the recorded server puts it."""
    with pytest.raises(ValueError, match=problem):
        decode(body, "application/json")


def test_broken_yaml_is_named():
    """A YAML error is a refusal, not a crash."""
    with pytest.raises(ValueError, match="error converting YAML"):
        decode(b"a: [", "application/yaml")


def test_parameters_of_a_content_type_do_not_matter():
    """A charset changes nothing about what the body is."""
    assert media_type("Application/JSON; charset=utf-8") == "application/json"
