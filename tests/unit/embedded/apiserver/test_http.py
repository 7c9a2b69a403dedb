"""The application as a client meets it: refusals as recorded, forms, options, subresources."""

import io
import json

import pytest

from tests.unit.embedded.apiserver.served_here import AUTHORITY, RECORDED, Client, X, recorded, served


@served
async def test_anonymous_is_refused_as_recorded(client):
    """Nobody in particular may not list pods, and is told in the recorded words."""
    assert await client.ask("GET", "/api/v1/pods", token=None) == (403, recorded(110))


@served
async def test_a_wrong_token_is_refused_as_recorded(client):
    """A token that is nobody's is 401, not anonymous."""
    assert await client.ask("GET", "/api/v1/pods", token="nope") == (401, recorded(111))


@served
async def test_unknown_things_are_refused_as_recorded(client):
    """An unknown resource, group and method have their recorded answers."""
    assert await client.ask("GET", f"{X}/widgets") == (404, recorded(68))
    assert await client.ask("GET", "/apis/nope.example.com/v1/things") == (404, recorded(69))
    assert await client.ask("POST", f"{X}/services/s1", {}) == (405, recorded(70))


@served
async def test_broken_bodies_are_refused_as_recorded(client):
    """Broken JSON, another kind, and an unknown patch type have their recorded answers."""
    assert await client.ask("POST", f"{X}/services", b'{"a":') == (400, recorded(71))
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}
    assert await client.ask("POST", f"{X}/services", body) == (400, recorded(72))
    assert await client.ask("PATCH", f"{X}/services/s1", b"{}", Content_Type="text/plain") == (415, recorded(55))


@served
async def test_selectors_are_checked_as_recorded(client):
    """A selector that cannot be read, or names an unknown field, is a bad request."""
    assert await client.ask("GET", f"{X}/services?labelSelector=a%3D%3D%3Db") == (400, recorded(64))
    assert await client.ask("GET", f"{X}/services?fieldSelector=spec.foo%3Ds2") == (400, recorded(65))
    assert await client.ask("GET", f"{X}/services/nope") == (404, recorded(67))


@served
async def test_the_api_version_must_be_the_places(client):
    """The right kind of the wrong group is refused, an unknown kind too."""
    code, body = await client.ask("POST", f"{X}/services", {"apiVersion": "apps/v1", "kind": "Service"})
    assert (code, body["message"]) == (
        400, "the API version in the data (apps/v1) does not match the expected API version (v1)",
    )  # fmt: skip
    code, body = await client.ask("POST", f"{X}/services", {"apiVersion": "v1", "kind": "Widget"})
    assert code == 400 and 'no kind "Widget" is registered' in body["message"]


@served
async def test_scopes_are_kept(client):
    """Namespaced things have no place outside a namespace, cluster things none inside it."""
    assert (await client.ask("GET", "/api/v1/pods/p"))[0] == 404
    assert (await client.ask("GET", f"{X}/nodes"))[0] == 404
    assert (await client.ask("POST", "/api/v1/pods", {}))[0] == 405
    assert (await client.ask("GET", "/api/v1/pods"))[0] == 200


@served
async def test_a_service_account_reads_and_does_not_write(client):
    """Cluster DNS reads Services everywhere, an ordinary pod nothing, neither writes."""
    dns = AUTHORITY.token_for("kube-system", "coredns")
    assert (await client.ask("GET", "/api/v1/services", token=dns))[0] == 200
    assert (await client.ask("POST", f"{X}/services", {}, token=dns))[0] == 403
    assert (await client.ask("GET", f"{X}/pods", token=AUTHORITY.token_for("x", "default")))[0] == 403


@served
async def test_acting_for_another_needs_the_right(client):
    """The administrator can ask as somebody else and then has that one's rights; others cannot."""
    asked = {"Impersonate_User": "system:serviceaccount:x:default"}
    code, body = await client.ask("GET", f"{X}/pods", **asked)
    assert code == 403 and 'User "system:serviceaccount:x:default" cannot list' in body["message"]
    code, body = await client.ask("GET", f"{X}/pods", token=AUTHORITY.token_for("x", "y"), **asked)
    assert code == 403 and body["details"]["kind"] == "users"


