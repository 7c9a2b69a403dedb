"""Who may do what."""

import pytest

from harness.embedded.apiserver.access import granted_by, refusal
from harness.embedded.apiserver.address import attributes, parse
from harness.embedded.apiserver.authority import ADMIN_GROUP, ANONYMOUS, User, service_account_groups

ADMIN = User("kubernetes-admin", (ADMIN_GROUP, "system:authenticated"))
DNS = User("system:serviceaccount:kube-system:coredns", service_account_groups("kube-system"))
INGRESS = User("system:serviceaccount:ingress:ingress", service_account_groups("ingress"))
POD = User("system:serviceaccount:x:default", service_account_groups("x"))


def may(user: User, method: str, path: str, *, watch: bool = False) -> bool:
    return granted_by(user, attributes(method, path, parse(path), watch=watch)) is not None


@pytest.mark.parametrize("path", ["/version", "/healthz", "/livez", "/readyz", "/readyz/ping"])
def test_everybody_sees_version_and_health(path):
    """Version and health need no identity."""
    assert may(ANONYMOUS, "GET", path) and may(POD, "GET", path)


@pytest.mark.parametrize("path", ["/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/openapi/v3/api/v1"])
def test_discovery_needs_an_identity(path):
    """Discovery documents are for those who are known, as system:discovery has it."""
    assert may(POD, "GET", path) and not may(ANONYMOUS, "GET", path)


@pytest.mark.parametrize(
    "path", ["/api/v1/pods", "/api/v1/namespaces/x/services", "/apis/faults.harness.dev/v1/faults", "/api/v1/nodes/n"]
)
def test_cluster_dns_reads_what_networking_needs(path):
    """Service accounts of kube-system read networking objects; those of other namespaces and strangers do not."""
    assert may(DNS, "GET", path) and may(DNS, "GET", path, watch=True)
    assert not may(POD, "GET", path) and not may(ANONYMOUS, "GET", path)


def test_the_ingress_controller_reads_what_it_serves_and_writes_where():
    """It reads Secrets too, and of Ingresses it changes the status alone."""
    every, one = "/apis/networking.k8s.io/v1/ingresses", "/apis/networking.k8s.io/v1/namespaces/x/ingresses/i"
    assert may(INGRESS, "GET", "/api/v1/secrets", watch=True) and may(INGRESS, "GET", every)
    assert may(INGRESS, "PATCH", f"{one}/status")
    assert not may(INGRESS, "PATCH", one) and not may(INGRESS, "GET", "/api/v1/pods")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_cluster_dns_changes_nothing(method):
    """Reading rights are only that."""
    assert not may(DNS, method, "/api/v1/namespaces/x/services/s")


@pytest.mark.parametrize("path", ["/api/v1/secrets", "/api/v1/namespaces/x/pods/p/log", "/api/v1/configmaps"])
def test_cluster_dns_reads_nothing_else(path):
    """Secrets, logs and configuration are not networking."""
    assert not may(DNS, "GET", path)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_administrator_may_do_everything(method):
    """No path and no verb is closed to system:masters."""
    for path in ("/api/v1/namespaces/x/pods/p/exec", "/apis/nope.example.com/v1/things", "/metrics"):
        assert may(ADMIN, method, path)


def test_a_refusal_says_who_wanted_what_where():
    """The text has the user, the verb, the resource with its subresource, the group and the scope."""
    path = "/apis/apps/v1/namespaces/x/deployments/d/scale"
    text = refusal(POD, attributes("PATCH", path, parse(path), watch=False))
    assert text == (
        'User "system:serviceaccount:x:default" cannot patch resource "deployments/scale" in API group "apps" '
        'in the namespace "x"'
    )
    assert refusal(ANONYMOUS, attributes("GET", "/api", None, watch=False)) == (
        'User "system:anonymous" cannot get path "/api"'
    )
