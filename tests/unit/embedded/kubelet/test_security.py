"""Who a container runs as."""

import pytest

from harness.embedded.kubelet.environment import ConfigError
from harness.embedded.kubelet.security import DEFAULT_CAPABILITIES, capabilities, identity
from tests.unit.embedded.kubelet.pods_by_hand import container, pod


def test_nothing_said_is_root_with_the_default_capabilities() -> None:
    """A plain container is root, may gain privileges and write its root, and has the runtime's capabilities."""
    who = identity(pod(), container())
    assert (who.uid, who.gid, who.groups) == (0, 0, (0,))
    assert who.capabilities == tuple(sorted(DEFAULT_CAPABILITIES))
    assert not who.no_new_privileges
    assert not who.read_only_root


def test_the_restricted_profile() -> None:
    """A pod of the restricted profile has no capability, no way to gain one, and no writable root."""
    own = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    who = identity(pod(), container(securityContext=own))
    assert (who.uid, who.capabilities, who.no_new_privileges, who.read_only_root) == (1000, (), True, True)


def test_the_containers_own_settings_win() -> None:
    """runAsUser of the container replaces the pod's; what it does not say is the pod's."""
    one = pod(securityContext={"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]})
    who = identity(one, container(securityContext={"runAsUser": 9}))
    assert (who.uid, who.gid, who.groups) == (9, 2, (2, 4, 3))


@pytest.mark.parametrize(
    ("own", "words"), [({}, "image will run as root"), ({"runAsUser": 0}, "breaks non-root policy")]
)
def test_root_is_refused_where_it_is_forbidden(own: dict[str, int], words: str) -> None:
    """runAsNonRoot with root, said or implied, is a configuration error."""
    with pytest.raises(ConfigError, match=words):
        identity(pod(securityContext={"runAsNonRoot": True}), container(securityContext=own))


def test_drop_all_and_add_one() -> None:
    """Dropping all and adding one leaves the one, however its name is written."""
    wanted = {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "cap_net_raw"]}
    assert capabilities({"capabilities": wanted}) == ("CAP_NET_BIND_SERVICE", "CAP_NET_RAW")


def test_dropping_one_keeps_the_others() -> None:
    """drop takes away what it names."""
    left = capabilities({"capabilities": {"drop": ["NET_RAW"]}})
    assert set(DEFAULT_CAPABILITIES) - set(left) == {"CAP_NET_RAW"}


def test_privileged_may_change_the_network() -> None:
    """A privileged container has NET_ADMIN, a plain one has not."""
    assert "CAP_NET_ADMIN" in capabilities({"privileged": True})
    assert "CAP_NET_ADMIN" not in capabilities({})
