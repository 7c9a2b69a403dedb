"""The application as a client meets it, over a socket in the file system: no network, no TLS, no clock."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from harness.effects.clock import FakeClock
from harness.embedded.apiserver import Authority, make_app
from harness.embedded.apiserver.app import make_runner
from harness.embedded.store.errors import bad_request, internal
from harness.embedded.store.objects import Store

AUTHORITY = Authority.create(now=1_800_000_000.0)
RECORDED = Path(__file__).parents[3] / "recordings" / "api.json"
X = "/api/v1/namespaces/x"


class Process:
    """A process that echoes its input, says something on stderr, and ends when its input ends."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.output: asyncio.Queue[bytes] = asyncio.Queue()
        self.errors: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.killed = False
        self.deaf = False
        self.size: tuple[int, int] | None = None
        self.errors.put_nowait(b"ready")
        self.errors.put_nowait(b"")

    async def read_stdout(self) -> bytes:
        return await self.output.get()

    async def read_stderr(self) -> bytes:
        return await self.errors.get()

    async def write_stdin(self, data: bytes) -> None:
        await self.output.put(data)

    async def close_stdin(self) -> None:
        if not self.deaf:
            self.end()

    async def wait(self) -> int:
        await self.ended.wait()
        return self.code

    async def kill(self) -> None:
        self.killed = True
        self.code = 137
        self.end()

    async def resize(self, width: int, height: int) -> None:
        self.size = (width, height)

    def end(self) -> None:
        self.output.put_nowait(b"")
        self.ended.set()


