"""An existing cluster: what its kubeconfig must be, and that no context is taken unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clusters.kubeconfig import KubeconfigCluster, default_path
from harness.clusters.provider import ClusterError


def document(**changes: Any) -> dict[str, Any]:
    """A kubeconfig with two contexts."""
    whole = {
        "clusters": [{"name": "c", "cluster": {"server": "https://h:1", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": {"client-certificate": "/abs/u.crt", "client-key": "keys/u.key"}}],
        "contexts": [{"name": "staging"}, {"name": "prod"}],
        "current-context": "prod",
    }
    return {**whole, **changes}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A kubeconfig on disk."""
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document()))
    return path


def test_a_named_context_is_used(file: Path) -> None:
    """Context and document are handed on; the file's current context does not matter."""
    access = KubeconfigCluster(path=file, context="staging").create()
    assert (access.context, access.kind) == ("staging", "kubeconfig")


def test_a_named_file_speaks_for_its_own_current_context(file: Path) -> None:
    """A file chosen for this run may say which context is meant."""
    assert KubeconfigCluster(path=file, context=None).create().context == "prod"


def test_files_are_found_beside_the_kubeconfig(file: Path) -> None:
    """References are relative to the file, as kubectl reads them; absolute ones stay."""
    told = KubeconfigCluster(path=file, context="prod").create().kubeconfig
    assert told["clusters"][0]["cluster"]["certificate-authority"] == str(file.parent / "ca.crt")
    assert told["users"][0]["user"] == {
        "client-certificate": "/abs/u.crt",
        "client-key": str(file.parent / "keys/u.key"),
    }


def test_the_default_file_is_kubectls(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a context alone, the first file of KUBECONFIG is read, else the one in the home directory."""
    monkeypatch.setenv("KUBECONFIG", f"{file}:/other")
    assert KubeconfigCluster(path=None, context="staging").create().context == "staging"
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", "/somewhere")
    assert default_path() == Path("/somewhere/.kube/config")


def test_neither_file_nor_context_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's current context is never used unasked, also where KUBECONFIG is set."""
    monkeypatch.setenv("KUBECONFIG", str(file))
    with pytest.raises(ClusterError, match="never used unasked"):
        KubeconfigCluster(path=None, context=None).create()


def test_a_context_that_names_none_is_not_the_current_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--context "$UNSET"` must not sweep or test whatever cluster is current."""
    monkeypatch.setenv("KUBECONFIG", str(file))
    for path in (None, file):
        with pytest.raises(ClusterError, match="--context '': it names none"):
            KubeconfigCluster(path=path, context="").create()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (yaml.safe_dump(document(contexts=[])), "no context 'dev'; there are: none"),
        (yaml.safe_dump(document()), "no context 'dev'; there are: prod, staging"),
        ("{", "not YAML"),
        ("- a", "not a kubeconfig"),
        ("", "not a kubeconfig"),
        (yaml.safe_dump(document(clusters=None)), "not a kubeconfig"),
        (yaml.safe_dump(document(clusters=["c"])), "clusters is not a list of named entries"),
        (yaml.safe_dump(document(users="u")), "users is not a list of named entries"),
        (yaml.safe_dump(document(contexts={"dev": 1})), "contexts is not a list of named entries"),
        (yaml.safe_dump(document(users=[{"name": "u", "user": "me"}])), "user 'u' is not as it should be"),
        (yaml.safe_dump(document(users=[{"name": "u", "user": {"client-key": 5}}])), "user 'u' is not as it should be"),
    ],
)
def test_a_bad_file_is_said_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    """The line names the file, what is wrong, and what there is instead."""
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ClusterError) as told:
        KubeconfigCluster(path=path, context="dev").create()
    assert said in str(told.value)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    """A file that is not there is named, with the option that names another."""
    with pytest.raises(ClusterError, match=r"nothing: No such file or directory: name a kubeconfig"):
        KubeconfigCluster(path=tmp_path / "nothing", context="a").create()
