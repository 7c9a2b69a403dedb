"""The runtime configuration of a container."""

from pathlib import Path
from typing import Any

import pytest

from harness.embedded.kubelet.environment import ConfigError
from harness.embedded.kubelet.oci import Bind, Launch, SandboxPaths, config, volume_binds
from harness.embedded.kubelet.security import identity
from tests.unit.embedded.kubelet.pods_by_hand import container, pod

VOLUMES = {"v": Path("/state/v"), "w": Path("/state/w")}


def made(**security: Any) -> dict[str, Any]:
    return config(
        Launch(
            argv=["sleep", "1"],
            environment={"A": "1"},
            directory="/",
            identity=identity(pod(), container(securityContext=security)),
            root=Path("/state/root"),
            sandbox=SandboxPaths(Path("/ns/p"), Path("/ns/p.uts"), Path("/ns/p.ipc")),
            binds=[Bind(Path("/state/hosts"), "/etc/hosts", read_only=False)],
        )
    )


def binds(*mounts: dict[str, Any], expand: dict[str, str] | None = None) -> list[Bind]:
    return volume_binds(container(volumeMounts=list(mounts)), VOLUMES, expand=expand or {})


def test_the_sandbox_is_joined_and_the_rest_is_own() -> None:
    """Net, uts and ipc are the sandbox's; pid and mount are fresh."""
    spaces = {one["type"]: one.get("path") for one in made()["linux"]["namespaces"]}
    assert spaces == {"network": "/ns/p", "uts": "/ns/p.uts", "ipc": "/ns/p.ipc", "pid": None, "mount": None}


def test_the_machine_lends_only_its_usr_and_read_only() -> None:
    """Nothing of the machine is bound but /usr, and that cannot be written."""
    lent = {one["destination"]: one for one in made()["mounts"] if one["type"] == "bind" and one["source"] == "/usr"}
    assert list(lent) == ["/usr"]
    assert "ro" in lent["/usr"]["options"]
    assert all(one["source"] != "/" for one in made()["mounts"])


def test_no_cgroup_is_touched() -> None:
    """The configuration asks for no cgroup, and what the container sees of them is an empty file system."""
    document = made()
    assert "resources" not in document["linux"]
    assert "cgroupsPath" not in document["linux"]
    assert {one["destination"]: one["type"] for one in document["mounts"]}["/sys/fs/cgroup"] == "tmpfs"


def test_restrictions_reach_the_process() -> None:
    """User, capabilities, no_new_privs and a read-only root are in the configuration."""
    document = made(
        runAsUser=7, allowPrivilegeEscalation=False, readOnlyRootFilesystem=True, capabilities={"drop": ["ALL"]}
    )
    process = document["process"]
    assert process["user"]["uid"] == 7
    assert process["noNewPrivileges"] is True
    assert process["capabilities"] == {"bounding": [], "effective": [], "permitted": []}
    assert document["root"]["readonly"] is True


def test_parents_are_mounted_before_children() -> None:
    """A mount inside another one's target comes after it."""
    order = [one.target for one in binds({"name": "v", "mountPath": "/a/b"}, {"name": "w", "mountPath": "/a"})]
    assert order == ["/a", "/a/b"]


@pytest.mark.parametrize(
    "target", ["/usr", "/usr/local/x", "/bin", "/lib64/x", "/proc", "/sys/fs", "/", "/opt/harness"]
)
def test_nothing_is_mounted_over_the_machines_directories(target: str) -> None:
    """A target below a directory of the machine would be made on the machine itself: refused."""
    with pytest.raises(ConfigError, match="mounts nothing at"):
        binds({"name": "v", "mountPath": target})


def test_a_sub_path_points_into_the_volume() -> None:
    """subPath and subPathExpr choose a part of the volume."""
    assert binds({"name": "v", "mountPath": "/a", "subPath": "x/y"})[0].source == Path("/state/v/x/y")
    assert binds({"name": "v", "mountPath": "/a", "subPathExpr": "$(N)"}, expand={"/a": "n"})[0].source == Path(
        "/state/v/n"
    )


@pytest.mark.parametrize("sub_path", ["..", "a/../../b", "/etc"])
def test_a_sub_path_cannot_leave_the_volume(sub_path: str) -> None:
    """A path that climbs out is refused."""
    with pytest.raises(ConfigError, match="must stay inside"):
        binds({"name": "v", "mountPath": "/a", "subPath": sub_path})


def test_read_only_mounts_are_read_only() -> None:
    """readOnly reaches the mount; without it the mount can be written."""
    assert binds({"name": "v", "mountPath": "/a", "readOnly": True})[0].read_only
    assert not binds({"name": "v", "mountPath": "/a"})[0].read_only
