"""The official Python client against the API server alone: lists, watches, patches and exec streams."""

import gc
import json
import os
from collections.abc import Iterator

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.system.apiserver_on_loopback import Running

TIMEOUT = 10

# The client leaves sockets of ended watches and refused upgrades to the garbage collector. That is its own affair; the
# fixture collects them here, so that no other test is blamed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("server")) as started:
        started.call("create", "namespaces", {"metadata": {"name": "default"}})
        spec = {"nodeName": "n", "containers": [{"name": "c", "image": "python:3"}]}
        started.call("create", "pods", {"metadata": {"name": "p"}, "spec": spec}, namespace="default")
        started.run_pod("default", "p")
        yield started


@pytest.fixture
def core(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[client.CoreV1Api]:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    api = config.new_client_from_config_dict(json.loads(server.kubeconfig.read_text()), persist_config=False)
    with api:
        yield client.CoreV1Api(api)
    gc.collect()


def test_objects_come_and_go(core):
    """Create, read, patch, list and delete through the typed client."""
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c", labels={"a": "b"}), data={"k": "1"})
    core.create_namespaced_config_map("default", body, _request_timeout=TIMEOUT)
    core.patch_namespaced_config_map("c", "default", {"data": {"k": "2"}}, _request_timeout=TIMEOUT)
    (found,) = core.list_namespaced_config_map("default", label_selector="a=b", _request_timeout=TIMEOUT).items
    assert found.data == {"k": "2"}
    core.delete_namespaced_config_map("c", "default", _request_timeout=TIMEOUT)
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_config_map("c", "default", _request_timeout=TIMEOUT)
    assert caught.value.status == 404 and json.loads(caught.value.body)["reason"] == "NotFound"


def test_a_watch_sees_changes(core, server):
    """A watch from a list's version gets what came after it."""
    version = core.list_namespaced_config_map("default", _request_timeout=TIMEOUT).metadata.resource_version
    server.call("create", "configmaps", {"metadata": {"name": "w"}}, namespace="default")
    events = watch.Watch().stream(
        core.list_namespaced_config_map,
        "default",
        resource_version=version,
        timeout_seconds=1,
        _request_timeout=TIMEOUT,
    )
    assert [(event["type"], event["object"].metadata.name) for event in events] == [("ADDED", "w")]


def opened(core, *command: str):
    return stream(
        core.connect_get_namespaced_pod_exec, "p", "default", command=list(command),
        stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False, _request_timeout=TIMEOUT,
    )  # fmt: skip


def test_exec_streams_both_ways(core):
    """Lines written come back, stderr apart, and the exit code is known at the end."""
    talk = opened(core, "sh", "-c", "read a; echo got $a; echo oops >&2; exit 4")
    talk.write_stdin("hello\n")
    talk.run_forever(timeout=TIMEOUT)
    assert (talk.read_stdout(), talk.read_stderr()) == ("got hello\n", "oops\n")
    assert talk.returncode == 4
    talk.close()


def test_exec_carries_many_lines(core):
    """Ten thousand lines arrive, in order and whole."""
    talk = opened(core, "sh", "-c", "seq 10000")
    talk.run_forever(timeout=TIMEOUT)
    assert talk.read_stdout().split() == [str(number) for number in range(1, 10001)]
    assert talk.returncode == 0
    talk.close()


def test_a_refused_exec_is_an_api_error(core):
    """A pod that is not there is known before the stream opens."""
    with pytest.raises(ApiException) as caught:
        stream(
            core.connect_get_namespaced_pod_exec, "nope", "default", command=["ls"], stdout=True,
            _request_timeout=TIMEOUT,
        )  # fmt: skip
    assert "404" in str(caught.value)


def test_the_machines_trust_settings_are_not_used(server, monkeypatch, tmp_path):
    """The kubeconfig's authority is enough, whatever the environment names."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(empty))
    api = config.new_client_from_config_dict(json.loads(server.kubeconfig.read_text()), persist_config=False)
    with api:
        assert client.VersionApi(api).get_code(_request_timeout=TIMEOUT).git_version == "v1.36.0"
