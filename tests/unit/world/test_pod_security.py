"""Every kind of pod the harness makes passes the restricted profile; those of the nodes' network live elsewhere."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harness.world.manifests import PodShape, pod
from tests.unit.suite.ground import Ground
from tests.unit.world.pod_security import PROFILE, violations
from tests.unit.world.test_manifests import AGENT

SHAPES = {
    "plain": PodShape(),
    "placed": PodShape(node="n1", spec={"tolerations": [{"operator": "Exists"}]}),
    "readiness": PodShape(readiness=True, start_unready=True, linger=5),
    "ports": PodShape(ports=(80, 81), protocols=("TCP", "UDP", "SCTP"), named={"web": 80}),
    "named": PodShape(spec={"hostname": "a", "subdomain": "b", "restartPolicy": "Never"}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_passes_the_restricted_profile(shape: PodShape) -> None:
    """Whatever differs between pods, none needs more than the profile gives."""
    assert violations(pod("a", shape, AGENT)) == []


def test_a_pod_of_the_nodes_network_does_not() -> None:
    """It needs a namespace of another profile, for this reason alone."""
    assert violations(pod("a", PodShape(ports=(30998,), host_network=True), AGENT)) == ["spec.hostNetwork"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """A plain pod with one thing set, `container.` for its container."""
    made = copy.deepcopy(pod("a", PodShape(readiness=True), AGENT))
    *steps, last = path.split(".")
    place: Any = made["spec"]
    for step in steps:
        place = place["containers"][0] if step == "container" else place.setdefault(step, {})
    place[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hostPID", True),
        ("hostIPC", True),
        ("volumes", [{"name": "root", "hostPath": {"path": "/"}}]),
        ("securityContext.sysctls", [{"name": "net.core.somaxconn", "value": "1"}]),
        ("securityContext.runAsNonRoot", False),
        ("securityContext.runAsUser", 0),
        ("securityContext.seccompProfile", {"type": "Unconfined"}),
        ("securityContext.seLinuxOptions", {"type": "spc_t"}),
        ("securityContext.appArmorProfile", {"type": "Unconfined"}),
        ("securityContext.windowsOptions", {"hostProcess": True}),
        ("container.securityContext.privileged", True),
        ("container.securityContext.allowPrivilegeEscalation", True),
        ("container.securityContext.runAsNonRoot", False),
        ("container.securityContext.capabilities", {"drop": ["NET_RAW"]}),
        ("container.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
        ("container.securityContext.procMount", "Unmasked"),
        ("container.securityContext.seccompProfile", {"type": "Unconfined"}),
        ("container.ports", [{"containerPort": 80, "hostPort": 80}]),
        ("container.readinessProbe.httpGet.host", "example.org"),
    ],
)
def test_the_judge_sees_each_violation(path: str, value: Any) -> None:
    """One thing too much is one thing said."""
    assert len(violations(changed(path, value))) == 1


def test_the_namespaces_of_an_arena_enforce_the_profile(ground: Ground) -> None:
    """Those of ordinary pods restricted; that of the nodes' network, made only when it is needed, privileged."""
    namespaces = ground.base.namespaces
    assert {profile(ground, name) for name in namespaces.values()} == {"restricted"}
    ground.kube.put(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": ground.base.owner.namespace("h")},
        }
    )
    arena = ground.lease()
    arena.start({"h/a": PodShape(ports=(30998,), host_network=True)})
    assert profile(ground, namespaces["h"]) == "privileged"
    assert arena.pods["h/a"].namespace == namespaces["h"] == arena.namespaces["h"]
    arena.close()
    assert not [key for key in ground.kube.objects if key[0] == "pods" and key[1] == namespaces["h"]]


@pytest.mark.parametrize(("ref", "host_network"), [("x/d", True), ("h/d", False)])
def test_no_pod_stands_where_its_profile_is_not_kept(ground: Ground, ref: str, host_network: bool) -> None:
    """Pods of the nodes' network stand in their namespace, and no others do."""
    with pytest.raises(ValueError, match="stand in namespace h"):
        ground.base.manifest(ref, PodShape(ports=(30998,), host_network=host_network))


def profile(ground: Ground, namespace: str) -> str:
    labels: dict[str, str] = ground.kube.objects["namespaces", "", namespace]["metadata"]["labels"]
    return labels[PROFILE]