class Kubelets:
    """A Runtime that runs the process it was given."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.asked: tuple = ()
        self.log: list[bytes] = [b"one\n", b"two\n"]

    async def exec(self, namespace, pod, container, argv, *, stdin, tty):
        self.asked = (namespace, pod, container, tuple(argv), stdin, tty)
        if self.process is None:
            raise internal("error executing command in container: no such file")
        return self.process

    async def logs(self, namespace, pod, container, **options):
        self.asked = (namespace, pod, container, options)
        if options["previous"]:
            raise bad_request("previous terminated container not found")
        for line in self.log:
            yield line


class Client:
    """A session with one server."""

    def __init__(self, session: aiohttp.ClientSession, store: Store, kubelets: Kubelets) -> None:
        self.session, self.store, self.kubelets = session, store, kubelets

    async def ask(self, method: str, path: str, body=None, *, token: str | None = "", **headers: str):
        """One request; returns the status and the body, decoded when it is JSON."""
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token or AUTHORITY.admin_token}"
        data = body if isinstance(body, bytes | io.BytesIO | None) else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, f"http://x{path}", data=data, headers=headers) as response:
            raw = await response.read()
            self.headers = response.headers
            return response.status, json.loads(raw) if raw[:1] in (b"{", b"[") else raw.decode()

    @contextlib.asynccontextmanager
    async def exec(
        self, query: str, protocol: str = "v5.channel.k8s.io"
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = {"Authorization": f"Bearer {AUTHORITY.admin_token}"}
        path = f"http://x{X}/pods/p/exec?{query}"
        async with self.session.ws_connect(path, protocols=[protocol], headers=headers) as stream:
            yield stream


def served(test):
    """Run a test coroutine with a client of a server that has one running pod."""

    def run(tmp_path: Path) -> None:
        async def inside() -> None:
            store = Store(clock=FakeClock(start=1_800_000_000.0), seed=1)
            kubelets = Kubelets()
            app = make_app(store, kubelets, auth=AUTHORITY, clock=store.clock)
            runner = make_runner(app)
            await runner.setup()
            await web.UnixSite(runner, str(tmp_path / "api")).start()
            store.create("namespaces", {"metadata": {"name": "x"}})
            pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]}}
            made = store.create("pods", pod, namespace="x")
            state = {
                "name": "c",
                "state": {"running": {}},
                "ready": True,
                "restartCount": 0,
                "image": "i",
                "imageID": "",
            }
            status = {"phase": "Running", "containerStatuses": [state]}
            store.update("pods", "p", {**made, "status": status}, namespace="x", subresource="status")
            try:
                async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "api"))) as session:
                    await asyncio.wait_for(test(Client(session, store, kubelets)), 10)
            finally:
                await runner.cleanup()

        asyncio.run(inside())

    run.__doc__, run.__name__ = test.__doc__, test.__name__
    return run


def recorded(index: int) -> dict:
    return json.loads(RECORDED.read_text())["calls"][index]["response"]["body"]


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


async def lines(client: Client, path: str, count: int, **headers: str) -> list[dict]:
    """The first events of a watch; its client then goes away."""
    headers["Authorization"] = f"Bearer {AUTHORITY.admin_token}"
    async with client.session.get(f"http://x{path}", headers=headers) as response:
        assert response.status == 200
        return [json.loads(await response.content.readline()) for _ in range(count)]


@served
async def test_a_watch_shows_what_happens(client):
    """Changes come as lines, in order, each with its object."""
    version = client.store.resource_version
    watching = asyncio.create_task(lines(client, f"{X}/configmaps?watch=1&resourceVersion={version}", 2))
    made = client.store.create("configmaps", {"metadata": {"name": "w"}, "data": {"a": "1"}}, namespace="x")
    client.store.update("configmaps", "w", {**made, "data": {"a": "2"}}, namespace="x")
    first, second = await watching
    assert (first["type"], first["object"]["data"]) == ("ADDED", {"a": "1"})
    assert (second["type"], second["object"]["data"]) == ("MODIFIED", {"a": "2"})


@served
async def test_a_watch_without_a_version_begins_with_the_present(client):
    """Without a resourceVersion, what is there comes first, as added."""
    (first,) = await lines(client, f"{X}/pods?watch=true", 1)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "p")


@served
async def test_a_watch_of_one_object_sees_only_it(client):
    """A watch with a field selector for a name shows that object only."""
    client.store.create("configmaps", {"metadata": {"name": "a"}}, namespace="x")
    client.store.create("configmaps", {"metadata": {"name": "b"}}, namespace="x")
    (first,) = await lines(client, f"{X}/configmaps?watch=1&fieldSelector=metadata.name%3Db", 1)
    assert first["object"]["metadata"]["name"] == "b"


@served
async def test_a_watch_as_table_sends_headings_once(client):
    """kubectl get -w: only the first event has the columns."""
    client.store.create("configmaps", {"metadata": {"name": "a"}}, namespace="x")
    client.store.create("configmaps", {"metadata": {"name": "b"}}, namespace="x")
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    first, second = await lines(client, f"{X}/configmaps?watch=1", 2, Accept=table)
    assert first["object"]["columnDefinitions"] and second["object"]["columnDefinitions"] is None
    assert [one["object"]["rows"][0]["cells"][0] for one in (first, second)] == ["a", "b"]


@served
async def test_initial_events_end_with_a_bookmark(client):
    """A streamed list says when it is complete."""
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    first, second = await lines(client, f"{X}/pods?{query}", 2)
    assert (first["type"], second["type"]) == ("ADDED", "BOOKMARK")
    assert second["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


@served
async def test_a_watch_ends_when_its_time_is_over(client):
    """timeoutSeconds ends the stream in order, after a last bookmark."""
    path = f"{X}/configmaps?watch=1&resourceVersion=1&timeoutSeconds=1&allowWatchBookmarks=true"
    code, body = await client.ask("GET", path)
    assert code == 200 and body["type"] == "BOOKMARK"


async def channels(stream: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    """Everything the server sends until it closes, by channel."""
    seen: dict[int, bytes] = {}
    async for message in stream:
        seen[message.data[0]] = seen.get(message.data[0], b"") + message.data[1:]
    return seen


@served
async def test_exec_carries_all_streams(client):
    """Input comes back as output, stderr has its own channel, closing the input ends it, the outcome comes last."""
    client.kubelets.process = Process()
    async with client.exec("command=cat&command=-u&stdin=true&stdout=true&stderr=true") as stream:
        await stream.send_bytes(b"\x00hello ")
        await stream.send_str("\x00world")
        await stream.send_bytes(b"\xff\x00")
        seen = await channels(stream)
    assert (seen[1], seen[2]) == (b"hello world", b"ready")
    assert json.loads(seen[3]) == {"metadata": {}, "status": "Success"}
    assert client.kubelets.asked == ("x", "p", "c", ("cat", "-u"), True, False)


@served
async def test_a_long_command_arrives(client):
    """A script of 100 kB in the URL of an exec reaches the process whole."""
    script = "x" * 100_000
    client.kubelets.process = Process()
    client.kubelets.process.end()
    async with client.exec(f"command=sh&command=-c&command={script}&stdout=true") as stream:
        await channels(stream)
    assert client.kubelets.asked[3] == ("sh", "-c", script)


@served
async def test_exec_reports_the_exit_code(client):
    """A command that fails is told by its exit code."""
    client.kubelets.process = Process(code=7)
    client.kubelets.process.end()
    async with client.exec("command=x&stdout=true", "v4.channel.k8s.io") as stream:
        outcome = json.loads((await channels(stream))[3])
    assert outcome["reason"] == "NonZeroExitCode"
    assert outcome["details"] == {"causes": [{"reason": "ExitCode", "message": "7"}]}


@served
async def test_exec_reports_what_could_not_be_started(client):
    """What only the kubelet knows comes on the outcome channel."""
    async with client.exec("command=nope&stdout=true") as stream:
        outcome = json.loads((await channels(stream))[3])
    assert outcome["reason"] == "InternalError" and "no such file" in outcome["message"]


@served
async def test_exec_sends_only_what_was_asked_for(client):
    """Without stderr=true nothing comes on its channel, and input that was not asked for is not handed over."""
    client.kubelets.process = Process()
    async with client.exec("command=x&stdout=true") as stream:
        await stream.send_bytes(b"\x00ignored")
        await stream.send_bytes(b"\xff\x00")
        assert set(await channels(stream)) == {3}
    assert client.kubelets.asked[4] is False


@served
async def test_a_terminal_is_resized(client):
    """With tty=true the client's size reaches the process; nonsense does not break the stream."""
    client.kubelets.process = process = Process()
    async with client.exec("command=sh&stdin=true&stdout=true&tty=true") as stream:
        await stream.send_bytes(b"\x04nonsense")
        await stream.send_bytes(b'\x04{"Width":80,"Height":25}')
        await stream.send_bytes(b"\xff\x00")
        seen = await channels(stream)
    assert process.size == (80, 25) and 2 not in seen


