"""Reading URLs."""

import pytest

from harness.embedded.apiserver.address import Address, attributes, parse


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1", Address("", "v1")),
        ("/api/v1/nodes", Address("", "v1", "nodes")),
        ("/api/v1/nodes/n1/status", Address("", "v1", "nodes", None, "n1", "status")),
        ("/api/v1/namespaces", Address("", "v1", "namespaces")),
        ("/api/v1/namespaces/x", Address("", "v1", "namespaces", None, "x")),
        ("/api/v1/namespaces/x/status", Address("", "v1", "namespaces", None, "x", "status")),
        ("/api/v1/namespaces/x/finalize", Address("", "v1", "namespaces", None, "x", "finalize")),
        ("/api/v1/namespaces/x/pods", Address("", "v1", "pods", "x")),
        ("/api/v1/namespaces/x/pods/", Address("", "v1", "pods", "x")),
        ("/api/v1/namespaces/x/pods/p/log", Address("", "v1", "pods", "x", "p", "log")),
        ("/apis/apps/v1/deployments", Address("apps", "v1", "deployments")),
        ("/apis/apps/v1/namespaces/x/deployments/d/scale", Address("apps", "v1", "deployments", "x", "d", "scale")),
    ],
)
def test_a_path_names_a_place(path, expected):
    """Each form of path is read as the API defines it."""
    assert parse(path) == expected


@pytest.mark.parametrize("path", ["/", "/api", "/apis", "/apis/apps", "/version", "/api/v1//pods", "/a/b/c/d"])
def test_other_paths_name_no_place(path):
    """What is not below a group version is no resource."""
    assert parse(path) is None


def test_a_path_that_is_too_deep_names_no_place():
    """There is nothing below a subresource."""
    assert parse("/api/v1/namespaces/x/pods/p/log/more") is None


@pytest.mark.parametrize(
    ("method", "path", "watch", "verb"),
    [
        ("GET", "/api/v1/pods", False, "list"),
        ("GET", "/api/v1/pods", True, "watch"),
        ("GET", "/api/v1/namespaces/x/pods/p", False, "get"),
        ("POST", "/api/v1/namespaces/x/pods", False, "create"),
        ("PUT", "/api/v1/namespaces/x/pods/p", False, "update"),
        ("PATCH", "/api/v1/namespaces/x/pods/p", False, "patch"),
        ("DELETE", "/api/v1/namespaces/x/pods/p", False, "delete"),
        ("DELETE", "/api/v1/namespaces/x/pods", False, "deletecollection"),
        ("GET", "/version", False, "get"),
    ],
)
def test_a_method_is_a_verb(method, path, watch, verb):
    """A method on a thing or on a collection is the verb that authorization knows."""
    assert attributes(method, path, parse(path), watch=watch).verb == verb


def test_a_namespace_lies_in_itself():
    """Rights inside a namespace cover reading the namespace."""
    assert attributes("GET", "/api/v1/namespaces/x", parse("/api/v1/namespaces/x"), watch=False).namespace == "x"
