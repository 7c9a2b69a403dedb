"""The client against a real API server on loopback, and against servers that misbehave."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.kube import errors
from harness.kube.client import Kube, PatchKind, Propagation
from harness.kube.transport import stamped
from tests.system.apiserver_on_loopback import Running

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module", params=["token", "certificate"])
def kube(server: Running, request: pytest.FixtureRequest) -> Iterator[Kube]:
    file = server.kubeconfig if request.param == "token" else server.kubeconfig_by_certificate
    kube = Kube.connect(file, run="r1")
    yield kube
    kube.close()


@pytest.fixture
def namespace(kube: Kube) -> str:
    name = f"ns-{next(NUMBERS)}"
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def config_map(namespace: str, name: str = "c", **data: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": {"mark": "ours"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def test_apply_creates_then_changes(kube: Kube, namespace: str) -> None:
    """Server-side apply makes an object, changes it, and drops what is not said any more."""
    kube.apply(config_map(namespace, a="1", b="2"))
    changed = kube.apply(config_map(namespace, a="3"))
    assert changed["data"] == {"a": "3"}
    assert changed["metadata"]["managedFields"][0]["manager"] == "harness"


def test_verbs_round_trip(kube: Kube, namespace: str) -> None:
    """Create, get, replace, patch, delete: each does its own thing to one object."""
    made = kube.create(config_map(namespace, a="1"))
    assert kube.get("configmaps", "c", namespace=namespace) == made
    made["data"]["a"] = "2"
    assert kube.replace(made)["data"] == {"a": "2"}
    merged = kube.patch("configmaps", "c", {"data": {"b": "3"}}, namespace=namespace)
    assert merged["data"] == {"a": "2", "b": "3"}
    operations = [{"op": "remove", "path": "/data/a"}]
    assert kube.patch("configmaps", "c", operations, namespace=namespace, kind=PatchKind.JSON)["data"] == {"b": "3"}
    assert kube.delete("configmaps", "c", namespace=namespace, propagation=Propagation.BACKGROUND) is True
    assert kube.delete("configmaps", "c", namespace=namespace) is False
    assert kube.find("configmaps", "c", namespace=namespace) is None


def test_conflicts_are_told_apart(kube: Kube, namespace: str) -> None:
    """An object that is there already, one that has changed, and one that is another are different errors."""
    made = kube.create(config_map(namespace))
    with pytest.raises(errors.AlreadyExists):
        kube.create(config_map(namespace))
    kube.patch("configmaps", "c", {"data": {"x": "y"}}, namespace=namespace)
    with pytest.raises(errors.Conflict):
        kube.replace(made)
    with pytest.raises(errors.Conflict):
        kube.delete("configmaps", "c", namespace=namespace, uid="00000000-0000-0000-0000-000000000000")


def test_dry_run_changes_nothing(kube: Kube, namespace: str) -> None:
    """A dry run is answered as if it had happened."""
    assert kube.create(config_map(namespace), dry_run=True)["metadata"]["uid"]
    assert kube.find("configmaps", "c", namespace=namespace) is None
    kube.create(config_map(namespace))
    shown = kube.patch("configmaps", "c", {"data": {"x": "y"}}, namespace=namespace, dry_run=True)
    assert shown["data"]["x"] == "y"
    assert "x" not in (kube.get("configmaps", "c", namespace=namespace).get("data") or {})


def test_lists_are_whole_and_selected(kube: Kube, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is complete over its pages, items know their kind, selectors select."""
    monkeypatch.setattr("harness.kube.client.PAGE", 3)
    for number in range(8):
        kube.create(config_map(namespace, f"c{number}"))
    listing = kube.list("configmaps", namespace=namespace, labels="mark=ours")
    assert sorted(item["metadata"]["name"] for item in listing.items) == [f"c{n}" for n in range(8)]
    assert {item["kind"] for item in listing.items} == {"ConfigMap"}
    one = kube.list("configmaps", namespace=namespace, fields="metadata.name=c5")
    assert [item["metadata"]["name"] for item in one.items] == ["c5"]


