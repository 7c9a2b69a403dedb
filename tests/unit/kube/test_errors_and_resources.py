"""Errors of the API by their Status, and resources by the names kubectl uses."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from harness.effects.clock import FakeClock
from harness.kube import errors
from harness.kube.client import Kube
from harness.kube.patience import Patience
from harness.kube.resources import BY_KIND, BY_NAME, KNOWN, Served, from_discovery, split_name
from harness.kube.transport import refusal


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Expired),
        (410, "Gone", errors.Expired),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ServerProblem),
        (503, "", errors.ServerProblem),
        (405, "MethodNotAllowed", errors.StatusError),
    ],
)
def test_each_status_has_its_error(code: int, reason: str, kind: type[errors.StatusError]) -> None:
    """A Status becomes the exception of its reason, and keeps code, reason and message."""
    error = errors.from_status({"code": code, "reason": reason, "message": "why"}, asked="GET /x")
    assert type(error) is kind
    assert (error.code, error.reason, error.message) == (code, reason, "why")
    assert str(error).startswith("GET /x")
    assert "\n" not in str(error)


def test_every_error_has_one_root() -> None:
    """Whoever catches KubeError catches everything this package raises."""
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(kinds) >= 18
    assert all(issubclass(kind, errors.KubeError) for kind in kinds)


def test_forbidden_says_what_is_not_allowed() -> None:
    """The server's sentence with verb and resource is in the line."""
    words = 'pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "x"'
    assert words in str(errors.from_status({"code": 403, "reason": "Forbidden", "message": words}, asked="GET /p"))


def test_invalid_names_its_fields() -> None:
    """Causes are reachable one by one."""
    causes = [{"field": "spec.ports[0].port", "reason": "FieldValueInvalid"}]
    error = errors.from_status({"code": 422, "reason": "Invalid", "details": {"causes": causes}}, asked="POST /s")
    assert isinstance(error, errors.Invalid)
    assert error.causes == causes


@pytest.mark.parametrize("body", [b"<html>502 Bad Gateway</html>", b"", b'{"kind": "Pod"}', b"[1]"])
def test_refusal_without_a_status_still_has_its_code(body: bytes) -> None:
    """A proxy's error page becomes an error of the right kind."""
    error = refusal(502, body, asked="GET /x")
    assert isinstance(error, errors.ServerProblem)
    assert error.code == 502


@pytest.mark.parametrize(
    ("resource", "options", "path"),
    [
        ("pods", {"namespace": "x"}, "/api/v1/namespaces/x/pods"),
        ("pods", {}, "/api/v1/pods"),
        ("pods", {"namespace": "x", "name": "a", "subresource": "exec"}, "/api/v1/namespaces/x/pods/a/exec"),
        ("nodes", {"name": "n1"}, "/api/v1/nodes/n1"),
        ("namespaces", {"name": "x", "namespace": "x"}, "/api/v1/namespaces/x"),
        (
            "endpointslices.discovery.k8s.io",
            {"namespace": "x", "name": "s"},
            "/apis/discovery.k8s.io/v1/namespaces/x/endpointslices/s",
        ),
        ("faults.faults.harness.dev", {"name": "f"}, "/apis/faults.harness.dev/v1/faults/f"),
        ("configmaps", {"namespace": "x", "name": "a/b c"}, "/api/v1/namespaces/x/configmaps/a%2Fb%20c"),
    ],
)
def test_paths_are_the_apis(resource: str, options: dict[str, Any], path: str) -> None:
    """Names become the paths the API documents; odd characters cannot leave their place."""
    assert BY_NAME[resource].path(**options) == path


def test_names_and_kinds_are_unique() -> None:
    """No two entries of the table answer to the same name or kind."""
    assert len(BY_NAME) == len(BY_KIND) == len(KNOWN)


def test_discovered_resources_are_like_known_ones() -> None:
    """An entry of a discovery document gives a path of the same form."""
    served = from_discovery("example.com", "v2", {"name": "widgets", "kind": "Widget", "namespaced": True})
    assert served == Served("example.com", "v2", "widgets", "Widget")
    assert served.path(namespace="x", name="w") == "/apis/example.com/v2/namespaces/x/widgets/w"
    assert split_name(served.name) == ("widgets", "example.com")


STARTING = (
    'services is forbidden: User "kubernetes-admin" cannot list resource "services" in API group "" in the namespace '
    '"x": RBAC: [clusterrole.rbac.authorization.k8s.io "system:discovery" not found, '
    'clusterrole.rbac.authorization.k8s.io "cluster-admin" not found]'
)
"""What a Kubernetes 1.36 API server said in its first seconds."""
LACKING = 'pods is forbidden: User "u" cannot list: RBAC: clusterrole.rbac.authorization.k8s.io "ours" not found'


@pytest.mark.parametrize(
    ("message", "passes"), [(STARTING, True), (LACKING, False), ("pods is forbidden: User cannot list", False)]
)
def test_a_server_that_has_no_roles_yet_is_still_starting(message: str, *, passes: bool) -> None:
    """Its 403 passes and is waited out; that of a user who lacks a right, or whose own role is gone, does not."""
    status = {"code": 403, "reason": "Forbidden", "message": message}
    error = errors.from_status(status, asked="GET /api/v1/services")
    assert isinstance(error, errors.StillStarting if passes else errors.Forbidden)
    clock, asked = FakeClock(), 0

    def ask() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise error
        return "there"

    if passes:
        assert Patience(clock=clock)(ask) == "there"
    else:
        with pytest.raises(errors.Forbidden):
            Patience(clock=clock)(ask)


def hung_up_on(server: socket.socket) -> None:
    """Take one connection, read what its TLS begins with, and go away."""
    line, _ = server.accept()
    line.recv(4096)
    line.close()


def test_a_server_that_goes_away_in_the_middle_of_tls_is_away() -> None:
    """That is no bad certificate: an API server that restarts does so, and is waited for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hung_up_on, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        entry = {"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [entry],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        kube = Kube.connect(config)
        with pytest.raises(errors.Unreachable, match="ended the connection") as caught:
            kube.server_version()
        kube.close()
    assert not isinstance(caught.value, errors.CertificateProblem)
