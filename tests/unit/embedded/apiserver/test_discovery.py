"""Discovery and OpenAPI documents, against the recorded ones and against the store's table of resources."""

import json
from pathlib import Path

import pytest

from harness.embedded.apiserver import discovery, openapi
from harness.embedded.store.resources import RESOURCES

RECORDED = Path(__file__).parents[3] / "recordings" / "api.json"


def recorded(index: int) -> dict:
    return json.loads(RECORDED.read_text())["calls"][index]["response"]["body"]


def document(path: str) -> dict:
    from types import SimpleNamespace

    return discovery._plain_document(SimpleNamespace(version="v1.36.0", advertised="172.18.0.3:6443"), path)


@pytest.mark.parametrize(("index", "path"), [(3, "/api/v1"), (4, "/apis/apps/v1"), (6, "/apis/networking.k8s.io/v1")])
def test_what_is_listed_is_listed_as_recorded(index, path):
    """Each resource we serve has exactly the entry a real server has, in the same order; others are not announced."""
    ours = document(path)
    names = [entry["name"] for entry in ours["resources"]]
    theirs = recorded(index)
    assert {**ours, "resources": None} == {**theirs, "resources": None}
    assert ours["resources"] == [entry for entry in theirs["resources"] if entry["name"] in names]


def test_the_slices_group_is_listed_as_recorded():
    """The discovery group is served whole, so its document is the recorded one."""
    assert document("/apis/discovery.k8s.io/v1") == recorded(5)


def test_versions_are_listed_as_recorded():
    """/api is the recorded document."""
    assert document("/api") == recorded(1)


def test_groups_are_listed_as_recorded():
    """Each group we serve has exactly the entry a real server has, in its order; only the faults are ours alone."""
    ours, theirs = document("/apis"), recorded(2)
    names = [group["name"] for group in ours["groups"]]
    assert ours["groups"][:-1] == [group for group in theirs["groups"] if group["name"] in names]
    assert names[-1] == "faults.harness.dev"
    assert set(names) == {resource.group for resource in RESOURCES if resource.group}


def test_the_version_has_the_recorded_fields():
    """Clients decide by these numbers; what a Go build says of itself is left empty."""
    ours, theirs = document("/version"), recorded(0)
    build = {"gitCommit", "goVersion", "compiler", "platform"}
    assert ours.keys() == theirs.keys()
    assert {key: ours[key] for key in ours if key not in build} == {
        key: theirs[key] for key in theirs if key not in build
    }


def test_both_forms_of_discovery_agree():
    """The aggregated document has the same resources, verbs and subresources as the plain ones."""
    plain = {
        (resource.group, entry["name"]): sorted(entry["verbs"])
        for resource in RESOURCES
        for entry in document(
            f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        )["resources"]
    }
    aggregated = {}
    for group in discovery._aggregated(("", *discovery.GROUPS), "v2")["items"]:
        name = group["metadata"].get("name", "")
        for resource in group["versions"][0]["resources"]:
            aggregated[name, resource["resource"]] = sorted(resource["verbs"])
            for sub in resource.get("subresources", []):
                aggregated[name, f"{resource['resource']}/{sub['subresource']}"] = sorted(sub["verbs"])
    assert aggregated == plain


@pytest.mark.parametrize("path", ["/apis/nope", "/apis/apps/v2", "/api/v2", "/nothing", "/apis/apps/v1/x/y"])
def test_what_is_not_served_has_no_document(path):
    """Unknown groups and versions are not found."""
    assert document(path) is None


def schemas(path: str) -> dict:
    return json.loads(openapi._encoded(path))["components"]["schemas"]


@pytest.mark.parametrize("path", openapi._documents())
def test_every_reference_leads_somewhere(path):
    """No schema refers to one that is not in the same document."""
    text = openapi._encoded(path).decode()
    known = schemas(path)
    for piece in text.split('"$ref":"')[1:]:
        assert piece.partition('"')[0].removeprefix("#/components/schemas/") in known


def test_patches_announce_what_clients_look_for():
    """Strategic merge patch, dry run and field validation are announced on every kind that can be patched."""
    for path, (group, version) in openapi._documents().items():
        paths = json.loads(openapi._encoded(path))["paths"]
        for resource in RESOURCES:
            if (resource.group, resource.version) != (group, version) or "patch" not in resource.verbs:
                continue
            (patch,) = [
                operations["patch"]
                for operations in paths.values()
                if operations.get("patch", {}).get("x-kubernetes-group-version-kind", {}).get("kind") == resource.kind
            ]
            assert {"dryRun", "fieldValidation"} <= {one["name"] for one in patch["parameters"]}
            assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_lists_say_how_they_are_merged():
    """Merge keys and list kinds are those of the API."""
    spec = schemas("api/v1")["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert spec["x-kubernetes-patch-merge-key"] == "name"
    assert spec["x-kubernetes-patch-strategy"] == "merge"
    assert spec["x-kubernetes-list-type"] == "map" and spec["x-kubernetes-list-map-keys"] == ["name"]


def test_every_kind_is_described():
    """`kubectl explain` has a sentence for each kind."""
    for path in openapi._documents():
        for name, schema in schemas(path).items():
            if "x-kubernetes-group-version-kind" in schema:
                assert schema["description"], name