def test_collections_go_by_label_only(kube: Kube, namespace: str) -> None:
    """Deleting many takes a label selector, and leaves what it does not match."""
    kube.create(config_map(namespace, "ours"))
    other = config_map(namespace, "theirs")
    other["metadata"]["labels"] = {}
    kube.create(other)
    kube.delete_collection("configmaps", namespace=namespace, labels="mark=ours")
    assert [item["metadata"]["name"] for item in kube.list("configmaps", namespace=namespace).items] == ["theirs"]
    with pytest.raises(ValueError, match="label selector"):
        kube.delete_collection("configmaps", namespace=namespace, labels="")


def test_watch_tells_changes_in_order(kube: Kube, namespace: str) -> None:
    """A watch from a list's version tells exactly what happened after it, and ends by itself."""
    since = kube.list("configmaps", namespace=namespace).resource_version
    kube.create(config_map(namespace, a="1"))
    kube.patch("configmaps", "c", {"data": {"a": "2"}}, namespace=namespace)
    kube.delete("configmaps", "c", namespace=namespace)
    events = kube.watch("configmaps", since=since, timeout=30, namespace=namespace)
    seen = list(itertools.islice(events, 3))
    assert [event.kind for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    last = seen[-1].object["metadata"]["resourceVersion"]
    assert list(kube.watch("configmaps", since=last, timeout=0.2, namespace=namespace)) == []


def test_wait_returns_with_the_change(kube: Kube, namespace: str) -> None:
    """A wait ends when the object comes to the asked state, long before its time."""
    kube.create(config_map(namespace, a="1"))
    later = threading.Timer(0.1, kube.patch, ("configmaps", "c", {"data": {"a": "2"}}), {"namespace": namespace})
    later.start()
    found = kube.wait(
        "configmaps", "c", lambda obj: obj is not None and obj["data"]["a"] == "2", timeout=30, namespace=namespace
    )
    later.join()
    assert found is not None
    assert found["data"]["a"] == "2"


def test_wait_for_absence(kube: Kube, namespace: str) -> None:
    """A wait can be for an object to be gone."""
    kube.create(config_map(namespace))
    later = threading.Timer(0.1, kube.delete, ("configmaps", "c"), {"namespace": namespace})
    later.start()
    assert kube.wait("configmaps", "c", lambda obj: obj is None, timeout=30, namespace=namespace) is None
    later.join()


def test_wait_gives_up_with_the_last_state(kube: Kube, namespace: str) -> None:
    """A wait in vain says what it waited for and has the object as it was."""
    kube.create(config_map(namespace, a="1"))
    with pytest.raises(errors.WaitTimeout, match=f"configmaps {namespace}/c: not as asked after 0.3 s") as caught:
        kube.wait("configmaps", "c", lambda _: False, timeout=0.3, namespace=namespace)
    assert caught.value.last is not None
    assert caught.value.last["data"] == {"a": "1"}


def test_unknown_resources_are_told(kube: Kube) -> None:
    """What the cluster does not serve is named."""
    with pytest.raises(errors.UnknownResource, match=r"widgets\.example\.com"):
        kube.list("widgets.example.com")
    with pytest.raises(errors.UnknownResource, match=r"example\.com/v1 Widget"):
        kube.create({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})


def test_unlisted_resources_are_discovered(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource that is not in our table is found in the cluster's discovery."""
    monkeypatch.delitem(__import__("harness.kube.client", fromlist=["x"]).BY_NAME, "leases.coordination.k8s.io")
    assert kube.served("leases.coordination.k8s.io").path() == "/apis/coordination.k8s.io/v1/leases"


def test_rights_are_asked_of_the_server(kube: Kube) -> None:
    """An access review is a question, not an attempt."""
    assert kube.can_i("create", "pods", namespace="default", subresource="exec") is True


def test_version(kube: Kube) -> None:
    """The server's version is readable."""
    assert str(kube.server_version()["gitVersion"]).startswith("v1.")


def test_requests_carry_run_and_case(kube: Kube) -> None:
    """Each request names the run, and the case while one is stamped, in this thread only."""
    with stamped(run="r1", case="dns/a"):
        inside = kube.transport.headers()["user-agent"]
        elsewhere: list[str] = []
        thread = threading.Thread(target=lambda: elsewhere.append(kube.transport.headers()["user-agent"]))
        thread.start()
        thread.join()
    assert inside.endswith("run/r1 case/dns/a")
    assert elsewhere[0].endswith("run/r1")
    assert kube.transport.headers()["user-agent"].endswith("run/r1")


def test_many_threads_share_a_client(kube: Kube, namespace: str) -> None:
    """Requests of several threads do not mix."""
    failed: list[object] = []

    def body(number: int) -> None:
        try:
            for _ in range(5):
                kube.apply(config_map(namespace, f"t{number}", me=str(number)))
                if kube.get("configmaps", f"t{number}", namespace=namespace)["data"] != {"me": str(number)}:
                    failed.append(number)
        except errors.KubeError as error:
            failed.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# -- servers that misbehave -----------------------------------------------------------------------------------------


def reaching(url: str, **cluster: Any) -> Kube:
    """A client for a server of ours, without credentials."""
    return Kube.connect(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": url, **cluster}}],
        }
    )


class Odd(BaseHTTPRequestHandler):
    """Answers whatever `replies` says for the path."""

    replies: ClassVar[dict[str, tuple[int, bytes]]] = {}

    def do_GET(self) -> None:
        code, body = self.replies[self.path.partition("?")[0]]
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[tuple[str, dict[str, tuple[int, bytes]]]]:
    Odd.replies = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", Odd.replies
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_cluster_is_one_line() -> None:
    """A kubeconfig with nothing behind it says so and names the address."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # kept, so that nobody else is given it; nobody listens
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(errors.Unreachable, match=f"no cluster at {url}: connection refused") as caught:
            reaching(url).server_version()
    assert "\n" not in str(caught.value)


def test_a_server_that_says_nothing_times_out() -> None:
    """A request has an end, and the error says how long it waited."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(errors.TimedOut, match=r"within 0\.2 s"):
            reaching(url).server_version(timeout=0.2)


def test_a_foreign_certificate_is_told(server: Running, tmp_path: Path) -> None:
    """A server of another authority is a certificate problem, not an outage."""
    with pytest.raises(errors.CertificateProblem, match="certificate verify failed") as caught:
        reaching(server.url).server_version()
    assert "\n" not in str(caught.value)


def test_tls_at_a_plain_port_is_told(odd: tuple[str, Any]) -> None:
    """Speaking TLS to something else is told as such."""
    with pytest.raises(errors.Unreachable):
        reaching(odd[0].replace("http:", "https:"), **{"insecure-skip-tls-verify": True}).server_version()
    assert ssl.OPENSSL_VERSION


def test_wrong_credentials_are_told(server: Running) -> None:
    """A refused token says to renew it."""
    config = json.loads(server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": "wrong"}
    with pytest.raises(errors.Unauthorized, match="does not accept the kubeconfig's credentials"):
        Kube.connect(config).list("pods")


def test_something_else_is_not_an_api_server(odd: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    """A web page at that address is not taken for an answer."""
    odd[1]["/version"] = (200, b"<html>welcome</html>")
    with pytest.raises(errors.ServerProblem, match="is this an API server"):
        reaching(odd[0]).server_version()


def test_a_wait_survives_an_outage(odd: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    """A wait goes on while the API server is away, and at its end says what was in the way."""
    path = "/api/v1/namespaces/x/configmaps"
    odd[1][path] = (503, b"upgrading")
    later = threading.Timer(
        0.3, odd[1].__setitem__, (path, (200, b'{"metadata": {"resourceVersion": "5"}, "items": []}'))
    )
    later.start()
    assert reaching(odd[0]).wait("configmaps", "c", lambda obj: obj is None, timeout=30, namespace="x") is None
    later.join()
    odd[1][path] = (503, b"upgrading")
    with pytest.raises(errors.WaitTimeout, match="upgrading"):
        reaching(odd[0]).wait("configmaps", "c", lambda obj: obj is None, timeout=0.3, namespace="x")


def test_an_error_in_a_watch_is_raised(odd: tuple[str, dict[str, tuple[int, bytes]]]) -> None:
    """An error event of a watch is the error of its Status."""
    event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    odd[1]["/api/v1/pods"] = (200, json.dumps(event).encode() + b"\n")
    with pytest.raises(errors.Expired):
        list(reaching(odd[0]).watch("pods", since="1", timeout=2))