@served
async def test_an_access_review_answers_what_would_be_done(client):
    """The review and the decision come from one table."""
    attributes = {"namespace": "x", "verb": "create", "resource": "pods", "subresource": "exec"}
    body = {"spec": {"resourceAttributes": attributes}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    code, answer = await client.ask("POST", path, body)
    assert (code, answer["status"]["allowed"], answer["spec"]) == (201, True, body["spec"])
    code, answer = await client.ask("POST", path, body, token=AUTHORITY.token_for("x", "y"))
    assert (code, answer["status"]) == (201, {"allowed": False})
    assert (await client.ask("POST", path, {"spec": {}}))[0] == 422
    assert (await client.ask("GET", path))[0] == 405


@served
async def test_a_list_may_be_a_table_or_metadata(client):
    """The Accept header decides the form; items of a plain list do not repeat their kind."""
    code, plain = await client.ask("GET", f"{X}/pods")
    assert code == 200 and plain["kind"] == "PodList" and "kind" not in plain["items"][0]
    table = (await client.ask("GET", f"{X}/pods", Accept="application/json;as=Table;v=v1;g=meta.k8s.io"))[1]
    assert (table["kind"], table["rows"][0]["cells"][:3]) == ("Table", ["p", "1/1", "Running"])
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    form = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    partial = (await client.ask("GET", f"{X}/pods", Accept=form))[1]
    assert partial["kind"] == "PartialObjectMetadataList" and "spec" not in partial["items"][0]


@served
async def test_a_form_we_cannot_send_changes_nothing(client):
    """A client that reads only protobuf is refused before its object is made."""
    body = {"metadata": {"name": "c"}}
    code, _ = await client.ask("POST", f"{X}/configmaps", body, Accept="application/vnd.kubernetes.protobuf")
    assert code == 406
    assert (await client.ask("GET", f"{X}/configmaps/c"))[0] == 404


@served
async def test_yaml_comes_and_goes(client):
    """YAML bodies are read, and YAML is sent to those who ask for it."""
    text = b"metadata: {name: c}\ndata: {a: 'yes'}\n"
    assert (await client.ask("POST", f"{X}/configmaps", text, Content_Type="application/yaml"))[0] == 201
    code, body = await client.ask("GET", f"{X}/configmaps/c", Accept="application/yaml")
    assert code == 200 and "a: 'yes'" in body


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ("resourceVersionMatch=Exact", 422, "Invalid"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, "Invalid"),
        ("resourceVersionMatch=Nonsense&resourceVersion=1", 422, "Invalid"),
        ("resourceVersion=x", 422, "Invalid"),
        ("sendInitialEvents=true", 422, "Invalid"),
        ("resourceVersionMatch=Exact&resourceVersion=1", 410, "Expired"),
        ("resourceVersion=999999", 504, "Timeout"),
        ("limit=x", 400, "BadRequest"),
        ("watch=true&sendInitialEvents=true", 422, "Invalid"),
        ("watch=true&resourceVersionMatch=NotOlderThan", 422, "Invalid"),
    ],
)
def test_versions_that_cannot_be_served_are_refused(tmp_path, query, code, reason):
    """Only the present state is kept, and contradictory options are named."""

    async def ask(client: Client) -> None:
        got, body = await client.ask("GET", f"{X}/pods?{query}")
        assert (got, body["reason"]) == (code, reason)

    served(ask)(tmp_path)


@pytest.mark.parametrize("query", ["resourceVersion=0", "resourceVersion=1&resourceVersionMatch=NotOlderThan"])
def test_versions_that_can_be_served_are(tmp_path, query):
    """ "At least this old" is always true of the present."""

    async def ask(client: Client) -> None:
        assert (await client.ask("GET", f"{X}/pods?{query}"))[0] == 200

    served(ask)(tmp_path)


@pytest.mark.parametrize("query", ["dryRun=Some", "fieldValidation=Loud"])
def test_options_nobody_knows_are_refused(tmp_path, query):
    """An option with an unknown value is an error, not nothing."""

    async def ask(client: Client) -> None:
        code, body = await client.ask("POST", f"{X}/configmaps?{query}", {"metadata": {"name": "c"}})
        assert (code, body["reason"]) == (422, "Invalid")

    served(ask)(tmp_path)


@served
async def test_a_failure_inside_is_a_status(client):
    """An error nobody foresaw is a 500 with its name, and the server goes on."""
    client.kubelets.logs = None
    code, body = await client.ask("GET", f"{X}/pods/p/log")
    assert (code, body["reason"]) == (500, "InternalError")
    assert (await client.ask("GET", "/readyz")) == (200, "ok")


@served
async def test_a_body_that_is_too_large_is_refused(client):
    """More than 3 MiB is not read."""
    code, body = await client.ask("POST", f"{X}/configmaps", io.BytesIO(b" " * (4 << 20)))
    assert (code, body["reason"]) == (413, "RequestEntityTooLarge")


@served
async def test_a_token_can_be_requested(client):
    """A requested token is the account's, and works."""
    client.store.create("serviceaccounts", {"metadata": {"name": "s"}}, namespace="x")
    code, body = await client.ask("POST", f"{X}/serviceaccounts/s/token", {"spec": {"expirationSeconds": 600}})
    assert code == 201 and body["status"]["token"] == AUTHORITY.token_for("x", "s")
    assert body["status"]["expirationTimestamp"] == "2027-01-15T08:10:00Z"
    assert (await client.ask("POST", f"{X}/serviceaccounts/nope/token", {}))[0] == 404