@served
async def test_a_client_that_goes_ends_its_process(client):
    """When the stream breaks, input is closed; a process that does not end then is killed."""
    client.kubelets.process = process = Process()
    process.deaf = True
    async with client.exec("command=sleep&stdin=true&stdout=true") as stream:
        await stream.close()
    await asyncio.wait_for(process.ended.wait(), 5)
    assert process.killed


@served
async def test_exec_without_upgrade_is_refused_as_recorded(client):
    """A plain GET of exec is told to upgrade."""
    assert await client.ask("GET", f"{X}/pods/p/exec?command=ls&stdout=true") == (400, recorded(91))


@served
async def test_spdy_is_refused(client):
    """A client that falls back to SPDY learns that there is none, and the pod's own problem first."""
    spdy = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    code, body = await client.ask("POST", f"{X}/pods/p/exec?command=ls&stdout=true", **spdy)
    assert code == 400 and "WebSocket" in body["message"]
    assert (await client.ask("POST", f"{X}/pods/nope/exec?command=ls&stdout=true", **spdy))[0] == 404


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("command=ls", 400, "at least 1 of stdin, stdout, stderr"),
        ("stdout=true", 400, "at least 1 command"),
        ("command=ls&stdout=true&container=z", 400, "container z is not valid for pod p"),
    ],
)
def test_an_exec_that_makes_no_sense_is_refused(tmp_path, query, code, text):
    """Streams, command and container are checked before anything is upgraded."""

    async def ask(client: Client) -> None:
        got, body = await client.ask("GET", f"{X}/pods/p/exec?{query}")
        assert got == code and text in body["message"]

    served(ask)(tmp_path)


@served
async def test_logs_are_plain_text(client):
    """A log is its lines; options reach the kubelet as given."""
    assert await client.ask("GET", f"{X}/pods/p/log?tailLines=5&timestamps=true&sinceSeconds=9") == (200, "one\ntwo\n")
    assert client.headers["Content-Type"] == "text/plain"
    options = client.kubelets.asked[3]
    assert (options["tail_lines"], options["timestamps"], options["since_seconds"]) == (5, True, 9)
    assert (options["follow"], options["limit_bytes"]) == (False, None)


@served
async def test_an_empty_log_is_empty(client):
    """A container that has said nothing has a log of no bytes, as recorded."""
    client.kubelets.log = []
    assert await client.ask("GET", f"{X}/pods/p/log") == (200, "")


@served
async def test_log_errors_are_http_errors(client):
    """What the kubelet refuses before the first piece is a Status, also when following."""
    for query in ("previous=true", "previous=true&follow=true"):
        code, body = await client.ask("GET", f"{X}/pods/p/log?{query}")
        assert (code, body["message"]) == (400, "previous terminated container not found")
    assert (await client.ask("GET", f"{X}/pods/p/log?tailLines=-1"))[0] == 422
    assert (await client.ask("GET", f"{X}/pods/p/log?sinceTime=noon"))[0] == 400


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
