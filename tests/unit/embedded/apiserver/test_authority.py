"""Certificates, tokens and kubeconfigs of the embedded cluster."""

import base64
import ssl

import pytest

from harness.embedded.apiserver.authority import ADMIN_GROUP, Authority, user_of_certificate

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(now=NOW, addresses=["172.18.0.2", "fc00:f853:ccd:e793::2"])


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Let two contexts shake hands in memory; returns the server's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(6):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours


def client_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.ca.decode())
    # The authority of these tests lives at a made-up time: only the date is not looked at.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_an_admin_token_is_the_administrator(authority):
    """The kubeconfig's token belongs to a member of system:masters."""
    user = authority.user_of_token(authority.kubeconfig("https://x", "c")["users"][0]["user"]["token"])
    assert user is not None and user.belongs_to(ADMIN_GROUP) and user.belongs_to("system:authenticated")


def test_a_service_account_token_names_its_account(authority):
    """A token made for an account authenticates that account, with the groups of its namespace."""
    user = authority.user_of_token(authority.token_for("kube-system", "coredns"))
    assert user is not None
    assert user.name == "system:serviceaccount:kube-system:coredns"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")


def test_a_changed_token_is_nobodys(authority):
    """Changing the claims of a token, or its signature, makes it worthless."""
    header, claims, signature = authority.token_for("a", "b").split(".")
    other = authority.token_for("kube-system", "coredns").split(".")[1]
    assert authority.user_of_token(f"{header}.{other}.{signature}") is None
    assert authority.user_of_token(f"{header}.{claims}.{signature[:-2]}AA") is None


@pytest.mark.parametrize("token", ["nope", "a.b.c", "..", ".", "é.é.é"])
def test_noise_is_nobodys(authority, token):
    """A text that is no token of this cluster authenticates nobody, and breaks nothing."""
    assert authority.user_of_token(token) is None


def test_a_token_of_another_cluster_is_nobodys(authority):
    """Tokens are bound to the boot that made them."""
    other = Authority.create(now=NOW)
    assert authority.user_of_token(other.token_for("a", "b")) is None
    assert authority.user_of_token(other.admin_token) is None


def test_secrets_do_not_show(authority):
    """Printing an authority shows no token and no key."""
    text = repr(authority)
    assert authority.admin_token not in text and "PRIVATE KEY" not in text and repr(authority.token_key) not in text


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "10.96.0.1", "172.18.0.2", "kubernetes.default.svc"])
def test_the_server_is_trusted_under_each_of_its_names(name):
    """A strict client that knows the authority accepts the server at loopback, at a node and as a Service."""
    from harness.effects.clock import RealClock

    present = Authority.create(now=RealClock().wall(), addresses=["172.18.0.2"])
    server = handshake(present.server_context(), client_context(present), name)
    assert server.version() in {"TLSv1.2", "TLSv1.3"} and not server.getpeercert()


def test_a_client_certificate_names_the_user(tmp_path):
    """The certificate of the kubeconfig authenticates the administrator."""
    from harness.effects.clock import RealClock

    present = Authority.create(now=RealClock().wall())
    entry = present.kubeconfig("https://x", "c", certificate=True)["users"][0]["user"]
    pair = tmp_path / "pair.pem"
    pair.write_bytes(b"".join(base64.b64decode(entry[f"client-{part}-data"]) for part in ("certificate", "key")))
    client = client_context(present)
    client.load_cert_chain(pair)
    user = user_of_certificate(handshake(present.server_context(), client, "localhost").getpeercert() or {})
    assert user is not None and user.name == "kubernetes-admin" and user.belongs_to(ADMIN_GROUP)


def test_a_certificate_of_another_authority_is_refused(tmp_path):
    """A client certificate somebody else signed does not get through the handshake."""
    from harness.effects.clock import RealClock

    present, other = (Authority.create(now=RealClock().wall()) for _ in range(2))
    pair = tmp_path / "pair.pem"
    pair.write_bytes(other.admin.certificate + other.admin.key)
    client = client_context(present)
    client.load_cert_chain(pair)
    with pytest.raises(ssl.SSLError):
        handshake(present.server_context(), client, "localhost")


def test_a_certificate_without_a_name_is_nobody():
    """A subject without a common name authenticates nobody."""
    assert user_of_certificate({"subject": ((("organizationName", "x"),),)}) is None