@served
async def test_a_workload_is_scaled_through_its_view(client):
    """The scale view reads and changes the replicas; a stale version and a negative number are refused."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    client.store.create("deployments.apps", {"metadata": {"name": "d"}, "spec": spec}, namespace="x")
    path = "/apis/apps/v1/namespaces/x/deployments/d/scale"
    code, scale = await client.ask("GET", path)
    assert (code, scale["kind"], scale["spec"], scale["status"]["selector"]) == (200, "Scale", {"replicas": 2}, "a=b")
    code, changed = await client.ask("PUT", path, {**scale, "spec": {"replicas": 5}})
    assert (code, changed["spec"]) == (200, {"replicas": 5})
    assert client.store.get("deployments.apps", "d", namespace="x")["spec"]["replicas"] == 5
    assert (await client.ask("PUT", path, {**scale, "spec": {"replicas": 6}}))[0] == 409
    merge = {"Content_Type": "application/merge-patch+json"}
    assert (await client.ask("PATCH", path, {"spec": {"replicas": -1}}, **merge))[0] == 422
    assert (await client.ask("PATCH", path, {"spec": {"replicas": "x"}}, **merge))[0] == 400
    assert (await client.ask("PATCH", path, {"spec": {"replicas": 0}}, **merge))[1]["spec"] == {"replicas": 0}


@served
async def test_a_pod_is_bound_once(client):
    """A binding gives a waiting pod to a node; a second one is a conflict."""
    pod = {"metadata": {"name": "q"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    client.store.create("pods", pod, namespace="x")
    binding = {"target": {"kind": "Node", "name": "n1"}}
    assert (await client.ask("POST", f"{X}/pods/q/binding", binding))[0] == 201
    assert client.store.get("pods", "q", namespace="x")["spec"]["nodeName"] == "n1"
    assert (await client.ask("POST", f"{X}/pods/q/binding", binding))[0] == 409
    assert (await client.ask("POST", f"{X}/pods/q/binding", {}))[0] == 400


@served
async def test_an_evicted_pod_is_deleted(client):
    """An eviction is a deletion."""
    pod = {"metadata": {"name": "q"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    client.store.create("pods", pod, namespace="x")
    assert (await client.ask("POST", f"{X}/pods/q/eviction", {"metadata": {"name": "q"}}))[0] == 201
    assert (await client.ask("GET", f"{X}/pods/q"))[0] == 404


@served
async def test_a_patch_that_creates_says_so(client):
    """Applying what is not there answers 201, applying again 200; force is for applying only, which needs a manager."""
    apply = {"Content_Type": "application/apply-patch+yaml"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    path = f"{X}/configmaps/c"
    assert (await client.ask("PATCH", path, body, **apply))[0] == 422
    assert (await client.ask("PATCH", f"{path}?fieldManager=m", body, **apply))[0] == 201
    assert (await client.ask("PATCH", f"{path}?fieldManager=m", body, **apply))[0] == 200
    merge = {"Content_Type": "application/merge-patch+json"}
    assert (await client.ask("PATCH", f"{path}?force=true", {}, **merge))[0] == 422
    assert (await client.ask("PATCH", f"{X}/configmaps/nope", {}, **merge))[0] == 404
    assert (await client.ask("PATCH", path, b"{", **merge))[0] == 400


@served
async def test_unknown_fields_are_warned_of_as_recorded(client):
    """By default an unknown field is dropped with a Warning header; strictly, it is refused."""
    body = json.loads(RECORDED.read_text())["calls"][73]["request"]["body"]
    assert (await client.ask("POST", f"{X}/services", body))[0] == 201
    assert client.headers["Warning"] == '299 - "unknown field \\"spec.fooBar\\""'
    assert (await client.ask("POST", f"{X}/services?fieldValidation=Strict", body)) == (400, recorded(74))


@served
async def test_a_collection_is_deleted_by_selector(client):
    """Only what the selectors choose is deleted, and the answer lists it."""
    for name in ("a", "b"):
        client.store.create("configmaps", {"metadata": {"name": name, "labels": {"l": name}}}, namespace="x")
    code, gone = await client.ask("DELETE", f"{X}/configmaps?labelSelector=l%3Da")
    assert code == 200 and [item["metadata"]["name"] for item in gone["items"]] == ["a"]
    assert (await client.ask("GET", f"{X}/configmaps/b"))[0] == 200
    assert (await client.ask("DELETE", "/api/v1/namespaces"))[0] == 405
    assert (await client.ask("DELETE", f"{X}/configmaps/b?dryRun=All"))[0] == 200
    assert (await client.ask("DELETE", f"{X}/configmaps/b", {"preconditions": {"uid": "0"}}))[0] == 409
    assert (await client.ask("DELETE", f"{X}/configmaps/b"))[0] == 200
