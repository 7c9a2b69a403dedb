"""What stays open: watches, exec and logs, as a client meets them."""

import asyncio
import json

import aiohttp
import pytest

from tests.unit.embedded.apiserver.served_here import AUTHORITY, Client, Process, X, recorded, served


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
    await asyncio.wait_for(process.ended.wait(), 30)
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
