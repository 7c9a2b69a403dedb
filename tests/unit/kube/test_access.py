"""From kubeconfig to connection: what is refused with which words, and what of the environment is not looked at."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.embedded.apiserver import Authority
from harness.kube.access import Access, context_names, read_kubeconfig
from harness.kube.client import Kube
from harness.kube.errors import CertificateProblem, ConfigError


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(now=1_800_000_000.0)


@pytest.fixture
def config(authority: Authority) -> dict[str, Any]:
    return authority.kubeconfig("https://127.0.0.1:6443", "embedded", certificate=True)


def plain(**user: Any) -> dict[str, Any]:
    """A kubeconfig for plain HTTP."""
    return {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}, {"name": "two", "context": {}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }


def test_certificates_given_as_data_leave_no_file(config: dict[str, Any]) -> None:
    """Keys from a kubeconfig are never written to a disk: a killed process leaves none behind."""
    access = Access(config)
    files = [str(getattr(access._configuration, name)) for name in ("ssl_ca_cert", "cert_file", "key_file")]
    assert all(file.startswith("/proc/self/fd/") for file in files)
    assert isinstance(access.tls(), ssl.SSLContext)
    access.close()


def test_the_kubeconfigs_authority_is_the_only_one(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE and REQUESTS_CA_BUNDLE do not add or replace what the kubeconfig trusts."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nonexistent/bundle.pem")
    access = Access(config)
    context = access.tls()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    assert access.pool.connection_pool_kw["ca_certs"].startswith("/proc/self/fd/")
    access.close()


def test_environment_proxies_are_not_used(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment does not stand between us and the cluster."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")
    access = Access(config)
    assert access.proxy is None
    assert getattr(access.pool, "proxy", None) is None
    access.close()


def test_the_kubeconfigs_proxy_is_used(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """`proxy-url` is obeyed, whatever NO_PROXY says."""
    monkeypatch.setenv("NO_PROXY", "*")
    config["clusters"][0]["cluster"]["proxy-url"] = "http://proxy.invalid:3128"
    access = Access(config)
    assert access.proxy == "http://proxy.invalid:3128"
    assert access.pool.proxy.host == "proxy.invalid"  # type: ignore[attr-defined]
    access.close()


def test_current_context_is_the_default() -> None:
    """Without a context the kubeconfig's own choice is taken, and named."""
    assert Access(plain()).context == "one"
    assert context_names(plain()) == ["one", "two"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"current-context": ""}, "no current context; name one of: one, two"),
        ({"current-context": "three"}, "no context 'three' in the kubeconfig; it has: one, two"),
        ({"current-context": "two"}, "names the cluster 'None'"),
        ({"clusters": []}, "context 'one' of the kubeconfig names the cluster 'c', which is not there"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "has no server"),
        ({"users": []}, "names the user 'u', which is not there"),
        ({"users": [{"name": "u", "user": {"client-key-data": "%%"}}]}, "client-key-data"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_one_line(change: dict[str, Any], words: str) -> None:
    """Each mistake is named, with what would have been there to choose from."""
    with pytest.raises(ConfigError) as caught:
        Access({**plain(), **change})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "args": None}


@pytest.mark.parametrize(
    ("script", "words"),
    [(None, "is not installed"), ("exit 1", "gave no credentials: run it"), ("echo '{}'", "gave no credentials")],
    ids=["not there", "fails", "says nothing"],
)
def test_a_credential_plugin_that_gives_nothing_is_told(tmp_path: Path, script: str | None, words: str) -> None:
    """Going on as nobody would end in a 401, or in a run as somebody else: the plugin is named instead."""
    command = tmp_path / "login"
    if script is not None:
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
    with pytest.raises(ConfigError, match=rf"^context 'one' of the kubeconfig: .* plugin {command} {words}"):
        Access(plain(exec={**PLUGIN, "command": str(command)}))


def test_a_credential_plugin_is_believed(tmp_path: Path) -> None:
    """The token it gives is sent."""
    command = tmp_path / "login"
    told = {"kind": "ExecCredential", "apiVersion": PLUGIN["apiVersion"], "status": {"token": "t"}}
    command.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n")
    command.chmod(0o755)
    access = Access(plain(exec={**PLUGIN, "command": str(command)}))
    assert access.credentials() == {"authorization": "Bearer t"}


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A kubeconfig that is not there is named with its path."""
    with pytest.raises(ConfigError, match=r"no kubeconfig at .*absent"):
        Kube.connect(tmp_path / "absent")


@pytest.mark.parametrize("text", ["a: [", "just text", "contexts: 3"])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    """A file of another kind is refused with its name, in one line."""
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigError, match="config is not") as caught:
        read_kubeconfig(file)
    assert "\n" not in str(caught.value)


def test_relative_paths_are_relative_to_the_kubeconfig(tmp_path: Path, config: dict[str, Any]) -> None:
    """Certificates named by relative paths are looked for beside the kubeconfig."""
    cluster = config["clusters"][0]["cluster"]
    (tmp_path / "ca.pem").write_bytes(base64.b64decode(cluster.pop("certificate-authority-data")))
    cluster["certificate-authority"] = "ca.pem"
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))
    access = Access(read_kubeconfig(file))
    assert access._configuration.ssl_ca_cert == str(tmp_path / "ca.pem")
    access.close()


def test_broken_certificate_is_a_line(config: dict[str, Any]) -> None:
    """A certificate that is none is told as such when it is needed."""
    config["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(b"nonsense").decode()
    access = Access(config)
    with pytest.raises(CertificateProblem, match="cannot be used"):
        access.tls()
    access.close()


@pytest.mark.parametrize(
    ("user", "headers"), [({}, {}), ({"token": "t"}, {"authorization": "Bearer t"})], ids=["nobody", "token"]
)
def test_credentials_become_headers(user: dict[str, Any], headers: dict[str, str]) -> None:
    """A token is sent as a bearer token; without one nothing is sent."""
    assert Access(plain(**user)).credentials() == headers


def test_insecure_is_obeyed(config: dict[str, Any]) -> None:
    """`insecure-skip-tls-verify` is the user's own decision."""
    config["clusters"][0]["cluster"] = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    access = Access(config)
    context = access.tls()
    assert context is not None
    assert context.verify_mode is ssl.CERT_NONE
    access.close()
