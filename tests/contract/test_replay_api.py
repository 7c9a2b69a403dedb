"""The embedded API server against what a real one answered: 121 exchanges, in order, over HTTP.

The other parts of the cluster act between the calls as they did then: controllers run until nothing is left to do, the
pod is given to its recorded node, and a kubelet reports its recorded status.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from harness.effects.clock import FakeClock
from harness.embedded.api import LocalApi
from harness.embedded.apiserver import Authority, make_app
from harness.embedded.apiserver.app import make_runner
from harness.embedded.controllers.changes import carry_out
from harness.embedded.controllers.snapshot import Snapshot
from harness.embedded.controllers.standard import standard_controllers
from harness.embedded.store import log
from harness.embedded.store.clone import clone
from harness.embedded.store.errors import ApiError
from harness.embedded.store.objects import Store

from .recorded_api import differences, same_shape, served_part, settled, translated

ROOT = Path(__file__).parent
CALLS = json.loads((ROOT.parent / "recordings" / "api.json").read_text())["calls"]
KNOWN: dict[int, str] = yaml.safe_load((ROOT / "known_api_differences.yaml").read_text()) or {}
MOST_KNOWN = 2
"""The list of known differences may only get shorter: lower this with it."""
NOON = 1_795_346_716.0
REPORTS = {86: 86, 114: 114}
"""Before these calls the kubelet reports the status that the recorded answer of the given call shows."""
WATCHED = "/api/v1/namespaces/rec-api/configmaps"


class NoPods:
    """A Runtime of a cluster whose only pod says nothing."""

    async def exec(self, *_args: Any, **_options: Any) -> Any:
        raise AssertionError("the recording has no exec that gets so far")

    async def logs(self, *_args: Any, **_options: Any) -> AsyncIterator[bytes]:
        for line in ():
            yield line


class Replay:
    """One embedded API server and the recorded client in front of it."""

    def __init__(self, store: Store, auth: Authority, session: aiohttp.ClientSession) -> None:
        self.store, self.auth, self.session = store, auth, session
        self.learned: dict[str, str] = {}
        self.controllers = [
            each for each in standard_controllers(ca="PEM", pools=()) if each.name not in ("scheduler", "namespace")
        ]

    async def run(self) -> list[list[str]]:
        """Every call; the differences of each."""
        return [await self.step(index, call) for index, call in enumerate(CALLS)]

    async def step(self, index: int, call: dict[str, Any]) -> list[str]:
        """What the cluster does before the call, the call, and how its answer differs."""
        self.store.clock.sleep(1)
        if index in REPORTS:
            self.report(CALLS[REPORTS[index]]["response"]["body"])
        if "events" in call:
            return differences(settled(call["events"]), settled(await self.watch()))
        status, headers, body = await self.ask(call["request"])
        recorded = call["response"]
        if "body_head" in recorded:
            return differences([200, "ADDED", "ConfigMap"], [status, body["type"], body["object"]["kind"]])
        found = self.compare(recorded, status, headers, body)
        await self.settle()
        return found

    def compare(self, recorded: dict[str, Any], status: int, headers: Any, body: Any) -> list[str]:
        same_shape(recorded["body"], body, self.learned)
        theirs, ours = served_part(translated(recorded["body"], self.learned), body)
        found = differences(recorded["status"], status, "status") + differences(settled(theirs), settled(ours), "body")
        found += differences(recorded.get("warning"), headers.getall("Warning", None), "warning")
        if "content_type" in recorded:
            found += differences(recorded["content_type"], headers.get("Content-Type"), "content type")
        return found

    async def ask(self, request: dict[str, Any]) -> tuple[int, Any, Any]:
        """One recorded request, with our uids and addresses in it."""
        headers = dict(request.get("headers", {}))
        headers["User-Agent"] = "python-requests/2.32"
        if not request.get("anonymous"):
            headers.setdefault("Authorization", f"Bearer {self.auth.admin_token}")
        data = None
        if "body" in request:
            headers["Content-Type"] = request["content_type"]
            body = translated(request["body"], self.learned)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
        path = request["path"].replace("timeoutSeconds=3", "timeoutSeconds=1")
        url = f"http://x{path}"
        async with self.session.request(request["method"], url, data=data, headers=headers) as response:
            if "watch=1" in path:
                return response.status, response.headers, json.loads(await response.content.readline())
            text = await response.text()
            return response.status, response.headers, json.loads(text) if text.startswith("{") else text

    async def watch(self) -> list[Any]:
        """The recorded watch: a ConfigMap is made, patched and deleted meanwhile."""
        path = (
            f"{WATCHED}?watch=1&resourceVersion={self.store.resource_version}&timeoutSeconds=1&allowWatchBookmarks=true"
        )
        headers = {"Authorization": f"Bearer {self.auth.admin_token}"}
        async with self.session.get(f"http://x{path}", headers=headers) as response:
            new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w1"}, "data": {"a": "1"}}
            steps: list[tuple[str, str, str, Any]] = [
                ("POST", WATCHED, "application/json", new),
                ("PATCH", f"{WATCHED}/w1", "application/merge-patch+json", {"data": {"a": "2"}}),
                ("DELETE", f"{WATCHED}/w1", "application/json", {}),
            ]
            for method, url, content_type, body in steps:
                await self.ask({"method": method, "path": url, "content_type": content_type, "body": body})
            return [json.loads(line) for line in (await response.text()).splitlines()]

    async def settle(self) -> None:
        """Let the controllers act until nothing is left to do; give the pod to its node."""
        api = LocalApi(self.store, "kube-controller-manager")
        for pod in self.store.list("pods").items:
            if not pod["spec"].get("nodeName"):
                place = pod["metadata"]
                bound = {"spec": {"nodeName": "lab-worker2"}}
                await LocalApi(self.store, "kube-scheduler").patch(
                    "pods", place["name"], bound, namespace=place["namespace"], subresource="binding"
                )
        for _ in range(10):
            before = self.store.resource_version
            for controller in self.controllers:
                await self._reconcile(controller, api)
            if self.store.resource_version == before:
                return

    async def _reconcile(self, controller: Any, api: LocalApi) -> None:
        objects = {resource: self.store.list(resource).items for resource in controller.reads}
        for change in controller.reconcile(Snapshot(objects, now=self.store.clock.wall())):
            try:
                await carry_out(api, change)
            except ApiError as refusal:
                assert refusal.code in (404, 409), refusal.status

    def report(self, recorded: dict[str, Any]) -> None:
        """The recorded pod status, as a kubelet reports it."""
        place = recorded["metadata"]
        pod = clone(self.store.get("pods", place["name"], namespace=place["namespace"]))
        scheduled = [entry for entry in pod["status"]["conditions"] if entry["type"] == "PodScheduled"]
        pod["status"] = clone(recorded["status"])
        for condition in pod["status"]["conditions"]:
            if condition["type"] == "PodScheduled":
                condition["lastTransitionTime"] = scheduled[0]["lastTransitionTime"]
        self.store.update("pods", place["name"], pod, subresource="status", manager="kubelet")


def seed(store: Store) -> None:
    """What the recorded cluster had before: namespaces and three nodes, the first with its recorded history."""
    for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
        store.create("namespaces", {"metadata": {"name": name}}, manager="kube-apiserver")
    body = next(call for call in CALLS if call["note"] == "nodes")["response"]["body"]
    recorded = body["items"][0]
    young = clone(recorded)
    young["metadata"] = {
        "name": recorded["metadata"]["name"],
        "labels": {k: v for k, v in recorded["metadata"]["labels"].items() if not k.startswith("node")},
        "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
    }
    young["spec"] = {"providerID": recorded["spec"]["providerID"]}
    young["status"].pop("images")
    for condition in young["status"]["conditions"]:
        condition["lastHeartbeatTime"] = "2026-11-22T11:00:58Z"
        if condition["type"] == "Ready":
            changed = {"status": "False", "reason": "KubeletNotReady", "message": "not yet"}
            condition.update(changed, lastTransitionTime="2026-11-22T11:00:58Z")
    store.create("nodes", young, manager="kubelet")
    name = recorded["metadata"]["name"]
    store.clock.sleep(1)
    roles = {"metadata": {"labels": {k: v for k, v in recorded["metadata"]["labels"].items() if k.startswith("node")}}}
    store.patch("nodes", name, roles, manager="kubeadm")
    store.clock.sleep(1)
    wishes = {"metadata": {"annotations": {"node.alpha.kubernetes.io/ttl": "0"}}, "spec": recorded["spec"]}
    store.patch("nodes", name, wishes, manager="kube-controller-manager")
    store.clock.sleep(1)
    status = {"status": recorded["status"]}
    store.patch("nodes", name, status, subresource="status", manager="kubelet")
    for other in ("lab-worker", "lab-worker2"):
        store.create("nodes", {"metadata": {"name": other}}, manager="kubelet")


async def replayed(socket: Path) -> list[list[str]]:
    """The differences of every call."""
    store = Store(clock=FakeClock(start=NOON), seed=7)
    auth = Authority.create(now=NOON)
    seed(store)
    runner = make_runner(make_app(store, NoPods(), auth=auth, clock=store.clock))
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session:
            return await Replay(store, auth, session).run()
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """One replay for all tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(log, "BOOKMARK_BEFORE_END", 0.4)
        return asyncio.run(replayed(tmp_path_factory.mktemp("api") / "socket"))


@pytest.mark.parametrize("index", range(len(CALLS)), ids=lambda index: f"{index}-{CALLS[index]['note']}")
def test_a_recorded_call_is_answered_as_recorded(outcome: list[list[str]], index: int) -> None:
    """Status, body, warnings and content type are those of the real server, unless listed with a reason."""
    found = outcome[index]
    if index in KNOWN:
        assert found, f"call {index} is listed as different and is not any more: take it off the list"
    else:
        assert not found, "\n".join([CALLS[index]["note"], *found])


def test_the_list_of_known_differences_only_shrinks() -> None:
    """Nothing is added to the list of known differences."""
    assert len(KNOWN) <= MOST_KNOWN
    assert all(isinstance(index, int) and reason for index, reason in KNOWN.items())
